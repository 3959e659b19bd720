/* The life of an alert: its state. What is told of it is life_tell.c. */
#include "alerts/rules/life_impl.h"
#include "supervisor/base/text.h"

#include <string.h>

const char *life_state_name(enum life_state s)
{
    static const char *const names[] = {[LIFE_OK] = "ok",
                                        [LIFE_PENDING] = "pending",
                                        [LIFE_FIRING] = "firing",
                                        [LIFE_RECOVERING] = "recovering"};
    return names[s];
}

struct life_action *life_act(struct life_out *out, enum life_action_kind kind)
{
    static struct life_action spare;
    struct life_action *a = out->n < LIFE_ACTIONS ? &out->v[out->n++] : &spare;
    *a = (struct life_action){.kind = kind};
    return a;
}

/* What an event is being done to. */
struct step {
    struct life *l;
    const struct life_spec *spec;
    wall_t now;
    struct life_out *out;
};

static bool passed(const struct step *x, wall_t since, dur_t d)
{
    return wall_sub(x->now, since).ns >= d.ns;
}

/* ---- changes of state: each through here ---- */

static void flaps(struct step *x, bool down)
{
    if (!flap_change(&x->l->flap, down, x->now))
        return;
    x->l->due |= 1U << WHY_FLAPPING;
    life_act(x->out, LIFE_FLAPS)->on = true;
}

static void begins(struct step *x)
{
    struct life *l = x->l;
    l->episode++;
    l->fired = x->now;
    l->due &= 1U << WHY_FLAPPING;
    l->told_severity = l->severity;
    l->told_stage = l->stage;
    l->next_reminder = WALL_NEVER;
    life_forget_losses(l);
    if (!life_any_channel(l))
        l->severities = 0;
    flaps(x, true);
}

static void ends(struct step *x)
{
    struct life *l = x->l;
    l->resolved = x->now;
    l->acked = 0;
    l->acked_until = WALL_NEVER;
    l->due &= 1U << WHY_FLAPPING;
    memset(l->acked_by, 0, sizeof(l->acked_by));
    flaps(x, false);
}

static void enter(struct step *x, enum life_state to)
{
    struct life *l = x->l;
    enum life_state from = (enum life_state)l->state;
    struct life_action *a = life_act(x->out, LIFE_CHANGED);
    a->from = from;
    a->to = to;
    l->state = to;
    l->timer = x->now;
    if (to == LIFE_FIRING && from != LIFE_RECOVERING)
        begins(x);
    else if (to == LIFE_OK && (from == LIFE_FIRING || from == LIFE_RECOVERING))
        ends(x);
}

/* ---- samples ---- */

#define SAMPLES 5 /* of which one may be missing */
#define SAMPLES_MASK ((1U << SAMPLES) - 1)

static void nodata(struct step *x, bool on)
{
    if (x->l->nodata == on)
        return;
    x->l->nodata = on;
    life_act(x->out, LIFE_NODATA)->on = on;
}

static void nodata_timer(struct step *x)
{
    if (x->l->frozen.ns && x->spec->nodata_after.ns > 0 &&
        passed(x, x->l->frozen, x->spec->nodata_after))
        nodata(x, true);
}

static void missing_sample(struct step *x)
{
    struct life *l = x->l;
    l->missing = (l->missing << 1 | 1) & SAMPLES_MASK;
    if (!l->frozen.ns)
        l->frozen = x->now;
    nodata_timer(x);
}

/* takes the frozen time out of the timers, unless a single sample of five was missing */
static void thaw(struct step *x)
{
    struct life *l = x->l;
    l->missing = l->missing << 1 & SAMPLES_MASK;
    if (!l->frozen.ns)
        return;
    dur_t gap = wall_sub(x->now, l->frozen);
    if (__builtin_popcount(l->missing) > 1 && gap.ns > 0) {
        l->timer = wall_add(l->timer, gap);
        if (l->down.ns)
            l->down = wall_add(l->down, gap);
    }
    l->frozen = WALL_NEVER;
    nodata(x, false);
}

