/* supd's side of supd-agent: its process, its channel, and the requests forwarded to it. */
#include "supervisor/run/agent.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/hand.h"
#include "supervisor/core/proc.h"
#include "supervisor/io/reap.h"
#include "supervisor/run/agentchild.h"
#include "supervisor/run/agentlisten.h"
#include "supervisor/run/health.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/ready_log.h"
#include "supervisor/run/ready_probe.h"
#include "supervisor/run/servers.h"
#include "supervisor/run/setup.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/taps.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOURNAL_SIZE (1 << 20)
#define BACKOFF_FIRST DUR_MS(100)
#define BACKOFF_MAX DUR_S(10)
#define STABLE DUR_S(10) /* up for so long: the next death is a new story */
#define CLOSE_LIMIT DUR_MS(1800)
#define KEY_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

/* a request that the agent has not answered yet */
struct forwarded {
    struct forwarded *next;
    struct agent *agent;
    struct ctl_req *rq;
    uint32_t ref;
};

struct agent {
    struct sup *sup;
    char program[512];
    int pid;
    bool wanted;
    bool leaving;              /* pid is that of another supd's, which ends */
    struct ctl_client *client; /* NULL: no channel */
    int hand;                  /* our end of its HAND_FD; -1: none */
    int journal;               /* kept over its restarts; -1: none */
    int text;                  /* where the output comes that the next one reads; -1: none */
    uint64_t given;            /* which text of a generation it has */
    int listen;                /* the socket of [agent] listen=; -1: none */
    char listen_at[64];        /* where that listens */
    struct forwarded *forwarded;
    uint32_t refs;
    struct loop_timer timer; /* the next start; without a channel: the end of patience */
    dur_t backoff;
    mono_t started;
    uint64_t starts;
    loop_fn *closed; /* set while closing */
    void *closed_obj;
    struct loop_defer gone;
};

static void start(struct agent *a);

/* What the next supd needs of it. */
static void note(const struct agent *a)
{
    struct state_kept *k = state_kept(a->sup->state);
    k->agent_pid = a->pid > 0 ? a->pid : 0;
    k->journal = a->journal > 0 ? a->journal : 0;
    k->agent_listen = a->listen > 0 ? a->listen : 0;
    memcpy(k->listen_at, a->listen_at, sizeof(k->listen_at));
    state_note_text(a->sup->state, STATE_AGENT_PROGRAM, a->program);
}

/* ---- forwarded requests ---- */

static struct forwarded *take(struct agent *a, uint32_t ref)
{
    struct forwarded **pp = &a->forwarded;
    while (*pp && (*pp)->ref != ref)
        pp = &(*pp)->next;
    struct forwarded *f = *pp;
    if (f)
        *pp = f->next;
    return f;
}

static void on_cancel(struct ctl_req *rq)
{
    struct forwarded *f = rq->data;
    free(take(f->agent, f->ref));
}

static void fail_all(struct agent *a, const char *why)
{
    while (a->forwarded) {
        struct forwarded *f = take(a, a->forwarded->ref);
        ctl_error(f->rq, WIRE_FAILED, "%s", why);
        free(f);
    }
}

void agent_forward(struct agent *a, struct ctl_req *rq)
{
    struct wire_out w;
    if (!a || !a->wanted) {
        ctl_error(rq, WIRE_FAILED, "there is no agent: no section of the configuration needs one");
        return;
    }
    if (rq->argc > HAND_ARGS_MAX + 1) {
        ctl_error(rq, WIRE_BAD_REQUEST, "more than %d names at once", HAND_ARGS_MAX);
        return;
    }
    struct forwarded *f = malloc(sizeof(*f));
    if (!f || !a->client || !ctl_event_to(a->client, "request", &w)) {
        free(f);
        ctl_error(rq, WIRE_FAILED, "supd-agent is not there at the moment; it is being started");
        return;
    }
    *f = (struct forwarded){.next = a->forwarded, .agent = a, .rq = rq, .ref = ++a->refs};
    a->forwarded = f;
    rq->data = f;
    rq->cancel = on_cancel;
    wire_kv_int(&w, "ref", f->ref);
    wire_kv_int(&w, "admin", rq->role == CTL_ADMIN);
    for (size_t i = 0; i < rq->argc; i++)
        wire_kv(&w, i == 0 ? "verb" : "arg", rq->argv[i]);
    wire_end(&w);
}

/* copies "key=value" arguments into a reply; only values are escaped there, so keys are words */
static void copy_pairs(struct wire_out *w, char **argv, size_t argc)
{
    for (size_t i = 0; i < argc; i++) {
        char *eq = argv[i] + strspn(argv[i], KEY_BYTES);
        if (eq == argv[i] || *eq != '=')
            continue;
        *eq = '\0';
        wire_kv(w, argv[i], eq + 1);
    }
}

