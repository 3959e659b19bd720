/* What the handlers of the control socket's verbs share. */
#ifndef RUN_VERB_H
#define RUN_VERB_H

#include "supervisor/run/ctl.h"
#include "supervisor/run/groups.h"

/* One handler a row; obj is the struct sup. */
#define VERB(name_, roles_, min_, max_, args_, help_) ctl_fn verb_##name_;
#include "supervisor/run/verbs.def"
#undef VERB

/* The value of an argument "key=value", which is taken out of the arguments; NULL if there is none.
 */
const char *verb_option(struct ctl_req *rq, const char *key);
/* A whole number as such an option. False (and the request answered) if it is none or out of range;
 * *n stays when the option is not there. */
bool verb_int_option(struct ctl_req *rq, const char *key, int64_t lo, int64_t hi, int64_t *n);

/* The processes that names mean, each once, in the order of the names; names that mean none are
 * counted. */
struct verb_picks {
    struct proc **procs;
    size_t n, cap;
    char **unknown; /* into the request's arguments */
    size_t nunknown;
    bool failed; /* no memory */
};

/* Picks the processes of names[0..n); n of 0 means all. Of supd-agent names are exact:
 * "GROUP:PROCESS", "NAME" for "NAME:NAME", "GROUP:*", "*" (all, in the order of starts). False (and
 * the request answered) when there is no memory; else the caller frees with verb_picks_fini. */
bool verb_pick(struct sup *s, struct ctl_req *rq, char **names, size_t n, struct verb_picks *out);
void verb_picks_fini(struct verb_picks *p);

/* One record "name=N code=CODE text=T" about one process or group; code NULL: "OK". */
void verb_result(struct ctl_req *rq, const char *name, const char *code, const char *text);
/* Such a record for each unknown name, with BAD_NAME. */
void verb_unknown(struct ctl_req *rq, const struct verb_picks *p);
/* The last line: "ok", with failed=N when it is not 0. */
void verb_finish(struct ctl_req *rq, size_t nfailed);

/* "exitcodes=0,2": the exit codes that are expected of a program. */
void verb_put_exitcodes(struct wire_out *w, const struct gen_opts *o);

/* True (and the request answered with SHUTDOWN_STATE) when supd is going down. */
bool verb_going_down(struct sup *s, struct ctl_req *rq);

#endif
