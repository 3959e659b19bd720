/* Short-lived forked copies of supd with a deadline. */
#include "supervisor/run/helper.h"
#include "supervisor/base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* So long may the end of a killed one take. */
#define KILL_LIMIT DUR_S(2)

struct helper {
    LIST_ENTRY(helper) link;
    int pid;
    bool late, leads; /* leads: a process group */
    helper_done_fn *done;
    void *obj;
    struct loop_timer timer;
};

static void finish(struct helper *h, int status)
{
    helper_done_fn *done = h->done;
    h->done = NULL;
    if (done)
        done(h->obj, h->late ? HELPER_LATE : status);
}

static void helper_late(struct helper *h)
{
    if (h->late) {
        log_warn("helper process %d does not end: it hangs in the kernel; going on without it",
                 h->pid);
        finish(h, HELPER_LATE);
        return;
    }
    log_warn("helper process %d takes too long, killing it", h->pid);
    h->late = true;
    kill(h->leads ? -h->pid : h->pid, SIGKILL);
    loop_timer_at(&h->timer, mono_add(mono_now(), KILL_LIMIT));
}

static void child_signals(const struct sup *s)
{
    for (int sig = 1; sig < 32; sig++)
        if (sig != SIGKILL && sig != SIGSTOP)
            signal(sig, SIG_DFL);
    sigs_restore(&s->entry);
}

static void add(struct sup *s, struct helper *h, dur_t limit)
{
    LOOP_TIMER(&h->timer, s->loop, helper_late, h);
    loop_timer_at(&h->timer, mono_add(mono_now(), limit));
    LIST_INSERT_HEAD(&s->helpers, h, link);
}

int helper_watch(struct sup *s, int pid, helper_done_fn *done, void *obj, dur_t limit,
                 struct err *e)
{
    struct helper *h = calloc(1, sizeof(*h));
    if (!h)
        return err_errno(e, ENOMEM, "cannot look after pid %d", pid);
    h->pid = pid;
    h->leads = true;
    h->done = done;
    h->obj = obj;
    add(s, h, limit);
    return 0;
}

int helper_run(struct sup *s, helper_child_fn *child, helper_done_fn *done, void *obj, dur_t limit,
               struct err *e)
{
    struct helper *h = calloc(1, sizeof(*h));
    if (!h)
        return err_errno(e, ENOMEM, "cannot start a helper process");
    int pid = fork();
    if (pid < 0) {
        free(h);
        return err_errno(e, errno, "cannot fork a helper process");
    }
    if (pid == 0) {
        child_signals(s);
        _exit(child(obj));
    }
    h->pid = pid;
    h->done = done;
    h->obj = obj;
    add(s, h, limit);
    return pid;
}

void helper_forget(struct sup *s, const void *obj)
{
    struct helper *h;
    LIST_FOREACH (h, &s->helpers, link)
        if (h->obj == obj)
            h->done = NULL;
}

bool helper_reaped(struct sup *s, int pid, int status)
{
    struct helper *h;
    LIST_FOREACH (h, &s->helpers, link)
        if (h->pid == pid)
            break;
    if (!h)
        return false;
    LIST_REMOVE(h, link);
    loop_timer_stop(&h->timer);
    finish(h, status);
    free(h);
    return true;
}

bool helper_is(const struct sup *s, int pid)
{
    const struct helper *h;
    LIST_FOREACH (h, &s->helpers, link)
        if (h->pid == pid)
            return true;
    return false;
}

void helpers_end(struct sup *s)
{
    struct helper *h;
    LIST_FOREACH (h, &s->helpers, link) {
        h->done = NULL;
        kill(h->pid, SIGKILL);
    }
}

void helpers_fini(struct sup *s)
{
    struct helper *h;
    while ((h = LIST_FIRST(&s->helpers))) {
        LIST_REMOVE(h, link);
        loop_timer_stop(&h->timer);
        free(h);
    }
}
