/* The supervisor as a whole in seeded random worlds: programs that exit, crash, ignore TERM, leave
 * orphans, cannot be started or killed; commands, reloads and jumps of time at random. Never two
 * instances of a process, never stuck, every child reaped once, counters equal to the world's own,
 * a shutdown that ends in time. A failure prints the seed; `sim_world SEED` runs that world alone,
 * `sim_world SEED 1` with its log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "supervisor/base/log.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/hooks.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/sup.h"
#include "tests/fake/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORLDS 400
#define SEC INT64_C(1000000000)

static uint64_t one_seed;
static bool loud;
static int nowhere; /* /dev/null */

/* the world's own book about one process */
struct book {
    struct proc_waiter waiter;
    char name[32];
    uint64_t fatals, ups;
    bool weird; /* an instance could not be killed or signalled: its group may be given up */
};

struct world {
    struct sup s;
    struct rng r;
    struct gen_make conf;
    struct loop_timer script, deadline;
    struct book books[64];
    unsigned nbooks, next_name;
    bool calm; /* all programs are well from now on */
    bool commanded_end;
    mono_t asked_to_end;
    uint64_t commands;
};

static uint64_t pick(struct world *w, uint64_t n)
{
    return rng_below(&w->r, n);
}

static bool chance(struct world *w, uint64_t percent)
{
    return pick(w, 100) < percent;
}

static int64_t some_ms(struct world *w, int64_t most)
{
    return (int64_t)pick(w, (uint64_t)most + 1) * 1000000;
}

/* ---- a random configuration ---- */

static void random_stops(struct world *w, uint32_t i)
{
    static const int sigs[] = {SIGTERM, SIGINT, SIGQUIT, SIGKILL};
    w->conf.procs[i].opts.stopwait_ns = some_ms(w, 4000);
    w->conf.procs[i].nstops = 1 + (uint32_t)pick(w, 3);
    for (uint32_t k = 0; k < w->conf.procs[i].nstops; k++)
        w->conf.procs[i].stops[k] =
            (struct gen_stop){.sig = sigs[pick(w, 4)], .wait_ns = some_ms(w, 3000)};
}

static void random_commands(struct world *w, uint32_t i)
{
    struct gen_commands *times = &w->conf.procs[i].times;
    bool any = chance(w, 40);
    for (unsigned which = 0; which < GEN_NCOMMANDS; which++)
        w->conf.procs[i].commands[which] = any && chance(w, 60);
    times->stop_ns = 1000000 + some_ms(w, 3000);
    times->reload_ns = 1000000 + some_ms(w, 3000);
    times->hook_ns = 1000000 + some_ms(w, 20000);
}

static void random_proc(struct world *w, uint32_t i)
{
    struct gen_proc *rec = &w->conf.procs[i].rec;
    struct gen_opts *opts = &w->conf.procs[i].opts;
    struct gen_proc was = *rec;
    *rec = (struct gen_proc){0};
    *opts = (struct gen_opts){.orphans = opts->orphans};
    /* half of the changes are such that a running process must be restarted for them */
    rec->restart_digest = was.restart_digest + chance(w, 50);
    rec->hot_digest = was.hot_digest + 1;
    opts->startretries = (int32_t)pick(w, 5);
    opts->startsecs_ns = chance(w, 30) ? 0 : some_ms(w, 2000);
    opts->autostart = chance(w, 80);
    opts->autorestart = (uint8_t)pick(w, 3);
    opts->stopasgroup = chance(w, 30);
    opts->killasgroup = chance(w, 30);
    opts->exitcodes[0] = (uint32_t)pick(w, 4);
    opts->on_fatal = chance(w, 2) ? GEN_FATAL_EXIT : chance(w, 30) ? GEN_FATAL_RETRY : 0;
    opts->fatal_retry_ns = 1000000 + some_ms(w, 8000);
    opts->backoff_ns = 1000000 + some_ms(w, 1000);
    opts->backoff_factor_milli = chance(w, 30) ? 2000 : 0;
    opts->backoff_max_ns = 10 * SEC;
    opts->backoff_jitter_milli = chance(w, 30) ? 200 : 0;
    opts->backoff_reset_ns = chance(w, 20) ? some_ms(w, 5000) : 0;
    opts->retry_window_ns = chance(w, 20) ? 20 * SEC : 0;
    random_stops(w, i);
    random_commands(w, i);
}

