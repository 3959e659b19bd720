/* Finds the capture marks in a program's output. */
#include "supervisor/core/capture.h"

#include <string.h>

static const char *mark_of(const struct capture *c, size_t *out_n)
{
    *out_n = (c->on ? sizeof(CAPTURE_END_MARK) : sizeof(CAPTURE_BEGIN_MARK)) - 1;
    return c->on ? CAPTURE_END_MARK : CAPTURE_BEGIN_MARK;
}

static void give_text(const struct capture *c, const char *p, size_t n, struct capture_piece *out)
{
    *out = (struct capture_piece){c->on ? CAPTURE_DATA : CAPTURE_PLAIN, p, n};
}

bool capture_flush(struct capture *c, struct capture_piece *out)
{
    size_t n;
    if (!c->matched)
        return false;
    give_text(c, mark_of(c, &n), c->matched, out);
    c->matched = 0;
    return true;
}

/* Goes on inside a mark. A '<' stands only at its start, so a failed match holds no other one. */
static size_t match_on(struct capture *c, const char *p, size_t n, struct capture_piece *out)
{
    size_t size, used = 0;
    const char *mark = mark_of(c, &size);
    while (used < n && c->matched < size && p[used] == mark[c->matched]) {
        c->matched++;
        used++;
    }
    if (c->matched == size) {
        out->kind = c->on ? CAPTURE_END : CAPTURE_BEGIN;
        *out = (struct capture_piece){out->kind, p, 0};
        c->on = !c->on;
        c->matched = 0;
    } else if (used == n) {
        *out = (struct capture_piece){CAPTURE_HELD, p, 0};
    } else {
        capture_flush(c, out);
    }
    return used;
}

size_t capture_next(struct capture *c, const char *p, size_t n, struct capture_piece *out)
{
    size_t at = 0, size;
    if (c->matched)
        return match_on(c, p, n, out);
    const char *mark = mark_of(c, &size);
    while (at < n) {
        const char *start = memchr(p + at, mark[0], n - at);
        at = start ? (size_t)(start - p) : n;
        size_t seen = n - at < size ? n - at : size;
        if (!start || memcmp(start, mark, seen) == 0)
            break;
        at++;
    }
    if (at == 0)
        return match_on(c, p, n, out);
    give_text(c, p, at, out);
    return at;
}
