/* Verbs that read the configuration anew: check, reread, update, reload; and add, remove, which
 * work on groups of the one read last. */
#include "supervisor/run/fcgi.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/upstream.h"
#include "supervisor/run/verb.h"
#include "supervisor/run/verb_reload.h"

#include <stdlib.h>
#include <string.h>

/* What a request does with a configuration once it is read. */
struct reading {
    struct ctl_req *rq;
    struct sup *sup;
    void (*loaded)(struct reading *r, struct live_gen *gen); /* takes the reference */
    bool wait;
    size_t failed;
};

static void reading_free(struct reading **r)
{
    free(*r);
    *r = NULL;
}

static void on_cancel(struct ctl_req *rq)
{
    struct reading *r = rq->data;
    reload_forget(r->sup, r);
    if (!reload_applying(r->sup))
        upstream_reload_end(r->sup, false);
    reading_free(&r);
}

/* one record for each line of a report; how many there were */
static size_t report_rows(struct ctl_req *rq, const char *report, const char *level)
{
    size_t rows = 0;
    for (; *report; rows++) {
        size_t n = strcspn(report, "\n");
        char *line = strndup(report, n);
        struct wire_out w = ctl_row(rq);
        wire_kv(&w, "level", level);
        wire_kv(&w, "text", line ? line : "out of memory");
        wire_end(&w);
        free(line);
        report += n + (report[n] == '\n');
    }
    return rows;
}

static void on_loaded(struct reading *r, struct live_gen *gen, const char *report)
{
    if (!gen && !*report)
        report = "it could not be read";
    size_t n = report_rows(r->rq, report, gen ? "warning" : "error");
    if (gen) {
        r->loaded(r, gen);
        return;
    }
    upstream_reload_end(r->sup, false);
    ctl_error(r->rq, WIRE_CANT_REREAD, "the configuration has %zu error%s; nothing was changed", n,
              n == 1 ? "" : "s");
    reading_free(&r);
}

/* reads the configuration for a request; loaded goes on with it */
static void read_conf(struct sup *s, struct ctl_req *rq,
                      void (*loaded)(struct reading *r, struct live_gen *gen))
{
    struct err e;
    int64_t wait = 1;
    if (verb_going_down(s, rq) || !verb_int_option(rq, "wait", 0, 1, &wait))
        return;
    struct reading *r = malloc(sizeof(*r));
    if (!r) {
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    *r = (struct reading){.rq = rq, .sup = s, .loaded = loaded, .wait = wait};
    rq->data = r;
    rq->cancel = on_cancel;
    if (reload_load(s, (load_fn *)on_loaded, r, &e) == 0)
        return;
    ctl_error(rq, WIRE_BUSY, "%s", e.msg);
    reading_free(&r);
}

static void keep_pending(struct sup *s, struct live_gen *gen)
{
    if (s->pending)
        live_gen_unref(&s->pending);
    s->pending = gen;
    sup_note(s);
}

/* ---- check ---- */

static void checked(struct reading *r, struct live_gen *gen)
{
    struct wire_out w = ctl_ok_begin(r->rq);
    wire_kv(&w, "config", gen_str(gen->gen, gen->gen->path));
    wire_kv_int(&w, "groups", gen->gen->ngroups);
    wire_kv_int(&w, "processes", gen->gen->nprocs);
    ctl_done(r->rq, &w);
    live_gen_unref(&gen);
    reading_free(&r);
}

void verb_check(void *obj, struct ctl_req *rq)
{
    read_conf(obj, rq, checked);
}

/* ---- reread ---- */

static void say_group(struct ctl_req *rq, const char *group, const char *what)
{
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "group", group);
    wire_kv(&w, "what", what);
    wire_end(&w);
}

static void diff_row(void *obj, enum reload_kind kind, const char *group)
{
    static const char *const words[] = {[RELOAD_ADDED] = "available",
                                        [RELOAD_CHANGED] = "changed",
                                        [RELOAD_REMOVED] = "disappeared"};
    struct reading *r = obj;
    say_group(r->rq, group, words[kind]);
}

