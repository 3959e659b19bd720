/* Pools of event listeners: which events they keep, in which order these are sent. */
#include "supervisor/run/listeners.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/eventtext.h"
#include "supervisor/run/listeners_impl.h"
#include "supervisor/run/listensend.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/publish.h"
#include "supervisor/run/settle.h"
#include "supervisor/run/taps.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define GRACE DUR_S(2)          /* for the last events, when listeners are to be stopped */
#define GRACE_FIRST DUR_MS(200) /* the same for one that never answered an event */

/* ---- pools ---- */

struct lpool *listeners_pool_of(const struct listeners *x, const struct group *g)
{
    struct lpool *pl;
    TAILQ_FOREACH (pl, &x->pools, link)
        if (pl->group == g)
            return pl;
    return NULL;
}

void listeners_print(const struct proc *p, int channel)
{
    const struct listeners *x = proc_sup(p)->listeners;
    const uint32_t type = EVENT_BIT(channel ? EVENT_LOG_STDERR : EVENT_LOG_STDOUT);
    if (x && !x->reviving && p->log[channel])
        logs_print(p->log[channel], proc_opts(p)->log[channel].events && (x->printed & type));
}

static void print_all(struct listeners *x)
{
    for (struct proc *p = procs_first(x->sup); p; p = procs_next(p))
        for (int ch = 0; ch < 2; ch++)
            listeners_print(p, ch);
}

static void set_types(struct listeners *x)
{
    struct lpool *pl;
    uint32_t printed = 0;
    x->types = 0;
    TAILQ_FOREACH (pl, &x->pools, link) {
        x->types |= pl->types;
        printed |= pl->any_result ? pl->types : 0;
    }
    if (printed != x->printed) {
        x->printed = printed;
        print_all(x);
    }
    if (x->types & EVENT_TEXT)
        taps_listen(x->sup->taps);
    listentick_sync(x);
}

static void pool_configure(struct lpool *pl, const struct gen *gen, const struct gen_group *conf)
{
    const struct gen_listener *l = gen_at(gen, conf->extra);
    const goff *events = gen_at(gen, l->events);
    pl->types = 0;
    for (uint32_t i = 0; i < l->nevents; i++)
        pl->types |= event_type_mask(gen_str(gen, events[i]));
    pl->bytes = l->bytes;
    pl->any_result = l->any_result;
    pl->buffer.limit = l->buffer_size > 0 ? (size_t)l->buffer_size : 1;
}

static struct lpool *pool_make(struct listeners *x, struct group *g, struct err *e)
{
    int64_t index = listenmem_pool_take(x->mem, g->name);
    struct lpool *pl = index < 0 ? NULL : calloc(1, sizeof(*pl));
    if (!pl) {
        err_set(e, index < 0 ? "more than %u groups of event listeners" : "no memory for events",
                LISTENMEM_POOLS);
        return NULL;
    }
    *pl = (struct lpool){.group = g, .index = (uint32_t)index};
    pool_init(&pl->buffer, 1);
    TAILQ_INSERT_TAIL(&x->pools, pl, link);
    return pl;
}

static void pool_free(struct listeners *x, struct lpool *pl)
{
    TAILQ_REMOVE(&x->pools, pl, link);
    pool_fini(&pl->buffer);
    free(pl);
}

/* ---- what waits ---- */

static void discard(struct listeners *x, struct lpool *pl, struct pool_event ev, const char *why)
{
    log_error("pool %s event buffer %s, discarding event %" PRIu64, pl->group->name, why,
              listenmem_event(x->mem, ev.at)->serial);
    listenmem_event_free(x->mem, ev.at);
    pl->discarded++;
}

/* All pools share the memory: the one with most has to give. */
static bool make_room(struct listeners *x)
{
    struct lpool *pl, *most = NULL;
    struct pool_event ev;
    TAILQ_FOREACH (pl, &x->pools, link)
        if (!most || pl->buffer.n > most->buffer.n)
            most = pl;
    if (!most || !pool_drop(&most->buffer, &ev))
        return false;
    discard(x, most, ev, "is larger than the memory for events");
    return true;
}

