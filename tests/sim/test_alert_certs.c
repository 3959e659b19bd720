/* Certificates and their alerts: what arrives at the receivers as they grow older, are renewed, and
 * cannot be looked at for a while. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"
#include "tests/fake/fake_store.h"

#include <stdio.h>

#define BASE                                                                                       \
    "[supervisord]\n"                                                                              \
    "[notify:chat]\ntype=webhook\nurl=http://127.0.0.1:9/c\nfallback=mail\n"                       \
    "[notify:mail]\ntype=webhook\nurl=http://127.0.0.1:9/m\nseverity=critical\n"
#define CERT                                                                                       \
    "[probe:site]\ntype=http\nurl=https://127.0.0.1:1/\n[alert:cert]\ntype=cert\nprobe=site\n"     \
    "runbook=r\n"

/* What a probe saw: "NAME DAYS WHERE" each, DAYS left of 300; NAME's first letter and DAYS make the
 * fingerprint. */
static void certificates(struct world *w, bool partial, const char *text)
{
    struct cert_seen v[8];
    char names[8][32], places[8][32];
    size_t n = 0;
    int days, used;
    int64_t now = wall_now().ns / 1000000000, day = 86400;
    for (; sscanf(text, " %31s %d %31s%n", names[n], &days, places[n], &used) == 3; text += used) {
        v[n] = (struct cert_seen){.not_before = now + (days - 300) * day,
                                  .not_after = now + days * day,
                                  .subject = names[n],
                                  .where = places[n],
                                  .fingerprint = {(uint8_t)names[n][0]}};
        v[n].fingerprint[1] = (uint8_t)(names[n][strlen(names[n]) - 1]);
        n++;
    }
    engine_probe(w->e, &(struct engine_probe_fact){.name = "site",
                                                   .health = HEALTH_OK,
                                                   .result = ENGINE_OK,
                                                   .since = wall_now(),
                                                   .certs = v,
                                                   .ncerts = n,
                                                   .certs_partial = partial});
    world_run(w, 1000);
}

struct firing {
    struct str certs, severity, conds;
};

static void take_firing(void *obj, const struct engine_alert *a)
{
    struct firing *f = obj;
    str_printf(&f->certs, "%s,", a->certificate ? a->certificate : "-");
    str_printf(&f->severity, "%s,", a->severity);
    str_printf(&f->conds, "%s,", cond_text(a->cond));
}

static void expect_firing(struct world *w, const char *certs, const char *severities,
                          const char *conds)
{
    struct firing f = {STR_INIT, STR_INIT, STR_INIT};
    engine_alerts(w->e, "cert", take_firing, &f);
    assert_string_equal(str_text(&f.certs), certs);
    assert_string_equal(str_text(&f.severity), severities);
    if (conds)
        assert_string_equal(str_text(&f.conds), conds);
    str_fini(&f.certs);
    str_fini(&f.severity);
    str_fini(&f.conds);
}

/* The certificates that the alert is shown for ("-": none is in a stage), and their severities. */
static void expect_certs(struct world *w, const char *certs, const char *severities)
{
    expect_firing(w, certs, severities, NULL);
}

static void a_certificate_grows_graver_by_its_stages_and_ends_renewed(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, BASE CERT, 13);
    certificates(&w, false, "shop 60 a:1");
    world_expect(&w, "");
    expect_certs(&w, "-,", "warning,");
    certificates(&w, false, "shop 20 a:1");
    world_expect(&w, "chat firing cert\n");
    expect_certs(&w, "shop,", "info,");
    certificates(&w, false, "shop 10 a:1");
    world_expect(&w, "chat update cert\n");
    world_restart(&w, true);
    world_run(&w, 5000);
    world_expect(&w, "");
    expect_firing(&w, "shop,", "warning,", "true,"); /* what was seen is known still */
    certificates(&w, false, "shop 5 a:1");
    certificates(&w, false, "shop 5 a:1");
    assert_non_null(strstr(str_text(&w.seen), "chat update cert\n"));
    assert_non_null(strstr(str_text(&w.seen), "mail firing cert\n")); /* critical now */
    expect_certs(&w, "shop,", "critical,");
    str_clear(&w.seen);
    world_run(&w, 4 * 3600 * 1000 - 60000);
    world_expect(&w, "");
    world_run(&w, 120000); /* after four hours, as of everything critical */
    world_expect(&w, "chat reminder cert\nmail reminder cert\n");
    certificates(&w, false, "shop-2 290 a:1");
    assert_non_null(strstr(str_text(&w.seen), "chat resolved cert\n"));
    assert_int_equal(engine_counts(w.e).debts, 0);
    expect_certs(&w, "-,", "warning,");
    world_close(&w);
}

