/* Alerts while things change under them: reloads in each state, notifiers that go, silences that
 * lie over each other, clocks that are set, chains of causes. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"

#define CHAT "[notify:chat]\ntype=webhook\nurl=http://127.0.0.1:9/c\n"
#define ONCALL "[notify:oncall]\ntype=webhook\nurl=http://127.0.0.1:9/m\nseverity=critical\n"
#define TOP "[supervisord]\n[program:web]\ncommand=/bin/true\n"
#define DB "[probe:db]\ntype=tcp\nhost=127.0.0.1\nport=1\n"
#define ALERT(times, more) "[alert:db]\ntype=probe\nprobe=db\nnodata_after=0s\n" times "\n" more

static void begin(struct world *w, const char *conf, uint64_t seed)
{
    world_open(w, conf, seed);
    world_probe(w, "db", true);
    world_run(w, 500);
    world_expect(w, "");
}

static void fails_for(struct world *w, int ms)
{
    world_probe(w, "db", false);
    world_run(w, ms);
}

static void other_times_count_from_the_state_s_beginning(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=60s\nkeep_firing=60s", ""), 1);
    fails_for(&w, 20000);
    assert_string_equal(world_state(&w, "db"), "pending");
    world_reload(&w, TOP CHAT DB ALERT("for=30s\nkeep_firing=60s", ""));
    world_run(&w, 8000);
    assert_string_equal(world_state(&w, "db"), "pending");
    world_run(&w, 4000);
    world_expect(&w, "chat firing db\n");
    world_probe(&w, "db", true);
    world_run(&w, 20000);
    assert_string_equal(world_state(&w, "db"), "recovering");
    world_reload(&w, TOP CHAT DB ALERT("for=30s\nkeep_firing=30s", ""));
    world_run(&w, 8000);
    world_expect(&w, "");
    world_run(&w, 4000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

static void what_goes_while_it_recovers_is_told_to_be_over(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=1s\nkeep_firing=60s", ""), 2);
    fails_for(&w, 3000);
    world_expect(&w, "chat firing db\n");
    world_probe(&w, "db", true);
    world_run(&w, 1000);
    assert_string_equal(world_state(&w, "db"), "recovering");
    world_reload(&w, TOP CHAT DB);
    world_run(&w, 1000);
    world_expect(&w, "chat resolved db\n");
    world_reload(&w, TOP CHAT DB ALERT("for=30s\nkeep_firing=0s", ""));
    fails_for(&w, 5000);
    assert_string_equal(world_state(&w, "db"), "pending"); /* it begins anew */
    world_reload(&w, TOP CHAT DB);
    world_run(&w, 60000);
    world_expect(&w, ""); /* nobody was told of it */
    world_close(&w);
}

static void another_severity_is_an_update_of_the_same_alert(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT ONCALL DB ALERT("for=1s\nkeep_firing=1s", "severity=warning\n"), 3);
    fails_for(&w, 3000);
    world_expect(&w, "chat firing db\n");
    world_reload(&w, TOP CHAT ONCALL DB ALERT("for=1s\nkeep_firing=1s", "severity=critical\n"));
    world_run(&w, 2000);
    assert_non_null(strstr(str_text(&w.seen), "chat update db\n"));
    assert_non_null(strstr(str_text(&w.seen), "oncall firing db\n"));
    str_clear(&w.seen);
    world_reload(&w, TOP CHAT ONCALL DB ALERT("for=1s\nkeep_firing=1s", "severity=info\n"));
    world_run(&w, 2000);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    assert_non_null(strstr(str_text(&w.seen), "chat resolved db\n"));
    assert_non_null(strstr(str_text(&w.seen), "oncall resolved db\n")); /* who was told */
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

static void a_notifier_that_goes_leaves_nothing_behind(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=1s\nkeep_firing=1s", ""), 4);
    w.hundred_fail = 100;
    fails_for(&w, 10000);
    assert_true(engine_counts(w.e).waiting > 0);
    world_reload(&w, TOP "[notify:other]\ntype=webhook\nurl=http://127.0.0.1:9/o\n" DB ALERT(
                         "for=1s\nkeep_firing=1s", ""));
    w.hundred_fail = 0;
    world_run(&w, 5000);
    world_expect(&w, "other firing db\n"); /* a renamed one is a new one, and hears of it */
    assert_int_equal(engine_counts(w.e).waiting, 0);
    world_restart(&w, true);
    world_restart(&w, true);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    world_expect(&w, "other resolved db\n");
    world_close(&w);
}

