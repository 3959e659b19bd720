/* Applies the difference between what runs and a configuration that was loaded. */
#include "supervisor/run/reload_impl.h"
#include "supervisor/base/log.h"
#include "supervisor/conf/gendiff.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/byname.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/servers.h"
#include "supervisor/run/settle.h"
#include "supervisor/run/setup.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/upstream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* One change of the configuration. A new one does not wait for those before it, which may have to
 * stop something that does not want to; all of them come to rest together, and are told of
 * everything until then. */
struct apply {
    SLIST_ENTRY(apply) link;
    reload_what_fn *what;
    loop_fn *done;
    void *obj;
    bool force; /* restart what has not changed, too */
};

void reload_fini(struct sup *s)
{
    struct apply *a;
    while ((a = SLIST_FIRST(&s->applies))) {
        SLIST_REMOVE_HEAD(&s->applies, link);
        free(a);
    }
    load_fini(s);
}

void reload_forget(struct sup *s, void *obj)
{
    load_forget(s, obj);
    struct apply *a;
    SLIST_FOREACH (a, &s->applies, link)
        if (a->obj == obj)
            a->what = NULL, a->done = NULL;
}

/* does the running group differ from the record? Compared process by process, since a group may
 * follow a generation older than the others */
static bool group_changed(const struct group *g, const struct gen *gen,
                          const struct gen_group *conf)
{
    if (g->doomed || g->priority != conf->priority || g->kind != conf->kind ||
        g->nprocs != conf->nprocs)
        return true;
    const struct gen_proc *want = gen_procs(gen) + conf->first;
    for (uint32_t i = 0; i < g->nprocs; i++) {
        const struct proc *p = g->procs[i];
        const struct gen *have = p->next_gen ? p->next_gen->gen : p->gen->gen;
        const struct gen_proc *pc = p->next_gen ? proc_next_conf(p) : p->conf;
        if (strcmp(gen_str(have, pc->name), gen_str(gen, want[i].name)) != 0 ||
            gen_proc_differs(have, pc, gen, want + i) != GEN_SAME)
            return true;
    }
    return false;
}

struct diff_row {
    enum reload_kind kind;
    const char *name;
    size_t at; /* its place in the configuration */
};

static int by_kind_place(const void *a, const void *b)
{
    const struct diff_row *x = a, *y = b;
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : x->at < y->at ? -1 : x->at > y->at;
}

static void put_row(struct diff_row *rows, size_t *n, enum reload_kind kind, const char *name)
{
    rows[*n] = (struct diff_row){kind, name, *n};
    ++*n;
}

/* what runs and what is to run, by name */
struct both {
    struct byname running, records;
};

static int both_make(struct both *b, struct sup *s, const struct gen *gen)
{
    if (byname_running(&b->running, s) < 0)
        return -1;
    if (byname_records(&b->records, gen) == 0)
        return 0;
    byname_fini(&b->running);
    return -1;
}

static void both_fini(struct both *b)
{
    byname_fini(&b->running);
    byname_fini(&b->records);
}

static size_t find_differences(struct sup *s, const struct gen *gen, const struct both *b,
                               struct diff_row *rows)
{
    const struct gen_group *confs = gen_groups(gen);
    size_t n = 0;
    struct group *g;
    for (uint32_t i = 0; i < gen->ngroups; i++) {
        const char *name = gen_str(gen, confs[i].name);
        g = byname_group(&b->running, name);
        if (!g)
            put_row(rows, &n, RELOAD_ADDED, name);
        else if (group_changed(g, gen, confs + i))
            put_row(rows, &n, RELOAD_CHANGED, name);
    }
    TAILQ_FOREACH (g, &s->groups, link)
        if (!byname_record(&b->records, g->name))
            put_row(rows, &n, RELOAD_REMOVED, g->name);
    return n;
}

int reload_diff(struct sup *s, const struct live_gen *gen,
                void (*fn)(void *obj, enum reload_kind kind, const char *group), void *obj,
                struct err *e)
{
    struct both b;
    struct diff_row *rows = calloc(s->ngroups + gen->gen->ngroups + 1u, sizeof(*rows));
    if (!rows || both_make(&b, s, gen->gen) < 0) {
        free(rows);
        return err_errno(e, ENOMEM, "cannot compare the configurations");
    }
    size_t n = find_differences(s, gen->gen, &b, rows);
    both_fini(&b);
    qsort(rows, n, sizeof(*rows), by_kind_place);
    for (size_t i = 0; i < n; i++)
        fn(obj, rows[i].kind, rows[i].name);
    free(rows);
    return 0;
}

