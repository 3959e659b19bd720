/* The twin of run/logs.h: streams without pipes; drains answer after a moment. */
#include "supervisor/run/logs.h"

#include "tests/fake/fake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

struct call {
    LIST_ENTRY(call) link;
    struct loop_timer timer;
    loop_fn *fn;
    void *obj;
};
LIST_HEAD(call_list, call);

struct logs {
    struct loop *loop;
    struct call_list calls;
    unsigned streams;
};

struct log_stream {
    struct logs *logs;
};

struct logs *logs_new(struct loop *l, const struct logs_setup *setup, struct err *e)
{
    (void)setup;
    struct logs *g = calloc(1, sizeof(*g));
    if (g)
        g->loop = l;
    else
        err_errno(e, ENOMEM, "cannot set up log capture");
    return g;
}

int logs_start(struct logs *g, struct err *e)
{
    (void)g, (void)e;
    return 0;
}

bool logs_reaped(struct logs *g, int pid, int status)
{
    (void)g, (void)pid, (void)status;
    return false;
}

int logs_pid(const struct logs *g)
{
    (void)g;
    return 0;
}

static void call_drop(struct call *c)
{
    loop_timer_stop(&c->timer);
    LIST_REMOVE(c, link);
    free(c);
}

static void call_now(struct call *c)
{
    loop_fn *fn = c->fn;
    void *obj = c->obj;
    call_drop(c);
    fn(obj);
}

static void call_later(struct logs *g, int limit_ms, loop_fn *fn, void *obj)
{
    struct call *c = calloc(1, sizeof(*c));
    if (!c) { /* as if it had taken too long */
        fn(obj);
        return;
    }
    c->fn = fn;
    c->obj = obj;
    LIST_INSERT_HEAD(&g->calls, c, link);
    LOOP_TIMER(&c->timer, g->loop, call_now, c);
    loop_timer_at(&c->timer,
                  mono_add(mono_now(), DUR_MS(rng_below(&fake_rng, (uint64_t)limit_ms))));
}

void logs_finish(struct logs *g, loop_fn *fn, void *obj)
{
    call_later(g, 500, fn, obj);
}

void logs_free(struct logs **g)
{
    struct call *c;
    if (!*g)
        return;
    if ((*g)->streams)
        fake_break("%u log streams were not dropped", (*g)->streams);
    while ((c = LIST_FIRST(&(*g)->calls)))
        call_drop(c);
    free(*g);
    *g = NULL;
}

void logs_copy_output(struct logs *g, bool on)
{
    (void)g;
    (void)on;
}

int logs_main_fd(const struct logs *g)
{
    (void)g;
    return -1;
}

int logs_main_update(struct logs *g, const struct logs_main *m, struct err *e)
{
    (void)g, (void)m, (void)e;
    return 0;
}

struct log_stream *logs_add(struct logs *g, const struct logs_conf *c, struct err *e)
{
    (void)c;
    struct log_stream *s = calloc(1, sizeof(*s));
    if (!s) {
        err_errno(e, ENOMEM, "cannot keep its log stream");
        return NULL;
    }
    s->logs = g;
    g->streams++;
    return s;
}

int logs_update(struct log_stream *s, const struct logs_conf *c, struct err *e)
{
    (void)s, (void)c, (void)e;
    return 0;
}

void logs_del(struct log_stream **s)
{
    if (!*s)
        return;
    (*s)->logs->streams--;
    free(*s);
    *s = NULL;
}

int logs_write_fd(const struct log_stream *s)
{
    (void)s;
    return -1;
}

const char *logs_path(const struct log_stream *s)
{
    (void)s;
    return "";
}

void logs_drain(struct logs *g, struct log_stream *out, struct log_stream *err, loop_fn *fn,
                void *obj)
{
    (void)out, (void)err;
    call_later(g, 200, fn, obj);
}

void logs_forget(struct logs *g, const void *obj)
{
    struct call *c, *next;
    for (c = LIST_FIRST(&g->calls); c; c = next) {
        next = LIST_NEXT(c, link);
        if (c->obj == obj)
            call_drop(c);
    }
}

int logs_tail(struct logs *g, const struct logs_tail *t, int *fd, struct err *e)
{
    (void)g, (void)t, (void)fd;
    return err_set(e, "there is no output in a simulation");
}

int logs_read_file(struct logs *g, struct log_stream *s, bool make, int *sock, struct err *e)
{
    (void)g, (void)s, (void)make, (void)sock;
    return err_set(e, "there is no output in a simulation");
}

void logs_clear(struct logs *g, struct log_stream *s, bool *out_done, loop_fn *fn, void *obj)
{
    if (out_done)
        *out_done = true;
    (void)s;
    if (fn)
        call_later(g, 200, fn, obj);
}

void logs_reopen_all(struct logs *g)
{
    (void)g;
}

void logs_counters(const struct log_stream *s, struct logs_counters *out)
{
    (void)s;
    memset(out, 0, sizeof(*out));
}

void logs_main_counters(const struct logs *g, struct logs_counters *out)
{
    (void)g;
    memset(out, 0, sizeof(*out));
}

uint64_t logs_need_fds(uint64_t nstreams)
{
    return 2 * nstreams;
}

/* ---- taps: there is no text ---- */

int logs_tap_open(struct logs *g, enum logs_tap which, struct err *e)
{
    (void)g, (void)which;
    return err_set(e, "there is no output in a simulation");
}

void logs_tap_close(struct logs *g, enum logs_tap which)
{
    (void)g, (void)which;
}

int logs_tap_end(const struct logs *g, enum logs_tap which)
{
    (void)g, (void)which;
    return 0;
}

void logs_tap_set(struct log_stream *s, enum logs_tap which, unsigned wants, int pid)
{
    (void)s, (void)which, (void)wants, (void)pid;
}

void logs_print(struct log_stream *s, bool on)
{
    (void)s, (void)on;
}

bool logs_is_torn(const struct log_stream *s)
{
    (void)s;
    return false;
}

bool logs_main_is_torn(const struct logs *g)
{
    (void)g;
    return false;
}

unsigned logs_tap_wants(const struct log_stream *s, enum logs_tap which)
{
    (void)s, (void)which;
    return 0;
}

uint32_t logs_slot(const struct log_stream *s)
{
    (void)s;
    return 0;
}

uint32_t logs_tap_key(const struct log_stream *s, enum logs_tap which)
{
    (void)s, (void)which;
    return 0;
}

void logs_run_begins(struct log_stream *s)
{
    (void)s;
}

void logs_began(struct log_stream *s)
{
    (void)s;
}

void logs_ended(struct log_stream *s)
{
    (void)s;
}

void logs_run_is(struct log_stream *s, int pid)
{
    (void)s, (void)pid;
}

int logs_run_pid(const struct log_stream *s, uint32_t number)
{
    (void)s, (void)number;
    return 0;
}

struct logs *logs_go_on(struct loop *l, const struct logs_setup *setup, int fd, struct err *e)
{
    (void)fd;
    return logs_new(l, setup, e);
}

void logs_each(struct logs *g,
               void (*fn)(void *obj, struct log_stream *s, uint32_t owner, enum log_channel ch),
               void *obj)
{
    (void)g, (void)fn, (void)obj;
}

int logs_memory(const struct logs *g)
{
    (void)g;
    return -1;
}

void logs_each_fd(const struct logs *g, void (*fn)(int fd))
{
    (void)g, (void)fn;
}
