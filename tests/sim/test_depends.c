/* Programs that wait for each other in small worlds that are told exactly: in which order they are
 * started and stopped, and what they wait for; and a walk through random worlds. */
#include "tests/fake/play.h"

#include "supervisor/base/rng.h"

#include <stdio.h>
#include <string.h>

static void add(const char *name)
{
    play_add(name, 999, name);
}

static void starts_in_waves_and_stops_in_reverse(void **state)
{
    (void)state;
    play_begin();
    add("app");
    play_dep("db", ORDER_READY, true);
    play_dep("cache", ORDER_STARTED, true);
    add("cache");
    add("db");
    add("web");
    play_dep("app", ORDER_READY, true);
    play_fate("web")->obeys = DUR_MS(50);
    play_open();
    CUE(5000, play_term, &play.s);
    /* cache and db together, app when db is up for a second, web a second later */
    play_expect("0 start cache\n0 start db\n1000 start app\n2000 start web\n"
                "5000 SIGTERM web\n5050 death web\n5050 SIGTERM app\n5070 death app\n"
                "5070 SIGTERM cache\n5070 SIGTERM db\n5090 death cache\n5090 death db\n",
                0);
}

static void a_need_goes_before_a_priority(void **state)
{
    (void)state;
    play_begin();
    play_add("web", 1, "web");
    play_dep("db", ORDER_STARTED, true);
    play_add("other", 500, "other");
    play_add("db", 999, "db");
    play_open();
    CUE(2000, play_term, &play.s);
    play_expect("0 start other\n0 start db\n0 start web\n"
                "2000 SIGTERM other\n2020 death other\n2020 SIGTERM web\n2040 death web\n"
                "2040 SIGTERM db\n2060 death db\n",
                0);
}

static void who_needs_one_that_failed_waits_and_goes_on_when_it_is_up(void **state)
{
    (void)state;
    play_begin();
    add("web");
    play_dep("db", ORDER_READY, true);
    add("db");
    *play_fate("db") = (struct fake_fate){.lives = DUR_MS(100), .status = 1 << 8};
    play_open();
    CUE(60000, play_term, &play.s);
    loop_timer_stop(&play.cue[0]);
    while (proc_life(play_proc("db"))->state != PROC_FATAL) {
        struct loop_timer stop;
        LOOP_TIMER(&stop, play.s.loop, loop_stop, play.s.loop);
        loop_timer_at(&stop, mono_add(fake_clock(), DUR_MS(50)));
        loop_run(play.s.loop);
    }
    struct str text = STR_INIT;
    assert_int_equal(proc_life(play_proc("web"))->state, PROC_STARTING);
    assert_true(order_is_stuck(play_proc("web")));
    order_waits_for(play_proc("web"), &text);
    assert_string_equal(str_text(&text), "db: FATAL, exit status 1");
    str_fini(&text);
    assert_null(strstr(str_text(&play.seen), "start web"));
    *play_fate("db") = (struct fake_fate){.obeys = DUR_MS(20)};
    proc_start(play_proc("db"), PROC_WHY_OPERATOR);
    loop_timer_at(&play.cue[0], mono_add(fake_clock(), DUR_S(5)));
    play_run();
    assert_non_null(strstr(str_text(&play.seen), "start web"));
    play_close();
}

static void a_setup_is_a_gate_that_is_tried_again(void **state)
{
    (void)state;
    play_begin();
    add("web");
    play_dep("setup", ORDER_DONE, true);
    add("setup");
    play_order()->type = PROG_SETUP;
    *play_fate("setup") = (struct fake_fate){.lives = DUR_MS(300), .status = 1 << 8};
    play_open();
    CUE(2500, play_term, &play.s);
    play_expect("0 start setup\n300 death setup\n1300 start setup\n1600 death setup\n", 0);
}

