/* The protocol of event listeners, byte by byte. */
#include "supervisor/core/listener.h"

#include <string.h>

#define READY_TOKEN "READY\n"
#define READY_LEN (sizeof(READY_TOKEN) - 1)
#define RESULT_START 7u /* of "RESULT "; that it says so is not looked at, as in Supervisor */
#define LENGTH_MAX (UINT64_C(1) << 40)

void listener_init(struct listener *l)
{
    *l = (struct listener){.state = LISTENER_ACKNOWLEDGED};
}

void listener_send(struct listener *l)
{
    *l = (struct listener){.state = LISTENER_BUSY};
}

static size_t fall(struct listener *l, size_t n, enum listener_word *out)
{
    l->state = LISTENER_UNKNOWN;
    *out = LISTENER_BAD;
    return n;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* What is no READY shows once there is as much of it. */
static size_t feed_acknowledged(struct listener *l, const char *p, size_t n,
                                enum listener_word *out)
{
    size_t used = least(READY_LEN - l->nline, n);
    memcpy(l->line + l->nline, p, used);
    l->nline = (uint8_t)(l->nline + used);
    if (l->nline < READY_LEN)
        return used;
    bool ready = memcmp(l->line, READY_TOKEN, READY_LEN) == 0;
    l->nline = 0;
    if (!ready)
        return fall(l, n, out);
    l->state = LISTENER_READY;
    *out = LISTENER_IS_READY;
    return used;
}

static bool is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A number as Python's int() takes it, but for underscores: blanks around it, and a sign. */
static bool parse_length(const char *p, size_t n, uint64_t *out)
{
    while (n && is_blank(*p))
        p++, n--;
    while (n && is_blank(p[n - 1]))
        n--;
    if (n && *p == '+')
        p++, n--;
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9' || v > LENGTH_MAX)
            return false;
        v = v * 10 + (uint64_t)(p[i] - '0');
    }
    *out = v;
    return n && v <= LENGTH_MAX;
}

static size_t end_result(struct listener *l, size_t used, enum listener_word *out)
{
    bool ok = l->length == 2 && !l->differs;
    listener_init(l);
    *out = ok ? LISTENER_DONE : LISTENER_REJECTED;
    return used;
}

static size_t feed_line(struct listener *l, const char *p, size_t n, enum listener_word *out)
{
    const char *end = memchr(p, '\n', n);
    size_t part = end ? (size_t)(end - p) : n, room = LISTENER_LINE - l->nline;
    memcpy(l->line + l->nline, p, least(part, room));
    l->nline = (uint8_t)(l->nline + least(part, room));
    if (part > room)
        return fall(l, n, out);
    if (!end)
        return n;
    if (l->nline <= RESULT_START ||
        !parse_length(l->line + RESULT_START, l->nline - RESULT_START, &l->length))
        return fall(l, n, out);
    l->in_result = 1;
    return l->length ? part + 1 : end_result(l, part + 1, out);
}

static size_t feed_result(struct listener *l, const char *p, size_t n, enum listener_word *out)
{
    static const char ok[] = "OK";
    uint64_t left = l->length - l->got;
    size_t used = left < n ? (size_t)left : n;
    for (size_t i = 0; i < used && l->got + i < sizeof(ok) - 1; i++)
        l->differs |= p[i] != ok[l->got + i];
    l->got += used;
    return l->got < l->length ? used : end_result(l, used, out);
}

static size_t feed_busy(struct listener *l, const char *p, size_t n, enum listener_word *out)
{
    size_t used = 0;
    while (used < n && *out == LISTENER_NOTHING)
        used += l->in_result ? feed_result(l, p + used, n - used, out)
                             : feed_line(l, p + used, n - used, out);
    return used;
}

size_t listener_feed(struct listener *l, const char *p, size_t n, enum listener_word *out)
{
    *out = LISTENER_NOTHING;
    switch (l->state) {
    case LISTENER_ACKNOWLEDGED:
        return feed_acknowledged(l, p, n, out);
    case LISTENER_BUSY:
        return feed_busy(l, p, n, out);
    case LISTENER_READY: /* nobody has asked it */
        return fall(l, n, out);
    default:
        return n;
    }
}

const char *listener_state_name(enum listener_state s)
{
    switch (s) {
    case LISTENER_READY:
        return "READY";
    case LISTENER_BUSY:
        return "BUSY";
    case LISTENER_ACKNOWLEDGED:
        return "ACKNOWLEDGED";
    default:
        return "UNKNOWN";
    }
}
