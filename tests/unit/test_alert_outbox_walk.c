/* The outbox, joined at random with the life of four alerts, a network that loses requests and
 * answers, and an agent that is killed at any moment and restored from what it had written down.
 * What must hold:
 *
 *  1. nothing is lost: every notice that was put is answered once, delivered or lost;
 *  2. nothing is doubled: an id is one notice for ever, and a notice has one id (but for the copy
 *     that goes to a fallback);
 *  3. at a receiver the notices of an alert arrive in their order, and a resolve only after a
 *     trigger that arrived, or of which nobody knows whether it did;
 *  4. one request at a time for an alert and channel; the channel's limit is kept, but by resolves;
 *  5. in the end, when the alerts end and the network works, every receiver's incidents are closed
 *     and the outbox is empty. */
#include "tests/unit/unit.h"

#include "alerts/rules/outbox.h"

#define T0 (INT64_C(1790000000) * 1000000000)
enum { CHAT = 1, PAGER = 2, MAIL = 3 };

#define ALERTS 4
#define SEEN 4096 /* ids of one walk */

struct incident {
    bool open, maybe; /* maybe: a trigger was lost that may have arrived */
    uint32_t last_seq;
};

struct world {
    struct rng r;
    struct outbox o;
    struct outbox_out out;
    struct life l[ALERTS];
    struct life_spec spec;
    wall_t now;
    /* what was written down: by id; and the alerts, in the same transaction */
    struct outbox_row kept[SEEN];
    struct life kept_l[ALERTS];
    uint64_t kept_id;
    /* what the receivers saw */
    struct incident inc[ALERTS][4];
    bool arrived[SEEN];
    uint64_t payload[SEEN];
    uint32_t channel[SEEN];
    bool put[ALERTS][4][SEEN];             /* by alert, channel and seq */
    uint64_t puts, answers, sending[SEEN]; /* sending: 1, or 2 where this attempt arrived */
    bool works;
    uint64_t seed, step;
    wall_t tokens; /* an independent account of PAGER's limit */
};

#define MUST(w, what)                                                                              \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("seed %llu step %llu line %d: not true: %s", (unsigned long long)(w)->seed,   \
                     (unsigned long long)(w)->step, __LINE__, #what);                              \
    } while (0)

static const uint32_t told_channels[] = {CHAT, PAGER};
static const struct outbox_channel all_channels[] = {
    {.id = CHAT, .fallback = MAIL, .limit = {{0}, 1}},
    {.id = PAGER, .limit = {{INT64_C(2000000000)}, 3}},
    {.id = MAIL, .limit = {{INT64_C(1000000000)}, 5}},
};

static void key_of(size_t alert, char *out)
{
    snprintf(out, 8, "alert%zu", alert);
}

static size_t alert_of(const struct outbox_row *r)
{
    return (size_t)(r->key[5] - '0');
}

static void tell(struct world *w, size_t i, const struct life_event *ev)
{
    struct life_out out = {0};
    struct life_gates gates = {0};
    char key[8];
    key_of(i, key);
    life_step(&w->l[i], &w->spec, ev, w->now, &out);
    life_tell(&w->l[i], &w->spec, &gates, w->now, &out);
    for (size_t n = 0; n < out.n; n++) {
        const struct life_action *a = &out.v[n];
        MUST(w, a->kind != LIFE_GAVE_UP);
        if (a->kind != LIFE_TELL)
            continue;
        w->puts++;
        MUST(w, a->channel < 4 && a->seq < SEEN);
        w->put[i][a->channel][a->seq] = true;
        outbox_put(&w->o,
                   &(struct outbox_notice){.key = key,
                                           .channel = a->channel,
                                           .seq = a->seq,
                                           .tell = a->tell,
                                           .why = a->why,
                                           .payload = (uint64_t)i << 32 | a->seq},
                   w->now, &w->out);
    }
}

/* How many notices an answer is about. A copy was not put; what is folded into it may have been, if
 * it is the end of an earlier one that the fallback got. */