static void answer_record(struct forwarded *f, struct ctl_req *rq)
{
    struct wire_out w = ctl_row(f->rq);
    copy_pairs(&w, rq->argv + 2, rq->argc - 2);
    wire_end(&w);
}

static void answer_end(struct agent *a, struct forwarded *f, struct ctl_req *rq, bool ok)
{
    take(a, f->ref);
    int code = rq->argc > 2 ? wire_code_by_name(rq->argv[2]) : -1;
    if (ok) {
        struct wire_out w = ctl_ok_begin(f->rq);
        copy_pairs(&w, rq->argv + 2, rq->argc - 2);
        ctl_done(f->rq, &w);
    } else {
        ctl_error(f->rq, code < 0 ? WIRE_FAILED : (enum wire_code)code, "%s",
                  rq->argc > 3 ? rq->argv[3] : "the agent refused");
    }
    free(f);
}

void agent_answer(struct agent *a, struct ctl_req *rq)
{
    struct forwarded *f = a->forwarded;
    uint32_t ref = (uint32_t)strtoul(rq->argv[0], NULL, 10);
    while (f && f->ref != ref)
        f = f->next;
    const char *what = rq->argv[1];
    bool ok = strcmp(what, "ok") == 0, bad = strcmp(what, "error") == 0;
    if (!ok && !bad && strcmp(what, "+") != 0) {
        ctl_usage(rq);
        return;
    }
    if (f && (ok || bad)) /* else nobody waits for it any more */
        answer_end(a, f, rq, ok);
    else if (f)
        answer_record(f, rq);
    ctl_ok(rq);
}

/* ---- the process ---- */

/* What it may ask for: more while it serves clients of Supervisor's. */
static unsigned roles_of(const struct agent *a)
{
    return CTL_AGENT | (a->sup->gen->gen->supd.has_server ? CTL_RPC : 0u);
}

/* Hands a descriptor over. An agent that does not take it is ended: the next one starts anew. */
static void hand(struct agent *a, const char *what, int fd)
{
    if (a->hand < 0 || fd < 0 || usock_send(a->hand, what, strlen(what) + 1, &fd, 1) > 0)
        return;
    log_warn("agent: cannot hand it its %s: %s; it is started anew", what, strerror(errno));
    if (a->client)
        ctl_drop(a->client);
}

/* tells one text from another */
static uint64_t text_mark(const struct gen *g)
{
    uint32_t n = g->supd.agent_text_len;
    return (uint64_t)n << 32 | crc32_of(gen_at(g, g->supd.agent_text), n);
}

/* As root only: else supd-log may open no more than the agent. */
static void hand_files(struct agent *a)
{
    const struct gen_supd *d = &a->sup->gen->gen->supd;
    struct err e;
    if (!d->agent_files_len || geteuid() != 0) {
        logs_files_close(a->sup->logs);
        return;
    }
    int fd = logs_files_open(a->sup->logs, gen_at(a->sup->gen->gen, d->agent_files),
                             d->agent_files_len, &e);
    if (fd < 0)
        log_warn("agent: %s", e.msg);
    hand(a, HAND_FILES, fd);
    fd_close(&fd);
}

static void hand_generation(struct agent *a)
{
    const struct gen *g = a->sup->gen->gen;
    int fd = fd_memory("supd-agent-gen", true);
    hand_files(a);
    if (fd < 0 || fd_write_all(fd, gen_at(g, g->supd.agent_text), g->supd.agent_text_len) < 0)
        log_warn("agent: cannot make memory for its configuration: %s", strerror(errno));
    else
        hand(a, HAND_GENERATION, fd);
    fd_close(&fd);
    a->given = text_mark(g);
}

/* Opens the socket anew if the address changed: true then. What could not be opened is tried again
 * at the next reload, and when the agent starts again. */
static bool listen_anew(struct agent *a)
{
    const struct gen *g = a->sup->gen->gen;
    const char *host = gen_str(g, g->supd.agent_host);
    char at[sizeof(a->listen_at)] = "";
    struct err e;
    if (g->supd.agent_port)
        snprintf(at, sizeof(at), "%s:%d", host ? host : "", g->supd.agent_port);
    if (strcmp(at, a->listen_at) == 0 && (a->listen >= 0 || !*at))
        return false;
    fd_close(&a->listen);
    memcpy(a->listen_at, at, sizeof(at));
    if (*at && (a->listen = agentlisten_open(g, &e)) < 0)
        log_error("agent: %s", e.msg);
    note(a);
    return true;
}

