/* The life of an alert: what is told of it, to whom, and what is owed. */
#include "alerts/rules/life_impl.h"

#include <string.h>

const char *tell_name(enum tell_what t)
{
    static const char *const names[TELLS] = {[TELL_TRIGGER] = "trigger",
                                             [TELL_RESOLVE] = "resolve",
                                             [TELL_UPDATE] = "update",
                                             [TELL_ACK] = "ack",
                                             [TELL_DIGEST] = "digest"};
    return names[t];
}

const char *life_reason_text(enum life_reason r)
{
    static const char *const text[WHYS] = {
#define X(name, words) [WHY_##name] = words,
        LIFE_REASONS(X)
#undef X
    };
    return text[r];
}

#define BIT(why) (1U << WHY_##why)

/* ---- channels ---- */

static bool told(const struct life_channel *c)
{
    return c->id && (c->on_way == CH_TRIGGER || (c->on_way == CH_NOTHING && c->open));
}

static struct life_channel *find(struct life *l, uint32_t id)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (l->ch[i].id == id)
            return &l->ch[i];
    }
    return NULL;
}

/* the channel's entry, a new one if there is none; NULL when all are taken */
static struct life_channel *entry(struct life *l, uint32_t id)
{
    struct life_channel *c = find(l, id);
    if (!c)
        c = find(l, 0);
    if (c)
        c->id = id;
    return c;
}

bool life_told(const struct life *l, uint32_t channel)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (l->ch[i].id == channel && told(&l->ch[i]))
            return true;
    }
    return false;
}

size_t life_debts(const struct life *l)
{
    size_t n = 0;
    for (size_t i = 0; i < LIFE_CHANNELS; i++)
        n += l->ch[i].id && l->ch[i].open;
    return n;
}

static bool any_told(const struct life *l)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (told(&l->ch[i]))
            return true;
    }
    return false;
}

void life_forget_losses(struct life *l)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        struct life_channel *c = &l->ch[i];
        if (c->id && !c->open && c->on_way == CH_NOTHING)
            memset(c, 0, sizeof(*c));
    }
}

bool life_any_channel(const struct life *l)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (l->ch[i].id)
            return true;
    }
    return false;
}

/* Entries that say nothing any more are free again. */
static void tidy(struct life *l, wall_t now)
{
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        struct life_channel *c = &l->ch[i];
        if (c->id && !c->open && c->on_way == CH_NOTHING && c->again.ns <= now.ns)
            memset(c, 0, sizeof(*c));
    }
}

/* ---- answers ---- */

static void delivered(struct life *l, const struct life_event *ev)
{
    struct life_channel *c = entry(l, ev->channel); /* a fallback's trigger makes one */
    if (!c)
        return;
    c->open = ev->tell == TELL_TRIGGER;
    if (c->seq != ev->seq)
        return;
    c->on_way = CH_NOTHING;
    if (ev->tell == TELL_RESOLVE)
        c->owed = c->again = WALL_NEVER;
}

/* A trigger that may have arrived is a debt, as if it had: an end that comes alone does no harm, an
 * incident that nobody ends does. */
static void lost(struct life *l, const struct life_event *ev, wall_t now, struct life_out *out)
{
    bool debt = ev->unsure && ev->tell == TELL_TRIGGER;
    struct life_channel *c = debt ? entry(l, ev->channel) : find(l, ev->channel);
    if (c && debt)
        c->open = 1;
    if (!c || c->seq != ev->seq)
        return;
    c->on_way = CH_NOTHING;
    c->again = wall_add(now, LIFE_AGAIN);
    if (ev->tell == TELL_RESOLVE && c->open && wall_sub(now, c->owed).ns >= LIFE_OWED.ns) {
        c->open = 0;
        life_act(out, LIFE_GAVE_UP)->channel = c->id;
    }
    if (!c->open)
        c->owed = WALL_NEVER;
}

void life_answer(struct life *l, const struct life_event *ev, wall_t now, struct life_out *out)
{
    if (!ev->channel || (ev->tell != TELL_TRIGGER && ev->tell != TELL_RESOLVE))
        return;
    if (ev->kind == LIFE_DELIVERED)
        delivered(l, ev);
    else
        lost(l, ev, now, out);
}

