/* The parsed and checked configuration as the files of this folder share it. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "supervisor/conf/expand.h"
#include "supervisor/conf/ini.h"
#include "supervisor/conf/load.h"
#include "supervisor/conf/msgs.h"
#include "supervisor/conf/opt.h"
#include "supervisor/conf/seccomp.h"

/* Every options struct begins with this: bit n is set when row n of its table has a value, from the
 * file or from the row's default. */
struct opt_set {
    uint64_t given; /* in the file */
    uint64_t has;
};

struct log_opts {
    struct logfile_val file;
    int64_t maxbytes, backups, capture;
    bool events, syslog, gzip;
};

/* [program:x], [eventlistener:x], [fcgi-program:x] */
struct proc_opts {
    struct opt_set set;
    const char *command, *process_name, *directory, *serverurl;
    int64_t numprocs, numprocs_start, priority, startsecs, startretries, stopwaitsecs;
    int stopsignal;
    uint8_t autorestart;
    bool autostart, stopasgroup, killasgroup, redirect_stderr;
    struct codes_val exitcodes;
    struct user_val user;
    struct octal_val umask;
    struct env_list environment;
    struct log_opts log[2];
    /* ours */
    int64_t backoff, backoff_max, backoff_reset, retry_window;
    int32_t backoff_factor, backoff_jitter;
    struct fatal_val on_fatal;
    struct exit_code_val exit_code;
    struct stops_val stopsignals;
    uint8_t orphans, sigpipe, stdin_mode, log_format, log_overflow;
    bool log_prefix, critical;
};

/* What all processes of a program are started with (core/attrs.h). */
struct limit_opts {
    struct opt_set set;
    struct rlimit_val limit[ATTRS_LIMITS]; /* by RLIMIT_ */
    struct adjust_val nice, oom_score_adj;
    struct ionice_val ionice;
    struct cpus_val cpus;
    struct caps_val caps, ambient;
    struct bytes_val memory_high, memory_max;
    struct paths_val read_only, read_write;
    struct flag_val private_tmp;
    struct profile_val seccomp;
    bool no_new_privileges, die_with_supd;
    struct str_list env_file, env_pass;
    uint8_t env_file_format; /* enum envfile_format */
    bool env_clear, set_home;
};

/* What is run beside a process (rows_hooks.c). */
struct hook_opts {
    struct opt_set set;
    const char *command[GEN_NCOMMANDS];
    int64_t stop_ns, reload_ns, hook_ns; /* how long they may take */
    int reload_signal;                   /* 0: none */
};

/* In which order programs start, and when one is ready. */
struct order_opts {
    struct opt_set set;
    uint8_t type; /* enum prog_type */
    struct str_list depends_on, after;
    struct ready_val ready;
    int64_t ready_timeout; /* nanoseconds; 0: none */
    int64_t watchdog;      /* the same */
    uint8_t notify_access; /* 1: main */
};

/* the keys that only [eventlistener:x] has */
struct listener_opts {
    struct opt_set set;
    struct str_list events;
    int64_t buffer_size;
    const char *result_handler;
    uint8_t event_len; /* 1: bytes */
};

/* the keys that only [fcgi-program:x] has */
struct fcgi_opts {
    struct opt_set set;
    const char *socket;
    int64_t backlog;
    struct owner_val owner;
    struct octal_val mode;
    const char *url; /* what socket= comes to */
};

struct group_opts {
    struct opt_set set;
    struct str_list programs;
    int64_t priority;
};

struct sup_opts {
    struct opt_set set;
    const char *logfile, *pidfile, *identifier, *childlogdir, *directory;
    int64_t logfile_maxbytes, logfile_backups, minfds, minprocs;
    int loglevel;
    struct octal_val umask;
    bool nodaemon, silent, nocleanup, strip_ansi;
    struct user_val user;
    struct env_list environment;
};

struct supd_opts {
    struct opt_set set;
    const char *socket, *libexec, *ready_file;
    struct owner_val socket_group;
    int64_t log_memory, shutdown_timeout;
    uint8_t log_format, orphans, sigpipe, exit_on;
};