static void every_stage_is_told_whatever_the_severity(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    world_open(&w, BASE CERT "severity=page\nrunbook=r\n", 21);
    certificates(&w, false, "shop 20 a:1"); /* critical, then page three times */
    world_expect(&w, "chat firing cert\nmail firing cert\n");
    certificates(&w, false, "shop 10 a:1");
    world_expect(&w, "chat update cert\nmail update cert\n");
    certificates(&w, false, "shop 5 a:1");
    world_expect(&w, "chat update cert\nmail update cert\n");
    certificates(&w, false, "shop 5 a:1");
    world_expect(&w, "");
    assert_int_equal(
        engine_ack(w.e, &(struct engine_ack_request){.name = "cert", .by = "ann"}, &er), 0);
    world_run(&w, 1000);
    world_expect(&w, "chat ack cert\nmail ack cert\n");
    certificates(&w, false, "shop -1 a:1"); /* graver: past the acknowledgement */
    world_expect(&w, "chat update cert\nmail update cert\n");
    world_close(&w);
}

/* Who is only told of what is critical hears of it when it is, though somebody has taken it. */
static void an_acknowledged_certificate_that_grows_graver_finds_the_next_notifier(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    world_open(&w, BASE CERT, 22);
    certificates(&w, false, "shop 10 a:1"); /* a warning */
    world_expect(&w, "chat firing cert\n");
    assert_int_equal(
        engine_ack(w.e, &(struct engine_ack_request){.name = "cert", .by = "ann"}, &er), 0);
    world_run(&w, 1000);
    world_expect(&w, "chat ack cert\n");
    certificates(&w, false, "shop 5 a:1");
    world_expect(&w, "chat update cert\nmail firing cert\n");
    certificates(&w, false, "shop-2 290 a:1");
    world_expect(&w, "chat resolved cert\nmail resolved cert\n");
    world_close(&w);
}

/* To Alertmanager another severity is another alert: until it is told of that it hears of the old
 * one, or both would fire there. */
static void what_is_told_again_has_the_severity_that_was_told(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    const char *v[] = {"alertname=cert"};
    struct str_list list = {v, 1};
    world_open(&w, "[supervisord]\n[notify:am]\ntype=alertmanager\nurls=http://127.0.0.1:9\n" CERT,
               24);
    certificates(&w, false, "shop 10 a:1");
    world_expect(&w, "am firing cert\n");
    uint64_t id = engine_silence(w.e,
                                 &(struct silence_request){.matchers = &list,
                                                           .author = "ann",
                                                           .reason = "r",
                                                           .end = {wall_now().ns + DUR_S(600).ns}},
                                 &er);
    certificates(&w, false, "shop 5 a:1");
    expect_certs(&w, "shop,", "critical,");
    uint64_t told = w.arrivals;
    world_run(&w, 130000);
    assert_true(w.arrivals >= told + 2);
    assert_string_equal(w.severity, "warning");
    engine_unsilence(w.e, id, &er);
    world_run(&w, 1000);
    world_expect(&w, "am update cert\n");
    assert_string_equal(w.severity, "critical");
    world_run(&w, 130000);
    assert_string_equal(w.severity, "critical");
    world_close(&w);
}