static void keep(struct listeners *x, struct lpool *pl, uint64_t serial, const struct str *text)
{
    struct lm_pool *mem = listenmem_pool(x->mem, pl->index);
    struct lm_event ev = {.pool = pl->index,
                          .len = (uint32_t)text->len,
                          .serial = serial,
                          .pool_serial = mem->serial};
    struct pool_event dropped;
    int64_t at;
    while ((at = listenmem_event_add(x->mem, &ev, str_text(text))) < 0 && make_room(x))
        ;
    mem->serial = mem->serial < EVENT_SERIAL_MAX ? mem->serial + 1 : 0;
    int r = at < 0 ? -1
                   : pool_accept(&pl->buffer, (struct pool_event){ev.pool_serial, (uint32_t)at},
                                 &dropped);
    if (r > 0)
        discard(x, pl, dropped, "overflowed");
    if (r < 0) {
        log_error("pool %s: no memory for event %" PRIu64 ", which is lost", pl->group->name,
                  serial);
        if (at >= 0)
            listenmem_event_free(x->mem, (uint32_t)at);
        pl->discarded++;
    }
}

static bool has_serial(const struct listeners *x, const struct lpool *pl, uint64_t serial)
{
    for (uint32_t i = 0; i < listenmem_head(x->mem)->nevents; i++) {
        const struct lm_event *ev = listenmem_event(x->mem, i);
        if (ev->used && ev->pool == pl->index && ev->serial == serial)
            return true;
    }
    return false;
}

static void accept_event(struct listeners *x, struct lpool *pl, uint64_t serial,
                         enum event_type type, const char *payload, size_t n)
{
    const struct gen *g = x->sup->gen->gen;
    const char *server = gen_str(g, g->supd.identifier);
    struct str text = STR_INIT;
    struct event_head head = {.server = server ? server : "supervisor",
                              .pool = pl->group->name,
                              .serial = serial,
                              .pool_serial = listenmem_pool(x->mem, pl->index)->serial,
                              .type = type,
                              .bytes = pl->bytes};
    str_init(&text, LISTENMEM_EVENT_MAX);
    event_text(&text, &head, payload, n);
    if (text.failed)
        log_error("pool %s: event %" PRIu64 " of %zu bytes is too large, and lost", pl->group->name,
                  serial, n);
    else
        keep(x, pl, serial, &text);
    str_fini(&text);
}

void listeners_tell(struct sup *s, enum event_type type, const char *payload, size_t n)
{
    struct listeners *x = s->listeners;
    struct lpool *pl;
    if (x && type == EVENT_SUPERVISOR_STOPPING)
        x->stopping = mono_now();
    if (!listeners_want(s, EVENT_BIT(type)))
        return;
    struct lm_head *h = listenmem_head(x->mem);
    uint64_t serial = x->again ? h->text_serial : h->serial;
    TAILQ_FOREACH (pl, &x->pools, link)
        if ((pl->types & EVENT_BIT(type)) && !(x->again && has_serial(x, pl, serial)))
            accept_event(x, pl, serial, type, payload, n);
    if (h->serial == serial)
        h->serial = listeners_next_serial(serial);
    listeners_look(x);
}

bool listeners_want(const struct sup *s, uint32_t types)
{
    return s->listeners && (s->listeners->types & types);
}

void listeners_done(struct lproc *lp)
{
    struct lpool *pl = listeners_pool_of(lp->all, lp->p->group);
    if (pl)
        pool_done(&pl->buffer);
}

void listeners_put_back(struct lproc *lp, uint32_t event)
{
    struct lpool *pl = listeners_pool_of(lp->all, lp->p->group);
    uint64_t serial = listenmem_event(lp->all->mem, event)->pool_serial;
    if (pl)
        pool_put_back(&pl->buffer, (struct pool_event){serial, event});
    listeners_look(lp->all);
}

/* ---- who gets what ---- */

