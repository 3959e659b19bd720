/* The options that say in which order programs start, and when one counts as ready; of every
 * program-like section. */
#include "supervisor/conf/section.h"

#define O(text, field, kind, ...)                                                                  \
    OPT(struct order_opts, text, field, kind, .flags = OPT_OURS, __VA_ARGS__)
#define DUR_LIMIT .lo = 0, .hi = INT64_C(31536000000000000)

/* enum prog_type */
static const char *const words_type[] = {"service", "oneshot", "setup", NULL};

static const char *const words_access[] = {"all", "main", NULL};

static const struct opt order[] = {
    O("type", type, WORD, .words = words_type, .def = "service", .apply = GEN_RESTART,
      .help = "A service runs until it is stopped. A oneshot is done when it exits with one of "
              "exitcodes, and is not started again by itself; when it fails it is FATAL, unless "
              "startretries is given. A setup is a oneshot that is tried again startretries "
              "times."),
    O("depends_on", depends_on, LIST, .def = "", .apply = GEN_HOT,
      .help = "Programs or groups that have to be there before it starts, as in "
              "db:ready,migrate:done,cache:started; without a word ready, and done of a oneshot "
              "or setup. Its start starts them, too; a stop of several stops it before them. "
              "While one of them has failed, alerts about this program wait behind its alert."),
    O("after", after, LIST, .def = "", .apply = GEN_HOT,
      .help = "Programs or groups that it starts after, if they are on their way up; if one of "
              "them is not, or fails, it starts without it. A stop of several stops it before "
              "them."),
    O("ready", ready, READY, .def = "startsecs", .apply = GEN_RESTART,
      .help =
          "What makes it RUNNING, and so ready for what depends on it: startsecs (it stayed "
          "up so long); notify (READY=1 to NOTIFY_SOCKET, as systemd's programs do); fd:3 (a "
          "newline on that descriptor, as s6's do); pidfile:/run/x.pid (that file holds the "
          "number of a process of it); log:REGEX (a line of its output matches; supd-agent reads "
          "it); probe:x ([probe:x], which has program= this one, is "
          "OK); command:pg_isready -q (run again and again as its user, until it ends with status "
          "0). See docs/readiness.md."),
    O("ready_timeout", ready_timeout, DURATION, .apply = GEN_HOT, DUR_LIMIT, .def_note = "none",
      .help = "A start that is not ready (a oneshot or setup that is not done) after this time has "
              "failed: it is stopped, and tried again as startretries says."),
    O("watchdog", watchdog, DURATION, .apply = GEN_RESTART, DUR_LIMIT, .def_note = "none",
      .help = "Once it is RUNNING it sends WATCHDOG=1 to NOTIFY_SOCKET at least this often, or it "
              "hangs: it gets ABRT, then the stop sequence, and has failed. In its environment as "
              "WATCHDOG_USEC, too."),
    O("notify_access", notify_access, WORD, .words = words_access, .def = "all", .apply = GEN_HOT,
      .help = "Whose messages to NOTIFY_SOCKET count: those of all processes of it, or only of "
              "its main one."),
};

OPT_TABLE(rows_order, order);
