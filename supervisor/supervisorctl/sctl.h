/* supctl called as supervisorctl: what its commands share. It speaks XML-RPC over HTTP, to any
 * server of Supervisor's interface, ours or the original. */
#ifndef SUPERVISORCTL_SCTL_H
#define SUPERVISORCTL_SCTL_H

#include "supervisor/base/arena.h"
#include "supervisor/base/str.h"
#include "supervisor/conf/ctlconf.h"
#include "supervisor/io/http_call.h"
#include "supervisor/xmlrpc/fault.h"

#include <jansson.h>
#include <signal.h>
#include <stdbool.h>

/* Exit codes: Supervisor's, which are those of init scripts. */
enum sctl_exit {
    SCTL_OK = 0,
    SCTL_FAILED = 1,
    SCTL_ARGS = 2,        /* start: no name, no such group; usage */
    SCTL_NAMESPACE = 3,   /* the server does not know supervisor.* */
    SCTL_NOT_UP = 3,      /* status: something is not up */
    SCTL_REFUSED = 4,     /* nobody listens */
    SCTL_UNKNOWN = 4,     /* status: a name, or all of it */
    SCTL_VERSION = 5,     /* the server speaks another version */
    SCTL_NOT_RUNNING = 7, /* no socket; a process that is not running or did not start */
};

/* Why a command ended in the middle. */
struct sctl_error {
    struct str text; /* "<class 'X'>, what": said behind "error: " */
    int errnum;      /* of the connection; 0: another reason */
    int http;        /* the status that was not 200; 0: another reason */
    bool stopped;    /* Ctrl-C */
};

struct sctl {
    struct ctlconf conf;
    const char *url, *user, *password, *prompt, *history_file; /* in use; user, password: or NULL */
    char *url_kept, *user_kept, *password_kept;                /* what was typed since; or NULL */
    bool interactive;                                          /* questions may be asked */
    bool shell; /* lines are read one after the other */
    int exit;
    const volatile sig_atomic_t *stop; /* not 0 once Ctrl-C was typed, where that is caught */
    struct hcall *http;                /* to the url; NULL: none yet */
    struct sctl_error error;
    json_t *infos; /* of completion: getAllProcessInfo, until the next command; or NULL */
};

/* How a command ended. RAISED: c->error says why, and its caller prints it. */
enum sctl_end { SCTL_DONE, SCTL_RAISED, SCTL_QUIT };

/* What its words are, for completion. */
enum sctl_words { SCTL_NOTHING, SCTL_NAMES, SCTL_GROUPS, SCTL_COMMANDS };

typedef enum sctl_end sctl_fn(struct sctl *c, const char *arg); /* arg: the line behind its name */

struct sctl_command {
    const char *name;
    sctl_fn *fn;
    enum sctl_words words;
    const char *help; /* whole lines; NULL: it is not listed */
};

/* ---- commands (commands.c) ---- */

const struct sctl_command *sctl_commands(size_t *out_n);
const struct sctl_command *sctl_find(const char *name, size_t len);
/* Runs one line; false when it is the shell's last. */
bool sctl_run(struct sctl *c, const char *line);
/* "Error: what", the exit code, and the command's help. */
enum sctl_end sctl_usage(struct sctl *c, const char *command, int exit, const char *what);
/* For commands without arguments: true if there are some, which was said. */
bool sctl_refuse_args(struct sctl *c, const char *command, const char *arg);

/* ---- calls (call.c) ---- */

/* One call, and what came of it. */
struct sctl_reply {
    json_t *value; /* NULL: a fault */
    int fault;
    char *text; /* of the fault */
};

/* Calls supervisor.METHOD; params as json_pack has them, "[]" for none. 0 with a reply, a value or
 * a fault, to be given to sctl_reply_fini; -1: there is none, and c->error says why. */
int sctl_call(struct sctl *c, struct sctl_reply *out, const char *method, const char *params, ...);
void sctl_reply_fini(struct sctl_reply *r);
/* The same for a command to which every fault is one too many: the value, which the caller frees,
 * or NULL with c->error. */
json_t *sctl_value(struct sctl *c, const char *method, const char *params, ...);
/* True if the server is there and speaks our version. Otherwise that was said, with its exit code,
 * and *out_end is how the command ends. */
bool sctl_up(struct sctl *c, enum sctl_end *out_end);
/* Sets the server; the connection to another one ends. */
void sctl_open(struct sctl *c, const char *url);

