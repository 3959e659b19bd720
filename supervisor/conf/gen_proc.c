/* One process into the generation: command and PATH candidates, environment, stop steps, logs. */
#include "supervisor/conf/gen_write.h"
#include "supervisor/base/str.h"
#include "supervisor/conf/pytext.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define DEFAULT_PATH "/bin:/usr/bin:/usr/local/bin"

static int32_t clamp32(int64_t n)
{
    return n > INT32_MAX ? INT32_MAX : n < INT32_MIN ? INT32_MIN : (int32_t)n;
}

/* seconds to nanoseconds, within what deadlines can hold; negative is 0 */
static int64_t secs_ns(int64_t s)
{
    const int64_t most = INT64_C(3153600000); /* a hundred years */
    return (s < 0 ? 0 : s > most ? most : s) * INT64_C(1000000000);
}

static goff str_array(struct gen_writer *w, const char *const *v, size_t n)
{
    goff few[64], *offs = n > 64 ? arena_alloc(w->a, n * sizeof(*offs)) : few;
    for (size_t i = 0; i < n; i++)
        offs[i] = genbuf_str(w->b, v[i]);
    return genbuf_data(w->b, offs, n * sizeof(*offs), sizeof(*offs));
}

static const char *path_of(const struct gen_writer *w, const struct proc *p)
{
    for (size_t i = 0; i < p->env_all.n; i++) {
        if (strcmp(p->env_all.v[i].key, "PATH") == 0)
            return p->env_all.v[i].value;
    }
    const struct name *n = names_find(&w->env, "PATH", 4);
    return n ? n->text : DEFAULT_PATH;
}

/* the files to try for a command without a slash, in the order of PATH */
static goff write_candidates(struct gen_writer *w, const char *path, const char *argv0,
                             uint32_t *out_n)
{
    VEC(const char *) v = VEC_INIT;
    if (strchr(argv0, '/')) {
        VEC_PUSH(&v, argv0);
        path = NULL;
    }
    while (path) {
        const char *end = strchrnul(path, ':');
        size_t n = (size_t)(end - path);
        const char *slash = n && end[-1] != '/' ? "/" : "";
        VEC_PUSH(&v, arena_printf(w->a, "%.*s%s%s", (int)n, path, slash, argv0));
        path = *end ? end + 1 : NULL;
    }
    goff at = str_array(w, v.v, v.n);
    *out_n = (uint32_t)v.n;
    VEC_FINI(&v);
    return at;
}

/* whether a command is nothing but its words, a blank between each two */
static bool is_words(const char *command, const char *const *argv, size_t argc)
{
    for (size_t i = 0; i < argc; i++) {
        size_t n = strlen(argv[i]);
        if (strncmp(command, argv[i], n) != 0 || command[n] != (i + 1 < argc ? ' ' : '\0'))
            return false;
        command += n + 1;
    }
    return argc > 0;
}

/* As Supervisor quotes it, for its clients. */
static const char *unparsable(struct arena *a, const char *command, const char *why)
{
    struct str quoted = STR_INIT;
    py_repr(&quoted, command, false);
    const char *text = arena_printf(a, "can't parse command %s: %s", str_text(&quoted), why);
    str_fini(&quoted);
    return text;
}

static void write_command(struct gen_writer *w, const struct proc *p, struct gen_proc *g)
{
    const char **argv, *path = path_of(w, p);
    size_t argc;
    struct err e;
    if (w->last_command == p->o.command && w->last_path == path) {
        const struct gen_proc *l = &w->last; /* the process before: numprocs share it all */
        g->command = l->command;
        g->argv = l->argv;
        g->argc = l->argc;
        g->argv_error = l->argv_error;
        g->candidates = l->candidates;
        g->ncandidates = l->ncandidates;
        return;
    }
    w->last_command = p->o.command;
    w->last_path = path;
    if (words_split(w->a, p->o.command, &argv, &argc, &e) < 0)
        g->argv_error = genbuf_str(w->b, unparsable(w->a, p->o.command, e.msg));
    else if (!argc)
        g->argv_error = genbuf_str(w->b, "command is empty");
    if (g->argv_error || !is_words(p->o.command, argv, argc))
        g->command = genbuf_str(w->b, p->o.command);
    if (g->argv_error)
        return;
    g->argv = str_array(w, argv, argc);
    g->argc = (uint32_t)argc;
    g->candidates = write_candidates(w, path, argv[0], &g->ncandidates);
}

