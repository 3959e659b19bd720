/* Alerts as a whole, told exactly: what arrives at the receivers when probes fail, programs die and
 * counters rise, and the agent is killed in between. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"
#include "tests/fake/fake_store.h"

#include <stdio.h>

#define HOOKS                                                                                      \
    "[notify:chat]\ntype=webhook\nurl=http://127.0.0.1:9/c\nfallback=mail\n"                       \
    "[notify:mail]\ntype=webhook\nurl=http://127.0.0.1:9/m\nseverity=critical\n"
#define PROBES                                                                                     \
    "[probe:db]\ntype=tcp\nhost=127.0.0.1\nport=1\n"                                               \
    "[probe:api]\ntype=tcp\nhost=127.0.0.1\nport=2\nparent=db\n"
#define FAST "for=1s\nkeep_firing=2s\nnodata_after=0s\n"
#define BASE "[supervisord]\n[program:web]\ncommand=/bin/true\n" HOOKS PROBES
static const char basic[] = BASE "[alert:db]\ntype=probe\nprobe=db\nlabels=team=db\n" FAST
                                 "[alert:api]\ntype=probe\nprobe=api\n" FAST;

static void well(struct world *w)
{
    world_probe(w, "db", true);
    world_probe(w, "api", true);
    world_run(w, 2000);
    world_expect(w, "");
}

static void a_counter_becomes_an_alert_that_is_told_and_ends(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] = BASE "[metric:req]\ntype=counter\ntotal=req\nerrors=bad\ncell=1s\n"
                                    "[alert:errors]\ntype=ratio\nmetric=req\nover=10%\nwindow=1m\n"
                                    "severity=critical\nsummary={{name}} {{value}} of {{n}}\n"
                                    "for=5s\nkeep_firing=5s\n";
    world_open(&w, conf, 1);
    for (int s = 0; s < 150; s++) {
        const char *text = s >= 30 && s < 50 ? "req:20|c\nbad:15|c" : "req:20|c";
        feed_statsd(engine_feed(w.e), mono_now(), text, strlen(text));
        world_run(&w, 1000);
        if (s == 29)
            assert_string_equal(world_state(&w, "errors"), "ok");
        if (s == 38)
            assert_string_equal(world_state(&w, "errors"), "pending");
    }
    assert_string_equal(world_state(&w, "errors"), "ok");
    struct engine_counts c = engine_counts(w.e);
    assert_int_equal(c.debts, 0);
    assert_int_equal(c.waiting, 0);
    assert_int_equal(c.notices, 4);
    const char *seen = str_text(&w.seen);
    assert_non_null(strstr(seen, "chat firing errors\n"));
    assert_non_null(strstr(seen, "mail firing errors\n"));
    assert_true(strstr(seen, "chat resolved errors\n") > strstr(seen, "chat firing errors\n"));
    world_close(&w);
}

static void for_and_keep_firing_hold(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 2);
    well(&w);
    world_probe(&w, "db", false);
    assert_string_equal(world_state(&w, "db"), "pending");
    world_run(&w, 900);
    world_expect(&w, "");
    world_run(&w, 500);
    world_expect(&w, "chat firing db\n"); /* mail wants critical ones */
    world_probe(&w, "db", true);
    world_run(&w, 1500);
    assert_string_equal(world_state(&w, "db"), "recovering");
    world_expect(&w, "");
    world_run(&w, 1000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

static uint64_t silence(struct world *w, const char *matcher, int seconds)
{
    struct err er;
    const char *v[] = {matcher};
    struct str_list list = {v, 1};
    wall_t end = {wall_now().ns + DUR_S(seconds).ns};
    uint64_t id =
        engine_silence(w->e,
                       &(struct silence_request){
                           .matchers = &list, .author = "ann", .reason = "upgrade", .end = end},
                       &er);
    if (!id)
        fail_msg("%s", er.msg);
    return id;
}

static void a_silence_holds_back_and_what_fires_still_is_told_after_it(void **state)
{
    (void)state;
    struct world w;
    struct str why = STR_INIT;
    world_open(&w, basic, 3);
    well(&w);
    silence(&w, "team=db", 20);
    world_probe(&w, "db", false);
    world_run(&w, 5000);
    world_expect(&w, "");
    assert_string_equal(world_state(&w, "db"), "firing");
    assert_true(engine_explain(w.e, "alert", "db", &why));
    assert_non_null(strstr(str_text(&why), "silence 1 of ann (upgrade)"));
    str_fini(&why);
    world_restart(&w, true); /* silences survive */
    world_probe(&w, "db", false);
    world_run(&w, 10000);
    world_expect(&w, "");
    world_run(&w, 8000);
    world_expect(&w, "chat firing db\n");
    uint64_t id = silence(&w, "alertname=*b", 600);
    world_probe(&w, "db", true);
    world_run(&w, 4000);
    world_expect(&w, "chat resolved db\n"); /* a debt passes every silence */
    world_probe(&w, "db", false);
    world_run(&w, 4000);
    world_expect(&w, "");
    assert_int_equal(engine_unsilence(w.e, id, NULL), 0);
    world_run(&w, 1000);
    world_expect(&w, "chat firing db\n");
    world_close(&w);
}

static void an_acknowledged_alert_is_quiet_until_it_ends(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    static const char conf[] =
        BASE "[alert:db]\ntype=probe\nprobe=db\nrepeat=10s\nseverity=critical\n" FAST;
    world_open(&w, conf, 4);
    well(&w);
    assert_int_equal(engine_ack(w.e, "db", "ann", (wall_t){0}, &er), -1);
    assert_string_equal(er.msg, "alert db does not fire");
    world_probe(&w, "db", false);
    world_run(&w, 14000);
    assert_non_null(strstr(str_text(&w.seen), "mail reminder db\n"));
    assert_int_equal(engine_ack(w.e, "db", "ann", (wall_t){0}, &er), 0);
    world_run(&w, 1000);
    assert_non_null(strstr(str_text(&w.seen), "chat ack db\n"));
    str_clear(&w.seen);
    w.seen.s[0] = '\0';
    world_run(&w, 60000);
    world_expect(&w, "");
    world_probe(&w, "db", true);
    world_run(&w, 6000);
    assert_non_null(strstr(str_text(&w.seen), "chat resolved db\n"));
    world_close(&w);
}

static void a_child_stays_quiet_behind_its_parent(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 5);
    well(&w);
    world_run(&w, 30000);
    world_probe(&w, "api", false); /* the child is the first to notice */
    world_run(&w, 5000);
    assert_string_equal(str_text(&w.asked), "db\n");
    assert_string_equal(world_state(&w, "api"), "firing");
    world_expect(&w, "");
    world_probe(&w, "db", false);
    world_run(&w, 60000);
    world_expect(&w, "chat firing db\n");
    world_probe(&w, "db", true); /* it gets a moment to be well, too */
    world_run(&w, 10000);
    world_expect(&w, "chat resolved db\n");
    assert_non_null(strstr(str_text(&w.asked), "api\n"));
    world_run(&w, 30000);
    world_expect(&w, "chat firing api\n");
    world_probe(&w, "api", true);
    world_run(&w, 4000);
    world_expect(&w, "chat resolved api\n");
    world_close(&w);
}