/* ---- the machine: by state, what a condition does and what time does ---- */

static void timer(struct step *x)
{
    struct life *l = x->l;
    if (l->frozen.ns)
        return;
    if (l->state == LIFE_PENDING && passed(x, l->timer, x->spec->hold_for))
        enter(x, LIFE_FIRING);
    else if (l->state == LIFE_RECOVERING && passed(x, l->timer, x->spec->keep_firing))
        enter(x, LIFE_OK);
}

static void holds(struct step *x)
{
    struct life *l = x->l;
    if (!l->down.ns)
        l->down = x->now;
    if (l->state == LIFE_OK) {
        l->since = x->now;
        enter(x, LIFE_PENDING);
    } else if (l->state == LIFE_RECOVERING) {
        enter(x, LIFE_FIRING);
    }
}

static void holds_not(struct step *x)
{
    struct life *l = x->l;
    l->down = WALL_NEVER;
    if (l->state == LIFE_PENDING)
        enter(x, LIFE_OK);
    else if (l->state == LIFE_FIRING)
        enter(x, LIFE_RECOVERING);
}

static void sample(struct step *x, const struct life_event *ev)
{
    if (ev->cond == COND_UNKNOWN) {
        missing_sample(x);
        return;
    }
    thaw(x);
    x->l->cond = ev->cond;
    x->l->severity = ev->severity;
    if (ev->cond == COND_TRUE) /* what ends keeps the stage that it was told with */
        x->l->stage = (uint8_t)(ev->stage < UINT8_MAX ? ev->stage : UINT8_MAX);
    if (ev->cond == COND_TRUE)
        holds(x);
    else
        holds_not(x);
}

static void acknowledge(struct life *l, const struct life_event *ev, wall_t now)
{
    if (!life_firing(l))
        return;
    if (ev->until.ns && wall_reached(ev->until, now))
        return;
    l->acked = 1;
    l->acked_until = ev->until;
    memset(l->acked_by, 0, sizeof(l->acked_by));
    if (ev->by)
        memcpy(l->acked_by, ev->by, text_utf8_valid(ev->by, strnlen(ev->by, LIFE_BY - 1)));
    l->due |= 1U << WHY_ACKED;
}

static void unacknowledge(struct life *l)
{
    l->acked = 0;
    l->acked_until = WALL_NEVER;
    l->due &= ~(1U << WHY_ACKED);
}

static void gone(struct step *x)
{
    struct life *l = x->l;
    l->frozen = WALL_NEVER;
    l->missing = 0;
    l->down = WALL_NEVER;
    nodata(x, false);
    if (l->state != LIFE_OK)
        enter(x, LIFE_OK);
    if (l->flap.on) /* nothing is held back any more */
        life_act(x->out, LIFE_FLAPS)->on = false;
    l->flap.on = 0;
    l->due = 0;
}

static void time_passes(struct step *x)
{
    timer(x);
    nodata_timer(x);
    if (x->l->acked && wall_reached(x->l->acked_until, x->now))
        unacknowledge(x->l);
    if (flap_stop(&x->l->flap, x->now)) {
        x->l->due &= ~(1U << WHY_FLAPPING);
        x->l->due |= life_firing(x->l) ? 1U << WHY_FLAPPING_OVER : 0;
        life_act(x->out, LIFE_FLAPS)->on = false;
    }
}

void life_step(struct life *l, const struct life_spec *spec, const struct life_event *ev,
               wall_t now, struct life_out *out)
{
    struct step x = {l, spec, now, out};
    switch (ev->kind) {
    case LIFE_EVAL:
        sample(&x, ev);
        break;
    case LIFE_TIMER:
        break;
    case LIFE_ACK:
        acknowledge(l, ev, now);
        break;
    case LIFE_UNACK:
        unacknowledge(l);
        break;
    case LIFE_DELIVERED:
    case LIFE_LOST:
        life_answer(l, ev, now, out);
        break;
    case LIFE_END:
        gone(&x);
        break;
    }
    time_passes(&x);
}