static void tell(struct sup *s, const char *group, const char *what)
{
    struct apply *a;
    SLIST_FOREACH (a, &s->applies, link)
        if (a->what)
            a->what(a->obj, group, what);
}

static void say(struct sup *s, const char *group, const char *what)
{
    log_info("group %s: %s", group, what);
    tell(s, group, what);
}

void reload_complain(struct sup *s, const char *group, const char *why)
{
    log_error("group %s: %s", group, why);
    tell(s, group, why);
}

static void note_group(const struct group *g)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        proc_note(g->procs[i]);
}

/* renew: its record stays, but it has to be made anew */
static void doom_group(struct group *g, bool renew)
{
    g->doomed = true;
    g->renew = renew;
    note_group(g);
    for (uint32_t i = 0; i < g->nprocs; i++)
        proc_stop_by_update(g->procs[i]);
}

static const struct gen_proc *find_proc_conf(const struct gen *gen, const struct gen_group *conf,
                                             uint32_t hint, const char *name)
{
    const struct gen_proc *v = gen_procs(gen) + conf->first;
    if (hint < conf->nprocs && strcmp(gen_str(gen, v[hint].name), name) == 0)
        return v + hint;
    for (uint32_t i = 0; i < conf->nprocs; i++)
        if (strcmp(gen_str(gen, v[i].name), name) == 0)
            return v + i;
    return NULL;
}

static struct proc *find_proc(const struct group *g, uint32_t hint, const char *name)
{
    if (hint < g->nprocs && strcmp(proc_name(g->procs[hint]), name) == 0)
        return g->procs[hint];
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (strcmp(proc_name(g->procs[i]), name) == 0)
            return g->procs[i];
    return NULL;
}

static void add_missing(struct group *g, struct live_gen *gen, const struct gen_group *conf)
{
    const struct gen_proc *v = gen_procs(gen->gen) + conf->first;
    uint32_t had = g->nprocs;
    if (group_reserve(g, had + (size_t)conf->nprocs) < 0) {
        reload_complain(gen->sup, g->name, "no memory for its new processes");
        return;
    }
    for (uint32_t i = 0; i < conf->nprocs; i++) {
        struct err e;
        if (find_proc(g, i, gen_str(gen->gen, v[i].name)))
            continue;
        struct proc *p = proc_new(gen->sup, g, gen, v + i, &e);
        if (!p) {
            err_prefix(&e, "%s", gen_str(gen->gen, v[i].name));
            reload_complain(gen->sup, g->name, e.msg);
            continue;
        }
        g->procs[g->nprocs++] = p;
        if (proc_opts(p)->autostart)
            proc_start(p, PROC_WHY_UPDATE);
    }
}

/* a group that stays: its processes follow their new records, some go, some come */
static void follow_group(struct group *g, struct live_gen *gen, const struct gen_group *conf,
                         bool force)
{
    bool was_doomed = g->doomed;
    g->doomed = g->renew = false;
    struct err e;
    group_set_priority(gen->sup, g, conf->priority);
    if (listeners_follow(gen->sup, g, gen->gen, conf, &e) < 0)
        reload_complain(gen->sup, g->name, e.msg);
    uint32_t had = g->nprocs;
    for (uint32_t i = 0; i < had; i++) {
        struct proc *p = g->procs[i];
        const struct gen_proc *pc = find_proc_conf(gen->gen, conf, i, proc_name(p));
        if (pc) {
            proc_follow(p, gen, pc, force || was_doomed);
        } else {
            p->doomed = true;
            proc_stop_by_update(p);
        }
    }
    add_missing(g, gen, conf);
}

static bool named(char *const *names, size_t nnames, const char *name)
{
    for (size_t i = 0; i < nnames; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return !names;
}

/* Those that stay are started when all have come to rest, in their order: these, too. */
static void start_with_the_others(struct group *g, struct live_gen *gen,
                                  const struct gen_group *conf)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (proc_opts(g->procs[i])->autostart)
            proc_follow(g->procs[i], gen, gen_procs(gen->gen) + conf->first + i, true);
}

static int apply_added(struct sup *s, const struct gen_group *conf)
{
    struct err e;
    const char *name = gen_str(s->pending->gen, conf->name);
    struct group *g = group_add(s, s->pending, conf, &e);
    if (!g) {
        reload_complain(s, name, e.msg);
        return 0;
    }
    fcgi_try(s, s->pending, name);
    if (s->anew)
        start_with_the_others(g, s->pending, conf);
    else
        group_autostart(g, PROC_WHY_UPDATE);
    say(s, name, "added");
    return 1;
}

