/* What a configuration allows and nobody means: an alert that can never fire, or that nobody would
 * be told of; a notifier that is never used. All of it warnings. */
#ifndef ALERTS_RULES_REACH_H
#define ALERTS_RULES_REACH_H

#include "supervisor/conf/family.h"

/* Of an alert: whether any notifier takes what it tells. */
void reach_told(struct checker *k);
/* Of a notifier: whether any alert is told to it. */
void reach_used(struct checker *k);
/* Of an alert about the probe p (NULL: none): it stays quiet behind a parent that failed, so about
 * the parent there has to be an alert, too. */
void reach_parents(struct checker *k, const struct item *p);
/* Of an alert about what happens within a window, in ns: whether it is out of the window before
 * for= has passed. */
void reach_passes(struct checker *k, int64_t window);
/* Of an alert of type=program about states or restarts (0: not looked at). */
void reach_program(struct checker *k, const char *program, const struct str_list *states,
                   int64_t restarts);

#endif
