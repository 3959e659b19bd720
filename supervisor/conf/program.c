/* Program-like sections: one section becomes numprocs processes. */
#include "supervisor/conf/gen.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"
#include "supervisor/core/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than this in one section is a slip of the finger; it would only eat memory. */
#define NUMPROCS_MAX 100000

struct reading {
    struct conf *c;
    struct prog *prog;
    struct sect x;
    struct names names;    /* what any key may use */
    struct names per_proc; /* + process_num, numprocs and the program's environment= */
    bool ok;
};

static size_t row_of(const char *name)
{
    return sect_index(&rows_program, name);
}

static struct pos at_key(const struct reading *r, const char *name)
{
    return sect_pos(&r->x, row_of(name));
}

static bool given(const struct reading *r, const char *name)
{
    return sect_given(&rows_program, &r->prog->o, name);
}

static void common_names(struct reading *r)
{
    struct conf *c = r->c;
    names_init(&r->names, &c->env);
    names_add(&r->names, (struct name){.key = "here", .text = c->dir});
    names_add(&r->names, (struct name){.key = "program_name", .text = r->prog->name});
    names_add(&r->names, (struct name){.key = "host_node_name", .text = c->node});
    names_add(&r->names,
              (struct name){.key = "group_name", .text = r->prog->group_name, .keep = true});
    names_init(&r->per_proc, &c->env);
    VEC_EACH (&r->names.own, i)
        names_add(&r->per_proc, r->names.own.v[i]);
}

static void check_numprocs(struct reading *r, const char *process_name)
{
    struct proc_opts *o = &r->prog->o;
    if (msgs_error_at(&r->c->m, at_key(r, "numprocs")))
        return;
    if (o->numprocs > 1 && !strstr(process_name, "%(process_num)")) {
        conf_fail(r->c, at_key(r, "process_name"),
                  "%s: %%(process_num) must be present within process_name when numprocs > 1 "
                  "(add process_name=%%(program_name)s_%%(process_num)02d)",
                  r->prog->section->name);
        r->ok = false;
    }
    if (o->numprocs > NUMPROCS_MAX) {
        conf_fail(r->c, at_key(r, "numprocs"), "%s.numprocs: %" PRId64 " is more than %d",
                  r->prog->section->name, o->numprocs, NUMPROCS_MAX);
        r->ok = false;
    }
}

static void check_window(struct reading *r)
{
    const struct proc_opts *o = &r->prog->o;
    if (o->retry_window <= 0 || (o->startretries >= 0 && o->startretries <= PROC_WINDOW_RETRIES))
        return;
    conf_fail(r->c, at_key(r, "startretries"),
              "%s.startretries: %" PRId64 " is not between 0 and %d, the most that retry_window "
              "can watch",
              r->prog->section->name, o->startretries, PROC_WINDOW_RETRIES);
}

static void check_stop(struct reading *r)
{
    struct proc_opts *o = &r->prog->o;
    if (!given(r, "killasgroup"))
        o->killasgroup = o->stopasgroup;
    if (o->stopasgroup && !o->killasgroup)
        conf_fail(r->c, at_key(r, "killasgroup"),
                  "%s: Cannot set stopasgroup=true and killasgroup=false", r->prog->section->name);
    if (given(r, "stopsignals") && (given(r, "stopsignal") || given(r, "stopwaitsecs")))
        conf_warn(r->c, at_key(r, "stopsignals"),
                  "%s.stopsignals: stopsignal and stopwaitsecs beside it have no effect",
                  r->prog->section->name);
}

static void check_shared(struct reading *r)
{
    struct proc_opts *o = &r->prog->o;
    const char *url = o->serverurl;
    if (url) {
        const char *b = url, *e = url + strlen(url);
        py_strip(&b, &e);
        if (e - b == 4 && strncasecmp(b, "auto", 4) == 0)
            o->serverurl = NULL;
    }
    check_stop(r);
    check_window(r);
    if (o->backoff_max && o->backoff_max < o->backoff)
        conf_fail(r->c, at_key(r, "backoff_max"), "%s.backoff_max: is shorter than backoff",
                  r->prog->section->name);
}

