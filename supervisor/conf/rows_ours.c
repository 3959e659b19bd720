/* The options of our own sections, and the list of all kinds of sections. */
#include "supervisor/conf/family.h"

static const char *const words_orphans[] = {"keep", "kill", "report", NULL};
static const char *const words_sigpipe[] = {"default", "ignore", NULL};
static const char *const words_format[] = {"text", "json", NULL};

#define S(text, field, kind, ...) OPT(struct supd_opts, text, field, kind, __VA_ARGS__)
static const struct opt supd[] = {
    S("socket", socket, STRING, .flags = OPT_OURS | OPT_NOT_EMPTY,
      .def_note = "$SUPD_SOCKET, or /run/supd.sock as root, or $XDG_RUNTIME_DIR/supd.sock",
      .help = "The control socket."),
    S("socket_group", socket_group, GROUPNAME, .flags = OPT_OURS, .def_note = "none",
      .help = "Members of this group may read from the control socket."),
    S("libexec", libexec, FOLDER, .flags = OPT_OURS, .def_note = "beside supd",
      .help = "Where supd-log and supd-agent are."),
    S("log_memory", log_memory, SIZE, .def = "16MB", .flags = OPT_OURS, .lo = 65536,
      .hi = INT64_C(1) << 40, .help = "Memory for all log rings together."),
    S("shutdown_timeout", shutdown_timeout, DURATION, .flags = OPT_OURS, .apply = GEN_HOT, .lo = 0,
      .hi = INT64_C(31536000000000000),
      .def_note =
          "the largest stopwaitsecs, with the stop_command_timeout of a stop_command before "
          "it, at least 25s; as supervisord: none",
      .help = "After this time a shutdown ends with KILL."),
    S("exit_on", exit_on, WORD, .words = exit_on_words, .def = "never", .flags = OPT_OURS,
      .apply = GEN_HOT,
      .help =
          "When supd ends by itself: never, or when a program has ended for good (it exited and "
          "is not started again, or it is FATAL): any program, the last one that was up (all), "
          "or one with critical=true (critical)."),
    S("ready_file", ready_file, PATH, .flags = OPT_OURS, .def_note = "none",
      .help = "A file that is there while all is up: written when all programs with autostart are "
              "up (or have ended with success) for the first time, removed when supd starts and "
              "when it begins to go down."),
    S("log_format", log_format, WORD, .words = words_format, .def = "text", .flags = OPT_OURS,
      .help = "How the main log is written."),
    S("orphans", orphans, WORD, .words = words_orphans, .flags = OPT_OURS, .apply = GEN_HOT,
      .def_note = "kill; as supervisord: keep, unless stopasgroup or killasgroup is set",
      .help = "What happens to processes that a program leaves behind when it ends: kill ends them "
              "before anything else is done with it, report says whose they are and leaves them "
              "alone, keep leaves them alone."),
    S("sigpipe", sigpipe, WORD, .words = words_sigpipe, .flags = OPT_OURS, .apply = GEN_RESTART,
      .def_note = "default; as supervisord: ignore",
      .help = "Whether programs start with SIGPIPE and SIGXFSZ ignored."),
};

#define A(text, field, kind, ...) OPT(struct agent_opts, text, field, kind, __VA_ARGS__)
static const struct opt agent[] = {
    A("user", user, USER, .flags = OPT_OURS, .def_note = "nobody, or supd's own when not root",
      .help = "The user that supd-agent runs as."),
    A("groups", groups, LIST, .flags = OPT_OURS, .def = "",
      .help = "Further groups of supd-agent, for what it has to reach."),
    A("state_dir", state_dir, STRING, .flags = OPT_OURS | OPT_NOT_EMPTY, .def = "/var/lib/supd",
      .help =
          "Where the agent keeps windows, alerts and what is not told yet; made for its user if "
          "its parent is there. Where it cannot write, it keeps them in memory that supd holds, "
          "and they are lost only with supd."),
    A("listen", listen, ADDRESS, .flags = OPT_OURS, .apply = GEN_HOT, .def_note = "none",
      .aka = "metrics http address bind",
      .help = "Where the agent serves /metrics for Prometheus. A port alone is for this host only; "
              "*:PORT is for all addresses."),
    A("statsd_listen", statsd_listen, ADDRESS, .flags = OPT_OURS, .apply = GEN_HOT,
      .def_note = "none", .aka = "statsd statsd_port",
      .help = "The UDP address on which the agent takes StatsD's datagrams, an IP address and a "
              "port; 8125 alone means 127.0.0.1:8125, *:8125 all addresses."),
    A("statsd_socket", statsd_socket, PATH, .flags = OPT_OURS, .apply = GEN_HOT, .def_note = "none",
      .aka = "statsd_path",
      .help = "The unix datagram socket on which it takes them; every user may send. What does "
              "not fit makes the sender wait, while UDP loses it."),
};

OPT_TABLE(rows_supd, supd);
OPT_TABLE(rows_agent, agent);

const struct sect_kind sect_kinds[] = {
    {"supervisord", .tables = {&rows_supervisord}, .help = "The daemon itself; required."},
    {"program", .named = true, .tables = {&rows_program, &rows_limits, &rows_order, &rows_hooks},
     .help = "A program to keep alive."},
    {"eventlistener", .named = true,
     .tables = {&rows_program, &rows_limits, &rows_order, &rows_hooks, &rows_listener},
     .help = "A program that gets events on its standard input."},
    {"fcgi-program", .named = true,
     .tables = {&rows_program, &rows_limits, &rows_order, &rows_hooks, &rows_fcgi},
     .help = "A program whose processes share a listening socket."},
    {"group", .named = true, .tables = {&rows_group}, .help = "Programs handled together."},
    {"include", .tables = {&rows_include}, .help = "Further files to read."},
    {"unix_http_server", .prefix = true, .tables = {&rows_unix_server},
     .help = "A control server on a unix socket."},
    {"inet_http_server", .prefix = true, .tables = {&rows_inet_server},
     .help = "A control server on a TCP port."},
    {"supervisorctl", .tables = {&rows_ctl}, .help = "Read by supervisorctl."},
    {"rpcinterface", .named = true, .free_keys = true,
     .help = "Accepted for Supervisor's sake: its own interface is always there."},
    {"ctlplugin", .named = true, .free_keys = true, .help = "Read by supervisorctl."},
    {"supd", .ours = true, .tables = {&rows_supd}, .help = "What Supervisor does not have."},
    {"agent", .ours = true, .tables = {&rows_agent},
     .help = "supd-agent, the process for health checks and alerts."},
    {"probe", .named = true, .ours = true, .family = &family_probe,
     .help = "A check that supd-agent repeats: a URL, a port, a database, a certificate."},
    {"metric", .named = true, .ours = true, .family = &family_metric,
     .help =
         "What is counted over rolling windows: lines of output, exits, probe results, StatsD."},
    {"alert", .named = true, .ours = true, .family = &family_alert,
     .help = "When somebody is told: a condition, how long it must hold, and how urgent it is."},
    {"notify", .named = true, .ours = true, .family = &family_notify,
     .help = "How somebody is told."},
    {"job", .named = true, .ours = true, .later = true},
};
const size_t sect_nkinds = sizeof(sect_kinds) / sizeof(sect_kinds[0]);