/* FNV-1a over 64 bits: to see that something changed, not against someone who wants to hide it */
struct digest {
    uint64_t v;
};
#define DIGEST_INIT                                                                                \
    {                                                                                              \
        UINT64_C(0xcbf29ce484222325)                                                               \
    }

static void digest_add(struct digest *d, const void *p, size_t n)
{
    const unsigned char *c = p;
    for (size_t i = 0; i < n; i++)
        d->v = (d->v ^ c[i]) * UINT64_C(0x100000001b3);
}

typedef VEC(struct gen_env) env_vec;

static const char *env_text(const struct gen_writer *w, const struct gen_env *e)
{
    return e->text < GEN_ENV_OWN ? gen_env_key(e->text) : genbuf_base(w->b) + e->text;
}

static void add_own_env(struct gen_writer *w, env_vec *v, uint32_t own)
{
    const char *key = gen_env_key(own);
    const struct name *base = names_find(&w->env_index, key, strlen(key) - 1);
    VEC_PUSH(v, ((struct gen_env){own, base ? (int32_t)base->number : -1}));
}

/* adds "key=value" over the base environment and over an earlier one of the same key */
static void add_env(struct gen_writer *w, env_vec *v, const char *key, const char *value)
{
    size_t n = strlen(key), m = strlen(value);
    char few[512], *text = n + m + 2 <= sizeof(few) ? few : arena_alloc(w->a, n + m + 2);
    memcpy(text, key, n);
    text[n] = '=';
    memcpy(text + n + 1, value, m + 1);
    const struct name *base = names_find(&w->env_index, key, n);
    struct gen_env e = {genbuf_str(w->b, text), base ? (int32_t)base->number : -1};
    VEC_EACH (v, i) {
        if (strncmp(env_text(w, &v->v[i]), text, n + 1) == 0) {
            v->v[i] = e;
            return;
        }
    }
    VEC_PUSH(v, e);
}

static void write_env(struct gen_writer *w, const struct proc *p, struct gen_proc *g)
{
    env_vec v = VEC_INIT;
    if (p->o.serverurl)
        add_env(w, &v, "SUPERVISOR_SERVER_URL", p->o.serverurl);
    add_own_env(w, &v, GEN_ENV_PROCESS_NAME);
    add_own_env(w, &v, GEN_ENV_GROUP_NAME);
    for (size_t i = 0; i < p->env_all.n; i++)
        add_env(w, &v, p->env_all.v[i].key, p->env_all.v[i].value);
    g->env = genbuf_data(w->b, v.v, v.n * sizeof(*v.v), sizeof(goff));
    g->nenv = (uint32_t)v.n;
    VEC_FINI(&v);
}

static void write_stops(struct gen_writer *w, const struct proc_opts *o, struct gen_opts *g)
{
    struct gen_stop one = {.sig = o->stopsignal, .wait_ns = secs_ns(o->stopwaitsecs)};
    const struct gen_stop *v = o->stopsignals.n ? o->stopsignals.v : &one;
    size_t n = o->stopsignals.n ? o->stopsignals.n : 1;
    g->stops = genbuf_data(w->b, v, n * sizeof(*v), sizeof(int64_t));
    g->nstops = (uint32_t)n;
    g->stopwait_ns = v[n - 1].wait_ns;
}

static struct gen_path write_path(struct gen_writer *w, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = arena_printf(w->a, "%.*s", (int)(name - path), path);
    return (struct gen_path){.folder = genbuf_str(w->b, folder), .name = genbuf_str(w->b, name)};
}

static void write_log(struct gen_writer *w, const struct proc_opts *o, int i, struct gen_log *g,
                      struct gen_path *out_path)
{
    const struct log_opts *l = &o->log[i];
    bool protocol = i == 0 && w->group->kind == GEN_EVENTLISTENER; /* no output of its own */
    g->sink = l->file.sink;
    if (g->sink == GEN_SINK_FILE && !*l->file.path) {
        g->sink = GEN_SINK_NONE;
        out_path->name = genbuf_str(w->b, ""); /* Supervisor tells it from NONE */
    }
    if (g->sink == GEN_SINK_FILE)
        *out_path = write_path(w, path_absolute(w->a, &w->c->paths, l->file.path));
    g->syslog = l->syslog;
    g->events = l->events && !protocol;
    g->gzip = l->gzip;
    g->prefix = o->log_prefix;
    g->format = o->log_format;
    g->overflow = o->log_overflow;
    g->strip_ansi = w->c->sup.strip_ansi;
    g->backups = clamp32(l->backups);
    g->maxbytes = l->maxbytes;
    g->capture = protocol ? 0 : l->capture;
}