/* The options that all processes of the section share. */
static void read_shared(struct reading *r)
{
    struct proc_opts *o = &r->prog->o;
    struct err e;
    const struct ini_key *k = r->x.keys[row_of("process_name")];
    size_t before = r->c->m.list[MSG_ERROR].n;
    sect_convert(&r->x, o, &r->names, OPT_PER_PROC, 0);
    o->process_name = k ? k->value : "%(program_name)s";
    r->ok = r->c->m.list[MSG_ERROR].n == before;
    if (val_name(r->c->a, o->process_name, &o->process_name, &e) < 0) {
        conf_fail(r->c, at_key(r, "process_name"), "%s.process_name: %s", r->prog->section->name,
                  e.msg);
        r->ok = false;
    } else {
        check_numprocs(r, o->process_name);
    }
    check_shared(r);
}

static const char *expand_one(struct reading *r, const struct ini_key *k, const char *text,
                              const char *what, struct expand_opts opts)
{
    struct err e;
    struct str out = STR_INIT;
    const char *done = NULL;
    if (!strchr(text, '%'))
        return text;
    if (expand(&out, text, what, &r->per_proc, opts, &e) == 0)
        done = arena_strdup(r->c->a, str_text(&out));
    else
        conf_fail(r->c, k ? k->at : pos_section(r->prog->section), "%s: %s", r->prog->section->name,
                  e.msg);
    str_fini(&out);
    return done;
}

static void collapse_percents(char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++) {
        *to++ = *from;
        from += from[0] == '%' && from[1] == '%';
    }
    *to = '\0';
}

/* A log path is expanded twice by Supervisor, so that a % has to be written %%%% there. Both that
 * and the plain %% work here. */
static bool read_logfile(struct reading *r, size_t row, struct proc *p)
{
    const struct ini_key *k = r->x.keys[row];
    const char *name = rows_program.rows[row].name;
    struct ini_key key;
    if (k) {
        const char *what = arena_printf(r->c->a, "%s.%s", r->prog->section->name, name);
        struct expand_opts opts = {.exact = r->c->rq.exact};
        const char *text = expand_one(r, k, k->value, what, opts);
        opts.own_first = true;
        if (text && r->c->rq.exact)
            text = expand_one(r, k, text, name, opts);
        if (!text)
            return false;
        key = *k;
        key.value = arena_strdup(r->c->a, text);
        if (!r->c->rq.exact && strchr(k->value, '%'))
            collapse_percents((char *)(uintptr_t)key.value);
        r->x.keys[row] = &key;
    }
    bool ok = sect_row(&r->x, row, &p->o, &r->per_proc);
    r->x.keys[row] = k;
    return ok;
}

/* The environment of the process before goes: what it overrode shows through again. A name that
 * only it had stays, as in Supervisor. */
static void reset_environment(struct reading *r)
{
    VEC_EACH (&r->per_proc.own, i) {
        struct name *n = &r->per_proc.own.v[i];
        const struct name *base = names_find(&r->c->env, n->key, strlen(n->key));
        if (base)
            n->text = base->text;
    }
}

/* environment= of one process; its pairs become names for the keys that follow */
static bool read_environment(struct reading *r, size_t row, struct proc *p)
{
    const struct ini_key *k = r->x.keys[row];
    struct expand_opts opts = {.exact = r->c->rq.exact, .own_first = true};
    reset_environment(r);
    const char *text = k ? expand_one(r, k, k->value, "environment", opts) : "";
    if (!text)
        return false;
    struct ini_key key;
    if (k) {
        key = *k;
        key.value = text;
        r->x.keys[row] = &key;
    }
    bool ok = sect_row(&r->x, row, &p->o, &r->per_proc);
    r->x.keys[row] = k;
    for (size_t i = 0; ok && i < p->o.environment.n; i++)
        names_text(&r->per_proc, arena_printf(r->c->a, "ENV_%s", p->o.environment.v[i].key),
                   p->o.environment.v[i].value);
    return ok;
}

/* a value that is the same for every process, and is there from the first one */
static bool same_for_all(const struct reading *r, size_t row, bool first)
{
    const struct ini_key *k = r->x.keys[row];
    return !first && (!k || !strchr(k->value, '%'));
}

