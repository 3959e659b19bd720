/* An upgrade, step by step: a child opens the binary and becomes it for a dry run on our state;
 * what it finds is kept; then we become it, too. Until that exec everything can be taken back. */
#include "supervisor/run/upgrade.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/io/usock.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/publish.h"
#include "supervisor/run/reexec.h"
#include "supervisor/run/taps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRY_LIMIT DUR_S(10)
#define LAST_WORDS DUR_MS(20) /* for what clients are still to be told */
#define ANSWER_MAX 4096u

struct upgrade {
    struct sup *sup;
    struct ctl_req *rq; /* NULL: its client is gone */
    char *path;
    int pair[2]; /* the child sends the binary's descriptor through it */
    int answer;  /* a memory file: what the dry run wrote */
    int binary;
    struct loop_timer timer;
};

static void upgrade_free(struct upgrade *u)
{
    loop_timer_stop(&u->timer);
    fd_close(&u->pair[0]);
    fd_close(&u->pair[1]);
    fd_close(&u->answer);
    fd_close(&u->binary);
    u->sup->upgrade = NULL;
    free(u->path);
    free(u);
}

void upgrade_fini(struct sup *s)
{
    if (s->upgrade)
        upgrade_free(s->upgrade);
}

static void fail(struct upgrade *u, const char *why)
{
    log_warn("not upgraded, this supd goes on: %s", why);
    if (u->rq)
        ctl_error(u->rq, WIRE_FAILED, "not upgraded, the running supd goes on: %s", why);
    upgrade_free(u);
}

/* ---- the child ---- */

static int become(const struct upgrade *u, int binary)
{
    char name[] = "supd", option[] = "--probe-state", number[16];
    char *argv[] = {name, option, number, NULL};
    snprintf(number, sizeof(number), "%d", state_fd(u->sup->state));
    dup2(u->answer, 1);
    dup2(u->answer, 2);
    reexec_keep_fds(u->sup, true);
    execveat(binary, "", argv, u->sup->opt.environ, AT_EMPTY_PATH);
    dprintf(2, "cannot execute %s: %s\n", u->path, strerror(errno));
    return 126;
}

static int try_child(struct upgrade *u)
{
    int binary = open(u->path, O_PATH | O_CLOEXEC);
    if (binary < 0) {
        dprintf(u->answer, "cannot open %s: %s\n", u->path, strerror(errno));
        return 126;
    }
    if (usock_send(u->pair[1], "", 1, &binary, 1) != 1)
        return 125;
    return become(u, binary);
}

/* ---- its answer ---- */

static void read_answer(const struct upgrade *u, char *buf)
{
    ssize_t n = pread(u->answer, buf, ANSWER_MAX - 1, 0);
    buf[n > 0 ? n : 0] = '\0';
}

/* The lines of the dry run become texts of the state; false: there are fewer. */
static bool keep_helpers(struct state *s, char *answer)
{
    static const enum state_text texts[] = {STATE_SELF_DIR, STATE_LOG_PROGRAM, STATE_AGENT_PROGRAM};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char *end = strchr(answer, '\n');
        if (!end)
            return false;
        *end = '\0';
        if (state_note_text(s, texts[i], answer) < 0)
            return false;
        answer = end + 1;
    }
    return true;
}

/* What the dry run changed of the texts, as it was. */
static void restore_texts(struct sup *s, char *const *was)
{
    for (unsigned i = 0; i < STATE_NTEXTS; i++)
        state_note_text(s->state, (enum state_text)i, was[i]);
}

