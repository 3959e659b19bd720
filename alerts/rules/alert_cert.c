/* [alert:N] type=cert: a certificate runs out. Stages, each nearer to the end, and as the last one
 * that it has expired. They know the certificate's lifetime L: stage i begins when the time left is
 * at most
 *
 *     min(days of stage i, L/3, L/6, L/12, ... for i = 1, 2, 3, ...) less a day of grace
 *
 * because who renews at 2/3 of the life, as is usual, must not be told each time, and because on a
 * certificate of 45 days a stage of 30 days would always be on. The grace is a day, or half of the
 * stage where that is shorter. A renewed certificate is below all stages at once. */
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "supervisor/base/dur.h"

#include <string.h>

#define SEC INT64_C(1000000000)
#define DAY INT64_C(86400)

#define R(text, field, kind, ...)                                                                  \
    OPT(struct alert_cert, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("probe", probe, STRING, .def_note = "required", .aka = "check cert", .refers = &family_probe,
      .help = "A probe that sees a certificate. That it is wrong for other reasons than its age "
              "is what the probe itself fails by."),
    R("stages", stages, LIST, .def = "30d,14d,7d", .aka = "days warn over threshold",
      .help = "How long before the end the stages begin, in falling order; for certificates of "
              "short life at 1/3, 1/6, 1/12 of it if that is less, always with a day of grace. "
              "That it has expired is the last stage. With severity=warning the last three of "
              "stages are info, warning and critical, and what has expired is page; another "
              "severity moves all of them. for and keep_firing are 0s here unless given."),
};
OPT_TABLE(rows_alert_cert, rows);

/* The kinds of probes that see certificates. */
static bool sees_certificates(const char *kind)
{
    static const char *const kinds[] = {"cert", "http", "postgres"};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(kinds[i], kind) == 0)
            return true;
    }
    return false;
}

static void check_stages(struct checker *k, const struct str_list *stages)
{
    dur_t before = DUR_MAX, d;
    if (!stages->n || stages->n > 8)
        check_fail(k, "stages", "1 to 8 of them are needed");
    for (size_t i = 0; i < stages->n; i++, before = d) {
        struct err e;
        if (dur_parse(stages->v[i], &d, &e) < 0)
            check_fail(k, "stages", "%s", e.msg);
        else if (!stages->v[i][strspn(stages->v[i], "0123456789.")])
            check_fail(k, "stages", "%s would be seconds; write %sd", stages->v[i], stages->v[i]);
        else if (d.ns < SEC || d.ns >= before.ns)
            check_fail(k, "stages",
                       "%s: each stage has to be shorter than the one before, and "
                       "longer than 0",
                       stages->v[i]);
    }
}

/* a probe of a kind that sees certificates, but asks where there is none */
static void check_tls(struct checker *k, const struct item *p)
{
    const char *url = item_text(p, "url"), *host = item_text(p, "host");
    const struct ini_section *s = ini_find(&k->c->ini, p->section);
    const struct ini_key *mode = s ? ini_get(&k->c->ini, s, "sslmode") : NULL;
    if (url && strncmp(url, "http://", 7) == 0)
        check_warn(k, "probe",
                   "%s asks over http://, where it sees a certificate only if it is redirected to "
                   "https://: this may never fire",
                   p->name);
    else if ((host && *host == '/') || (mode && strcmp(mode->value, "disable") == 0))
        check_warn(k, "probe", "%s connects without TLS and sees no certificate: this never fires",
                   p->name);
}

static void check(struct checker *k)
{
    const struct alert_cert *o = k->item->own;
    const struct item *p = NULL;
    if (check_required(k, "probe", o->probe))
        p = check_item(k, "probe", &family_probe, o->probe);
    if (p && !sees_certificates(p->kind->name))
        check_fail(k, "probe", "a probe of type=%s sees no certificate", p->kind->name);
    else if (p)
        check_tls(k, p);
    check_stages(k, &o->stages);
}

/* Seconds before the end at which the stage (from 0) begins. */
static int64_t stage_begins(const struct alert_cert *o, size_t stage, int64_t life)
{
    dur_t d = {0};
    dur_parse(o->stages.v[stage], &d, NULL);
    int64_t at = d.ns / SEC, part = life / (INT64_C(3) << stage);
    if (at > part)
        at = part;
    return at - (at > 2 * DAY ? DAY : at / 2);
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_cert *o = alert->own;
    const struct rule_cert *c = &in->cert;
    char buf[48];
    *out = (struct evaluation){.unit = UNIT_SECONDS};
    if (!c->seen) {
        evaluation_unknown(out, "no certificate was seen yet");
        return;
    }
    int64_t left = c->not_after - in->wall.ns / SEC, life = c->not_after - c->not_before;
    if (life < 0)
        life = 0;
    out->has_value = true;
    out->value = (double)left;
    while (out->stage < (int)o->stages.n && left <= stage_begins(o, (size_t)out->stage, life))
        out->stage++;
    if (left <= 0)
        out->stage = (int)o->stages.n + 1;
    size_t shown = out->stage > 0 ? (size_t)out->stage - 1 : 0;
    out->limit = shown < o->stages.n ? (double)stage_begins(o, shown, life) : 0;
    out->cond = out->stage ? COND_TRUE : COND_FALSE;
    dur_t d = {(left < 0 ? -left : left) < INT64_MAX / SEC / 4 ? (left < 0 ? -left : left) * SEC
                                                               : DUR_MAX.ns};
    evaluation_text(
        out, left > 0 ? "the certificate%s%s expires in %s" : "the certificate%s%s expired %s ago",
        c->subject ? " of " : "", c->subject ? c->subject : "", dur_human(d, buf, sizeof(buf)));
}

static const char *about(const struct item *alert)
{
    return ((const struct alert_cert *)alert->own)->probe;
}

const struct kind alert_kind_cert = {
    .name = "cert",
    .aka = "certificate tls ssl expiry",
    .help = "A certificate runs out, or has run out.",
    .rows = &rows_alert_cert,
    .size = sizeof(struct alert_cert),
    .check = check,
};
const struct rule rule_cert = {
    .kind = &alert_kind_cert, .subject = SUBJECT_PROBE, .about = about, .evaluate = evaluate};
