/* Flapping: a score of changes that decays. */
#include "alerts/rules/flap.h"

#include <math.h>

/* below this the changes before are another story */
#define FORGOTTEN 0.5

static double decayed(const struct flap *f, wall_t now)
{
    double dt = (double)wall_sub(now, f->at).ns;
    return f->at.ns ? f->score * exp(-(dt > 0 ? dt : 0) / (double)FLAP_TAU.ns) : 0;
}

bool flap_change(struct flap *f, bool down, wall_t now)
{
    double left = decayed(f, now);
    if (left < FORGOTTEN && !f->on) {
        f->from = now;
        f->down = (dur_t){0};
        f->number = 0;
    }
    if (!down && f->down_at.ns) {
        wall_t begin = f->down_at.ns > f->from.ns ? f->down_at : f->from;
        f->down.ns += wall_sub(now, begin).ns;
    }
    f->down_at = down ? now : WALL_NEVER;
    f->score = left + 1;
    f->at = now;
    f->number++;
    if (f->on || f->score < FLAP_START)
        return false;
    f->on = 1;
    return true;
}

wall_t flap_ends(const struct flap *f)
{
    if (!f->on)
        return WALL_NEVER;
    double tail = f->score > FLAP_STOP ? log(f->score / FLAP_STOP) : 0;
    return wall_add(f->at, (dur_t){(int64_t)(tail * (double)FLAP_TAU.ns)});
}

bool flap_stop(struct flap *f, wall_t now)
{
    if (!wall_reached(flap_ends(f), now))
        return false;
    f->on = 0;
    return true;
}

double flap_duty(const struct flap *f, wall_t now)
{
    int64_t all = wall_sub(now, f->from).ns, down = f->down.ns;
    if (f->down_at.ns)
        down += wall_sub(now, f->down_at.ns > f->from.ns ? f->down_at : f->from).ns;
    return all > 0 ? (double)down / (double)all : f->down_at.ns ? 1 : 0;
}
