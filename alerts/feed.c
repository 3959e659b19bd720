/* The feed: which metrics there are, what each is about, and everything that is counted but text.
 */
#include "alerts/feed_impl.h"
#include "alerts/rules/rule.h"

#include <string.h>

struct feed *feed_new(void)
{
    return mem_zalloc(sizeof(struct feed));
}

/* ---- subjects ---- */

static struct subject *find_subject(const struct feed *f, char kind, const char *name, size_t n)
{
    char key[STATSD_NAME_MAX + 2];
    struct subject *s = NULL;
    if (n > STATSD_NAME_MAX)
        return NULL;
    key[0] = kind;
    memcpy(key + 1, name, n);
    HASH_FIND(hh, f->subjects, key, n + 1, s);
    return s;
}

struct subject *feed_subject(struct feed *f, char kind, const char *name)
{
    size_t n = strlen(name);
    struct subject *s = find_subject(f, kind, name, n);
    if (s || n > STATSD_NAME_MAX)
        return s;
    s = mem_zalloc(sizeof(*s));
    s->key = mem_alloc(n + 2);
    s->key[0] = kind;
    memcpy(s->key + 1, name, n + 1);
    HASH_ADD_KEYPTR(hh, f->subjects, s->key, n + 1, s);
    return s;
}

static void drop_unused(struct feed *f)
{
    struct subject *s, *next;
    HASH_ITER(hh, f->subjects, s, next)
    {
        if (s->uses.n || s->streams)
            continue;
        HASH_DEL(f->subjects, s);
        VEC_FINI(&s->uses);
        free(s->key);
        free(s);
    }
}

static void use(struct feed *f, char kind, const char *name, struct metric_state *m, enum role role)
{
    struct subject *s = name ? feed_subject(f, kind, name) : NULL;
    if (s)
        VEC_PUSH(&s->uses, (struct use){m, role});
}

/* ---- metrics ---- */

static void metric_free(struct metric_state *m)
{
    window_free(&m->m.window);
    timers_free(&m->m.timers);
    pattern_free(&m->total);
    pattern_free(&m->errors);
    free(m->name);
    free(m);
}

static int compile(struct metric_state *m, const char *option, const char *text,
                   struct pattern **out, struct err *e)
{
    if (!text)
        return 0;
    *out = pattern_new(text, e);
    return *out ? 0 : err_prefix(e, "%s.%s", m->m.item->section, option);
}

static struct metric_state *metric_new(const struct item *it, const char *name, mono_t now,
                                       struct err *e)
{
    struct metric_state *m = mem_zalloc(sizeof(*m));
    bool own = it->family == &family_metric;
    dur_t cell = own ? (dur_t){metric_opts(it)->cell} : WINDOW_CELL;
    m->name = mem_strdup(name);
    m->m = (struct metric){.item = it, .name = m->name, .internal = m};
    if (own && it->kind == &metric_kind_lines) {
        const struct metric_lines *o = it->own;
        m->stream = o->stream;
        if (compile(m, "total", o->total, &m->total, e) < 0 ||
            compile(m, "errors", o->errors, &m->errors, e) < 0) {
            metric_free(m);
            return NULL;
        }
    }
    m->m.window = window_new(cell, now);
    if (own && it->kind == &metric_kind_timer)
        m->m.timers = timers_new(cell, now);
    return m;
}

static struct metric_state *find_metric(const struct feed *f, const char *name)
{
    struct metric_state *m = NULL;
    HASH_FIND_STR(f->metrics, name, m);
    return m;
}

/* The alerts whose restarts have to be counted for them. */
static bool is_hidden(const struct item *it)
{
    return it->kind == &alert_kind_program && ((const struct alert_program *)it->own)->restarts;
}

/* ---- loading ---- */

/* The new order of metrics: an old one that is the same, or a new one. */
static int load_one(const struct feed *f, struct feed *next, const struct item *it, mono_t now,
                    struct err *e)
{
    struct str name = STR_INIT;
    str_printf(&name, "%s%s", it->family == &family_metric ? "" : "alert:", it->name);
    struct metric_state *m = find_metric(f, str_text(&name));
    if (!m || !item_same(m->m.item, it))
        m = metric_new(it, str_text(&name), now, e);
    str_fini(&name);
    if (m)
        VEC_PUSH(&next->order, m);
    return m ? 0 : -1;
}

static void use_counter(struct feed *f, struct metric_state *m, const struct metric_counter *o)
{
    use(f, 's', o->counter, m, ROLE_OK);
    use(f, 's', o->ok, m, ROLE_OK);
    use(f, 's', o->total, m, ROLE_TOTAL);
    use(f, 's', o->errors, m, ROLE_ERRORS);
}

static void use_all(struct feed *f, struct metric_state *m)
{
    const struct kind *k = m->m.item->kind;
    const void *own = m->m.item->own;
    if (k == &metric_kind_lines) {
        use(f, 'p', ((const struct metric_lines *)own)->program, m, ROLE_TEXT);
    } else if (k == &metric_kind_exits) {
        const struct metric_exits *o = own;
        use(f, 'p', o->program, m, o->of == METRIC_EXITS ? ROLE_EXITS : ROLE_RESTARTS);
    } else if (k == &metric_kind_probe) {
        use(f, 'b', ((const struct metric_probe *)own)->probe, m, ROLE_PROBE);
    } else if (k == &metric_kind_counter) {
        use_counter(f, m, own);
    } else if (k == &metric_kind_timer) {
        use(f, 's', ((const struct metric_timer *)own)->timer, m, ROLE_TIMER);
    } else if (k == &alert_kind_program) {
        use(f, 'p', ((const struct alert_program *)own)->program, m, ROLE_RESTARTS);
    }
}