static void a_oneshot_is_done_once_and_is_not_run_again(void **state)
{
    (void)state;
    play_begin();
    add("web");
    play_dep("job", ORDER_READY, true);
    add("job");
    play_order()->type = PROG_ONESHOT;
    *play_fate("job") = (struct fake_fate){.lives = DUR_MS(300)};
    *play_fate("web") =
        (struct fake_fate){.lives = DUR_MS(2000), .status = 1 << 8, .obeys = DUR_MS(20)};
    play_open();
    CUE(4000, play_term, &play.s);
    play_expect("0 start job\n300 death job\n300 start web\n2300 death web\n2300 start web\n"
                "4000 SIGTERM web\n4020 death web\n",
                0);
}

static void start_db_too(struct proc *p)
{
    proc_start(p, PROC_WHY_OPERATOR);
}

static void a_start_by_hand_starts_what_it_needs(void **state)
{
    (void)state;
    play_begin();
    play_add("db", 999, "db")->autostart = 0;
    play_add("web", 999, "web")->autostart = 0;
    play_dep("db", ORDER_READY, true);
    play_add("soft", 999, "soft")->autostart = 0;
    play_dep("other", ORDER_READY, false);
    play_add("other", 999, "other")->autostart = 0;
    play_fate("soft")->obeys = DUR_MS(50);
    play_open();
    CUE(500, start_db_too, play_proc("web"));
    CUE(600, start_db_too, play_proc("soft"));
    CUE(5000, play_term, &play.s);
    play_expect("500 start db\n600 start soft\n1500 start web\n"
                "5000 SIGTERM web\n5000 SIGTERM soft\n5020 death web\n5020 SIGTERM db\n"
                "5040 death db\n5050 death soft\n",
                0);
}

static void start_by_update(struct proc *p)
{
    proc_start(p, PROC_WHY_UPDATE);
}

static void an_update_leaves_alone_what_was_stopped(void **state)
{
    (void)state;
    play_begin();
    add("db");
    play_add("new", 999, "new")->autostart = 0;
    play_add("web", 999, "web")->autostart = 0;
    play_dep("db", ORDER_STARTED, true);
    play_dep("new", ORDER_STARTED, true);
    play_open();
    CUE(1500, play_stop, play_proc("db"));
    CUE(2000, start_by_update, play_proc("web"));
    CUE(3000, play_term, &play.s);
    play_expect("0 start db\n1500 SIGTERM db\n1520 death db\n2000 start new\n"
                "3000 SIGTERM new\n3020 death new\n",
                0);
}

static void what_is_only_after_is_not_waited_for_when_it_fails(void **state)
{
    (void)state;
    play_begin();
    add("web");
    play_dep("cache", ORDER_READY, false);
    add("cache");
    *play_fate("cache") = (struct fake_fate){.lives = DUR_MS(400), .status = 1 << 8};
    play_open();
    CUE(1000, play_term, &play.s);
    play_expect("0 start cache\n400 death cache\n400 start web\n1000 SIGTERM web\n1020 death web\n",
                0);
}

static void restart_both(struct sup *s)
{
    (void)s;
    proc_restart(play_proc("db"));
    proc_restart(play_proc("web"));
}

static void a_restart_of_both_stops_in_reverse_and_starts_in_order(void **state)
{
    (void)state;
    play_begin();
    add("web");
    play_dep("db", ORDER_READY, true);
    add("db");
    play_open();
    CUE(3000, restart_both, &play.s);
    CUE(8000, play_term, &play.s);
    play_expect("0 start db\n1000 start web\n"
                "3000 SIGTERM web\n3020 death web\n3020 SIGTERM db\n3040 death db\n"
                "3040 start db\n4040 start web\n"
                "8000 SIGTERM web\n8020 death web\n8020 SIGTERM db\n8040 death db\n",
                0);
}

static void a_stop_of_one_stops_one(void **state)
{
    (void)state;
    play_begin();
    add("web");
    play_dep("db", ORDER_STARTED, true);
    add("db");
    play_open();
    CUE(1000, play_stop, play_proc("db"));
    CUE(2000, play_term, &play.s);
    play_expect("0 start db\n0 start web\n1000 SIGTERM db\n1020 death db\n"
                "2000 SIGTERM web\n2020 death web\n",
                0);
}