struct agent_opts {
    struct opt_set set;
    struct user_val user;
    struct str_list groups;
    const char *state_dir;
    struct addr_val listen, statsd_listen;
    const char *statsd_socket;
    uint32_t *gids; /* of groups=, as many */
};

struct server_opts {
    struct opt_set set;
    const char *file, *username, *password;
    struct addr_val port;
    struct owner_val chown;
    struct octal_val chmod;
    bool allow_unauthenticated;
    struct str_list allowed_hosts;
};

struct ctl_opts {
    struct opt_set set;
    const char *serverurl, *username, *password, *prompt, *history_file;
};

/* One process: its options after expansion, and what they belong to. */
struct proc {
    struct proc_opts o;
    const char *name;
    int64_t num;             /* process_num */
    struct env_list env_all; /* [supervisord] environment= with the program's own over it */
    struct hook_opts *hooks; /* NULL: none of its keys is there */
    const struct prog *prog;
};

/* One name of depends_on= or after=, found. */
struct dep {
    const char *name;
    const struct group *group;
    const struct prog *prog; /* NULL: the whole group */
    uint8_t when;            /* enum order_when */
    bool hard;
};

/* One reading of a program-like section: a section that two groups name is read twice. */
struct prog {
    const struct ini_section *section;
    const char *name; /* the part behind the colon */
    const char *group_name;
    struct proc_opts o;        /* what all its processes share */
    struct limit_opts *limits; /* NULL: none of its keys is there */
    struct order_opts *order;  /* NULL: none of its keys is there */
    struct fcgi_opts *fcgi;    /* NULL: it is no fcgi-program */
    VEC(struct dep) deps;
    uint8_t colour;               /* of the search for cycles (depends.c) */
    struct env_list env_files;    /* of env_file= and set_home= */
    struct seccomp_filter filter; /* of seccomp= */
    struct env_list env_passed;   /* with env_clear=: all that is left of our own environment */
    VEC(struct proc *) procs;
};

struct group {
    const char *name;
    int64_t priority;
    size_t order; /* in which they were made */
    bool hidden;  /* another group of this name comes first, so this one never exists */
    uint8_t kind; /* enum gen_group_kind */
    struct pos at;
    const struct ini_section *section;
    VEC(struct proc *) procs; /* as Supervisor lists them */
    VEC(struct prog *) progs;
    struct group_opts o;           /* of a [group:x] */
    struct listener_opts listener; /* of GEN_EVENTLISTENER */
};

struct server {
    const struct ini_section *section;
    const char *name; /* behind the colon, or NULL */
    bool unix_socket;
    const char *path; /* absolute */
    const char *host; /* of a TCP one: an address, "" for all of IPv4; NULL: not looked up */
    bool loopback;    /* only this machine gets there */
    struct server_opts o;
};

struct item; /* a section of a family (family.h) */
#define CONF_FAMILIES 4

struct conf {
    struct conf_request rq;
    struct arena *a;
    struct msgs m;
    struct ini ini;
    struct names env;  /* ENV_...: the environment, then [supervisord] environment= */
    struct names here; /* + here */
    struct path_env paths;
    const char *path; /* absolute */
    const char *dir;  /* its folder: %(here)s */
    const char *node; /* host_node_name */
    struct sup_opts sup;
    struct supd_opts supd;
    struct agent_opts agent;
    struct ctl_opts ctl;
    bool has_agent;
    bool ours_wrong;               /* [supd] or [agent] */
    const struct prog *log_reader; /* one with ready=log:, whose output the agent reads; or NULL */
    VEC(struct group *) groups;
    VEC(struct server *) servers;
    VEC(struct item *) items; /* [probe:x] and its like */
    struct {
        struct item *first, *last; /* of its items, linked by next */
        bool any;                  /* a section of it, right or wrong */
    } families[CONF_FAMILIES];
    bool plain; /* values are expanded and checked already (the agent's generation) */
    size_t nprocs;
};