/* Without its channel it ends by itself; one that hangs does not. */
static void channel_closed(struct agent *a)
{
    a->client = NULL;
    health_forget(a->sup);
    ready_probe_unknown(a->sup);
    ready_log_look(a->sup);
    fail_all(a, "supd-agent went away");
    if (a->pid)
        loop_timer_at(&a->timer, mono_add(mono_now(), CLOSE_LIMIT));
}

static void later(struct agent *a)
{
    if (mono_sub(mono_now(), a->started).ns >= STABLE.ns)
        a->backoff = (dur_t){0};
    a->backoff = dur_doubled(a->backoff, BACKOFF_FIRST, BACKOFF_MAX);
    loop_timer_at(&a->timer, mono_add(mono_now(), a->backoff));
}

static int fork_agent(struct agent *a, int *out_channel)
{
    int sv[2] = {-1, -1}, hv[2] = {-1, -1};
    const int how = SOCK_CLOEXEC | SOCK_NONBLOCK;
    int pid = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | how, 0, sv) == 0 &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | how, 0, hv) == 0)
        pid = fork();
    if (pid == 0)
        agent_child(a->sup, a->program, sv[1], hv[1]);
    fd_close(&sv[1]);
    fd_close(&hv[1]);
    if (pid < 0) {
        fd_close(&sv[0]);
        fd_close(&hv[0]);
    }
    fd_close(&a->hand);
    a->hand = hv[0];
    *out_channel = sv[0];
    return pid;
}

static void make_journal(struct agent *a)
{
    a->journal = fd_memory("supd-journal", false);
    if (a->journal >= 0 && ftruncate(a->journal, JOURNAL_SIZE) < 0)
        fd_close(&a->journal);
}

/* Each agent has a socket of its own: it gets nothing that another one asked for. It is there
 * before the agent is, so that the output of programs that become ready by it waits. */
static void open_text(struct agent *a)
{
    if (a->text < 0)
        a->text = taps_agent_open(a->sup->taps);
}

static void hand_text(struct agent *a)
{
    open_text(a);
    hand(a, HAND_TEXT, a->text);
    fd_close(&a->text);
}

static void hand_server(void *obj, const char *key, int fd)
{
    char what[HAND_TEXT_MAX];
    snprintf(what, sizeof(what), HAND_SERVER "%s", key);
    hand(obj, what, fd);
}

void agent_take_server(struct agent *a, const char *key, int fd)
{
    if (a->pid && a->client)
        hand_server(a, key, fd);
}

bool agent_take_log(struct agent *a, const char *ref, int fd)
{
    char what[64];
    int n = snprintf(what, sizeof(what), HAND_LOG "%.32s", ref);
    return a->hand >= 0 && usock_send(a->hand, what, (size_t)n + 1, &fd, 1) > 0;
}

/* Supervisor's log knows no helpers. */
static enum log_level usual(const struct agent *a)
{
    return a->sup->opt.as_supervisord ? LVL_DEBUG : LVL_INFO;
}

static void start(struct agent *a)
{
    int channel;
    if (a->pid || !a->wanted || a->closed)
        return;
    a->started = mono_now();
    if (a->journal < 0)
        make_journal(a);
    a->pid = fork_agent(a, &channel);
    if (a->pid < 0) {
        log_warn("agent: cannot start %s: %s", a->program, strerror(errno));
        a->pid = 0;
        later(a);
        return;
    }
    a->starts++;
    note(a);
    a->client = ctl_adopt(a->sup->ctl, channel, roles_of(a), (ctl_closed_fn *)channel_closed, a);
    if (!a->client) {
        log_warn("agent: no memory for its channel");
        fd_close(&channel);
    }
    log_line(usual(a), "agent: started pid=%d", a->pid);
    listen_anew(a);
    hand(a, HAND_JOURNAL, a->journal);
    hand(a, HAND_LISTEN, a->listen);
    servers_each(a->sup, hand_server, a);
    hand_text(a);
    hand_generation(a);
    note(a);
    ready_log_look(a->sup);
}

static void say_gone(struct agent *a)
{
    loop_timer_stop(&a->timer);
    loop_fn *fn = a->closed;
    a->closed = NULL;
    a->wanted = false;
    if (fn)
        fn(a->closed_obj);
}

static void on_timer(struct agent *a)
{
    if (!a->pid && !a->closed) {
        start(a);
        return;
    }
    log_warn("agent: pid=%d takes too long to end, killing it", a->pid);
    if (a->pid)
        kill(a->pid, SIGKILL);
    if (a->closed)
        say_gone(a);
}

