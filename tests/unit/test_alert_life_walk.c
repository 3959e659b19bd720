/* The life of an alert at random: a million steps under random policies, with channels that
 * deliver, lose and delay. What must hold after each step:
 *
 *  1. a resolve is handed out only to a channel that was given a trigger, or owes one, and no
 *     second one before the first was answered: never a resolve without a trigger;
 *  2. a channel that is told that it fires is not given a second trigger, unless the first was
 * lost;
 *  3. behind a closed gate (silence, inhibitor, hold) nothing is handed out but resolves; while it
 *     is acknowledged, nothing but resolves, the acknowledgement and a rise of severity;
 *  4. nothing but resolves is handed out when it does not fire (a flapping notice goes to the
 * told);
 *  5. with the last sample unknown the state stands still;
 *  6. a life written down and read back at any moment goes on exactly alike;
 *  7. the next deadline lies ahead: nothing is due that was not done;
 *  8. in the end, when it ends and channels answer, every trigger that was delivered has exactly
 * one resolve that was delivered after it.
 *
 * A failure prints the seed; `unit_alert_life_walk SEED` walks that seed alone. */
#include "tests/unit/unit.h"

#include "alerts/rules/life.h"
#include "supervisor/base/rng.h"

#define WALKS 1000
#define STEPS 1000
#define NCH 3

/* a channel's way out: triggers and resolves in their order; the head is answered */
struct post {
    uint32_t seq[8];
    enum tell_what tell[8];
    size_t n;
    bool open; /* the receiver has an incident */
    bool owed; /* a trigger was lost that may have arrived: an end comes, whether or not it did */
    bool told; /* by the walk's own count: a trigger handed out, not lost, no resolve after */
    uint64_t triggers, resolves;
};

struct world {
    struct rng r;
    struct life l, twin;
    struct life_spec spec;
    struct life_gates gates;
    wall_t now;
    enum severity severity;
    bool unknown, acked;
    struct post post[NCH];
    uint64_t step, seed;
};

static const uint32_t channels[NCH] = {11, 12, 13};
static uint64_t one_seed, told_in_all;

#define MUST(w, what)                                                                              \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("seed %llu step %llu line %d: not true: %s", (unsigned long long)(w)->seed,   \
                     (unsigned long long)(w)->step, __LINE__, #what);                              \
    } while (0)

static uint64_t pick(struct world *w, uint64_t n)
{
    return rng_below(&w->r, n);
}

static struct post *post_of(struct world *w, uint32_t channel)
{
    MUST(w, channel >= channels[0] && channel <= channels[NCH - 1]);
    return &w->post[channel - channels[0]];
}

/* ---- what is handed out ---- */

static bool gate_closed(const struct world *w)
{
    return w->gates.silence || w->gates.inhibitor || w->gates.hold.ns > w->now.ns;
}

static void post_put(struct world *w, struct post *p, const struct life_action *a)
{
    MUST(w, p->n < COUNT(p->seq));
    p->seq[p->n] = a->seq;
    p->tell[p->n++] = a->tell;
}

static void one_notice(struct world *w, const struct life_action *a, uint32_t told_severity)
{
    struct post *p = post_of(w, a->channel);
    told_in_all++;
    if (a->tell == TELL_RESOLVE) {
        MUST(w, p->told);
        MUST(w, !life_firing(&w->l));
        p->told = false;
        post_put(w, p, a);
        return;
    }
    MUST(w, !gate_closed(w));
    MUST(w, !w->acked || a->tell == TELL_ACK ||
                (a->why == WHY_SEVERITY && w->l.severity > told_severity));
    if (a->tell == TELL_TRIGGER) {
        MUST(w, !p->told);
        MUST(w, w->l.state == LIFE_FIRING);
        MUST(w, !w->l.flap.on || a->why == WHY_FLAPPING || a->why == WHY_STILL_DOWN);
        p->told = true;
        post_put(w, p, a);
    } else {
        MUST(w, p->told);
        MUST(w, life_firing(&w->l) || a->why == WHY_FLAPPING);
    }
}