static void reread(struct reading *r, struct live_gen *gen)
{
    struct err e;
    keep_pending(r->sup, gen);
    if (reload_diff(r->sup, gen, diff_row, r, &e) < 0)
        ctl_error(r->rq, WIRE_FAILED, "%s", e.msg);
    else
        ctl_ok(r->rq);
    reading_free(&r);
}

void verb_reread(void *obj, struct ctl_req *rq)
{
    read_conf(obj, rq, reread);
}

/* ---- update, reload ---- */

static const struct gen_group *find_conf(const struct gen *g, const char *name)
{
    const struct gen_group *v = gen_groups(g);
    for (uint32_t i = 0; i < g->ngroups; i++)
        if (strcmp(gen_str(g, v[i].name), name) == 0)
            return v + i;
    return NULL;
}

static void refuse_group(struct ctl_req *rq, const char *name, enum wire_code code,
                         const char *text)
{
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "group", name);
    wire_kv(&w, "code", wire_code_name(code));
    wire_kv(&w, "text", text);
    wire_end(&w);
}

/* takes the names that neither run nor stand in the configuration out of the arguments */
static size_t drop_unknown(struct reading *r, const struct gen *gen)
{
    struct ctl_req *rq = r->rq;
    size_t kept = 0, had = rq->argc;
    for (size_t i = 0; i < had; i++) {
        if (group_find(r->sup, rq->argv[i]) || find_conf(gen, rq->argv[i]))
            rq->argv[kept++] = rq->argv[i];
        else
            refuse_group(rq, rq->argv[i], WIRE_BAD_NAME, "no such group");
    }
    rq->argc = kept;
    return had - kept;
}

/* What was done, or a sentence that says what could not be. */
static bool is_done_word(const char *what)
{
    static const char *const done[] = {"added", "updated", "stopped", "removed"};
    for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++)
        if (strcmp(what, done[i]) == 0)
            return true;
    return false;
}

static void on_what(void *obj, const char *group, const char *what)
{
    struct reading *r = obj;
    if (is_done_word(what)) {
        say_group(r->rq, group, what);
        return;
    }
    refuse_group(r->rq, group, WIRE_FAILED, what);
    r->failed++;
}

static void on_done(struct reading *r)
{
    if (!reload_applying(r->sup)) /* there was nothing to apply */
        upstream_reload_end(r->sup, true);
    verb_finish(r->rq, r->failed);
    reading_free(&r);
}

static void not_applied(struct reading *r, const struct err *e)
{
    ctl_error(r->rq, WIRE_BUSY, "%s", e->msg);
    upstream_reload_end(r->sup, false);
}

static void apply(struct reading *r, char *const *names, size_t n)
{
    struct err e;
    struct sup *s = r->sup;
    if (!r->wait) {
        if (reload_apply(s, names, n, NULL, NULL, NULL, &e) < 0)
            not_applied(r, &e);
        else
            verb_finish(r->rq, r->failed);
        reading_free(&r);
    } else if (reload_apply(s, names, n, on_what, (loop_fn *)on_done, r, &e) < 0) {
        not_applied(r, &e);
        reading_free(&r);
    }
}

static void update(struct reading *r, struct live_gen *gen)
{
    struct ctl_req *rq = r->rq;
    bool all = rq->argc == 0 || (rq->argc == 1 && strcmp(rq->argv[0], "all") == 0);
    keep_pending(r->sup, gen);
    if (!all)
        r->failed = drop_unknown(r, gen->gen);
    if (!all && rq->argc == 0)
        on_done(r);
    else
        apply(r, all ? NULL : rq->argv, all ? 0 : rq->argc);
}

/* The reading that is to be applied. */
static void read_to_apply(struct sup *s, struct ctl_req *rq,
                          void (*loaded)(struct reading *r, struct live_gen *gen))
{
    if (!s->load) /* else it is refused */
        upstream_reload_begin(s);
    read_conf(s, rq, loaded);
    if (!s->load)
        upstream_reload_end(s, false);
}

void verb_update(void *obj, struct ctl_req *rq)
{
    read_to_apply(obj, rq, update);
}

/* Under Supervisor's name a reload restarts everything: the file is good, so that this is begun,
 * and it is not waited for. */
