/* A run of bytes that lies in several pieces. */
#include "supervisor/logd/span.h"

#include <string.h>

size_t span_last_line(const struct span *s)
{
    size_t end = s->len;
    for (int i = s->n - 1; i >= 0; i--) {
        const char *base = s->iov[i].iov_base;
        const char *at = memrchr(base, '\n', s->iov[i].iov_len);
        end -= s->iov[i].iov_len;
        if (at)
            return end + (size_t)(at - base) + 1;
    }
    return 0;
}

size_t span_next_line(const struct span *s, size_t from)
{
    size_t start = 0;
    for (int i = 0; i < s->n; start += s->iov[i++].iov_len) {
        size_t len = s->iov[i].iov_len, skip = from > start ? from - start : 0;
        if (skip >= len)
            continue;
        const char *base = s->iov[i].iov_base;
        const char *at = memchr(base + skip, '\n', len - skip);
        if (at)
            return start + (size_t)(at - base) + 1;
    }
    return 0;
}

void span_cut(struct span *s, size_t len)
{
    if (len >= s->len)
        return;
    s->len = len;
    int i = 0;
    for (; len > s->iov[i].iov_len; i++)
        len -= s->iov[i].iov_len;
    s->iov[i].iov_len = len;
    s->n = len ? i + 1 : i;
}

void span_skip(struct span *s, size_t len)
{
    int i = 0;
    s->len -= len;
    for (; i < s->n && len >= s->iov[i].iov_len; i++)
        len -= s->iov[i].iov_len;
    s->n -= i;
    memmove(s->iov, s->iov + i, (size_t)s->n * sizeof(s->iov[0]));
    if (len) {
        s->iov[0].iov_base = (char *)s->iov[0].iov_base + len;
        s->iov[0].iov_len -= len;
    }
}

size_t span_count_lines(const struct span *s)
{
    size_t lines = 0;
    for (int i = 0; i < s->n; i++) {
        const char *p = s->iov[i].iov_base, *end = p + s->iov[i].iov_len;
        while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
            lines++;
            p++;
        }
    }
    return lines;
}

void span_copy(const struct span *s, char *out)
{
    for (int i = 0; i < s->n; i++) {
        memcpy(out, s->iov[i].iov_base, s->iov[i].iov_len);
        out += s->iov[i].iov_len;
    }
}

char span_byte(const struct span *s, size_t at)
{
    int i = 0;
    for (; at >= s->iov[i].iov_len; i++)
        at -= s->iov[i].iov_len;
    return ((const char *)s->iov[i].iov_base)[at];
}