static void look(struct world *w, const struct life_out *out, uint32_t told_severity)
{
    for (size_t i = 0; i < out->n; i++) {
        const struct life_action *a = &out->v[i];
        if (a->kind == LIFE_TELL)
            one_notice(w, a, told_severity);
        else if (a->kind == LIFE_CHANGED)
            MUST(w, a->from != a->to && !w->unknown);
        else /* a walk is shorter than the week after which a debt is given up */
            MUST(w, a->kind != LIFE_GAVE_UP);
    }
}

/* ---- steps ---- */

static void apply(struct world *w, const struct life_event *ev)
{
    struct life_out out = {0}, twin = {0};
    unsigned char rec[LIFE_RECORD];
    uint32_t told_severity = w->l.told_severity;
    if (pick(w, 8) == 0) { /* the agent dies and comes back */
        life_save(&w->twin, rec);
        memset(&w->twin, 0xa5, sizeof(w->twin));
        MUST(w, life_load(rec, sizeof(rec), w->now, &w->twin));
    }
    life_step(&w->l, &w->spec, ev, w->now, &out);
    w->acked = w->l.acked;
    life_tell(&w->l, &w->spec, &w->gates, w->now, &out);
    life_step(&w->twin, &w->spec, ev, w->now, &twin);
    life_tell(&w->twin, &w->spec, &w->gates, w->now, &twin);
    MUST(w, memcmp(&w->l, &w->twin, sizeof(w->l)) == 0);
    MUST(w, out.n == twin.n && out.n < LIFE_ACTIONS);
    look(w, &out, told_severity);
    wall_t next = life_deadline(&w->l, &w->spec, w->now);
    MUST(w, !next.ns || next.ns > w->now.ns);
}

static void sample(struct world *w, enum cond c)
{
    w->unknown = c == COND_UNKNOWN;
    apply(w, &(struct life_event){.kind = LIFE_EVAL, .cond = c, .severity = w->severity});
}

/* The head of a channel's way is answered. What follows a lost trigger is lost, as the outbox does
 * it; a trigger and its resolve may be collapsed into one notice that is delivered. */
static void answer(struct world *w, size_t i, bool deliver)
{
    struct post *p = &w->post[i];
    if (!p->n)
        return;
    uint32_t seq = p->seq[0];
    enum tell_what tell = p->tell[0];
    p->n--;
    memmove(p->seq, p->seq + 1, p->n * sizeof(p->seq[0]));
    memmove(p->tell, p->tell + 1, p->n * sizeof(p->tell[0]));
    if (tell == TELL_RESOLVE && !p->open && !p->owed)
        deliver = false;
    bool last = !p->n, unsure = !deliver && tell == TELL_TRIGGER && pick(w, 2);
    bool arrives = deliver || (unsure && pick(w, 2));
    if (arrives && tell == TELL_TRIGGER && !p->open)
        p->triggers++;
    if (deliver && tell == TELL_RESOLVE && p->open)
        p->resolves++;
    if (arrives)
        p->open = tell == TELL_TRIGGER;
    p->owed = unsure || (p->owed && !deliver);
    if (!deliver && last)
        p->told = p->open || p->owed;
    apply(w, &(struct life_event){.kind = deliver ? LIFE_DELIVERED : LIFE_LOST,
                                  .channel = channels[i],
                                  .seq = seq,
                                  .tell = tell,
                                  .unsure = unsure});
}

static void pass(struct world *w, int64_t ms)
{
    wall_t end = wall_add(w->now, DUR_MS(ms));
    for (int n = 0; n < 1000; n++) {
        wall_t at = life_deadline(&w->l, &w->spec, w->now);
        if (w->gates.hold.ns > w->now.ns)
            at = wall_min(at, w->gates.hold);
        if (!at.ns || at.ns > end.ns)
            break;
        w->now = at;
        apply(w, &(struct life_event){.kind = LIFE_TIMER});
    }
    w->now = end;
}

