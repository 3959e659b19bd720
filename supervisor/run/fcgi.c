/* The sockets of fcgi-programs: when they are made, who waits for them, when they are closed. */
#include "supervisor/run/fcgi.h"
#include "supervisor/base/log.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/binding.h"
#include "supervisor/run/fcgi_mem.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/lowfds.h"
#include "supervisor/run/procs_impl.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/settle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CANNOT "Could not create FastCGI socket %s: %s"

struct fcgi {
    struct sup *sup;
    struct fcgi_mem mem;
    struct binding binding;
    struct fcgi_rec *under[BINDING_MAX]; /* what that is about */
    fcgi_tried_fn *tried;                /* set while the start waits for all of them */
    struct loop_defer look;
};

static void look(struct fcgi *f);

static struct fcgi *fcgi_new(struct sup *s)
{
    struct fcgi *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->sup = s;
    LOOP_DEFER(&f->look, look, f);
    return f;
}

/* Made with the first socket. */
static struct fcgi *fcgi_of(struct sup *s)
{
    struct fcgi *f = s->fcgi ? NULL : fcgi_new(s);
    if (!f)
        return s->fcgi;
    if (fcgi_mem_make(&f->mem, state_fd(s->state) >= 0) < 0) {
        free(f);
        return NULL;
    }
    *state_fcgi(s->state) = f->mem.fd > 0 ? f->mem.fd : 0;
    s->fcgi = f;
    return f;
}

static void look_later(struct fcgi *f)
{
    loop_defer(f->sup->loop, &f->look);
}

/* ---- records ---- */

static const struct gen_fcgi *conf_of(const struct proc *p)
{
    return gen_fcgi(p->gen->gen, p->conf);
}

static struct fcgi_rec *find(const struct sup *s, const struct gen *g, const struct gen_fcgi *c)
{
    return s->fcgi ? fcgi_mem_find(&s->fcgi->mem, gen_str(g, c->socket), false) : NULL;
}

static bool is_like(const struct fcgi_rec *r, const struct gen_fcgi *c)
{
    return r->backlog == c->backlog && r->mode == c->mode && r->uid == c->uid && r->gid == c->gid;
}

static bool is_under_way(const struct fcgi_rec *r)
{
    return r->wanted || r->making;
}

/* A listen queue gets another length in place; the file of a unix socket is made anew for what
 * else may differ. */
static bool is_ready(struct fcgi_rec *r, const struct gen_fcgi *c)
{
    if (r->fd <= 0 || is_under_way(r))
        return false;
    if (!is_like(r, c) && strncmp(r->url, "tcp:", 4) == 0 &&
        listen(r->fd, c->backlog ? c->backlog : SOMAXCONN) == 0)
        r->backlog = c->backlog;
    return is_like(r, c);
}

static void want(struct fcgi *f, struct fcgi_rec *r, const struct gen_fcgi *c)
{
    if (is_under_way(r) && is_like(r, c))
        return;
    r->wanted = 1;
    r->backlog = c->backlog;
    r->mode = c->mode;
    r->uid = c->uid;
    r->gid = c->gid;
    look_later(f);
}

/* NULL: there is no room. */
static struct fcgi_rec *want_one(struct sup *s, const struct gen *g, const struct gen_fcgi *c)
{
    struct fcgi *f = fcgi_of(s);
    struct fcgi_rec *r = f ? fcgi_mem_find(&f->mem, gen_str(g, c->socket), true) : NULL;
    if (r && !is_ready(r, c))
        want(f, r, c);
    return r;
}

/* In an order in which nobody takes over what is closed. */
static void put_fd(struct fcgi_rec *r, int fd)
{
    int had = r->fd;
    __atomic_store_n(&r->fd, fd, __ATOMIC_RELEASE);
    if (had > 0)
        close(had);
}

/* ---- for processes ---- */

enum fcgi_start fcgi_lets_start(struct proc *p)
{
    const struct gen_fcgi *c = conf_of(p);
    if (!c)
        return FCGI_GO;
    const struct fcgi_rec *r = want_one(proc_sup(p), p->gen->gen, c);
    if (!r)
        return FCGI_FAIL;
    p->awaits_socket = is_under_way(r);
    return p->awaits_socket ? FCGI_WAIT : FCGI_GO;
}

int fcgi_socket(const struct proc *p)
{
    const struct gen_fcgi *c = conf_of(p);
    const struct fcgi_rec *r = c ? find(proc_sup(p), p->gen->gen, c) : NULL;
    return r ? r->fd : 0;
}

