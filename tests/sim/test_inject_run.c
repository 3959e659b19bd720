/* Every allocation of the supervisor's run layer fails once, in turn, on the simulated machine:
 * while it starts, restarts, stops, takes a new configuration over, and goes down. A start that
 * cannot be made says why and leaves nothing; from then on nothing runs twice, every death is
 * counted, what could not be done is said, and the next update makes all of it good.
 * SUPD_INJECT=N lets only the Nth fail. */
#include "tests/fake/play.h"
#include "tests/inject/inject.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/shutdown.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct scene {
    struct loop_timer cues[16];
    unsigned ncues, updates, refused;
    mono_t begin;
    int log; /* what it said, in memory */
    bool calm, lost;
} w;

/* ---- how programs behave ---- */

static void decide(void *obj, const struct spawn_request *rq, struct fake_fate *f)
{
    (void)obj;
    const char *name = rq->argv[0];
    *f = *play_fate(name);
    if (fake_leaders(name))
        fake_break("%s is started twice", name);
    if (fake_orphans(name))
        fake_break("%s is started beside %u leftovers", name, fake_orphans(name));
    if (w.calm)
        f->lives.ns = 0;
}

/* ---- what is looked at ---- */

static struct proc *find(const char *name)
{
    struct proc *p = procs_first(&play.s);
    while (p && strcmp(proc_name(p), name) != 0)
        p = procs_next(p);
    return p;
}

static void check_counts(void)
{
    for (struct proc *p = procs_first(&play.s); p; p = procs_next(p)) {
        const struct proc_life *l = proc_life(p);
        if (fake_leaders(proc_name(p)) > 1)
            fake_break("%s runs twice", proc_name(p));
        if (l->pid && fake_pid(proc_name(p)) && l->pid != fake_pid(proc_name(p)))
            fake_break("%s is another process than supd thinks", proc_name(p));
    }
    const struct state_totals *t = state_totals(play.s.state);
    struct fake_counts c = fake_counts();
    if (t->spawned != c.spawned || t->reaped != c.reaped)
        fake_break("%llu spawned, %llu reaped; the world has %llu and %llu",
                   (unsigned long long)t->spawned, (unsigned long long)t->reaped,
                   (unsigned long long)c.spawned, (unsigned long long)c.reaped);
}

static unsigned count_procs(void)
{
    unsigned n = 0;
    for (struct proc *p = procs_first(&play.s); p; p = procs_next(p))
        n++;
    return n;
}

/* Is what runs what the configuration says? */
static bool is_whole(const char **out_what)
{
    const struct gen_make *m = &play.conf;
    *out_what = "too many";
    if (count_procs() != m->nprocs || play.s.ngroups != m->ngroups)
        return false;
    for (uint32_t i = 0; i < m->nprocs; i++) {
        struct proc *p = find(m->procs[i].name);
        *out_what = m->procs[i].name;
        if (!p || proc_life(p)->state != PROC_RUNNING || fake_leaders(m->procs[i].name) != 1 ||
            !p->log[0] || (!p->log[1]) != proc_opts(p)->redirect_stderr || p->conf->restart_digest != m->procs[i].rec.restart_digest ||
            p->conf->hot_digest != m->procs[i].rec.hot_digest)
            return false;
    }
    return true;
}

static off_t log_size(void)
{
    return lseek(w.log, 0, SEEK_END);
}

/* ---- what happens ---- */

static void update(struct scene *c)
{
    struct err e = {0};
    enum inject_who was = inject_be(INJECT_NOBODY);
    int fd = gen_make_fd(&play.conf);
    inject_be(was);
    live_gen_unref(&play.s.pending);
    struct live_gen *gen = live_gen_new(&play.s, fd, &e);
    c->updates++;
    if (gen) {
        play.s.pending = gen;
        if (reload_apply(&play.s, NULL, 0, NULL, NULL, NULL, &e) >= 0)
            return;
    }
    c->refused++;
    if (!strstr(e.msg, "cannot") || e.errnum != ENOMEM)
        fake_break("an update was refused: '%s', %d", e.msg, e.errnum);
}

/* one goes, two come, one restarts, one changes as it runs */
static void change(struct scene *c)
{
    struct gen_make *m = &play.conf;
    play_add("i", 3, "e");
    m->procs[1].rec.restart_digest = 7;
    m->procs[0].rec.hot_digest = 5;
    m->procs[0].opts.redirect_stderr = m->procs[1].opts.redirect_stderr = 0;
    update(c);
}

