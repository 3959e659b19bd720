/* A generation: one checked configuration as a pointer-free block, made by the load child and read
 * by supd from a sealed memfd. Every reference is an offset from the block's start (0: absent), so
 * that the block means the same in every process and survives an exec. */
#ifndef CONF_GEN_H
#define CONF_GEN_H

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t goff; /* offset of a NUL-terminated string or of an array; 0: absent */

#define GEN_MAGIC UINT64_C(0x314e454744505553) /* "SUPDGEN1" */
#define GEN_VERSION 6u

enum gen_group_kind { GEN_PROGRAM, GEN_EVENTLISTENER, GEN_FCGI };
enum gen_autorestart { GEN_RESTART_NEVER, GEN_RESTART_ALWAYS, GEN_RESTART_UNEXPECTED };
enum gen_on_fatal { GEN_FATAL_NOTHING, GEN_FATAL_EXIT, GEN_FATAL_RETRY };
enum gen_sink { GEN_SINK_NONE, GEN_SINK_AUTO, GEN_SINK_FILE };
enum gen_log_format { GEN_LOG_RAW, GEN_LOG_JSON };
enum gen_overflow { GEN_OVERFLOW_DROP, GEN_OVERFLOW_BLOCK };

/* Where one stream of a process goes (supervisor-compat, section 12). */
struct gen_log {
    uint8_t sink;     /* enum gen_sink */
    uint8_t syslog;   /* also to syslog */
    uint8_t events;   /* *_events_enabled */
    uint8_t gzip;     /* compress rotated files */
    uint8_t prefix;   /* log_prefix: program, stream and time before each line */
    uint8_t format;   /* enum gen_log_format */
    uint8_t overflow; /* enum gen_overflow */
    uint8_t strip_ansi;
    int32_t backups;
    uint32_t pad;
    int64_t maxbytes; /* <= 0: no rotation */
    int64_t capture;  /* *_capture_maxbytes */
};

/* What happens to processes that a dead leader leaves; in the order of the option's words. */
enum gen_orphans { GEN_ORPHANS_KEEP, GEN_ORPHANS_KILL, GEN_ORPHANS_REPORT };

struct gen_stop {
    int32_t sig;
    int32_t pad;
    int64_t wait_ns; /* how long to wait after it */
};

/* The commands that are run beside a process. */
enum {
    GEN_STOP_COMMAND,
    GEN_RELOAD_COMMAND,
    GEN_HOOK_START,
    GEN_HOOK_READY,
    GEN_HOOK_EXIT,
    GEN_HOOK_FATAL,
    GEN_NCOMMANDS
};

struct gen_command {
    goff argv; /* goff[argc]; 0: there is no such command */
    uint32_t argc;
    goff candidates; /* goff[ncandidates], as in gen_proc */
    uint32_t ncandidates;
};

struct gen_commands {
    struct gen_command command[GEN_NCOMMANDS];
    int64_t stop_ns, reload_ns, hook_ns; /* how long they may take */
    int32_t reload_signal;               /* 0: none */
    uint32_t pad;
};

/* A step of the filter in an attrs record: struct sock_filter. */
#define GEN_FILTER_STEP 8u

/* In gen_env.text, where no string can be: what each process has its own value of. It is made at
 * the start, and programs without an environment of their own share one array. */
enum { GEN_ENV_PROCESS_NAME = 1, GEN_ENV_GROUP_NAME, GEN_ENV_OWN };

struct gen_env {
    goff text;        /* "KEY=value", or one of GEN_ENV_ */
    int32_t replaces; /* index into the generation's base environment, or -1: an addition */
};

/* The options of a process that many have in common: processes with equal ones share one record. */
struct gen_opts {
    goff directory;
    goff user;        /* name as written, for messages */
    int64_t uid, gid; /* -1: stay who we are */
    goff groups;      /* uint32_t[ngroups], primary first */
    uint32_t ngroups;
    int32_t umask; /* -1: inherit */
    int32_t startretries;
    int64_t startsecs_ns;
    uint8_t autostart, autorestart; /* enum gen_autorestart */
    uint8_t stopasgroup, killasgroup, redirect_stderr;
    uint8_t orphans;        /* enum gen_orphans */
    uint8_t sigpipe_ignore; /* leave SIGPIPE and SIGXFSZ ignored */
    uint8_t stdin_null;     /* stdin=null: /dev/null instead of a pipe */
    uint8_t on_fatal;       /* enum gen_on_fatal */
    uint8_t critical;
    uint8_t env_clear; /* the generation's base environment is not for it */
    uint8_t pad[1];
    uint32_t exitcodes[8]; /* bit n: exit code n is expected */
    goff stops; /* struct gen_stop[nstops]: stopsignal and stopwaitsecs, or stopsignals=; KILL is
                   implied after the last wait and repeated every stopwait_ns */
    uint32_t nstops;
    goff exit_map; /* struct exit_map[nexit_map] */
    uint32_t nexit_map;
    goff attrs;          /* struct attrs (core/attrs.h); 0: none */
    goff commands;       /* struct gen_commands; 0: none */
    goff order;          /* struct gen_order; 0: none */
    int64_t stopwait_ns; /* stopwaitsecs, or the last wait of stopsignals= */
    int64_t backoff_ns;
    int32_t backoff_factor_milli; /* 0: linear; 2000: doubles each time */
    int32_t backoff_jitter_milli; /* 100: +-10 % */
    int64_t backoff_max_ns;       /* 0: no cap */
    int64_t backoff_reset_ns;     /* 0: retries are forgotten on reaching RUNNING */
    int64_t retry_window_ns;      /* 0: unset */
    int64_t fatal_retry_ns;       /* on_fatal=retry:DUR */
    struct gen_log log[2];        /* stdout, stderr */
};

