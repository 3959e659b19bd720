/* The sd_notify protocol: reads one message. */
#include "supervisor/core/sdnotify.h"

#include "supervisor/base/text.h"

#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* ---- text that is safe to show ---- */

struct range {
    uint32_t from, to;
};

/* what moves the cursor, ends a line or turns the direction of writing */
static const struct range unsafe[] = {
    {0, 0x1f},        {0x7f, 0x9f},     {0x61c, 0x61c},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb},
};

static bool is_unsafe(uint32_t c)
{
    for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++)
        if (c >= unsafe[i].from && c <= unsafe[i].to)
            return true;
    return false;
}

/* the length of the character at p, which is valid; its number */
static size_t decode(const char *p, uint32_t *out)
{
    const unsigned char *s = (const unsigned char *)p;
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    *out = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++)
        *out = *out << 6 | (s[i] & 0x3fu);
    return n;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* the character at p[0..n) as it is shown, in at most 4 bytes; both lengths */
static size_t show(const char *p, size_t n, char out[4], size_t *out_taken)
{
    size_t valid = text_utf8_valid(p, n < 4 ? n : 4);
    uint32_t c = 0;
    *out_taken = valid ? decode(p, &c) : 1;
    if (!valid || is_unsafe(c)) {
        out[0] = '?';
        return 1;
    }
    memcpy(out, p, *out_taken);
    return *out_taken;
}

void sdn_text(const char *p, size_t n, char *out, size_t size)
{
    size_t len = 0, room = 0; /* room: where "..." would still fit */
    while (n && is_blank(*p)) {
        p++;
        n--;
    }
    while (n && is_blank(p[n - 1]))
        n--;
    for (size_t taken; n; p += taken, n -= taken) {
        char c[4];
        size_t k = show(p, n, c, &taken);
        if (len + k >= size) {
            memcpy(out + room, "...", 4);
            return;
        }
        memcpy(out + len, c, k);
        len += k;
        room = len + 4 <= size ? len : room;
    }
    out[len] = '\0';
}

/* ---- one line ---- */

struct value {
    const char *p;
    size_t n;
};

static bool is_one(struct value v)
{
    return v.n == 1 && *v.p == '1';
}

/* a decimal number and nothing else */
static bool number(struct value v, int64_t most, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < v.n; i++) {
        int digit = v.p[i] - '0';
        if (digit < 0 || digit > 9 || *out > (most - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return v.n;
}

#define USEC_MAX (INT64_MAX / 4000)

static bool usec(struct value v, dur_t *out)
{
    int64_t us;
    if (!number(v, USEC_MAX, &us))
        return false;
    out->ns = us * 1000;
    return true;
}

static unsigned take_ready(struct value v, struct sdn_msg *m)
{
    (void)m;
    return is_one(v) ? SDN_READY : 0;
}

static unsigned take_reloading(struct value v, struct sdn_msg *m)
{
    (void)m;
    return is_one(v) ? SDN_RELOADING : 0;
}

static unsigned take_stopping(struct value v, struct sdn_msg *m)
{
    (void)m;
    return is_one(v) ? SDN_STOPPING : 0;
}

static unsigned take_barrier(struct value v, struct sdn_msg *m)
{
    (void)m;
    return is_one(v) ? SDN_BARRIER : 0;
}

static unsigned take_fdstore(struct value v, struct sdn_msg *m)
{
    (void)m;
    return is_one(v) ? SDN_FDSTORE : 0;
}

static unsigned take_watchdog(struct value v, struct sdn_msg *m)
{
    (void)m;
    bool trigger = v.n == 7 && memcmp(v.p, "trigger", 7) == 0;
    return is_one(v) ? SDN_ALIVE : trigger ? SDN_TRIGGER : 0;
}

static unsigned take_status(struct value v, struct sdn_msg *m)
{
    sdn_text(v.p, v.n, m->status, sizeof(m->status));
    return SDN_STATUS;
}

static unsigned take_mainpid(struct value v, struct sdn_msg *m)
{
    int64_t pid;
    if (!number(v, INT_MAX, &pid) || pid < 2)
        return 0;
    m->mainpid = (int)pid;
    return SDN_MAINPID;
}

static unsigned take_period(struct value v, struct sdn_msg *m)
{
    return usec(v, &m->watchdog) ? SDN_PERIOD : 0;
}

static unsigned take_extend(struct value v, struct sdn_msg *m)
{
    return usec(v, &m->extend) ? SDN_EXTEND : 0;
}

static unsigned take_monotonic(struct value v, struct sdn_msg *m)
{
    dur_t since_boot;
    if (!usec(v, &since_boot))
        return 0;
    m->monotonic = (mono_t){since_boot.ns};
    return SDN_MONOTONIC;
}

static const struct {
    const char *key;
    unsigned (*take)(struct value v, struct sdn_msg *m); /* what it says; 0: nothing */
} keys[] = {
    {"READY", take_ready},
    {"RELOADING", take_reloading},
    {"STOPPING", take_stopping},
    {"WATCHDOG", take_watchdog},
    {"STATUS", take_status},
    {"MAINPID", take_mainpid},
    {"WATCHDOG_USEC", take_period},
    {"EXTEND_TIMEOUT_USEC", take_extend},
    {"MONOTONIC_USEC", take_monotonic},
    {"BARRIER", take_barrier},
    {"FDSTORE", take_fdstore},
};
#define NKEYS (sizeof(keys) / sizeof(keys[0]))

static void take_line(const char *p, size_t n, struct sdn_msg *m, unsigned *seen)
{
    const char *eq = memchr(p, '=', n);
    size_t len = eq ? (size_t)(eq - p) : 0;
    for (unsigned i = 0; len && i < NKEYS; i++) {
        if (strlen(keys[i].key) != len || memcmp(keys[i].key, p, len) != 0 || (*seen >> i & 1))
            continue;
        *seen |= 1u << i;
        m->said |= keys[i].take((struct value){eq + 1, n - len - 1}, m);
    }
}

int sdn_parse(const char *p, size_t n, struct sdn_msg *out, struct err *e)
{
    unsigned seen = 0;
    *out = (struct sdn_msg){0};
    if (n > SDN_MAX)
        return err_set(e, "it is longer than %u bytes", SDN_MAX);
    if (n && !p[n - 1])
        n--; /* one that came with its terminator */
    if (memchr(p, '\0', n))
        return err_set(e, "it holds a NUL byte");
    for (const char *end = p + n, *eol; p < end; p = eol + 1) {
        eol = memchr(p, '\n', (size_t)(end - p));
        eol = eol ? eol : end;
        take_line(p, (size_t)(eol - p), out, &seen);
    }
    return 0;
}