static void a_child_whose_parent_is_well_is_told_at_its_answer(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 6);
    well(&w);
    world_run(&w, 30000);
    world_probe(&w, "api", false);
    world_run(&w, 5000);
    world_expect(&w, "");
    world_probe(&w, "db", true);
    world_run(&w, 500);
    world_expect(&w, "chat firing api\n");
    world_close(&w);
}

static void a_reload_keeps_states_and_ends_what_is_gone(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 7);
    well(&w);
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_expect(&w, "chat firing db\n");
    world_reload(&w, basic);
    world_run(&w, 3000);
    world_expect(&w, "");
    assert_string_equal(world_state(&w, "db"), "firing");
    world_reload(&w, BASE "[alert:api]\ntype=probe\nprobe=api\n" FAST);
    world_run(&w, 3000);
    world_expect(&w, "chat resolved db\n");
    assert_string_equal(world_state(&w, "db"), "");
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

static void a_killed_agent_loses_nothing_and_doubles_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 8);
    well(&w);
    w.hundred_fail = 100;
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_restart(&w, true);
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_expect(&w, "");
    world_restart(&w, false);
    w.hundred_fail = 0;
    world_probe(&w, "db", false);
    world_run(&w, 30000);
    assert_non_null(strstr(str_text(&w.seen), "chat firing db\n"));
    assert_int_equal(engine_counts(w.e).waiting, 0);
    world_restart(&w, true);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    assert_non_null(strstr(str_text(&w.seen), "chat resolved db\n"));
    assert_int_equal(fake_disk_records("outbox"), 0);
    assert_int_equal(fake_disk_records("notice"), 0);
    world_close(&w);
}

