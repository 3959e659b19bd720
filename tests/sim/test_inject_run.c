/* Every allocation of the supervisor's run layer fails once, in turn, on the simulated machine:
 * while it starts, restarts, stops, takes a new configuration over, and goes down. A start that
 * cannot be made says why and leaves nothing; from then on nothing runs twice, every death is
 * counted, what could not be done is said, and the next update makes all of it good.
 * SUPD_INJECT=N lets only the Nth fail. */
#include "tests/fake/play.h"
#include "tests/inject/inject.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/ctl_impl.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/verbs.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
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

/* A process that could not be signalled is UNKNOWN for as long as it lives: its owner's business.
 */
static bool is_given_up(const struct proc *p)
{
    return strncmp(inject_failed(), "kill", 4) == 0 && proc_life(p)->state == PROC_UNKNOWN &&
           fake_leaders(proc_name(p)) == 1;
}

/* Is what runs what the configuration says? */
static bool is_whole(const char **out_what)
{
    const struct gen_make *m = &play.conf;
    *out_what = "too many";
    bool refused = strncmp(inject_failed(), "kill", 4) == 0; /* what is to go may still be there */
    if (!refused && (count_procs() != m->nprocs || play.s.ngroups != m->ngroups))
        return false;
    for (uint32_t i = 0; i < m->nprocs; i++) {
        struct proc *p = find(m->procs[i].name);
        *out_what = m->procs[i].name;
        if (p && is_given_up(p))
            continue;
        if (!p || proc_life(p)->state != PROC_RUNNING || fake_leaders(m->procs[i].name) != 1 ||
            !p->log[0] || (!p->log[1]) != proc_opts(p)->redirect_stderr ||
            p->conf->restart_digest != m->procs[i].rec.restart_digest ||
            p->conf->hot_digest != m->procs[i].rec.hot_digest)
            return false;
    }
    return true;
}

static off_t log_size(void)
{
    return lseek(w.log, 0, SEEK_END);
}

/* ---- somebody at the control socket ---- */

#define IDS 40

static struct client {
    struct ctl_client *at; /* NULL: not connected */
    int fd;
    unsigned id, losses;
    bool waits[IDS];
    uint64_t seq; /* of the last event, 0: none yet */
    uint64_t exits;
    bool subscribed;
    struct str in;
    struct loop_timer hear;
} me;

static void on_closed(void *obj)
{
    (void)obj;
    me.at = NULL;
    me.losses++;
}

static void hang_up(void)
{
    if (me.fd > 0)
        close(me.fd);
    me.fd = 0;
    me.seq = 0;
    memset(me.waits, 0, sizeof(me.waits));
    str_clear(&me.in);
}

static void say(const char *request)
{
    char line[96];
    enum inject_who was = inject_be(INJECT_NOBODY);
    me.id++;
    me.waits[me.id % IDS] = true;
    int n = snprintf(line, sizeof(line), "%u %s\n", me.id, request);
    if (write(me.fd, line, (size_t)n) != n)
        fake_break("cannot ask");
    inject_be(was);
    me.at->io.events = LOOP_READ;
    me.at->io.fn(me.at->io.obj);
}

/* Connects and subscribes; what could not be taken in is no client. */
static bool connect_me(void)
{
    int ends[2];
    if (me.at)
        return true;
    hang_up();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    me.at = ctl_adopt(play.s.ctl, ends[0], CTL_ADMIN, on_closed, NULL);
    if (!me.at) {
        close(ends[0]);
        close(ends[1]);
        me.losses++;
        return false;
    }
    me.fd = ends[1];
    say("subscribe");
    return me.at;
}

static void ask(const char *request)
{
    if (connect_me())
        say(request);
}

/* events come without a gap; each request has one answer */
static void hear_line(const char *line)
{
    const char *seq = strstr(line, " event seq="), *word = strchr(line, ' ');
    if (!word) {
        if (strncmp(line, "supd ", 5) != 0)
            fake_break("no line: %s", line);
        return;
    }
    unsigned id = (unsigned)strtoul(line, NULL, 10);
    if (seq) {
        uint64_t n = strtoull(seq + 11, NULL, 10);
        if (me.seq && n != me.seq + 1)
            fake_break("event %llu comes after %llu", (unsigned long long)n,
                       (unsigned long long)me.seq);
        me.seq = n;
        me.exits += strstr(line, "\ttype=exit\t") != NULL;
    } else if (strncmp(word, " ok", 3) == 0 || strncmp(word, " error", 6) == 0) {
        if (id && !me.waits[id % IDS])
            fake_break("an answer that nobody asked for: %s", line);
        me.waits[id % IDS] = false;
        me.subscribed |= strncmp(word, " ok seq=", 8) == 0;
        if (strncmp(word, " error", 6) == 0 && !strstr(word, "memory"))
            fake_break("refused, and not for memory: %s", line);
    }
}