static void write_user(struct gen_writer *w, const struct proc_opts *o, struct gen_opts *g)
{
    g->uid = g->gid = -1;
    if (!o->user.name)
        return;
    g->user = genbuf_str(w->b, o->user.name);
    g->uid = o->user.uid;
    g->gid = o->user.gid;
    g->groups =
        genbuf_data(w->b, o->user.groups, o->user.ngroups * sizeof(uint32_t), sizeof(uint32_t));
    g->ngroups = o->user.ngroups;
}

/* what a dead leader leaves: the program says, else [supd], else the name we run as */
static uint8_t orphans_of(const struct gen_writer *w, const struct proc_opts *o)
{
    if (sect_given(&rows_program, o, "orphans"))
        return o->orphans;
    if (sect_given(&rows_supd, &w->c->supd, "orphans"))
        return w->c->supd.orphans;
    bool kill = !w->c->rq.as_supervisord || o->stopasgroup || o->killasgroup;
    return kill ? GEN_ORPHANS_KILL : GEN_ORPHANS_KEEP;
}

static void write_exit_map(struct gen_writer *w, const struct proc_opts *o, struct gen_opts *g)
{
    const struct exit_code_val *v = &o->exit_code;
    g->exit_map = v->n ? genbuf_data(w->b, v->v, v->n * sizeof(*v->v), sizeof(int16_t)) : 0;
    g->nexit_map = (uint32_t)v->n;
}

static bool ignores_sigpipe(const struct gen_writer *w, const struct proc_opts *o)
{
    if (sect_given(&rows_program, o, "sigpipe"))
        return o->sigpipe;
    if (sect_given(&rows_supd, &w->c->supd, "sigpipe"))
        return w->c->supd.sigpipe;
    return w->c->rq.as_supervisord;
}

static void put_limits(const struct limit_opts *l, struct attrs *a)
{
    for (unsigned i = 0; i < ATTRS_LIMITS; i++) {
        const struct rlimit_val *v = &l->limit[i];
        /* the kernel's units of the two times */
        uint64_t unit = i == RLIMIT_CPU ? 1000000000 : i == RLIMIT_RTTIME ? 1000 : 1;
        a->set |= v->text ? ATTR_BIT(i) : 0;
        a->optional |= v->optional ? ATTR_BIT(i) : 0;
        a->limit[i][0] = v->soft == UINT64_MAX ? v->soft : (v->soft + unit - 1) / unit;
        a->limit[i][1] = v->hard == UINT64_MAX ? v->hard : (v->hard + unit - 1) / unit;
    }
}

static void ask(struct attrs *a, enum attr attr, bool set, bool optional)
{
    a->set |= set ? ATTR_BIT(attr) : 0;
    a->optional |= set && optional ? ATTR_BIT(attr) : 0;
}

static bool names(const struct str_list *l, const char *path)
{
    for (size_t i = 0; i < l->n; i++) {
        if (strcmp(l->v[i] + (*l->v[i] == '-'), path) == 0)
            return true;
    }
    return false;
}

static void put_path(struct gen_writer *w, const char *path)
{
    str_put(&w->scratch, path, strlen(path) + 1);
}

/* One behind the other, the last one empty. */
static goff end_paths(struct gen_writer *w)
{
    if (!w->scratch.len)
        return 0;
    str_putc(&w->scratch, '\0');
    return genbuf_data(w->b, w->scratch.s, w->scratch.len, 1);
}

/* Of / everything, but what the kernel shows as files: programs do not work without. */
static void write_paths(struct gen_writer *w, const struct limit_opts *l, struct attrs *a)
{
    static const char *const kernel[] = {"/dev", "/proc", "/sys"};
    const struct str_list *closed = &l->read_only.l, *open = &l->read_write.l;
    str_clear(&w->scratch);
    for (size_t i = 0; i < closed->n; i++)
        put_path(w, closed->v[i]);
    a->read_only = end_paths(w);
    str_clear(&w->scratch);
    for (size_t i = 0; i < open->n; i++)
        put_path(w, open->v[i]);
    for (size_t i = 0; names(closed, "/") && i < sizeof(kernel) / sizeof(kernel[0]); i++) {
        if (!names(closed, kernel[i]) && !names(open, kernel[i]))
            put_path(w, arena_printf(w->a, "-%s", kernel[i]));
    }
    a->read_write = end_paths(w);
}

