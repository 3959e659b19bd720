/* The sockets of Supervisor's servers. */
#include "supervisor/run/servers.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/sockpath.h"
#include "supervisor/io/binder.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/binding.h"
#include "supervisor/run/helper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REMOVE_LIMIT DUR_S(1)
#define UNIX_KEY "unix://"
#define TAKEN                                                                                      \
    "Another program is already listening on a port that one of our HTTP servers is configured "   \
    "to use.  Shut this program down first before starting supervisord."

/* One socket; the same place in the state. */
struct server {
    char *key; /* NULL: none here */
    int fd;
    uint32_t mode; /* of its path */
    int64_t uid, gid;
};

struct servers {
    struct server v[STATE_SOCKETS];
    struct binding binding;      /* sockets are being made */
    char *wanted[STATE_SOCKETS]; /* the keys of these */
    size_t nwanted;
    bool again; /* another configuration came meanwhile */
    servers_open_fn *done;
    struct err wrong; /* why the first of them was not made */
};

/* ---- the table ---- */

static uint32_t mark_of(const char *key)
{
    return crc32_of(key, strlen(key));
}

/* A fault in between leaves a row that says less, and nothing that is not so. */
static void note(const struct sup *s, size_t i)
{
    struct state_socket *row = &state_sockets(s->state)[i];
    const struct server *sv = &s->servers->v[i];
    row->fd = 0;
    row->mark = sv->key ? mark_of(sv->key) : 0;
    row->fd = sv->key ? sv->fd : 0;
}

static struct server *find(const struct sup *s, const char *key)
{
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (s->servers->v[i].key && strcmp(s->servers->v[i].key, key) == 0)
            return &s->servers->v[i];
    return NULL;
}

/* NULL: it is not configured. */
static const struct gen_server *conf_of(const struct gen *g, const char *key)
{
    for (uint32_t i = 0; i < g->supd.nservers; i++)
        if (strcmp(gen_str(g, gen_servers(g)[i].url), key) == 0)
            return gen_servers(g) + i;
    return NULL;
}

static bool put(struct sup *s, size_t i, const char *key, int fd)
{
    const struct gen_server *x = conf_of(s->gen->gen, key);
    char *copy = strdup(key);
    if (!copy)
        return false;
    s->servers->v[i] = (struct server){.key = copy, .fd = fd};
    if (x) {
        s->servers->v[i].mode = (uint32_t)x->mode;
        s->servers->v[i].uid = x->uid;
        s->servers->v[i].gid = x->gid;
    }
    return true;
}

static bool add(struct sup *s, const char *key, int fd)
{
    size_t i = 0;
    while (i < STATE_SOCKETS && s->servers->v[i].key)
        i++;
    if (i == STATE_SOCKETS || !put(s, i, key, fd))
        return false;
    note(s, i);
    return true;
}

/* ---- paths at the end ---- */

/* In a helper: which of them, by their places. */
struct removal {
    struct sup *s;
    uint32_t which;
    void (*done)(struct sup *s, int status);
};