static void policy(struct world *w)
{
    static const int fors[] = {0, 0, 15, 120}, keeps[] = {0, 60, 600};
    static const int nodatas[] = {0, 45}, repeats[] = {0, 600, 14400};
    w->spec = (struct life_spec){.hold_for = DUR_S(fors[pick(w, 4)]),
                                 .keep_firing = DUR_S(keeps[pick(w, 3)]),
                                 .nodata_after = DUR_S(nodatas[pick(w, 2)]),
                                 .repeat = DUR_S(repeats[pick(w, 3)]),
                                 .channels = channels,
                                 .nchannels = 1 + pick(w, NCH)};
    w->severity = (enum severity)pick(w, SEVERITIES);
}

static void gate(struct world *w)
{
    uint64_t which = pick(w, 4);
    if (which == 0)
        w->gates.silence = pick(w, 2);
    else if (which == 1)
        w->gates.inhibitor = pick(w, 2);
    else if (which == 2)
        w->gates.hold = wall_add(w->now, DUR_S((int64_t)pick(w, 60)));
    else
        w->gates = (struct life_gates){0};
    apply(w, &(struct life_event){.kind = LIFE_TIMER});
}

static void one_step(struct world *w)
{
    static const int ms[] = {0, 1000, 15000, 15000, 60000, 600000};
    static const enum cond conds[] = {COND_FALSE, COND_TRUE, COND_TRUE, COND_FALSE, COND_UNKNOWN};
    switch (pick(w, 16)) {
    case 0:
        gate(w);
        break;
    case 1:
        apply(w, &(struct life_event){.kind = LIFE_ACK,
                                      .by = "me",
                                      .until =
                                          pick(w, 2) ? wall_add(w->now, DUR_S(3600)) : WALL_NEVER});
        break;
    case 2:
        apply(w, &(struct life_event){.kind = LIFE_UNACK});
        break;
    case 3:
        w->severity = (enum severity)pick(w, SEVERITIES);
        break;
    case 4:
    case 5:
    case 6:
        answer(w, pick(w, NCH), pick(w, 8) != 0);
        break;
    default:
        pass(w, ms[pick(w, COUNT(ms))]);
        sample(w, conds[pick(w, COUNT(conds))]);
    }
    /* the outbox answers before long: never more than a few are on their way */
    for (size_t i = 0; i < NCH; i++) {
        while (w->post[i].n > 3)
            answer(w, i, pick(w, 4) != 0);
    }
}

/* 8: it ends, and everything arrives */
static void wind_up(struct world *w)
{
    w->unknown = false;
    sample(w, COND_FALSE);
    for (int n = 0; n < 100; n++) {
        for (size_t i = 0; i < NCH; i++)
            answer(w, i, true);
        pass(w, 600000);
    }
    MUST(w, w->l.state == LIFE_OK);
    MUST(w, life_debts(&w->l) == 0);
    for (size_t i = 0; i < NCH; i++) {
        MUST(w, !w->post[i].open && !w->post[i].told && w->post[i].n == 0);
        MUST(w, w->post[i].triggers == w->post[i].resolves);
    }
    MUST(w, life_deadline(&w->l, &w->spec, w->now).ns == 0);
}

static void walk(uint64_t seed)
{
    struct world w;
    memset(&w, 0, sizeof(w));
    w.seed = seed;
    w.now = (wall_t){INT64_C(1790000000) * 1000000000};
    rng_seed(&w.r, seed);
    policy(&w);
    for (w.step = 0; w.step < STEPS; w.step++)
        one_step(&w);
    wind_up(&w);
}

static void a_million_steps(void **state)
{
    (void)state;
    if (one_seed) {
        walk(one_seed);
        return;
    }
    for (uint64_t seed = 1; seed <= WALKS; seed++)
        walk(seed);
    assert_true(told_in_all > 100000);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        one_seed = strtoull(argv[1], NULL, 10);
    const struct CMUnitTest tests[] = {TEST(a_million_steps)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