static struct env_list merge_env(struct arena *a, const struct env_list *base,
                                 const struct env_list *over)
{
    if (!over->n)
        return *base;
    struct env_list all = {.v = arena_alloc(a, (base->n + over->n) * sizeof(*all.v))};
    for (size_t i = 0; i < base->n; i++) {
        bool hidden = false;
        for (size_t j = 0; j < over->n && !hidden; j++)
            hidden = strcmp(base->v[i].key, over->v[j].key) == 0;
        if (!hidden)
            all.v[all.n++] = base->v[i];
    }
    memcpy(all.v + all.n, over->v, over->n * sizeof(*over->v));
    all.n += over->n;
    return all;
}

/* [supervisord] environment=, then what env_file= has, then the program's own. */
static struct env_list whole_environment(const struct reading *r, const struct proc *p)
{
    const struct prog *prog = r->prog;
    struct env_list base = prog_env_clear(prog) ? prog->env_passed : (struct env_list){0};
    base = merge_env(r->c->a, &base, &r->c->sup.environment);
    base = merge_env(r->c->a, &base, &prog->env_files);
    return merge_env(r->c->a, &base, &p->o.environment);
}

static void finish_log(struct reading *r, struct proc *p, int i)
{
    static const char *const names[] = {"stdout", "stderr"};
    struct log_opts *l = &p->o.log[i];
    char key[32];
    snprintf(key, sizeof(key), "%s_logfile", names[i]);
    if (l->file.syslog) {
        conf_warn(r->c, at_key(r, key),
                  "For [%s], %s=syslog but this is deprecated and will be removed.  Use "
                  "%s_syslog=true to enable syslog instead.",
                  r->prog->section->name, key, names[i]);
        l->file = (struct logfile_val){.sink = GEN_SINK_NONE};
        l->syslog = true;
    }
    if (l->file.sink == GEN_SINK_AUTO && !l->maxbytes)
        conf_warn(r->c, at_key(r, key),
                  "For [%s], AUTO logging used for %s without rollover, set maxbytes > 0 to avoid "
                  "filling up filesystem unintentionally",
                  r->prog->section->name, key);
    if (i == 0 || !p->o.redirect_stderr)
        return;
    if (l->file.sink == GEN_SINK_FILE)
        conf_warn(r->c, at_key(r, key),
                  "For [%s], redirect_stderr=true but stderr_logfile has also been set to a "
                  "filename, the filename has been ignored",
                  r->prog->section->name);
    l->file = (struct logfile_val){.sink = GEN_SINK_NONE};
}

static bool read_rows(struct reading *r, struct proc *p, const struct proc *first)
{
    size_t env = row_of("environment"), name = row_of("process_name");
    bool env_ok = same_for_all(r, env, !first) || read_environment(r, env, p), ok = env_ok;
    for (size_t i = 0; i < rows_program.n; i++) {
        const struct opt *o = &rows_program.rows[i];
        if (i == env || i == name || !(o->flags & OPT_PER_PROC) || same_for_all(r, i, !first))
            continue;
        if (!env_ok && r->x.keys[i] && strstr(r->x.keys[i]->value, "%(ENV_"))
            continue; /* what the broken environment= would have given is not known */
        ok &= o->type == OPT_LOGFILE ? read_logfile(r, i, p)
                                     : sect_row(&r->x, i, &p->o, &r->per_proc);
    }
    return ok;
}

static bool has_command(struct reading *r)
{
    const struct ini_section *s = r->prog->section;
    if (r->x.keys[row_of("command")])
        return true;
    conf_fail(r->c, pos_section(s), "program section %s does not specify a command (add command=)",
              s->name);
    return false;
}

static struct proc *new_process(struct reading *r, int64_t num, const struct proc *first)
{
    struct proc *p = arena_alloc(r->c->a, sizeof(*p));
    p->prog = r->prog;
    p->num = num;
    p->o = first ? first->o : r->prog->o;
    names_number(&r->per_proc, "process_num", num);
    names_number(&r->per_proc, "numprocs", r->prog->o.numprocs);
    return p;
}

