/* The schedule of one probe: each rule alone, then at random with invariants after each step. A
 * failure of the walk prints its seed; `unit_probe_schedule SEED` walks that seed alone. */
#include "probes/judge/schedule.h"
#include "supervisor/base/rng.h"
#include "tests/unit/unit.h"

#include <inttypes.h>

#define S INT64_C(1000000000)

static struct sched_conf conf = {.interval = 15 * S,
                                 .timeout = 5 * S,
                                 .confirm = 2 * S,
                                 .start_period = 0,
                                 .phase = 3 * S,
                                 .fall = 3,
                                 .rise = 2};

static struct sched_now at_ns(int64_t ns)
{
    return (struct sched_now){{ns}, {1000 * S + ns}, {0}};
}

static struct sched_now at(int64_t s)
{
    return at_ns(s * S);
}

static unsigned timer(struct sched *s, const struct sched_conf *c, int64_t ns)
{
    struct sched_now t = at_ns(ns);
    return sched_step(s, c, SCHED_TIMER, &t, VERDICT_UNKNOWN);
}

static unsigned result(struct sched *s, const struct sched_conf *c, int64_t ns,
                       enum verdict_status v)
{
    struct sched_now t = at_ns(ns);
    return sched_step(s, c, SCHED_RESULT, &t, v);
}

/* runs the next attempt, which takes 1 s, and answers it */
static unsigned attempt(struct sched *s, const struct sched_conf *c, enum verdict_status v)
{
    int64_t when = sched_deadline(s).ns;
    assert_int_equal(timer(s, c, when), SCHED_START);
    return result(s, c, when + S, v);
}

static struct sched begun(const struct sched_conf *c)
{
    struct sched s;
    struct sched_now t = at(100);
    sched_init(&s, c, &t);
    return s;
}

static void ticks_stay_on_their_phase(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    assert_in_range(sched_deadline(&s).ns, 100 * S, 110 * S); /* soon */
    attempt(&s, &conf, VERDICT_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal((s.next.ns - conf.phase) % conf.interval, 0);
        attempt(&s, &conf, VERDICT_OK);
    }
}

static void phase_follows_from_the_name(void **state)
{
    (void)state;
    unsigned buckets[10] = {0};
    assert_int_equal(sched_phase("api", 10 * S), sched_phase("api", 10 * S));
    for (int i = 0; i < 10000; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        buckets[sched_phase(name, 10 * S) / S]++;
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(buckets[i], 850, 1150);
}

/* very many probes wake the agent together; very frequent ones need the whole interval */
static void phases_lie_on_a_grid(void **state)
{
    (void)state;
    unsigned off = 0;
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "p%d", i);
        assert_int_equal(sched_phase(name, 10 * S) % SCHED_GRID, 0);
        assert_int_equal(sched_phase(name, S) % SCHED_GRID, 0);
        off += sched_phase(name, S / 2) % SCHED_GRID != 0;
    }
    assert_true(off > 90);
}

static void first_success_makes_it_ok(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    assert_int_equal(s.state, SCHED_WAITING);
    assert_int_equal(attempt(&s, &conf, VERDICT_OK), SCHED_SOFT | SCHED_CHANGED);
    assert_int_equal(s.state, SCHED_OK);
    assert_int_equal(s.was, SCHED_WAITING);
}

static void a_failure_is_confirmed_fast(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    attempt(&s, &conf, VERDICT_OK);
    int64_t first = s.next.ns;
    assert_int_equal(attempt(&s, &conf, VERDICT_FAIL), SCHED_SOFT);
    assert_int_equal(s.next.ns, first + 2 * S);
    assert_int_equal(s.state, SCHED_OK);
    assert_int_equal(s.fails, 1);
    attempt(&s, &conf, VERDICT_FAIL);
    assert_int_equal(s.next.ns, first + 4 * S);
    assert_int_equal(attempt(&s, &conf, VERDICT_FAIL), SCHED_SOFT | SCHED_CHANGED);
    assert_int_equal(s.state, SCHED_FAILED);
    assert_int_equal(s.next.ns, first + 15 * S); /* back to the ticks */
    assert_int_equal(s.since.ns, 1000 * S + first + 5 * S);
    /* rise=2 */
    assert_int_equal(attempt(&s, &conf, VERDICT_OK), SCHED_SOFT);
    assert_int_equal(s.state, SCHED_FAILED);
    assert_int_equal(attempt(&s, &conf, VERDICT_OK), SCHED_SOFT | SCHED_CHANGED);
    assert_int_equal(s.state, SCHED_OK);
    assert_int_equal(s.overruns, 0);
}

