/* A checked configuration into a generation block. */
#include "supervisor/conf/gen_write.h"
#include "supervisor/conf/agentgen.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define SHUTDOWN_LEAST (INT64_C(25) * 1000000000)

typedef VEC(struct gen_group) group_vec;
typedef VEC(struct gen_proc) proc_vec;

static void set_base(struct gen_writer *w, const char *key, const char *value)
{
    names_text(&w->env, key, value);
}

/* What our own service manager tells us with is not for programs: they would speak for us. */
static bool is_for_us(const char *pair)
{
    static const char *const names[] = {"NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* the base environment: what we were started with, ours, then [supervisord] environment= */
static goff write_base_env(struct gen_writer *w, uint32_t *out_n)
{
    const struct conf *c = w->c;
    const char *url = conf_server_url(c);
    names_init(&w->env, NULL);
    for (char *const *p = c->rq.environ; p && *p; p++) {
        const char *eq = strchr(*p, '=');
        if (eq && eq > *p && !is_for_us(*p))
            names_add(&w->env, (struct name){.key = arena_strndup(w->a, *p, (size_t)(eq - *p)),
                                             .text = eq + 1});
    }
    names_index(&w->env);
    set_base(w, "SUPERVISOR_ENABLED", "1");
    if (url)
        set_base(w, "SUPERVISOR_SERVER_URL", url);
    for (size_t i = 0; i < c->sup.environment.n; i++)
        set_base(w, c->sup.environment.v[i].key, c->sup.environment.v[i].value);
    size_t n = w->env.own.n;
    goff *offs = arena_alloc(w->a, n * sizeof(*offs));
    names_init(&w->env_index, NULL);
    for (size_t i = 0; i < n; i++) {
        const struct name *v = &w->env.own.v[i];
        offs[i] = genbuf_str(w->b, arena_printf(w->a, "%s=%s", v->key, v->text));
        names_add(&w->env_index, (struct name){.key = v->key, .number = (int64_t)i});
    }
    names_index(&w->env_index);
    *out_n = (uint32_t)n;
    return genbuf_data(w->b, offs, n * sizeof(*offs), sizeof(*offs));
}

/* Supervisor starts a group's members in the order (priority, name); of equal names the last one
 * given stays. */
static int proc_cmp(const void *a, const void *b)
{
    const struct proc *x = *(struct proc *const *)a, *y = *(struct proc *const *)b;
    if (x->o.priority != y->o.priority)
        return x->o.priority < y->o.priority ? -1 : 1;
    return strcmp(x->name, y->name);
}

struct named {
    const struct proc *p;
    size_t order;
};

static int named_cmp(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int c = strcmp(x->p->name, y->p->name);
    return c ? c : (x->order > y->order) - (x->order < y->order);
}

/* the group's processes without those that a later one of the same name replaces */
static size_t unique_procs(struct gen_writer *w, const struct group *g, const struct proc **out)
{
    struct named *v = arena_alloc(w->a, (g->procs.n + 1) * sizeof(*v));
    size_t n = 0;
    VEC_EACH (&g->procs, i)
        v[i] = (struct named){g->procs.v[i], i};
    qsort(v, g->procs.n, sizeof(*v), named_cmp);
    VEC_EACH (&g->procs, i) {
        if (i + 1 == g->procs.n || strcmp(v[i].p->name, v[i + 1].p->name) != 0)
            out[n++] = v[i].p;
    }
    qsort(out, n, sizeof(*out), proc_cmp);
    return n;
}

static goff write_listener(struct gen_writer *w, const struct group *g)
{
    const struct str_list *l = &g->listener.events;
    struct gen_listener x = {.nevents = (uint32_t)l->n};
    goff *offs = arena_alloc(w->a, (l->n + 1) * sizeof(*offs));
    for (size_t i = 0; i < l->n; i++)
        offs[i] = genbuf_str(w->b, l->v[i]);
    x.events = genbuf_data(w->b, offs, l->n * sizeof(*offs), sizeof(*offs));
    x.buffer_size =
        (int32_t)(g->listener.buffer_size > INT32_MAX ? INT32_MAX : g->listener.buffer_size);
    x.bytes = g->listener.event_len;
    x.any_result = listener_takes_any(&g->listener);
    return genbuf_data(w->b, &x, sizeof(x), 8);
}

static struct gen_fcgi fcgi_of(struct gen_writer *w, const struct prog *prog, uint32_t group)
{
    const struct fcgi_opts *o = prog->fcgi;
    const struct user_val *u = &prog->o.user;
    struct gen_fcgi x = {.group = group, .backlog = (int32_t)o->backlog, .uid = -1, .gid = -1};
    x.section = genbuf_str(w->b, prog->section->name);
    x.socket = genbuf_str(w->b, o->url);
    x.mode = o->mode.set ? (int32_t)(o->mode.v & 0777) : 0700;
    if (o->owner.text) {
        x.uid = o->owner.uid;
        x.gid = o->owner.gid;
    } else if (u->name) {
        x.uid = u->uid;
        x.gid = u->gid;
    }
    return x;
}

static void write_fcgi(struct gen_writer *w, struct gen_supd *s)
{
    VEC(struct gen_fcgi) v = VEC_INIT;
    uint32_t group = 0;
    VEC_EACH (&w->c->groups, i) {
        const struct group *g = w->c->groups.v[i];
        VEC_EACH (&g->progs, j)
            if (!g->hidden && g->progs.v[j]->fcgi)
                VEC_PUSH(&v, fcgi_of(w, g->progs.v[j], group));
        group += !g->hidden;
    }
    s->fcgi = v.n ? genbuf_data(w->b, v.v, v.n * sizeof(*v.v), 8) : 0;
    s->nfcgi = (uint32_t)v.n;
    VEC_FINI(&v);
}

static void write_group(struct gen_writer *w, const struct group *g, group_vec *groups,
                        proc_vec *procs)
{
    struct gen_group gg = {
        .name = genbuf_str(w->b, g->name), .kind = g->kind, .first = (uint32_t)procs->n};
    gg.priority = (int32_t)(g->priority > INT32_MAX   ? INT32_MAX
                            : g->priority < INT32_MIN ? INT32_MIN
                                                      : g->priority);
    const struct proc **list = arena_alloc(w->a, (g->procs.n + 1) * sizeof(*list));
    size_t n = unique_procs(w, g, list);
    w->group = g;
    for (size_t i = 0; i < n; i++) {
        struct gen_proc one;
        gen_write_proc(w, list[i], (uint32_t)groups->n, &one);
        VEC_PUSH(procs, one);
    }
    gg.nprocs = (uint32_t)n;
    gg.section = genbuf_str(w->b, g->section->name);
    if (g->kind == GEN_EVENTLISTENER)
        gg.extra = write_listener(w, g);
    VEC_PUSH(groups, gg);
}

/* All groups; of two with one name the later in start order is left out. */
static void write_groups(struct gen_writer *w, struct gen *g)
{
    group_vec groups = VEC_INIT;
    proc_vec procs = VEC_INIT;
    VEC_EACH (&w->c->groups, i) {
        if (!w->c->groups.v[i]->hidden)
            write_group(w, w->c->groups.v[i], &groups, &procs);
    }
    g->ngroups = (uint32_t)groups.n;
    g->groups = groups.n ? genbuf_append(w->b, groups.v, groups.n * sizeof(*groups.v), 8) : 0;
    g->nprocs = (uint32_t)procs.n;
    g->procs = procs.n ? genbuf_append(w->b, procs.v, procs.n * sizeof(*procs.v), 8) : 0;
    VEC_FINI(&groups);
    VEC_FINI(&procs);
}

static int64_t shutdown_timeout(const struct conf *c)
{
    if (sect_given(&rows_supd, &c->supd, "shutdown_timeout"))
        return c->supd.shutdown_timeout;
    if (c->rq.as_supervisord)
        return -1;
    int64_t most = SHUTDOWN_LEAST;
    VEC_EACH (&c->groups, i) {
        const struct group *g = c->groups.v[i];
        VEC_EACH (&g->procs, j) {
            int64_t ns = conf_stop_ns(g->procs.v[j]);
            most = ns > most ? ns : most;
        }
    }
    return most;
}

static goff abs_path(struct gen_writer *w, const char *path)
{
    return path && *path ? genbuf_str(w->b, path_absolute(w->a, &w->c->paths, path)) : 0;
}

static void write_main_log(struct gen_writer *w, struct gen_supd *s)
{
    const struct sup_opts *o = &w->c->sup;
    if (o->logfile && strcmp(o->logfile, "syslog") == 0)
        s->logfile_syslog = genbuf_str(w->b, "syslog");
    else
        s->logfile = abs_path(w, o->logfile);
    s->logfile_maxbytes = o->logfile_maxbytes;
    s->logfile_backups = (int32_t)(o->logfile_backups > INT32_MAX ? INT32_MAX
                                   : o->logfile_backups < 0       ? 0
                                                                  : o->logfile_backups);
    s->loglevel = o->loglevel;
    s->log_json = w->c->supd.log_format;
    s->log_memory = w->c->supd.log_memory;
}

static int32_t small(int64_t n)
{
    return n < 0 ? 0 : n > INT32_MAX ? INT32_MAX : (int32_t)n;
}

static void write_supd(struct gen_writer *w, struct gen_supd *s)
{
    const struct sup_opts *o = &w->c->sup;
    const struct supd_opts *d = &w->c->supd;
    write_main_log(w, s);
    s->pidfile = abs_path(w, o->pidfile);
    s->identifier = genbuf_str(w->b, o->identifier);
    s->childlogdir = abs_path(w, o->childlogdir);
    s->directory = abs_path(w, o->directory);
    s->ready_file = abs_path(w, d->ready_file);
    s->socket = genbuf_str(w->b, d->socket);
    s->socket_group = genbuf_str(w->b, d->socket_group.text);
    s->socket_gid = d->socket_group.text ? d->socket_group.gid : -1;
    s->libexec = abs_path(w, d->libexec);
    s->uid = o->user.name ? o->user.uid : -1;
    s->gid = o->user.name ? o->user.gid : -1;
    s->user = genbuf_str(w->b, o->user.name);
    s->user_groups = genbuf_data(w->b, o->user.groups, o->user.ngroups * sizeof(uint32_t), 4);
    s->nuser_groups = o->user.ngroups;
    s->umask = (int32_t)(o->umask.v & 0777);
    s->minfds = small(o->minfds);
    s->minprocs = small(o->minprocs);
    s->nodaemon = o->nodaemon;
    s->silent = o->silent;
    s->nocleanup = o->nocleanup;
    s->shutdown_timeout_ns = shutdown_timeout(w->c);
    s->exit_on = w->c->supd.exit_on;
    s->has_server = w->c->servers.n > 0;
}

static void write_restarters(struct gen_writer *w, struct gen_supd *s)
{
    VEC(struct gen_restarter) v = VEC_INIT;
    VEC_EACH (&w->c->items, i) {
        const struct item *it = w->c->items.v[i];
        const char *program = it->family->restarts ? it->family->restarts(it) : NULL;
        if (program)
            VEC_PUSH(&v,
                     (struct gen_restarter){genbuf_str(w->b, program), genbuf_str(w->b, it->name)});
    }
    s->restarters = genbuf_data(w->b, v.v, v.n * sizeof(*v.v), sizeof(goff));
    s->nrestarters = (uint32_t)v.n;
    VEC_FINI(&v);
}

static void write_servers(struct gen_writer *w, struct gen_supd *s)
{
    size_t n = w->c->servers.n;
    struct gen_server *v = arena_alloc(w->a, (n + 1) * sizeof(*v));
    for (size_t i = 0; i < n; i++) {
        const struct server *sv = w->c->servers.v[i];
        const struct server_opts *o = &sv->o;
        v[i] = (struct gen_server){.uid = o->chown.text ? o->chown.uid : -1,
                                   .gid = o->chown.text ? o->chown.gid : -1,
                                   .mode = o->chmod.set ? (int32_t)(o->chmod.v & 0777) : 0700,
                                   .auth = o->username && *o->username};
        v[i].url = genbuf_str(w->b, conf_server_url_of(w->c, sv));
        v[i].section = genbuf_str(w->b, sv->section->name);
    }
    s->servers = genbuf_data(w->b, v, n * sizeof(*v), 8);
    s->nservers = (uint32_t)n;
}

static void put_file(struct str *out, const char *path)
{
    if (path && *path == '/')
        str_put(out, path, strlen(path) + 1);
}

/* What is not given are the system's files, which all may read. */
static void put_files(const struct opt_table *t, const void *obj, struct str *out)
{
    const struct opt_set *set = obj;
    for (size_t i = 0; i < t->n; i++) {
        const void *field = (const char *)obj + t->rows[i].offset;
        if (!(t->rows[i].flags & OPT_FILE) || !(set->given >> i & 1))
            continue;
        if (t->rows[i].type != OPT_LIST) {
            put_file(out, *(const char *const *)field);
            continue;
        }
        const struct str_list *l = field;
        for (size_t j = 0; j < l->n; j++)
            put_file(out, l->v[j]);
    }
}

static void write_agent_files(struct gen_writer *w, struct gen_supd *s)
{
    struct str list = STR_INIT;
    VEC_EACH (&w->c->items, i)
        put_files(w->c->items.v[i]->kind->rows, w->c->items.v[i]->own, &list);
    s->agent_files = genbuf_data(w->b, str_text(&list), list.len, 1);
    s->agent_files_len = (uint32_t)list.len;
    str_fini(&list);
}

static void write_agent(struct gen_writer *w, struct gen_supd *s)
{
    const struct agent_opts *o = &w->c->agent;
    size_t n = o->user.ngroups + o->groups.n;
    uint32_t *gids = arena_alloc(w->a, (n + 1) * sizeof(*gids));
    struct str text = STR_INIT;
    agentgen_write(w->c, &text);
    s->agent_text = genbuf_data(w->b, str_text(&text), text.len, 1);
    s->agent_text_len = (uint32_t)text.len;
    str_fini(&text);
    write_agent_files(w, s);
    s->needs_agent = conf_needs_agent(w->c);
    s->agent_uid = o->user.name ? o->user.uid : -1;
    s->agent_gid = o->user.name ? o->user.gid : -1;
    s->agent_user = genbuf_str(w->b, o->user.name);
    if (o->user.ngroups)
        memcpy(gids, o->user.groups, o->user.ngroups * sizeof(*gids));
    if (o->groups.n)
        memcpy(gids + o->user.ngroups, o->gids, o->groups.n * sizeof(*gids));
    s->agent_groups = genbuf_data(w->b, gids, n * sizeof(*gids), 4);
    s->nagent_groups = (uint32_t)n;
    s->agent_state_dir = abs_path(w, o->state_dir);
    s->agent_host = genbuf_str(w->b, o->listen.text ? o->listen.host : NULL);
    s->agent_port = o->listen.text ? o->listen.port : 0;
}

static void write_warnings(struct gen_writer *w, struct gen *g)
{
    VEC(goff) v = VEC_INIT;
    VEC_EACH (&w->c->m.list[MSG_WARNING], i)
        VEC_PUSH(&v, genbuf_str(w->b, arena_printf(w->a, "warn\t%s",
                                                   w->c->m.list[MSG_WARNING].v[i].text)));
    VEC_EACH (&w->c->m.list[MSG_INFO], i)
        VEC_PUSH(
            &v, genbuf_str(w->b, arena_printf(w->a, "info\t%s", w->c->m.list[MSG_INFO].v[i].text)));
    g->warnings = genbuf_data(w->b, v.v, v.n * sizeof(*v.v), sizeof(goff));
    g->nwarnings = (uint32_t)v.n;
    VEC_FINI(&v);
}

static void build(struct gen_writer *w)
{
    struct gen g = {.magic = GEN_MAGIC, .version = GEN_VERSION};
    g.env = write_base_env(w, &g.nenv);
    g.path = genbuf_str(w->b, w->c->path);
    write_groups(w, &g);
    write_supd(w, &g.supd);
    write_agent(w, &g.supd);
    write_restarters(w, &g.supd);
    write_servers(w, &g.supd);
    write_fcgi(w, &g.supd);
    write_warnings(w, &g);
    g.size = (uint32_t)genbuf_size(w->b);
    memcpy(genbuf_base(w->b), &g, sizeof(g));
    uint32_t crc = crc32_of(genbuf_base(w->b), g.size);
    memcpy(genbuf_base(w->b) + offsetof(struct gen, crc), &crc, sizeof(crc));
}

static int put_out(struct gen_writer *w, int fd, struct err *e)
{
    if (genbuf_overflow(w->b))
        return err_set(e, "the configuration is too large: %zu bytes", genbuf_size(w->b));
    if (fd_write_all(fd, genbuf_base(w->b), genbuf_size(w->b)) < 0)
        return err_errno(e, errno, "cannot write the checked configuration to memory");
    /* a file in /dev/shm or /tmp cannot be sealed; the reader checks the CRC either way */
    (void)fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
    return 0;
}

int conf_write_gen(const struct conf *c, int fd, struct err *e)
{
    if (conf_nerrors(c))
        return err_set(e, "%s", conf_error(c, 0));
    struct gen_writer w = {.c = c, .a = arena_new(), .b = genbuf_new(sizeof(struct gen))};
    build(&w);
    int r = put_out(&w, fd, e);
    names_fini(&w.env);
    names_fini(&w.env_index);
    str_fini(&w.scratch);
    genbuf_free(&w.b);
    arena_free(&w.a);
    return r;
}
