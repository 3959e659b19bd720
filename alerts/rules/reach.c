/* Alerts that can never fire or that nobody is told of, notifiers that are never used. */
#include "alerts/rules/reach.h"
#include "alerts/rules/alert.h"
#include "alerts/rules/notify.h"
#include "supervisor/base/dur.h"

#include <string.h>
#include <strings.h>

/* ---- who is told ---- */

/* The gravest that it can become: certificates grow more severe (alert_cert.c). */
static int gravest(const struct item *alert)
{
    int own = alert_opts(alert)->severity;
    int most = strcmp(alert->kind->name, "cert") == 0 ? own + 2 : own;
    return most > SEV_PAGE ? SEV_PAGE : most;
}

static bool takes(const struct item *notifier, int severity)
{
    return notify_opts(notifier)->severity <= severity;
}

static bool is_first(const struct checker *k)
{
    return family_first(k->c, k->item->family) == k->item;
}

/* notify= names them: each has to be told */
static void told_named(struct checker *k, const struct alert_opts *o)
{
    int most = gravest(k->item);
    for (size_t i = 0; i < o->notify.n; i++) {
        const struct item *n = family_item(k->c, &family_notify, o->notify.v[i]);
        if (n && !takes(n, most))
            check_warn(k, "notify",
                       "%s takes nothing below severity=%s, and this is %s: it is never told",
                       n->name, severity_name((enum severity)notify_opts(n)->severity),
                       severity_name((enum severity)most));
    }
}

/* all that there are: one of them has to be told */
static void told_all(struct checker *k)
{
    int most = gravest(k->item);
    const struct item *n = family_first(k->c, &family_notify);
    bool any = n;
    while (n && !takes(n, most))
        n = n->next;
    if (any && !n)
        check_warn(k, "severity",
                   "no notifier takes %s (their severity= is higher): nobody is ever told",
                   severity_name((enum severity)most));
}

void reach_told(struct checker *k)
{
    const struct alert_opts *o = alert_opts(k->item);
    if (o->notify.n)
        told_named(k, o);
    else if (!o->notify_all)
        check_warn(k, "notify", "is empty: nobody is told");
    else if (family_any(k->c, &family_notify))
        told_all(k);
    else if (is_first(k))
        check_warn(k, "notify",
                   "there is no [notify:NAME]: alerts are shown by supctl alerts, and nobody is "
                   "told; add one, such as [notify:log] with type=log");
}

static bool is_told_all(const struct conf *c)
{
    const struct item *a = family_first(c, &family_alert);
    while (a && item_given(a, "notify"))
        a = a->next;
    return a;
}

void reach_used(struct checker *k)
{
    if (k->c->m.list[MSG_ERROR].n) /* the alert that names it may be one that is wrong */
        return;
    if (!family_any(k->c, &family_alert)) {
        if (is_first(k))
            check_warn(k, "type", "there is no [alert:NAME] that it could tell of");
        return;
    }
    if (!family_names(&family_alert, k->item) && !family_names(&family_notify, k->item) &&
        !is_told_all(k->c))
        check_warn(k, "type",
                   "no alert has it in notify=, and no notifier in fallback=: it is never used");
}

/* ---- who stays quiet behind whom ---- */

void reach_parents(struct checker *k, const struct item *p)
{
    for (size_t n = 0; p && n < k->c->items.n; n++) {
        const char *name = item_text(p, "parent");
        const struct item *up = name ? family_item(k->c, &family_probe, name) : NULL;
        if (up && !family_alerted(up, "probe")) {
            check_warn(k, "probe",
                       "it stays quiet while %s fails, the parent= of %s, and no alert is about "
                       "that: nobody would be told; add [alert:%s] with type=probe and probe=%s",
                       up->name, p->name, up->name, up->name);
            return;
        }
        p = up;
    }
}

/* ---- what passes too soon ---- */

void reach_passes(struct checker *k, int64_t window)
{
    char w[DUR_TEXT], f[DUR_TEXT];
    int64_t hold = alert_opts(k->item)->hold_for;
    if (window <= hold)
        check_warn(k, "window",
                   "what happens once is out of a window of %s before it has lasted for=%s, and "
                   "never fires; write for=0s, or a longer window",
                   dur_format((dur_t){window}, w, sizeof(w)),
                   dur_format((dur_t){hold}, f, sizeof(f)));
}

/* ---- programs ---- */

static bool has_state(const struct str_list *states, const char *state)
{
    for (size_t i = 0; i < states->n; i++) {
        if (strcasecmp(states->v[i], state) == 0)
            return true;
    }
    return false;
}

/* STARTING and BACKOFF take turns: only together do they last. */
static void reach_states(struct checker *k, const struct str_list *states)
{
    static const char *const brief[] = {"STARTING", "BACKOFF", "STOPPING"};
    for (size_t i = 0; states->n == 1 && i < sizeof(brief) / sizeof(brief[0]); i++) {
        if (has_state(states, brief[i]) && alert_opts(k->item)->hold_for > 0)
            check_warn(k, "state",
                       "%s hardly ever lasts as long as for=, and then this never fires; write "
                       "for=0s, or count restarts=",
                       brief[i]);
    }
}

static void reach_options(struct checker *k, const struct prog *p, const struct str_list *states,
                          int64_t restarts)
{
    char retry[DUR_TEXT], f[DUR_TEXT];
    const struct proc_opts *o = &p->o;
    int64_t hold = alert_opts(k->item)->hold_for;
    if (has_state(states, "FATAL") && o->on_fatal.action == GEN_FATAL_RETRY &&
        o->on_fatal.retry_ns <= hold)
        check_warn(
            k, "state",
            "[program:%s] is tried again %s after it is FATAL (on_fatal=), before for=%s has "
            "passed: this never fires; write for=0s",
            p->name, dur_format((dur_t){o->on_fatal.retry_ns}, retry, sizeof(retry)),
            dur_format((dur_t){hold}, f, sizeof(f)));
    if (restarts && o->autorestart == GEN_RESTART_NEVER)
        check_warn(k, "restarts",
                   "[program:%s] has autorestart=false, so supd does not restart it: this never "
                   "fires",
                   p->name);
}

static bool is_alerted(const struct checker *k, const struct dep *d)
{
    bool alerted = false;
    for (const struct item *a = family_first(k->c, &family_alert); a; a = a->next) {
        const char *about = item_text(a, "program");
        alerted |= about && (strcmp(about, d->name) == 0 || strcmp(about, d->group->name) == 0);
    }
    return alerted;
}

/* A program stays quiet while one that it depends on is down. */
static void reach_causes(struct checker *k, const struct prog *p)
{
    VEC_EACH (&p->deps, i) {
        const char *cause = p->deps.v[i].name;
        if (p->deps.v[i].hard && !is_alerted(k, &p->deps.v[i]))
            check_warn(k, "program",
                       "it stays quiet while %s is down, which [program:%s] depends on, and no "
                       "alert is about that: nobody would be told",
                       cause, p->name);
    }
}

void reach_program(struct checker *k, const char *program, const struct str_list *states,
                   int64_t restarts)
{
    reach_states(k, states);
    VEC_EACH (&k->c->groups, i) {
        const struct group *g = k->c->groups.v[i];
        VEC_EACH (&g->progs, j) {
            if (strcmp(g->name, program) != 0 && strcmp(g->progs.v[j]->name, program) != 0)
                continue;
            reach_options(k, g->progs.v[j], states, restarts);
            reach_causes(k, g->progs.v[j]);
        }
    }
}
