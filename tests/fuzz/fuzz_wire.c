/* The line codec on any bytes: as a request, as a reply, as a stream; what was read is written
 * again and has to read the same. */
#include "supervisor/core/wire.h"

#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 300

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static char *copy(const uint8_t *data, size_t n)
{
    char *p = malloc(n + 1);
    must(p);
    memcpy(p, data, n);
    p[n] = '\0';
    return p;
}

static void as_request(const uint8_t *data, size_t n)
{
    struct err e;
    struct str line = STR_INIT;
    char *p = copy(data, n), *fields[FIELDS_MAX], *again[FIELDS_MAX];
    size_t max = wire_count(p, n);
    int64_t got = wire_split(p, n, fields, FIELDS_MAX, &e);
    must(got <= (int64_t)max);
    for (int64_t i = 0; i < got; i++)
        wire_put_field(&line, fields[i]);
    if (got > 0 && line.len) {
        must(!memchr(line.s, '\n', line.len));
        must(wire_split(line.s, line.len, again, FIELDS_MAX, &e) == got ||
             fields[0][0] == '\0'); /* an empty first field leaves no trace */
        for (int64_t i = 0; i < got && fields[0][0]; i++)
            must(strcmp(fields[i], again[i]) == 0);
    }
    str_fini(&line);
    free(p);
}

static void as_reply(const uint8_t *data, size_t n)
{
    struct err e;
    struct wire_reply r;
    struct wire_pair pairs[32], again[32];
    char *p = copy(data, n);
    int protocol;
    wire_parse_greeting(p, &protocol);
    int64_t got = -1;
    if (wire_parse_reply(p, n, &r, &e) == 0 && r.kind != WIRE_ERROR && r.kind != WIRE_BYTES)
        got = wire_pairs(r.rest, pairs, 32);
    if (got > 0) {
        struct str line = STR_INIT;
        struct wire_out w;
        wire_begin(&w, &line, "i", "+");
        for (int64_t i = 0; i < got; i++)
            wire_kv(&w, pairs[i].key, pairs[i].value);
        must(wire_parse_reply(line.s, line.len, &r, &e) == 0);
        must(wire_pairs(r.rest, again, 32) == got);
        for (int64_t i = 0; i < got; i++)
            must(strcmp(pairs[i].value, again[i].value) == 0);
        str_fini(&line);
    }
    free(p);
}

/* lines and bulks, in pieces whose size the first byte says */
static void as_stream(const uint8_t *data, size_t n)
{
    struct wire_buf b;
    size_t piece = n ? 1u + data[0] : 1, taken = 0;
    wire_buf_init(&b, 4096);
    for (size_t at = 0; at < n; at += piece) {
        size_t now = n - at < piece ? n - at : piece, len;
        char *room = wire_buf_room(&b, now), *p;
        if (!room)
            break;
        memcpy(room, data + at, now);
        wire_buf_added(&b, now);
        while (wire_buf_line(&b, &p, &len) == 1) {
            must(len <= WIRE_LINE_MAX && p[len] == '\0' && !memchr(p, '\n', len));
            taken += len + 1;
            if (len == 3 && wire_buf_bytes(&b, 2, &p) == 1)
                taken += 3;
        }
        must(taken + wire_buf_pending(&b) <= at + now);
        wire_buf_compact(&b);
    }
    wire_buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    as_request(data, size);
    as_reply(data, size);
    as_stream(data, size);
    return 0;
}