/* Something that a program waits for: all processes of the section in that group. */
struct gen_dep {
    goff name;    /* as written, for people */
    goff group;   /* of which group */
    goff section; /* which of its processes, "program:db"; 0: all */
    uint8_t when; /* enum order_when (core/ready.h) */
    uint8_t hard; /* depends_on=; 0: after= */
    uint8_t pad[2];
};

/* Only for programs that have one of these options. */
struct gen_order {
    uint8_t type;        /* enum prog_type (core/ready.h) */
    uint8_t ready;       /* enum ready_kind */
    uint8_t notify_main; /* notify_access=main */
    uint8_t pad[1];
    int32_t ready_number; /* the descriptor of READY_FD */
    goff ready_arg;       /* what is behind the colon of ready=, or 0 */
    goff argv;            /* of READY_COMMAND: goff[argc]; and as in gen_proc */
    uint32_t argc;
    goff candidates;
    uint32_t ncandidates;
    uint32_t ndeps;
    goff deps; /* struct gen_dep[ndeps] */
    uint32_t pad2;
    int64_t ready_timeout_ns; /* 0: none */
    int64_t watchdog_ns;      /* 0: none */
};

/* A path in two parts, since the logs of many processes lie in one folder. */
struct gen_path {
    goff folder; /* up to the last slash */
    goff name;
};

struct gen_proc {
    goff name;      /* process name, e.g. "web_00" */
    uint32_t group; /* index into groups */
    goff section;   /* "program:web" */
    goff command;   /* as written, expanded; 0: its words with a blank between them */
    goff argv;      /* goff[argc]; the words */
    uint32_t argc;
    goff argv_error; /* why the command cannot run at all ("can't parse command ..."), else 0 */
    goff candidates; /* goff[ncandidates]: paths to try to execute in order, PATH already walked */
    uint32_t ncandidates;
    goff env; /* struct gen_env[nenv] */
    uint32_t nenv;
    int32_t priority;
    int32_t numproc; /* process_num */
    goff opts;       /* struct gen_opts */
    goff file;       /* where the section was read */
    uint32_t line;
    /* Of all that is configured, by apply class: two processes with equal digests need no change.
     */
    uint64_t hot_digest, restart_digest;
    struct gen_path log_path[2]; /* of a GEN_SINK_FILE: absolute; /dev/stdout, /dev/fd/N as written.
                                    A name that is "": stdout_logfile= */
};

/* What only an event listener's group has. */
struct gen_listener {
    goff events; /* goff[nevents], sorted */
    uint32_t nevents;
    int32_t buffer_size;
    uint8_t bytes;      /* event_len=bytes */
    uint8_t any_result; /* result_handler=supervisor_stdout:event_handler */
    uint8_t pad[2];
};

/* The socket that all processes of an fcgi-program share in a group. */
struct gen_fcgi {
    uint32_t group;  /* index into groups; in ascending order */
    goff section;    /* as in gen_proc: which of its processes */
    goff socket;     /* "unix:///path" or "tcp://host:port" */
    int32_t backlog; /* 0: SOMAXCONN */
    int32_t mode;
    uint32_t pad;
    int64_t uid, gid; /* its owner; -1: unchanged */
};

struct gen_group {
    goff name;
    int32_t priority;
    uint32_t kind;          /* enum gen_group_kind */
    uint32_t first, nprocs; /* its processes: procs[first .. first+nprocs) in start order */
    goff section;           /* "group:web", or the program's own */
    goff extra;             /* struct gen_listener; 0 for other kinds */
};

/* A server of Supervisor's, whose socket supd makes. */
struct gen_server {
    goff url;         /* "unix:///path" or "tcp://ADDRESS:PORT": what tells it from others */
    goff section;     /* "unix_http_server" */
    int64_t uid, gid; /* of the path; -1: unchanged */
    int32_t mode;
    uint32_t auth; /* it asks for a name and a password */
};

/* A probe with on_fail=restart, and the program that it may have restarted. */
struct gen_restarter {
    goff program, probe;
};