static void a_success_ends_the_confirmation(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    attempt(&s, &conf, VERDICT_OK);
    attempt(&s, &conf, VERDICT_FAIL);
    attempt(&s, &conf, VERDICT_OK);
    assert_int_equal(s.fails, 0);
    assert_int_equal((s.next.ns - conf.phase) % conf.interval, 0);
}

static void no_confirmation_without_confirm(void **state)
{
    (void)state;
    struct sched_conf c = conf;
    c.confirm = 0;
    struct sched s = begun(&c);
    attempt(&s, &c, VERDICT_OK);
    attempt(&s, &c, VERDICT_FAIL);
    assert_int_equal((s.next.ns - c.phase) % c.interval, 0);
}

static void the_start_period_forgives(void **state)
{
    (void)state;
    struct sched_conf c = conf;
    c.start_period = 60 * S;
    struct sched s = begun(&c);
    int64_t end = 160 * S;
    while (sched_deadline(&s).ns + S < end)
        assert_int_equal(attempt(&s, &c, VERDICT_FAIL), 0);
    assert_int_equal(s.state, SCHED_WAITING);
    assert_true(s.runs > 20); /* at the confirming distance: a start is seen soon */
    for (int i = 0; i < 3; i++)
        attempt(&s, &c, VERDICT_FAIL);
    assert_int_equal(s.state, SCHED_FAILED);
}

static void the_first_success_ends_the_start_period(void **state)
{
    (void)state;
    struct sched_conf c = conf;
    c.start_period = 1000 * S;
    struct sched s = begun(&c);
    attempt(&s, &c, VERDICT_OK);
    for (int i = 0; i < 3; i++)
        attempt(&s, &c, VERDICT_FAIL);
    assert_int_equal(s.state, SCHED_FAILED);
}

static void a_program_start_begins_anew(void **state)
{
    (void)state;
    struct sched_conf c = conf;
    c.start_period = 60 * S;
    struct sched s = begun(&c);
    attempt(&s, &c, VERDICT_OK);
    int64_t tick = s.next.ns;
    timer(&s, &c, tick);
    struct sched_now t = at_ns(tick + S);
    unsigned todo = sched_step(&s, &c, SCHED_PROGRAM, &t, VERDICT_UNKNOWN);
    assert_int_equal(todo, SCHED_CANCEL | SCHED_DISCARDED | SCHED_CHANGED | SCHED_SOFT);
    assert_int_equal(s.state, SCHED_WAITING);
    assert_int_equal(attempt(&s, &c, VERDICT_FAIL), 0);
    assert_int_equal(attempt(&s, &c, VERDICT_OK), SCHED_SOFT | SCHED_CHANGED);
}

static void run_now_does_not_overlap(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    struct sched_now t = at(101);
    assert_int_equal(sched_step(&s, &conf, SCHED_RUN_NOW, &t, 0), SCHED_START);
    assert_int_equal(sched_step(&s, &conf, SCHED_RUN_NOW, &t, 0), 0);
    result(&s, &conf, 102 * S, VERDICT_OK);
    assert_int_equal(s.runs, 1);
}

static void an_overrun_is_counted(void **state)
{
    (void)state;
    struct sched_conf c = conf;
    c.interval = 1 * S;
    c.timeout = 1 * S;
    c.phase = 0;
    struct sched s = begun(&c);
    attempt(&s, &c, VERDICT_OK);
    int64_t tick = s.next.ns;
    timer(&s, &c, tick);
    result(&s, &c, tick + S + 1, VERDICT_FAIL);
    assert_int_equal(s.overruns, 1);
}

static void sleep_discards_what_was_under_way(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    attempt(&s, &conf, VERDICT_OK);
    timer(&s, &conf, s.next.ns);
    struct sched_now t = at_ns(s.started.ns + S);
    t.asleep.ns = 3600 * S;
    assert_int_equal(sched_step(&s, &conf, SCHED_RESULT, &t, VERDICT_FAIL), SCHED_DISCARDED);
    assert_int_equal(s.fails, 0);
    assert_int_equal(s.discarded, 1);
    /* the attempt after it counts again */
    t.now = s.next;
    sched_step(&s, &conf, SCHED_TIMER, &t, 0);
    assert_int_equal(sched_step(&s, &conf, SCHED_RESULT, &t, VERDICT_FAIL), SCHED_SOFT);
}

