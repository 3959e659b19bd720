/* The feed's windows, written down and read back. For each metric: its name, its totals, its window
 * and its timers, each with a length; window.c and timers.c check their own bytes. */
#include "alerts/feed_impl.h"

#include <string.h>

enum { MAGIC = 0x64656566, VERSION = 2 };
struct head {
    uint32_t magic, version, metrics, processes;
    uint64_t instance; /* of the supd whose counters those of the processes are */
};
struct entry {
    uint32_t name, window, timers; /* bytes that follow */
    uint64_t ok, err;
};

static void save_one(struct metric_state *m, mono_t now, wall_t wall, struct str *out)
{
    struct str w = STR_INIT, t = STR_INIT;
    window_save(m->m.window, now, wall, &w);
    if (m->m.timers)
        timers_save(m->m.timers, now, wall, &t);
    struct entry en;
    memset(&en, 0, sizeof(en));
    en.name = (uint32_t)strlen(m->name);
    en.window = (uint32_t)w.len;
    en.timers = (uint32_t)t.len;
    en.ok = m->m.ok;
    en.err = m->m.err;
    str_put(out, &en, sizeof(en));
    str_put(out, m->name, en.name);
    str_put(out, str_text(&w), w.len);
    str_put(out, str_text(&t), t.len);
    str_fini(&w);
    str_fini(&t);
}

void feed_save(struct feed *f, mono_t now, wall_t wall, struct str *out)
{
    struct str seen = STR_INIT;
    bool counts = false;
    VEC_EACH (&f->order, i)
        counts |= metric_is_exits(f->order.v[i]);
    struct head h = {MAGIC, VERSION, (uint32_t)f->order.n, 0, f->instance};
    if (counts)
        h.processes = feed_seen_save(f, &seen);
    str_put(out, &h, sizeof(h));
    VEC_EACH (&f->order, i)
        save_one(f->order.v[i], now, wall, out);
    str_put(out, str_text(&seen), seen.len);
    str_fini(&seen);
}

struct reader {
    const char *p;
    size_t n;
    mono_t now;
    wall_t wall;
    bool same; /* supd has counted on since */
};

static const char *take(struct reader *r, size_t n)
{
    const char *p = r->p;
    if (n > r->n)
        return NULL;
    r->p += n;
    r->n -= n;
    return p;
}

/* Both or none: a percentile without its counts would be judged wrongly. */
static void adopt(struct metric_state *m, const struct entry *en, const char *body,
                  const struct reader *r)
{
    bool own = m->m.item->family == &family_metric;
    dur_t cell = own ? (dur_t){metric_opts(m->m.item)->cell} : WINDOW_CELL;
    struct err e;
    struct timers *t = NULL;
    bool exits = metric_is_exits(m);
    struct window *w = exits && r->same
                           ? window_restore_known(body, en->window, cell, r->now, r->wall, &e)
                           : window_restore(body, en->window, cell, r->now, r->wall, &e);
    if (m->m.timers)
        t = timers_restore(body + en->window, en->timers, cell, r->now, r->wall, &e);
    if (!w || !t != !m->m.timers) {
        window_free(&w);
        timers_free(&t);
        return;
    }
    window_free(&m->m.window);
    timers_free(&m->m.timers);
    m->m.window = w;
    m->m.timers = t;
    m->restored = true;
    m->m.ok = en->ok + (exits ? 0 : m->m.ok); /* exits: what came since is counted again */
    m->m.err = en->err + (exits ? 0 : m->m.err);
}

static bool restore_one(struct feed *f, struct reader *r)
{
    struct entry en;
    struct metric_state *m = NULL;
    const char *p = take(r, sizeof(en));
    if (!p)
        return false;
    memcpy(&en, p, sizeof(en));
    const char *name = take(r, en.name);
    const char *body = name ? take(r, (size_t)en.window + en.timers) : NULL;
    if (!body)
        return false;
    HASH_FIND(hh, f->metrics, name, en.name, m);
    if (m)
        adopt(m, &en, body, r);
    return true;
}

int feed_restore(struct feed *f, const void *p, size_t n, mono_t now, wall_t wall, struct err *e)
{
    struct reader r = {p, n, now, wall, false};
    struct head h;
    const char *head = take(&r, sizeof(h));
    if (head)
        memcpy(&h, head, sizeof(h));
    if (!head || h.magic != MAGIC || h.version != VERSION)
        return err_set(e, "not saved windows of this version");
    VEC_EACH (&f->order, i)
        f->order.v[i]->restored = false;
    r.same = h.instance && h.instance == f->instance;
    for (uint32_t i = 0; i < h.metrics; i++) {
        if (!restore_one(f, &r))
            return err_set(e, "the saved windows are damaged");
    }
    if (f->instance && !feed_seen_restore(f, now, r.p, r.n, h.processes, r.same))
        return err_set(e, "the saved windows are damaged");
    return 0;
}
