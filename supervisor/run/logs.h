/* The programs' output, seen from supd: makes the pipes and the shared memory, keeps supd-log
 * running, and talks to it without ever waiting for it. supd reads no pipe and opens no log file.
 */
#ifndef RUN_LOGS_H
#define RUN_LOGS_H

#include "supervisor/base/err.h"
#include "supervisor/conf/gen.h"
#include "supervisor/io/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

struct logs;
struct log_stream;

enum log_channel { LOG_STDOUT, LOG_STDERR };

/* supd's own log. */
struct logs_main {
    const char *path;    /* NULL: descriptor 2; "/dev/stdout" and its like: that descriptor */
    bool syslog;         /* also to syslog, or only there when path is NULL */
    bool copy_to_stdout; /* the same lines on descriptor 1, too */
    int64_t maxbytes;    /* <= 0: no rotation */
    int32_t backups;
    bool gzip;
};

struct logs_setup {
    const char *program;        /* path of supd-log */
    int64_t memory;             /* bytes for all rings; <= 0: 16 MiB */
    const char *identifier;     /* in the names of AUTO files */
    const char *childlogdir;    /* folder of AUTO files; NULL: none, rings only */
    bool nocleanup;             /* leave AUTO files of earlier runs */
    const char *syslog_ident;   /* "supd" or "supervisord" */
    dur_t backoff_max;          /* longest pause before supd-log is started again; 0: 1 s */
    bool same;                  /* for logs_go_on: the supd-log that runs is of our version */
    int tap;                    /* for logs_go_on: supd-log's end of supd's tap, which goes on; 0 */
    bool log_json;              /* main log lines of supd-log itself as JSON */
    const struct rlimit *fsize; /* its limit of file sizes; NULL: as we have it */
    struct logs_main main;
};

struct logs_conf {
    const char *process; /* web_00 */
    const char *program; /* web */
    const char *group;
    enum log_channel channel;
    const struct gen_log *log;
    const char *path; /* of a GEN_SINK_FILE: the string behind log->path */
    uint32_t owner;   /* for logs_each; 0: nobody */
    int64_t uid;      /* the pipe belongs to this user, so that it can open /dev/stdout; -1: ours */
};

/* Makes the memory and the main log's pipe; starts nothing. All strings are copied. NULL and the
 * reason. */
struct logs *logs_new(struct loop *l, const struct logs_setup *setup, struct err *e);
/* The same on the memory of another supd whose place we take, with its streams, and with its
 * supd-log if that is the same as ours; another one ends by itself, and then ours is started. */
struct logs *logs_go_on(struct loop *l, const struct logs_setup *setup, int fd, struct err *e);
/* Calls fn for each stream that is not about to end, but the main log's; fn may logs_del it. */
void logs_each(struct logs *g,
               void (*fn)(void *obj, struct log_stream *s, uint32_t owner, enum log_channel ch),
               void *obj);
/* The memory, for whoever has to keep it over an exec: its descriptor, and each of the streams'.
 * May be called in a signal handler. */
int logs_memory(const struct logs *g);
void logs_each_fd(const struct logs *g, void (*fn)(int fd));
/* Starts supd-log with all streams added so far, the first time at once; later deaths are made good
 * by themselves. Call it once. 0, or -1 and the reason (the start is then retried on a timer). */
int logs_start(struct logs *g, struct err *e);
/* From the reap loop: true if pid was supd-log; it is started again (backoff 0, then 100 ms to 1 s)
 * unless logs_finish was called. */
bool logs_reaped(struct logs *g, int pid, int status);
/* supd-log's pid, or 0. */
int logs_pid(const struct logs *g);
/* Tells supd-log to write out everything; fn(obj) is called once, when it has or after 500 ms. No
 * restart after this. */
void logs_finish(struct logs *g, loop_fn *fn, void *obj);
/* Closes everything; callbacks that are still due are forgotten. supd-log ends by itself, once it
 * has drained the pipes. */
void logs_free(struct logs **g);

/* Where supd's log_setup should write: non-blocking; the lines go to the main log's sink; or
 * standard error while supd-log does not stay up. */
int logs_main_fd(const struct logs *g);
/* Whether the main log gets a copy of what programs write. */
void logs_copy_output(struct logs *g, bool on);
/* The main log's configuration (hot): 1 if it is another one than before, 0 if not, or -1 and the
 * reason. */
int logs_main_update(struct logs *g, const struct logs_main *m, struct err *e);

/* Adds a stream and makes its pipe. NULL and the reason (errnum EMFILE, ENFILE, ENOMEM: try again
 * later). */
struct log_stream *logs_add(struct logs *g, const struct logs_conf *c, struct err *e);
/* A changed configuration of the same process and channel; takes effect at once, for what is read
 * from now on. 0, or -1 and the reason; the old one stays then. */
int logs_update(struct log_stream *s, const struct logs_conf *c, struct err *e);
/* Whether its lines are printed on our standard output, too: "web_01 stdout | ..."; not those of a
 * stream that goes to syslog as well. From now on; changing nothing costs nothing. */
void logs_print(struct log_stream *s, bool on);
/* A fault has cut an update short: supd-log waits, without a pause, for the next one. */
bool logs_is_torn(const struct log_stream *s);
bool logs_main_is_torn(const struct logs *g);
/* Ends a stream: what its pipe holds is still written, then supd-log lets go of it. */
void logs_del(struct log_stream **s);
/* A process is about to write to it: its file is made if it is not there, by supd-log and soon, or
 * opened anew if it lost its name. Then: none does any more, or it came to nothing. */
