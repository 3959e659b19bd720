/* Taking the streams of an earlier supd over: all of them are in the shared memory. */
#include "supervisor/base/fd.h"
#include "supervisor/run/logs_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One that its supd was about to free, or had not made yet, has no pipe. */
static int take_stream(struct logs *g, uint32_t slot, struct err *e)
{
    struct logshm_stream *r = logshm_stream(g->mem.h, slot);
    if (r->state == LOGSHM_FREE)
        return 0;
    if (r->fd < 0 || r->wfd < 0) {
        logmem_slot_free(&g->mem, slot);
        return 0;
    }
    fd_cloexec(r->fd, true);
    fd_cloexec(r->wfd, true);
    return logs_use_slot(g, slot, e) ? 0 : -1;
}

static int take_streams(struct logs *g, struct err *e)
{
    for (uint32_t i = 0; i < g->mem.h->used; i++)
        if (take_stream(g, i, e) < 0)
            return -1;
    g->main = logs_stream(g, LOGSHM_MAIN);
    return g->main ? 0 : err_set(e, "the stream of the main log is gone");
}

static int copy_text(char **out, const char *text)
{
    *out = *text ? strdup(text) : NULL;
    return *text && !*out ? -1 : 0;
}

static int copy_texts(struct logs *g, const char *program, struct err *e)
{
    struct logshm_head *h = g->mem.h;
    if (copy_text(&g->program, program) < 0 ||
        copy_text(&g->identifier, logshm_string(h, h->identifier)) < 0 ||
        copy_text(&g->childlogdir, logshm_string(h, h->childlogdir)) < 0)
        return err_errno(e, ENOMEM, "cannot go on with the logs");
    return 0;
}

struct logs *logs_go_on(struct loop *l, const struct logs_setup *setup, int fd, struct err *e)
{
    struct logs *g = logs_alloc(l, setup, e);
    if (!g)
        return NULL;
    if (logmem_open(&g->mem, fd, e) < 0 || copy_texts(g, setup->program, e) < 0 ||
        take_streams(g, e) < 0) {
        logs_free(&g);
        return NULL;
    }
    fd_cloexec(fd, true);
    logtap_forget(g, setup->tap);
    logproc_go_on(g, setup->same);
    return g;
}

void logs_each(struct logs *g,
               void (*fn)(void *obj, struct log_stream *s, uint32_t owner, enum log_channel ch),
               void *obj)
{
    for (uint32_t i = LOGSHM_MAIN + 1; i < g->mem.h->used; i++) {
        struct log_stream *s = logs_stream(g, i);
        if (s && logs_shared(s)->state == LOGSHM_LIVE)
            fn(obj, s, logs_shared(s)->owner, (enum log_channel)logs_shared(s)->channel);
    }
}

int logs_memory(const struct logs *g)
{
    return g->mem.fd;
}

void logs_each_fd(const struct logs *g, void (*fn)(int fd))
{
    struct logshm_head *h = g->mem.h;
    if (h->chan > 0)
        fn(h->chan); /* it reads on until we are back */
    for (uint32_t i = 0; i < h->used; i++) {
        const struct logshm_stream *r = logshm_stream(h, i);
        if (r->state == LOGSHM_FREE || r->fd < 0)
            continue;
        fn(r->fd);
        fn(r->wfd);
    }
}
