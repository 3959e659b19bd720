/* Saved windows and timers, as an agent reads them after a restart. Those with a right CRC are made
 * from the rest: the input is a patch of a true state, then the CRC is set right again. */
#include "alerts/rules/timers.h"
#include "alerts/rules/window.h"
#include "supervisor/base/crc.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SEC INT64_C(1000000000)
enum { WINDOW_HEAD = 24, TIMERS_HEAD = 40 };

static void patch(struct str *s, size_t head, const uint8_t *data, size_t size)
{
    for (; size >= 3; data += 3, size -= 3) {
        size_t at = (size_t)(data[0] | data[1] << 8) % s->len;
        if (at >= head || at >= 16) /* not the magic, version, size and CRC */
            s->s[at] = (char)data[2];
    }
    uint32_t crc = crc32_of(s->s + head, s->len - head);
    memcpy(s->s + 12, &crc, sizeof(crc));
}

static void use_window(const struct str *s, mono_t now)
{
    struct err e;
    struct window *w = window_restore(s->s, s->len, DUR_S(1), now, (wall_t){90 * SEC}, &e);
    if (!w)
        return;
    window_add(w, mono_add(now, DUR_S(5)), 1, 1);
    window_dark(w, now, mono_add(now, DUR_S(50)));
    struct window_sum sum = window_sum(w, mono_add(now, DUR_S(100)), WINDOW_MAX);
    if (sum.unknown.ns > sum.seen.ns || sum.ok < 0)
        abort();
    window_free(&w);
}

static void use_timers(const struct str *s, mono_t now)
{
    static struct hist h;
    struct err e;
    struct timers *t = timers_restore(s->s, s->len, DUR_S(1), now, (wall_t){90 * SEC}, &e);
    if (!t)
        return;
    timers_add(t, mono_add(now, DUR_S(700)), 5, 5);
    timers_sum(t, mono_add(now, DUR_S(800)), TIMERS_MAX, &h);
    hist_quantile(&h, 990000);
    timers_free(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str ws = STR_INIT, ts = STR_INIT;
    mono_t now = {50 * SEC};
    struct window *w = window_new(DUR_S(1), (mono_t){SEC});
    struct timers *t = timers_new(DUR_S(1), (mono_t){SEC});
    window_add(w, (mono_t){2 * SEC}, 7, 3);
    window_dark(w, (mono_t){3 * SEC}, (mono_t){9 * SEC});
    timers_add(t, (mono_t){2 * SEC}, 7000000, 3);
    window_save(w, now, (wall_t){60 * SEC}, &ws);
    timers_save(t, now, (wall_t){60 * SEC}, &ts);
    patch(&ws, WINDOW_HEAD, data, size);
    patch(&ts, TIMERS_HEAD, data, size);
    use_window(&ws, now);
    use_timers(&ts, now);
    str_fini(&ws);
    str_fini(&ts);
    window_free(&w);
    timers_free(&t);
    return 0;
}