void logs_began(struct log_stream *s);
void logs_ended(struct log_stream *s);
/* What the child's descriptor becomes; blocking, close-on-exec, valid as long as the stream. */
int logs_write_fd(const struct log_stream *s);
/* The file's path as people want to see it: AUTO's real name; "" when there is none (NONE, syslog
 * only, AUTO without a writable folder). Valid until the next call. */
const char *logs_path(const struct log_stream *s);

/* Calls fn(obj) once what these streams (NULL: none) hold now has been read and written, or 200 ms
 * later; never from inside this call. */
void logs_drain(struct logs *g, struct log_stream *out, struct log_stream *err, loop_fn *fn,
                void *obj);
/* Forgets the drains and clears that would call with this obj. */
void logs_forget(struct logs *g, const void *obj);

/* A request for output. supd-log answers on the client's connection in the control protocol's
 * format ("ID bytes N" and N raw bytes, as often as needed, then "ID ok"), and closes it. */
struct logs_tail {
    struct log_stream *stream; /* NULL: the main log */
    const char *id;            /* of the request */
    int64_t bytes;             /* the last so many; <= 0: 1600 */
    bool follow;               /* go on with what comes, until the client closes */
    bool marks;                /* ... and say there when the file was truncated */
    const char *pending;       /* bytes of replies that are still to be sent before ours, or NULL */
    uint32_t npending;
};

/* Hands the client's connection over. On success *fd is closed and set to -1. -1 and the reason
 * when supd-log is not there or its queue is full: the caller answers itself. */
int logs_tail(struct logs *g, const struct logs_tail *t, int *fd, struct err *e);
/* Has supd-log answer on this socket with a read-only descriptor of the file that the stream (NULL:
 * the main log) is written to (struct fileask_answer); make: it is made if it is not there. On
 * success *sock is closed and set to -1; -1 and the reason as above. */
int logs_read_file(struct logs *g, struct log_stream *s, bool make, int *sock, struct err *e);
/* Unlinks the file (ring contents too) and opens it anew; NULL: the main log. fn(obj), if set, is
 * called when that is done, or 2 s later; *out_done (if not NULL) is set right before: whether
 * it was. */
void logs_clear(struct logs *g, struct log_stream *s, bool *out_done, loop_fn *fn, void *obj);
/* All files are closed and opened by name again (USR2). */
void logs_reopen_all(struct logs *g);

/* ---- taps: the text of streams for supd and supd-agent (core/tap.h) ---- */

enum logs_tap { LOGS_TAP_SUPD, LOGS_TAP_AGENT };
/* With the first two captured text is marked so; what the run under way had written before counts
 * as skipped with the third. */
enum { LOGS_WANT_TEXT = 1, LOGS_WANT_CAPTURED = 2, LOGS_WANT_RUN = 4 };

/* Makes a tap's socket, in place of the one before, whose streams are not tapped any more. The end
 * to read from, non-blocking and close-on-exec, which belongs to the caller; or -1 and the reason.
 */
int logs_tap_open(struct logs *g, enum logs_tap which, struct err *e);
/* Closes our end; its streams are not tapped any more. */
void logs_tap_close(struct logs *g, enum logs_tap which);
/* supd-log's end; 0: there is none. */
int logs_tap_end(const struct logs *g, enum logs_tap which);
/* The stream's text goes there from now on: LOGS_WANT_..., 0: no more. pid: who writes to it now, 0
 * for nobody. Changing nothing costs nothing. */
void logs_tap_set(struct log_stream *s, enum logs_tap which, unsigned wants, int pid);
/* What it is now. */
unsigned logs_tap_wants(const struct log_stream *s, enum logs_tap which);
/* The slot in the heads of messages, below LOGSHM_STREAMS_MAX, and the key; 0: not tapped. */
uint32_t logs_slot(const struct log_stream *s);
uint32_t logs_tap_key(const struct log_stream *s, enum logs_tap which);
/* A run of the program is about to be started: what its pipe holds so far is not its own. Then its
 * pid. Both do nothing for a stream that is neither tapped nor captured. */
void logs_run_begins(struct log_stream *s);
void logs_run_is(struct log_stream *s, int pid);
/* The pid of a run by its number (struct tap_head), 0 if it is not known any more. */
int logs_run_pid(const struct log_stream *s, uint32_t number);

/* ---- files for supd-agent (core/fileask.h) ---- */

/* Makes a socket on which supd-log opens what the list names (n bytes, a NUL behind each path or
 * pattern), in place of the one before, which serves no more. The end to ask on, close-on-exec,
 * which belongs to the caller; or -1 and the reason. */
int logs_files_open(struct logs *g, const void *list, size_t n, struct err *e);
void logs_files_close(struct logs *g);

struct logs_counters {
    uint64_t bytes;      /* read from the pipe */
    uint64_t lost_bytes; /* dropped, in every sink of the stream together */
    uint64_t lost_lines;
    uint32_t rotations;
    uint32_t failures; /* opens and writes that failed */
    uint64_t waiting;  /* read, but not yet written */
};
void logs_counters(const struct log_stream *s, struct logs_counters *out);
void logs_main_counters(const struct logs *g, struct logs_counters *out);

/* Descriptors that supd holds for so many streams, and those of the machinery itself. */
uint64_t logs_need_fds(uint64_t nstreams);

#endif