struct gen_supd {
    goff logfile;        /* 0: stderr ("supd") */
    goff logfile_syslog; /* non-zero when logfile=syslog */
    int64_t logfile_maxbytes;
    int32_t logfile_backups;
    int32_t loglevel;
    goff pidfile;
    goff identifier;
    goff childlogdir;
    goff socket, socket_group; /* [supd] socket=, absolute; 0: the default of DESIGN */
    goff libexec;
    goff directory;
    int64_t socket_gid; /* -1: none */
    int64_t uid, gid;   /* [supervisord] user=; -1 */
    goff user;          /* its name as written */
    goff user_groups;   /* uint32_t[nuser_groups], primary first */
    uint32_t nuser_groups;
    uint32_t has_server;          /* a [unix_http_server] or [inet_http_server] is there */
    int64_t agent_uid, agent_gid; /* [agent] user=; -1: unset */
    goff agent_user;
    goff agent_groups; /* uint32_t[nagent_groups]: of the user, then groups= */
    uint32_t nagent_groups;
    int32_t agent_port; /* [agent] listen=; 0: none */
    goff agent_host;    /* "" for all addresses */
    goff agent_state_dir;
    int32_t umask, minfds, minprocs;
    uint8_t nodaemon, silent, nocleanup, log_json;
    int64_t shutdown_timeout_ns; /* -1: unbounded */
    int64_t log_memory;          /* bytes for all rings */
    goff agent_text;             /* the agent's generation (agentgen.h), agent_text_len bytes */
    uint32_t agent_text_len;
    uint32_t agent_files_len;
    goff agent_files; /* what supd-log may open for it: paths and patterns, a NUL behind each */
    goff restarters;  /* struct gen_restarter[nrestarters] */
    uint32_t nrestarters;
    goff fcgi; /* struct gen_fcgi[nfcgi] */
    uint32_t nfcgi;
    uint8_t needs_agent;
    uint8_t exit_on; /* enum exit_on */
    uint8_t pad[2];
    goff ready_file;
    goff servers; /* struct gen_server[nservers] */
    uint32_t nservers;
};

struct gen {
    uint64_t magic;
    uint32_t version;
    uint32_t size; /* of the whole block */
    uint32_t crc;  /* over the block with this field 0 */
    uint32_t ngroups;
    goff groups; /* struct gen_group[ngroups], in start order: ascending (priority, name) */
    uint32_t nprocs;
    goff procs; /* struct gen_proc[nprocs] */
    goff env;   /* goff[nenv]: the base environment, "KEY=value" */
    uint32_t nenv;
    goff path;     /* the configuration file's absolute path */
    goff warnings; /* goff[nwarnings]: texts to log, each "level\ttext" */
    uint32_t nwarnings;
    struct gen_supd supd;
};

/* The string at an offset; NULL for 0. */
static inline const char *gen_str(const struct gen *g, goff off)
{
    return off ? (const char *)g + off : NULL;
}
static inline const void *gen_at(const struct gen *g, goff off)
{
    return (const char *)g + off;
}
static inline const struct gen_group *gen_groups(const struct gen *g)
{
    return (const struct gen_group *)gen_at(g, g->groups);
}
static inline const struct gen_proc *gen_procs(const struct gen *g)
{
    return (const struct gen_proc *)gen_at(g, g->procs);
}
static inline const struct gen_server *gen_servers(const struct gen *g)
{
    return (const struct gen_server *)gen_at(g, g->supd.servers);
}
static inline bool gen_exit_expected(const struct gen_opts *o, int code)
{
    return code >= 0 && code < 256 && (o->exitcodes[code / 32] >> (code % 32) & 1);
}
static inline const struct gen_opts *gen_opts(const struct gen *g, const struct gen_proc *p)
{
    return (const struct gen_opts *)gen_at(g, p->opts);
}

/* What is run beside a process; NULL: nothing. */
static inline const struct gen_commands *gen_commands(const struct gen *g, const struct gen_proc *p)
{
    goff at = gen_opts(g, p)->commands;
    return at ? (const struct gen_commands *)gen_at(g, at) : NULL;
}
/* "hook_exit" of GEN_HOOK_EXIT, and so on. */
const char *gen_command_name(unsigned which);
/* NULL: it has none of those options. */
static inline const struct gen_order *gen_order(const struct gen *g, const struct gen_opts *o)
{
    return o->order ? (const struct gen_order *)gen_at(g, o->order) : NULL;
}

/* The socket that it is given as its input; NULL: it is no fcgi-program's. */
const struct gen_fcgi *gen_fcgi(const struct gen *g, const struct gen_proc *p);

/* Appends the command as it was written. */
void gen_command(const struct gen *g, const struct gen_proc *p, struct str *out);
/* "SUPERVISOR_PROCESS_NAME=" of GEN_ENV_PROCESS_NAME, and so on. */
const char *gen_env_key(uint32_t own);
/* The value that a process has there. */
const char *gen_env_value(const struct gen *g, const struct gen_proc *p, uint32_t own);
/* Appends the path of a stream's GEN_SINK_FILE; nothing for other sinks. */
void gen_log_path(const struct gen *g, const struct gen_proc *p, int channel, struct str *out);

/* Maps a generation from its descriptor, read-only, and checks magic, version, size and CRC.
 * Returns the block (the caller unmaps it with gen_close) or NULL and the reason. */
const struct gen *gen_open(int fd, struct err *e);
void gen_close(const struct gen **g);

#endif