static void a_stopped_agent_discards_too(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    attempt(&s, &conf, VERDICT_OK);
    timer(&s, &conf, s.next.ns);
    assert_int_equal(result(&s, &conf, s.due.ns + 2 * S, VERDICT_FAIL), SCHED_DISCARDED);
    assert_int_equal(s.fails, 0);
}

static void a_mute_driver_is_given_up(void **state)
{
    (void)state;
    struct sched s = begun(&conf);
    timer(&s, &conf, s.next.ns);
    assert_int_equal(sched_deadline(&s).ns, s.due.ns + SCHED_ANSWER_NS);
    assert_int_equal(timer(&s, &conf, sched_deadline(&s).ns), SCHED_CANCEL | SCHED_DISCARDED);
    assert_false(s.running);
    /* with an interval of an hour nobody waits an hour for the next one */
    struct sched_conf rare = conf;
    rare.interval = 3600 * S;
    s = begun(&rare);
    timer(&s, &rare, s.next.ns);
    int64_t end = sched_deadline(&s).ns;
    timer(&s, &rare, end);
    assert_in_range(s.next.ns, end, end + rare.confirm);
}

static void what_is_saved_comes_back(void **state)
{
    (void)state;
    struct sched s = begun(&conf), r;
    struct sched_saved saved;
    for (int i = 0; i < 3; i++)
        attempt(&s, &conf, VERDICT_FAIL);
    attempt(&s, &conf, VERDICT_OK);
    sched_save(&s, &saved);
    struct sched_now t = at(500);
    sched_init(&r, &conf, &t);
    assert_true(sched_restore(&r, &conf, &saved, DUR_S(1)));
    assert_int_equal(r.state, SCHED_FAILED);
    assert_int_equal(r.since.ns, s.since.ns);
    assert_int_equal(attempt(&r, &conf, VERDICT_OK), SCHED_SOFT | SCHED_CHANGED);
    saved.state = 77; /* a damaged one is a new one */
    sched_init(&r, &conf, &t);
    assert_false(sched_restore(&r, &conf, &saved, DUR_S(1)));
    assert_int_equal(r.state, SCHED_WAITING);
    assert_string_equal(sched_state_text(r.state), "WAITING");
}

/* What nobody looked at for long may be anything by now. */
static void what_is_too_old_begins_anew(void **state)
{
    (void)state;
    static const struct {
        int64_t interval, age; /* s */
        bool believed;
    } rows[] = {{1, 0, true},           {1, 119, true},          {1, 121, false},
                {30, 149, true},        {30, 181, false},        {3600, 1, true},
                {3600, 5 * 3600, true}, {3600, 6 * 3600, false}, {3600, -1, false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sched_conf c = conf;
        struct sched_saved saved = {.state = SCHED_FAILED, .fails = 3};
        struct sched_now t = at(500);
        struct sched s;
        c.interval = rows[i].interval * 1000000000;
        sched_init(&s, &c, &t);
        bool believed = sched_restore(&s, &c, &saved, (dur_t){rows[i].age * 1000000000});
        assert_int_equal(believed, rows[i].believed);
        assert_int_equal(s.state, believed ? SCHED_FAILED : SCHED_WAITING);
    }
}

/* ---- the walk ---- */

static uint64_t walk_seed;
#define HOLD(what)                                                                                 \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("seed %" PRIu64 " step %d: %s", walk_seed, step, #what);                      \
    } while (0)

static struct sched_conf random_conf(struct rng *r)
{
    struct sched_conf c = {.interval = (int64_t)rng_below(r, 20) * S + S / 10,
                           .confirm = (int64_t)rng_below(r, 4) * S,
                           .start_period = (int64_t)rng_below(r, 3) * 20 * S,
                           .fall = (unsigned)rng_below(r, 4) + 1,
                           .rise = (unsigned)rng_below(r, 4) + 1};
    c.timeout = c.interval / (int64_t)(rng_below(r, 3) + 1);
    c.phase = (int64_t)rng_below(r, (uint64_t)c.interval);
    return c;
}