void life_stood_still(struct life *l, dur_t d)
{
    wall_t *times[] = {&l->timer, &l->down, &l->frozen};
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        if (times[i]->ns)
            *times[i] = wall_add(*times[i], d);
    }
}

/* ---- missing data ---- */

struct life_spec life_nodata_spec(const struct life_spec *of)
{
    return (struct life_spec){
        .repeat = of->repeat, .channels = of->channels, .nchannels = of->nchannels};
}

enum severity life_nodata_severity(enum severity of)
{
    return of >= SEV_CRITICAL ? SEV_WARNING : SEV_INFO;
}

/* ---- written down ---- */

enum { RECORD_LIFE = 0x4c46, LIFE_VERSION = 1 };

_Static_assert(sizeof(struct life_channel) == 32, "no padding");
_Static_assert(sizeof(struct life) == 48 + 11 * 8 + sizeof(struct flap) + LIFE_BY +
                                          LIFE_CHANNELS * sizeof(struct life_channel),
               "no padding");

void life_save(const struct life *l, void *buf)
{
    record_seal(buf, RECORD_LIFE, LIFE_VERSION, l, sizeof(*l));
}

bool life_is_blank(const struct life *l, wall_t now)
{
    struct life blank;
    const char *mine = (const char *)l, *other = (const char *)&blank;
    memset(&blank, 0, sizeof(blank));
    blank.cond = l->cond;
    blank.severity = l->severity;
    blank.missing = l->missing;
    blank.timer = l->timer;
    if (wall_sub(now, l->frozen).ns < LIFE_BLANK.ns)
        blank.frozen = l->frozen;
    return memcmp(mine, other, sizeof(blank)) == 0; /* it has no padding */
}

/* the stamps of what has happened; how many */
#define PAST (9 + LIFE_CHANNELS)
static void past_of(struct life *l, wall_t *out[PAST])
{
    wall_t *const past[9] = {&l->since,  &l->fired,   &l->resolved,  &l->timer,       &l->down,
                             &l->frozen, &l->flap.at, &l->flap.from, &l->flap.down_at};
    memcpy(out, past, sizeof(past));
    for (size_t i = 0; i < LIFE_CHANNELS; i++)
        out[9 + i] = &l->ch[i].owed;
}

static bool open_record(const void *buf, size_t size, struct life *out)
{
    memset(out, 0, sizeof(*out));
    return record_open(buf, size, RECORD_LIFE, LIFE_VERSION, out, sizeof(*out));
}

dur_t life_ahead(const void *buf, size_t size, wall_t now)
{
    struct life l;
    wall_t *past[PAST];
    dur_t most = {0};
    if (!open_record(buf, size, &l))
        return most;
    past_of(&l, past);
    for (size_t i = 0; i < PAST; i++) {
        dur_t d = wall_sub(*past[i], now);
        most = past[i]->ns && d.ns > most.ns ? d : most;
    }
    return most;
}

bool life_load(const void *buf, size_t size, wall_t now, struct life *out)
{
    wall_t *past[PAST];
    if (!open_record(buf, size, out))
        return false;
    past_of(out, past);
    for (size_t i = 0; i < PAST; i++) {
        if (past[i]->ns > now.ns)
            *past[i] = now;
    }
    return true;
}

static void turn_back(wall_t *t, dur_t d)
{
    if (t->ns)
        *t = wall_add(*t, (dur_t){-d.ns});
}

void life_turn_back(struct life *l, dur_t d)
{
    wall_t *past[PAST], *to_come[] = {&l->next_reminder, &l->acked_until, &l->hold};
    past_of(l, past);
    for (size_t i = 0; i < PAST; i++)
        turn_back(past[i], d);
    for (size_t i = 0; i < sizeof(to_come) / sizeof(to_come[0]); i++)
        turn_back(to_come[i], d);
    for (size_t i = 0; i < LIFE_CHANNELS; i++)
        turn_back(&l->ch[i].again, d);
}
