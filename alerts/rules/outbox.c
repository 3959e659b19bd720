/* The outbox: rows, attempts, answers. */
#include "alerts/rules/outbox.h"

#include "supervisor/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* A server that asks for more patience than this is asked again all the same. */
#define RETRY_AFTER_MAX DUR_S(3600)
#define PARKED 2 /* row.unsure */

/* ---- small things ---- */

static struct outbox_action *act(struct outbox_out *out, enum outbox_action_kind kind,
                                 const struct outbox_row *row)
{
    VEC_PUSH(&out->v, (struct outbox_action){.kind = kind});
    struct outbox_action *a = &out->v.v[out->v.n - 1];
    if (row) {
        a->row = *row;
        a->channel = row->channel;
        a->seq = row->seq;
        a->tell = (enum tell_what)row->tell;
    }
    return a;
}

static struct outbox_channel *channel(const struct outbox *o, uint32_t id)
{
    VEC_EACH (&o->channels, i) {
        if (o->channels.v[i].id == id)
            return &o->channels.v[i];
    }
    return NULL;
}

static size_t find(const struct outbox *o, uint64_t id)
{
    size_t lo = 0, hi = o->rows.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (o->rows.v[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static bool same_alert(const struct outbox_row *a, const struct outbox_row *b)
{
    return a->channel == b->channel && strcmp(a->key, b->key) == 0;
}

/* FNV-1a of what same_alert compares */
static uint32_t mark_of(const struct outbox_row *r)
{
    uint32_t h = 2166136261U ^ r->channel;
    for (const char *p = r->key; *p; p++)
        h = (h ^ (unsigned char)*p) * 16777619U;
    return h;
}

static bool untried(const struct outbox_row *r)
{
    return r->state == OUT_QUEUED && r->attempts == 0;
}

static bool minor(const struct outbox_row *r)
{
    return r->tell != TELL_TRIGGER && r->tell != TELL_RESOLVE;
}

static void drop_row(struct outbox *o, size_t i, struct outbox_out *out)
{
    act(out, OUTBOX_REMOVE, &o->rows.v[i]);
    o->rows.n--;
    o->marks.n--;
    memmove(&o->rows.v[i], &o->rows.v[i + 1], (o->rows.n - i) * sizeof(o->rows.v[0]));
    memmove(&o->marks.v[i], &o->marks.v[i + 1], (o->marks.n - i) * sizeof(o->marks.v[0]));
}

/* Puts a row at place i, and its mark. */
static struct outbox_row *insert_row(struct outbox *o, size_t i, const struct outbox_row *row)
{
    VEC_PUSH(&o->rows, *row);
    VEC_PUSH(&o->marks, 0);
    memmove(&o->rows.v[i + 1], &o->rows.v[i], (o->rows.n - 1 - i) * sizeof(o->rows.v[0]));
    memmove(&o->marks.v[i + 1], &o->marks.v[i], (o->marks.n - 1 - i) * sizeof(o->marks.v[0]));
    o->rows.v[i] = *row;
    o->marks.v[i] = mark_of(row);
    return &o->rows.v[i];
}

/* Tells the alert what became of a row. A pair is answered as its resolve: between two answers the
 * alert would find a debt and pay it. */
static void answer(const struct outbox_row *r, bool delivered, struct outbox_out *out)
{
    struct outbox_action *a = act(out, OUTBOX_ANSWER, r);
    a->delivered = delivered;
    a->unsure = !delivered && r->unsure && !r->folded;
    if (r->folded) {
        a->tell = TELL_RESOLVE;
        a->seq = r->folded_seq;
    }
}

static struct outbox_row *push_row(struct outbox *o, const struct outbox_row *row,
                                   struct outbox_out *out)
{
    struct outbox_row *r = insert_row(o, o->rows.n, row);
    r->id = ++o->last_id;
    act(out, OUTBOX_WRITE, r);
    return r;
}

/* ---- losing ---- */

/* What follows a lost trigger up to its resolve is lost with it: nobody was told that it fires. */
static void lose_followers(struct outbox *o, size_t i, const struct outbox_row *lost,
                           struct outbox_out *out)
{
    uint32_t mark = mark_of(lost);
    while (i < o->rows.n) {
        const struct outbox_row *r = &o->rows.v[i];
        if (o->marks.v[i] != mark || !same_alert(r, lost)) {
            i++;
            continue;
        }
        if (r->tell == TELL_TRIGGER)
            return;
        bool last = r->tell == TELL_RESOLVE;
        answer(r, false, out);
        drop_row(o, i, out);
        if (last)
            return;
    }
}

static void lose(struct outbox *o, size_t i, struct outbox_out *out)
{
    struct outbox_row lost = o->rows.v[i];
    answer(&lost, false, out);
    drop_row(o, i, out);
    if (lost.tell == TELL_TRIGGER && !lost.folded && !lost.unsure)
        lose_followers(o, i, &lost, out);
}

/* ---- fallbacks ---- */

/* That it fires is on its way to that channel already. */
static bool trigger_on_way(const struct outbox *o, const struct outbox_row *row, uint32_t to)
{
    struct outbox_row there = *row;
    there.channel = to;
    uint32_t mark = mark_of(&there);
    for (size_t i = o->rows.n; i-- > 0;) {
        const struct outbox_row *r = &o->rows.v[i];
        if (o->marks.v[i] == mark && same_alert(r, &there) && !minor(r))
            return r->tell == TELL_TRIGGER && !r->folded;
    }
    return false;
}

static void fall_back(struct outbox *o, size_t i, wall_t now, struct outbox_out *out)
{
    struct outbox_row *r = &o->rows.v[i];
    const struct outbox_channel *c = channel(o, r->channel);
    bool news = r->tell == TELL_TRIGGER || r->tell == TELL_DIGEST;
    if (r->fell_back || r->copy || !news || !c || !channel(o, c->fallback))
        return;
    r->fell_back = 1;
    act(out, OUTBOX_WRITE, r);
    if (!minor(r) && trigger_on_way(o, r, c->fallback))
        return;
    struct outbox_row copy = *r;
    copy.copy = r->channel;
    copy.channel = c->fallback;
    copy.made = copy.next = now;
    copy.expires = wall_add(now, OUTBOX_TTL);
    copy.sent = WALL_NEVER;
    copy.state = OUT_QUEUED;
    copy.attempts = copy.fell_back = copy.unsure = 0;
    push_row(o, &copy, out);
}

/* The row got through after all: a copy that was not tried is not needed. */
static void drop_copy(struct outbox *o, const struct outbox_row *of, struct outbox_out *out)
{
    for (size_t i = o->rows.n; of->fell_back && i-- > 0;) {
        const struct outbox_row *r = &o->rows.v[i];
        if (r->copy == of->channel && r->seq == of->seq && untried(r) &&
            strcmp(r->key, of->key) == 0)
            drop_row(o, i, out);
    }
}

/* ---- putting ---- */

/* the last trigger of that alert for that channel, or the copy of it for a fallback, if it can take
 * the resolve in */
static size_t foldable(const struct outbox *o, const struct outbox_row *resolve, bool copy)
{
    for (size_t i = o->rows.n; i-- > 0;) {
        const struct outbox_row *r = &o->rows.v[i];
        bool ours = copy ? r->copy == resolve->channel : r->channel == resolve->channel;
        if (!ours || strcmp(r->key, resolve->key) != 0)
            continue;
        if (r->tell == TELL_TRIGGER && untried(r) && !r->folded)
            return i;
        if (r->tell == TELL_TRIGGER || r->tell == TELL_RESOLVE)
            break;
    }
    return o->rows.n;
}

static bool fold(struct outbox *o, const struct outbox_row *resolve, bool copy,
                 struct outbox_out *out)
{
    size_t at = foldable(o, resolve, copy);
    if (at == o->rows.n)
        return false;
    struct outbox_row *t = &o->rows.v[at];
    t->folded = resolve->payload;
    t->folded_seq = resolve->seq;
    act(out, OUTBOX_WRITE, t);
    struct outbox_row like = *t;
    for (size_t i = o->rows.n - 1; i > at; i--) { /* its updates say nothing any more */
        if (same_alert(&o->rows.v[i], &like)) {
            answer(&o->rows.v[i], false, out);
            drop_row(o, i, out);
        }
    }
    return true;
}

/* A pair is on its way that ends the incident anyway: a fallback's, of a later episode than the
 * resolve. If the pair is lost the alert asks again. */
static bool pair_on_way(const struct outbox *o, const struct outbox_row *resolve)
{
    for (size_t i = o->rows.n; i-- > 0;) {
        const struct outbox_row *r = &o->rows.v[i];
        if (same_alert(r, resolve) && (r->tell == TELL_TRIGGER || r->tell == TELL_RESOLVE))
            return r->folded;
    }
    return false;
}

/* Reminders and the like that wait say nothing any more when it is over, and the end, which waits
 * for no limit, must not wait behind them. */
static void drop_minor(struct outbox *o, const struct outbox_row *resolve, struct outbox_out *out)
{
    for (size_t i = o->rows.n; i-- > 0;) {
        const struct outbox_row *r = &o->rows.v[i];
        if (same_alert(r, resolve) && minor(r) && r->state == OUT_QUEUED) {
            answer(r, false, out);
            drop_row(o, i, out);
        }
    }
}

/* It may have arrived, was refused since, and is over: no good in trying it again. */
static bool is_past(const struct outbox_row *r)
{
    return r->unsure == PARKED && r->state == OUT_QUEUED && r->tell == TELL_TRIGGER && !r->folded;
}

static void drop_past(struct outbox *o, const struct outbox_row *resolve, struct outbox_out *out)
{
    for (size_t i = o->rows.n; i-- > 0;) {
        if (is_past(&o->rows.v[i]) && same_alert(&o->rows.v[i], resolve))
            lose(o, i, out);
    }
}

static void make_room(struct outbox *o, struct outbox_out *out)
{
    size_t oldest = o->rows.n;
    if (o->rows.n < OUTBOX_ROWS)
        return;
    VEC_EACH (&o->rows, i) {
        const struct outbox_row *r = &o->rows.v[i];
        bool better = oldest == o->rows.n || (minor(r) && !minor(&o->rows.v[oldest]));
        if (r->state == OUT_QUEUED && better)
            oldest = i;
    }
    if (oldest == o->rows.n)
        return;
    act(out, OUTBOX_DROPPED, &o->rows.v[oldest]);
    lose(o, oldest, out);
}

uint64_t outbox_put(struct outbox *o, const struct outbox_notice *nt, wall_t now,
                    struct outbox_out *out)
{
    struct outbox_row r = {.payload = nt->payload,
                           .made = now,
                           .next = now,
                           .expires = wall_add(now, OUTBOX_TTL),
                           .channel = nt->channel,
                           .seq = nt->seq,
                           .tell = nt->tell,
                           .why = nt->why,
                           .fell_back = nt->no_fallback};
    memcpy(r.key, nt->key, strnlen(nt->key, ALERT_KEY - 1));
    if (!channel(o, nt->channel) || (nt->tell == TELL_RESOLVE && pair_on_way(o, &r))) {
        answer(&r, false, out);
        return 0;
    }
    if (nt->tell == TELL_RESOLVE) {
        fold(o, &r, true, out);
        if (fold(o, &r, false, out))
            return 0;
        drop_minor(o, &r, out);
        drop_past(o, &r, out);
    }
    make_room(o, out);
    return push_row(o, &r, out)->id;
}

/* ---- sending ---- */

/* Begins a pass over the rows that asks first_of_alert of each, in their order. */
static void begin_pass(struct outbox *o)
{
    size_t need = 64;
    while (need < 2 * o->rows.n)
        need *= 2;
    if (need > o->nseen) {
        free(o->seen);
        o->seen = mem_alloc(need * sizeof(o->seen[0]));
        o->nseen = need;
    }
    memset(o->seen, 0, o->nseen * sizeof(o->seen[0]));
}

/* no earlier row of the same alert and channel is still there */
static bool first_of_alert(struct outbox *o, size_t i)
{
    size_t mask = o->nseen - 1;
    for (size_t at = o->marks.v[i] & mask;; at = (at + 1) & mask) {
        size_t j = o->seen[at];
        if (j == 0) {
            o->seen[at] = (uint32_t)i + 1;
            return true;
        }
        if (o->marks.v[j - 1] == o->marks.v[i] && same_alert(&o->rows.v[j - 1], &o->rows.v[i]))
            return false;
    }
}

/* when the row may go, as far as its channel is concerned: a resolve waits for no limit */
static wall_t row_ready(const struct outbox *o, const struct outbox_row *r, wall_t now)
{
    const struct outbox_channel *c = channel(o, r->channel);
    wall_t at = r->next.ns > now.ns ? r->next : now;
    if (r->tell == TELL_RESOLVE || !c)
        return at;
    wall_t limit = bucket_ready(&c->bucket, &c->limit, now);
    return limit.ns > at.ns ? limit : at;
}

static bool needs_fallback(const struct outbox *o, const struct outbox_row *r)
{
    const struct outbox_channel *c = channel(o, r->channel);
    return !r->fell_back && !r->copy && (r->tell == TELL_TRIGGER || r->tell == TELL_DIGEST) && c &&
           channel(o, c->fallback);
}

static void time_passes(struct outbox *o, wall_t now, struct outbox_out *out)
{
    for (size_t i = 0; i < o->rows.n; i++) {
        const struct outbox_row *r = &o->rows.v[i];
        if (!r->fell_back && wall_sub(now, r->made).ns >= OUTBOX_FALLBACK_AGE.ns)
            fall_back(o, i, now, out);
    }
    for (size_t i = 0; i < o->rows.n;) {
        const struct outbox_row *r = &o->rows.v[i];
        if (r->state == OUT_QUEUED && wall_reached(r->expires, now))
            lose(o, i, out);
        else
            i++;
    }
}

const struct outbox_row *outbox_next(struct outbox *o, wall_t now, struct outbox_out *out)
{
    time_passes(o, now, out);
    begin_pass(o);
    VEC_EACH (&o->rows, i) {
        struct outbox_row *r = &o->rows.v[i];
        if (!first_of_alert(o, i) || r->state != OUT_QUEUED || row_ready(o, r, now).ns > now.ns)
            continue;
        struct outbox_channel *c = channel(o, r->channel);
        bucket_force(&c->bucket, &c->limit, now);
        r->state = OUT_SENDING;
        r->attempts++;
        r->sent = now;
        act(out, OUTBOX_WRITE, r);
        return r;
    }
    return NULL;
}

/* ---- answers ---- */

static bool end_waits(const struct outbox *o, size_t i)
{
    for (size_t j = i + 1; j < o->rows.n; j++) {
        if (o->rows.v[j].tell == TELL_RESOLVE && same_alert(&o->rows.v[j], &o->rows.v[i]))
            return true;
    }
    return false;
}

static void delivered(struct outbox *o, size_t i, struct outbox_out *out)
{
    struct outbox_row r = o->rows.v[i];
    struct outbox_channel *c = channel(o, r.channel);
    answer(&r, true, out);
    drop_row(o, i, out);
    drop_copy(o, &r, out);
    if (c && c->refused) {
        c->refused = false;
        act(out, OUTBOX_ACCEPTED, NULL)->channel = c->id;
    }
}

/* It may have arrived before it was refused: the same again, later, unless its end waits. */
static void park(struct outbox *o, size_t i, wall_t now, struct outbox_out *out)
{
    struct outbox_row *r = &o->rows.v[i];
    r->state = OUT_QUEUED;
    r->unsure = PARKED;
    if (is_past(r) && end_waits(o, i)) {
        lose(o, i, out);
        return;
    }
    r->next = wall_add(now, OUTBOX_PARKED);
    act(out, OUTBOX_WRITE, r);
}

static void refused(struct outbox *o, size_t i, wall_t now, struct outbox_out *out)
{
    struct outbox_channel *c = channel(o, o->rows.v[i].channel);
    fall_back(o, i, now, out);
    if (o->rows.v[i].unsure && !minor(&o->rows.v[i]))
        park(o, i, now, out);
    else
        lose(o, i, out);
    if (c && !c->refused) {
        c->refused = true;
        act(out, OUTBOX_REFUSED, NULL)->channel = c->id;
    }
}

/* 1 s * 2^n, at most 5 min, times 0.5 to 1.5 */
static dur_t backoff(struct outbox *o, uint32_t attempts)
{
    int64_t d = OUTBOX_BACKOFF_MAX.ns;
    if (attempts < 10 && OUTBOX_BACKOFF.ns << (attempts - 1) < d)
        d = OUTBOX_BACKOFF.ns << (attempts - 1);
    return (dur_t){d / 2 + (int64_t)rng_below(&o->rng, (uint64_t)d)};
}

static void failed(struct outbox *o, size_t i, dur_t after, wall_t now, struct outbox_out *out)
{
    struct outbox_row *r = &o->rows.v[i];
    if (after.ns > RETRY_AFTER_MAX.ns)
        after = RETRY_AFTER_MAX;
    r->state = OUT_QUEUED;
    r->unsure = r->unsure != 0;
    r->next = wall_add(now, after.ns > 0 ? after : backoff(o, r->attempts));
    act(out, OUTBOX_WRITE, r);
    if (r->attempts >= OUTBOX_FALLBACK_FAILURES)
        fall_back(o, i, now, out);
}

void outbox_result(struct outbox *o, uint64_t id, enum outbox_result res, dur_t retry_after,
                   wall_t now, struct outbox_out *out)
{
    size_t i = find(o, id);
    if (i == o->rows.n || o->rows.v[i].id != id || o->rows.v[i].state != OUT_SENDING)
        return;
    struct outbox_row *r = &o->rows.v[i];
    switch (res) {
    case OUT_DELIVERED:
        delivered(o, i, out);
        break;
    case OUT_REFUSED:
        refused(o, i, now, out);
        break;
    case OUT_UNCLEAR:
        r->unsure = 1;
        failed(o, i, retry_after, now, out);
        break;
    case OUT_FAILED:
        failed(o, i, retry_after, now, out);
        break;
    case OUT_UNSENT:
        r->attempts--;
        failed(o, i, OUTBOX_BACKOFF, now, out);
        break;
    }
}

/* ---- when ---- */

static wall_t row_deadline(struct outbox *o, size_t i, wall_t now)
{
    const struct outbox_row *r = &o->rows.v[i];
    bool first = first_of_alert(o, i);
    wall_t at = WALL_NEVER;
    if (needs_fallback(o, r))
        at = wall_add(r->made, OUTBOX_FALLBACK_AGE);
    if (r->state != OUT_QUEUED)
        return at;
    at = wall_min(at, r->expires);
    wall_t ready = row_ready(o, r, now);
    return ready.ns < at.ns && first ? ready : at;
}

wall_t outbox_deadline(struct outbox *o, wall_t now)
{
    wall_t at = WALL_NEVER;
    begin_pass(o);
    for (size_t i = 0; i < o->rows.n && (!at.ns || at.ns > now.ns); i++)
        at = wall_min(at, row_deadline(o, i, now));
    return at;
}

/* ---- channels ---- */

void outbox_channels(struct outbox *o, const struct outbox_channel *v, size_t n,
                     struct outbox_out *out)
{
    VEC(struct outbox_channel) old = {o->channels.v, o->channels.n, o->channels.cap};
    memset(&o->channels, 0, sizeof(o->channels));
    for (size_t i = 0; i < n; i++) {
        struct outbox_channel c = v[i];
        c.bucket = (struct bucket){0};
        c.refused = false;
        VEC_EACH (&old, j) {
            if (old.v[j].id != c.id)
                continue;
            c.bucket = old.v[j].bucket;
            c.refused = old.v[j].refused;
        }
        VEC_PUSH(&o->channels, c);
    }
    VEC_FINI(&old);
    for (size_t i = 0; i < o->rows.n;) {
        if (channel(o, o->rows.v[i].channel))
            i++;
        else
            lose(o, i, out);
    }
}

/* ---- after a restart ---- */

void outbox_restore(struct outbox *o, const struct outbox_row *row, wall_t now)
{
    struct outbox_row *r = insert_row(o, find(o, row->id), row);
    if (r->state == OUT_SENDING) { /* tried, but that we were killed is no failure of theirs */
        r->unsure = 1;
        r->attempts -= r->attempts > 1;
    }
    r->state = OUT_QUEUED;
    /* the clock may have been set back between the two runs */
    wall_t latest = wall_add(now, RETRY_AFTER_MAX), end = wall_add(now, OUTBOX_TTL);
    r->made = r->made.ns > now.ns ? now : r->made;
    r->next = r->next.ns > latest.ns ? latest : r->next;
    r->expires = r->expires.ns > end.ns ? end : r->expires;
    outbox_restored(o, row->id);
}

void outbox_restored(struct outbox *o, uint64_t last_id)
{
    if (last_id > o->last_id)
        o->last_id = last_id;
}

void outbox_out_fini(struct outbox_out *out)
{
    VEC_FINI(&out->v);
}

void outbox_fini(struct outbox *o)
{
    VEC_FINI(&o->rows);
    VEC_FINI(&o->marks);
    VEC_FINI(&o->channels);
    free(o->seen);
    o->seen = NULL;
    o->nseen = 0;
}
