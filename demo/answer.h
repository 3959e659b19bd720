/* What supctl answers, as JSON. */
#ifndef DEMO_ANSWER_H
#define DEMO_ANSWER_H

#include <jansson.h>
#include <stdint.h>

/* Runs a supctl command that prints JSON. NULL if it printed none; the caller's to json_decref. Its
 * exit status is not looked at: it tells of programs that are down, which is no failure here. */
json_t *answer_json(const char *const *argv);
/* A member's text, "" if it is none. */
const char *answer_text(const json_t *object, const char *key);
/* A member's number, 0 if it is none. */
int64_t answer_number(const json_t *object, const char *key);

#endif
