/* What holds notices back: silences, causes that failed, a storm. */
#include "alerts/engine_impl.h"
#include "supervisor/base/log.h"

#include <stdio.h>
#include <string.h>

/* ---- silences ---- */

static const char *const severity_labels[SEVERITIES] = {"severity=info", "severity=warning",
                                                        "severity=critical", "severity=page"};

static uint64_t silence_of(struct engine *e, struct alert *a)
{
    if (!a->labels.n)
        return 0;
    a->labels.v[0] = severity_labels[a->severity];
    return silences_match(&e->silences, &a->labels, engine_now(e));
}

/* ---- causes ---- */

static void ask_probe(struct engine *e, uint32_t node)
{
    const char *name = e->node_names.v[node];
    if (name[0] != 'b')
        return;
    VEC_PUSH(&e->to_probe, mem_strdup(name + 1));
    engine_later(e);
}

void gate_run_probes(struct engine *e)
{
    VEC(char *) list = {e->to_probe.v, e->to_probe.n, e->to_probe.cap};
    memset(&e->to_probe, 0, sizeof(e->to_probe));
    VEC_EACH (&list, i) {
        e->ops->run_probe(e->obj, list.v[i]);
        free(list.v[i]);
    }
    VEC_FINI(&list);
}

/* What was explained gets the time of its for= once more when its cause is over: it, too, needs a
 * moment to be well again. */
static void cause_is_over(struct engine *e, struct alert *a, wall_t now)
{
    dur_t wait = a->spec.hold_for.ns > SUPPRESS_WAIT.ns ? a->spec.hold_for : SUPPRESS_WAIT;
    a->behind = false;
    a->grace = wall_add(now, wait);
    ask_probe(e, a->node);
}

static void find_cause(struct engine *e, struct alert *a, wall_t now, struct life_gates *out)
{
    suppress_ask(&e->suppress, a->node, a->life.since, now, &e->verdict);
    VEC_EACH (&e->verdict.probe, i)
        ask_probe(e, e->verdict.probe.v[i]);
    if (e->verdict.answer == SUPPRESS_BEHIND) {
        out->inhibitor = e->verdict.root + UINT64_C(1);
        a->behind = true;
        return;
    }
    if (a->behind)
        cause_is_over(e, a, now);
    if (e->verdict.answer == SUPPRESS_WAITS)
        out->hold = e->verdict.until;
    if (a->grace.ns > out->hold.ns)
        out->hold = a->grace;
}

const char *gate_inhibitor_name(const struct engine *e, uint64_t id)
{
    if (!id)
        return NULL;
    if (id == INHIBITOR_STORM)
        return "the storm of alerts";
    return id <= e->node_names.n ? e->node_names.v[id - 1] + 1 : NULL;
}

static bool alert_fails(const struct alert *a)
{
    return a->life.state == LIFE_PENDING || a->life.state == LIFE_FIRING;
}

/* An alert that is pending or firing makes its node a failed one, whatever the probe said. */
static bool node_alerted(struct engine *e, uint32_t node)
{
    bind_links(e);
    for (const struct alert *a = e->node_alerts.v[node]; a; a = a->next_of_node) {
        if (alert_fails(a))
            return true;
    }
    return false;
}

static bool has_children(const struct engine *e, uint32_t node)
{
    return e->suppress.nodes.v[node].is_parent;
}

/* Those that are not OK look at their gates again. */
static void recheck(struct engine *e)
{
    wall_t now = engine_now(e);
    VEC_EACH (&e->order, i) {
        struct alert *a = e->order.v[i];
        if (a->node == SUPPRESS_NONE || a->life.state == LIFE_OK)
            continue;
        a->due = now;
        engine_at(e, now);
    }
}

void gate_found(struct engine *e, uint32_t node, bool failed)
{
    const struct suppress_node *n = &e->suppress.nodes.v[node];
    failed |= node_alerted(e, node);
    bool news = failed != n->failed || n->seen.ns <= n->asked.ns;
    suppress_found(&e->suppress, node, failed, engine_now(e));
    if (news && has_children(e, node))
        recheck(e);
}

/* Its `seen` stays: that is as old as its probe's last result. */
void gate_alert_changed(struct engine *e, struct alert *a)
{
    if (a->node == SUPPRESS_NONE || a->origin != FROM_CONF)
        return;
    struct suppress_node *n = &e->suppress.nodes.v[a->node];
    bool failed = facts_node_fails(e, a->node) || node_alerted(e, a->node);
    if (failed == n->failed)
        return;
    n->failed = failed;
    if (has_children(e, a->node))
        recheck(e);
}

/* ---- storms ---- */

static bool told_any(const struct alert *a)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (a->life.ch[i].id && life_told(&a->life, a->life.ch[i].id))
            return true;
    }
    return false;
}

