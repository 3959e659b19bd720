/* [alert:N]: what all kinds have in common: the defaults, the checks, templates and keys. */
#include "tests/unit/unit.h"

#include "alerts/rules/alert.h"
#include "alerts/rules/key.h"
#include "alerts/rules/template.h"
#include "supervisor/base/text.h"
#include "tests/unit/conf_text.h"

/* The rows of one section, read and checked as load_families does it; kinds are not needed. */
struct read {
    struct conf *c;
    struct alert_opts o;
    struct item item;
    struct checker k;
};

static void read_rows(struct read *r, const char *keys)
{
    char text[2048];
    snprintf(text, sizeof(text), "[program:web]\ncommand=/bin/true\n[alert:x]\n%s", keys);
    r->c = load_text(text);
    r->o = (struct alert_opts){0};
    r->item = (struct item){.family = &family_alert,
                            .kind = family_alert.kinds[0],
                            .name = "x",
                            .section = "alert:x",
                            .common = &r->o};
    r->k = (struct checker){.c = r->c, .item = &r->item};
    VEC_EACH (&r->c->ini.sections, i) {
        const struct ini_section *s = r->c->ini.sections.v[i];
        if (strcmp(s->name, "alert:x") == 0) {
            sect_init(&r->k.common, r->c, s, family_alert.rows);
            sect_convert(&r->k.common, &r->o, &r->c->here, 0, 0);
        }
    }
    alert_check(&r->k);
}

static void refuses(const char *keys, const char *what)
{
    struct read r;
    read_rows(&r, keys);
    bool found = false;
    for (size_t i = 0; i < conf_nerrors(r.c); i++)
        found |= strstr(conf_error(r.c, i), what) != NULL;
    if (!found)
        fail_msg("no '%s' in: %s", what, conf_nerrors(r.c) ? conf_error(r.c, 0) : "(no errors)");
    conf_free(&r.c);
}

static void accepts(struct read *r, const char *keys)
{
    read_rows(r, keys);
    for (size_t i = 0; i < conf_nerrors(r->c); i++) {
        if (strstr(conf_error(r->c, i), "alert:x."))
            fail_msg("%s", conf_error(r->c, i));
    }
}

static void defaults_follow_severity(void **state)
{
    (void)state;
    struct read r;
    accepts(&r, "type=program\nprogram=web\n");
    assert_int_equal(r.o.severity, SEV_WARNING);
    assert_int_equal(r.o.hold_for, DUR_S(120).ns);
    assert_int_equal(r.o.keep_firing, DUR_S(600).ns);
    assert_int_equal(r.o.repeat, DUR_S(86400).ns);
    assert_int_equal(r.o.clear, 800);
    assert_int_equal(r.o.nodata_after, -1);
    assert_true(r.o.notify_all);
    conf_free(&r.c);
    accepts(&r, "type=program\nprogram=web\nseverity=page\nrunbook=https://r/1\nfor=5s\n");
    assert_int_equal(r.o.hold_for, DUR_S(5).ns);
    assert_int_equal(r.o.repeat, DUR_S(4 * 3600).ns);
    conf_free(&r.c);
    accepts(&r, "type=program\nprogram=web\nseverity=info\nlabels=team=db, "
                "tier=1\nsummary={{name}} {{labels.team}}\n");
    assert_int_equal(r.o.hold_for, 0);
    assert_int_equal(r.o.repeat, 0);
    assert_int_equal(r.o.labels.n, 2);
    conf_free(&r.c);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    refuses("type=program\nprogram=web\nseverity=page\n",
            "alert:x.runbook: is required for severity page");
    refuses("type=program\nprogram=web\nsummary={{valeu}}\n", "did you mean {{value}}?");
    refuses("type=program\nprogram=web\nsummary={{wholly_other}}\n",
            "the fields are name, program");
    refuses("type=program\nprogram=web\ndescription=it is {{value\n", "'{{' without '}}'");
    refuses("type=program\nprogram=web\nsummary={{labels.team}}\n", "labels= has no team");
    refuses("type=program\nprogram=web\nlabels=team\n", "'team' is not NAME=VALUE");
    refuses("type=program\nprogram=web\nlabels=a-b=c\n", "no name of a label");
    refuses("type=program\nprogram=web\nlabels=severity=c\n", "has the label severity already");
    refuses("type=program\nprogram=web\nlabels=a=1,a=2\n", "a is given twice");
    refuses("type=count\nprogram=wob\n", "there is no [program:wob]; did you mean web?");
    refuses("type=program\nprogram=web\nnotify=chat\n", "there is no [notify:chat]");
    refuses("type=program\nprogram=web\nclear=0%\n", "would never let the alert end");
    struct str many = STR_INIT;
    str_puts(&many, "type=program\nprogram=web\n");
    for (int i = 0; i < 17; i++)
        str_printf(&many, "[notify:n%d]\ntype=log\n", i);
    refuses(str_text(&many), "alert:x.notify: it would tell 17 notifiers, and 16 are the most");
    str_fini(&many);
}

static const char *const label_texts[] = {"team=db", "tier="};
static const struct str_list some_labels = {(const char **)label_texts, 2};

