/* [alert:N] type=probe: a probe has failed (after its fall=, until its rise=). */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/template.h"

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_probe, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("probe", probe, STRING, .def_note = "required",
      .help = "The probe; its own fall= and rise= say when it has failed and when it is well."),
};
OPT_TABLE(rows_alert_probe, rows);

static void check(struct checker *k)
{
    const struct alert_probe *o = k->item->own;
    if (check_required(k, "probe", o->probe))
        check_item(k, "probe", &family_probe, o->probe);
}

/* The probe's own words say what is wrong; that the last attempt was well (rise= wants more of
 * them) says nothing about why it failed. */
static const char *why(const struct rule_probe *p)
{
    if (p->health != HEALTH_FAILED)
        return NULL;
    if (!p->reason)
        return "its last attempt was well";
    return p->detail && *p->detail ? p->detail : p->reason;
}

static void say(const struct alert_probe *o, const struct rule_input *in, struct evaluation *out)
{
    const struct rule_probe *p = &in->probe;
    const char *more = why(p);
    struct str since = STR_INIT;
    template_since((wall_t){in->wall.ns - p->since.ns}, p->since, &since);
    evaluation_text(out, "the probe %s has %s since %s%s%s", o->probe,
                    p->health == HEALTH_OK ? "been well" : "failed", str_text(&since),
                    more ? ": " : "", more ? more : "");
    str_fini(&since);
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    static const enum cond conds[] = {
        [HEALTH_UNKNOWN] = COND_UNKNOWN, [HEALTH_OK] = COND_FALSE, [HEALTH_FAILED] = COND_TRUE};
    const struct alert_probe *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_STATE, .cond = conds[in->probe.health], .dated = true};
    if (in->probe.health == HEALTH_UNKNOWN)
        evaluation_text(out, "the probe %s has not said anything yet", o->probe);
    else if (!in->no_text)
        say(o, in, out);
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_probe *)alert->own)->probe;
}

const struct kind alert_kind_probe = {
    .name = "probe",
    .help = "A probe has failed.",
    .rows = &rows_alert_probe,
    .size = sizeof(struct alert_probe),
    .check = check,
};
const struct rule rule_probe = {
    .kind = &alert_kind_probe, .subject = SUBJECT_PROBE, .about = about, .evaluate = evaluate};