static void read_process(struct reading *r, int64_t num)
{
    struct prog *prog = r->prog;
    struct proc *first = prog->procs.n ? prog->procs.v[0] : NULL;
    struct proc *p = new_process(r, num, first);
    r->ok &= read_rows(r, p, first);
    r->ok &= has_command(r);
    r->ok &= load_hooks(r->c, prog->section, &r->per_proc, first, &p->hooks);
    if (!r->ok)
        return;
    p->name = expand_one(r, r->x.keys[row_of("process_name")], prog->o.process_name, "process_name",
                         (struct expand_opts){.exact = r->c->rq.exact, .own_first = true});
    r->ok = p->name != NULL;
    finish_log(r, p, 0);
    finish_log(r, p, 1);
    bool shared = first && first->o.environment.v == p->o.environment.v;
    p->env_all = shared ? first->env_all : whole_environment(r, p);
    VEC_PUSH(&prog->procs, p);
}

static int by_name(const void *a, const void *b)
{
    const struct proc *x = *(struct proc *const *)a, *y = *(struct proc *const *)b;
    int c = strcmp(x->name, y->name);
    return c ? c : (x->num > y->num) - (x->num < y->num);
}

static void read_processes(struct reading *r)
{
    struct prog *prog = r->prog;
    names_add(&r->per_proc, (struct name){.key = "process_num", .keep = true});
    names_add(&r->per_proc, (struct name){.key = "numprocs"});
    if (!r->ok && prog->o.numprocs > 0) /* one of them, for the rest of the messages */
        read_process(r, prog->o.numprocs_start);
    for (int64_t i = 0; i < prog->o.numprocs && r->ok; i++)
        read_process(r, prog->o.numprocs_start + i);
    if (r->ok && prog->procs.n)
        qsort(prog->procs.v, prog->procs.n, sizeof(prog->procs.v[0]), by_name);
    r->c->nprocs += prog->procs.n;
}

static bool has_any(const struct sect *x)
{
    for (size_t i = 0; i < x->t->n; i++) {
        if (x->keys[i])
            return true;
    }
    return false;
}

/* More would not fit where a new child keeps them; three are for /dev, /proc and /sys. */
#define READ_WRITE_MAX 13u

static void check_paths(struct reading *r, const struct sect *x)
{
    const struct limit_opts *l = r->prog->limits;
    struct pos at = sect_pos(x, sect_index(&rows_limits, "read_write_paths"));
    const char *name = r->prog->section->name;
    if (l->read_write.text && !l->read_only.text)
        conf_fail(r->c, at, "%s.read_write_paths: there is no read_only_paths= to except them from",
                  name);
    if (l->read_write.optional)
        conf_fail(r->c, at, "%s.read_write_paths: write optional behind read_only_paths", name);
    if (l->read_write.l.n > READ_WRITE_MAX)
        conf_fail(r->c, at, "%s.read_write_paths: at most %u paths", name, READ_WRITE_MAX);
}

static void check_limits(struct reading *r, const struct sect *x)
{
    const struct limit_opts *l = r->prog->limits;
    check_paths(r, x);
    size_t row = sect_index(&rows_limits, "ambient_capabilities");
    bool bounded = l->set.has >> sect_index(&rows_limits, "capabilities") & 1;
    if (bounded && l->ambient.v & ~l->caps.v)
        conf_fail(r->c, sect_pos(x, row),
                  "%s.ambient_capabilities: capabilities= has to name each of them, too",
                  r->prog->section->name);
    if (l->memory_max.n && l->memory_high.n > l->memory_max.n)
        conf_fail(r->c, sect_pos(x, sect_index(&rows_limits, "memory_high")),
                  "%s.memory_high: it is above memory_max, so it would never be reached",
                  r->prog->section->name);
}

/* What the kernel is told; nearly no program has any of it. */
static void read_limits(struct reading *r)
{
    struct sect x;
    sect_init(&x, r->c, r->prog->section, &rows_limits);
    if (!has_any(&x))
        return;
    r->prog->limits = arena_alloc(r->c->a, sizeof(*r->prog->limits));
    sect_convert(&x, r->prog->limits, &r->names, 0, 0);
    check_limits(r, &x);
    load_prog_env(r->c, r->prog);
    load_prog_filter(r->c, r->prog, sect_pos(&x, sect_index(&rows_limits, "seccomp")));
}