static struct template_facts facts(void)
{
    return (struct template_facts){.name = "api",
                                   .program = "web",
                                   .severity = "page",
                                   .has_value = true,
                                   .value = 0.0725,
                                   .limit = 0.05,
                                   .unit = UNIT_SHARE,
                                   .n = 166,
                                   .k = 12,
                                   .window = DUR_S(300),
                                   .since = {INT64_C(1790073737) * 1000000000},
                                   .age = DUR_S(61),
                                   .labels = &some_labels};
}

static void line_is(const struct template_facts *f, const char *template, const char *want)
{
    struct str out = STR_INIT;
    template_line(template, f, SUMMARY_CHARS, &out);
    assert_string_equal(str_text(&out), want);
    str_fini(&out);
}

static void value_is(double v, enum eval_unit u, const char *want)
{
    struct template_facts f = {.has_value = true, .value = v, .unit = u};
    line_is(&f, "{{value}}", want);
}

static void fields_are_filled_in(void **state)
{
    (void)state;
    struct template_facts f = facts();
    line_is(&f, "{{name}}/{{ program }}: {{value}} > {{limit}} ({{k}} of {{n}} in {{window}})",
            "api/web: 7.25% > 5% (12 of 166 in 5m)");
    line_is(&f, template_default(&f), "api: 7.25% (limit 5%) since 10:42 UTC");
    f.text = "dead";
    line_is(&f, template_default(&f), "api: dead since 10:42 UTC");
    f.dated = true;
    line_is(&f, template_default(&f), "api: dead");
    line_is(&f, "{{labels.team}}|{{labels.tier}}|{{runbook}}|{{age}}|{{severity}}",
            "db|||1m1s|page");
    f.age = DUR_S(90000);
    line_is(&f, "{{since}}", "2026-09-22 10:42 UTC");
    f.since = (wall_t){INT64_C(951782400) * 1000000000};
    line_is(&f, "{{since}}", "2000-02-29 00:00 UTC");
    line_is(&f, "{{nothing}} } {", " } {");
    f = (struct template_facts){.limit = 0.05, .unit = UNIT_SHARE};
    line_is(&f, "{{value}} of {{limit}}|{{window}}|{{program}}", "- of 5%||");
    f.unit = UNIT_STATE;
    line_is(&f, "{{value}} of {{limit}}", "- of -");
    value_is(0.8124, UNIT_SECONDS, "812 ms");
    value_is(2.5, UNIT_SECONDS, "2.5 s");
    value_is(5400, UNIT_SECONDS, "1h30m");
    value_is(0, UNIT_COUNT, "0");
    value_is(1234567, UNIT_COUNT, "1234567");
    value_is(0.00012, UNIT_COUNT, "0.00012");
    value_is(14.4, UNIT_BURN, "14.4x");
    value_is(-3.10, UNIT_COUNT, "-3.1");
    value_is(1e300, UNIT_SHARE, "1e+302%");
    value_is(1e300, UNIT_SECONDS, "1e+300 s");
    value_is(__builtin_nan(""), UNIT_COUNT, "nan");
    value_is(__builtin_inf(), UNIT_BURN, "infx");
}

static void a_line_is_cut_between_characters(void **state)
{
    (void)state;
    char text[512] = "";
    struct template_facts f = {.text = text};
    for (int i = 0; i < 150; i++)
        memcpy(text + 2 * i, "ä", 3);
    struct str out = STR_INIT;
    template_line("{{text}}", &f, SUMMARY_CHARS, &out);
    assert_int_equal(out.len, 119 * 2 + 3);
    assert_int_equal(text_utf8_valid(out.s, out.len), out.len);
    assert_string_equal(out.s + 119 * 2, "…");
    text[240] = '\0';
    str_clear(&out);
    template_line("{{text}}", &f, SUMMARY_CHARS, &out);
    assert_int_equal(out.len, 240); /* exactly as many characters are not cut */
    str_fini(&out);
    f.text = "a\r\nBcc: x\xff\xc3";
    line_is(&f, "{{text}}", "a  Bcc: x??");
}

static void a_key_is_the_problem(void **state)
{
    (void)state;
    const char *turned[] = {"tier=", "team=db"}, *other[] = {"tier=", "team=web"};
    struct str_list back = {turned, 2}, others = {other, 2};
    struct key_parts p = {.scope = "h", .name = "api latency", .labels = &some_labels};
    char a[ALERT_KEY], b[ALERT_KEY];
    alert_key(&p, a);
    assert_memory_equal(a, "api_latency-", 12);
    p.labels = &back;
    assert_string_equal(alert_key(&p, b), a);
    p.labels = &others;
    assert_string_not_equal(alert_key(&p, b), a);
    p.labels = &back;
    p.instance = "h";
    p.scope = "";
    assert_string_not_equal(alert_key(&p, b), a);
    p.name = "0123456789012345678901234567890123456789012345678901234567890123456789é";
    assert_int_equal(strlen(alert_key(&p, b)), 64);
    /* pinned: it may never change, or open incidents would stay open */
    p = (struct key_parts){.scope = "web-1", .name = "api"};
    assert_string_equal(alert_key(&p, b), "api-f3052bd2293da3a5");
}

RUN(TEST(defaults_follow_severity), TEST(mistakes_are_told), TEST(fields_are_filled_in),
    TEST(a_line_is_cut_between_characters), TEST(a_key_is_the_problem))