static int apply_group(struct sup *s, struct group *g, const struct gen_group *conf, bool force)
{
    if (!g)
        return apply_added(s, conf);
    bool changed = group_changed(g, s->pending->gen, conf);
    if (g->kind != conf->kind) {
        doom_group(g, true);
        return 1;
    }
    follow_group(g, s->pending, conf, force);
    g->updating |= changed;
    if (changed)
        fcgi_try(s, s->pending, g->name);
    if (changed || force)
        note_group(g);
    return changed;
}

static int apply_all(struct sup *s, char *const *names, size_t nnames, bool force,
                     const struct both *b)
{
    const struct gen *gen = s->pending->gen;
    const struct gen_group *confs = gen_groups(gen);
    int touched = 0;
    struct group *g;
    TAILQ_FOREACH (g, &s->groups, link)
        if (named(names, nnames, g->name) && !byname_record(&b->records, g->name)) {
            doom_group(g, false);
            touched++;
        }
    for (uint32_t i = 0; i < gen->ngroups; i++) {
        const char *name = gen_str(gen, confs[i].name);
        if (named(names, nnames, name))
            touched += apply_group(s, byname_group(&b->running, name), confs + i, force);
    }
    return touched;
}

/* What goes away holds its descriptors until it is down, beside those of what comes. */
static int raise_fds(struct sup *s, const struct both *b, struct err *e)
{
    uint64_t leaving = 0;
    struct group *g;
    TAILQ_FOREACH (g, &s->groups, link)
        for (uint32_t i = 0; i < g->nprocs && !byname_record(&b->records, g->name); i++)
            leaving += setup_fds_of(proc_opts(g->procs[i]));
    return setup_raise_fds(s->pending->gen, leaving, e);
}

static int apply_pending(struct sup *s, char *const *names, size_t nnames, const struct apply *how,
                         struct err *e)
{
    struct both b;
    if (s->mood == SUP_STOPPING)
        return err_set(e, "supd is going down");
    if (!s->pending)
        return err_set(e, "no configuration was read yet");
    struct apply *a = malloc(sizeof(*a));
    if (!a || both_make(&b, s, s->pending->gen) < 0) {
        free(a);
        return err_errno(e, ENOMEM, "cannot apply the configuration");
    }
    if (raise_fds(s, &b, e) < 0) {
        both_fini(&b);
        free(a);
        return -1;
    }
    *a = *how;
    SLIST_INSERT_HEAD(&s->applies, a, link);
    state_kept(s->state)->changing = 1;
    int touched = apply_all(s, names, nnames, a->force, &b);
    both_fini(&b);
    live_gen_unref(&s->gen);
    s->gen = live_gen_ref(s->pending);
    state_kept(s->state)->changing = 0;
    sup_note(s);
    if (s->agent)
        agent_follow(s->agent);
    servers_follow(s);
    if (how->force || !s->opt.as_supervisord)
        setup_main_log(s);
    loop_defer(s->loop, &s->settle);
    return touched;
}

int reload_go_on(struct sup *s, struct err *e)
{
    struct apply *a = calloc(1, sizeof(*a));
    if (!a)
        return err_errno(e, ENOMEM, "cannot go on with a change of the configuration");
    SLIST_INSERT_HEAD(&s->applies, a, link);
    loop_defer(s->loop, &s->settle);
    return 0;
}

bool reload_applying(const struct sup *s)
{
    return !SLIST_EMPTY(&s->applies);
}

/* It could not be signalled: it ends when it likes, and who updates does not wait for that. */
static bool is_beyond(const struct proc *p)
{
    return proc_life(p)->state == PROC_UNKNOWN;
}

/* lets go of processes that are down and doomed; true if some are still on the way */
static bool settle_group(struct group *g)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < g->nprocs; i++) {
        struct proc *p = g->procs[i];
        proc_take_next(p);
        if (p->doomed && proc_is_down(p)) {
            proc_free(&p);
            continue;
        }
        p->index = n;
        g->procs[n++] = p;
    }
    g->nprocs = n;
    bool busy = false;
    for (uint32_t i = 0; i < n; i++) {
        struct proc *p = g->procs[i];
        bool waits = p->doomed || p->next_gen;
        busy |= waits && !is_beyond(p);
        proc_sup(p)->stuck |= waits && is_beyond(p);
    }
    return busy;
}

static const struct gen_group *find_conf(const struct gen *g, const char *name)
{
    const struct gen_group *v = gen_groups(g);
    for (uint32_t i = 0; i < g->ngroups; i++)
        if (strcmp(gen_str(g, v[i].name), name) == 0)
            return v + i;
    return NULL;
}