static void reload_as_supervisord(struct reading *r, struct live_gen *gen)
{
    live_gen_unref(&gen);
    reload_all(r->sup);
    on_done(r);
}

void verb_reload(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    if (reload_programs(s, rq))
        return;
    read_to_apply(s, rq, s->opt.as_supervisord ? reload_as_supervisord : update);
}

/* ---- add, remove ---- */

/* why a group cannot be added, or NULL */
static const char *cannot_add(struct sup *s, const char *name, enum wire_code *out_code)
{
    if (group_find(s, name)) {
        *out_code = WIRE_ALREADY_ADDED;
        return "the group is active already";
    }
    *out_code = WIRE_BAD_NAME;
    return find_conf(s->pending->gen, name) ? NULL : "no such group in the configuration";
}

static void not_added(struct reading *r, const char *name, enum wire_code code, const char *why)
{
    verb_result(r->rq, name, wire_code_name(code), why);
    r->failed++;
}

/* Leaves those that can be added, each once. */
static void keep_addable(struct reading *r)
{
    struct ctl_req *rq = r->rq;
    size_t kept = 0, had = rq->argc;
    for (size_t i = 0; i < had; i++) {
        enum wire_code code = WIRE_ALREADY_ADDED;
        const char *why = "the group is active already";
        size_t same = 0;
        while (same < kept && strcmp(rq->argv[same], rq->argv[i]) != 0)
            same++;
        if (same == kept)
            why = cannot_add(r->sup, rq->argv[i], &code);
        if (why)
            not_added(r, rq->argv[i], code, why);
        else
            rq->argv[kept++] = rq->argv[i];
    }
    rq->argc = kept;
}

static void add_what(void *obj, const char *group, const char *what)
{
    struct reading *r = obj;
    for (size_t i = 0; i < r->rq->argc && !is_done_word(what); i++)
        if (r->rq->argv[i] && strcmp(r->rq->argv[i], group) == 0) {
            r->rq->argv[i] = NULL;
            not_added(r, group, WIRE_FAILED, what);
        }
}

static void add_done(struct reading *r)
{
    for (size_t i = 0; i < r->rq->argc; i++)
        if (r->rq->argv[i])
            verb_result(r->rq, r->rq->argv[i], NULL, NULL);
    verb_finish(r->rq, r->failed);
    reading_free(&r);
}

/* One that needs a socket is waited for until that was tried. */
static void add_all(struct reading *r)
{
    struct sup *s = r->sup;
    struct ctl_req *rq = r->rq;
    struct err e;
    int n =
        rq->argc ? reload_apply(s, rq->argv, rq->argc, add_what, (loop_fn *)add_done, r, &e) : 0;
    for (size_t i = 0; i < rq->argc && n < 0; i++) {
        not_added(r, rq->argv[i], WIRE_FAILED, e.msg);
        rq->argv[i] = NULL;
    }
    if (n > 0 && fcgi_busy(s)) {
        rq->data = r;
        rq->cancel = on_cancel;
        return;
    }
    reload_forget(s, r);
    add_done(r);
}

void verb_add(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    if (verb_going_down(s, rq))
        return;
    struct reading *r = malloc(sizeof(*r));
    if (!r) {
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    *r = (struct reading){.rq = rq, .sup = s};
    if (!s->pending)
        keep_pending(s, live_gen_ref(s->gen));
    keep_addable(r);
    add_all(r);
}

static bool remove_one(struct sup *s, struct ctl_req *rq, const char *name)
{
    struct group *g = group_find(s, name);
    bool down = g && group_is_down(g);
    if (!g)
        verb_result(rq, name, wire_code_name(WIRE_BAD_NAME), "no such group");
    else if (!down)
        verb_result(rq, name, wire_code_name(WIRE_STILL_RUNNING), "processes are still running");
    else
        verb_result(rq, name, NULL, NULL);
    if (down)
        group_remove(s, &g);
    return down;
}

void verb_remove(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    size_t failed = 0;
    if (verb_going_down(s, rq))
        return;
    for (size_t i = 0; i < rq->argc; i++)
        failed += !remove_one(s, rq, rq->argv[i]);
    verb_finish(rq, failed);
}
