/* [alert:N]: the rows that all kinds share, their checks, and the list of kinds. */
#include "alerts/rules/alert.h"
#include "alerts/rules/life.h"
#include "alerts/rules/reach.h"
#include "alerts/rules/template.h"

#include <string.h>

static const char *const words_severity[] = {
    [SEV_INFO] = "info", [SEV_WARNING] = "warning", [SEV_CRITICAL] = "critical",
    [SEV_PAGE] = "page", [SEVERITIES] = NULL,
};

const char *severity_name(enum severity s)
{
    return words_severity[s];
}

#define S INT64_C(1000000000)
#define DAY (86400 * S)
#define A(text, field, kind, ...)                                                                  \
    OPT(struct alert_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    A("type", type, STRING, .def_note = "required", .help = "What the condition is about."),
    A("severity", severity, WORD, .words = words_severity, .def = "warning",
      .aka = "level priority",
      .help = "How grave it is. page wakes somebody up, and so needs runbook=. Kinds with stages, "
              "such as certificates, may raise and lower it: one that ends in page needs runbook=, "
              "too."),
    A("for", hold_for, DURATION, .lo = 0, .hi = 7 * DAY, .def_note = "2m; of severity info 0s",
      .aka = "duration hold delay for_duration",
      .help = "The condition must hold so long before the alert fires. One missing measurement "
              "out of five does not matter; with more the time stands still."),
    A("keep_firing", keep_firing, DURATION, .lo = 0, .hi = 7 * DAY,
      .def_note = "10m; of severity info 0s", .aka = "keep_firing_for",
      .help = "It must be gone so long before the alert is resolved."),
    A("clear", clear, PERCENT, .def = "80%", .aka = "recover resolve_at",
      .help = "A firing alert's condition ends only when the value is below this share of the "
              "threshold that fired it."),
    A("nodata_after", nodata_after, DURATION, .lo = 0, .hi = 366 * DAY,
      .def_note = "three intervals of its evaluation, or of its probe; 2m at least",
      .help = "When the condition cannot be evaluated for so long, a second alert of lower "
              "severity says so; the alert itself stays as it is. 0s: never."),
    A("repeat", repeat, DURATION, .lo = 0, .hi = 366 * DAY,
      .def_note = "4h for page and critical, 24h for warning, 0s for info",
      .aka = "repeat_interval remind",
      .help = "A reminder follows at this distance while it fires and nobody has acknowledged it. "
              "0s: never."),
    A("runbook", runbook, STRING, .def_note = "none", .aka = "runbook_url doc url",
      .help = "Where it is written what to do; required for severity page."),
    A("dashboard", dashboard, STRING, .def_note = "none", .help = "Where the graphs are."),
    A("summary", summary, STRING, .def_note = "value, limit and since when",
      .aka = "message title text",
      .help =
          "The line that people read first, at most 120 characters. {{value}} {{limit}} "
          "{{name}} {{program}} {{severity}} {{since}} {{age}} {{n}} {{k}} {{window}} {{text}} "
          "{{runbook}} {{dashboard}} and {{labels.NAME}} are filled in; a number that there is not "
          "is -."),
    A("description", description, STRING, .def_note = "none",
      .help = "More words, with the same fields."),
    A("labels", labels, LIST, .def_note = "none",
      .help = "Comma separated NAME=VALUE: they go with every notice, and silences match them."),
    A("notify", notify, LIST, .def_note = "all",
      .aka = "to receiver receivers channel channels notifier notifiers route",
      .refers = &family_notify,
      .help = "Comma separated names of [notify:NAME] sections that are told, 16 at most."),
    A("program", program, STRING, .def_note = "none, or what its probe belongs to",
      .aka = "service process",
      .help = "The program it is about. It stays quiet while a program that this one depends on "
              "has an alert."),
};
OPT_TABLE(rows_alert, rows);

/* ---- checks ---- */

static bool label_name_ok(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool letter = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '_';
        if (!letter && !(i > 0 && s[i] >= '0' && s[i] <= '9'))
            return false;
    }
    return n > 0;
}

static bool label_reserved(const char *s, size_t n)
{
    static const char *const ours[] = {"alertname", "severity", "program", "type"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strlen(ours[i]) == n && strncmp(ours[i], s, n) == 0)
            return true;
    }
    return false;
}