static void random_group(struct world *w)
{
    struct gen_make *m = &w->conf;
    for (uint32_t i = m->nprocs; i < MAKE_PROCS; i++)
        memset(&m->procs[i], 0, sizeof(m->procs[i]));
    uint32_t g = m->ngroups++;
    snprintf(m->groups[g].name, sizeof(m->groups[g].name), "g%u", w->next_name++);
    m->groups[g].priority = (int32_t)pick(w, 3);
    m->groups[g].nprocs = (uint32_t)pick(w, 4);
    for (uint32_t k = 0; k < m->groups[g].nprocs; k++) {
        uint32_t i = m->nprocs++;
        snprintf(m->procs[i].name, sizeof(m->procs[i].name), "p%u", w->next_name++);
        m->procs[i].opts.orphans = chance(w, 50) ? GEN_ORPHANS_KILL : GEN_ORPHANS_KEEP;
        random_proc(w, i);
    }
}

static void random_conf(struct world *w)
{
    static const int64_t timeouts[] = {-1, 5 * SEC, 25 * SEC};
    memset(&w->conf, 0, sizeof(w->conf));
    w->conf.shutdown_timeout_ns = timeouts[pick(w, 3)];
    for (uint64_t n = 1 + pick(w, 4); n; n--)
        random_group(w);
}

/* the last group goes or shrinks, one comes, or some process is configured anew */
static void change_conf(struct world *w)
{
    struct gen_make *m = &w->conf;
    if (chance(w, 25) && m->ngroups > 1) {
        m->nprocs -= m->groups[--m->ngroups].nprocs;
        memset(&m->groups[m->ngroups], 0, sizeof(m->groups[0]));
    } else if (chance(w, 25) && m->groups[m->ngroups - 1].nprocs) {
        m->groups[m->ngroups - 1].nprocs--;
        m->nprocs--;
    } else if (chance(w, 30) && m->ngroups < 5) {
        random_group(w);
    } else if (m->nprocs) {
        random_proc(w, (uint32_t)pick(w, m->nprocs));
    }
}

/* ---- the world's books ---- */

static struct book *book_of(struct world *w, const char *name)
{
    unsigned i = 0;
    while (i < w->nbooks && strcmp(w->books[i].name, name) != 0)
        i++;
    if (i == sizeof(w->books) / sizeof(w->books[0])) {
        fake_break("too many processes for the books");
        return w->books;
    }
    if (i == w->nbooks) {
        w->nbooks++;
        snprintf(w->books[i].name, sizeof(w->books[i].name), "%s", name);
    }
    return &w->books[i];
}

static void on_change(void *obj, struct proc *p, const struct proc_change *c, bool gone)
{
    struct book *b = obj;
    if (gone) {
        proc_unwait(p, &b->waiter);
        b->waiter.fn = NULL;
        return;
    }
    b->ups += c->to == PROC_RUNNING;
    b->fatals += c->to == PROC_FATAL && c->why != PROC_WHY_SHUTDOWN;
}

/* every process has a book that listens to it */
static void open_books(struct world *w)
{
    for (struct proc *p = procs_first(&w->s); p; p = procs_next(p)) {
        struct book *b = book_of(w, proc_name(p));
        if (b->waiter.fn)
            continue;
        b->waiter = (struct proc_waiter){.fn = on_change, .obj = b};
        proc_wait(p, &b->waiter);
    }
}

static struct proc *proc_named(struct world *w, const char *name)
{
    struct proc *p = procs_first(&w->s);
    while (p && strcmp(proc_name(p), name) != 0)
        p = procs_next(p);
    return p;
}

static bool is_final(const struct proc_life *l)
{
    return proc_is_stopped(l) && !l->restart && !l->due.ns;
}

/* as its life has it, or later where time was given again */
static bool is_its_deadline(const struct proc *p, mono_t listed)
{
    mono_t next = proc_next(proc_life(p));
    return listed.ns == next.ns || (listed.ns > next.ns && p->forgiven.ns == next.ns);
}

/* its deadline is listed, where the heap has it, and the timer is set for the first of all */
static void check_due(struct world *w, const struct proc *p)
{
    const struct due_list *d = &w->s.due;
    mono_t next = proc_next(proc_life(p));
    if (!next.ns != !p->due)
        fake_break("%s has %s deadline but is %slisted", proc_name(p), next.ns ? "a" : "no",
                   p->due ? "" : "not ");
    if (!p->due)
        return;
    uint32_t at = p->due - 1, up = at ? (at - 1) / 2 : 0;
    if (at >= d->n || d->v[at].p != p || !is_its_deadline(p, d->v[at].at))
        fake_break("%s is not where it is listed", proc_name(p));
    if (d->v[up].at.ns > d->v[at].at.ns)
        fake_break("%s is due before what the heap says is first", proc_name(p));
    if (!loop_timer_active(&d->timer))
        fake_break("%s waits for a timer that is not set", proc_name(p));
}

