/* Plays: see play.h. */
#include "tests/fake/play.h"

#include "supervisor/base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct play play;
static int nowhere = -1;

struct gen_opts *play_add(const char *group, int32_t priority, const char *name)
{
    struct gen_make *m = &play.conf;
    if (!m->ngroups || strcmp(m->groups[m->ngroups - 1].name, group) != 0) {
        snprintf(m->groups[m->ngroups].name, sizeof(m->groups[0].name), "%s", group);
        m->groups[m->ngroups++].priority = priority;
    }
    m->groups[m->ngroups - 1].nprocs++;
    uint32_t i = m->nprocs++;
    snprintf(m->procs[i].name, sizeof(m->procs[i].name), "%s", name);
    m->procs[i].stops[0] = (struct gen_stop){.sig = SIGTERM, .wait_ns = 10 * SEC};
    m->procs[i].nstops = 1;
    m->procs[i].rec = (struct gen_proc){0};
    m->procs[i].opts = (struct gen_opts){.autostart = 1,
                                         .autorestart = GEN_RESTART_UNEXPECTED,
                                         .exitcodes = {1},
                                         .startsecs_ns = SEC,
                                         .startretries = 3,
                                         .backoff_ns = SEC,
                                         .stopwait_ns = 10 * SEC};
    play.fates[i] = (struct fake_fate){.obeys = DUR_MS(20)};
    return &m->procs[i].opts;
}

struct gen_order *play_order(void)
{
    play.conf.procs[play.conf.nprocs - 1].ordered = true;
    return &play.conf.procs[play.conf.nprocs - 1].order;
}

struct gen_order *play_dep(const char *group, enum order_when when, bool hard)
{
    uint32_t i = play.conf.nprocs - 1, k = play.conf.procs[i].ndeps++;
    snprintf(play.conf.procs[i].deps[k].group, sizeof(play.conf.procs[i].deps[k].group), "%s",
             group);
    play.conf.procs[i].deps[k].when = (uint8_t)when;
    play.conf.procs[i].deps[k].hard = hard;
    return play_order();
}

struct fake_fate *play_fate(const char *name)
{
    uint32_t i = 0;
    while (i < play.conf.nprocs - 1 && strcmp(play.conf.procs[i].name, name) != 0)
        i++;
    return &play.fates[i];
}

static void fate(void *obj, const struct spawn_request *rq, struct fake_fate *out)
{
    (void)obj;
    *out = *play_fate(rq->argv[0]);
}

static void note(void *obj, const char *what, const char *name)
{
    (void)obj;
    str_printf(&play.seen, "%lld %s %s\n",
               (long long)(mono_sub(fake_clock(), play.begin).ns / 1000000), what, name);
}

void play_begin(void)
{
    memset(&play, 0, sizeof(play));
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_setup(nowhere, LVL_CRITICAL, false);
    play.conf.shutdown_timeout_ns = -1;
    fake_reset(1, 0);
}

void play_open(void)
{
    play.begin = fake_clock();
    fake_on_spawn(fate, NULL);
    fake_on_seen(note, NULL);
    stage_open(&play.s, &play.conf);
}

void play_run(void)
{
    loop_run(play.s.loop);
    if (fake_broken())
        fail_msg("%s\n%s", fake_broken(), str_text(&play.seen));
}

void play_close(void)
{
    stage_close(&play.s);
    str_fini(&play.seen);
    close(nowhere);
    nowhere = -1;
}

void play_expect(const char *text, int exit_code)
{
    play_run();
    assert_string_equal(str_text(&play.seen), text);
    assert_int_equal(play.s.exit_code, exit_code);
    play_close();
}

struct proc *play_proc(const char *name)
{
    struct proc *p = procs_first(&play.s);
    while (p && strcmp(proc_name(p), name) != 0)
        p = procs_next(p);
    assert_non_null(p);
    return p;
}

void play_term(struct sup *s)
{
    (void)s;
    fake_signal(SIGTERM);
}

void play_stop(struct proc *p)
{
    proc_stop(p);
}

void play_restart(struct proc *p)
{
    proc_restart(p);
}
