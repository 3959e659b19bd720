/* StatsD's samples to metrics. */
#include "alerts/feed_impl.h"

#include <string.h>

/* The whole part of what has come together; the rest stays. At most 2^32-1 at once. */
static uint32_t whole(double *part, double more)
{
    *part += more;
    if (*part >= (double)UINT32_MAX) {
        *part = 0;
        return UINT32_MAX;
    }
    uint32_t n = (uint32_t)*part;
    *part -= n;
    return n;
}

static bool has_tags(const struct statsd_sample *s, const struct str_list *tags)
{
    for (size_t i = 0; i < tags->n; i++) {
        if (!statsd_has_tag(s, tags->v[i]))
            return false;
    }
    return true;
}

/* The counter of all requests: what of it was counted as an error already is no success. Errors may
 * come before or after their total; over a window it comes out right. */
static void count_total(struct metric_state *m, mono_t now, uint32_t n)
{
    uint64_t errors = m->owed < n ? m->owed : n;
    m->owed -= errors;
    metric_count(m, now, n - (uint32_t)errors, 0);
}

static void counter(const struct use *u, mono_t now, const struct statsd_sample *s)
{
    struct metric_state *m = u->metric;
    const struct metric_counter *o = m->m.item->own;
    double n = s->value * s->weight;
    if (!has_tags(s, &o->tags))
        return;
    if (u->role == ROLE_ERRORS) {
        uint32_t errors = whole(&m->part_err, n);
        m->owed += o->total ? errors : 0;
        metric_count(m, now, 0, errors);
    } else if (u->role == ROLE_TOTAL) {
        count_total(m, now, whole(&m->part_ok, n));
    } else {
        metric_count(m, now, whole(&m->part_ok, n), 0);
    }
}

static void timer(const struct use *u, mono_t now, const struct statsd_sample *s)
{
    struct metric_state *m = u->metric;
    const struct metric_timer *o = m->m.item->own;
    double ns = s->value * 1e6;
    if (!has_tags(s, &o->tags))
        return;
    bool slow = o->over && ns > (double)o->over;
    uint32_t n = whole(slow ? &m->part_err : &m->part_ok, s->weight);
    if (!n)
        return;
    timers_add(m->m.timers, now, ns < (double)HIST_MAX_NS ? (int64_t)ns : HIST_MAX_NS, n);
    metric_count(m, now, slow ? 0 : n, slow ? n : 0);
}

struct taking {
    struct feed *f;
    mono_t now;
};

static void take(void *obj, const struct statsd_sample *s)
{
    struct taking *t = obj;
    struct subject *found = NULL;
    char key[STATSD_NAME_MAX + 1] = "s";
    memcpy(key + 1, s->name, s->name_len);
    HASH_FIND(hh, t->f->subjects, key, s->name_len + 1, found);
    for (size_t i = 0; found && i < found->uses.n; i++) {
        const struct use *u = &found->uses.v[i];
        if (u->role == ROLE_TIMER && s->type == STATSD_TIMER)
            timer(u, t->now, s);
        else if (u->role != ROLE_TIMER && s->type == STATSD_COUNTER)
            counter(u, t->now, s);
    }
}

void feed_statsd(struct feed *f, mono_t now, const char *p, size_t n)
{
    struct taking t = {f, now};
    statsd_parse(p, n, &f->statsd, take, &t);
    f->statsd_last = now;
    f->datagrams++;
}

/* Each may have been one for this metric, with as much as all of them have brought it so far. */
static double samples_in(const struct feed *f, const struct metric_state *m, uint64_t datagrams)
{
    double each = f->datagrams ? (double)m->counted / (double)f->datagrams : 1;
    return (double)datagrams * (each > 1 ? each : 1);
}

void feed_statsd_lost(struct feed *f, mono_t now, uint64_t n)
{
    VEC_EACH (&f->order, i) {
        struct metric_state *m = f->order.v[i];
        if (n && (m->m.item->kind == &metric_kind_counter || m->m.timers))
            metric_lost(m, f->statsd_last, now, samples_in(f, m, n));
    }
}

struct statsd_counts feed_statsd_counts(const struct feed *f)
{
    return f->statsd;
}
