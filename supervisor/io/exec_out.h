/* Short commands of the agent: one starts, gets its input, is listened to, and has a deadline. It
 * runs as the agent's user in a process group of its own, without our descriptors. */
#ifndef IO_EXEC_OUT_H
#define IO_EXEC_OUT_H

#include "supervisor/io/loop.h"

#include <stddef.h>
#include <sys/resource.h>

#define EXEC_OUTPUT_MAX 8192
#define EXEC_GRACE DUR_S(2) /* between TERM and KILL, and from there until it is given up */
#define EXEC_LOST_MAX 8     /* so many that do not end though killed; then nothing is started */

struct exec;     /* all commands of the program */
struct exec_run; /* one of them */

struct exec_result {
    const char *error;  /* "cannot run x: No such file or directory", or how it was ended; NULL: it
                           ended by itself with status */
    bool began;         /* it ran, whatever came of it */
    int status;         /* its exit status; -1 with an error */
    const char *output; /* the beginning of both its outputs, NUL-terminated */
    size_t output_len;
    bool output_cut; /* there was more than EXEC_OUTPUT_MAX, which was read and dropped */
};
/* Called once, at the end of a turn; the result is valid during the call. */
typedef void exec_done_fn(void *obj, const struct exec_result *r);

struct exec_request {
    char *const *argv; /* the program is looked for in PATH */
    const char *env;   /* added to our environment: "NAME=value", one a line; or NULL */
    const void *input; /* its standard input */
    size_t input_len;
    mono_t deadline; /* then its group gets TERM, KILL after EXEC_GRACE; one more, and it is
                        answered even if it has not ended */
    exec_done_fn *done;
    void *obj;
};

/* Limits that commands get in place of ours. */
struct exec_limits {
    bool has_fsize, has_nofile;
    struct rlimit fsize, nofile;
};
/* limits: copied; NULL: commands have ours. */
struct exec *exec_new(struct loop *l, const struct exec_limits *limits);
/* Kills the groups of what runs; nothing is answered. */
void exec_free(struct exec **x);
/* Never NULL: what cannot start is answered, too. The texts are copied. The run is gone when done
 * is called. */
struct exec_run *exec_start(struct exec *x, const struct exec_request *rq);
/* 0 if a command of that name is found and may be run by who asks (it looks at files, so it may
 * block). Else -1 and a sentence; *out_missing: there is none of that name. */
int exec_can(const char *name, bool *out_missing, struct err *e);
/* Kills its group; it is not answered. NULL is fine. */
void exec_cancel(struct exec_run **r);

#endif
