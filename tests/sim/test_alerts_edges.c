/* Alerts at their edges: reloads in the middle of what they do, storms that hold a page, agents
 * that stood still, notices that have to say more than that something fires. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"

#define HOOKS                                                                                      \
    "[notify:chat]\ntype=webhook\nurl=http://127.0.0.1:9/c\n"                                      \
    "[notify:oncall]\ntype=webhook\nurl=http://127.0.0.1:9/m\nseverity=page\n"
#define FAST "for=1s\nkeep_firing=2s\nnodata_after=0s\n"
#define BASE "[supervisord]\n[program:web]\ncommand=/bin/true\n" HOOKS
#define DB "[probe:db]\ntype=tcp\nhost=127.0.0.1\nport=1\n"

static void said_nothing_yet(struct world *w)
{
    world_run(w, 500);
    world_expect(w, "");
}

/* n probes p0... and an alert about each */
static void put_many(struct str *conf, int n)
{
    for (int i = 0; i < n; i++)
        str_printf(conf,
                   "[probe:p%d]\ntype=tcp\nhost=127.0.0.1\nport=1\n[alert:a%d]\ntype=probe\n"
                   "probe=p%d\n" FAST,
                   i, i, i);
}

static void say_many(struct world *w, int n, bool ok)
{
    for (int i = 0; i < n; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        world_probe(w, name, ok);
        world_run(w, 10);
    }
}

/* A storm of warnings holds back what comes to it, but somebody has to be woken up all the same. */
static void a_page_in_a_storm_of_warnings_reaches_who_wants_pages(void **state)
{
    (void)state;
    struct world w;
    struct str conf = STR_INIT;
    str_puts(&conf, BASE DB "[alert:db]\ntype=probe\nprobe=db\nseverity=page\nrunbook=r\n" FAST);
    put_many(&conf, 30);
    world_open(&w, str_text(&conf), 1);
    world_probe(&w, "db", true);
    say_many(&w, 30, true);
    say_many(&w, 30, false);
    world_run(&w, 20000);
    assert_true(engine_counts(w.e).storm);
    assert_non_null(strstr(str_text(&w.seen), "chat digest storm\n"));
    assert_null(strstr(str_text(&w.seen), "oncall"));
    world_probe(&w, "db", false);
    world_run(&w, 20000);
    assert_string_equal(world_state(&w, "db"), "firing");
    assert_non_null(strstr(str_text(&w.seen), "oncall digest storm\n"));
    str_fini(&conf);
    world_close(&w);
}

static void take_program(void *obj, const struct engine_alert *a)
{
    if (a->gone && a->program)
        str_printf(obj, "%s of %s\n", a->name, a->program);
}

/* What is gone from the configuration, but whose end is still to be told, stands on its own feet.
 */
static void an_alert_that_is_gone_still_knows_its_program(void **state)
{
    (void)state;
    struct world w;
    struct str text = STR_INIT;
    world_open(&w, BASE "[alert:down]\ntype=program\nprogram=web\nlabels=team=core\n" FAST, 2);
    world_process(&w, "web", "RUNNING");
    said_nothing_yet(&w);
    world_process(&w, "web", "FATAL");
    world_run(&w, 3000);
    world_expect(&w, "chat firing down\n");
    w.hundred_fail = 100;
    world_reload(&w, BASE);
    world_run(&w, 3000);
    engine_alerts(w.e, NULL, take_program, &text);
    assert_string_equal(str_text(&text), "down of web\n");
    w.hundred_fail = 0;
    world_run(&w, 600000);
    world_expect(&w, "chat resolved down\n");
    assert_non_null(strstr(str_text(&w.last), " team=core")); /* who compares labels knows it */
    assert_int_equal(engine_alerts(w.e, NULL, take_program, &text), 0);
    str_fini(&text);
    world_close(&w);
}

/* The agent stands still (stopped, or its cgroup frozen) while an alert is pending: nobody has seen
 * that the condition went on to hold. */
