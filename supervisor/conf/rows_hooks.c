/* The options of a program about commands that are run beside it; of every program-like section. */
#include "supervisor/conf/section.h"

#define H(text, field, kind, ...)                                                                  \
    OPT(struct hook_opts, text, field, kind, .apply = GEN_HOT, __VA_ARGS__)
#define COMMAND(text, which, words)                                                                \
    H(text, command[GEN_##which], STRING, .flags = OPT_OURS | OPT_PER_PROC | OPT_NOT_EMPTY,        \
      .def_note = "none", .help = (words))
#define LIMIT(text, field, value, words)                                                           \
    H(text, field, DURATION, .flags = OPT_OURS, .def = (value), .lo = 1000000,                     \
      .hi = INT64_C(31536000000000000), .help = (words))

static const struct opt hooks[] = {
    COMMAND("stop_command", STOP_COMMAND,
            "Run when it is to stop, before stopsignal. That follows as soon as this command has "
            "ended, whatever its status, or when stop_command_timeout is over. Like all commands "
            "beside a program it is split as command= is, without a shell, and runs as the "
            "program's user, in its directory and environment, with variables such as SUPD_PID."),
    LIMIT("stop_command_timeout", stop_ns, "10s",
          "How long stop_command may take; then it is killed, and stopsignal follows."),
    COMMAND("reload_command", RELOAD_COMMAND, "What `supctl reload NAME` runs."),
    H("reload_signal", reload_signal, SIGNAL, .flags = OPT_OURS, .def_note = "none",
      .help = "What `supctl reload NAME` sends instead, as in HUP."),
    LIMIT("reload_timeout", reload_ns, "30s",
          "How long reload_command may take before it is killed and has failed."),
    COMMAND("hook_start", HOOK_START, "Run each time when a process of it was started."),
    COMMAND("hook_ready", HOOK_READY, "Run each time when it has become ready."),
    COMMAND("hook_exit", HOOK_EXIT,
            "Run each time when a process of it has ended, for whatever reason."),
    COMMAND("hook_fatal", HOOK_FATAL, "Run when supd has given it up: it became FATAL."),
    LIMIT("hook_timeout", hook_ns, "30s",
          "How long each of its hooks may take before it is killed."),
};

OPT_TABLE(rows_hooks, hooks);