static void a_notifier_that_comes_back_is_told_of_the_end(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=1s\nkeep_firing=1s", ""), 5);
    fails_for(&w, 3000);
    world_expect(&w, "chat firing db\n");
    world_reload(&w, TOP DB ALERT("for=1s\nkeep_firing=1s", ""));
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    world_expect(&w, "");
    assert_int_equal(engine_counts(w.e).debts, 1);
    world_reload(&w, TOP CHAT DB ALERT("for=1s\nkeep_firing=1s", ""));
    world_run(&w, 4000000);
    world_expect(&w, "chat resolved db\n");
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

static uint64_t silence(struct world *w, const char *matcher, int seconds)
{
    struct err er;
    const char *v[] = {matcher};
    struct str_list list = {v, 1};
    struct silence_request rq = {.matchers = &list,
                                 .author = "ann",
                                 .reason = "upgrade",
                                 .end = {wall_now().ns + DUR_S(seconds).ns}};
    uint64_t id = engine_silence(w->e, &rq, &er);
    if (!id)
        fail_msg("%s", er.msg);
    return id;
}

static void silences_over_each_other_end_with_the_last(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=1s\nkeep_firing=1s", ""), 6);
    silence(&w, "alertname=d?", 20);
    uint64_t longer = silence(&w, "alertname=[a-e]b", 60);
    fails_for(&w, 30000);
    world_expect(&w, "");
    fake_set_wall(DUR_S(7200)); /* a clock that is set makes no silence longer or shorter */
    world_run(&w, 20000);
    world_expect(&w, "");
    fake_set_wall(DUR_S(-14400));
    world_run(&w, 5000);
    world_expect(&w, "");
    world_run(&w, 10000);
    world_expect(&w, "chat firing db\n");
    assert_int_equal(engine_unsilence(w.e, longer, NULL), -1);
    silence(&w, "severity=warn*", 30);
    world_run(&w, 40000);
    world_expect(&w, "chat update db\n"); /* it was told before: it fires still */
    world_run(&w, 100000);
    world_expect(&w, "");
    world_close(&w);
}

static void a_clock_that_is_set_moves_no_timer(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=60s\nkeep_firing=60s", ""), 7);
    fails_for(&w, 30000);
    fake_set_wall(DUR_S(86400));
    world_run(&w, 25000);
    assert_string_equal(world_state(&w, "db"), "pending");
    world_run(&w, 10000);
    world_expect(&w, "chat firing db\n");
    world_probe(&w, "db", true);
    fake_set_wall(DUR_S(-2 * 86400));
    world_run(&w, 50000);
    world_expect(&w, "");
    world_run(&w, 15000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

#define CHAIN                                                                                      \
    TOP CHAT DB "[probe:gw]\ntype=tcp\nhost=127.0.0.1\nport=1\n"                                   \
                "[probe:lb]\ntype=tcp\nhost=127.0.0.1\nport=1\nparent=gw\n"                        \
                "[probe:api]\ntype=tcp\nhost=127.0.0.1\nport=1\nparent=lb\n"                       \
                "[alert:gw]\ntype=probe\nprobe=gw\nfor=1s\nkeep_firing=1s\nnodata_after=0s\n"      \
                "[alert:lb]\ntype=probe\nprobe=lb\nfor=1s\nkeep_firing=1s\nnodata_after=0s\n"      \
                "[alert:api]\ntype=probe\nprobe=api\nfor=1s\nkeep_firing=1s\nnodata_after=0s\n"

static void causes_reach_through_others_but_hold_no_end(void **state)
{
    (void)state;
    struct world w;
    begin(&w, CHAIN, 8);
    world_probe(&w, "gw", true);
    world_probe(&w, "lb", true);
    world_probe(&w, "api", true);
    world_run(&w, 60000);
    world_probe(&w, "api", false);
    world_run(&w, 2000);
    assert_non_null(strstr(str_text(&w.asked), "lb\n"));
    assert_non_null(strstr(str_text(&w.asked), "gw\n"));
    world_probe(&w, "lb", true);
    world_probe(&w, "gw", true);
    world_run(&w, 2000);
    world_expect(&w, "chat firing api\n"); /* both are well: it is its own trouble */
    world_probe(&w, "gw", false);          /* the one in between is well */
    world_run(&w, 3000);
    world_expect(&w, "chat firing gw\n");
    world_probe(&w, "api", true);
    world_run(&w, 3000);
    world_expect(&w, "chat resolved api\n"); /* an end passes */
    world_probe(&w, "api", false);
    world_run(&w, 90000);
    world_expect(&w, ""); /* behind gw, through lb */
    world_close(&w);
}

/* It comes and goes, and then stays: whoever waits for the flapping to end must hear of that. */
static void down_for_good_is_told_though_it_flaps(void **state)
{
    (void)state;
    struct world w;
    begin(&w, TOP CHAT DB ALERT("for=0s\nkeep_firing=0s", "repeat=0s\n"), 9);
    for (int i = 0; i < 8; i++) {
        fails_for(&w, 5000);
        world_probe(&w, "db", true);
        world_run(&w, 5000);
    }
    assert_non_null(strstr(str_text(&w.seen), "chat flapping db\n"));
    str_clear(&w.seen);
    w.seen.s[0] = '\0';
    fails_for(&w, 30000);
    world_expect(&w, "");
    world_run(&w, 40000);
    world_expect(&w, "chat update db\n");
    assert_non_null(strstr(str_text(&w.last), "db: the probe db has failed since"));
    world_run(&w, 600000);
    world_expect(&w, "");
    world_close(&w);
}

RUN(TEST(other_times_count_from_the_state_s_beginning),
    TEST(what_goes_while_it_recovers_is_told_to_be_over),
    TEST(another_severity_is_an_update_of_the_same_alert),
    TEST(a_notifier_that_goes_leaves_nothing_behind),
    TEST(a_notifier_that_comes_back_is_told_of_the_end),
    TEST(silences_over_each_other_end_with_the_last), TEST(a_clock_that_is_set_moves_no_timer),
    TEST(causes_reach_through_others_but_hold_no_end), TEST(down_for_good_is_told_though_it_flaps))
