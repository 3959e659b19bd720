/* The sockets of Supervisor's servers. */
#include "supervisor/run/servers.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/binder.h"
#include "supervisor/run/helper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define REMOVE_LIMIT DUR_S(1)
#define UNIX_KEY "unix:"
#define TAKEN                                                                                      \
    "Another program is already listening on a port that one of our HTTP servers is configured "   \
    "to use.  Shut this program down first before starting supervisord."

/* One socket; the same place in the state. */
struct server {
    char *key; /* NULL: none here */
    int fd;
};

struct servers {
    struct server v[STATE_SOCKETS];
    struct binding *binding;     /* sockets are being made */
    char *wanted[STATE_SOCKETS]; /* the keys of these */
    size_t nwanted;
    bool again; /* another configuration came meanwhile */
    servers_open_fn *done;
};

/* ---- the table ---- */

static uint32_t mark_of(const char *key)
{
    return crc32_of(key, strlen(key));
}

static void note(const struct sup *s, size_t i, uint64_t dev, uint64_t ino)
{
    struct state_socket *rows = state_sockets(s->state);
    const struct server *sv = &s->servers->v[i];
    if (!rows)
        return;
    rows[i].fd = 0;
    rows[i] = (struct state_socket){.mark = sv->key ? mark_of(sv->key) : 0, .dev = dev, .ino = ino};
    rows[i].fd = sv->key ? sv->fd : 0;
}

static struct server *find(const struct sup *s, const char *key)
{
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (s->servers->v[i].key && strcmp(s->servers->v[i].key, key) == 0)
            return &s->servers->v[i];
    return NULL;
}

static bool add(struct sup *s, const char *key, const struct listener_got *g)
{
    size_t i = 0;
    while (i < STATE_SOCKETS && s->servers->v[i].key)
        i++;
    char *copy = i < STATE_SOCKETS ? strdup(key) : NULL;
    if (!copy)
        return false;
    s->servers->v[i] = (struct server){copy, g->fd};
    note(s, i, g->dev, g->ino);
    return true;
}

static bool is_configured(const struct gen *g, const char *key)
{
    for (uint32_t i = 0; i < g->supd.nservers; i++)
        if (strcmp(gen_str(g, gen_servers(g)[i].key), key) == 0)
            return true;
    return false;
}

/* ---- paths at the end ---- */

/* In a helper: which of them, by their places. */
struct removal {
    struct sup *s;
    uint32_t which;
    struct state_socket rows[STATE_SOCKETS]; /* a copy: we share the state with supd */
    void (*done)(struct sup *s, int status);
};

static int remove_child(struct removal *r)
{
    for (size_t i = 0; i < STATE_SOCKETS; i++) {
        const char *key = r->s->servers->v[i].key;
        if ((r->which >> i & 1) && key && strncmp(key, UNIX_KEY, strlen(UNIX_KEY)) == 0)
            listener_remove(key + strlen(UNIX_KEY), r->rows[i].dev, r->rows[i].ino);
    }
    return 0;
}

static void remove_done(struct removal *r, int status)
{
    if (r->done)
        r->done(r->s, status);
    free(r);
}

/* Has the paths of these removed. False: nobody will call done. */
static bool remove_paths(struct sup *s, uint32_t which, void (*done)(struct sup *s, int status))
{
    struct err e;
    const struct state_socket *rows = state_sockets(s->state);
    struct removal *r = which && rows ? malloc(sizeof(*r)) : NULL;
    if (!r)
        return false;
    *r = (struct removal){.s = s, .which = which, .done = done};
    memcpy(r->rows, rows, sizeof(r->rows));
    if (helper_run(s, (helper_child_fn *)remove_child, (helper_done_fn *)remove_done, r,
                   REMOVE_LIMIT, &e) >= 0)
        return true;
    log_warn("http: cannot remove the paths of sockets: %s", e.msg);
    free(r);
    return false;
}

static void drop(struct sup *s, size_t i)
{
    struct server *sv = &s->servers->v[i];
    fd_close(&sv->fd);
    free(sv->key);
    sv->key = NULL;
    note(s, i, 0, 0);
}

static void drop_others(struct sup *s)
{
    uint32_t which = 0;
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (s->servers->v[i].key && !is_configured(s->gen->gen, s->servers->v[i].key))
            which |= 1u << i;
    remove_paths(s, which, NULL);
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (which >> i & 1) {
            log_info("http: no longer serves %s", s->servers->v[i].key);
            drop(s, i);
        }
}

/* ---- making them ---- */

static void forget_wanted(struct servers *sv)
{
    while (sv->nwanted)
        free(sv->wanted[--sv->nwanted]);
}

/* The sentence that Supervisor says; ours, with the place, is in the log. */
static const char *sentence(const struct listener_got *g, struct err *e)
{
    const char *name = strerrorname_np(g->e.errnum);
    if (g->end == LISTENER_BUSY)
        return TAKEN;
    err_set(e, "Cannot open an HTTP server: socket.error reported errno.%s (%d): %s",
            name ? name : "?", g->e.errnum, g->e.msg);
    return e->msg;
}