static void write_attrs(struct gen_writer *w, const struct prog *prog, struct gen_opts *g)
{
    const struct limit_opts *l = prog->limits;
    const struct seccomp_filter *f = &prog->filter;
    struct attrs a = {.nice = l->nice.n,
                      .ionice = l->ionice.n,
                      .oom_score_adj = l->oom_score_adj.n,
                      .caps = l->caps.v,
                      .ambient = l->ambient.v,
                      .memory_high = (uint64_t)l->memory_high.n,
                      .memory_max = (uint64_t)l->memory_max.n};
    memcpy(a.cpus, l->cpus.v, sizeof(a.cpus));
    put_limits(l, &a);
    ask(&a, ATTR_NICE, l->nice.set, l->nice.optional);
    ask(&a, ATTR_IONICE, l->ionice.text, l->ionice.optional);
    ask(&a, ATTR_OOM, l->oom_score_adj.set, l->oom_score_adj.optional);
    ask(&a, ATTR_CPUS, l->cpus.text, l->cpus.optional);
    ask(&a, ATTR_CAPS, l->caps.text, l->caps.optional);
    ask(&a, ATTR_AMBIENT, l->ambient.text && l->ambient.v, l->ambient.optional);
    ask(&a, ATTR_NO_NEW_PRIVILEGES, l->no_new_privileges, false);
    ask(&a, ATTR_DIE_WITH_SUPD, l->die_with_supd, false);
    ask(&a, ATTR_MEMORY_HIGH, l->memory_high.text, l->memory_high.optional);
    ask(&a, ATTR_MEMORY_MAX, l->memory_max.text, l->memory_max.optional);
    ask(&a, ATTR_READ_ONLY, l->read_only.text, l->read_only.optional);
    ask(&a, ATTR_PRIVATE_TMP, l->private_tmp.on, l->private_tmp.optional);
    ask(&a, ATTR_SECCOMP, f->n, l->seccomp.optional);
    a.filter = genbuf_data(w->b, f->code, f->n * GEN_FILTER_STEP, sizeof(uint64_t));
    a.nfilter = (uint32_t)f->n;
    if (l->read_only.text)
        write_paths(w, l, &a);
    if (a.set)
        g->attrs = genbuf_data(w->b, &a, sizeof(a), sizeof(uint64_t));
}

/* Its words, which check_ready has looked at. */
static void write_ready_command(struct gen_writer *w, const struct prog *prog, struct gen_order *x)
{
    const char **argv;
    size_t argc = 0;
    struct err e;
    if (prog->order->ready.kind != READY_COMMAND || !prog->procs.n ||
        words_split(w->a, prog->order->ready.arg, &argv, &argc, &e) < 0 || !argc)
        return;
    x->argv = str_array(w, argv, argc);
    x->argc = (uint32_t)argc;
    x->candidates = write_candidates(w, path_of(w, prog->procs.v[0]), argv[0], &x->ncandidates);
}

/* The commands beside it, whose words load_hooks has checked. */
static void write_commands(struct gen_writer *w, const struct proc *p, struct gen_opts *g)
{
    const struct hook_opts *h = p->hooks;
    struct gen_commands c = {.stop_ns = h->stop_ns,
                             .reload_ns = h->reload_ns,
                             .hook_ns = h->hook_ns,
                             .reload_signal = h->reload_signal};
    for (unsigned i = 0; i < GEN_NCOMMANDS; i++) {
        struct gen_command *to = &c.command[i];
        const char **argv;
        size_t argc = 0;
        if (!h->command[i] || words_split(w->a, h->command[i], &argv, &argc, NULL) < 0 || !argc)
            continue;
        to->argv = str_array(w, argv, argc);
        to->argc = (uint32_t)argc;
        to->candidates = write_candidates(w, path_of(w, p), argv[0], &to->ncandidates);
    }
    g->commands = genbuf_data(w->b, &c, sizeof(c), sizeof(int64_t));
}