static int remove_child(struct removal *r)
{
    struct stat st;
    for (size_t i = 0; i < STATE_SOCKETS; i++) {
        const char *key = r->which >> i & 1 ? r->s->servers->v[i].key : NULL;
        if (!key || strncmp(key, UNIX_KEY, strlen(UNIX_KEY)) != 0)
            continue;
        const char *path = key + strlen(UNIX_KEY);
        if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
            unlink(path);
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
    struct removal *r = which ? malloc(sizeof(*r)) : NULL;
    if (!r)
        return false;
    *r = (struct removal){.s = s, .which = which, .done = done};
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
    free(sv->key);
    sv->key = NULL;
    note(s, i);
    fd_close(&sv->fd);
}

static void drop_others(struct sup *s)
{
    uint32_t which = 0;
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (s->servers->v[i].key && !conf_of(s->gen->gen, s->servers->v[i].key))
            which |= 1u << i;
    remove_paths(s, which, NULL);
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (which >> i & 1) {
            log_info("http: no longer serves %s", s->servers->v[i].key);
            drop(s, i);
        }
}

/* ---- another mode or owner ---- */

/* In a helper: what it changes. */
struct change {
    uint32_t n;
    struct bind_request v[STATE_SOCKETS];
};

static int change_child(struct change *c)
{
    struct err e;
    int wrong = 0;
    for (uint32_t i = 0; i < c->n; i++)
        wrong |= bind_change(&c->v[i], &e) < 0;
    return wrong;
}

static void change_done(void *obj, int status)
{
    free(obj);
    if (status)
        log_warn("http: the path of a socket cannot get the mode and owner that the configuration "
                 "says; supd has to be started again for that");
    else
        log_info("http: the paths of the sockets have their new mode and owner");
}

/* The sockets stay: nobody who waits in their queues is lost. */
static void change_others(struct sup *s)
{
    struct err e;
    struct change *c = calloc(1, sizeof(*c));
    for (size_t i = 0; c && i < STATE_SOCKETS; i++) {
        struct server *sv = &s->servers->v[i];
        const struct gen_server *x = sv->key ? conf_of(s->gen->gen, sv->key) : NULL;
        if (!x || (sv->mode == (uint32_t)x->mode && sv->uid == x->uid && sv->gid == x->gid))
            continue;
        sv->mode = (uint32_t)x->mode;
        sv->uid = x->uid;
        sv->gid = x->gid;
        c->v[c->n++] = (struct bind_request){
            .url = sv->key, .mode = (uint32_t)x->mode, .uid = x->uid, .gid = x->gid};
    }
    if (!c || !c->n)
        free(c);
    else if (helper_run(s, (helper_child_fn *)change_child, change_done, c, REMOVE_LIMIT, &e) < 0)
        change_done(c, -1);
}

/* ---- making them ---- */

static void forget_wanted(struct servers *sv)
{
    while (sv->nwanted)
        free(sv->wanted[--sv->nwanted]);
}

/* The sentence that Supervisor says; ours, with the place, is in the log. */
static void keep_sentence(struct servers *sv, const char *url, const struct err *why)
{
    const char *name = strerrorname_np(why->errnum);
    if (sv->wrong.msg[0])
        return;
    if (why->errnum == EADDRINUSE)
        err_set(&sv->wrong, "%s", TAKEN);
    else
        err_set(&sv->wrong,
                "Cannot open an HTTP server: socket.error reported errno.%s (%d): %s: %s",
                name ? name : "?", why->errnum, url, why->msg);
}

static void not_opened(struct servers *sv, const char *url, const struct err *why)
{
    keep_sentence(sv, url, why);
    if (!sv->done)
        log_error("http: %s: %s", url, why->msg);
}

static void opened(struct sup *s, const char *url, int fd)
{
    fd_nonblock(fd, true);
    if (!add(s, url, fd)) {
        log_error("http: %s: no memory", url);
        fd_close(&fd);
        return;
    }
    if (!s->servers->done)
        log_info("http: serves %s", url);
    if (s->agent)
        agent_take_server(s->agent, url, fd);
}

static void all_opened(struct sup *s)
{
    struct servers *sv = s->servers;
    servers_open_fn *done = sv->done;
    forget_wanted(sv);
    sv->done = NULL;
    if (done)
        done(s, sv->wrong.msg[0] ? sv->wrong.msg : NULL);
    else if (sv->again)
        servers_follow(s);
}

/* Of one that is open it is told if something was in its place. */
static void on_socket(void *obj, size_t i, int fd, const struct err *why)
{
    struct sup *s = obj;
    struct servers *sv = s->servers;
    if (fd < 0)
        not_opened(sv, sv->wanted[i], why);
    else if (why->msg[0])
        log_info("%s", why->msg);
    if (fd >= 0)
        opened(s, sv->wanted[i], fd);
    if (i + 1 == sv->nwanted)
        all_opened(s);
}

/* 1: some are being made; 0: nothing is to do; -1 and the reason. */
static int open_missing(struct sup *s, struct err *e)
{
    const struct gen *g = s->gen->gen;
    struct servers *sv = s->servers;
    struct bind_request want[STATE_SOCKETS];
    sv->again = false;
    sv->wrong.msg[0] = '\0';
    for (uint32_t i = 0; i < g->supd.nservers && sv->nwanted < STATE_SOCKETS; i++) {
        const struct gen_server *x = gen_servers(g) + i;
        if (find(s, gen_str(g, x->url)))
            continue;
        want[sv->nwanted] = (struct bind_request){.url = gen_str(g, x->url),
                                                  .uid = x->uid,
                                                  .gid = x->gid,
                                                  .mode = (uint32_t)x->mode,
                                                  .spare_live = true};
        sv->wanted[sv->nwanted] = strdup(gen_str(g, x->url));
        if (!sv->wanted[sv->nwanted])
            return err_errno(e, ENOMEM, "cannot open the HTTP servers");
        sv->nwanted++;
    }
    if (!sv->nwanted)
        return 0;
    return binding_begin(s, &sv->binding, want, sv->nwanted, on_socket, s, e) < 0 ? -1 : 1;
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
    if (s->servers->binding.n) {
        s->servers->again = true;
        return;
    }
    drop_others(s);
    change_others(s);
    if (open_missing(s, &e) < 0) {
        log_error("http: %s", e.msg);
        forget_wanted(s->servers);
    }
}

/* What the socket of a row is called; NULL: nobody knows any more. */
static const char *name_of(const struct sup *s, const struct state_socket *row,
                           char old[SOCKPATH_MAX + 16])
{
    const struct gen *g = s->gen->gen;
    struct sockaddr_un at = {0};
    socklen_t n = sizeof(at) - 1;
    for (uint32_t j = 0; j < g->supd.nservers; j++) {
        const char *key = gen_str(g, gen_servers(g)[j].url);
        if (mark_of(key) == row->mark && !find(s, key))
            return key;
    }
    if (getsockname(row->fd, (struct sockaddr *)&at, &n) < 0 || at.sun_family != AF_UNIX)
        return NULL;
    snprintf(old, SOCKPATH_MAX + 16, UNIX_KEY "%s", at.sun_path);
    return mark_of(old) == row->mark ? old : NULL;
}

/* A reload that a fault cut short may have left one that the configuration has not any more: it is
 * closed, and its path removed, as that would have done. */
static void take_row(struct sup *s, size_t i)
{
    struct state_socket *row = &state_sockets(s->state)[i];
    char old[SOCKPATH_MAX + 16];
    int fd = row->fd;
    const char *key = name_of(s, row, old);
    if (key && put(s, i, key, fd))
        return;
    note(s, i);
    fd_close(&fd);
}

int servers_go_on(struct sup *s, struct err *e)
{
    const struct state_socket *rows = state_sockets(s->state);
    uint32_t n = s->gen->gen->supd.nservers;
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        n += rows[i].fd > 0;
    if (!n)
        return 0;
    if (make(s, e) < 0)
        return -1;
    for (size_t i = 0; i < STATE_SOCKETS; i++)
        if (rows[i].fd > 0)
            take_row(s, i);
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
        log_line(s->opt.as_supervisord ? LVL_DEBUG : LVL_INFO, "http: serves %s",
                 gen_str(g, x->url));
        if (s->opt.as_supervisord) /* scripts wait for this line */
            log_info("RPC interface 'supervisor' initialized");
        bool is_unix = strncmp(gen_str(g, x->url), UNIX_KEY, strlen(UNIX_KEY)) == 0;
        if (x->auth || (is_unix && !s->opt.as_supervisord))
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
    binding_fini(s, &s->servers->binding);
    forget_wanted(s->servers);
    for (size_t i = 0; i < STATE_SOCKETS; i++) {
        fd_close(&s->servers->v[i].fd);
        free(s->servers->v[i].key);
    }
    free(s->servers);
    s->servers = NULL;
}