static void no_certificate_hides_behind_another(void **state)
{
    (void)state;
    struct world w;
    struct str why = STR_INIT;
    world_open(&w, BASE CERT, 22);
    certificates(&w, false, "one 5 /1.pem two 60 /2.pem");
    expect_certs(&w, "one,", "critical,");
    world_run(&w, 5000);
    str_clear(&w.seen);
    w.seen.s[0] = '\0';
    certificates(&w, false, "one 5 /1.pem two 20 /2.pem");
    world_expect(&w, "chat firing cert\n");
    assert_true(engine_explain(w.e, "alert", "cert", &why));
    assert_non_null(strstr(str_text(&why), "the probe site sees 2 certificates\n"));
    assert_non_null(strstr(str_text(&why), "the certificate one expires in "));
    assert_non_null(strstr(str_text(&why), "the certificate two expires in "));
    str_fini(&why);
    /* what cannot be looked at is neither renewed nor gone */
    certificates(&w, true, "two 20 /2.pem");
    world_expect(&w, "");
    expect_firing(&w, "one,two,", "critical,info,", "true,true,"); /* as it was seen before */
    world_restart(&w, true);
    certificates(&w, true, "two 20 /2.pem");
    world_expect(&w, "");
    expect_firing(&w, "one,two,", "critical,info,", "true,true,");
    certificates(&w, true, "one-2 299 /1.pem");
    world_expect(&w, "chat resolved cert\nmail resolved cert\n");
    expect_certs(&w, "two,", "info,");
    world_restart(&w, false);
    certificates(&w, false, "one-2 299 /1.pem two 20 /2.pem");
    world_expect(&w, "");
    certificates(&w, false, "one-2 299 /1.pem");
    world_expect(&w, "chat resolved cert\n");
    expect_certs(&w, "-,", "warning,");
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

static void certificates_of_a_section_that_goes_are_told_to_end(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, BASE CERT, 23);
    certificates(&w, false, "one 20 /1.pem two 20 /2.pem");
    world_expect(&w, "chat firing cert\nchat firing cert\n");
    world_reload(&w, BASE CERT "stages=20d\n"); /* limits are not what an alert is */
    certificates(&w, false, "one 18 /1.pem two 30 /2.pem");
    world_run(&w, 2000);
    expect_certs(&w, "one,", "critical,");
    str_clear(&w.seen);
    w.seen.s[0] = '\0';
    world_reload(&w, BASE);
    world_run(&w, 3000);
    world_expect(&w, "chat resolved cert\nmail resolved cert\n");
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

/* As behind a balancer of which one server still has the old one. */
static void one_that_comes_and_goes_flaps_and_is_forgotten_a_day_later(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, BASE CERT, 24);
    certificates(&w, false, "shop 290 a:1");
    size_t before = fake_disk_records("alert");
    for (int i = 0; i < 3; i++) {
        certificates(&w, false, "Shop 20 a:1");
        certificates(&w, false, "shop 290 a:1");
    }
    world_run(&w, 5000);
    assert_non_null(strstr(str_text(&w.seen), "chat flapping cert\n"));
    str_clear(&w.seen);
    for (int i = 0; i < 5; i++) {
        certificates(&w, false, "Shop 20 a:1");
        certificates(&w, false, "shop 290 a:1");
    }
    world_expect(&w, "");
    assert_int_equal(fake_disk_records("alert"), before + 1);
    world_run(&w, 23 * 3600 * 1000);
    world_expect(&w, "chat resolved cert\n");
    world_restart(&w, true);
    certificates(&w, false, "shop 290 a:1");
    assert_int_equal(fake_disk_records("alert"), before + 1);
    world_run(&w, 2 * 3600 * 1000);
    assert_int_equal(fake_disk_records("alert"), before);
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

RUN(TEST(a_certificate_grows_graver_by_its_stages_and_ends_renewed),
    TEST(every_stage_is_told_whatever_the_severity),
    TEST(an_acknowledged_certificate_that_grows_graver_finds_the_next_notifier),
    TEST(what_is_told_again_has_the_severity_that_was_told),
    TEST(no_certificate_hides_behind_another),
    TEST(certificates_of_a_section_that_goes_are_told_to_end),
    TEST(one_that_comes_and_goes_flaps_and_is_forgotten_a_day_later))
