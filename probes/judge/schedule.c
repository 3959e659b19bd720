/* The timing of one probe: ticks, confirmation, rise and fall. */
#include "probes/judge/schedule.h"

#include <string.h>

const char *sched_state_text(enum sched_state s)
{
    static const char *const text[] = {
        [SCHED_WAITING] = "WAITING", [SCHED_OK] = "OK", [SCHED_FAILED] = "FAILED"};
    return text[s];
}

/* FNV-1a, mixed once more, since near names differ in few bits only */
static uint64_t hash(const char *name)
{
    uint64_t h = UINT64_C(14695981039346656037);
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
    h ^= h >> 33;
    h *= UINT64_C(0xff51afd7ed558ccd);
    return h ^ h >> 33;
}

int64_t sched_phase(const char *name, int64_t interval)
{
    int64_t phase = (int64_t)(hash(name) % (uint64_t)interval);
    return interval < SCHED_GRID_FROM ? phase : phase - phase % SCHED_GRID;
}

/* the first tick after t */
static mono_t tick_after(const struct sched_conf *c, mono_t t)
{
    int64_t since = t.ns - c->phase;
    int64_t n = since < 0 ? 0 : since / c->interval + 1;
    return (mono_t){c->phase + n * c->interval};
}

static mono_t first_run(const struct sched_conf *c, mono_t now)
{
    int64_t spread = c->interval < SCHED_FIRST_SPREAD ? c->interval : SCHED_FIRST_SPREAD;
    return mono_add(now, (dur_t){c->phase % spread + 1});
}

static void grace_begin(struct sched *s, const struct sched_conf *c, mono_t now)
{
    s->grace_until = c->start_period ? mono_add(now, (dur_t){c->start_period}) : MONO_NEVER;
}

void sched_init(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    *s = (struct sched){.state = SCHED_WAITING, .since = t->wall, .next = first_run(c, t->now)};
    grace_begin(s, c, t->now);
}

static bool is_stale(const struct sched_conf *c, dur_t age)
{
    return age.ns < 0 || (age.ns > SCHED_STALE_LEAST && age.ns / SCHED_STALE > c->interval);
}

bool sched_restore(struct sched *s, const struct sched_conf *c, const struct sched_saved *saved,
                   dur_t age)
{
    if (saved->state > SCHED_FAILED || saved->state == SCHED_WAITING || is_stale(c, age))
        return false;
    s->state = s->was = saved->state;
    s->since.ns = saved->since;
    s->runs += saved->runs;
    s->fails = saved->fails;
    s->oks = saved->fails ? 0 : saved->oks;
    s->grace_until = MONO_NEVER;
    return true;
}

void sched_save(const struct sched *s, struct sched_saved *out)
{
    memset(out, 0, sizeof(*out)); /* it is written down as bytes */
    out->state = (uint8_t)s->state;
    out->since = s->since.ns;
    out->fails = s->fails;
    out->oks = s->oks;
    out->runs = s->runs;
}

/* ---- states ---- */

static unsigned set_state(struct sched *s, enum sched_state to, const struct sched_now *t)
{
    if (s->state == to)
        return 0;
    s->was = s->state;
    s->state = to;
    s->since = t->wall;
    return SCHED_CHANGED;
}

static unsigned count_ok(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    s->fails = 0;
    s->oks += s->oks < UINT32_MAX;
    s->grace_until = MONO_NEVER;
    if (s->state == SCHED_FAILED && s->oks < c->rise)
        return SCHED_SOFT;
    return SCHED_SOFT | set_state(s, SCHED_OK, t);
}

static unsigned count_fail(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    if (s->grace_until.ns && t->now.ns < s->grace_until.ns)
        return 0;
    s->grace_until = MONO_NEVER;
    s->oks = 0;
    s->fails += s->fails < UINT32_MAX;
    return SCHED_SOFT | (s->fails >= c->fall ? set_state(s, SCHED_FAILED, t) : 0);
}

/* ---- attempts ---- */

static unsigned begin(struct sched *s, const struct sched_conf *c, const struct sched_now *t,
                      bool ticked)
{
    s->running = true;
    s->ticked = ticked;
    s->started = t->now;
    s->asleep = t->asleep;
    s->due = mono_add(t->now, (dur_t){c->timeout});
    s->runs++;
    return SCHED_START;
}

