/* Silences: for some time, nothing is told of the alerts that match. They match labels, the
 * alert's own and alertname, severity, program, type; evaluation goes on, and debts are paid. */
#ifndef ALERTS_RULES_SILENCE_H
#define ALERTS_RULES_SILENCE_H

#include "alerts/rules/record.h"
#include "alerts/rules/wall.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"
#include "supervisor/conf/value.h"

#define SILENCE_MATCHERS 8

/* "team=db", "severity!=info", "alertname=api-*": a value with * ? or [ is a glob over the whole
 * label (\ quotes); a label that an alert does not have is empty. */
struct matcher {
    char name[40];
    char value[120];
    uint64_t differs; /* != */
};

/* Pointer-free; made by silence_make. */
struct silence {
    uint64_t id; /* never 0 */
    wall_t start, end;
    char author[64];
    char reason[256];
    uint64_t nmatchers;
    struct matcher m[SILENCE_MATCHERS]; /* all must match */
};

struct silences {
    VEC(struct silence) list; /* by id */
    uint64_t last_id;
};

struct silence_request {
    const struct str_list *matchers;
    const char *author, *reason;
    wall_t start, end;
};

/* Adds a silence. Its id, or 0 and the reason: no matcher, one that is none, all of them match an
 * alert without labels (it would silence everything), no author or reason, an end that is not after
 * its start and after now, or more than a year away. */
uint64_t silences_add(struct silences *s, const struct silence_request *rq, wall_t now,
                      struct err *e);
/* Takes one in that was read back (silence_load). */
void silences_restore(struct silences *s, const struct silence *one);
/* Ends it now; one that has not begun is removed. False: there is none that could end. */
bool silences_end(struct silences *s, uint64_t id, wall_t now);
/* The id of a silence that holds the labels (NAME=VALUE) back now, the one that lasts longest; 0:
 * none. */
uint64_t silences_match(const struct silences *s, const struct str_list *labels, wall_t now);
/* The next moment at which one begins or ends; WALL_NEVER: none. */
wall_t silences_deadline(const struct silences *s, wall_t now);
/* Removes those that ended before now - keep; calls gone(obj, id) for each. */
void silences_purge(struct silences *s, wall_t now, dur_t keep,
                    void (*gone)(void *obj, uint64_t id), void *obj);
void silences_fini(struct silences *s);

/* "alertname=api-* severity!=info" */
void silence_print(const struct silence *s, struct str *out);

#define SILENCE_RECORD (RECORD_HEAD + sizeof(struct silence))
void silence_save(const struct silence *s, void *buf);
/* False: damaged or of another version. */
bool silence_load(const void *buf, size_t size, struct silence *out);

#endif