static void check_label(struct checker *k, const struct str_list *l, size_t i)
{
    const char *s = l->v[i], *eq = strchr(s, '=');
    size_t n = eq ? (size_t)(eq - s) : strlen(s);
    struct str_list before = {l->v, i};
    if (!eq || !eq[1])
        check_fail(k, "labels", "'%s' is not NAME=VALUE", s);
    else if (!label_name_ok(s, n))
        check_fail(k, "labels", "'%.*s' is no name of a label: letters, digits and '_' are allowed",
                   (int)n, s);
    else if (label_reserved(s, n))
        check_fail(k, "labels", "every alert has the label %.*s already", (int)n, s);
    else if (label_value(&before, s, n))
        check_fail(k, "labels", "%.*s is given twice", (int)n, s);
}

static void check_labels(struct checker *k, const struct alert_opts *o)
{
    if (o->labels.n > LABELS_MAX)
        check_fail(k, "labels", "has %zu labels; %d are the most", o->labels.n, LABELS_MAX);
    for (size_t i = 0; i < o->labels.n; i++)
        check_label(k, &o->labels, i);
}

_Static_assert(LIFE_CHANNELS == 16, "the help of notify= says it");

static size_t count_notifiers(const struct conf *c)
{
    size_t n = 0;
    for (const struct item *it = family_first(c, &family_notify); it; it = it->next)
        n++;
    return n;
}

static void check_notify(struct checker *k, const struct alert_opts *o)
{
    size_t n = o->notify_all ? count_notifiers(k->c) : o->notify.n;
    for (size_t i = 0; i < o->notify.n; i++)
        check_item(k, "notify", &family_notify, o->notify.v[i]);
    if (n > LIFE_CHANNELS && !k->c->plain)
        check_fail(k, "notify", "it would tell %zu notifiers, and %d are the most; name them", n,
                   LIFE_CHANNELS);
}

static void check_template(struct checker *k, const char *option, const char *text)
{
    struct err e;
    if (text && template_check(text, &alert_opts(k->item)->labels, &e) < 0)
        check_fail(k, option, "%s", e.msg);
}

static void fill(struct checker *k, const char *option, int64_t *field, int64_t value)
{
    if (!check_given(k, option))
        *field = value;
}

int64_t alert_repeat(enum severity s)
{
    static const int64_t repeat[SEVERITIES] = {
        [SEV_WARNING] = DAY, [SEV_CRITICAL] = 4 * 3600 * S, [SEV_PAGE] = 4 * 3600 * S};
    return repeat[s];
}

static void defaults(struct checker *k, struct alert_opts *o)
{
    bool info = o->severity == SEV_INFO;
    fill(k, "for", &o->hold_for, info ? 0 : 120 * S);
    fill(k, "keep_firing", &o->keep_firing, info ? 0 : 600 * S);
    fill(k, "nodata_after", &o->nodata_after, -1);
    fill(k, "repeat", &o->repeat, alert_repeat((enum severity)o->severity));
    o->notify_all = !check_given(k, "notify");
}

void alert_check(struct checker *k)
{
    struct alert_opts *o = k->item->common;
    defaults(k, o);
    if (o->severity == SEV_PAGE && (!o->runbook || !*o->runbook))
        check_fail(k, "runbook",
                   "is required for severity page: whoever is woken up must be told "
                   "what to do; give a URL or a path, or a lower severity");
    if (o->clear == 0)
        check_fail(k, "clear", "0%% would never let the alert end");
    check_labels(k, o);
    check_template(k, "summary", o->summary);
    check_template(k, "description", o->description);
    check_notify(k, o);
    if (o->program)
        check_program(k, "program", o->program);
    reach_told(k);
}

#define KIND(name) extern const struct kind alert_kind_##name;
#include "alerts/rules/alert_kinds.def"
#undef KIND

static const struct kind *const kinds[] = {
#define KIND(name) &alert_kind_##name,
#include "alerts/rules/alert_kinds.def"
#undef KIND
    NULL,
};

const struct family family_alert = {
    .section = "alert",
    .rows = &rows_alert,
    .size = sizeof(struct alert_opts),
    .kinds = kinds,
    .nkinds = sizeof(kinds) / sizeof(kinds[0]) - 1,
    .check = alert_check,
};
