/* [alert:N] type=cert: a certificate runs out. Stages, each nearer to the end, and as the last one
 * that it has expired. They know the certificate's lifetime L: stage i begins when the time left is
 * at most
 *
 *     min(days of stage i, L/3, L/6, L/12, ... for i = 1, 2, 3, ...) less a day of grace
 *
 * because who renews at 2/3 of the life, as is usual, must not be told each time, and because on a
 * certificate of 45 days a stage of 30 days would always be on. The grace is a day, or half of the
 * stage where that is shorter.
 *
 * Each certificate that the probe sees is judged for itself, and is an alert of its own by its
 * fingerprint: a renewed one is another, in no stage. */
#include "alerts/rules/alert.h"
#include "alerts/rules/metric.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/template.h"
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
              "severity moves all of them. Each certificate that the probe sees is an alert of its "
              "own, each stage is told, and a renewal ends it. for and keep_firing are 0s here "
              "unless given."),
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

/* They tell one certificate from another. */
static void check_labels(struct checker *k)
{
    static const char *const ours[] = {"certificate", "fingerprint"};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (label_value(&alert_opts(k->item)->labels, ours[i], strlen(ours[i])))
            check_fail(k, "labels", "every alert of type=cert has the label %s already", ours[i]);
    }
}

/* Whoever is woken up must be told what to do. */
static void check_runbook(struct checker *k)
{
    const struct alert_opts *o = alert_opts(k->item);
    bool pages = o->severity == SEV_WARNING || o->severity == SEV_CRITICAL;
    if (pages && (!o->runbook || !*o->runbook))
        check_fail(k, "runbook",
                   "is missing: with severity=%s a certificate that has expired is severity page, "
                   "and whoever is woken up has to be told what to do; severity=info never pages",
                   severity_name((enum severity)o->severity));
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
    check_labels(k);
    check_runbook(k);
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

int alert_cert_stage(const struct alert_cert *o, int64_t not_before, int64_t not_after, int64_t now)
{
    int64_t left = not_after - now, life = not_after > not_before ? not_after - not_before : 0;
    int stage = 0;
    if (left < 0) /* the last second, not_after itself, is still valid */
        return (int)o->stages.n + 1;
    while (stage < (int)o->stages.n && left <= stage_begins(o, (size_t)stage, life))
        stage++;
    return stage;
}

/* ---- words ---- */

static void put_span(struct str *out, int64_t seconds)
{
    char buf[DUR_TEXT];
    bool far = seconds >= INT64_MAX / SEC / 4; /* one of the year 9999 */
    str_puts(out,
             dur_human(far ? (dur_t){INT64_MAX / 4} : (dur_t){seconds * SEC}, buf, sizeof(buf)));
}

static void put_name(struct str *out, const struct rule_cert *c)
{
    str_puts(out, "the certificate");
    if (c->subject && *c->subject)
        str_printf(out, " %.80s", c->subject);
}

static void put_place(struct str *out, const struct alert_cert *o, const struct rule_cert *c)
{
    if (!c->where || !*c->where)
        str_printf(out, ", seen by the probe %s", o->probe);
    else
        str_printf(out, ", %s %s", *c->where == '/' ? "in" : "at", c->where);
}

static void put_end(struct str *out, const struct rule_cert *c, int64_t now)
{
    int64_t left = c->not_after - now;
    str_puts(out, left < 0 ? " expired " : " expires in ");
    put_span(out, left < 0 ? -left : left);
    str_puts(out, left < 0 ? " ago, on " : ", on ");
    template_stamp(c->not_after, out);
}

static void say(const struct alert_cert *o, const struct rule_input *in, struct evaluation *out)
{
    const struct rule_cert *c = &in->cert;
    struct str text = STR_INIT;
    put_name(&text, c);
    if (!c->gone) {
        put_end(&text, c, in->wall.ns / SEC);
    } else if (c->not_after) {
        str_puts(&text, " was replaced by one until ");
        template_stamp(c->not_after, &text);
    } else {
        str_puts(&text, " is not seen any more");
    }
    put_place(&text, o, c);
    evaluation_text(out, "%s", str_text(&text));
    str_fini(&text);
}

/* ---- the rule ---- */

static void measure(const struct alert_cert *o, const struct rule_cert *c, int64_t now,
                    struct evaluation *out)
{
    int64_t life = c->not_after > c->not_before ? c->not_after - c->not_before : 0;
    out->stage = alert_cert_stage(o, c->not_before, c->not_after, now);
    out->has_value = true;
    out->value = (double)(c->not_after - now);
    size_t shown = out->stage > 0 ? (size_t)out->stage - 1 : 0;
    out->limit = shown < o->stages.n ? (double)stage_begins(o, shown, life) : 0;
    out->cond = out->stage ? COND_TRUE : COND_FALSE;
}

static void evaluate(const struct item *alert, const struct rule_input *in, struct evaluation *out)
{
    const struct alert_cert *o = alert->own;
    *out = (struct evaluation){.unit = UNIT_SECONDS, .dated = true};
    if (!in->cert.seen) {
        evaluation_unknown(out, "no certificate was seen yet");
        return;
    }
    if (!in->cert.gone)
        measure(o, &in->cert, in->wall.ns / SEC, out);
    if (!in->no_text)
        say(o, in, out);
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