static void check_proc(struct world *w, struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    const char *name = proc_name(p);
    struct fake_counts c = fake_counts_of(name);
    const struct book *b = book_of(w, name);
    if (fake_leaders(name) > 1)
        fake_break("%s runs %u times", name, fake_leaders(name));
    if (c.spawned != l->starts || c.reaped != l->exits)
        fake_break("%s counts %llu starts and %llu exits, the world %llu and %llu", name,
                   (unsigned long long)l->starts, (unsigned long long)l->exits,
                   (unsigned long long)c.spawned, (unsigned long long)c.reaped);
    if (b->waiter.fn && b->fatals != l->fatals)
        fake_break("%s counts %llu fatals, the world %llu", name, (unsigned long long)l->fatals,
                   (unsigned long long)b->fatals);
    check_due(w, p);
    if (l->want && !is_final(l) && !l->pid && !proc_next(l).ns && !p->queued)
        fake_break("%s is stuck in %s", name, proc_state_name(l->state));
    if (l->state == PROC_RUNNING && fake_leaders(name) == 0 && c.died == c.reaped)
        fake_break("%s is RUNNING but does not run", name);
    if (l->spawning != p->queued && w->s.mood != SUP_STOPPING)
        fake_break("%s is %swaiting for a spawn but %squeued", name, l->spawning ? "" : "not ",
                   p->queued ? "" : "not ");
}

static void check_all(struct world *w)
{
    struct fake_counts c = fake_counts();
    const struct state_totals *t = state_totals(w->s.state);
    int sweeps = 0, listed = 0;
    struct proc *swept;
    open_books(w);
    for (struct proc *p = procs_first(&w->s); p; p = procs_next(p)) {
        check_proc(w, p);
        sweeps += proc_life(p)->sweep;
    }
    TAILQ_FOREACH (swept, &w->s.sweeping, sweep)
        listed++;
    if (sweeps != listed)
        fake_break("%d sweeps are listed, the world has %d", listed, sweeps);
    if (t->spawned != c.spawned || t->reaped != c.reaped || t->orphans != c.orphans)
        fake_break("totals: %llu spawned, %llu reaped, %llu orphans; the world %llu, %llu, %llu",
                   (unsigned long long)t->spawned, (unsigned long long)t->reaped,
                   (unsigned long long)t->orphans, (unsigned long long)c.spawned,
                   (unsigned long long)c.reaped, (unsigned long long)c.orphans);
}

/* ---- how programs behave ---- */

static void random_end(struct world *w, struct fake_fate *f)
{
    f->start = FATE_STARTS;
    f->lives.ns = chance(w, 40) ? 0 : 1 + some_ms(w, chance(w, 50) ? 300 : 8000);
    f->status = chance(w, 20) ? SIGSEGV : (int)pick(w, 3) << 8;
    f->obeys.ns = chance(w, 20) ? -1 : some_ms(w, 500);
    f->kids = chance(w, 30) ? (unsigned)pick(w, 3) : 0;
    f->kid_lives.ns = chance(w, 50) ? 0 : some_ms(w, 3000);
    f->kid_obeys.ns = chance(w, 30) ? -1 : some_ms(w, 200);
    f->immortal = chance(w, 1);
    f->untouchable = chance(w, 1);
}

static void random_fate(struct world *w, struct fake_fate *f)
{
    uint64_t what = pick(w, 100);
    if (what < 5) {
        f->start = FATE_BUSY;
    } else if (what < 9) {
        f->start = FATE_REFUSED;
    } else if (what < 11) {
        f->start = FATE_FAILED;
    } else if (what < 16) {
        f->start = FATE_STEP;
        f->errnum = chance(w, 30) ? EAGAIN : 0;
        f->lives.ns = chance(w, 70) ? some_ms(w, 2) : some_ms(w, 3000);
    } else {
        random_end(w, f);
    }
}

static unsigned stop_commands(const char *name)
{
    char command[64];
    snprintf(command, sizeof(command), "%s.stop_command", name);
    return fake_leaders(command);
}

