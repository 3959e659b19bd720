/* supd-agent: follows what supd does, and answers the requests that supd forwards to it. */
#include "supervisor/agent/agent.h"
#include "supervisor/agent/alerting.h"
#include "supervisor/agent/counting.h"
#include "supervisor/agent/hand.h"
#include "supervisor/agent/logsock.h"
#include "supervisor/agent/probing.h"
#include "supervisor/agent/program.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/hand.h"
#include "supervisor/io/files.h"
#include "supervisor/io/threads.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static void take_generation(struct agent_program *a, int fd);

static void on_request(void *obj, const struct channel_req *rq, char *const *args, size_t nargs)
{
    requests_do(obj, rq, args, nargs);
}

static void on_event(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct agent_program *a = obj;
    const char *type = wire_value(pairs, n, "type"), *name = wire_value(pairs, n, "name");
    a->events++;
    if (type && name && strcmp(type, "mood") == 0)
        a->stopping = strcmp(name, "stopping") == 0;
    procs_event(a->procs, pairs, n);
}

static void on_record(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct agent_program *a = obj;
    procs_record(a->procs, pairs, n);
}

/* The configuration is taken into use only when it is known what runs: what was written down is
 * compared with it. */
static void on_snapshot(void *obj, uint64_t instance)
{
    struct agent_program *a = obj;
    a->has_snapshot = true;
    feed_supd(engine_feed(a->engine), instance);
    alerting_snapshot(a);
    if (a->waiting_gen >= 0)
        take_generation(a, a->waiting_gen);
    fd_close(&a->waiting_gen);
}

static void on_process(void *obj, const struct procs_change *c)
{
    probing_process(obj, c);
    alerting_process(obj, c);
    counting_process(obj, c);
}

/* ---- the end ---- */

/* What is on its way to people when supd ends may arrive; supd waits 1.8 s. */
#define END_LIMIT DUR_MS(1200)
#define END_LOOK DUR_MS(20)
#define END_SERVING DUR_MS(300) /* who has come, and has not asked yet */

static void on_end(struct agent_program *a)
{
    mono_t now = loop_now(a->loop);
    bool served = mono_reached(a->end_serving, now) || !a->serving || !a->server->busy(a->serving);
    if (mono_reached(a->end, now) || (served && !engine_sending(a->engine)))
        loop_stop(a->loop);
    else
        loop_timer_at(&a->end_timer, mono_add(now, END_LOOK));
}

static void on_closed(void *obj)
{
    struct agent_program *a = obj;
    a->end = mono_add(loop_now(a->loop), END_LIMIT);
    a->end_serving = mono_add(loop_now(a->loop), END_SERVING);
    if (a->serving)
        a->server->quiesce(a->serving);
    LOOP_TIMER(&a->end_timer, a->loop, on_end, a);
    loop_timer_at(&a->end_timer, mono_add(loop_now(a->loop), END_LOOK));
}

/* ---- the configuration ---- */

struct agentgen *agent_read_gen(int fd, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        err_errno(e, errno, "cannot read the configuration that supd handed over");
    else if (st.st_size == 0)
        return agentgen_read("", 0, e);
    else {
        void *text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
        if (text != MAP_FAILED) {
            struct agentgen *g = agentgen_read(text, (size_t)st.st_size, e);
            munmap(text, (size_t)st.st_size);
            return g;
        }
        err_errno(e, errno, "cannot map the configuration that supd handed over");
    }
    return NULL;
}

static void take_generation(struct agent_program *a, int fd)
{
    struct err e;
    struct agentgen *g = agent_read_gen(fd, &e);
    if (!g) {
        log_error("agent: %s; the one before stays in use", e.msg);
        return;
    }
    struct agentgen *old = a->gen;
    a->gen = g;
    procs_follow(a->procs, g);
    if (!alerting_apply(a)) { /* the load child has had all of it checked: out of memory */
        a->gen = old;
        procs_follow(a->procs, old);
        agentgen_free(&g);
        return;
    }
    probing_apply(a);
    agentgen_free(&old);
    if (a->serving)
        a->server->follow(a->serving);
    log_line(g->conf->items.n ? LVL_INFO : LVL_DEBUG,
             "agent: has its configuration sections=%zu processes=%zu", g->conf->items.n,
             g->nprocs);
}

static void on_hand(void *obj, const char *what, int fd)
{
    struct agent_program *a = obj;
    if (strcmp(what, HAND_GENERATION) == 0 && !a->has_snapshot) {
        fd_close(&a->waiting_gen);
        a->waiting_gen = fd;
    } else if (strcmp(what, HAND_GENERATION) == 0) {
        take_generation(a, fd);
        fd_close(&fd);
    } else if (strcmp(what, HAND_JOURNAL) == 0 && a->journal < 0) {
        a->journal = fd;
    } else if (strcmp(what, HAND_LISTEN) == 0 && a->serving) {
        a->server->take(a->serving, NULL, fd);
    } else if (strncmp(what, HAND_SERVER, strlen(HAND_SERVER)) == 0 && a->serving) {
        a->server->take(a->serving, what + strlen(HAND_SERVER), fd);
    } else if (strncmp(what, HAND_LOG, strlen(HAND_LOG)) == 0) {
        logsock_take(a, what + strlen(HAND_LOG), fd);
    } else if (strcmp(what, HAND_FILES) == 0) {
        files_helper(a->env.files, fd);
    } else if (strcmp(what, HAND_TEXT) == 0) {
        counting_text(a, fd);
    } else {
        fd_close(&fd);
    }
}

/* ---- the program ---- */

/* Signals that are meant for others (a terminal's, a container's) do not end the agent: its channel
 * does. */
static void block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGQUIT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool setup(struct agent_program *a, struct err *e)
{
    static const struct channel_ops ops = {on_record, on_snapshot, on_event, on_request, on_closed};
    a->procs = procs_new(on_process, a);
    a->loop = loop_new(e);
    if (a->loop)
        a->channel = channel_new(a->loop, HAND_CHANNEL_FD, &ops, a, e);
    if (!a->channel || !probing_setup(a, e) || !alerting_setup(a, e))
        return false;
    a->serving = a->server ? a->server->start(a) : NULL;
    a->hand = hand_new(a->loop, HAND_FD, on_hand, a, e);
    return a->hand;
}

int agent_run(const struct agent_server *server)
{
    struct agent_program a = {.started = mono_now(),
                              .journal = -1,
                              .waiting_gen = -1,
                              .waiting_text = -1,
                              .server = server};
    struct err e;
    prctl(PR_SET_DUMPABLE, 0); /* it holds secrets, and its user may have other processes */
    block_signals();
    threads_allow();
    bool ok = setup(&a, &e);
    if (ok)
        loop_run(a.loop);
    else
        log_error("%s", e.msg);
    loop_timer_stop(&a.end_timer);
    if (a.serving)
        server->stop(&a.serving);
    logsocks_free(&a);
    alerting_fini(&a);
    probing_fini(&a);
    hand_free(&a.hand);
    channel_free(&a.channel);
    procs_free(&a.procs);
    loop_free(&a.loop);
    agentgen_free(&a.gen);
    fd_close(&a.waiting_gen);
    fd_close(&a.waiting_text);
    fd_close(&a.journal);
    return ok ? 0 : 1;
}