static void write_order(struct gen_writer *w, const struct prog *prog, struct gen_opts *g)
{
    const struct order_opts *o = prog->order;
    struct gen_order x = {.type = o->type,
                          .ready = o->ready.kind,
                          .ready_number = o->ready.number,
                          .ready_arg = genbuf_str(w->b, o->ready.arg),
                          .ndeps = (uint32_t)prog->deps.n,
                          .ready_timeout_ns = o->ready_timeout,
                          .watchdog_ns = o->watchdog,
                          .notify_main = o->notify_access};
    struct gen_dep *v = arena_alloc(w->a, (prog->deps.n + 1) * sizeof(*v));
    VEC_EACH (&prog->deps, i) {
        const struct dep *d = &prog->deps.v[i];
        bool alone = d->group->progs.n == 1;
        v[i] = (struct gen_dep){.name = genbuf_str(w->b, d->name),
                                .group = genbuf_str(w->b, d->group->name),
                                .when = d->when,
                                .hard = d->hard};
        if (d->prog && !alone)
            v[i].section = genbuf_str(w->b, d->prog->section->name);
    }
    write_ready_command(w, prog, &x);
    x.deps = genbuf_data(w->b, v, prog->deps.n * sizeof(*v), sizeof(goff));
    g->order = genbuf_data(w->b, &x, sizeof(x), sizeof(int64_t));
}

/* A oneshot is not tried again unless it says so. */
static int32_t retries(const struct proc_opts *o, const struct prog *prog)
{
    bool oneshot = prog->order && prog->order->type == PROG_ONESHOT;
    if (oneshot && !sect_given(&rows_program, o, "startretries"))
        return 0;
    return clamp32(o->startretries);
}

static void write_policy(const struct gen_writer *w, const struct proc_opts *o, struct gen_opts *g)
{
    g->startsecs_ns = secs_ns(o->startsecs);
    g->autostart = o->autostart;
    g->autorestart = o->autorestart;
    g->stopasgroup = o->stopasgroup;
    g->killasgroup = o->killasgroup;
    g->redirect_stderr = o->redirect_stderr;
    g->orphans = orphans_of(w, o);
    g->sigpipe_ignore = ignores_sigpipe(w, o);
    g->stdin_null = o->stdin_mode;
    g->on_fatal = o->on_fatal.action;
    g->fatal_retry_ns = o->on_fatal.retry_ns;
    g->critical = o->critical;
    g->backoff_ns = o->backoff;
    g->backoff_factor_milli = o->backoff_factor;
    g->backoff_jitter_milli = o->backoff_jitter;
    g->backoff_max_ns = o->backoff_max;
    g->backoff_reset_ns = o->backoff_reset;
    g->retry_window_ns = o->retry_window;
    for (size_t i = 0; i < o->exitcodes.n; i++)
        g->exitcodes[o->exitcodes.v[i] / 32] |= UINT32_C(1) << (o->exitcodes.v[i] % 32);
}

static void digest_env(struct digest *d, const struct env_list *l)
{
    for (size_t i = 0; i < l->n; i++) {
        digest_add(d, l->v[i].key, strlen(l->v[i].key) + 1);
        digest_add(d, l->v[i].value, strlen(l->v[i].value) + 1);
    }
}

static void digest_row(struct gen_writer *w, struct digest *d, const struct opt *o, const void *obj)
{
    size_t flat = opt_flat(o);
    if (flat) {
        digest_add(d, (const char *)obj + o->offset, flat);
        return;
    }
    str_clear(&w->scratch);
    str_putc(&w->scratch, opt_print(o, obj, &w->scratch) ? '+' : '-');
    digest_add(d, w->scratch.s, w->scratch.len + 1);
}

static void digest_rows(struct gen_writer *w, struct digest *d, const struct opt_table *t,
                        const void *obj)
{
    for (size_t i = 0; i < t->n; i++)
        digest_row(w, d, &t->rows[i], obj);
}

/* What a listener or a FastCGI program has beside a program. */
static void digest_extra(struct gen_writer *w, struct digest *d, const struct prog *prog)
{
    if (w->group->kind == GEN_EVENTLISTENER)
        digest_rows(w, d, &rows_listener, &w->group->listener);
    if (prog->fcgi)
        digest_rows(w, d, &rows_fcgi, prog->fcgi);
}

static void digest_paths(struct gen_writer *w, struct digest *d, goff paths)
{
    const char *first = genbuf_base(w->b) + paths, *p = first;
    while (paths && *p)
        p += strlen(p) + 1;
    digest_add(d, first, (size_t)(p - first));
}