static struct lproc *ready_one(const struct listeners *x, const struct lpool *pl)
{
    for (uint32_t i = 0; i < pl->group->nprocs; i++) {
        struct lproc *lp = listenproc_of(x, pl->group->procs[i]);
        if (lp && listenproc_is_ready(lp))
            return lp;
    }
    return NULL;
}

static void dispatch_pool(struct listeners *x, struct lpool *pl)
{
    struct pool_event ev;
    struct lproc *lp;
    while (pl->buffer.n && (lp = ready_one(x, pl)) && pool_take(&pl->buffer, &ev))
        listenproc_send(lp, ev.at);
}

static void restart_all(struct listeners *x)
{
    x->renew = false;
    for (struct proc *p = procs_first(x->sup), *next; p; p = next) {
        next = procs_next(p);
        if (p->group->kind == GEN_EVENTLISTENER && proc_life(p)->pid)
            proc_restart(p);
    }
}

static void dispatch(struct listeners *x)
{
    struct lpool *pl;
    if (x->renew)
        restart_all(x);
    TAILQ_FOREACH (pl, &x->pools, link)
        dispatch_pool(x, pl);
    if (x->sup->mood == SUP_STOPPING)
        settle_later(x->sup);
}

void listeners_look(struct listeners *x)
{
    loop_defer(x->sup->loop, &x->dispatch);
}

/* ---- the way down ---- */

/* It has an event and never answered one: it may never do so, such as the shell's loop that ends
 * supd at the first event, and gets less time. */
static bool is_dumb(const struct listeners *x, const struct lproc *lp)
{
    mono_t since = mono_reached(lp->sent, x->stopping) ? x->stopping : lp->sent;
    return listenproc_mem(lp)->event && !lp->answered &&
           mono_reached(mono_add(since, GRACE_FIRST), mono_now());
}

static bool has_event(const struct listeners *x, const struct lpool *pl)
{
    for (uint32_t i = 0; i < pl->group->nprocs; i++) {
        const struct lproc *lp = listenproc_of(x, pl->group->procs[i]);
        if (lp && listenproc_listens(lp) && !is_dumb(x, lp) &&
            (pl->buffer.n || listenproc_mem(lp)->event))
            return true;
    }
    return false;
}

static bool has_events(const struct listeners *x, int32_t priority)
{
    struct lpool *pl;
    TAILQ_FOREACH (pl, &x->pools, link)
        if (pl->group->priority == priority && has_event(x, pl))
            return true;
    return false;
}

static void on_grace(struct listeners *x)
{
    if (!mono_reached(x->grace_due, mono_now()))
        loop_timer_at(&x->grace, x->grace_due);
    settle_later(x->sup);
}

static void begin_grace(struct listeners *x, int32_t priority)
{
    publish_rest(x->sup);
    x->grace_for = priority;
    x->grace_due = mono_add(mono_now(), GRACE);
    loop_timer_at(&x->grace, mono_add(mono_now(), GRACE_FIRST));
}

bool listeners_hold(struct sup *s, int32_t priority)
{
    struct listeners *x = s->listeners;
    struct lpool *pl = NULL;
    if (x)
        TAILQ_FOREACH (pl, &x->pools, link)
            if (pl->group->priority == priority)
                break;
    if (!pl)
        return false;
    if (x->grace_for != priority)
        begin_grace(x, priority);
    return has_events(x, priority) && !mono_reached(x->grace_due, mono_now());
}

void listeners_begin(struct sup *s)
{
    struct listeners *x = s->listeners;
    struct lpool *pl;
    if (!x)
        return;
    x->grace_for = INT64_MAX;
    loop_timer_stop(&x->grace);
    TAILQ_FOREACH (pl, &x->pools, link) {
        for (struct pool_event ev; pool_drop(&pl->buffer, &ev);)
            listenmem_event_free(x->mem, ev.at);
        listenmem_pool(x->mem, pl->index)->serial = 0;
    }
}

/* ---- life ---- */