static void warn_idle(const struct reading *r, struct pos at, const char *option, const char *why)
{
    conf_warn(r->c, at, "%s.%s: has no effect %s", r->prog->section->name, option, why);
}

/* a printed configuration has the default of everything */
static void warn_startsecs(const struct reading *r, const char *why)
{
    if (given(r, "startsecs") && r->prog->o.startsecs != 1)
        warn_idle(r, at_key(r, "startsecs"), "startsecs", why);
}

/* A program that is to end is not ready, but done. */
static void check_once(const struct reading *r, const struct sect *x)
{
    size_t ready = sect_index(&rows_order, "ready");
    const char *type = x->keys[sect_index(&rows_order, "type")]->value;
    char beside[64];
    snprintf(beside, sizeof(beside), "with type=%.32s", type);
    if (r->prog->order->ready.kind != READY_STARTSECS)
        conf_fail(r->c, sect_pos(x, ready),
                  "%s.ready: a %.32s is done when it exits with success; ready= is for a service",
                  r->prog->section->name, type);
    warn_startsecs(r, beside);
    if (given(r, "autorestart") && r->prog->o.autorestart != GEN_RESTART_UNEXPECTED)
        warn_idle(r, at_key(r, "autorestart"), "autorestart", beside);
}

static void check_order(const struct reading *r, const struct sect *x)
{
    const struct order_opts *o = r->prog->order;
    size_t timeout = sect_index(&rows_order, "ready_timeout");
    if (o->type != PROG_SERVICE)
        check_once(r, x);
    else if (o->ready.kind == READY_STARTSECS && x->keys[timeout])
        warn_idle(r, sect_pos(x, timeout), "ready_timeout",
                  "with ready=startsecs: what stays up so long is ready");
    else if (o->ready.kind != READY_STARTSECS)
        warn_startsecs(r, "beside ready=");
}

/* In which order it starts; few programs say so. */
static void read_order(struct reading *r)
{
    struct sect x;
    size_t before = r->c->m.list[MSG_ERROR].n;
    sect_init(&x, r->c, r->prog->section, &rows_order);
    if (!has_any(&x))
        return;
    r->prog->order = arena_alloc(r->c->a, sizeof(*r->prog->order));
    sect_convert(&x, r->prog->order, &r->names, 0, 0);
    if (r->c->m.list[MSG_ERROR].n == before)
        check_order(r, &x);
}

struct prog *load_program(struct conf *c, const struct ini_section *s, const char *group_name)
{
    struct prog *prog = arena_alloc(c->a, sizeof(*prog));
    struct err e;
    *prog = (struct prog){.section = s, .group_name = group_name};
    if (val_name(c->a, strchr(s->name, ':') + 1, &prog->name, &e) < 0) {
        conf_fail(c, pos_section(s), "[%s]: %s", s->name, e.msg);
        return NULL;
    }
    struct reading r = {.c = c, .prog = prog, .ok = true};
    sect_init(&r.x, c, s, &rows_program);
    common_names(&r);
    read_shared(&r);
    read_limits(&r);
    read_order(&r);
    read_processes(&r);
    names_fini(&r.names);
    names_fini(&r.per_proc);
    return prog;
}

static int64_t signals_ns(const struct proc_opts *o)
{
    int64_t ns = 0;
    for (size_t i = 0; i < o->stopsignals.n; i++)
        ns += o->stopsignals.v[i].wait_ns;
    if (o->stopsignals.n)
        return ns;
    const int64_t day = 86400;
    return (o->stopwaitsecs < 0            ? 0
            : o->stopwaitsecs > 3650 * day ? 3650 * day
                                           : o->stopwaitsecs) *
           1000000000;
}

int64_t conf_stop_ns(const struct proc *p)
{
    const struct hook_opts *h = p->hooks;
    return (h && h->command[GEN_STOP_COMMAND] ? h->stop_ns : 0) + signals_ns(&p->o);
}