void fcgi_explain(const struct proc *p, char *buf, size_t size)
{
    const struct gen_fcgi *c = conf_of(p);
    const struct fcgi_rec *r = c ? find(proc_sup(p), p->gen->gen, c) : NULL;
    if (c && !r)
        snprintf(buf, size, CANNOT, gen_str(p->gen->gen, c->socket),
                 "there are too many, or no memory");
    else if (r && r->fd <= 0 && r->why[0])
        snprintf(buf, size, CANNOT, r->url, r->why);
}

void fcgi_moved(struct sup *s)
{
    if (s->fcgi)
        look_later(s->fcgi);
}

static bool is_of(const struct proc *p, const struct fcgi_rec *r)
{
    const struct gen_fcgi *c = conf_of(p);
    return c && find(proc_sup(p), p->gen->gen, c) == r;
}

/* Those whose start waits for it. */
static void let_go(struct fcgi *f, const struct fcgi_rec *r)
{
    for (struct proc *p = procs_first(f->sup); p; p = procs_next(p)) {
        if (!p->awaits_socket || !is_of(p, r))
            continue;
        p->awaits_socket = false;
        if (r->fd > 0)
            proc_enqueue(p);
        else
            proc_feed(p, (struct proc_in){.event = PROC_EV_CANNOT});
    }
}

/* ---- making ---- */

/* Told of the groups that an update gave it to. */
static void tell_groups(struct sup *s, const struct fcgi_rec *r, const char *why)
{
    const struct gen *g = s->gen->gen;
    const struct gen_fcgi *v = gen_at(g, g->supd.fcgi);
    for (uint32_t i = 0; i < g->supd.nfcgi; i++)
        if (strcmp(gen_str(g, v[i].socket), r->url) == 0)
            reload_complain(s, gen_str(g, gen_groups(g)[v[i].group].name), why);
}

static void failed(struct fcgi *f, struct fcgi_rec *r, const struct err *why)
{
    struct err e = *why;
    snprintf(r->why, sizeof(r->why), "%.*s", (int)sizeof(r->why) - 1, why->msg);
    put_fd(r, 0);
    if (f->tried)
        return; /* it ends the start */
    err_set(&e, CANNOT, r->url, why->msg);
    if (r->tried && reload_applying(f->sup))
        tell_groups(f->sup, r, e.msg);
    else
        log_error("%s", e.msg);
}

/* All that was asked for at the start is there, or something is wrong. */
static void end_trial(struct fcgi *f)
{
    struct err e;
    const struct err *why = NULL;
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem); i++) {
        const struct fcgi_rec *r = fcgi_mem_at(&f->mem, i);
        if (!why && r->wanted)
            return;
        if (!why && r->why[0]) {
            err_set(&e, CANNOT, r->url, r->why);
            why = &e;
        }
    }
    fcgi_tried_fn *fn = f->tried;
    f->tried = NULL;
    fn(f->sup, why);
}

static void made(struct fcgi *f, size_t i, int fd, const struct err *why)
{
    struct fcgi_rec *r = f->under[i];
    bool last = i + 1 == BINDING_MAX || !f->under[i + 1];
    r->making = 0;
    if (r->wanted && fd >= 0) {
        close(fd); /* meanwhile another one was asked for */
    } else if (fd >= 0) {
        r->why[0] = '\0';
        put_fd(r, lowfds_lift(fd));
    } else {
        failed(f, r, why);
    }
    if (!r->wanted) {
        r->tried = 0;
        let_go(f, r);
    }
    if (!last)
        return;
    settle_later(f->sup);
    look_later(f);
    if (f->tried)
        end_trial(f);
}

static void begin(struct fcgi *f)
{
    struct bind_request v[BINDING_MAX];
    struct err e;
    size_t n = 0;
    memset(f->under, 0, sizeof(f->under));
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem) && n < BINDING_MAX; i++) {
        struct fcgi_rec *r = fcgi_mem_at(&f->mem, i);
        if (!r->used || !r->wanted)
            continue;
        log_info("Creating socket %s", r->url);
        r->making = 1;
        r->wanted = 0;
        v[n] = (struct bind_request){.url = r->url,
                                     .backlog = r->backlog,
                                     .mode = (uint32_t)r->mode,
                                     .uid = r->uid,
                                     .gid = r->gid};
        f->under[n++] = r;
    }
    if (!n || binding_begin(f->sup, &f->binding, v, n, (binding_fn *)made, f, &e) == 0)
        return;
    for (size_t i = 0; i < n; i++)
        made(f, i, -1, &e);
}

/* ---- closing ---- */