/* a failure that is neither confirmed nor gone; also one that does not count yet */
static bool wants_confirmation(const struct sched *s, enum verdict_status result)
{
    return result == VERDICT_FAIL && s->state != SCHED_FAILED;
}

/* Attempts start at ticks; a confirmation starts `confirm` after the start of the one before it. */
static void plan(struct sched *s, const struct sched_conf *c, mono_t now, bool confirm)
{
    mono_t tick = tick_after(c, now);
    s->next = tick;
    if (!confirm || !c->confirm)
        return;
    mono_t again = mono_add(s->started, (dur_t){c->confirm});
    if (again.ns < now.ns)
        again = now;
    s->next = mono_min(tick, again);
}

static void end(struct sched *s, const struct sched_conf *c, mono_t now)
{
    s->running = false;
    if (s->ticked)
        s->overruns +=
            (uint64_t)((tick_after(c, now).ns - tick_after(c, s->started).ns) / c->interval);
}

/* The machine slept, or this process was not run while the result was due. */
static bool was_frozen(const struct sched *s, const struct sched_now *t)
{
    return t->asleep.ns - s->asleep.ns > SCHED_FROZEN_NS || t->now.ns - s->due.ns > SCHED_FROZEN_NS;
}

static unsigned on_result(struct sched *s, const struct sched_conf *c, const struct sched_now *t,
                          enum verdict_status result)
{
    if (!s->running)
        return 0;
    unsigned todo = 0;
    end(s, c, t->now);
    if (was_frozen(s, t)) {
        result = VERDICT_UNKNOWN;
        s->discarded++;
        todo = SCHED_DISCARDED;
    }
    if (result == VERDICT_OK)
        todo |= count_ok(s, c, t);
    else if (result == VERDICT_FAIL)
        todo |= count_fail(s, c, t);
    plan(s, c, t->now, wants_confirmation(s, result) || (todo & SCHED_DISCARDED));
    return todo;
}

static unsigned give_up(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    end(s, c, t->now);
    s->discarded++;
    plan(s, c, t->now, true); /* nothing was learnt: the interval may be an hour */
    return SCHED_CANCEL | SCHED_DISCARDED;
}

static unsigned on_timer(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    if (!mono_reached(sched_deadline(s), t->now))
        return 0;
    if (s->running)
        return give_up(s, c, t);
    s->late = mono_sub(t->now, s->next);
    return begin(s, c, t, (s->next.ns - c->phase) % c->interval == 0);
}

static unsigned on_run_now(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    return s->running ? 0 : begin(s, c, t, false);
}

/* What the old instance answers, or does not, says nothing about the new one. */
static unsigned on_program(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    unsigned todo = 0;
    if (s->running) {
        end(s, c, t->now);
        s->discarded++;
        todo = SCHED_CANCEL | SCHED_DISCARDED;
    }
    if (s->fails || s->oks)
        todo |= SCHED_SOFT;
    s->fails = s->oks = 0;
    grace_begin(s, c, t->now);
    s->started = t->now;
    plan(s, c, t->now, true);
    return todo | set_state(s, SCHED_WAITING, t);
}

unsigned sched_step(struct sched *s, const struct sched_conf *c, enum sched_event ev,
                    const struct sched_now *t, enum verdict_status result)
{
    switch (ev) {
    case SCHED_TIMER:
        return on_timer(s, c, t);
    case SCHED_RESULT:
        return on_result(s, c, t, result);
    case SCHED_RUN_NOW:
        return on_run_now(s, c, t);
    case SCHED_PROGRAM:
        return on_program(s, c, t);
    }
    return 0;
}

void sched_again(struct sched *s, const struct sched_conf *c, const struct sched_now *t)
{
    if (!s->running)
        return;
    s->asleep = t->asleep;
    s->due = mono_add(t->now, (dur_t){c->timeout});
}

mono_t sched_deadline(const struct sched *s)
{
    return s->running ? mono_add(s->due, (dur_t){SCHED_ANSWER_NS}) : s->next;
}