static uint64_t answered(const struct world *w, const struct outbox_row *r)
{
    if (r->copy)
        return r->folded && w->put[alert_of(r)][r->channel][r->folded_seq];
    return r->folded ? 2 : 1;
}

/* One transaction: what the actions say is done, alerts learn their answers, which may put more. */
static void commit(struct world *w)
{
    for (size_t i = 0; i < w->out.v.n; i++) {
        struct outbox_action a = w->out.v.v[i];
        if (a.kind == OUTBOX_WRITE || a.kind == OUTBOX_REMOVE) {
            MUST(w, a.row.id && a.row.id < SEEN);
            memset(&w->kept[a.row.id], 0, sizeof(a.row));
        }
        if (a.kind == OUTBOX_WRITE)
            w->kept[a.row.id] = a.row;
        if (a.kind != OUTBOX_ANSWER)
            continue;
        w->answers += answered(w, &a.row);
        w->inc[alert_of(&a.row)][a.channel].maybe |= a.unsure && a.tell == TELL_TRIGGER;
        tell(w, alert_of(&a.row),
             &(struct life_event){.kind = a.delivered ? LIFE_DELIVERED : LIFE_LOST,
                                  .channel = a.channel,
                                  .seq = a.seq,
                                  .tell = a.tell,
                                  .unsure = a.unsure});
    }
    w->out.v.n = 0;
    memcpy(w->kept_l, w->l, sizeof(w->l));
    w->kept_id = w->o.last_id;
}

/* kill -9: memory is gone, requests in flight too, though they may have arrived */
static void crash(struct world *w)
{
    outbox_fini(&w->o);
    memset(&w->o, 0, sizeof(w->o));
    w->out.v.n = 0;
    memcpy(w->l, w->kept_l, sizeof(w->l));
    memset(w->sending, 0, sizeof(w->sending));
    w->o.rng.state = rng_next(&w->r);
    outbox_channels(&w->o, all_channels, COUNT(all_channels), &w->out);
    for (uint64_t id = w->kept_id; id > 0; id--) { /* in any order */
        if (w->kept[id].id)
            outbox_restore(&w->o, &w->kept[id], w->now);
    }
    outbox_restored(&w->o, w->kept_id);
    w->tokens = w->now; /* the limit begins anew */
}

static void arrives(struct world *w, const struct outbox_row *r)
{
    struct incident *in = &w->inc[alert_of(r)][r->channel];
    if (w->arrived[r->id]) {
        MUST(w, w->payload[r->id] == r->payload && w->channel[r->id] == r->channel);
        return;
    }
    for (uint64_t id = 1; id < r->id; id++) /* no notice under a second id */
        MUST(w, !w->arrived[id] || w->payload[id] != r->payload || w->channel[id] != r->channel);
    w->arrived[r->id] = true;
    w->payload[r->id] = r->payload;
    w->channel[r->id] = r->channel;
    MUST(w, r->channel == MAIL || r->seq > in->last_seq);
    in->last_seq = r->seq;
    if (r->tell == TELL_RESOLVE)
        MUST(w, in->open || in->maybe);
    in->maybe &= r->tell != TELL_RESOLVE;
    if (r->tell == TELL_TRIGGER || r->tell == TELL_RESOLVE)
        in->open = r->tell == TELL_TRIGGER && !r->folded;
}

/* PAGER takes 3 at once and one every 2 s; resolves count, but need not wait */
static void check_limit(struct world *w, const struct outbox_row *r)
{
    if (r->channel != PAGER)
        return;
    MUST(w, r->tell == TELL_RESOLVE || w->tokens.ns <= w->now.ns + 2 * DUR_S(2).ns);
    w->tokens = wall_add(w->tokens.ns > w->now.ns ? w->tokens : w->now, DUR_S(2));
}