/* Those of `order` that the feed does not have, or all of the feed that order does not have. */
static bool has(const struct feed *f, const struct metric_state *m)
{
    return find_metric(f, m->name) == m;
}

static void load_failed(const struct feed *f, struct feed *next)
{
    VEC_EACH (&next->order, i) {
        if (!has(f, next->order.v[i]))
            metric_free(next->order.v[i]);
    }
    VEC_FINI(&next->order);
}

static bool in_order(const struct feed *next, const struct metric_state *m)
{
    struct metric_state *found = find_metric(next, m->name);
    return found == m;
}

static void adopt(struct feed *f, struct feed *next, const struct agentgen *g)
{
    struct metric_state *m, *after;
    size_t n = 0;
    /* uthash's handle lies in the metric: out of the old table first */
    VEC(struct metric_state *) old = VEC_INIT;
    HASH_ITER(hh, f->metrics, m, after)
    {
        VEC_PUSH(&old, m);
        HASH_DEL(f->metrics, m);
    }
    VEC_EACH (&next->order, i)
        HASH_ADD_KEYPTR(hh, next->metrics, next->order.v[i]->name, strlen(next->order.v[i]->name),
                        next->order.v[i]);
    VEC_EACH (&old, i) {
        if (!in_order(next, old.v[i]))
            metric_free(old.v[i]);
    }
    VEC_FINI(&old);
    VEC_FINI(&f->order);
    f->metrics = next->metrics;
    f->order.v = next->order.v;
    f->order.n = next->order.n;
    f->order.cap = next->order.cap;
    VEC_EACH (&g->conf->items, i) {
        const struct item *it = g->conf->items.v[i];
        if (it->family == &family_metric || is_hidden(it))
            f->order.v[n++]->m.item = it;
    }
}

int feed_load(struct feed *f, const struct agentgen *g, mono_t now, struct err *e)
{
    struct feed next = {.metrics = NULL};
    struct subject *s, *after;
    VEC_EACH (&g->conf->items, i) {
        const struct item *it = g->conf->items.v[i];
        if ((it->family == &family_metric || is_hidden(it)) && load_one(f, &next, it, now, e) < 0) {
            load_failed(f, &next);
            return -1;
        }
    }
    adopt(f, &next, g);
    HASH_ITER(hh, f->subjects, s, after)
    s->uses.n = 0;
    VEC_EACH (&f->order, i)
        use_all(f, f->order.v[i]);
    drop_unused(f);
    return 0;
}

void feed_free(struct feed **fp)
{
    struct feed *f = *fp;
    struct metric_state *m, *after;
    struct subject *s, *next;
    *fp = NULL;
    if (!f)
        return;
    HASH_ITER(hh, f->metrics, m, after)
    {
        HASH_DEL(f->metrics, m);
        metric_free(m);
    }
    HASH_ITER(hh, f->subjects, s, next)
    s->uses.n = 0;
    drop_unused(f);
    VEC_FINI(&f->order);
    feed_seen_free(f);
    free(f);
}

const struct metric *feed_metric(const struct feed *f, const char *name)
{
    struct metric_state *m = find_metric(f, name);
    return m ? &m->m : NULL;
}

const struct metric *feed_at(const struct feed *f, size_t i)
{
    return i < f->order.n ? &f->order.v[i]->m : NULL;
}

/* ---- counting ---- */

void metric_count(struct metric_state *m, mono_t now, uint32_t ok, uint32_t err)
{
    if (!ok && !err)
        return;
    m->m.ok += ok;
    m->m.err += err;
    m->counted += (uint64_t)ok + err;
    window_add(m->m.window, now, ok, err);
}

#define LOST_MOST 1e12
void metric_lost(struct metric_state *m, mono_t last, mono_t now, double samples)
{
    mono_t least = mono_add(now, DUR_S(-1)), most = mono_add(now, DUR_S(-10));
    mono_t from = last.ns < least.ns ? last : least;
    samples = samples < 1 ? 1 : samples < LOST_MOST ? samples : LOST_MOST;
    window_lost(m->m.window, from.ns > most.ns ? from : most, now, samples);
}

static void count_role(const struct subject *s, mono_t now, enum role role,
                       const uint32_t counts[2], bool restored)
{
    for (size_t i = 0; s && i < s->uses.n; i++) {
        const struct use *u = &s->uses.v[i];
        if (u->role == role && (!restored || u->metric->restored))
            metric_count(u->metric, now, counts[0], counts[1]);
    }
}

void feed_count_program(struct feed *f, mono_t now, const struct feed_seen *s, enum role role,
                        const uint32_t counts[2], bool restored)
{
    const struct subject *p = find_subject(f, 'p', s->program, strlen(s->program));
    const struct subject *g = find_subject(f, 'p', s->group, strlen(s->group));
    count_role(p, now, role, counts, restored);
    if (g != p)
        count_role(g, now, role, counts, restored);
}

void feed_probe(struct feed *f, mono_t now, const char *probe, bool ok)
{
    count_role(find_subject(f, 'b', probe, strlen(probe)), now, ROLE_PROBE, (uint32_t[]){ok, !ok},
               false);
}

bool metric_is_exits(const struct metric_state *m)
{
    const struct kind *k = m->m.item->kind;
    return k == &metric_kind_exits || k == &alert_kind_program;
}

void feed_gap(struct feed *f, mono_t from, mono_t now)
{
    VEC_EACH (&f->order, i) {
        if (!metric_is_exits(f->order.v[i])) /* supd counts on */
            window_dark(f->order.v[i]->m.window, from, now);
    }
}
