/* TICK_5, TICK_60 and TICK_3600: when the clock passes a multiple of that many seconds, and only
 * while somebody wants them. */
#include "supervisor/run/listeners_impl.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
    enum event_type type;
    uint64_t period;
} rows[] = {{EVENT_TICK_5, 5}, {EVENT_TICK_60, 60}, {EVENT_TICK_3600, 3600}};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

/* That the clock was set shows here, too: the slice is another one. */
static void tick(struct listeners *x, unsigned i, uint64_t now)
{
    char payload[48];
    uint64_t *last = &listenmem_head(x->mem)->ticks[i], slice = now - now % rows[i].period;
    if (slice == *last)
        return;
    bool first = !*last;
    *last = slice;
    int n = snprintf(payload, sizeof(payload), "when:%" PRIu64, slice);
    if (!first)
        listeners_tell(x->sup, rows[i].type, payload, (size_t)n);
}

static void on_tick(struct listeners *x)
{
    int64_t now_ns = wall_now().ns;
    uint64_t now = now_ns > 0 ? (uint64_t)(now_ns / 1000000000) : 0;
    int64_t least = INT64_MAX;
    for (unsigned i = 0; i < NROWS; i++) {
        if (!(x->types & EVENT_BIT(rows[i].type))) {
            listenmem_head(x->mem)->ticks[i] = 0;
            continue;
        }
        tick(x, i, now);
        int64_t period = (int64_t)rows[i].period * 1000000000;
        int64_t left = period - now_ns % period;
        least = left < least ? left : least;
    }
    if (least < INT64_MAX)
        loop_timer_at(&x->tick, mono_add(mono_now(), (dur_t){least}));
    else
        loop_timer_stop(&x->tick);
}

void listentick_init(struct listeners *x)
{
    LOOP_TIMER(&x->tick, x->sup->loop, on_tick, x);
}

void listentick_sync(struct listeners *x)
{
    on_tick(x);
}