static void one_that_takes_too_long_is_stopped_and_tried_again(void **state)
{
    (void)state;
    play_begin();
    add("setup");
    play_order()->type = PROG_SETUP;
    play_order()->ready_timeout_ns = 2 * SEC;
    play_open();
    CUE(3500, play_term, &play.s);
    play_expect("0 start setup\n2000 SIGTERM setup\n2020 death setup\n3020 start setup\n"
                "3500 SIGTERM setup\n3520 death setup\n",
                0);
}

/* ---- the walk ---- */

#define WALK_PROCS 10u
#define WALK_MS 60000

struct walk {
    struct rng r;
    struct loop_timer timer;
    struct loop_defer look;
    bool up[WALK_PROCS]; /* a process lives */
    unsigned starts;
    uint64_t seed;
};
static struct walk walk;

static unsigned pick(unsigned n)
{
    return (unsigned)rng_below(&walk.r, n);
}

static unsigned walk_index(const char *name)
{
    return (unsigned)(name[0] - 'a');
}

static bool hard_met(const struct gen_make *m, unsigned i, unsigned k)
{
    struct proc *d = play_proc(m->procs[i].deps[k].group);
    return order_of(d, (enum order_when)m->procs[i].deps[k].when) == ORDER_MET;
}

static void walk_started(unsigned i)
{
    const struct gen_make *m = &play.conf;
    walk.starts++;
    for (unsigned k = 0; k < m->procs[i].ndeps; k++)
        if (m->procs[i].deps[k].hard && !hard_met(m, i, k))
            fake_break("%c was started before %s", 'a' + i, m->procs[i].deps[k].group);
}

/* In a shutdown nobody is told to stop while one lives that needs it; but what takes longer than
 * ready_timeout is. */
static void walk_told(unsigned i)
{
    const struct gen_make *m = &play.conf;
    bool overdue = proc_life(play_proc(m->procs[i].name))->state == PROC_STARTING;
    bool down = play.s.mood == SUP_STOPPING && !overdue;
    for (unsigned j = 0; down && j < m->nprocs; j++)
        for (unsigned k = 0; k < m->procs[j].ndeps; k++)
            if (walk.up[j] && walk_index(m->procs[j].deps[k].group) == i)
                fake_break("%c was told to stop before %c", 'a' + i, 'a' + j);
}

static void walk_seen(void *obj, const char *what, const char *name)
{
    (void)obj;
    unsigned i = walk_index(name);
    if (strcmp(what, "start") == 0) {
        walk_started(i);
        walk.up[i] = true;
    } else if (strcmp(what, "death") == 0) {
        walk.up[i] = false;
    } else if (strcmp(what, "SIGTERM") == 0) {
        walk_told(i);
    }
}

static void walk_fate(void *obj, const struct spawn_request *rq, struct fake_fate *out)
{
    (void)obj;
    unsigned i = walk_index(rq->argv[0]);
    bool once = play.conf.procs[i].order.type != PROG_SERVICE;
    bool ends = once || pick(3) == 0;
    *out = (struct fake_fate){.obeys = DUR_MS(pick(3000))};
    if (ends)
        out->lives = DUR_MS(pick(5000));
    if (pick(3) == 0)
        out->status = 1 << 8;
}

/* At the end of a turn nobody waits for what is there. */
static void walk_look(struct sup *s)
{
    for (struct proc *p = procs_first(s); p && !s->order.look.queued; p = procs_next(p)) {
        struct str text = STR_INIT;
        order_waits_for(p, &text);
        if (order_is_held(p) && !text.len)
            fake_break("%s waits for nothing", proc_name(p));
        str_fini(&text);
    }
}

