/* [probe:N]: the rows that all kinds share, their checks, and the list of kinds. */
#include "probes/judge/probe.h"

#include <string.h>

static const char *const words_target[] = {"self", "dependency", NULL};
static const char *const words_on_fail[] = {"nothing", "restart", NULL};

#define DAY (INT64_C(86400) * 1000000000)
#define MS INT64_C(1000000)
#define P(text, field, kind, ...)                                                                  \
    OPT(struct probe_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    P("type", type, STRING, .def_note = "required", .help = "What kind of probe it is."),
    P("interval", interval, DURATION, .def = "15s", .lo = 100 * MS, .hi = 366 * DAY,
      .help = "From the start of one attempt to the start of the next. When in the interval it "
              "starts follows from the probe's name, so that probes spread and stay where they "
              "are."),
    P("timeout", timeout, DURATION, .lo = 10 * MS, .hi = 3600 * 1000 * MS,
      .def_note = "half the interval, at most 5s", .help = "An attempt that takes longer failed."),
    P("confirm", confirm, DURATION, .def = "2s", .lo = 0, .hi = DAY,
      .help = "After a first failure attempts follow each other at this distance until the "
              "failure is confirmed or gone. 0s: at the interval, as always."),
    P("fall", fall, INTEGER, .def = "3", .lo = 1, .hi = 1000,
      .help = "So many failures in a row: the probe has failed."),
    P("rise", rise, INTEGER, .def = "2", .lo = 1, .hi = 1000,
      .help = "So many successes in a row: it is well again."),
    P("start_period", start_period, DURATION, .def = "60s", .lo = 0, .hi = DAY,
      .help = "So long after its start, and after each start of its program, failures do not "
              "count; a first success ends it."),
    P("program", program, STRING, .def_note = "none",
      .help = "The program whose health it shows; supctl status has it beside the program."),
    P("target", target, WORD, .words = words_target,
      .def_note = "self with program=, else dependency",
      .help = "Whether it looks at the program itself or at something that the program needs."),
    P("on_fail", on_fail, WORD, .words = words_on_fail, .def = "nothing",
      .help = "restart: restart the program when the probe has failed. Only for a probe of the "
              "program itself: a restart cannot mend what the program depends on."),
    P("restart_limit", restart_limit, INTEGER, .def = "3", .lo = 1, .hi = 1000,
      .help = "on_fail=restart does so at most so often within restart_window."),
    P("restart_window", restart_window, DURATION, .def = "30m", .lo = 1000 * MS, .hi = 7 * DAY,
      .help = "The time that restart_limit counts over."),
    P("parent", parent, STRING, .def_note = "none",
      .help = "A probe whose failure explains this one's: alerts about this one wait behind it, "
              "and it is run at once when this one fails."),
};
OPT_TABLE(rows_probe, rows);

static void check_restart(struct checker *k, const struct probe_opts *o)
{
    if (o->on_fail != PROBE_RESTART)
        return;
    if (!o->program)
        check_fail(k, "on_fail", "restart needs program=, the program to restart");
    else if (o->target == PROBE_DEPENDENCY)
        check_fail(k, "on_fail",
                   "restart is refused for a probe of something that the program depends on: the "
                   "restart would not mend it, and all its users would restart at once; keep the "
                   "probe for alerts, or set target=self if it looks at the program itself");
}

static void check_parent(struct checker *k, const struct probe_opts *o)
{
    const struct item *up = o->parent ? check_item(k, "parent", &family_probe, o->parent) : NULL;
    size_t n = 0;
    for (; up && n <= k->c->items.n; n++) {
        if (up == k->item) {
            check_fail(k, "parent", "the probe is its own parent, directly or through others");
            return;
        }
        const char *next = probe_opts(up)->parent;
        up = next ? family_item(k->c, &family_probe, next) : NULL;
    }
}

static void check(struct checker *k)
{
    struct probe_opts *o = k->item->common;
    if (!o->timeout) /* neither the section nor its kind says it */
        o->timeout = o->interval / 2 < 5000 * MS ? o->interval / 2 : 5000 * MS;
    if (!check_given(k, "target"))
        o->target = o->program ? PROBE_SELF : PROBE_DEPENDENCY;
    if (o->timeout > o->interval)
        check_fail(k, "timeout", "an attempt may not take longer than the interval");
    if (o->program)
        check_program(k, "program", o->program);
    check_restart(k, o);
    check_parent(k, o);
}

static const char *restarts(const struct item *it)
{
    return probe_opts(it)->on_fail == PROBE_RESTART ? probe_opts(it)->program : NULL;
}

#define KIND(name) extern const struct kind probe_kind_##name;
#include "probes/judge/kinds.def"
#undef KIND

static const struct kind *const kinds[] = {
#define KIND(name) &probe_kind_##name,
#include "probes/judge/kinds.def"
#undef KIND
    NULL,
};

const struct family family_probe = {
    .section = "probe",
    .rows = &rows_probe,
    .size = sizeof(struct probe_opts),
    .kinds = kinds,
    .nkinds = sizeof(kinds) / sizeof(kinds[0]) - 1,
    .check = check,
    .restarts = restarts,
};