static void time_that_stood_still_does_not_count(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] =
        BASE DB "[alert:db]\ntype=probe\nprobe=db\nfor=2m\nkeep_firing=2m\nnodata_after=0s\n";
    world_open(&w, conf, 3);
    world_probe(&w, "db", true);
    said_nothing_yet(&w);
    world_probe(&w, "db", false);
    world_run(&w, 20000);
    assert_string_equal(world_state(&w, "db"), "pending");
    fake_clock_to(mono_add(fake_clock(), DUR_S(600)));
    world_run(&w, 2000);
    assert_string_equal(world_state(&w, "db"), "pending");
    world_run(&w, 75000); /* it was to wake up in at most 15 s */
    assert_string_equal(world_state(&w, "db"), "pending");
    world_expect(&w, "");
    world_run(&w, 30000);
    world_expect(&w, "chat firing db\n");
    world_probe(&w, "db", true);
    world_run(&w, 20000);
    assert_string_equal(world_state(&w, "db"), "recovering");
    fake_clock_to(mono_add(fake_clock(), DUR_S(600)));
    world_run(&w, 75000);
    world_expect(&w, "");
    world_run(&w, 30000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

/* repeat= of the configuration in use counts, not that of when it fired. */
static void a_reload_changes_when_reminders_come(void **state)
{
    (void)state;
    struct world w;
#define REPEAT(x) BASE DB "[alert:db]\ntype=probe\nprobe=db\nrepeat=" x "\n" FAST
    world_open(&w, REPEAT("4h"), 4);
    world_probe(&w, "db", true);
    said_nothing_yet(&w);
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_expect(&w, "chat firing db\n");
    world_reload(&w, REPEAT("60s"));
    world_run(&w, 70000);
    world_expect(&w, "chat reminder db\n");
    world_reload(&w, REPEAT("0s"));
    world_run(&w, 130000);
    world_expect(&w, "");
    world_reload(&w, REPEAT("60s"));
    world_run(&w, 70000);
    world_expect(&w, "chat reminder db\n");
    world_close(&w);
}

/* The clock of the machine was years ahead, and is put right while the agent is down. */
static void a_clock_set_back_between_two_agents_silences_nobody(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    const char *v[] = {"alertname=other"};
    struct str_list list = {v, 1};
    world_open(&w, REPEAT("60s"), 5);
    world_probe(&w, "db", true);
    said_nothing_yet(&w);
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_expect(&w, "chat firing db\n");
    struct silence_request rq = {
        .matchers = &list, .author = "ann", .reason = "x", .end = {wall_now().ns + DUR_S(600).ns}};
    struct engine_ack_request ack = {.name = "db",
                                     .by = "ann",
                                     .reason = "known since noon",
                                     .until = {wall_now().ns + DUR_S(60).ns}};
    assert_true(engine_silence(w.e, &rq, &er));
    assert_int_equal(engine_ack(w.e, &ack, &er), 0);
    world_run(&w, 1000);
    world_expect(&w, "chat ack db\n");
    assert_non_null(strstr(str_text(&w.last), "acknowledged by ann: known since noon: db: the"));
    fake_set_wall(DUR_S(-300 * 86400));
    world_restart(&w, false);
    world_probe(&w, "db", false);
    world_run(&w, 1000);
    struct str why = STR_INIT;
    assert_true(engine_explain(w.e, "alert", "db", &why));
    assert_non_null(strstr(str_text(&why), "ann has acknowledged it for 1m"));
    str_fini(&why);
    world_run(&w, 200000);
    assert_non_null(strstr(str_text(&w.seen), "chat reminder db\n"));
    world_close(&w);
}

/* It says how often it came and went, and how long it was down of that time. */
static void a_flapping_notice_has_the_duty_cycle(void **state)
{
    (void)state;
    struct world w;
    struct str why = STR_INIT;
    world_open(&w, BASE DB "[alert:db]\ntype=probe\nprobe=db\nfor=0s\nkeep_firing=0s\n", 6);
    world_probe(&w, "db", true);
    for (int i = 0; i < 6 && !strstr(str_text(&w.seen), "flapping"); i++) {
        world_probe(&w, "db", false);
        world_run(&w, 30000);
        world_probe(&w, "db", true);
        world_run(&w, 10000);
    }
    assert_non_null(strstr(str_text(&w.seen), "chat flapping db\n"));
    assert_non_null(strstr(str_text(&w.last), "5 changes in 1m20s, down for 75% of it: db: "));
    assert_true(engine_explain(w.e, "alert", "db", &why));
    assert_non_null(strstr(str_text(&why), "it is flapping, and was down for 7"));
    str_fini(&why);
    world_close(&w);
}

/* That an alert cannot be evaluated is another alert than a less grave one of the same name, also
 * for Alertmanager, which compares labels. */
static void what_cannot_be_evaluated_has_labels_of_its_own(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] = BASE DB "[alert:db]\ntype=probe\nprobe=db\nseverity=info\n"
                                       "labels=team=db\nnodata_after=20s\n";
    world_open(&w, conf, 7);
    world_run(&w, 30000);
    world_expect(&w, "chat firing db\n");
    assert_non_null(strstr(str_text(&w.last), " nodata=true team=db"));
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
    world_open(&w, BASE, 16);
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

RUN(TEST(a_page_in_a_storm_of_warnings_reaches_who_wants_pages),
    TEST(an_alert_that_is_gone_still_knows_its_program), TEST(time_that_stood_still_does_not_count),
    TEST(a_reload_changes_when_reminders_come),
    TEST(a_clock_set_back_between_two_agents_silences_nobody),
    TEST(a_flapping_notice_has_the_duty_cycle),
    TEST(what_cannot_be_evaluated_has_labels_of_its_own), TEST(a_notifier_can_be_tested))