static void mark(struct fcgi *f, const struct gen *g, const struct gen_proc *conf, bool up)
{
    const struct gen_fcgi *c = gen_fcgi(g, conf);
    struct fcgi_rec *r = c ? find(f->sup, g, c) : NULL;
    if (!r)
        return;
    r->known = 1;
    r->needed |= up;
}

static void mark_all(struct fcgi *f)
{
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem); i++)
        fcgi_mem_at(&f->mem, i)->needed = fcgi_mem_at(&f->mem, i)->known = 0;
    for (struct proc *p = procs_first(f->sup); p; p = procs_next(p)) {
        mark(f, p->gen->gen, p->conf, !proc_is_down(p));
        if (p->next_gen)
            mark(f, p->next_gen->gen, proc_next_conf(p), p->start_after);
    }
}

/* One whose program waits for its next start is needed: who connects meanwhile waits in its queue.
 */
static void close_unneeded(struct fcgi *f)
{
    mark_all(f);
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem); i++) {
        struct fcgi_rec *r = fcgi_mem_at(&f->mem, i);
        if (!r->used || is_under_way(r))
            continue;
        if (r->fd > 0 && !r->needed) {
            log_info("Closing socket %s", r->url);
            put_fd(r, 0);
            spawn_in_flight(); /* lets go of the copies that starts which are over had */
        }
        if (!r->known)
            r->used = 0;
    }
}

static void look(struct fcgi *f)
{
    if (!f->binding.n)
        begin(f);
    if (f->sup->mood != SUP_BOOTING)
        close_unneeded(f);
}

/* ---- at the start, and in an update ---- */

void fcgi_boot(struct sup *s, fcgi_tried_fn *done)
{
    const struct gen *g = s->gen->gen;
    const struct gen_fcgi *v = gen_at(g, g->supd.fcgi);
    struct err e;
    for (uint32_t i = 0; i < g->supd.nfcgi; i++)
        if (!want_one(s, g, v + i)) {
            err_set(&e, "the configuration has more than %u sockets of fcgi-programs", FCGI_MAX);
            done(s, &e);
            return;
        }
    if (g->supd.nfcgi)
        s->fcgi->tried = done;
    else
        done(s, NULL);
}

void fcgi_try(struct sup *s, const struct live_gen *gen, const char *group)
{
    const struct gen *g = gen->gen;
    const struct gen_fcgi *v = gen_at(g, g->supd.fcgi);
    for (uint32_t i = 0; i < g->supd.nfcgi; i++) {
        if (strcmp(gen_str(g, gen_groups(g)[v[i].group].name), group) != 0)
            continue;
        struct fcgi_rec *r = want_one(s, g, v + i);
        if (r)
            r->tried = is_under_way(r);
    }
}

bool fcgi_busy(const struct sup *s)
{
    for (uint32_t i = 0; s->fcgi && i < fcgi_mem_n(&s->fcgi->mem); i++) {
        const struct fcgi_rec *r = fcgi_mem_at(&s->fcgi->mem, i);
        if (r->used && r->tried && is_under_way(r))
            return true;
    }
    return false;
}

/* ---- over the exec ---- */

int fcgi_check(int fd, struct err *e)
{
    return fcgi_mem_check(fd, e);
}

int fcgi_go_on(struct sup *s, struct err *e)
{
    int fd = *state_fcgi(s->state);
    if (fd <= 0)
        return 0;
    struct fcgi *f = fcgi_new(s);
    if (!f)
        return err_errno(e, ENOMEM, "cannot go on with the sockets of fcgi-programs");
    if (fcgi_mem_open(&f->mem, fd, e) < 0) {
        free(f);
        return -1;
    }
    s->fcgi = f;
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem); i++) {
        struct fcgi_rec *r = fcgi_mem_at(&f->mem, i);
        r->wanted |= r->making; /* nobody makes it any more */
        r->making = 0;
    }
    look_later(f);
    return 0;
}

void fcgi_free(struct sup *s)
{
    struct fcgi *f = s->fcgi;
    s->fcgi = NULL;
    if (!f)
        return;
    binding_fini(s, &f->binding);
    loop_defer_cancel(s->loop, &f->look);
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem); i++)
        put_fd(fcgi_mem_at(&f->mem, i), 0);
    fcgi_mem_close(&f->mem);
    free(f);
}

void fcgi_each_fd(const struct fcgi *f, void (*fn)(int fd))
{
    if (!f || f->mem.fd < 0)
        return;
    fn(f->mem.fd);
    for (uint32_t i = 0; i < fcgi_mem_n(&f->mem); i++)
        if (fcgi_mem_at(&f->mem, i)->used && fcgi_mem_at(&f->mem, i)->fd > 0)
            fn(fcgi_mem_at(&f->mem, i)->fd);
}
