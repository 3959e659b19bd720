/* The options of [program:x], [eventlistener:x] and [fcgi-program:x]. */
#include "supervisor/conf/gen.h"
#include "supervisor/conf/section.h"

static const char *const words_orphans[] = {"keep", "kill", "report", NULL};
static const char *const words_sigpipe[] = {"default", "ignore", NULL};
static const char *const words_stdin[] = {"pipe", "null", NULL};
static const char *const words_event_len[] = {"characters", "bytes", NULL};
static const char *const words_format[] = {"raw", "json", NULL};
static const char *const words_overflow[] = {"drop", "block", NULL};

#define P(text, field, kind, ...) OPT(struct proc_opts, text, field, kind, __VA_ARGS__)
#define DUR_LIMIT .lo = 0, .hi = INT64_C(31536000000000000)

/* the rows that stdout and stderr both have */
#define LOG_ROWS(name, i)                                                                          \
    P(name "_logfile", log[i].file, LOGFILE, .def = "AUTO",                                        \
      .flags = OPT_PER_PROC | OPT_JSON | OPT_RAW, .apply = GEN_HOT,                                \
      .help = "Where the output goes: a path, AUTO (a file of its own in childlogdir), NONE, or "  \
              "syslog (deprecated). With NONE the last output stays in memory for tail; with "     \
              "more than 256 processes, or too few descriptors, NONE is /dev/null."),              \
        P(name "_logfile_maxbytes", log[i].maxbytes, SIZE, .def = "50MB",                          \
          .flags = OPT_PER_PROC | OPT_JSON, .apply = GEN_HOT,                                      \
          .help = "Rotate the file when it has reached this size; 0: never."),                     \
        P(name "_logfile_backups", log[i].backups, INTEGER, .def = "10",                           \
          .flags = OPT_PER_PROC | OPT_JSON, .apply = GEN_HOT,                                      \
          .help = "How many rotated files are kept; 0: the file is cut to nothing instead."),      \
        P(name "_logfile_gzip", log[i].gzip, BOOLEAN, .def = "false", .flags = OPT_OURS,           \
          .apply = GEN_HOT, .help = "Compress rotated files."),                                    \
        P(name "_capture_maxbytes", log[i].capture, SIZE, .def = "0", .flags = OPT_JSON,           \
          .apply = GEN_HOT,                                                                        \
          .help = "Output between the capture marks is kept out of the log; its last so many "     \
                  "bytes become a PROCESS_COMMUNICATION event. 0: no capture."),                   \
        P(name "_events_enabled", log[i].events, BOOLEAN, .def = "false", .flags = OPT_JSON,       \
          .apply = GEN_HOT, .help = "Send the output as PROCESS_LOG events, too."),                \
        P(name "_syslog", log[i].syslog, BOOLEAN, .def = "false",                                  \
          .flags = OPT_PER_PROC | OPT_JSON, .apply = GEN_HOT,                                      \
          .help = "Send each line to syslog, too.")