static void hear(struct client *c)
{
    char buf[4096], *end;
    enum inject_who was = inject_be(INJECT_NOBODY);
    ssize_t n;
    while (c->fd > 0 && (n = recv(c->fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
        str_put(&c->in, buf, (size_t)n);
    while (c->in.len && (end = strchr(c->in.s, '\n'))) {
        *end = '\0';
        hear_line(c->in.s);
        str_drop(&c->in, (size_t)(end + 1 - c->in.s));
    }
    if (!c->at)
        hang_up();
    inject_be(was);
    loop_timer_at(&c->hear, mono_add(mono_now(), DUR_MS(400)));
}

static bool make_ctl(struct err *e)
{
    struct ctl_config config = {.loop = play.s.loop, .obj = &play.s, .version = "9.9"};
    config.verbs = verbs_all(&config.nverbs);
    config.kept = state_kept(play.s.state);
    play.s.ctl = ctl_new(&config, e);
    LOOP_TIMER(&me.hear, play.s.loop, hear, &me);
    loop_timer_at(&me.hear, mono_add(mono_now(), DUR_MS(50)));
    return play.s.ctl;
}

static void ask_around(struct scene *c)
{
    static const char *const requests[] = {"status",
                                           "explain all",
                                           "pid g:a g:b",
                                           "names",
                                           "stats",
                                           "clear all main",
                                           "config",
                                           "help",
                                           "signal WINCH c",
                                           "version",
                                           "restart g:a wait=0"};
    (void)c;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        ask(requests[i]);
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
    play_fate("b")->lives.ns = 0;
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
    ask("restart g:a");
}

static void stop_c(struct scene *c)
{
    (void)c;
    ask("stop c");
    ask("start c");
    ask("stop c g:a");
}

static void start_all(struct scene *c)
{
    c->calm = true;
    for (struct proc *p = procs_first(&play.s); p; p = procs_next(p))
        proc_start(p, PROC_WHY_OPERATOR);
    ask("start c");
}

static void end(struct scene *obj)
{
    (void)obj;
    hear(&me);
    const char *what;
    check_counts();
    if (!is_whole(&what))
        fake_break("%s is not as the configuration says at the end", what);
    if (reload_applying(&play.s))
        fake_break("an update does not come to rest");
    for (unsigned i = 0; i < IDS; i++)
        if (me.at && me.waits[i])
            fake_break("a request is never answered");
    struct fake_counts c = fake_counts();
    if (me.subscribed && !me.losses && me.exits != c.reaped - c.orphans)
        fake_break("%llu deaths, but %llu were told of", (unsigned long long)(c.reaped - c.orphans),
                   (unsigned long long)me.exits);
    if (me.losses > 1)
        fake_break("%u connections were lost", me.losses);
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
    at(100, ask_around);
    at(1500, restart_a);
    at(4000, change);
    at(9000, look);
    at(10000, change_again);
    at(15000, look);
    at(16000, stop_c);
    at(17000, start_all);
    at(20000, update);
    at(25000, update);
    at(30000, ask_around);
    at(40000, end);
    loop_run(play.s.loop);
    for (unsigned i = 0; i < w.ncues; i++)
        loop_timer_stop(&w.cues[i]);
    loop_timer_stop(&me.hear);
    if ((fake_living() && strncmp(inject_failed(), "kill", 4) != 0) || fake_zombies())
        fake_break("somebody is left behind");
}

/* ---- one scene ---- */

/* Every death is told with its status. */
static void read_log(void)
{
    static char text[65536];
    ssize_t n = pread(w.log, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    for (char *at = text; (at = strstr(at, "exited: ")); at++)
        if (strncmp(at, "exited: b (exit status 3; not expected)", 39) != 0)
            fake_break("a death is told as '%.50s'", at);
}

static void configure(void)
{
    play_begin();
    w.log = memfd_create("log", MFD_CLOEXEC);
    log_setup(w.log, LVL_WARN, false);
    play_add("g", 1, "a");
    play_add("g", 1, "b")->orphans = 1;
    play_add("h", 2, "c");
    play_add("k", 2, "d");
    for (uint32_t i = 0; i < 8; i++)
        play.conf.procs[i].opts.redirect_stderr = 1;
    play_fate("b")->lives = DUR_MS(1300);
    play_fate("b")->status = 3 << 8;
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
    memset(&me, 0, sizeof(me));
    inject_be(INJECT_NOBODY);
    configure();
    int fd = gen_make_fd(&play.conf);
    inject_be(INJECT_SUPD);
    if (stage_try(&play.s, fd, &e) == 0 && make_ctl(&e))
        play_it();
    else if (!inject_done() || !e.errnum || strlen(e.msg) < 10)
        wrong = "it does not start, and does not say why";
    read_log();
    int self = play.s.state ? state_kept(play.s.state)->self : 0; /* as long as supd */
    play_close();
    hang_up();
    str_fini(&me.in);
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

static void walk(unsigned sets, unsigned least)
{
    unsigned n = inject_walk(
        &(struct inject_walk){.sets = sets, .who = INJECT_SUPD, .scene = scene, .most = 2000});
    print_message("%u calls, each failed once\n", n);
    if (!getenv("SUPD_INJECT"))
        assert_in_range(n, least, 1999);
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    if (!getenv("SUPD_INJECT_KILLS"))
        walk(INJECT_MEMORY, 40);
}

static void each_signal_is_refused_once(void **state)
{
    (void)state;
    if (!getenv("SUPD_INJECT") || getenv("SUPD_INJECT_KILLS"))
        walk(INJECT_KILLS, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_fails_once),
        cmocka_unit_test(each_signal_is_refused_once),
    };
    return cmocka_run_group_tests_name("inject", tests, NULL, NULL);
}
