/* The options of [supervisord] and of the sections around it. */
#include "supervisor/conf/section.h"

#define S(text, field, kind, ...) OPT(struct sup_opts, text, field, kind, __VA_ARGS__)
static const struct opt supervisord[] = {
    S("logfile", logfile, PATH, .flags = OPT_JSON, .apply = GEN_HOT,
      .def_note = "standard error; as supervisord: supervisord.log",
      .help = "The main log: a path, or syslog."),
    S("logfile_maxbytes", logfile_maxbytes, SIZE, .def = "50MB", .flags = OPT_JSON,
      .apply = GEN_HOT, .help = "Rotate the main log at this size; 0: never."),
    S("logfile_backups", logfile_backups, INTEGER, .def = "10", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "How many rotated main logs are kept."),
    S("loglevel", loglevel, LOGLEVEL, .def = "info", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "Lines below this level are left out: critical, error, warn, info, debug, trace, "
              "blather."),
    S("pidfile", pidfile, PATH, .flags = OPT_JSON,
      .def_note = "none; as supervisord: supervisord.pid", .help = "Where the pid is written."),
    S("umask", umask, OCTAL, .def = "022", .flags = OPT_JSON,
      .help = "The file mode mask, set when daemonising."),
    S("nodaemon", nodaemon, BOOLEAN, .def = "false", .flags = OPT_JSON,
      .help = "As supervisord: stay in the foreground."),
    S("silent", silent, BOOLEAN, .def = "false", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "No copy of the main log on standard output in the foreground."),
    S("minfds", minfds, INTEGER, .def = "1024", .flags = OPT_JSON,
      .help = "Raise the limit of open files to at least this."),
    S("minprocs", minprocs, INTEGER, .def = "200", .flags = OPT_JSON,
      .help = "Raise the limit of processes to at least this."),
    S("nocleanup", nocleanup, BOOLEAN, .def = "false", .flags = OPT_JSON,
      .help = "Keep AUTO logs of an earlier run."),
    S("childlogdir", childlogdir, FOLDER, .flags = OPT_JSON,
      .def_note = "the folder for "
                  "temporary files",
      .help = "Where AUTO logs are."),
    S("user", user, USER, .def_note = "stay who started it", .help = "Run as this user."),
    S("directory", directory, FOLDER, .flags = OPT_JSON, .def_note = "none",
      .help = "The working directory after daemonising."),
    S("strip_ansi", strip_ansi, BOOLEAN, .def = "false", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "Remove terminal escape sequences from the programs' logs."),
    S("environment", environment, ENVIRONMENT, .def = "", .flags = OPT_RAW, .apply = GEN_RESTART,
      .help = "Variables for the environment of all programs."),
    S("identifier", identifier, STRING, .def = "supervisor", .flags = OPT_JSON,
      .help = "The name of this supervisor in events and log names."),
};

#define G(text, field, kind, ...) OPT(struct group_opts, text, field, kind, __VA_ARGS__)
static const struct opt group[] = {
    G("programs", programs, LIST, .def = "", .apply = GEN_RESTART,
      .help = "The programs that form the group, with commas between them."),
    G("priority", priority, INTEGER, .def = "999", .apply = GEN_HOT,
      .help = "Lower numbers start first and stop last."),
};

#define V(text, field, kind, ...) OPT(struct server_opts, text, field, kind, __VA_ARGS__)
static const struct opt unix_server[] = {
    V("file", file, STRING, .def_note = "required", .help = "The path of the socket."),
    V("chmod", chmod, OCTAL, .def = "0700", .help = "Its mode."),
    V("chown", chown, OWNER, .def_note = "unchanged", .help = "Its owner."),
    V("username", username, STRING, .def_note = "no authentication",
      .help = "The user name that a client has to give."),
    V("password", password, STRING, .flags = OPT_SECRET, .def_note = "no authentication",
      .help = "The password, or {SHA} and the SHA-1 of it in lower case hex."),
};
static const struct opt inet_server[] = {
    V("port", port, ADDRESS, .def_note = "required",
      .help = "Where it listens: 9001, *:9001, host:9001 or [::1]:9001."),
    V("username", username, STRING, .def_note = "no authentication",
      .help = "The user name that a client has to give."),
    V("password", password, STRING, .flags = OPT_SECRET, .def_note = "no authentication",
      .help = "The password, or {SHA} and the SHA-1 of it in lower case hex."),
    V("allow_unauthenticated", allow_unauthenticated, BOOLEAN, .def = "false", .flags = OPT_OURS,
      .help = "Serve other machines without a password: whoever reaches the port may stop all "
              "programs."),
    V("allowed_hosts", allowed_hosts, LIST, .flags = OPT_OURS,
      .def_note = "with a password or beyond loopback all, else none",
      .help = "Names of the host that a request may be for, besides addresses and localhost; * for "
              "all. Without a password a web page could else get here by a name of its own."),
};

#define C(text, field, ...) OPT(struct ctl_opts, text, field, STRING, __VA_ARGS__)
static const struct opt ctl[] = {
    C("serverurl", serverurl, .def = "http://localhost:9001", .help = "The server to talk to."),
    C("username", username, .def_note = "none", .help = "The user name for it."),
    C("password", password, .flags = OPT_SECRET, .def_note = "none",
      .help = "The password for it."),
    C("prompt", prompt, .def = "supervisor", .help = "The prompt of the shell."),
    C("history_file", history_file, .def_note = "none", .help = "Where its history is kept."),
};

struct include_opts {
    struct opt_set set;
    const char *files;
};
static const struct opt include[] = {
    OPT(struct include_opts, "files", files, STRING, .def_note = "required",
        .help = "Patterns of further files, with blanks between them, relative to this one."),
};

#define TABLE(name, rows)                                                                          \
    const struct opt_table name = {rows, sizeof(rows) / sizeof((rows)[0])};                        \
    _Static_assert(sizeof(rows) / sizeof((rows)[0]) <= ROWS_MAX, "one bit for each row")
TABLE(rows_supervisord, supervisord);
TABLE(rows_group, group);
TABLE(rows_unix_server, unix_server);
TABLE(rows_inet_server, inet_server);
TABLE(rows_ctl, ctl);
TABLE(rows_include, include);