static struct listeners *alloc(struct sup *s, struct listenmem *mem)
{
    struct listeners *x = calloc(1, sizeof(*x));
    if (!x)
        return NULL;
    *x = (struct listeners){.sup = s, .mem = mem, .grace_for = INT64_MAX};
    TAILQ_INIT(&x->pools);
    LIST_INIT(&x->procs);
    LOOP_DEFER(&x->dispatch, dispatch, x);
    LOOP_TIMER(&x->grace, s->loop, on_grace, x);
    listentick_init(x);
    s->listeners = x;
    return x;
}

static struct listeners *get(struct sup *s, struct err *e)
{
    if (s->listeners)
        return s->listeners;
    struct listenmem *mem = listenmem_new(state_fd(s->state) >= 0, e);
    struct listeners *x = mem ? alloc(s, mem) : NULL;
    if (!x) {
        listenmem_free(&mem);
        err_errno(e, ENOMEM, "cannot keep events");
        return NULL;
    }
    if (listenmem_fd(mem) > 0)
        *state_listeners(s->state) = listenmem_fd(mem);
    return x;
}

static int follow(struct listeners *x, struct group *g, const struct gen *gen,
                  const struct gen_group *conf, struct err *e)
{
    struct lpool *pl = listeners_pool_of(x, g);
    if (!pl)
        pl = pool_make(x, g, e);
    if (!pl)
        return -1;
    pool_configure(pl, gen, conf);
    set_types(x);
    return 0;
}

int listeners_follow(struct sup *s, struct group *g, const struct gen *gen,
                     const struct gen_group *conf, struct err *e)
{
    if (conf->kind != GEN_EVENTLISTENER)
        return 0;
    bool knew = listeners_want(s, EVENT_STATES);
    struct listeners *x = get(s, e);
    if (!x || follow(x, g, gen, conf, e) < 0)
        return -1;
    if (!knew)
        listentold_begin(x);
    return 0;
}

void listeners_remove(struct sup *s, const struct group *g)
{
    struct listeners *x = s->listeners;
    struct lpool *pl = x ? listeners_pool_of(x, g) : NULL;
    if (!pl)
        return;
    for (uint32_t i = 0; i < g->nprocs; i++)
        listeners_forget(g->procs[i]);
    listenmem_pool_free(x->mem, pl->index);
    pool_free(x, pl);
    set_types(x);
}

void listeners_free(struct sup *s)
{
    struct listeners *x = s->listeners;
    struct lpool *pl;
    struct lproc *lp;
    s->listeners = NULL;
    if (!x)
        return;
    while ((lp = LIST_FIRST(&x->procs)))
        listenproc_free(&lp);
    while ((pl = TAILQ_FIRST(&x->pools)))
        pool_free(x, pl);
    loop_defer_cancel(s->loop, &x->dispatch);
    loop_timer_stop(&x->grace);
    loop_timer_stop(&x->tick);
    struct lm_head *h = listenmem_head(x->mem);
    for (int i = 0; i < 2; i++)
        if (h->stage[i] > 0)
            fd_close(&h->stage[i]);
    listenmem_free(&x->mem);
    free(x);
}

void listeners_each_fd(const struct sup *s, void (*fn)(int fd))
{
    if (s->listeners)
        listenmem_each_fd(s->listeners->mem, fn);
}

/* ---- what another supd left ---- */

/* What was being done is done; one that was to get an event, and did not, is still ready. */
static void finish_steps(struct listeners *x)
{
    listensend_recover(x->mem);
    for (uint32_t i = 0; i < listenmem_head(x->mem)->nlisteners; i++) {
        struct lm_listener *l = listenmem_listener(x->mem, i);
        if (l->step)
            listenmem_apply(x->mem, l);
        if (l->machine.state == LISTENER_BUSY && !l->event)
            l->machine.state = LISTENER_READY;
    }
    fd_cloexec(listenmem_fd(x->mem), true);
    const struct lm_head *h = listenmem_head(x->mem);
    for (int i = 0; i < 2; i++) {
        if (h->stage[i] > 0)
            fd_cloexec(h->stage[i], true);
        if (h->text_fds[i] > 0)
            fd_cloexec(h->text_fds[i], true);
    }
}

