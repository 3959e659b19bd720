/* The options of a program that the kernel is told before its exec; of every program-like section.
 */
#include "supervisor/conf/section.h"

#include <sys/resource.h>

#define ROW(text, field, kind, how, ...)                                                           \
    OPT(struct limit_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_##how, __VA_ARGS__)
#define L(text, field, kind, ...) ROW(text, field, kind, RESTART, __VA_ARGS__)
static const char *const words_envfile[] = {"systemd", "docker", NULL};

#define INHERITED .def_note = "inherited"

static const struct opt limits[] = {
    L("limit_nofile", limit[RLIMIT_NOFILE], RLIMIT, .def_note = "as supd was started with",
      .help =
          "Open files: a number, SOFT:HARD, or unlimited. A last word optional, here and below, "
          "lets the program start where the kernel refuses it."),
    L("limit_nproc", limit[RLIMIT_NPROC], RLIMIT, INHERITED,
      .help = "Processes and threads of its user; root may have any number."),
    L("limit_core", limit[RLIMIT_CORE], RLIMIT_SIZE, INHERITED,
      .help = "The size of a core file; 0: none is written."),
    L("limit_as", limit[RLIMIT_AS], RLIMIT_SIZE, INHERITED, .help = "Its address space."),
    L("limit_data", limit[RLIMIT_DATA], RLIMIT_SIZE, INHERITED, .help = "Its heap and data."),
    L("limit_stack", limit[RLIMIT_STACK], RLIMIT_SIZE, INHERITED,
      .help = "The stack of its first thread."),
    L("limit_rss", limit[RLIMIT_RSS], RLIMIT_SIZE, INHERITED, .help = "Without effect in Linux."),
    L("limit_memlock", limit[RLIMIT_MEMLOCK], RLIMIT_SIZE, INHERITED, .help = "Locked memory."),
    L("limit_fsize", limit[RLIMIT_FSIZE], RLIMIT_SIZE, INHERITED,
      .help = "The size of the files that it writes."),
    L("limit_cpu", limit[RLIMIT_CPU], RLIMIT_TIME, INHERITED,
      .help = "CPU time, in whole seconds: XCPU at the soft limit, KILL at the hard one."),
    L("limit_rttime", limit[RLIMIT_RTTIME], RLIMIT_TIME, INHERITED,
      .help = "CPU time in a realtime class without a sleep, in whole microseconds."),
    L("limit_rtprio", limit[RLIMIT_RTPRIO], RLIMIT, INHERITED,
      .help = "The highest realtime priority."),
    L("limit_nice", limit[RLIMIT_NICE], RLIMIT, INHERITED,
      .help = "How far it may lower its niceness: 20 minus the lowest."),
    L("limit_sigpending", limit[RLIMIT_SIGPENDING], RLIMIT, INHERITED,
      .help = "Queued signals of its user."),
    L("limit_msgqueue", limit[RLIMIT_MSGQUEUE], RLIMIT_SIZE, INHERITED,
      .help = "POSIX message queues of its user."),
    L("limit_locks", limit[RLIMIT_LOCKS], RLIMIT, INHERITED, .help = "Without effect in Linux."),
    L("nice", nice, ADJUST, INHERITED, .lo = -20, .hi = 19,
      .help = "Its niceness, from -20 (most CPU) to 19."),
    L("ionice", ionice, IONICE, INHERITED,
      .help = "Its I/O class: idle, best-effort or realtime, the last two with a level from 0 "
              "(first) to 7, as in best-effort:7; or none."),
    L("oom_score_adj", oom_score_adj, ADJUST, INHERITED, .lo = -1000, .hi = 1000,
      .help = "How likely it is killed when memory is short: from -1000 (never) to 1000."),
    L("cpu_affinity", cpus, CPUS, INHERITED, .help = "The CPUs that it may use, as in 0,2-3."),
    ROW("memory_high", memory_high, BYTES, HOT, .def_note = "no limit",
        .help = "The memory of the program and of what it started: above this it is stopped as it "
                "would be by hand, and started again."),
    ROW("memory_max", memory_max, BYTES, HOT, .def_note = "no limit",
        .help = "Above this it is killed at once; autorestart decides what follows."),
    L("read_only_paths", read_only, PATHS, .def_note = "none",
      .help = "It, and what it starts, cannot write there, nor to anything mounted below. One with "
              "a - before its name need not be there. Of / all but /dev, /proc and /sys."),
    L("read_write_paths", read_write, PATHS, .def_note = "none",
      .help = "Below read_only_paths: these stay as they are."),
    L("private_tmp", private_tmp, FLAG, .def = "false",
      .help = "A /tmp and a /var/tmp of its own, empty at each start and gone with it; in memory."),
    L("capabilities", caps, CAPS, INHERITED,
      .help = "The most capabilities that it, and what it starts, can ever have: names as in "
              "net_bind_service,chown, or none."),
    L("ambient_capabilities", ambient, CAPS, .def_note = "none",
      .help = "Capabilities that it has although its user= is not root."),
    L("no_new_privileges", no_new_privileges, BOOLEAN, .def = "false",
      .help = "Neither it nor what it starts gains rights by set-user-ID programs."),
    L("seccomp", seccomp, PROFILE, .def_note = "none",
      .help = "The system calls that it may make: a file in the form of docker's profiles, read "
              "whenever the configuration is. Needs no_new_privileges=true or CAP_SYS_ADMIN."),
    L("die_with_supd", die_with_supd, BOOLEAN, .def = "false",
      .help = "The kernel sends it KILL when supd dies. It then cannot outlive a supd that is "
              "killed."),
    L("env_file", env_file, LIST, .def_note = "none",
      .help = "Files with variables for its environment, read whenever the configuration is. One "
              "with a - before its name need not be there. environment= goes before them."),
    L("env_file_format", env_file_format, WORD, .words = words_envfile, .def = "systemd",
      .help = "How they are written: with quotes, as systemd reads them; or each value as it "
              "stands, as docker reads them."),
    L("env_clear", env_clear, BOOLEAN, .def = "false",
      .help = "It gets none of the variables that supd was started with, but SUPD_ and SUPERVISOR_ "
              "ones."),
    L("env_pass", env_pass, LIST, .def_note = "all, without env_clear",
      .help = "With env_clear: names of variables that it gets all the same, as in LANG,LC_*."),
    L("set_home", set_home, BOOLEAN, .def = "false",
      .help = "Set HOME, USER, LOGNAME and SHELL to what its user= has in passwd."),
};

OPT_TABLE(rows_limits, limits);