/* ---- errors (raise.c) ---- */

/* Each sets c->error and returns SCTL_RAISED. */
enum sctl_end sctl_raise(struct sctl *c, const char *class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
enum sctl_end sctl_raise_fault(struct sctl *c, const struct sctl_reply *r);
enum sctl_end sctl_raise_http(struct sctl *c, const struct hcall_error *e);

/* ---- streams (stream.c) ---- */

/* A log that is followed: GET of its path at the server's url. */
struct sctl_stream {
    struct hcall *http; /* NULL: it has ended */
};
/* Opens one; what is wrong is said on stderr, and false is returned. */
bool sctl_stream_open(struct sctl *c, struct sctl_stream *s, const char *path);
/* Prints what is there; wait: at least one piece. False at its end. */
bool sctl_stream_print(struct sctl *c, struct sctl_stream *s, bool wait);
void sctl_stream_close(struct sctl_stream *s);
/* Where a url leads; false if it is neither unix:// nor http://. Strings go into a. */
bool sctl_server_of(const char *url, struct arena *a, struct hcall_server *out);

/* ---- text (text.c) ---- */

/* A line on standard output. */
void sctl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Cuts "GROUP:PROCESS"; a name without a colon is both. *out_process is NULL for "GROUP:*" and
 * "GROUP:". All in the arena. */
struct sctl_name {
    const char *group, *process;
};
struct sctl_name sctl_split(struct arena *a, const char *name);
/* "GROUP:PROCESS", or one word where both are the same; in the arena. */
const char *sctl_join(struct arena *a, const char *group, const char *process);
/* The words of a line. */
struct sctl_words_of {
    char **v;
    size_t n;
};
struct sctl_words_of sctl_split_words(struct arena *a, const char *line);
bool sctl_has_word(const struct sctl_words_of *w, const char *word);
/* A member of an object: "" or 0 where it is not there or of another type. */
const char *sctl_text(const json_t *object, const char *key);
int64_t sctl_number(const json_t *object, const char *key);

/* ---- results of start, stop, signal, clear (result.c) ---- */

/* What one process came to. */
struct sctl_result {
    const char *group, *process;
    int status;       /* a fault code, or XMLRPC_SUCCESS */
    const char *text; /* of the fault */
};
/* A kind of result: its word for success ("started"), and what it says for each code. */
struct sctl_saying {
    int code;
    const char *text; /* NULL: the fault's own text, alone */
};
struct sctl_kind {
    const char *done;
    int harmless; /* a code that is no failure; 0: none */
    const struct sctl_saying *sayings;
    size_t n;
};
extern const struct sctl_kind sctl_starts, sctl_stops, sctl_signals, sctl_clears;

/* Prints one and takes its code into the exit code. */
enum sctl_end sctl_show_result(struct sctl *c, const struct sctl_kind *k,
                               const struct sctl_result *r);
/* The same for all of an array of them. */
enum sctl_end sctl_show_results(struct sctl *c, const struct sctl_kind *k, const json_t *results);

/* A command that does one thing to all processes, to a group, to a process. */
struct sctl_each {
    const struct sctl_kind *kind;
    const char *all, *group, *one; /* its methods; group NULL: names are always processes */
    const char *extra;             /* a further argument of each, or NULL */
    int no_group;                  /* the exit code for a group that is not there */
};
enum sctl_end sctl_do_each(struct sctl *c, const struct sctl_each *e,
                           const struct sctl_words_of *names, struct arena *a);

/* ---- the whole (main.c, options.c, shell.c) ---- */

/* True if supctl was called as supervisorctl, or with --as=supervisorctl as its first argument. */
bool sctl_wanted(int argc, char **argv);
int sctl_main(int argc, char **argv);
/* Reads the command line and the configuration. -1 if there is work to do, else the exit code.
 * *out_rest: the first word of the command. */
int sctl_options(struct sctl *c, int argc, char **argv, int *out_rest);
/* Catches Ctrl-C from now on, or lets it end the program again; the shell always catches it. What
 * was typed before is forgotten. */
void sctl_catch(struct sctl *c, bool on);
/* The interactive shell. */
void sctl_shell(struct sctl *c);
/* Asks: a line without its end, or NULL; the caller frees it. Hidden: on the terminal itself where
 * there is one, and what is typed is not shown. */
char *sctl_ask(const char *prompt);
char *sctl_ask_hidden(const char *prompt);

#endif
