/* [alert:N] type=program: a process of a program is in a bad state, or it was restarted too often
 * over a rolling window. Either is enough. The window given to the rule counts the restarts (all of
 * them, expected or not); a program without processes is UNKNOWN. */
#include "alerts/rules/metric.h"
#include "alerts/rules/reach.h"
#include "alerts/rules/rule.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SEC INT64_C(1000000000)

#define WINDOW (600 * SEC) /* the default */
#define STATES "STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL, UNKNOWN"

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_program, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("program", program, STRING, .def_note = "required", .aka = "process service",
      .help = "The program, or group of programs."),
    R("state", state, LIST, .def_note = "FATAL, unless restarts= is given", .aka = "states status",
      .help = "It fires while one of its processes is in one of these states: " STATES "."),
    R("restarts", restarts, INTEGER, .lo = 1, .hi = 1000000, .def_note = "not looked at",
      .aka = "max_restarts",
      .help = "It fires when supd restarted its processes so often, or more often, within "
              "window=."),
    R("window", window, DURATION, .def = "10m", .lo = 60 * SEC, .hi = 72 * 3600 * SEC,
      .help = "The rolling window of restarts=."),
};
OPT_TABLE(rows_alert_program, rows);

static bool is_state(const char *word)
{
    static const char *const states[] = {"STOPPED",  "STARTING", "RUNNING", "BACKOFF",
                                         "STOPPING", "EXITED",   "FATAL",   "UNKNOWN"};
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcasecmp(states[i], word) == 0)
            return true;
    }
    return false;
}

static void check(struct checker *k)
{
    struct alert_program *o = k->item->own;
    static const char *const fatal[] = {"FATAL"};
    if (check_required(k, "program", o->program))
        check_program(k, "program", o->program);
    if (!check_given(k, "state") && !check_given(k, "restarts"))
        o->state = (struct str_list){.v = arena_memdup(k->c->a, fatal, sizeof(fatal)), .n = 1};
    for (size_t i = 0; i < o->state.n; i++) {
        if (!is_state(o->state.v[i]))
            check_fail(k, "state", "'%s' is not one of " STATES, o->state.v[i]);
    }
    if (o->program)
        reach_program(k, o->program, &o->state, o->restarts);
    if (o->restarts)
        reach_passes(k, o->window);
    /* the default may stand there, as it does in what --dump-config prints */
    if (!check_given(k, "restarts") && o->window != WINDOW)
        check_fail(k, "window", "is only for restarts=");
}

static bool has_state(const struct alert_program *o, const char *state)
{
    for (size_t i = 0; i < o->state.n; i++) {
        if (strcasecmp(o->state.v[i], state) == 0)
            return true;
    }
    return false;
}

/* "FATAL", "FATAL or BACKOFF" */
static const char *states_text(const struct alert_program *o, char *buf, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < o->state.n && used < size; i++)
        used += (size_t)snprintf(buf + used, size - used, "%s%s", i ? " or " : "", o->state.v[i]);
    return buf;
}

static void judge_states(const struct alert_program *o, const struct rule_input *in,
                         struct evaluation *out)
{
    const struct rule_process *first = NULL;
    size_t bad = 0;
    char states[128] = "";
    for (size_t i = 0; i < in->nprocesses; i++) {
        if (!has_state(o, in->processes[i].state))
            continue;
        first = bad++ ? first : &in->processes[i];
    }
    out->cond = bad ? COND_TRUE : in->nprocesses ? COND_FALSE : COND_UNKNOWN;
    out->k = bad;
    out->n = in->nprocesses;
    if (bad > 1)
        evaluation_text(out, "%s and %zu more are %s", first->name, bad - 1, first->state);
    else if (bad)
        evaluation_text(out, "%s is %s", first->name, first->state);
    else if (in->nprocesses)
        evaluation_text(out, "no process of %s is %s", o->program,
                        states_text(o, states, sizeof(states)));
    else
        evaluation_text(out, "%s has no processes", o->program);
}

static void judge_restarts(const struct alert_program *o, const struct rule_input *in,
                           struct evaluation *out)
{
    if (!in->window) {
        evaluation_unknown(out, "restarts are not counted");
        return;
    }
    struct window_sum s = window_sum(in->window, in->now, (dur_t){o->window});
    char n[RULE_TEXT], w[48];
    out->unit = UNIT_COUNT;
    out->has_value = true;
    out->value = s.ok + s.err;
    out->limit = (double)o->restarts;
    /* half a restart is what rounding of the oldest cell may take away */
    bool often = out->value >= rule_limit(in, out->limit, out) - 0.5;
    out->cond = often ? COND_TRUE : s.unknown.ns > o->window / 100 ? COND_UNKNOWN : COND_FALSE;
    evaluation_text(out, "%s restarts of %s in the last %s, limit %.3g",
                    number_print(out->value, n), o->program, window_print(o->window, w, sizeof(w)),
                    out->limit);
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_program *o = alert->own;
    struct evaluation state = {.unit = UNIT_STATE}, restarts = {.unit = UNIT_COUNT};
    if (o->state.n)
        judge_states(o, in, &state);
    if (o->restarts)
        judge_restarts(o, in, &restarts);
    bool by_restarts = !o->state.n || cond_or(restarts.cond, state.cond) != state.cond ||
                       (state.cond == COND_FALSE && restarts.cond == COND_FALSE);
    *out = o->restarts && by_restarts ? restarts : state;
    if (o->restarts && o->state.n && out->cond == COND_FALSE)
        evaluation_text(out, "%s, and %s", state.text, restarts.text);
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_program *)alert->own)->program;
}

const struct kind alert_kind_program = {
    .name = "program",
    .aka = "state process fatal FATAL service status restarts",
    .help = "A program is down for good, or restarts again and again.",
    .rows = &rows_alert_program,
    .size = sizeof(struct alert_program),
    .check = check,
};
const struct rule rule_program = {.kind = &alert_kind_program,
                                  .clears = true,
                                  .subject = SUBJECT_PROGRAM,
                                  .about = about,
                                  .evaluate = evaluate};
