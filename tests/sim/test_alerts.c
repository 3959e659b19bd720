/* Alerts as a whole, told exactly: what arrives at the receivers when probes fail, programs die and
 * counters rise, and the agent is killed in between. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"
#include "tests/fake/fake_store.h"

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
    assert_non_null(strstr(str_text(&why), "silence 1 of ann, upgrade"));
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

static int ack(struct world *w, const char *name, struct err *er)
{
    return engine_ack(w->e, &(struct engine_ack_request){.name = name, .by = "ann"}, er);
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
    assert_int_equal(ack(&w, "db", &er), -1);
    assert_string_equal(er.msg, "alert db does not fire");
    world_probe(&w, "db", false);
    world_run(&w, 14000);
    assert_non_null(strstr(str_text(&w.seen), "mail reminder db\n"));
    assert_int_equal(ack(&w, "db", &er), 0);
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
    assert_non_null(
        strstr(str_text(&why), "nothing is told: db explains it (supctl explain db)\n"));
    str_fini(&why);
    world_process(&w, "web", "RUNNING");
    world_process(&w, "db", "RUNNING");
    world_run(&w, 40000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

RUN(TEST(a_counter_becomes_an_alert_that_is_told_and_ends), TEST(for_and_keep_firing_hold),
    TEST(a_silence_holds_back_and_what_fires_still_is_told_after_it),
    TEST(an_acknowledged_alert_is_quiet_until_it_ends), TEST(a_child_stays_quiet_behind_its_parent),
    TEST(a_child_whose_parent_is_well_is_told_at_its_answer),
    TEST(a_reload_keeps_states_and_ends_what_is_gone),
    TEST(a_killed_agent_loses_nothing_and_doubles_nothing),
    TEST(a_notifier_that_refuses_is_an_alert_on_its_fallback), TEST(many_at_once_are_one_digest),
    TEST(what_cannot_be_evaluated_is_told_more_quietly),
    TEST(a_program_that_is_down_is_told_and_explains_those_that_need_it))