static void opened(void *obj, struct listener_got *v, size_t n)
{
    struct sup *s = obj;
    struct servers *sv = s->servers;
    const char *wrong = NULL;
    struct err e;
    sv->binding = NULL;
    for (size_t i = 0; i < n; i++) {
        const char *key = sv->wanted[i];
        if (v[i].stale)
            log_info("Unlinking stale socket %s", key + strlen(UNIX_KEY));
        if (v[i].end == LISTENER_OPEN && add(s, key, &v[i])) {
            if (!sv->done)
                log_info("http: serves %s", key);
            if (s->agent)
                agent_take_server(s->agent, key, v[i].fd);
            continue;
        }
        if (!sv->done)
            log_error("http: %s", v[i].e.msg);
        wrong = wrong ? wrong : sentence(&v[i], &e);
        fd_close(&v[i].fd);
    }
    forget_wanted(sv);
    servers_open_fn *done = sv->done;
    sv->done = NULL;
    if (done)
        done(s, wrong);
    else if (sv->again)
        servers_follow(s);
}

/* 1: some are being made; 0: nothing is to do; -1 and the reason. */
static int open_missing(struct sup *s, struct err *e)
{
    const struct gen *g = s->gen->gen;
    struct servers *sv = s->servers;
    struct listener want[STATE_SOCKETS];
    sv->again = false;
    for (uint32_t i = 0; i < g->supd.nservers && sv->nwanted < STATE_SOCKETS; i++) {
        const struct gen_server *x = gen_servers(g) + i;
        const char *key = gen_str(g, x->key);
        if (find(s, key))
            continue;
        want[sv->nwanted] = (struct listener){.path = gen_str(g, x->path),
                                              .uid = x->uid,
                                              .gid = x->gid,
                                              .mode = x->mode,
                                              .host = gen_str(g, x->host),
                                              .port = x->port};
        sv->wanted[sv->nwanted] = strdup(key);
        if (!sv->wanted[sv->nwanted])
            return err_errno(e, ENOMEM, "cannot open the HTTP servers");
        sv->nwanted++;
    }
    if (!sv->nwanted)
        return 0;
    sv->binding = binder_open(s, want, sv->nwanted, opened, s, e);
    return sv->binding ? 1 : -1;
}

static int make(struct sup *s, struct err *e)
{
    s->servers = calloc(1, sizeof(*s->servers));
    if (!s->servers)
        return err_errno(e, ENOMEM, "cannot open the HTTP servers");
    return 0;
}

int servers_open(struct sup *s, servers_open_fn *done, struct err *e)
{
    if (!s->gen->gen->supd.nservers)
        return 0;
    if (s->gen->gen->supd.nservers > STATE_SOCKETS)
        return err_set(e, "more than %u HTTP servers", STATE_SOCKETS);
    if (make(s, e) < 0)
        return -1;
    s->servers->done = done;
    return open_missing(s, e);
}

void servers_follow(struct sup *s)
{
    struct err e;
    if (!s->servers && (!s->gen->gen->supd.nservers || make(s, &e) < 0))
        return;
    if (s->servers->binding) {
        s->servers->again = true;
        return;
    }
    drop_others(s);
    if (open_missing(s, &e) < 0) {
        log_error("http: %s", e.msg);
        forget_wanted(s->servers);
    }
}

int servers_go_on(struct sup *s, struct err *e)
{
    const struct gen *g = s->gen->gen;
    const struct state_socket *rows = state_sockets(s->state);
    if (!g->supd.nservers)
        return 0;
    if (make(s, e) < 0)
        return -1;
    for (size_t i = 0; rows && i < STATE_SOCKETS; i++)
        for (uint32_t j = 0; rows[i].fd > 0 && j < g->supd.nservers; j++) {
            const char *key = gen_str(g, gen_servers(g)[j].key);
            if (mark_of(key) == rows[i].mark && !find(s, key))
                s->servers->v[i] = (struct server){strdup(key), rows[i].fd};
        }
    if (s->mood != SUP_STOPPING)
        servers_follow(s); /* a supd that knew no servers has none of them */
    return 0;
}

void servers_each(const struct sup *s, void (*fn)(void *obj, const char *key, int fd), void *obj)
{
    for (size_t i = 0; s->servers && i < STATE_SOCKETS; i++)
        if (s->servers->v[i].key)
            fn(obj, s->servers->v[i].key, s->servers->v[i].fd);
}

/* For a unix socket its mode says who may come in. */
void servers_say(const struct sup *s)
{
    const struct gen *g = s->gen->gen;
    for (uint32_t i = 0; i < g->supd.nservers; i++) {
        const struct gen_server *x = gen_servers(g) + i;
        log_info("http: serves %s", gen_str(g, x->key));
        if (x->auth || (x->path && !s->opt.as_supervisord))
            continue;
        log_line(s->opt.as_supervisord ? LVL_CRITICAL : LVL_WARN,
                 "Server '%s' running without any HTTP authentication checking",
                 gen_str(g, x->section));
    }
}

bool servers_remove(struct sup *s, void (*done)(struct sup *s, int status))
{
    uint32_t which = 0;
    for (size_t i = 0; s->servers && i < STATE_SOCKETS; i++)
        if (s->servers->v[i].key && strncmp(s->servers->v[i].key, UNIX_KEY, strlen(UNIX_KEY)) == 0)
            which |= 1u << i;
    return remove_paths(s, which, done);
}

void servers_free(struct sup *s)
{
    if (!s->servers)
        return;
    binder_forget(s, &s->servers->binding);
    forget_wanted(s->servers);
    for (size_t i = 0; i < STATE_SOCKETS; i++) {
        fd_close(&s->servers->v[i].fd);
        free(s->servers->v[i].key);
    }
    free(s->servers);
    s->servers = NULL;
}