/* An empty conf: what the request says, and where the file is (path NULL: nowhere, which is an
 * error of it). conf_end frees what conf_begin and conf_read_files made. */
struct conf *conf_begin(const struct conf_request *rq);
void conf_end(struct conf **c);
/* The main file's text alone into c->ini, without its includes; false when there is none. */
bool conf_read_main(struct conf *c);
/* The configuration's file into c->ini, with its includes; false when there is none. */
bool conf_read_files(struct conf *c);

/* Places for messages. */
struct pos pos_section(const struct ini_section *s);
#define conf_fail(c, at, ...) msgs_add(&(c)->m, MSG_ERROR, (at), __VA_ARGS__)
#define conf_warn(c, at, ...) msgs_add(&(c)->m, MSG_WARNING, (at), __VA_ARGS__)
#define conf_hint(c, at, ...) msgs_add(&(c)->m, MSG_NOTE, (at), __VA_ARGS__)

/* The sections, each kind in a file of its own. */
void load_supervisord(struct conf *c);
void load_groups(struct conf *c);
void load_servers(struct conf *c);
void load_plugins(struct conf *c);
void load_ours(struct conf *c);
void load_ctl(struct conf *c);
void load_agent_opts(struct conf *c);
/* depends_on= of all programs */
void check_depends(struct conf *c);
/* ready= and watchdog= of all programs; after the families, whose probes ready=probe: names */
void check_ready(struct conf *c);
/* True if something needs supd-agent. */
static inline bool conf_needs_agent(const struct conf *c)
{
    return c->has_agent || c->items.n || c->servers.n || c->log_reader;
}
/* Reads a program-like section for a group. NULL if its name is no name. */
struct prog *load_program(struct conf *c, const struct ini_section *s, const char *group_name);
/* Fills the prog's env_files and env_passed (progenv.c). Whether it inherits our environment. */
void load_prog_env(struct conf *c, struct prog *prog);
bool prog_env_clear(const struct prog *prog);
/* Compiles its seccomp=, which stands at that place (progfilter.c). */
void load_prog_filter(struct conf *c, struct prog *prog, struct pos at);
/* The whole of a regular file; -1 with errno. The caller frees the text. */
int conf_slurp(const char *path, struct str *out);
/* What is run beside a process; names: what its formats may use. *out is NULL when the section has
 * none of these keys; before: what another process of the section has, or NULL. False if something
 * is wrong. */
bool load_hooks(struct conf *c, const struct ini_section *s, const struct names *names,
                const struct proc *before, struct hook_opts **out);
void load_listener(struct conf *c, struct group *g);
/* result_handler= takes any answer for an OK, and programs' output is printed. */
bool listener_takes_any(const struct listener_opts *o);
/* Its socket; NULL when the section is no fcgi-program, or has none that can be used. */
struct fcgi_opts *load_fcgi(struct conf *c, const struct group *g, const struct ini_section *s);
/* Two programs on one socket, and sockets in folders that are not there. */
void check_fcgi(struct conf *c);
/* Traps that --check points out: a comment that cut a command, a backslash before a line end. */
void conf_lint(struct conf *c);
/* Lines that mean something else than they seem to (traps.c). */
void conf_traps(struct conf *c);
/* For --lint: such a line, what Supervisor does with it, and what is done here. */
void conf_trap(struct conf *c, struct pos at, const char *theirs, const char *ours, const char *fmt,
               ...) __attribute__((format(printf, 5, 6)));

/* The longest time that a process may take to stop before KILL, in nanoseconds. */
int64_t conf_stop_ns(const struct proc *p);
/* What tells a server from others: "unix:///path" or "tcp://HOST:PORT". */
const char *conf_server_url_of(const struct conf *c, const struct server *sv);
/* The URL that children get as SUPERVISOR_SERVER_URL; NULL without a server. */
const char *conf_server_url(const struct conf *c);

#endif