/* the last group shrinks, another one grows */
static void change_again(struct scene *c)
{
    struct gen_make *m = &play.conf;
    snprintf(m->groups[3].name, sizeof(m->groups[3].name), "j");
    snprintf(m->procs[4].name, sizeof(m->procs[4].name), "f");
    play.fates[4] = play.fates[0];
    m->procs[2].rec.hot_digest = 6;
    m->procs[2].opts.redirect_stderr = 0;
    m->groups[2].nprocs = 0;
    m->groups[1].nprocs = 2;
    snprintf(m->procs[3].name, sizeof(m->procs[3].name), "x");
    update(c);
}

/* What went wrong with it is said, if anything did: somebody may wait for it. */
static void look(struct scene *c)
{
    const char *what;
    check_counts();
    if (is_whole(&what))
        return;
    if (!c->refused && log_size() == 0)
        fake_break("%s is not as the configuration says, and nobody was told", what);
    c->lost = true;
}

static void restart_a(struct scene *c)
{
    (void)c;
    if (find("a"))
        proc_restart(find("a"));
}

static void stop_c(struct scene *c)
{
    (void)c;
    if (find("c"))
        proc_stop(find("c"));
}

static void start_all(struct scene *c)
{
    c->calm = true;
    for (struct proc *p = procs_first(&play.s); p; p = procs_next(p))
        proc_start(p, PROC_WHY_OPERATOR);
}

static void end(struct scene *c)
{
    (void)c;
    const char *what;
    check_counts();
    if (!is_whole(&what))
        fake_break("%s is not as the configuration says at the end", what);
    if (reload_applying(&play.s))
        fake_break("an update does not come to rest");
    fake_signal(SIGTERM);
}

static void at(int ms, void (*fn)(struct scene *c))
{
    struct loop_timer *t = &w.cues[w.ncues++];
    loop_timer_init(t, play.s.loop, (loop_fn *)fn, &w);
    loop_timer_at(t, mono_add(w.begin, DUR_MS(ms)));
}

static void play_it(void)
{
    w.begin = fake_clock();
    at(1500, restart_a);
    at(4000, change);
    at(9000, look);
    at(10000, change_again);
    at(15000, look);
    at(16000, stop_c);
    at(17000, start_all);
    at(20000, update);
    at(25000, update);
    at(40000, end);
    loop_run(play.s.loop);
    for (unsigned i = 0; i < w.ncues; i++)
        loop_timer_stop(&w.cues[i]);
    if (fake_living() || fake_zombies())
        fake_break("somebody is left behind");
}

/* ---- one scene ---- */

static void configure(void)
{
    play_begin();
    w.log = memfd_create("log", MFD_CLOEXEC);
    log_setup(w.log, LVL_WARN, false);
    play_add("g", 1, "a");
    play_add("g", 1, "b")->orphans_kill = 1;
    play_add("h", 2, "c");
    play_add("k", 2, "d");
    for (uint32_t i = 0; i < 8; i++)
        play.conf.procs[i].opts.redirect_stderr = 1;
    play_fate("b")->lives = DUR_MS(1300);
    play_fate("b")->kids = 2;
    fake_on_spawn(decide, NULL);
}

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static const char *broken(const char *what)
{
    return what ? what : fake_broken();
}

static const char *scene(void *obj)
{
    (void)obj;
    static char text[128];
    const char *wrong = NULL;
    struct err e = {0};
    int fds = count_fds();
    int64_t live = inject_live();
    memset(&w, 0, sizeof(w));
    inject_be(INJECT_NOBODY);
    configure();
    int fd = gen_make_fd(&play.conf);
    inject_be(INJECT_SUPD);
    if (stage_try(&play.s, fd, &e) == 0)
        play_it();
    else if (!inject_done() || !e.errnum || strlen(e.msg) < 10)
        wrong = "it does not start, and does not say why";
    int self = play.s.state ? state_kept(play.s.state)->self : 0; /* as long as supd */
    play_close();
    if (self > 0)
        close(self);
    log_setup(2, LVL_INFO, false);
    close(w.log);
    if (!broken(wrong) && inject_live() != live) {
        snprintf(text, sizeof(text), "%lld pieces of memory are left",
                 (long long)(inject_live() - live));
        wrong = text;
    }
    if (!broken(wrong) && count_fds() != fds)
        wrong = "a descriptor is left";
    return broken(wrong);
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    unsigned n = inject_walk(INJECT_MEMORY, INJECT_SUPD, scene, NULL, 2000);
    print_message("%u allocations, each failed once\n", n);
    if (!getenv("SUPD_INJECT"))
        assert_in_range(n, 40, 1999);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
    };
    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