static void a_full_disk_is_no_reason_to_be_silent(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 9);
    well(&w);
    fake_disk_fail(true);
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_expect(&w, "chat firing db\n");
    assert_true(engine_counts(w.e).store_errors > 0);
    fake_disk_fail(false);
    world_run(&w, 15000);
    world_restart(&w, true);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    world_expect(&w, "chat resolved db\n"); /* what failed was written later */
    world_close(&w);
}

static void a_notifier_that_refuses_is_an_alert_on_its_fallback(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 10);
    well(&w);
    w.refuses = "chat";
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    assert_non_null(strstr(str_text(&w.seen), "mail firing db\n")); /* the copy */
    assert_non_null(strstr(str_text(&w.seen), "mail firing notify:chat\n"));
    world_close(&w);
}

static void many_at_once_are_one_digest(void **state)
{
    (void)state;
    struct world w;
    struct str conf = STR_INIT;
    str_puts(&conf, BASE);
    for (int i = 0; i < 40; i++)
        str_printf(&conf,
                   "[probe:p%d]\ntype=tcp\nhost=127.0.0.1\nport=1\n[alert:a%d]\ntype=probe\n"
                   "probe=p%d\n" FAST,
                   i, i, i);
    world_open(&w, str_text(&conf), 11);
    for (int i = 0; i < 80; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i % 40);
        world_probe(&w, name, i < 40);
        world_run(&w, 10);
    }
    world_run(&w, 30000);
    assert_non_null(strstr(str_text(&w.seen), "chat digest storm\n"));
    unsigned single = 0;
    for (const char *p = str_text(&w.seen); (p = strstr(p, "chat firing a")); p++)
        single++;
    assert_int_equal(single, 20);
    assert_true(engine_counts(w.e).storm);
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        world_probe(&w, name, true);
    }
    world_run(&w, 120000);
    assert_false(engine_counts(w.e).storm);
    assert_int_equal(engine_counts(w.e).debts, 0);
    str_fini(&conf);
    world_close(&w);
}