/* Of what the kernel is told about it. What it may use of memory is looked at from outside. */
static void digest_attrs(struct gen_writer *w, const struct gen_opts *o, struct digest *hot,
                         struct digest *restart)
{
    const uint32_t outside = ATTR_BIT(ATTR_MEMORY_HIGH) | ATTR_BIT(ATTR_MEMORY_MAX);
    struct attrs a;
    if (!o->attrs)
        return;
    memcpy(&a, genbuf_base(w->b) + o->attrs, sizeof(a));
    if (a.set & outside)
        digest_add(hot, &a.memory_high, 2 * sizeof(a.memory_high));
    a.set &= ~outside;
    a.optional &= ~outside;
    if (a.set)
        digest_add(restart, &a, offsetof(struct attrs, memory_high));
    if (a.set & ATTR_BIT(ATTR_READ_ONLY)) {
        digest_paths(w, restart, a.read_only);
        digest_paths(w, restart, a.read_write);
    }
    if (a.set & ATTR_BIT(ATTR_SECCOMP))
        digest_add(restart, genbuf_base(w->b) + a.filter, a.nfilter * GEN_FILTER_STEP);
}

/* What the rows say, in the class of each; beside them what is not in a row of the section: the
 * merged environment, the user as passwd has it, and defaults that come from elsewhere. */
static void write_digests(struct gen_writer *w, const struct proc *p, const struct gen_opts *o,
                          struct gen_proc *g)
{
    static const struct order_opts no_order;
    struct digest hot[1] = {DIGEST_INIT}, restart[1] = {DIGEST_INIT};
    for (size_t i = 0; i < rows_program.n; i++) {
        const struct opt *row = &rows_program.rows[i];
        if (row->type != OPT_ENVIRONMENT)
            digest_row(w, row->apply == GEN_RESTART ? restart : hot, row, &p->o);
    }
    for (size_t i = 0; p->hooks && i < rows_hooks.n; i++)
        digest_row(w, hot, &rows_hooks.rows[i], p->hooks);
    for (size_t i = 0; i < rows_order.n; i++)
        digest_row(w, rows_order.rows[i].apply == GEN_RESTART ? restart : hot, &rows_order.rows[i],
                   p->prog->order ? p->prog->order : &no_order);
    digest_extra(w, restart, p->prog);
    digest_add(restart, &o->env_clear, sizeof(o->env_clear));
    digest_attrs(w, o, hot, restart);
    digest_env(restart, &p->env_all);
    int64_t ids[2] = {o->uid, o->gid};
    digest_add(restart, ids, sizeof(ids));
    digest_add(restart, p->o.user.groups, p->o.user.ngroups * sizeof(uint32_t));
    digest_add(restart, &o->sigpipe_ignore, sizeof(o->sigpipe_ignore));
    digest_add(hot, &o->orphans, sizeof(o->orphans));
    digest_add(hot, &o->log[0].strip_ansi, sizeof(o->log[0].strip_ansi));
    g->hot_digest = hot->v;
    g->restart_digest = restart->v;
}

/* what other processes may have in common with this one: stored once for all of them */
static void write_opts(struct gen_writer *w, const struct proc *from, struct gen_opts *g,
                       struct gen_proc *p)
{
    const struct proc_opts *o = &from->o;
    const struct limit_opts *limits = from->prog->limits;
    const struct prog *prog = from->prog;
    memset(g, 0, sizeof(*g)); /* equal records have equal bytes */
    if (o->directory && *o->directory)
        g->directory = genbuf_str(w->b, o->directory);
    g->umask = o->umask.set ? (int32_t)(o->umask.v & 0777) : -1;
    write_user(w, o, g);
    write_policy(w, o, g);
    g->startretries = retries(o, prog);
    write_stops(w, o, g);
    write_exit_map(w, o, g);
    if (limits)
        write_attrs(w, prog, g);
    if (from->hooks)
        write_commands(w, from, g);
    g->env_clear = limits && limits->env_clear;
    if (prog->order)
        write_order(w, prog, g);
    for (int i = 0; i < 2; i++)
        write_log(w, o, i, &g->log[i], &p->log_path[i]);
    p->opts = genbuf_data(w->b, g, sizeof(*g), sizeof(int64_t));
}

void gen_write_proc(struct gen_writer *w, const struct proc *p, uint32_t group,
                    struct gen_proc *out)
{
    struct gen_proc g = {.group = group, .numproc = clamp32(p->num)};
    struct gen_opts opts;
    g.name = genbuf_str(w->b, p->name);
    g.section = genbuf_str(w->b, p->prog->section->name);
    g.file = genbuf_str(w->b, p->prog->section->at.file);
    g.line = p->prog->section->at.line;
    g.priority = clamp32(p->o.priority);
    write_command(w, p, &g);
    write_env(w, p, &g);
    write_opts(w, p, &opts, &g);
    write_digests(w, p, &opts, &g);
    w->last = g;
    *out = g;
}