bool agent_reaped(struct agent *a, int pid, int status)
{
    if (!a->pid || a->pid != pid)
        return false;
    char words[PROC_STATUS_WORDS];
    proc_status_words(status, words);
    a->pid = 0;
    note(a);
    loop_timer_stop(&a->timer);
    if (a->text < 0) /* else it is for the next one already */
        taps_agent_close(a->sup->taps);
    logs_files_close(a->sup->logs);
    if (a->client)
        ctl_drop(a->client);
    if (a->wanted && !a->closed)
        open_text(a);
    if (a->leaving && a->wanted && !a->closed) {
        a->leaving = false;
        start(a);
    } else if (a->closed || !a->wanted) {
        log_line(usual(a), "agent: ended pid=%d %s", pid, words);
        if (a->closed)
            say_gone(a);
    } else {
        log_warn("agent: ended pid=%d %s, starting it again", pid, words);
        later(a);
    }
    return true;
}

int agent_pid(const struct agent *a)
{
    return a->pid;
}

bool agent_is_there(const struct agent *a)
{
    return a && a->client;
}

void agent_follow(struct agent *a)
{
    struct err e;
    const struct gen *g = a->sup->gen->gen;
    bool needed = g->supd.needs_agent;
    if (a->client)
        ctl_set_roles(a->client, roles_of(a));
    if (needed && a->wanted && a->pid && !a->closed) {
        if (a->given != text_mark(g))
            hand_generation(a);
        if (listen_anew(a))
            hand(a, HAND_LISTEN, a->listen);
    }
    if (needed == a->wanted || a->closed)
        return;
    a->wanted = needed;
    if (!needed && a->client) {
        ctl_drop(a->client);
    } else if (needed &&
               setup_program(a->sup, "supd-agent", a->program, sizeof(a->program), &e) < 0) {
        log_error("agent: %s", e.msg);
        a->wanted = false;
    } else if (needed) {
        start(a);
    }
}

static struct agent *make(struct sup *s, struct err *e)
{
    struct agent *a = calloc(1, sizeof(*a));
    if (!a) {
        err_errno(e, ENOMEM, "cannot prepare supd-agent");
        return NULL;
    }
    a->sup = s;
    LOOP_TIMER(&a->timer, s->loop, on_timer, a);
    LOOP_DEFER(&a->gone, say_gone, a);
    a->hand = -1;
    a->journal = -1;
    a->text = -1;
    a->listen = -1;
    s->agent = a;
    a->wanted = s->gen->gen->supd.needs_agent;
    return a;
}

/* It is not needed any more; at a restart of everything it is. */
static bool going_down(const struct sup *s)
{
    return s->mood == SUP_STOPPING && !shutdown_is_restart(s);
}

int agent_go_on(struct sup *s, struct err *e)
{
    const struct state_kept *k = state_kept(s->state);
    const char *program = state_text(s->state, STATE_AGENT_PROGRAM);
    struct agent *a = make(s, e);
    if (!a)
        return -1;
    snprintf(a->program, sizeof(a->program), "%s", program ? program : "");
    a->journal = k->journal > 0 ? k->journal : -1;
    a->listen = k->agent_listen > 0 ? k->agent_listen : -1;
    memcpy(a->listen_at, k->listen_at, sizeof(a->listen_at));
    a->pid = reap_look(k->agent_pid) == REAP_GONE ? 0 : k->agent_pid;
    a->leaving = a->pid > 0;
    if (a->leaving && a->wanted && !going_down(s))
        open_text(a);
    a->started = mono_now();
    if (a->pid)
        loop_timer_at(&a->timer, mono_add(a->started, CLOSE_LIMIT));
    else if (!going_down(s))
        start(a);
    return 0;
}

int agent_setup(struct sup *s, struct err *e)
{
    struct agent *a = make(s, e);
    if (!a)
        return -1;
    if (!a->wanted)
        return 0;
    if (setup_program(s, "supd-agent", a->program, sizeof(a->program), e) < 0)
        return -1;
    start(a);
    return 0;
}

void agent_close(struct agent *a, loop_fn *fn, void *obj)
{
    if (!a) {
        fn(obj);
        return;
    }
    a->closed = fn;
    a->closed_obj = obj;
    loop_timer_stop(&a->timer);
    if (a->client)
        ctl_drop(a->client);
    if (a->pid)
        loop_timer_at(&a->timer, mono_add(mono_now(), CLOSE_LIMIT));
    else
        loop_defer(a->sup->loop, &a->gone);
}

void agent_free(struct agent **ap)
{
    struct agent *a = *ap;
    *ap = NULL;
    if (!a)
        return;
    loop_timer_stop(&a->timer);
    loop_defer_cancel(a->sup->loop, &a->gone);
    fd_close(&a->hand);
    fd_close(&a->journal);
    fd_close(&a->listen);
    fd_close(&a->text);
    fail_all(a, "supd ends");
    free(a);
}