/* a group in the place of one that is down and could not become this */
static void renew_group(struct sup *s, struct group *old)
{
    struct err e;
    const struct gen_group *conf = find_conf(s->gen->gen, old->name);
    group_remove(s, &old);
    if (!conf)
        return;
    const char *name = gen_str(s->gen->gen, conf->name);
    struct group *g = group_add(s, s->gen, conf, &e);
    if (!g) {
        reload_complain(s, name, e.msg);
        return;
    }
    fcgi_try(s, s->gen, name);
    group_autostart(g, PROC_WHY_UPDATE);
    say(s, name, "updated");
}

/* True if nothing of it is left but processes that cannot be signalled. */
static bool is_stuck(const struct group *g)
{
    for (uint32_t i = 0; i < g->nprocs; i++)
        if (!proc_is_down(g->procs[i]) && !is_beyond(g->procs[i]))
            return false;
    return !group_is_down(g);
}

static bool settle_doomed(struct sup *s, struct group *g)
{
    if (is_stuck(g)) {
        if (!g->stuck)
            reload_complain(s, g->name,
                            "cannot be stopped: it goes when its processes end by themselves");
        g->stuck = s->stuck = true;
        return false;
    }
    if (!group_is_down(g))
        return true;
    if (g->renew && s->mood != SUP_STOPPING) {
        renew_group(s, g);
        return false;
    }
    say(s, g->name, "stopped");
    say(s, g->name, "removed");
    group_remove(s, &g);
    return false;
}

static bool settle_one(struct sup *s, struct group *g)
{
    if (g->doomed)
        return settle_doomed(s, g);
    if (settle_group(g))
        return true;
    if (!g->updating)
        return false;
    group_sort(g);
    say(s, g->name, "updated");
    g->updating = false;
    note_group(g);
    return false;
}

void reload_settle(struct sup *s)
{
    if (!reload_applying(s) && !s->stuck)
        return;
    bool busy = fcgi_busy(s);
    s->stuck = false;
    struct group *g, *next;
    for (g = TAILQ_FIRST(&s->groups); g; g = next) {
        next = TAILQ_NEXT(g, link);
        busy |= settle_one(s, g);
    }
    s->stuck |= busy && !reload_applying(s);
    if (busy)
        return;
    struct apply *a;
    while ((a = SLIST_FIRST(&s->applies))) {
        SLIST_REMOVE_HEAD(&s->applies, link);
        if (a->done)
            a->done(a->obj);
        free(a);
    }
    upstream_reload_end(s, true);
}

int reload_apply(struct sup *s, char *const *names, size_t nnames, reload_what_fn *what,
                 loop_fn *done, void *obj, struct err *e)
{
    return apply_pending(s, names, nnames, &(struct apply){.what = what, .done = done, .obj = obj},
                         e);
}

/* one line of the log for each error, or warning */
static void log_report(enum log_level level, const char *before, const char *report)
{
    while (*report) {
        int n = (int)strcspn(report, "\n");
        log_line(level, "%s%.*s", before, n, report);
        report += n + (report[n] == '\n');
    }
}

int reload_pending(struct sup *s, bool force)
{
    struct err e;
    int n = apply_pending(s, NULL, 0, &(struct apply){.force = force}, &e);
    if (n < 0) {
        log_error("the configuration was not applied: %s", e.msg);
        upstream_reload_end(s, false);
    } else {
        log_info("configuration reloaded: %d groups changed", n);
    }
    state_totals(s->state)->reloads++;
    return n;
}

static void all_loaded(struct sup *s, struct live_gen *gen, const char *report)
{
    if (!gen) {
        upstream_reload_end(s, false);
        log_error("the configuration was not reloaded, nothing is changed");
        log_report(LVL_ERROR, "not reloaded: ", report);
        return;
    }
    if (s->mood == SUP_STOPPING) {
        live_gen_unref(&gen);
        return;
    }
    if (s->pending)
        live_gen_unref(&s->pending);
    s->pending = gen;
    sup_note(s);
    log_report(LVL_WARN, "", report);
    if (s->opt.as_supervisord)
        shutdown_restart(s);
    else
        reload_pending(s, false);
}

void reload_all(struct sup *s)
{
    struct err e;
    /* what is being read may be older than what this asks for */
    s->reload_again = s->load || s->mood == SUP_BOOTING || shutdown_is_restart(s);
    if (s->reload_again)
        return;
    upstream_reload_begin(s);
    if (reload_load(s, (load_fn *)all_loaded, s, &e) == 0)
        return;
    log_error("the configuration was not reloaded: %s", e.msg);
    upstream_reload_end(s, false);
}

void reload_resume(struct sup *s)
{
    if (s->reload_again && !s->load && s->mood == SUP_RUNNING)
        reload_all(s);
}