/* ---- telling ---- */

struct telling {
    struct life *l;
    const struct life_spec *spec;
    wall_t now;
    struct life_out *out;
    bool open;    /* no gate is closed */
    uint32_t due; /* what may be told now */
    bool said;    /* something was */
};

static void hand_out(struct telling *t, struct life_channel *c, enum tell_what tell,
                     enum life_reason why)
{
    struct life_action *a = life_act(t->out, LIFE_TELL);
    a->channel = c->id;
    a->tell = tell;
    a->why = why;
    a->seq = ++t->l->seq;
    if (tell == TELL_TRIGGER || tell == TELL_RESOLVE) {
        c->seq = a->seq;
        c->on_way = tell == TELL_TRIGGER ? CH_TRIGGER : CH_RESOLVE;
    }
    if (tell == TELL_RESOLVE && !c->owed.ns)
        c->owed = t->now;
    if (tell == TELL_TRIGGER)
        c->owed = WALL_NEVER;
    if (tell != TELL_RESOLVE)
        t->l->severities = (uint16_t)(t->l->severities | 1U << t->l->severity);
    t->said = true;
}

static dur_t long_down(const struct life_spec *spec)
{
    dur_t d = {2 * spec->hold_for.ns};
    return d.ns > LIFE_STILL_DOWN.ns ? d : LIFE_STILL_DOWN;
}

/* flapping, but down for so long that it counts all the same */
static wall_t still_down_at(const struct life *l, const struct life_spec *spec)
{
    if (!l->flap.on || l->state != LIFE_FIRING || !l->down.ns || l->frozen.ns ||
        l->still_down == l->episode)
        return WALL_NEVER;
    return wall_add(l->down, long_down(spec));
}

/* repeat= may have changed, and the clock may have been set between two runs. */
static void set_reminder(struct telling *t)
{
    struct life *l = t->l;
    wall_t latest = wall_add(t->now, t->spec->repeat);
    if (!t->spec->repeat.ns)
        l->next_reminder = WALL_NEVER;
    else if (life_firing(l) && any_told(l) &&
             (!l->next_reminder.ns || l->next_reminder.ns > latest.ns))
        l->next_reminder = latest;
}

static void take_gates(struct telling *t, const struct life_gates *g)
{
    struct life *l = t->l;
    if (l->silence && !g->silence && life_firing(l))
        l->due |= BIT(SILENCE_OVER);
    l->silence = g->silence;
    l->inhibitor = g->inhibitor;
    l->hold = g->hold;
    t->open = !g->silence && !g->inhibitor && g->hold.ns <= t->now.ns;
}

/* what is to be told of it, if the gates are open */
static void find_due(struct telling *t)
{
    struct life *l = t->l;
    if (!t->open)
        return;
    t->due = l->due;
    if (life_firing(l) && (l->severity != l->told_severity || l->stage != l->told_stage))
        t->due |= BIT(SEVERITY);
    if (wall_reached(still_down_at(l, t->spec), t->now))
        t->due |= BIT(STILL_DOWN);
    if (l->state == LIFE_FIRING && !l->frozen.ns && wall_reached(l->next_reminder, t->now))
        t->due |= BIT(REMINDER);
    bool graver = l->severity > l->told_severity || l->stage > l->told_stage;
    if (l->acked)
        t->due &= BIT(ACKED) | (graver ? BIT(SEVERITY) : 0);
}

/* reasons that make a trigger another one than "fired" */
#define WHY_TRIGGER (BIT(FLAPPING) | BIT(STILL_DOWN) | BIT(SILENCE_OVER) | BIT(FLAPPING_OVER))

static enum life_reason first(uint32_t due)
{
    return due ? (enum life_reason)__builtin_ctz(due) : WHY_FIRED;
}

static void update_told(struct telling *t)
{
    uint32_t updates = t->due & ~BIT(ACKED);
    for (size_t i = 0; i < LIFE_CHANNELS && t->due; i++) {
        struct life_channel *c = &t->l->ch[i];
        if (!told(c))
            continue;
        if (updates)
            hand_out(t, c, TELL_UPDATE, first(updates));
        if (t->due & BIT(ACKED))
            hand_out(t, c, TELL_ACK, WHY_ACKED);
    }
}