static void send_one(struct world *w)
{
    const struct outbox_row *next = outbox_next(&w->o, w->now, &w->out);
    struct outbox_row r = next ? *next : (struct outbox_row){0};
    commit(w); /* before it is sent */
    if (!next)
        return;
    for (uint64_t id = 1; id <= w->o.last_id; id++)
        MUST(w, !w->sending[id] || w->kept[id].channel != r.channel ||
                    strcmp(w->kept[id].key, r.key) != 0);
    w->sending[r.id] = 1;
    check_limit(w, &r);
    if (w->works || rng_below(&w->r, 3)) {
        w->sending[r.id] = 2;
        arrives(w, &r);
    }
}

/* What arrives is taken, though the answer may be lost; what does not may be refused, also when an
 * earlier attempt had arrived. */
static enum outbox_result result_of(uint64_t sending, uint64_t luck)
{
    if (sending == 2)
        return luck < 5 ? OUT_DELIVERED : OUT_UNCLEAR;
    return luck == 7 ? OUT_REFUSED : luck == 5 ? OUT_UNCLEAR : OUT_FAILED;
}

/* a request in flight is answered */
static void answer_one(struct world *w)
{
    uint64_t ids = w->o.last_id + 1, from = rng_below(&w->r, ids);
    for (uint64_t n = 0; n < ids; n++) {
        uint64_t id = (from + n) % ids, luck = w->works ? 0 : rng_below(&w->r, 8);
        if (!w->sending[id])
            continue;
        enum outbox_result res = result_of(w->sending[id], luck);
        w->sending[id] = 0;
        outbox_result(&w->o, id, res, DUR_S(luck == 6 ? 20 : 0), w->now, &w->out);
        commit(w);
        return;
    }
}

static void one_step(struct world *w)
{
    size_t i = rng_below(&w->r, ALERTS);
    switch (rng_below(&w->r, 12)) {
    case 0:
    case 1:
        tell(w, i,
             &(struct life_event){.kind = LIFE_EVAL,
                                  .cond = rng_below(&w->r, 2) ? COND_TRUE : COND_FALSE,
                                  .severity = (enum severity)rng_below(&w->r, SEVERITIES)});
        commit(w);
        break;
    case 2:
        crash(w);
        break;
    case 3:
    case 4:
        w->now = wall_add(w->now, DUR_MS((int64_t)rng_below(&w->r, 20000)));
        tell(w, i, &(struct life_event){.kind = LIFE_TIMER});
        commit(w);
        break;
    case 5:
    case 6:
    case 7:
        answer_one(w);
        break;
    default:
        send_one(w);
    }
}

static void wind_up(struct world *w)
{
    w->works = true;
    for (size_t i = 0; i < ALERTS; i++) {
        tell(w, i, &(struct life_event){.kind = LIFE_END});
        commit(w);
    }
    for (int n = 0; n < 2000; n++) {
        answer_one(w);
        send_one(w);
        if (n % 20 == 0) {
            w->now = wall_add(w->now, DUR_S(300));
            for (size_t i = 0; i < ALERTS; i++) {
                tell(w, i, &(struct life_event){.kind = LIFE_TIMER});
                commit(w);
            }
        }
    }
    MUST(w, w->o.rows.n == 0 && outbox_deadline(&w->o, w->now).ns == 0);
    MUST(w, w->puts == w->answers);
    for (size_t i = 0; i < ALERTS; i++) {
        MUST(w, life_debts(&w->l[i]) == 0);
        for (int c = CHAT; c <= MAIL; c++)
            MUST(w, !w->inc[i][c].open);
    }
}

static void walk(uint64_t seed)
{
    static struct world w;
    memset(&w, 0, sizeof(w));
    w.seed = seed;
    w.now = (wall_t){T0};
    rng_seed(&w.r, seed);
    w.spec = (struct life_spec){.repeat = DUR_S(60), .channels = told_channels, .nchannels = 2};
    outbox_channels(&w.o, all_channels, COUNT(all_channels), &w.out);
    for (w.step = 0; w.step < 2000 && w.o.last_id < SEEN - 600; w.step++)
        one_step(&w);
    wind_up(&w);
    outbox_fini(&w.o);
    outbox_out_fini(&w.out);
}

static void at_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 150; seed++)
        walk(seed);
}

RUN(TEST(at_random))
