/* The demo's two ways to show its facts: a screen that redraws itself, and lines for a log. */
#ifndef DEMO_SCREEN_H
#define DEMO_SCREEN_H

#include "demo/facts.h"

struct screen {
    unsigned columns; /* of the terminal; 0: no limit */
    bool tty, wide;   /* stdout is a terminal; it takes UTF-8 */
    mono_t begun;
    uint64_t noted;    /* notes that the log has */
    int64_t next_line; /* the log's next report, in seconds from the start */
    const char *socket;
    bool hints;  /* say what to try next */
    bool hinted; /* the log has them */
};

void screen_open(struct screen *s, const char *socket);
/* Shows the facts; once each tick. */
void screen_show(struct screen *s, const struct facts *f);
/* Leaves the terminal as it was, below what was shown. Safe to call twice. */
void screen_close(struct screen *s);

#endif
