/* A changed configuration on a running supervisor, played exactly: what changed is done, and
 * nothing else is touched. */
#include "tests/fake/play.h"

#include "supervisor/run/reload.h"

#include <string.h>

static struct str told;
static int done;

static void what(void *obj, const char *group, const char *text)
{
    (void)obj;
    str_printf(&told, "%s %s\n", group, text);
}

static void finished(void *obj)
{
    (void)obj;
    done++;
}

/* the cue: play.conf as it is by then becomes the configuration */
static void update(struct sup *s)
{
    struct err e = {0};
    live_gen_unref(&s->pending);
    s->pending = stage_gen(s, &play.conf);
    if (reload_apply(s, NULL, 0, what, finished, s, &e) < 0)
        fail_msg("%s", e.msg);
}

static void three(void)
{
    play_begin();
    str_init(&told, 0);
    done = 0;
    play_add("a", 1, "a");
    play_add("b", 2, "b");
    play_add("c", 3, "c1");
    play_add("c", 3, "c2");
    play_open();
}

static void was_told(const char *text)
{
    assert_string_equal(str_text(&told), text);
    assert_int_equal(done, 1);
    str_fini(&told);
}

static void nothing_changed_means_nothing_is_done(void **state)
{
    (void)state;
    three();
    CUE(2000, update, &play.s);
    CUE(3000, play_term, &play.s);
    play_expect("0 start a\n0 start b\n0 start c1\n0 start c2\n"
                "3000 SIGTERM c1\n3000 SIGTERM c2\n3020 death c1\n3020 death c2\n"
                "3020 SIGTERM b\n3040 death b\n3040 SIGTERM a\n3060 death a\n",
                0);
    was_told("");
}

static void change_all(struct sup *s)
{
    struct gen_make *m = &play.conf;
    m->procs[1].rec.hot_digest = 1; /* b: only what is hot */
    m->procs[1].stops[0].sig = 2;
    m->procs[2].rec.restart_digest = 1; /* c1: what needs a restart */
    update(s);
}

static void a_hot_change_keeps_the_process_and_a_cold_one_restarts_just_that_one(void **state)
{
    (void)state;
    three();
    CUE(2000, change_all, &play.s);
    CUE(5000, play_term, &play.s);
    play_expect("0 start a\n0 start b\n0 start c1\n0 start c2\n"
                "2000 SIGTERM c1\n2020 death c1\n2020 start c1\n"
                "5000 SIGTERM c1\n5000 SIGTERM c2\n5020 death c1\n5020 death c2\n"
                "5020 SIGINT b\n5040 death b\n5040 SIGTERM a\n5060 death a\n",
                0);
    was_told("b updated\nc updated\n");
}

/* a's start counted for an hour, b waited as long for its retry */
static void shorten(struct sup *s)
{
    for (int i = 0; i < 2; i++) {
        play.conf.procs[i].rec.hot_digest = 1;
        play.conf.procs[i].opts.startsecs_ns = SEC;
        play.conf.procs[i].opts.backoff_ns = SEC;
    }
    update(s);
}

static void look_at_a(struct sup *s)
{
    (void)s;
    assert_int_equal(proc_life(play_proc("a"))->state, PROC_RUNNING);
}

static void a_hot_change_reaches_what_waits(void **state)
{
    (void)state;
    play_begin();
    str_init(&told, 0);
    done = 0;
    play_add("a", 1, "a")->startsecs_ns = 3600 * SEC;
    play_add("b", 2, "b")->backoff_ns = 3600 * SEC;
    *play_fate("b") = (struct fake_fate){.lives = DUR_MS(500), .obeys = DUR_MS(20)};
    play_open();
    CUE(4000, shorten, &play.s);
    CUE(4001, look_at_a, &play.s);
    CUE(4300, play_term, &play.s);
    play_expect("0 start a\n0 start b\n500 death b\n4000 start b\n"
                "4300 SIGTERM b\n4320 death b\n4320 SIGTERM a\n4340 death a\n",
                0);
    was_told("a updated\nb updated\n");
}

/* c shrinks to one process, d comes */
static void swap_groups(struct sup *s)
{
    struct gen_make *m = &play.conf;
    m->groups[2].nprocs--;
    m->nprocs--;
    play_add("d", 0, "d");
    update(s);
}