static void trigger_untold(struct telling *t)
{
    const struct life *l = t->l;
    bool held = l->flap.on && !(t->due & (BIT(FLAPPING) | BIT(STILL_DOWN)));
    bool quiet = l->acked && !(t->due & BIT(SEVERITY)); /* a rise may concern others, too */
    uint32_t why = l->acked ? BIT(SEVERITY) : WHY_TRIGGER;
    if (!t->open || l->state != LIFE_FIRING || quiet || held)
        return;
    for (size_t i = 0; i < t->spec->nchannels; i++) {
        struct life_channel *c = entry(t->l, t->spec->channels[i]);
        if (c && !told(c) && c->again.ns <= t->now.ns)
            hand_out(t, c, TELL_TRIGGER, first(t->due & why));
    }
}

static void pay_debts(struct telling *t)
{
    if (life_firing(t->l) || t->l->flap.on)
        return;
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        struct life_channel *c = &t->l->ch[i];
        if (told(c) && c->again.ns <= t->now.ns)
            hand_out(t, c, TELL_RESOLVE, WHY_RESOLVED);
    }
}

/* What was told, or can be told to nobody any more, is not due. A flapping notice waits for
 * somebody to tell: it is the only one of its kind. */
static void settle_due(struct telling *t)
{
    struct life *l = t->l;
    uint32_t done = t->due;
    if (!t->said && l->state != LIFE_FIRING)
        done &= ~BIT(FLAPPING);
    l->due &= ~done;
    if (done & BIT(STILL_DOWN))
        l->still_down = l->episode;
    if (done & BIT(SEVERITY)) {
        l->told_severity = l->severity;
        l->told_stage = l->stage;
    }
    if ((t->said || done & BIT(REMINDER)) && life_firing(l))
        l->next_reminder = t->spec->repeat.ns > 0 ? wall_add(t->now, t->spec->repeat) : WALL_NEVER;
}

void life_tell(struct life *l, const struct life_spec *spec, const struct life_gates *gates,
               wall_t now, struct life_out *out)
{
    struct telling t = {.l = l, .spec = spec, .now = now, .out = out};
    tidy(l, now);
    set_reminder(&t);
    take_gates(&t, gates);
    find_due(&t);
    update_told(&t);
    trigger_untold(&t);
    settle_due(&t);
    pay_debts(&t);
}

/* ---- when ---- */

static wall_t state_deadline(const struct life *l, const struct life_spec *spec)
{
    if (l->frozen.ns)
        return spec->nodata_after.ns > 0 && !l->nodata ? wall_add(l->frozen, spec->nodata_after)
                                                       : WALL_NEVER;
    if (l->state == LIFE_PENDING)
        return wall_add(l->timer, spec->hold_for);
    return l->state == LIFE_RECOVERING ? wall_add(l->timer, spec->keep_firing) : WALL_NEVER;
}

static wall_t tell_deadline(const struct life *l, const struct life_spec *spec, wall_t now)
{
    if (l->silence || l->inhibitor || l->state != LIFE_FIRING)
        return WALL_NEVER;
    if (l->hold.ns > now.ns)
        return l->hold;
    if (l->acked)
        return WALL_NEVER;
    wall_t at = still_down_at(l, spec);
    return l->frozen.ns || !any_told(l) ? at : wall_min(at, l->next_reminder);
}

wall_t life_deadline(const struct life *l, const struct life_spec *spec, wall_t now)
{
    wall_t at = wall_min(state_deadline(l, spec), flap_ends(&l->flap));
    at = wall_min(at, tell_deadline(l, spec, now));
    if (l->acked)
        at = wall_min(at, l->acked_until);
    for (size_t i = 0; i < LIFE_CHANNELS; i++) {
        if (l->ch[i].id && l->ch[i].again.ns > now.ns)
            at = wall_min(at, l->ch[i].again);
    }
    return at;
}