static void check_state(const struct sched_conf *c, const struct sched *was, const struct sched *s,
                        unsigned todo, int step)
{
    HOLD(!(s->fails && s->oks));
    HOLD(!((todo & SCHED_CHANGED) && s->was == s->state));
    HOLD((s->state != was->state) == !!(todo & SCHED_CHANGED));
    HOLD(s->state != SCHED_OK || s->fails < c->fall);
    HOLD(!(s->state == SCHED_FAILED && was->state != SCHED_FAILED) || s->fails == c->fall);
    HOLD(!(s->state == SCHED_OK && was->state == SCHED_FAILED) || s->oks == c->rise);
    HOLD(!(todo & SCHED_START) || (s->running && (!was->running || (todo & SCHED_CANCEL))));
    HOLD(s->runs == was->runs + !!(todo & SCHED_START));
    HOLD(!(todo & SCHED_DISCARDED) || s->fails <= was->fails);
}

static void check_time(const struct sched_conf *c, const struct sched *s, mono_t now, int step)
{
    mono_t d = sched_deadline(s);
    HOLD(d.ns > 0);
    if (s->running) {
        HOLD(d.ns <= s->started.ns + c->timeout + SCHED_ANSWER_NS);
    } else {
        /* never stuck: the next attempt is at most an interval away, or is due */
        HOLD(d.ns <= now.ns + (s->runs ? c->interval : SCHED_FIRST_SPREAD + 1));
        HOLD(d.ns >= now.ns || s->runs == 0 || d.ns == s->next.ns);
    }
}

static void walk(uint64_t seed, int steps)
{
    struct rng r;
    rng_seed(&r, seed);
    walk_seed = seed;
    struct sched_conf c = random_conf(&r);
    struct sched_now t = {{(int64_t)rng_below(&r, 1000) * S + 1}, {S}, {0}};
    struct sched s;
    sched_init(&s, &c, &t);
    for (int step = 0; step < steps; step++) {
        struct sched was = s;
        enum sched_event ev = (enum sched_event)rng_below(&r, 40);
        int64_t wait = (int64_t)rng_below(&r, (uint64_t)(c.timeout + 1));
        if (ev > SCHED_PROGRAM)
            ev = s.running ? SCHED_RESULT : SCHED_TIMER;
        if (ev == SCHED_TIMER)
            wait = sched_deadline(&s).ns - t.now.ns;
        t.now.ns += wait > 0 ? wait : 0;
        t.wall.ns += wait > 0 ? wait : 0;
        if (rng_below(&r, 100) == 0)
            t.asleep.ns += 10 * S;
        enum verdict_status v = (enum verdict_status)rng_below(&r, 3);
        bool slept = t.asleep.ns - s.asleep.ns > SCHED_FROZEN_NS;
        unsigned todo = sched_step(&s, &c, ev, &t, v);
        check_state(&c, &was, &s, todo, step);
        check_time(&c, &s, t.now, step);
        if (ev == SCHED_RESULT && was.running && slept)
            HOLD((todo & SCHED_DISCARDED) && s.fails == was.fails && s.oks == was.oks);
        if (ev == SCHED_TIMER && !was.running)
            HOLD(todo & SCHED_START);
    }
    assert_true(s.runs > 0);
}

static uint64_t one_seed;

static void at_random(void **state)
{
    (void)state;
    for (uint64_t seed = one_seed ? one_seed : 1; seed <= (one_seed ? one_seed : 1000); seed++)
        walk(seed, 1000);
}

int main(int argc, char **argv)
{
    one_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    const struct CMUnitTest tests[] = {
        TEST(ticks_stay_on_their_phase),
        TEST(phase_follows_from_the_name),
        TEST(phases_lie_on_a_grid),
        TEST(first_success_makes_it_ok),
        TEST(a_failure_is_confirmed_fast),
        TEST(a_success_ends_the_confirmation),
        TEST(no_confirmation_without_confirm),
        TEST(the_start_period_forgives),
        TEST(the_first_success_ends_the_start_period),
        TEST(a_program_start_begins_anew),
        TEST(run_now_does_not_overlap),
        TEST(an_overrun_is_counted),
        TEST(sleep_discards_what_was_under_way),
        TEST(a_stopped_agent_discards_too),
        TEST(a_mute_driver_is_given_up),
        TEST(what_is_saved_comes_back),
        TEST(what_is_too_old_begins_anew),
        TEST(at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
