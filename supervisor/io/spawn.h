/* Starting a program. Everything is prepared before; the child makes only raw system calls, from a
 * table of steps, and reports the failing step and errno through shared memory. The parent never
 * waits for an exec that hangs. Recipe and figures: docs/spawn.md. */
#ifndef IO_SPAWN_H
#define IO_SPAWN_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/str.h"
#include "supervisor/core/attrs.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

/* The steps a child goes through, in this order; SPAWN_OK: it got as far as the exec. */
enum spawn_step {
    SPAWN_OK,
    SPAWN_SETPGID,
    SPAWN_FDS,
    SPAWN_RLIMIT,
    SPAWN_LIMITS,
    SPAWN_NICE,
    SPAWN_IONICE,
    SPAWN_OOM,
    SPAWN_CPUS,
    SPAWN_MEMORY,
    SPAWN_NAMESPACE,
    SPAWN_READ_ONLY,
    SPAWN_TMP,
    SPAWN_GROUPS,
    SPAWN_GID,
    SPAWN_CAPS,
    SPAWN_UID,
    SPAWN_AMBIENT,
    SPAWN_LAST, /* die_with_supd, no_new_privileges */
    SPAWN_CHDIR,
    SPAWN_SECCOMP,
    SPAWN_EXEC,
};

/* In spawn_cell.errnum, for the exec step, what the kernel's ENOENT and EACCES do not tell: the
 * file exists, the interpreter that it names does not; it has an execute bit, and may not be
 * executed all the same; it is not seen, since a folder on the way is closed. EACCES: it has no
 * execute bit. */
#define SPAWN_NO_INTERPRETER ELIBACC
#define SPAWN_NOT_PERMITTED ELIBEXEC
#define SPAWN_NOT_REACHED ELIBSCN

enum { SPAWN_READ_WRITE = 1000, SPAWN_READ_WRITE_MAX = 16 };

/* A small writable record in memory that supd shares with its successor (the state memfd); always
 * MAP_SHARED, since the child may be a forked one. The kernel itself writes pid
 * (CLONE_PARENT_SETTID) before the child runs; spawn_start clears the rest. */
struct spawn_cell {
    int32_t pid;
    int32_t step;      /* enum spawn_step of a failure; 0: none so far */
    int32_t errnum;    /* its errno; EISDIR for a folder, SPAWN_NO_INTERPRETER and its like */
    int32_t candidate; /* index of the path that failed or, for EXEC, of the best failure; of
                          the limit or the capability for their steps; for READ_ONLY of its
                          path, or SPAWN_READ_WRITE and that of the other list */
    uint32_t refused;  /* what was optional and could not be had: bits of attrs.set */
};

#define SPAWN_PID_ROOM 12

struct spawn_request {
    char *const *argv;
    char *const *envp;
    char *const *candidates; /* NULL-terminated paths, tried in order. What is not there or not
                                allowed goes on to the next (the first EACCES is remembered), any
                                other error ends it */
    const char *text;        /* envp's strings within [text, text + text_size) need not stay */
    size_t text_size;
    const char *directory;  /* NULL: stay */
    int fds[3];             /* become 0, 1, 2; -1: /dev/null (the spawn port keeps one open) */
    bool redirect_stderr;   /* 2 is a copy of 1, fds[2] is not looked at */
    int more_fd, more_as;   /* the descriptor that becomes number more_as; 0: there is none */
    char *pid_at;           /* within text: there the child writes its pid, SPAWN_PID_ROOM bytes at
                               most; NULL: it does not */
    int64_t uid, gid;       /* -1: stay */
    const uint32_t *groups; /* the supplementary groups, ngroups of them; NULL: stay */
    uint32_t ngroups;
    int umask; /* -1: inherit */
    uint64_t
        ignore;  /* signals to leave ignored, bit n-1; all others become default, none blocked */
    bool setsid; /* setsid() instead of setpgid(0, 0) */
    int cgroup;  /* a folder of control groups, version 2, that the child is made in; 0: ours. Where
                    that is not possible it stays in ours */
    const struct rlimit *nofile; /* open files; NULL: stay */
    const struct rlimit *fsize;  /* the size of files; NULL: stay */
    const struct attrs *attrs;   /* limits and more, after nofile and fsize; NULL: none */
    /* For ATTR_READ_ONLY: paths one behind the other, each with a NUL, the last one empty; a "-"
     * before one: it need not be there. What stays as it is below them, at most
     * SPAWN_READ_WRITE_MAX; NULL: nothing. They must stay. */
    const char *read_only, *read_write;
    const void *filter; /* for ATTR_SECCOMP: struct sock_filter[nfilter]; must stay */
    uint16_t nfilter;
};

/* Once, early (0-2 are open, sigs_block was called, the limit of open files is final): reserves
 * stacks, and three low descriptors for each of up to 64 slots, at most an eighth of the limit.
 * Returns 0, or -1 and the reason. */
int spawn_init(struct err *e);
/* How many descriptors the port holds for itself. */
unsigned spawn_own_fds(void);
/* Gives all of it back; waits a few milliseconds for children on their way to the exec. */
void spawn_fini(void);
/* How programs are started here: "clone3", "clone" (clone3 is denied), "fork" (both are). */
const char *spawn_method(void);

/* The system has no room for another process, or for its exec: worth another try later. */
static inline bool spawn_is_shortage(int errnum)
{
    return errnum == EAGAIN || errnum == ENOMEM || errnum == EMFILE || errnum == ENFILE;
}

enum spawn_result {
    SPAWN_STARTED, /* cell->pid is set; a failing step shows when the child is reaped (exit 127) */
    SPAWN_BUSY,    /* enough are on their way: call spawn_wait or try next turn */
    SPAWN_REFUSED, /* EAGAIN, ENOMEM, EMFILE, ENFILE: in *out_errnum; nothing was started */
    SPAWN_FAILED,  /* anything else: in *out_errnum */
};

/* True if the last child that was started is in the group that its request named. */
bool spawn_in_cgroup(void);

/* Starts one program. cell must lie in memory that outlives the child's exec. All pointers of the
 * request must stay valid until the child has exec'd or died: spawn copies what is small and the
 * caller keeps the strings (they live in the mapped generation); argv, envp and candidates arrays
 * and rq->text are copied into the slot's own pages. */
enum spawn_result spawn_start(const struct spawn_request *rq, struct spawn_cell *cell,
                              int *out_errnum);
/* Waits until a program can be started, at most limit (bounded by 1 ms); true if so. */
bool spawn_wait(dur_t limit);
/* Children that have not exec'd yet. Also lets go of what ended starts still hold (copies of the
 * request's descriptors, memory of their stacks): call it at the end of a turn that reaped or
 * started something. */
unsigned spawn_in_flight(void);
/* "cannot chdir to /x: No such file or directory": the sentence for a failed cell. */
void spawn_explain(const struct spawn_request *rq, const struct spawn_cell *cell, struct err *out);
/* Appends the options that were optional and refused, "nice, limit_nofile"; nothing if none was. */
void spawn_refused(const struct spawn_cell *cell, struct str *out);

#endif
