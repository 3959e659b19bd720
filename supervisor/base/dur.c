/* Durations as text. */
#include "supervisor/base/dur.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t ns;
};

/* largest first: parse demands this order, and format follows it */
static const struct unit units[] = {
    {"w", INT64_C(604800000000000)}, {"d", INT64_C(86400000000000)},
    {"h", INT64_C(3600000000000)},   {"m", INT64_C(60000000000)},
    {"s", INT64_C(1000000000)},      {"ms", INT64_C(1000000)},
    {"us", INT64_C(1000)},           {"ns", INT64_C(1)},
};
#define NUNITS (sizeof(units) / sizeof(units[0]))
#define SECONDS 4 /* what a bare number means */

static size_t unit_find(const char *p, size_t n)
{
    size_t i = 0;
    while (i < NUNITS && !(strlen(units[i].name) == n && memcmp(units[i].name, p, n) == 0))
        i++;
    return i;
}

static int bad(struct err *e, const char *text)
{
    return err_set(e, "not a valid duration: '%s' (write 90s, 1h30m or 250ms)", text);
}

/* the decimal number at *pp in units of unit ns, rounded to a nanosecond; -1 if it is none, or
 * more than most ns */
static int64_t number_ns(const char *p, size_t n, int64_t unit, int64_t most)
{
    int64_t whole = 0;
    size_t i = 0;
    for (; i < n && isdigit((unsigned char)p[i]); i++) {
        whole = whole * 10 + (p[i] - '0');
        if (whole > most / unit)
            return -1;
    }
    double part = 0, weight = 0.1;
    size_t dot = i;
    for (i = dot + 1; i < n && isdigit((unsigned char)p[i]); i++, weight /= 10)
        part += weight * (p[i] - '0');
    if (dot == 0 || (dot < n && (p[dot] != '.' || dot + 1 == n || i < n)))
        return -1;
    int64_t ns = whole * unit + (int64_t)(part * (double)unit + 0.5);
    return ns > most ? -1 : ns;
}

/* one "12.5h" at *pp; *last is the index of the unit before plus 1, so that units fall */
static int parse_part(const char **pp, size_t *last, int64_t *sum)
{
    size_t digits = strspn(*pp, "0123456789."), n = strspn(*pp + digits, "nmushdw");
    const char *name = *pp + digits;
    size_t u = n == 0 && *last == 0 && *name == '\0' ? SECONDS : unit_find(name, n);
    if (u >= NUNITS || (*last && u < *last))
        return -1;
    int64_t ns = number_ns(*pp, digits, units[u].ns, DUR_MAX.ns - *sum);
    if (ns < 0)
        return -1;
    *sum += ns;
    *last = u + 1;
    *pp = name + n;
    return 0;
}

int dur_parse(const char *text, dur_t *out_d, struct err *e)
{
    char trimmed[64];
    const char *p = text + strspn(text, " \t");
    size_t n = strlen(p);
    while (n && strchr(" \t", p[n - 1]))
        n--;
    if (n == 0 || n >= sizeof(trimmed))
        return bad(e, text);
    memcpy(trimmed, p, n);
    trimmed[n] = '\0';
    int64_t sum = 0;
    size_t last = 0;
    for (p = trimmed; *p;)
        if (parse_part(&p, &last, &sum) < 0)
            return bad(e, text);
    out_d->ns = sum;
    return 0;
}

const char *dur_format(dur_t d, char *buf, size_t size)
{
    int64_t left = d.ns < 0 ? 0 : d.ns;
    size_t at = 0;
    for (size_t i = 0; i < NUNITS && at < size; i++) {
        int64_t n = left / units[i].ns;
        if (!n)
            continue;
        left -= n * units[i].ns;
        at += (size_t)snprintf(buf + at, size - at, "%" PRId64 "%s", n, units[i].name);
    }
    if (!at)
        snprintf(buf, size, "0s");
    return buf;
}

const char *dur_human(dur_t d, char *buf, size_t size)
{
    int64_t left = d.ns < 0 ? 0 : d.ns;
    if (left < INT64_C(10000000000)) {
        snprintf(buf, size, "%.1fs", (double)left / 1e9);
        return buf;
    }
    size_t i = 1;
    while (left < units[i].ns)
        i++;
    int64_t n = left / units[i].ns;
    int64_t rest = i < 4 ? left % units[i].ns / units[i + 1].ns : 0;
    if (rest)
        snprintf(buf, size, "%" PRId64 "%s%" PRId64 "%s", n, units[i].name, rest,
                 units[i + 1].name);
    else
        snprintf(buf, size, "%" PRId64 "%s", n, units[i].name);
    return buf;
}

const char *dur_brief(dur_t d, char *buf, size_t size)
{
    double ms = (double)(d.ns < 0 ? 0 : d.ns) / 1e6;
    if (ms >= 10000)
        return dur_human(d, buf, size);
    if (ms >= 999.5)
        snprintf(buf, size, "%.2fs", ms / 1000);
    else
        snprintf(buf, size, ms < 9.95 ? "%.1fms" : "%.0fms", ms);
    return buf;
}