/* A command beside a process: it ends or hangs, but no KILL is in vain, or it would be given up. */
static void decide_beside(struct world *w, const char *name, struct fake_fate *f)
{
    *f = (struct fake_fate){.obeys = DUR_MS(5), .lives = DUR_MS(1)};
    if (strstr(name, ".hook_") && fake_leaders(name))
        fake_break("%s runs twice at once", name);
    if (!w->calm)
        random_fate(w, f);
    f->immortal = f->untouchable = false;
    f->lives = w->calm || chance(w, 70) ? f->lives : (dur_t){0};
}

/* A start is asked for: never a second instance, never beside leftovers that are to be ended. */
static void decide(void *obj, const struct spawn_request *rq, struct fake_fate *f)
{
    struct world *w = obj;
    const char *name = rq->argv[0];
    if (strchr(name, '.')) {
        decide_beside(w, name, f);
        return;
    }
    struct proc *p = proc_named(w, name);
    struct book *b = book_of(w, name);
    if (!p)
        fake_break("%s is started but unknown", name);
    else if (!proc_life(p)->want)
        fake_break("%s is started but not wanted", name);
    else if (proc_opts(p)->orphans == GEN_ORPHANS_KILL && !b->weird && fake_orphans(name))
        fake_break("%s is started beside %u leftovers of its group", name, fake_orphans(name));
    if (fake_leaders(name))
        fake_break("%s is started twice", name);
    if (stop_commands(name) && !b->weird)
        fake_break("%s is started beside its stop_command", name);
    if (w->s.mood == SUP_STOPPING)
        fake_break("%s is started in a shutdown", name);
    *f = (struct fake_fate){.obeys = DUR_MS(5)};
    if (!w->calm)
        random_fate(w, f);
    b->weird |= f->immortal || f->untouchable;
}

/* ---- what people do ---- */

static void update(struct world *w)
{
    struct err e;
    if (w->s.mood != SUP_RUNNING)
        return;
    change_conf(w);
    live_gen_unref(&w->s.pending);
    w->s.pending = stage_gen(&w->s, &w->conf);
    if (reload_apply(&w->s, NULL, 0, NULL, NULL, NULL, &e) < 0)
        fake_break("update: %s", e.msg);
    open_books(w);
}

static struct proc *some_proc(struct world *w)
{
    if (!w->s.nprocs)
        return NULL;
    uint64_t n = pick(w, w->s.nprocs);
    struct proc *p = procs_first(&w->s);
    while (p && n--)
        p = procs_next(p);
    return p;
}

static void reload(struct proc *p)
{
    struct err e;
    const struct gen_commands *c = gen_commands(p->gen->gen, p->conf);
    if (c && c->command[GEN_RELOAD_COMMAND].argc)
        hooks_reload(p, NULL, NULL, &e);
}

static void command(struct world *w)
{
    struct proc *p = some_proc(w);
    uint64_t what = pick(w, 100);
    w->commands++;
    if (what < 8)
        update(w);
    else if (what < 12)
        fake_set_wall((dur_t){some_ms(w, 7200000) - 3600 * SEC});
    else if (!p)
        return;
    else if (what < 50)
        proc_start(p, PROC_WHY_OPERATOR);
    else if (what < 70)
        proc_stop(p);
    else if (what < 74)
        reload(p);
    else if (what < 90)
        proc_restart(p);
    else
        proc_hasten(p);
}

static void start_all(struct world *w)
{
    for (struct proc *p = procs_first(&w->s); p; p = procs_next(p))
        proc_start(p, PROC_WHY_OPERATOR);
}

static void at_random(struct world *w)
{
    check_all(w);
    if (w->s.mood == SUP_RUNNING)
        for (uint64_t n = 1 + pick(w, 3); n; n--)
            command(w);
    loop_timer_at(&w->script, mono_add(mono_now(), (dur_t){some_ms(w, 2000)}));
}

/* ---- the end: first calm, then the shutdown ---- */

static void check_calm(struct world *w)
{
    for (struct proc *p = procs_first(&w->s); p; p = procs_next(p)) {
        const struct proc_life *l = proc_life(p);
        if (l->state != PROC_RUNNING || fake_leaders(proc_name(p)) != 1 || l->sweep)
            fake_break("%s is %s (want %d) though all is well for minutes", proc_name(p),
                       proc_state_name(l->state), l->want);
    }
    if (reload_applying(&w->s))
        fake_break("an update does not come to rest");
}

static void end_it(struct world *w)
{
    static const int sigs[] = {SIGTERM, SIGINT, SIGQUIT};
    check_all(w);
    w->asked_to_end = mono_now();
    fake_signal(sigs[pick(w, 3)]);
}

static void at_deadline(struct world *w);