static const struct opt program[] = {
    P("command", command, STRING, .flags = OPT_PER_PROC | OPT_JSON, .apply = GEN_RESTART,
      .def_note = "required",
      .help = "The program and its arguments, split as a shell would, without being run by one."),
    P("process_name", process_name, STRING, .def = "%(program_name)s",
      .flags = OPT_RAW | OPT_PER_PROC, .apply = GEN_RESTART,
      .help = "The name of each process; needs %(process_num) when numprocs is above 1."),
    P("numprocs", numprocs, INTEGER, .def = "1", .apply = GEN_HOT,
      .help = "How many processes of this program run. A change of it starts or stops only those "
              "that come or go; %(numprocs)s in an option restarts all."),
    P("numprocs_start", numprocs_start, INTEGER, .def = "0", .apply = GEN_HOT,
      .help = "The number of the first one."),
    P("directory", directory, STRING, .flags = OPT_PER_PROC | OPT_JSON, .apply = GEN_RESTART,
      .def_note = "where supd was started", .help = "The working directory."),
    P("user", user, USER, .flags = OPT_JSON, .apply = GEN_RESTART, .def_note = "as supd runs",
      .help = "The user that the process runs as, with that user's groups. A number need not be "
              "in passwd: its group is then that of the same number."),
    P("umask", umask, OCTAL, .flags = OPT_JSON, .apply = GEN_RESTART, .def_note = "inherited",
      .help = "The file mode mask of the process."),
    P("priority", priority, INTEGER, .def = "999", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "Lower numbers start first and stop last."),
    P("autostart", autostart, BOOLEAN, .def = "true", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "Start the program when supd starts."),
    P("autorestart", autorestart, AUTORESTART, .def = "unexpected", .flags = OPT_JSON,
      .apply = GEN_HOT,
      .help = "Start it again when it ends: always (true), never (false), or when the exit code is "
              "not one of exitcodes (unexpected)."),
    P("startsecs", startsecs, INTEGER, .def = "1", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "How many seconds it has to stay up to count as started."),
    P("startretries", startretries, INTEGER, .def = "3", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "How often a failed start is tried again before the process is FATAL."),
    P("exitcodes", exitcodes, EXITCODES, .def = "0", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "The exit codes that are expected."),
    P("stopsignal", stopsignal, SIGNAL, .def = "TERM", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "The signal that asks it to stop."),
    P("stopwaitsecs", stopwaitsecs, INTEGER, .def = "10", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "How many seconds it has for that before KILL."),
    P("stopasgroup", stopasgroup, BOOLEAN, .def = "false", .flags = OPT_JSON, .apply = GEN_HOT,
      .help = "Send the stop signal to its whole process group."),
    P("killasgroup", killasgroup, BOOLEAN, .flags = OPT_JSON, .apply = GEN_HOT,
      .def_note = "as stopasgroup", .help = "Send KILL to its whole process group."),
    P("redirect_stderr", redirect_stderr, BOOLEAN, .def = "false", .flags = OPT_JSON,
      .apply = GEN_RESTART, .help = "Send its standard error to where its standard output goes."),
    P("environment", environment, ENVIRONMENT, .flags = OPT_PER_PROC | OPT_RAW,
      .apply = GEN_RESTART, .def = "",
      .help = "Variables for its environment: KEY=\"value\",KEY2=\"value\"."),
    P("serverurl", serverurl, STRING, .flags = OPT_JSON, .apply = GEN_RESTART, .def_note = "AUTO",
      .help = "What it finds in SUPERVISOR_SERVER_URL; AUTO: the first server of this file."),
    LOG_ROWS("stdout", 0),
    LOG_ROWS("stderr", 1),
    P("backoff", backoff, DURATION, .def = "1s", .flags = OPT_OURS, .apply = GEN_HOT, DUR_LIMIT,
      .help = "The wait before a failed start is tried again; the n-th wait is n times as long."),
    P("backoff_factor", backoff_factor, FACTOR, .flags = OPT_OURS, .apply = GEN_HOT,
      .def_note = "linear", .help = "If set, each wait is this many times the one before."),
    P("backoff_max", backoff_max, DURATION, .flags = OPT_OURS, .apply = GEN_HOT, DUR_LIMIT,
      .def_note = "none", .help = "No wait is longer than this."),
    P("backoff_jitter", backoff_jitter, PERCENT, .def = "0%", .flags = OPT_OURS, .apply = GEN_HOT,
      .help = "Vary each wait at random by up to this much."),
    P("backoff_reset", backoff_reset, DURATION, .flags = OPT_OURS, .apply = GEN_HOT, DUR_LIMIT,
      .def_note = "when RUNNING is reached",
      .help = "How long it has to run before failed starts are forgotten."),
    P("retry_window", retry_window, DURATION, .flags = OPT_OURS, .apply = GEN_HOT, DUR_LIMIT,
      .def_note = "none",
      .help = "More than startretries restarts within this time, running or not, make it FATAL; "
              "startretries may be 127 at most then."),
    P("on_fatal", on_fatal, ONFATAL, .def = "nothing", .flags = OPT_OURS, .apply = GEN_HOT,
      .help = "What follows when it becomes FATAL: nothing, exit (supd ends with an error), or "
              "retry:DURATION (start again after that time)."),
    P("critical", critical, BOOLEAN, .def = "false", .flags = OPT_OURS, .apply = GEN_HOT,
      .help = "With [supd] exit_on=critical supd ends when this program has ended for good."),
    P("exit_code", exit_code, EXITCODE, .def = "own", .flags = OPT_OURS, .apply = GEN_HOT,
      .help =
          "The exit status of supd when this program ends it: its own, a number, or a list of "
          "FROM:TO such as TERM:0,3:0,*:1, where the first that fits counts and TO may be own."),
    P("stopsignals", stopsignals, STOPS, .flags = OPT_OURS, .apply = GEN_HOT,
      .def_note = "stopsignal and stopwaitsecs",
      .help = "A sequence such as TERM:10s,INT:5s,KILL, each with the wait that follows it; "
              "RTMIN+N works, too."),
    P("orphans", orphans, WORD, .words = words_orphans, .flags = OPT_OURS, .apply = GEN_HOT,
      .def_note = "[supd] orphans",
      .help = "What happens to the processes that it leaves behind when it ends or is stopped, in "
              "its process group or outside of it: kill, report or keep."),
    P("sigpipe", sigpipe, WORD, .words = words_sigpipe, .flags = OPT_OURS, .apply = GEN_RESTART,
      .def_note = "[supd] sigpipe", .help = "Whether it starts with SIGPIPE and SIGXFSZ ignored."),
    P("stdin", stdin_mode, WORD, .words = words_stdin, .def = "pipe", .flags = OPT_OURS,
      .apply = GEN_RESTART, .help = "Its standard input: a pipe, or /dev/null."),
    P("log_prefix", log_prefix, BOOLEAN, .def = "false", .flags = OPT_OURS, .apply = GEN_HOT,
      .help = "Put program, stream and time before each line of its logs."),
    P("log_format", log_format, WORD, .words = words_format, .def = "raw", .flags = OPT_OURS,
      .apply = GEN_HOT,
      .help = "How its logs are written: as it comes, or one JSON object a line."),
    P("log_overflow", log_overflow, WORD, .words = words_overflow, .def = "drop", .flags = OPT_OURS,
      .apply = GEN_HOT,
      .help = "When its log cannot be written fast enough: drop the oldest lines, or make the "
              "program wait."),
};