static void what_cannot_be_evaluated_is_told_more_quietly(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] = BASE "[alert:db]\ntype=probe\nprobe=db\nseverity=critical\nfor=1s\n"
                                    "keep_firing=1s\nnodata_after=20s\n";
    world_open(&w, conf, 12);
    world_run(&w, 10000);
    world_expect(&w, "");
    world_run(&w, 15000);
    world_expect(&w, "chat firing db\n"); /* a warning: mail is not told */
    assert_string_equal(world_state(&w, "db"), "ok");
    world_probe(&w, "db", true);
    world_run(&w, 1000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

#define CERT                                                                                       \
    "[probe:site]\ntype=http\nurl=https://127.0.0.1:1/\n[alert:cert]\ntype=cert\nprobe=site\n"

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
    world_expect(&w, ""); /* nothing is known yet, and so nothing ends */
    certificates(&w, false, "shop 5 a:1");
    certificates(&w, false, "shop 5 a:1");
    assert_non_null(strstr(str_text(&w.seen), "chat update cert\n"));
    assert_non_null(strstr(str_text(&w.seen), "mail firing cert\n")); /* critical now */
    expect_certs(&w, "shop,", "critical,");
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
    assert_int_equal(engine_ack(w.e, "cert", "ann", (wall_t){0}, &er), 0);
    world_run(&w, 1000);
    world_expect(&w, "chat ack cert\nmail ack cert\n");
    certificates(&w, false, "shop -1 a:1"); /* graver: past the acknowledgement */
    world_expect(&w, "chat update cert\nmail update cert\n");
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
    expect_firing(&w, "one,two,", "critical,info,", "unknown,true,");
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

static void a_program_that_is_down_is_told_and_explains_those_that_need_it(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] = "[supervisord]\n[program:db]\ncommand=/bin/true\n"
                               "[program:web]\ncommand=/bin/true\ndepends_on=db\n" HOOKS
                               "[alert:db]\ntype=program\nprogram=db\n" FAST
                               "[alert:web]\ntype=program\nprogram=web\n" FAST;
    world_open(&w, conf, 14);
    world_process(&w, "db", "RUNNING");
    world_process(&w, "web", "RUNNING");
    world_run(&w, 1000);
    world_process(&w, "db", "FATAL");
    world_process(&w, "web", "FATAL");
    world_run(&w, 40000);
    world_expect(&w, "chat firing db\n");
    struct str why = STR_INIT;
    assert_true(engine_explain(w.e, "alert", "web", &why));
    assert_non_null(strstr(str_text(&why), "it stays quiet behind db\n"));
    str_fini(&why);
    world_process(&w, "web", "RUNNING");
    world_process(&w, "db", "RUNNING");
    world_run(&w, 40000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

static void alertmanager_hears_again_of_what_fires(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] =
        "[supervisord]\n[notify:am]\ntype=alertmanager\nurls=http://127.0.0.1:9\n" PROBES
        "[alert:db]\ntype=probe\nprobe=db\n" FAST;
    world_open(&w, conf, 15);
    world_probe(&w, "db", true);
    world_run(&w, 1000);
    world_probe(&w, "db", false);
    world_run(&w, 310000);
    world_expect(&w, "am firing db\n");
    assert_true(w.arrivals >= 5 && w.arrivals <= 7);
    world_probe(&w, "db", true);
    world_run(&w, 310000);
    world_expect(&w, "am resolved db\n");
    assert_true(w.arrivals <= 8);
    world_close(&w);
}

static void on_tested(void *obj, bool delivered, const char *text)
{
    assert_string_equal(text, delivered ? "delivered" : "no way");
    *(int *)obj = delivered ? 1 : -1;
}

static void a_notifier_can_be_tested(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    int result = 0;
    world_open(&w, basic, 16);
    assert_int_equal(engine_test(w.e, "nobody", on_tested, &result, &er), -1);
    assert_int_equal(engine_test(w.e, "chat", on_tested, &result, &er), 0);
    assert_int_equal(result, 0);
    world_run(&w, 1000);
    assert_int_equal(result, 1);
    world_expect(&w, "chat test test\n");
    w.hundred_fail = 100;
    assert_int_equal(engine_test(w.e, "chat", on_tested, &result, &er), 0);
    world_run(&w, 1000);
    assert_int_equal(result, -1);
    world_close(&w);
}

RUN(TEST(a_counter_becomes_an_alert_that_is_told_and_ends), TEST(for_and_keep_firing_hold),
    TEST(a_silence_holds_back_and_what_fires_still_is_told_after_it),
    TEST(an_acknowledged_alert_is_quiet_until_it_ends), TEST(a_child_stays_quiet_behind_its_parent),
    TEST(a_child_whose_parent_is_well_is_told_at_its_answer),
    TEST(a_reload_keeps_states_and_ends_what_is_gone),
    TEST(a_killed_agent_loses_nothing_and_doubles_nothing),
    TEST(a_full_disk_is_no_reason_to_be_silent),
    TEST(a_notifier_that_refuses_is_an_alert_on_its_fallback), TEST(many_at_once_are_one_digest),
    TEST(what_cannot_be_evaluated_is_told_more_quietly),
    TEST(a_certificate_grows_graver_by_its_stages_and_ends_renewed),
    TEST(every_stage_is_told_whatever_the_severity), TEST(no_certificate_hides_behind_another),
    TEST(certificates_of_a_section_that_goes_are_told_to_end),
    TEST(a_program_that_is_down_is_told_and_explains_those_that_need_it),
    TEST(alertmanager_hears_again_of_what_fires), TEST(a_notifier_can_be_tested))