static void next_deadline(struct world *w, dur_t d)
{
    LOOP_TIMER(&w->deadline, w->s.loop, at_deadline, w);
    loop_timer_at(&w->deadline, mono_add(mono_now(), d));
}

/* once to make all well, once to see that it is, and to end */
static void at_deadline(struct world *w)
{
    if (w->s.mood == SUP_STOPPING) {
        if (chance(w, 30))
            fake_signal(SIGTERM); /* again: hastens it */
        if (w->conf.shutdown_timeout_ns < 0)
            fake_heal(); /* what nothing can end would keep it waiting for ever */
        next_deadline(w, DUR_S(100));
        return;
    }
    if (!w->calm && chance(w, 50)) { /* down in the middle of things */
        end_it(w);
        next_deadline(w, (dur_t){1 + some_ms(w, 3000)});
        return;
    }
    if (w->calm) {
        check_calm(w);
        end_it(w);
        next_deadline(w, (dur_t){1 + some_ms(w, 3000)});
        return;
    }
    w->calm = true;
    loop_timer_stop(&w->script);
    fake_heal();
    /* what could not be signalled ends, sweeps give up; then everybody is told to start */
    next_deadline(w, DUR_S(120));
    LOOP_TIMER(&w->script, w->s.loop, start_all, w);
    loop_timer_at(&w->script, mono_add(mono_now(), DUR_S(40)));
}

static void world_boot(struct world *w)
{
    random_conf(w);
    fake_on_spawn(decide, w);
    stage_open(&w->s, &w->conf);
    open_books(w);
    LOOP_TIMER(&w->script, w->s.loop, at_random, w);
    loop_timer_at(&w->script, mono_add(mono_now(), DUR_MS(1)));
    next_deadline(w, (dur_t){SEC + some_ms(w, 120000)});
}

static void check_beside_gone(struct world *w)
{
    for (unsigned i = 0; i < w->nbooks; i++)
        for (unsigned which = 0; which < GEN_NCOMMANDS; which++) {
            char name[64];
            snprintf(name, sizeof(name), "%s.%s", w->books[i].name, gen_command_name(which));
            if (fake_leaders(name))
                fake_break("%s still runs after the end", name);
        }
}

static void check_end(struct world *w)
{
    int64_t limit = w->conf.shutdown_timeout_ns;
    int64_t took = mono_sub(mono_now(), w->asked_to_end).ns;
    /* 2 s for what SIGKILL needs, 0.5 s for the log; jumps of 3 s can come in between */
    int64_t slack = fake_counts().jumps ? 12 * SEC : 2600000000;
    if (w->asked_to_end.ns && limit >= 0 && took > limit + slack)
        fake_break("the shutdown took %.1f s, its limit is %.1f s", (double)took / 1e9,
                   (double)limit / 1e9);
    check_all(w);
    for (struct proc *p = procs_first(&w->s); p; p = procs_next(p))
        if (!proc_is_down(p) && !book_of(w, proc_name(p))->weird)
            fake_break("%s is left behind in %s by the shutdown", proc_name(p),
                       proc_state_name(proc_life(p)->state));
    for (unsigned i = 0; i < w->nbooks; i++)
        if (fake_leaders(w->books[i].name) && !w->books[i].weird)
            fake_break("%s still runs after the end", w->books[i].name);
    fake_clock_to(mono_add(mono_now(), DUR_MS(5))); /* what was killed last dies */
    fake_kernel_run();
    check_beside_gone(w);
}

static void run_world(uint64_t seed)
{
    static struct world w;
    memset(&w, 0, sizeof(w));
    /* a shutdown turns the log back to descriptor 2 */
    log_setup(loud ? 2 : nowhere, loud ? LVL_DEBUG : LVL_CRITICAL, false);
    rng_seed(&w.r, seed);
    fake_reset(seed, seed % 3 ? 0 : 3);
    world_boot(&w);
    loop_run(w.s.loop);
    check_end(&w);
    loop_timer_stop(&w.script);
    loop_timer_stop(&w.deadline);
    stage_close(&w.s);
    if (fake_broken())
        fail_msg("seed %llu: %s", (unsigned long long)seed, fake_broken());
}

static void random_worlds_keep_the_rules(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= WORLDS; seed++)
        if (!one_seed || seed == one_seed)
            run_world(seed);
    if (one_seed > WORLDS)
        run_world(one_seed);
    log_setup(2, LVL_INFO, false);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        one_seed = strtoull(argv[1], NULL, 10);
    loud = argc > 2;
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_worlds_keep_the_rules),
    };
    return cmocka_run_group_tests_name("world", tests, NULL, NULL);
}
