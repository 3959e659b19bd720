/* A byte stream cut into lines and bulk, with a bound. */
#include "supervisor/core/wire.h"

#include <string.h>

void wire_buf_init(struct wire_buf *b, size_t max)
{
    str_init(&b->s, max);
    b->at = b->scanned = 0;
}

void wire_buf_fini(struct wire_buf *b)
{
    str_fini(&b->s);
    b->at = b->scanned = 0;
}

char *wire_buf_room(struct wire_buf *b, size_t n)
{
    if (b->at > 0)
        wire_buf_compact(b);
    if (str_reserve(&b->s, n))
        return b->s.s + b->s.len;
    b->s.failed = b->s.nomem = false; /* what waits is whole; the caller may try again with less */
    return NULL;
}

void wire_buf_added(struct wire_buf *b, size_t n)
{
    b->s.len += n;
}

size_t wire_buf_pending(const struct wire_buf *b)
{
    return b->s.len - b->at;
}

int wire_buf_line(struct wire_buf *b, char **out_line, size_t *out_n)
{
    if (b->at == b->s.len)
        return 0;
    size_t from = b->scanned > b->at ? b->scanned : b->at;
    char *nl = memchr(b->s.s + from, '\n', b->s.len - from);
    size_t n = (nl ? (size_t)(nl - b->s.s) : b->s.len) - b->at;
    b->scanned = b->s.len;
    if (n > WIRE_LINE_MAX)
        return -1;
    if (!nl)
        return 0;
    char *line = b->s.s + b->at;
    b->at += n + 1;
    b->scanned = b->at;
    if (n && line[n - 1] == '\r')
        n--;
    line[n] = '\0';
    *out_line = line;
    *out_n = n;
    return 1;
}

int wire_buf_bytes(struct wire_buf *b, size_t n, char **out_p)
{
    if (wire_buf_pending(b) < n || wire_buf_pending(b) - n < 1)
        return 0;
    char *p = b->s.s + b->at;
    if (p[n] != '\n')
        return -1;
    p[n] = '\0';
    b->at += n + 1;
    b->scanned = b->at;
    *out_p = p;
    return 1;
}

void wire_buf_compact(struct wire_buf *b)
{
    if (b->at == b->s.len) {
        wire_buf_fini(b);
        return;
    }
    str_drop(&b->s, b->at);
    b->scanned = b->scanned > b->at ? b->scanned - b->at : 0;
    b->at = 0;
}
