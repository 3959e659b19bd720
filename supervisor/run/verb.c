/* What the handlers of the control socket's verbs share: options, names, results. */
#include "supervisor/run/verb.h"
#include "supervisor/base/text.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 256u /* of a request, for who is no admin */

const char *verb_option(struct ctl_req *rq, const char *key)
{
    size_t len = strlen(key);
    for (size_t i = 0; i < rq->argc; i++) {
        char *arg = rq->argv[i];
        if (strncmp(arg, key, len) != 0 || arg[len] != '=')
            continue;
        rq->argc--;
        memmove(rq->argv + i, rq->argv + i + 1, (rq->argc - i) * sizeof(*rq->argv));
        rq->argv[rq->argc] = NULL;
        return arg + len + 1;
    }
    return NULL;
}

bool verb_int_option(struct ctl_req *rq, const char *key, int64_t lo, int64_t hi, int64_t *n)
{
    struct err e;
    const char *text = verb_option(rq, key);
    if (!text || text_int(text, lo, hi, n, &e) == 0)
        return true;
    ctl_error(rq, WIRE_BAD_REQUEST, "%s=: %s", key, e.msg);
    return false;
}

/* ---- names ---- */

/* once, whatever names mean it */
static void pick(struct verb_picks *v, struct proc *p)
{
    if (p->picked)
        return;
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 16;
        struct proc **procs = realloc(v->procs, cap * sizeof(*procs));
        if (!procs) {
            v->failed = true;
            return;
        }
        v->procs = procs;
        v->cap = cap;
    }
    v->procs[v->n++] = p;
    p->picked = true;
}

static void mark(const struct verb_picks *v, bool picked)
{
    for (size_t i = 0; i < v->n; i++)
        v->procs[i]->picked = picked;
}

/* all, in the order of status; no process can be there yet, so none is looked for */
static void pick_all(struct sup *s, struct verb_picks *v)
{
    v->procs = procs_sorted(s, &v->n);
    v->cap = v->n;
    v->failed = !v->procs;
    if (v->procs)
        mark(v, true);
}

/* ---- supd-agent's names: Supervisor's clients mean what they say, letter by letter ---- */

/* The group before the colon, and what is behind it; without a colon both have that name. NULL:
 * there is no such group. */
static struct group *cut_exact(struct sup *s, char *name, const char **out_process)
{
    char *colon = strchr(name, ':');
    *out_process = colon ? colon + 1 : name;
    if (!colon)
        return group_find(s, name);
    *colon = '\0';
    struct group *g = group_find(s, name);
    *colon = ':';
    return g;
}

static void pick_exact(struct sup *s, char *name, struct verb_picks *v)
{
    if (strcmp(name, "*") == 0) {
        for (struct proc *p = procs_first(s); p; p = procs_next(p))
            pick(v, p);
        return;
    }
    const char *process;
    struct group *g = cut_exact(s, name, &process);
    bool all = g && strcmp(process, "*") == 0, found = all;
    for (uint32_t i = 0; g && i < g->nprocs; i++)
        if (all || strcmp(proc_name(g->procs[i]), process) == 0) {
            pick(v, g->procs[i]);
            found = true;
        }
    if (!found)
        v->unknown[v->nunknown++] = name;
}

static void pick_name(struct sup *s, char *name, struct verb_picks *v)
{
    if (strcmp(name, "all") == 0 && v->n == 0 && !v->procs)
        pick_all(s, v);
    else if (procs_select(s, name, (void (*)(void *, struct proc *))pick, v) == 0)
        v->unknown[v->nunknown++] = name;
}

/* Each may stand for all processes: those who may not stop them may not keep supd busy, either. */
static bool is_too_long(struct ctl_req *rq)
{
    if ((rq->role & CTL_ADMIN) || rq->argc <= NAMES_MAX)
        return false;
    ctl_error(rq, WIRE_BAD_REQUEST, "more than %u names at once", NAMES_MAX);
    return true;
}

bool verb_pick(struct sup *s, struct ctl_req *rq, char **names, size_t n, struct verb_picks *out)
{
    *out = (struct verb_picks){0};
    if (is_too_long(rq))
        return false;
    if (n == 0)
        pick_all(s, out);
    out->unknown = calloc(n + 1, sizeof(*out->unknown));
    out->failed |= !out->unknown;
    for (size_t i = 0; i < n && !out->failed; i++)
        (rq->role & CTL_AGENT ? pick_exact : pick_name)(s, names[i], out);
    mark(out, false);
    if (!out->failed)
        return true;
    verb_picks_fini(out);
    ctl_error(rq, WIRE_BUSY, "out of memory");
    return false;
}

void verb_picks_fini(struct verb_picks *p)
{
    free(p->procs);
    free(p->unknown);
    *p = (struct verb_picks){0};
}

/* ---- results ---- */

void verb_result(struct ctl_req *rq, const char *name, const char *code, const char *text)
{
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", name);
    wire_kv(&w, "code", code ? code : "OK");
    if (text && *text)
        wire_kv(&w, "text", text);
    wire_end(&w);
}

void verb_unknown(struct ctl_req *rq, const struct verb_picks *p)
{
    for (size_t i = 0; i < p->nunknown; i++)
        verb_result(rq, p->unknown[i], wire_code_name(WIRE_BAD_NAME),
                    strchr(p->unknown[i], ':') ? "no such process or group" : "no such process");
}

void verb_finish(struct ctl_req *rq, size_t nfailed)
{
    struct wire_out w = ctl_ok_begin(rq);
    if (nfailed)
        wire_kv_int(&w, "failed", (int64_t)nfailed);
    ctl_done(rq, &w);
}

void verb_put_exitcodes(struct wire_out *w, const struct gen_opts *o)
{
    struct str text = STR_INIT;
    for (int code = 0; code < 256; code++)
        if (gen_exit_expected(o, code))
            str_printf(&text, "%s%d", text.len ? "," : "", code);
    wire_kv(w, "exitcodes", str_text(&text));
    str_fini(&text);
}

bool verb_going_down(struct sup *s, struct ctl_req *rq)
{
    if (s->mood != SUP_STOPPING)
        return false;
    ctl_error(rq, WIRE_SHUTDOWN_STATE, "supd is shutting down");
    return true;
}
