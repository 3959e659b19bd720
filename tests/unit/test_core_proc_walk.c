/* The process machine at random: two million steps under random policies with invariants after
 * each, and a second, independent model of Supervisor's rules to compare with. A failure prints the
 * seed; `test_core_proc_walk SEED` walks that seed alone. */
#include "tests/unit/core_proc_fix.h"

#include "supervisor/base/rng.h"

#include <stdlib.h>

static uint64_t one_seed; /* from the command line; 0: the built-in range */

static uint64_t pick(struct rng *r, uint64_t n)
{
    return rng_below(r, n);
}

static dur_t pick_ms(struct rng *r, const int *ms, size_t n)
{
    return DUR_MS(ms[pick(r, n)]);
}
#define PICK_MS(r, ...)                                                                            \
    pick_ms((r), (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

static void random_policy(struct rng *r, struct fix *f)
{
    struct proc_policy *p = &f->p;
    f->codes[0] = (uint32_t)pick(r, 4);
    p->startsecs = PICK_MS(r, -1000, 0, 100, 1000, 5000);
    p->startretries = (int)pick(r, 6);
    p->autorestart = (enum proc_restart)pick(r, 3);
    p->nstops = (unsigned)pick(r, 3) + 1;
    for (unsigned i = 0; i < p->nstops; i++) {
        static const int sigs[] = {SIGTERM, SIGINT, SIGQUIT, SIGKILL};
        p->stops[i].sig = sigs[pick(r, 4)];
        p->stops[i].wait = PICK_MS(r, 0, 100, 2000, 10000);
    }
    p->stopwait = PICK_MS(r, -1000, 0, 1000, 10000);
    p->stop_command = PICK_MS(r, 0, 0, 100, 5000);
    p->stopasgroup = pick(r, 2);
    p->killasgroup = pick(r, 2);
    p->orphans_kill = pick(r, 2);
    p->backoff = PICK_MS(r, 0, 100, 1000);
    p->factor_milli = (int)pick(r, 3) * 1000;
    p->jitter_milli = (int)pick(r, 2) * 300;
    p->backoff_max = PICK_MS(r, 0, 5000);
    p->backoff_reset = PICK_MS(r, 0, 0, 1000, 20000);
    p->retry_window = PICK_MS(r, 0, 0, 3000, 60000);
    p->on_fatal = (enum proc_on_fatal)pick(r, 3);
    p->fatal_retry = PICK_MS(r, 0, 1000, 100000);
    p->told = pick(r, 4) == 0;
    p->once = !p->told && pick(r, 3) == 0;
    p->ready_timeout = PICK_MS(r, 0, 500, 4000);
}

/* ---- the world that the machine acts on ---- */

struct world {
    struct fix f;
    struct rng r;
    int pid;             /* the living instance, 0: none */
    bool leftover;       /* others of a dead instance's group live */
    bool asked;          /* a spawn was ordered and not answered */
    bool late;           /* one was cancelled after it had begun */
    bool doomed;         /* KILL was sent to the living instance */
    bool command_doomed; /* or to its stop_command */
    int next_pid;
    uint64_t starts, exits, fatals, restarts;
    uint32_t failures;   /* in a row, by the world's own count */
    uint32_t taken_back; /* the count that RUNNING ended, in case it was none */
    bool changes;        /* the policy changes now and then */
    bool changed;        /* it is not the one of the beginning any more */
    bool retried;        /* an instance of this start was counted already */
    uint64_t step;
};

#define MUST(w, cond)                                                                              \
    do {                                                                                           \
        if (!(cond))                                                                               \
            broken((w), #cond, __LINE__);                                                          \
    } while (0)

static uint64_t walking;

static void broken(const struct world *w, const char *what, int line)
{
    const struct proc_life *l = &w->f.l;
    print_error("seed %llu step %llu line %d: not true: %s\n", (unsigned long long)walking,
                (unsigned long long)w->step, line, what);
    print_error("state %s want %d pid %d sweep %d spawning %d restart %d tries %u; last:%s\n",
                proc_state_name(l->state), l->want, (int)l->pid, l->sweep, l->spawning, l->restart,
                (unsigned)l->tries, w->f.line);
    fail();
}

/* what must hold after any step, whatever the events were */
static void check_shape(const struct world *w, uint16_t before)
{
    const struct proc_life *l = &w->f.l;
    const struct proc_out *o = &w->f.o;
    uint16_t at = before;
    for (unsigned i = 0; i < o->nchanges; i++) {
        MUST(w, o->changes[i].from == at && o->changes[i].to != at);
        at = o->changes[i].to;
    }
    MUST(w, o->nchanges <= 4 && at == l->state);
    MUST(w, strcmp(proc_state_name(l->state), "UNKNOWN") != 0 || l->state == PROC_UNKNOWN);
    bool holds = l->state == PROC_STARTING || l->state == PROC_RUNNING ||
                 l->state == PROC_STOPPING || l->state == PROC_UNKNOWN;
    MUST(w, !l->pid || (holds && !l->sweep && !l->spawning));
    MUST(w, l->pid || (l->state != PROC_RUNNING && l->state != PROC_UNKNOWN));
    MUST(w, l->state != PROC_STOPPING || l->pid || l->sweep || w->f.commanding);
    MUST(w, !l->spawning || l->state == PROC_STARTING);
    MUST(w, l->state != PROC_STARTING || !l->sweep);
    MUST(w, l->sweep ? l->sweep_due.ns && l->poll.ns && w->f.p.orphans_kill
                     : !l->sweep_due.ns && !l->poll.ns);
    MUST(w, !l->restart || l->state == PROC_STOPPING || l->sweep);
    MUST(w, !l->restart || l->want);
    /* never stuck */
    bool final = proc_is_stopped(l) && !l->restart && !l->due.ns;
    MUST(w, !l->want || final || l->pid || l->spawning || proc_next(l).ns);
    bool waits = w->f.p.told || w->f.p.once;
    bool timed = w->f.p.ready_timeout.ns > 0 || proc_is_overdue(&w->f.p, l);
    MUST(w, l->state != PROC_STARTING || l->spawning || l->due.ns || (l->pid && waits && !timed));
    MUST(w, !proc_is_overdue(&w->f.p, l) || l->due.ns);
    MUST(w, !proc_is_done(&w->f.p, l) || (!l->pid && l->expected && !l->spawning));
    MUST(w, l->state != PROC_BACKOFF || (l->want && (l->due.ns || l->restart)));
    MUST(w, l->state != PROC_STOPPING || l->due.ns || l->sweep_due.ns);
    bool retries = w->f.p.on_fatal == PROC_FATAL_RETRY;
    MUST(w, l->state != PROC_FATAL || !l->due.ns || (retries && l->want));
    MUST(w, l->state != PROC_FATAL || !l->want || !retries || l->due.ns || l->restart);
    /* orders fit the state */
    MUST(w, !o->spawn || (l->spawning && !l->pid && !l->sweep && l->want));
    MUST(w, !o->cancel_spawn || l->state == PROC_STOPPED);
    MUST(w, !o->signal || l->pid || l->sweep);
    MUST(w, !o->command || (l->state == PROC_STOPPING && l->pid && !o->signal));
    MUST(w, !l->sweep || !o->signal || o->signal_group);
    MUST(w, o->cont == (o->signal && o->signal != SIGKILL));
    MUST(w, !o->check_group || l->sweep);
    MUST(w, l->exits + (l->pid != 0) == l->starts && l->restarts <= l->starts);
    MUST(w, w->changed || w->f.p.retry_window.ns || l->tries <= (uint32_t)w->f.p.startretries);
}

/* the world's own count of failures in a row, against the machine's retries */
static void count_failures(struct world *w, const struct proc_change *c)
{
    bool plain = !w->f.p.backoff_reset.ns && !w->f.p.retry_window.ns && !w->changed;
    if (c->to == PROC_BACKOFF) {
        if (c->why == PROC_WHY_CANNOT)
            w->failures += w->taken_back;
        w->failures++;
        MUST(w, !plain || c->tries == w->failures);
    }
    if (c->to == PROC_FATAL && c->why == PROC_WHY_RETRIES)
        MUST(w, !plain || w->failures == (uint32_t)w->f.p.startretries + 1);
    if (c->from == PROC_RUNNING && c->to == PROC_EXITED && c->why == PROC_WHY_CANNOT)
        w->failures += w->taken_back;
    if (c->to == PROC_RUNNING)
        w->taken_back = w->failures;
    else if (c->to != PROC_UNKNOWN)
        w->taken_back = 0;
    if (c->to == PROC_FATAL || c->to == PROC_RUNNING ||
        (c->to == PROC_EXITED && (c->why == PROC_WHY_EXIT || c->why == PROC_WHY_DONE)))
        w->failures = 0;
    /* only what is told, or ends with success, gets past STARTING where that is waited for */
    if (c->to == PROC_RUNNING && !w->changed)
        MUST(w, w->f.p.told   ? c->why == PROC_WHY_READY
                : w->f.p.once ? c->why == PROC_WHY_DONE
                              : c->why == PROC_WHY_UP);
    if (w->f.p.once && !w->changed)
        MUST(w,
             c->why != PROC_WHY_AUTORESTART && (c->from != PROC_RUNNING || c->to == PROC_EXITED));
}

/* carries out what the machine ordered, and checks it against the world */
static void obey(struct world *w)
{
    const struct proc_out *o = &w->f.o;
    const struct proc_life *l = &w->f.l;
    for (unsigned i = 0; i < o->nchanges; i++) {
        const struct proc_change *c = &o->changes[i];
        w->fatals += c->to == PROC_FATAL && c->why != PROC_WHY_SHUTDOWN;
        w->retried &= c->to == PROC_STARTING || c->to == PROC_RUNNING ||
                      (c->to == PROC_EXITED && c->why == PROC_WHY_CANNOT);
        count_failures(w, c);
    }
    if (o->gave_up_sweep)
        w->leftover = false; /* no longer its business */
    if (o->spawn) {
        MUST(w, !w->pid && !w->asked && !w->leftover);
        w->asked = true;
        w->late = false; /* one that had begun is the one asked for */
    }
    if (o->cancel_spawn) {
        MUST(w, w->asked);
        w->asked = false;
        w->late = pick(&w->r, 4) == 0;
    }
    if (o->signal == SIGKILL && w->pid)
        w->doomed = true;
    MUST(w, !o->end_command || w->f.commanding);
    w->command_doomed |= o->end_command;
    MUST(w, !o->spawn || !w->f.commanding || w->command_doomed);
    MUST(w, o->signal == 0 || w->pid || w->leftover);
    MUST(w, l->pid == w->pid && l->spawning == w->asked && l->sweep == w->leftover);
    MUST(w, l->starts == w->starts && l->exits == w->exits && l->fatals == w->fatals &&
                l->restarts == w->restarts);
}

static void feed(struct world *w, struct proc_in in)
{
    uint16_t before = w->f.l.state;
    in.random = (uint32_t)rng_next(&w->r);
    w->step++;
    fix_feed(&w->f, in);
    check_shape(w, before);
    obey(w);
}

static void feed_ev(struct world *w, enum proc_event ev)
{
    feed(w, (struct proc_in){.event = ev});
}

static void world_spawned(struct world *w)
{
    uint16_t why = w->f.l.why;
    w->asked = w->late = w->doomed = false;
    w->pid = w->next_pid++;
    w->starts++;
    w->restarts += !w->retried && (why == PROC_WHY_RETRY || why == PROC_WHY_AUTORESTART);
    feed(w, (struct proc_in){.event = PROC_EV_SPAWNED, .pid = w->pid});
}

static void world_dies(struct world *w, enum proc_event how)
{
    bool group = pick(&w->r, 3) == 0;
    int status = w->doomed ? SIGKILL : pick(&w->r, 3) ? STATUS((int)pick(&w->r, 3)) : SIGSEGV;
    w->pid = 0;
    w->doomed = false;
    bool up = w->f.l.state == PROC_STARTING || w->f.l.state == PROC_RUNNING;
    bool had_no_room = how == PROC_EV_DELAYED && up;
    w->retried |= had_no_room;
    w->leftover = group && w->f.p.orphans_kill && !had_no_room;
    w->exits++;
    feed(w, (struct proc_in){.event = how, .status = status, .group_alive = group});
}

static void world_commanded(struct world *w)
{
    w->f.commanding = w->command_doomed = false;
    feed_ev(w, PROC_EV_COMMAND);
}

/* the configuration is another one from now on */
static void world_changes(struct world *w)
{
    struct proc_policy was = w->f.p;
    random_policy(&w->r, &w->f);
    w->changed = true;
    w->leftover &= w->f.p.orphans_kill;
    feed(w, (struct proc_in){.event = PROC_EV_POLICY, .was = &was});
}

/* a geometric backoff without a cap waits for ages in the end: those are not walked to */
static bool due_in_time(const struct fix *f)
{
    return proc_next(&f->l).ns > f->now.ns && proc_next(&f->l).ns - f->now.ns < 1000000 * SEC;
}

/* something that can happen in this world */
static void happens(struct world *w)
{
    static const enum proc_event commands[] = {PROC_EV_START, PROC_EV_STOP,   PROC_EV_RESTART,
                                               PROC_EV_START, PROC_EV_HASTEN, PROC_EV_SHUTDOWN,
                                               PROC_EV_START};
    uint64_t what = pick(&w->r, 100);
    if (what < 12) {
        feed_ev(w, commands[pick(&w->r, 7)]);
    } else if (what < 50 && (w->asked || w->late)) {
        if (w->late || pick(&w->r, 8)) {
            world_spawned(w);
        } else {
            w->asked = false;
            feed_ev(w, pick(&w->r, 2) ? PROC_EV_DELAYED : PROC_EV_CANNOT);
        }
    } else if (what < 62 && w->pid) {
        static const enum proc_event ends[] = {PROC_EV_CANNOT, PROC_EV_DELAYED};
        uint64_t end = pick(&w->r, 16);
        world_dies(w, end < 2 ? ends[end] : PROC_EV_EXITED);
    } else if (what < 64 && (w->pid || w->leftover)) {
        w->leftover = false;
        feed_ev(w, PROC_EV_KILL_FAILED);
    } else if (what < 67 && w->f.commanding) {
        world_commanded(w);
    } else if (what < 69) {
        static const enum proc_event told[] = {PROC_EV_READY, PROC_EV_READY, PROC_EV_UNFIT,
                                               PROC_EV_HUNG, PROC_EV_EXTEND};
        feed_ev(w, told[pick(&w->r, 5)]);
    } else if (what < 72 && w->leftover) {
        w->leftover = false;
        feed_ev(w, PROC_EV_GROUP_EMPTY);
    } else if (what < 90 && due_in_time(&w->f)) {
        w->f.now = proc_next(&w->f.l);
        feed_ev(w, PROC_EV_TIMER);
    } else if (what < 91 && w->changes) {
        world_changes(w);
    } else {
        fix_pass(&w->f, (int64_t)pick(&w->r, 1500));
        if (pick(&w->r, 2) || mono_reached(proc_next(&w->f.l), w->f.now))
            feed_ev(w, PROC_EV_TIMER);
    }
}

/* a stop of a process that ignores everything reaches KILL in bounded time, and then ends */
static void stop_for_good(struct world *w)
{
    feed_ev(w, PROC_EV_STOP);
    if (w->late)
        world_spawned(w);
    mono_t begun = w->f.now;
    for (int i = 0; i < 2000 && proc_next(&w->f.l).ns; i++) {
        if (w->pid && w->doomed) {
            w->pid = 0;
            w->doomed = false;
            w->exits++;
            feed(w, (struct proc_in){.event = PROC_EV_EXITED, .status = SIGKILL});
            continue;
        }
        if (w->command_doomed) {
            world_commanded(w);
            continue;
        }
        if (proc_next(&w->f.l).ns > w->f.now.ns)
            w->f.now = proc_next(&w->f.l);
        feed_ev(w, PROC_EV_TIMER);
    }
    MUST(w, proc_is_stopped(&w->f.l) && !proc_next(&w->f.l).ns && !w->leftover && !w->asked);
    MUST(w, !w->pid || w->f.l.state == PROC_UNKNOWN);
    MUST(w, w->f.now.ns - begun.ns <= 60 * SEC);
    if (w->pid) { /* not to be signalled: it ends by itself */
        w->pid = 0;
        w->exits++;
        feed(w, (struct proc_in){.event = PROC_EV_EXITED, .status = 0});
    }
    MUST(w, !w->f.l.want && !w->f.l.pid);
}

static void walk_world(uint64_t seed, unsigned steps)
{
    struct world w = {.next_pid = 100, .changes = seed % 2};
    walking = seed;
    rng_seed(&w.r, seed);
    fix_init(&w.f);
    random_policy(&w.r, &w.f);
    while (w.step < steps) {
        happens(&w);
        if (pick(&w.r, 200) == 0)
            stop_for_good(&w);
    }
    stop_for_good(&w);
}

static void a_million_steps_in_a_possible_world(void **state)
{
    (void)state;
    if (one_seed) {
        walk_world(one_seed, 1000);
        return;
    }
    for (uint64_t seed = 1; seed <= 1000; seed++)
        walk_world(seed, 1000);
}

/* any event in any order: the shape holds even where the world makes no sense */
static void walk_nonsense(uint64_t seed, unsigned steps)
{
    struct world w = {.next_pid = 100, .changed = true};
    walking = seed;
    rng_seed(&w.r, seed);
    fix_init(&w.f);
    random_policy(&w.r, &w.f);
    for (w.step = 0; w.step < steps; w.step++) {
        uint16_t before = w.f.l.state;
        const struct proc_policy was = w.f.p;
        enum proc_event event = (enum proc_event)pick(&w.r, PROC_NEVENTS);
        if (pick(&w.r, 3) == 0 && due_in_time(&w.f))
            w.f.now = proc_next(&w.f.l);
        else
            fix_pass(&w.f, (int64_t)pick(&w.r, 3000));
        if (event == PROC_EV_POLICY)
            random_policy(&w.r, &w.f);
        w.f.commanding &= event != PROC_EV_COMMAND;
        fix_feed(&w.f, (struct proc_in){.event = event,
                                        .was = &was,
                                        .pid = (int)pick(&w.r, 3),
                                        .status = (int)pick(&w.r, 0xffff),
                                        .group_alive = pick(&w.r, 2),
                                        .random = (uint32_t)rng_next(&w.r)});
        check_shape(&w, before);
    }
}

static void a_million_steps_of_nonsense(void **state)
{
    (void)state;
    if (one_seed) {
        walk_nonsense(one_seed, 1000);
        return;
    }
    for (uint64_t seed = 1; seed <= 1000; seed++)
        walk_nonsense(seed, 1000);
}

/* ---- a second model: Supervisor's rules as a daemon that looks at its one process every tick ----
 */

struct model {
    int state; /* Supervisor's numbers */
    int counter;
    int64_t born, wake; /* ms */
    bool alive;
    int retries, secs;
    int restart; /* 0 never, 1 always, 2 unexpected (code 0 is expected) */
    bool told_to_stop;
    unsigned spawns;
};

static void model_spawn(struct model *m, int64_t t)
{
    m->state = 10;
    m->born = t;
    m->alive = true;
    m->told_to_stop = false;
    m->spawns++;
}

static void model_look(struct model *m, int64_t t)
{
    if (m->state == 10 && t - m->born >= m->secs * 1000) {
        m->state = 20;
        m->counter = 0;
    }
    if (m->state == 30 && m->counter > m->retries) {
        m->state = 200;
        m->counter = 0;
    }
    if (m->state == 30 && t >= m->wake)
        model_spawn(m, t);
}

static void model_death(struct model *m, int64_t t, int code)
{
    m->alive = false;
    if (m->told_to_stop) {
        m->state = 0;
    } else if (t - m->born < m->secs * 1000) {
        m->state = 30;
        m->wake = t + ++m->counter * 1000;
    } else {
        m->counter = 0;
        m->state = 100;
        if (m->restart == 1 || (m->restart == 2 && code != 0))
            model_spawn(m, t);
    }
    model_look(m, t);
}

static void model_start(struct model *m, int64_t t)
{
    if (m->state == 0 || m->state == 100 || m->state == 200)
        model_spawn(m, t);
}

static void model_stop(struct model *m)
{
    if (m->state == 30) {
        m->state = 0;
    } else if (m->alive && !m->told_to_stop) {
        m->told_to_stop = true;
        m->state = 40;
    }
}

static void machine_spawns(struct fix *f)
{
    static int pid = 1;
    if (f->o.spawn)
        fix_spawned(f, pid++);
}

/* deadlines of the machine up to the time t */
static void machine_until(struct fix *f, int64_t t)
{
    while (proc_next(&f->l).ns && proc_next(&f->l).ns <= t * 1000000) {
        f->now = mono_min((mono_t){t * 1000000},
                          proc_next(&f->l).ns > f->now.ns ? proc_next(&f->l) : f->now);
        fix_ev(f, PROC_EV_TIMER);
        machine_spawns(f);
    }
    f->now.ns = t * 1000000;
}

static void compare_one(uint64_t seed)
{
    struct rng r;
    struct fix f;
    rng_seed(&r, seed);
    fix_init(&f);
    struct model m = {
        .retries = (int)pick(&r, 5), .secs = (int)pick(&r, 4), .restart = (int)pick(&r, 3)};
    f.p.startretries = m.retries;
    f.p.startsecs = DUR_S(m.secs);
    f.p.autorestart = m.restart == 0   ? PROC_RESTART_NEVER
                      : m.restart == 1 ? PROC_RESTART_ALWAYS
                                       : PROC_RESTART_UNEXPECTED;
    f.p.stops[0].wait = f.p.stopwait = DUR_S(100000);
    int64_t t = 1000000;
    for (int i = 0; i < 1000; i++) {
        int64_t until = t + 1 + (int64_t)pick(&r, pick(&r, 2) ? 900 : 5000);
        for (; t < until; t++)
            model_look(&m, t);
        model_look(&m, t);
        machine_until(&f, t);
        uint64_t what = pick(&r, 10);
        int code = (int)pick(&r, 2);
        if (what < 6 && m.alive) {
            model_death(&m, t, code);
            fix_exit(&f, STATUS(code));
        } else if (what < 8) {
            model_start(&m, t);
            if (m.state != 40) /* there Supervisor cannot start */
                fix_ev(&f, PROC_EV_START);
        } else {
            model_stop(&m);
            fix_ev(&f, PROC_EV_STOP);
        }
        machine_spawns(&f);
        model_look(&m, t);
        machine_until(&f, t);
        if (f.l.state != m.state || (int)f.l.tries != m.counter || f.l.starts != m.spawns) {
            print_error("seed %llu event %d: %s tries %u starts %u, the model %s %d %u\n",
                        (unsigned long long)seed, i, proc_state_name(f.l.state),
                        (unsigned)f.l.tries, (unsigned)f.l.starts,
                        proc_state_name((enum proc_state)m.state), m.counter, m.spawns);
            fail();
        }
    }
}

static void agrees_with_a_model_of_supervisors_rules(void **state)
{
    (void)state;
    if (one_seed) {
        compare_one(one_seed);
        return;
    }
    for (uint64_t seed = 1; seed <= 100; seed++)
        compare_one(seed);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        one_seed = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_steps_in_a_possible_world),
        cmocka_unit_test(a_million_steps_of_nonsense),
        cmocka_unit_test(agrees_with_a_model_of_supervisors_rules),
    };
    return cmocka_run_group_tests_name("core_proc_walk", tests, NULL, NULL);
}