static bool is_taken(const struct listeners *x, uint32_t event)
{
    for (uint32_t i = 0; i < listenmem_head(x->mem)->nlisteners; i++)
        if (listenmem_listener(x->mem, i)->event == event + 1)
            return true;
    return false;
}

static struct lpool *pool_at_index(const struct listeners *x, uint32_t index)
{
    struct lpool *pl;
    TAILQ_FOREACH (pl, &x->pools, link)
        if (pl->index == index)
            return pl;
    return NULL;
}

static int take_events(struct listeners *x, struct err *e)
{
    struct lm_head *h = listenmem_head(x->mem);
    for (uint32_t i = 0; i < h->nevents; i++) {
        const struct lm_event *ev = listenmem_event(x->mem, i);
        struct lpool *pl = ev->used ? pool_at_index(x, ev->pool) : NULL;
        if (ev->used && !pl && ev->pool != LISTENMEM_KEPT)
            listenmem_event_free(x->mem, i);
        if (!pl)
            continue;
        if (pool_restore(&pl->buffer, (struct pool_event){ev->pool_serial, i}, is_taken(x, i)) < 0)
            return err_errno(e, ENOMEM, "cannot go on with events");
    }
    return 0;
}

/* The group's configuration: that of its newest generation, as resume.c has it. */
static int take_pool(struct sup *s, struct group *g, struct err *e)
{
    const struct proc *last = g->nprocs ? g->procs[g->nprocs - 1] : NULL;
    if (g->kind != GEN_EVENTLISTENER || !last)
        return 0;
    const struct gen *gen = last->gen->gen;
    return follow(s->listeners, g, gen, gen_groups(gen) + last->conf->group, e);
}

static int take_procs(struct listeners *x, struct err *e)
{
    struct lproc *lp;
    for (struct proc *p = procs_first(x->sup); p; p = procs_next(p))
        if (p->group->kind == GEN_EVENTLISTENER && listenmem_listener_find(x->mem, p->slot) >= 0 &&
            !listenproc_get(x, p))
            return err_errno(e, ENOMEM, "cannot go on with event listeners");
    LIST_FOREACH (lp, &x->procs, link)
        listenproc_go_on(lp);
    return 0;
}

static int take_all(struct sup *s, struct err *e)
{
    struct group *g;
    finish_steps(s->listeners);
    listeners_count_all(s->listeners);
    TAILQ_FOREACH (g, &s->groups, link)
        if (take_pool(s, g, e) < 0)
            return -1;
    s->listeners->reviving = false;
    print_all(s->listeners);
    listenmem_kept_sweep(s->listeners->mem);
    if (take_events(s->listeners, e) < 0 || take_procs(s->listeners, e) < 0)
        return -1;
    s->listeners->catching_up = true;
    taps_catch_up(s->taps); /* what was said before an end comes before the event of that */
    s->listeners->catching_up = false;
    listentold_catch_up(s->listeners);
    listeners_look(s->listeners);
    return 0;
}

/* It cannot be read: what listeners say is heard by nobody, so they are started again. */
static int begin_anew(struct sup *s, struct err *e)
{
    struct group *g;
    log_error("events that waited for listeners are lost, and these are started again: %s", e->msg);
    int kept = *state_listeners(s->state);
    taps_leave(s->taps);
    *state_listeners(s->state) = 0;
    listenmem_discard(kept);
    if (!get(s, e))
        return -1;
    TAILQ_FOREACH (g, &s->groups, link)
        if (take_pool(s, g, e) < 0)
            return -1;
    listentold_begin(s->listeners);
    s->listeners->renew = true;
    listeners_look(s->listeners);
    return 0;
}

int listeners_revive(struct sup *s, struct err *e)
{
    int kept = *state_listeners(s->state);
    if (kept <= 0)
        return 0;
    struct listenmem *mem = listenmem_open(kept, e);
    if (!mem)
        return begin_anew(s, e);
    if (!alloc(s, mem)) {
        listenmem_free(&mem);
        return err_errno(e, ENOMEM, "cannot go on with events");
    }
    s->listeners->reviving = true;
    return take_all(s, e);
}
