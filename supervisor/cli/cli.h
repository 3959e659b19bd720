/* supctl: what its commands share: options, the connection, output, and the table of commands. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "supervisor/cli/client.h"
#include "supervisor/core/sockpath.h"

#include <stdbool.h>
#include <stddef.h>

/* Exit codes, documented in supctl(1) and in `supctl help`; Supervisor's where it has one. */
#define CLI_EXITS(X)                                                                               \
    X(OK, 0, "done")                                                                               \
    X(FAILED, 1, "something failed, or a name is not known; lint: a line is surprising")           \
    X(USAGE, 2, "wrong usage; check, lint: the configuration is wrong")                            \
    X(NOT_UP, 3,                                                                                   \
      "of what was shown something is not well: status: not up; probes: FAILED; alerts: FIRING; "  \
      "notify: failing; listeners: UNKNOWN or DEAF")                                               \
    X(UNKNOWN, 4, "status: a name is not known; any command: supd cannot be reached")              \
    X(PROTOCOL, 5, "what answers is not supd, or speaks another protocol version")                 \
    X(DENIED, 6, "not permitted")                                                                  \
    X(DOWN, 7,                                                                                     \
      "start, restart: a program could not be started; signal, pid, reload: it is not running; "   \
      "wait: it will not be so by itself")                                                         \
    X(TIMEOUT, 8, "wait: the time is over")

enum cli_exit {
#define CLI_EXIT_ENUM(name, code, text) CLI_##name = (code),
    CLI_EXITS(CLI_EXIT_ENUM)
#undef CLI_EXIT_ENUM
};

struct cli {
    char socket[SOCKPATH_MAX];
    enum sockpath_from from;
    bool json;
    bool colour;    /* of standard output */
    bool screen;    /* it is a terminal that can put text at a place */
    unsigned width; /* of the terminal; 0: no limit */
    struct client client;
    bool connected;
};

/* What a command's arguments are, for completion. */
enum cli_words { CLI_NOTHING, CLI_NAMES, CLI_GROUPS, CLI_SIGNAL_NAMES, CLI_COMMANDS, CLI_FILES };

typedef int cli_fn(struct cli *c, int argc, char **argv); /* argv[0]: the command; an exit code */

struct cli_command {
    const char *name;
    cli_fn *fn;
    int min, max; /* number of arguments; max -1: any */
    enum cli_words words;
    const char *args, *help; /* help: one line */
    const char *more;        /* further sentences, or "" */
    bool hidden;             /* works, but is for programs: not listed */
    const char *options;     /* words with a dash that it takes; "-*": any, it judges itself */
};

const struct cli_command *cli_commands(size_t *out_n);
const struct cli_command *cli_find(const char *name);
/* The next word of a command's options, and its length; *at: where to look. NULL: there is none. */
const char *cli_next_option(const char **at, size_t *out_len);
/* Whether a word with a dash is one of the command's options; of "--name=value" the name is. */
bool cli_takes(const struct cli_command *cmd, const char *word);
/* Runs a command by its name; prints what is wrong. Returns the exit code. */
int cli_run(struct cli *c, int argc, char **argv);
/* "usage: supctl NAME ARGS" on stderr; returns CLI_USAGE. */
int cli_usage(const struct cli_command *cmd);

/* Connects unless that is done. 0, or the exit code; what is wrong was printed. */
int cli_connect(struct cli *c);
/* Connects and calls a verb; row may be NULL. 0 for ok, or the exit code; errors were printed. */
int cli_call(struct cli *c, const char *verb, char *const *args, size_t nargs, client_fn *row,
             void *obj);
/* A connection that was to last is gone: says why; the exit code. */
int cli_ended(struct cli *c, const struct err *e);
/* The exit code for an error word of the protocol. */
int cli_exit_of(const char *code);
/* The same for what needs a process that runs. */
int cli_exit_of_running(const char *code);

/* Prints "supctl: TEXT" on stderr. */
void cli_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Prints the commands in mdoc, for supctl(1); an exit code. */
int cli_print_commands(void);
/* The larger exit code, for commands that do several things. */
int cli_worst(int a, int b);
/* Takes a flag ("-f") out of the arguments; true if it was there. */
bool cli_flag(int *argc, char **argv, const char *flag);

/* The interactive shell; an exit code. */
int cli_shell(struct cli *c);

/* Candidates for the word being typed, one call each; line: the words before it, after "supctl". */
void cli_complete(struct cli *c, char *const *words, size_t nwords, const char *prefix,
                  void (*fn)(void *obj, const char *candidate), void *obj);

#endif