static void what_goes_is_stopped_and_what_comes_is_started(void **state)
{
    (void)state;
    three();
    CUE(2000, swap_groups, &play.s);
    CUE(5000, play_term, &play.s);
    play_expect("0 start a\n0 start b\n0 start c1\n0 start c2\n"
                "2000 SIGTERM c2\n2000 start d\n2020 death c2\n"
                "5000 SIGTERM c1\n5020 death c1\n5020 SIGTERM b\n5040 death b\n"
                "5040 SIGTERM a\n5060 death a\n5060 SIGTERM d\n5080 death d\n",
                0);
    was_told("d added\nc updated\n");
}

static void drop_c(struct sup *s)
{
    play.conf.ngroups--;
    play.conf.nprocs -= 2;
    update(s);
}

static void a_group_that_goes_is_gone_when_its_processes_are_dead(void **state)
{
    (void)state;
    three();
    play_fate("c2")->obeys = DUR_S(-1);
    CUE(2000, drop_c, &play.s);
    CUE(15000, play_term, &play.s);
    play_run();
    assert_non_null(strstr(str_text(&play.seen),
                           "2000 SIGTERM c1\n2000 SIGTERM c2\n2020 death c1\n12000 SIGKILL c2\n"));
    assert_null(group_find(&play.s, "c"));
    was_told("c stopped\nc removed\n");
    play_close();
}

static void change_b(struct sup *s)
{
    play.conf.procs[1].rec.restart_digest = 1;
    update(s);
}

static void start_b(struct sup *s)
{
    (void)s;
    proc_start(play_proc("b"), PROC_WHY_OPERATOR);
}

static void a_start_by_hand_in_the_midst_of_an_update_does_not_hold_it_up(void **state)
{
    (void)state;
    three();
    CUE(2000, change_b, &play.s);
    CUE(2010, start_b, &play.s);
    CUE(5000, play_term, &play.s);
    play_run();
    assert_non_null(
        strstr(str_text(&play.seen), "2000 SIGTERM b\n2020 death b\n2020 start b\n5000"));
    was_told("b updated\n");
    play_close();
}

static void stop_b(struct sup *s)
{
    (void)s;
    proc_stop(play_proc("b"));
}

static void a_stop_by_hand_in_the_midst_of_an_update_wins(void **state)
{
    (void)state;
    three();
    CUE(2000, change_b, &play.s);
    CUE(2010, stop_b, &play.s);
    CUE(5000, play_term, &play.s);
    play_run();
    assert_non_null(strstr(str_text(&play.seen), "2000 SIGTERM b\n2020 death b\n5000"));
    was_told("b updated\n");
    play_close();
}

static void c_stands_in_nobodys_way(struct sup *s)
{
    assert_int_equal(done, 1);
    assert_string_equal(str_text(&told),
                        "c cannot be stopped: it goes when its processes end by themselves\n");
    assert_non_null(group_find(s, "c"));
    fake_heal();
}

static void c_has_gone(struct sup *s)
{
    assert_null(group_find(s, "c"));
    play_term(s);
}

static void what_cannot_be_signalled_holds_no_update_up(void **state)
{
    (void)state;
    three();
    play_fate("c1")->untouchable = true;
    CUE(2000, drop_c, &play.s);
    CUE(30000, c_stands_in_nobodys_way, &play.s);
    CUE(40000, c_has_gone, &play.s);
    play_run();
    play_close();
    str_fini(&told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_changed_means_nothing_is_done),
        cmocka_unit_test(a_hot_change_keeps_the_process_and_a_cold_one_restarts_just_that_one),
        cmocka_unit_test(a_hot_change_reaches_what_waits),
        cmocka_unit_test(what_goes_is_stopped_and_what_comes_is_started),
        cmocka_unit_test(a_group_that_goes_is_gone_when_its_processes_are_dead),
        cmocka_unit_test(a_start_by_hand_in_the_midst_of_an_update_does_not_hold_it_up),
        cmocka_unit_test(a_stop_by_hand_in_the_midst_of_an_update_wins),
        cmocka_unit_test(what_cannot_be_signalled_holds_no_update_up),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
