/* ready=log:REGEX: looks for a line that matches in the output of programs that have it, and tells
 * supd. */
#ifndef AGENT_LINES_H
#define AGENT_LINES_H

#include "supervisor/agent/text.h"
#include "supervisor/conf/agentgen.h"

struct lines;

enum lines_found { LINES_FOUND, LINES_SKIPPED, LINES_GIVEN_UP };
/* Said once of each kind for a run, and nothing after LINES_FOUND; key and run are the piece's. */
typedef void lines_fn(void *obj, uint32_t key, uint32_t run, enum lines_found what);

struct lines *lines_new(lines_fn *fn, void *obj);
void lines_free(struct lines **l);
/* The expressions of a generation; its strings are used until the next call. What was begun of a
 * line is kept. */
void lines_follow(struct lines *l, const struct agentgen *g);
/* Looks at a piece of output; false: nothing of its program is looked for. */
bool lines_text(struct lines *l, const struct text_piece *p);
/* Says what is wrong with an expression of the generation: "regular expression: ...". */
typedef void lines_error_fn(void *obj, const struct agent_pattern *p, const char *text);
void lines_check(const struct agentgen *g, lines_error_fn *fn, void *obj);

#endif
