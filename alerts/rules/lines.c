/* Chunks of a stream into whole lines. */
#include "alerts/rules/lines.h"

#include <string.h>

void lines_init(struct lines *l)
{
    *l = (struct lines){.torn = false};
    str_init(&l->part, LINES_MAX + 1);
}

void lines_fini(struct lines *l)
{
    str_fini(&l->part);
}

/* keeps the start of a line, up to the limit */
static void keep(struct lines *l, const char *p, size_t n)
{
    size_t room = LINES_MAX - l->part.len;
    if (l->torn)
        return;
    l->cut = l->cut || n > room;
    str_put(&l->part, p, n < room ? n : room);
}

/* the line begun before is complete, or gone */
static void finish(struct lines *l, lines_fn *fn, void *obj)
{
    if (l->torn) {
        l->torn = false;
        return;
    }
    str_putc(&l->part, '\n');
    l->ncut += l->cut;
    l->cut = false;
    if (!l->part.failed)
        fn(obj, l->part.s, l->part.len);
    str_fini(&l->part); /* most streams are idle: none keeps a buffer */
}

void lines_feed(struct lines *l, const char *p, size_t n, lines_fn *fn, void *obj)
{
    const char *last = memrchr(p, '\n', n), *end = p + n;
    if (last && (l->torn || l->part.len)) {
        const char *first = memchr(p, '\n', n);
        keep(l, p, (size_t)(first - p));
        finish(l, fn, obj);
        p = first + 1;
    }
    if (last && p <= last) {
        fn(obj, p, (size_t)(last + 1 - p));
        p = last + 1;
    }
    if (p < end)
        keep(l, p, (size_t)(end - p));
}

void lines_skip(struct lines *l)
{
    l->ntorn++;
    l->torn = true;
    l->cut = false;
    str_fini(&l->part);
}

void lines_end(struct lines *l, lines_fn *fn, void *obj)
{
    if (l->part.len || l->torn)
        finish(l, fn, obj);
}

const char *line_next(const char **p, const char *end, size_t *out_len)
{
    const char *line = *p;
    if (line >= end)
        return NULL;
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    size_t n = (size_t)((stop ? stop : end) - line);
    *p = stop ? stop + 1 : end;
    n -= n > 0 && line[n - 1] == '\r';
    *out_len = n < LINES_MAX ? n : LINES_MAX;
    return line;
}