static void go(struct upgrade *u)
{
    struct sup *s = u->sup;
    struct err e = {0};
    char answer[ANSWER_MAX];
    char *was[STATE_NTEXTS];
    for (unsigned i = 0; i < STATE_NTEXTS; i++)
        was[i] = (char *)(uintptr_t)state_text(s->state, (enum state_text)i);
    read_answer(u, answer);
    if (s->mood != SUP_RUNNING)
        err_set(&e, "supd is going down");
    else if (s->load)
        err_set(&e, "the configuration is being read; try again in a moment");
    else if (!keep_helpers(s->state, answer) ||
             state_note_text(s->state, STATE_BINARY, u->path) < 0)
        err_set(&e, "%s did not say what it needs to know: is it supd?", u->path);
    else {
        taps_catch_up(s->taps);
        publish_rest(s); /* listeners get it from our successor */
        reexec(s, u->binary, &e);
    }
    restore_texts(s, was);
    publish_mood(s, "running");
    fail(u, e.msg);
}

static void found_good(struct upgrade *u)
{
    struct sup *s = u->sup;
    log_info("upgrading to %s, which has read our state", u->path);
    publish_mood(s, "upgrading");
    if (u->rq) {
        struct wire_out w = ctl_row(u->rq);
        wire_kv(&w, "binary", u->path);
        wire_kv_int(&w, "upgrades", state_kept(s->state)->upgrades);
        wire_end(&w);
        ctl_push(u->rq);
    }
    loop_timer_at(&u->timer, mono_add(mono_now(), LAST_WORDS));
}

static void tried(struct upgrade *u, int status)
{
    char answer[ANSWER_MAX], why[ANSWER_MAX + 64];
    size_t nfds = 0;
    char byte;
    read_answer(u, answer);
    if (status == 0 && usock_recv(u->pair[0], &byte, 1, &u->binary, 1, &nfds) == 1 && nfds == 1) {
        found_good(u);
        return;
    }
    answer[strcspn(answer, "\n")] = '\0';
    if (status == HELPER_LATE)
        snprintf(why, sizeof(why), "%s did not answer within %d s", u->path,
                 (int)(TRY_LIMIT.ns / 1000000000));
    else if (WIFSIGNALED(status))
        snprintf(why, sizeof(why), "%s was ended by signal %d when it was tried", u->path,
                 WTERMSIG(status));
    else
        snprintf(why, sizeof(why), "%s", answer[0] ? answer : "it ended without a word");
    fail(u, why);
}

/* ---- the beginning ---- */

static const char *refusal(const struct sup *s, const char *path)
{
    if (s->upgrade)
        return "an upgrade is under way already";
    if (s->load)
        return "the configuration is being read; try again in a moment";
    if (state_fd(s->state) < 0)
        return "this supd keeps its state in memory that nobody can take over";
    if (!path)
        return "this supd does not know where its own binary is; name one";
    return path[0] == '/' ? NULL : "the binary's path has to begin with /";
}

static void on_cancel(struct ctl_req *rq)
{
    struct upgrade *u = rq->data;
    u->rq = NULL;
}

static int start(struct upgrade *u, struct err *e)
{
    if (!u->path)
        return err_errno(e, ENOMEM, "cannot upgrade");
    u->answer = fd_memory("supd-probe", false);
    if (u->answer < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, u->pair) < 0)
        return err_errno(e, errno, "cannot try the binary");
    return helper_run(u->sup, (helper_child_fn *)try_child, (helper_done_fn *)tried, u, TRY_LIMIT,
                      e);
}

void upgrade_begin(struct sup *s, const char *path, struct ctl_req *rq)
{
    struct err e;
    path = path ? path : state_text(s->state, STATE_BINARY);
    const char *why = refusal(s, path);
    struct upgrade *u = why ? NULL : malloc(sizeof(*u));
    if (!u) {
        ctl_error(rq, WIRE_BUSY, "%s", why ? why : "out of memory");
        return;
    }
    *u = (struct upgrade){.sup = s, .rq = rq, .path = strdup(path), .pair = {-1, -1}};
    u->answer = u->binary = -1;
    LOOP_TIMER(&u->timer, s->loop, go, u);
    s->upgrade = u;
    if (start(u, &e) < 0) {
        fail(u, e.msg);
        return;
    }
    rq->data = u;
    rq->cancel = on_cancel;
}