static bool of_conf(const struct alert *a)
{
    return a->origin == FROM_CONF || a->origin == FROM_NODATA || a->origin == FROM_CERT;
}

static bool of_storm(const struct engine *e, const struct alert *a)
{
    wall_t from = wall_add(e->storm.since, (dur_t){-STORM_WINDOW.ns});
    return of_conf(a) && life_firing(&a->life) && a->life.fired.ns >= from.ns;
}

static const char *root_of(const struct engine *e, const struct alert *a)
{
    return a->life.inhibitor == INHIBITOR_STORM ? NULL : gate_inhibitor_name(e, a->life.inhibitor);
}

/* How many alerts of the storm fire still. */
size_t gate_describe_storm(struct engine *e, struct str *out)
{
    VEC(struct digest_item) items = VEC_INIT;
    VEC_EACH (&e->order, i) {
        const struct alert *a = e->order.v[i];
        if (!of_storm(e, a))
            continue;
        VEC_PUSH(&items, (struct digest_item){a->name, root_of(e, a)});
    }
    size_t n = items.n;
    digest_text(items.v, n, out);
    VEC_FINI(&items);
    return n;
}

static enum severity gravest_of_storm(const struct engine *e)
{
    enum severity s = SEV_INFO;
    VEC_EACH (&e->order, i) {
        const struct alert *a = e->order.v[i];
        s = of_storm(e, a) && a->severity > s ? a->severity : s;
    }
    return s;
}

static void storm_changed(struct engine *e, bool on)
{
    struct str text = STR_INIT;
    if (on)
        e->storm_alert->severity = gravest_of_storm(e);
    gate_describe_storm(e, &text);
    e->counts.storms += on;
    log_warn("alerts: %s: %s", on ? "a storm begins" : "the storm is over", str_text(&text));
    eval_own(e, e->storm_alert, on, str_text(&text));
    if (!on)
        e->storm_alert->severity = SEV_INFO;
    store_storm(e);
    str_fini(&text);
    eval_all_soon(e);
}

/* Only what would be told now counts, and once in an episode. */
static void count_for_storm(struct engine *e, struct alert *a, wall_t now)
{
    if (a->life.state != LIFE_FIRING || a->counted == a->life.episode || a->life.acked)
        return;
    a->counted = a->life.episode;
    if (told_any(a))
        return;
    bool begins = storm_fired(&e->storm, now);
    store_storm(e);
    if (begins)
        storm_changed(e, true);
}

/* It holds back something graver than it is itself: then it grows as grave, so that those are told
 * of it who want to hear of nothing less. */
static void storm_grows(struct engine *e, const struct alert *a)
{
    struct str text = STR_INIT;
    if (a->severity <= e->storm_alert->severity)
        return;
    e->storm_alert->severity = a->severity;
    gate_describe_storm(e, &text);
    eval_own(e, e->storm_alert, true, str_text(&text));
    str_fini(&text);
}

static void find_storm(struct engine *e, struct alert *a, wall_t now, struct life_gates *out)
{
    if (!of_conf(a))
        return;
    if (out->silence || out->inhibitor || out->hold.ns > now.ns)
        return;
    count_for_storm(e, a, now);
    if (!e->storm.on || !of_storm(e, a) || told_any(a))
        return;
    out->inhibitor = INHIBITOR_STORM;
    storm_grows(e, a);
}

/* ---- all ---- */

void gate_find(struct engine *e, struct alert *a, struct life_gates *out)
{
    wall_t now = engine_now(e);
    *out = (struct life_gates){.silence = silence_of(e, a)};
    if (alert_fails(a) && a->node != SUPPRESS_NONE)
        find_cause(e, a, now, out);
    else
        a->behind = false;
    find_storm(e, a, now, out);
}

static void silence_gone(void *obj, uint64_t id)
{
    char key[24];
    snprintf(key, sizeof(key), "%016llx", (unsigned long long)id);
    store_del(obj, "silence", key);
}

static wall_t silences_next(const struct engine *e)
{
    return silences_deadline(&e->silences, engine_now(e));
}

void gate_time(struct engine *e)
{
    wall_t now = engine_now(e);
    struct str text = STR_INIT;
    if (!e->ready)
        return;
    if (wall_reached(e->silences_due, now)) {
        silences_purge(&e->silences, now, DUR_S(5 * 86400), silence_gone, e);
        eval_all_soon(e);
    }
    e->silences_due = silences_next(e);
    if (e->storm.on && storm_calms(&e->storm, gate_describe_storm(e, &text), now))
        storm_changed(e, false);
    str_fini(&text);
}

wall_t gate_deadline(const struct engine *e)
{
    return wall_min(e->silences_due, storm_deadline(&e->storm, engine_now(e)));
}