static void walk_step(struct sup *s)
{
    loop_defer(s->loop, &walk.look);
    struct proc *p = play_proc((char[]){(char)('a' + pick(WALK_PROCS)), 0});
    switch (pick(6)) {
    case 0:
    case 1:
        proc_stop(p);
        break;
    case 2:
        proc_restart(p);
        break;
    default:
        if (order_is_held(p))
            order_ask_again(p);
        else
            proc_start(p, PROC_WHY_OPERATOR);
    }
    mono_t end = mono_add(play.begin, DUR_MS(WALK_MS));
    if (!mono_reached(end, fake_clock())) {
        loop_timer_at(&walk.timer, mono_add(fake_clock(), DUR_MS(pick(2000))));
        return;
    }
    play_term(s);
}

/* a waits for none, b perhaps for a, c for a and b, ... */
static void walk_conf(void)
{
    for (unsigned i = 0; i < WALK_PROCS; i++) {
        char name[2] = {(char)('a' + i), 0};
        enum prog_type once_type = pick(2) ? PROG_ONESHOT : PROG_SETUP;
        play_add(name, (int32_t)pick(3), name)->autostart = pick(2) != 0;
        struct gen_order *o = play_order();
        o->type = (uint8_t)(pick(3) ? PROG_SERVICE : once_type);
        o->ready_timeout_ns = pick(2) ? 3 * SEC : 0;
        for (unsigned k = 0; i && k < pick(MAKE_DEPS); k++) {
            unsigned on = pick(i);
            bool once = play.conf.procs[on].order.type != PROG_SERVICE;
            char group[2] = {(char)('a' + on), 0};
            play_dep(group, (enum order_when)pick(once ? 3 : 2), pick(3) != 0);
        }
    }
}

/* at the end nobody waits whose needs are met, and all is down */
static void walk_one(uint64_t seed)
{
    memset(&walk, 0, sizeof(walk));
    walk.seed = seed;
    rng_seed(&walk.r, seed);
    play_begin();
    walk_conf();
    play_open();
    fake_on_spawn(walk_fate, NULL);
    fake_on_seen(walk_seen, NULL);
    LOOP_TIMER(&walk.timer, play.s.loop, walk_step, &play.s);
    LOOP_DEFER(&walk.look, walk_look, &play.s);
    loop_timer_at(&walk.timer, mono_add(play.begin, DUR_MS(1)));
    loop_run(play.s.loop);
    if (fake_broken())
        fail_msg("seed %llu: %s", (unsigned long long)seed, fake_broken());
    for (struct proc *p = procs_first(&play.s); p; p = procs_next(p))
        assert_true(proc_is_down(p));
    assert_int_equal(play.s.order.nleaving, 0);
    assert_true(TAILQ_EMPTY(&play.s.order.held));
    play_close();
}

static void nobody_starts_before_or_stops_after_what_it_needs(void **state)
{
    (void)state;
    unsigned starts = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        walk_one(seed);
        starts += walk.starts;
    }
    assert_true(starts > 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(starts_in_waves_and_stops_in_reverse),
        cmocka_unit_test(a_need_goes_before_a_priority),
        cmocka_unit_test(who_needs_one_that_failed_waits_and_goes_on_when_it_is_up),
        cmocka_unit_test(a_setup_is_a_gate_that_is_tried_again),
        cmocka_unit_test(a_oneshot_is_done_once_and_is_not_run_again),
        cmocka_unit_test(a_start_by_hand_starts_what_it_needs),
        cmocka_unit_test(an_update_leaves_alone_what_was_stopped),
        cmocka_unit_test(what_is_only_after_is_not_waited_for_when_it_fails),
        cmocka_unit_test(a_restart_of_both_stops_in_reverse_and_starts_in_order),
        cmocka_unit_test(a_stop_of_one_stops_one),
        cmocka_unit_test(one_that_takes_too_long_is_stopped_and_tried_again),
        cmocka_unit_test(nobody_starts_before_or_stops_after_what_it_needs),
    };
    return cmocka_run_group_tests_name("depends", tests, NULL, NULL);
}