static const struct opt listener[] = {
    OPT(struct listener_opts, "events", events, LIST, .def_note = "required", .apply = GEN_RESTART,
        .help = "The event types that the listener gets."),
    OPT(struct listener_opts, "buffer_size", buffer_size, INTEGER, .def = "10",
        .apply = GEN_RESTART, .help = "How many events wait for it before the oldest is dropped."),
    OPT(struct listener_opts, "result_handler", result_handler, STRING,
        .def = "supervisor.dispatchers:default_handler", .apply = GEN_RESTART,
        .help = "How answers are understood: only Supervisor's default (OK: done; anything else: "
                "again), and supervisor_stdout:event_handler (any answer: done, and the "
                "output of the events is printed)."),
    OPT(struct listener_opts, "event_len", event_len, WORD, .words = words_event_len,
        .def = "characters", .flags = OPT_OURS, .apply = GEN_RESTART,
        .help = "What len counts in the header of an event: characters, as Supervisor does, or "
                "bytes."),
};

static const struct opt fcgi[] = {
    OPT(struct fcgi_opts, "socket", socket, STRING, .def_note = "required", .apply = GEN_RESTART,
        .help = "The socket that its processes share: unix:///path or tcp://host:port."),
    OPT(struct fcgi_opts, "socket_backlog", backlog, INTEGER, .lo = 1, .hi = 65535,
        .apply = GEN_RESTART, .def_note = "SOMAXCONN", .help = "Its listen queue."),
    OPT(struct fcgi_opts, "socket_owner", owner, OWNER, .apply = GEN_RESTART,
        .def_note = "the program's user", .help = "Owner of a unix socket."),
    OPT(struct fcgi_opts, "socket_mode", mode, OCTAL, .apply = GEN_RESTART, .def_note = "0700",
        .help = "Mode of a unix socket."),
};

OPT_TABLE(rows_program, program);
OPT_TABLE(rows_listener, listener);
OPT_TABLE(rows_fcgi, fcgi);
