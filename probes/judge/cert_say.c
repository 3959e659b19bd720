/* Dates, spans and sentences about certificates. */
#include "probes/judge/cert_say.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool is_leap(int64_t y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_of(int64_t y, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month] + (month == 1 && is_leap(y));
}

const char *cert_date(int64_t seconds, char *buf, size_t size)
{
    int64_t day = seconds / 86400, rest = seconds % 86400, year = 1970;
    int month = 0;
    if (rest < 0) {
        rest += 86400;
        day--;
    }
    /* 400 years have 146,097 days */
    int64_t eras = day / 146097 - (day % 146097 < 0);
    year += eras * 400;
    for (day -= eras * 146097; day >= 365 + is_leap(year); year++)
        day -= 365 + is_leap(year);
    for (; day >= days_of(year, month); month++)
        day -= days_of(year, month);
    snprintf(buf, size, "%04" PRId64 "-%02d-%02d %02d:%02d UTC", year, month + 1, (int)day + 1,
             (int)(rest / 3600), (int)(rest / 60 % 60));
    return buf;
}

const char *cert_span(int64_t seconds, char *buf, size_t size)
{
    static const struct {
        int64_t s;
        const char *name;
    } units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};
    size_t i = 0;
    /* "36 hours" says more than "1 day" */
    while (i < 3 && seconds < units[i].s * (i == 0 ? 2 : 1))
        i++;
    int64_t n = seconds / units[i].s;
    snprintf(buf, size, "%" PRId64 " %s%s", n, units[i].name, n == 1 ? "" : "s");
    return buf;
}

void cert_found(struct cert_findings *f, int error, const char *fmt, ...)
{
    size_t at = f->n;
    va_list ap;
    if (error < CERT_NERRORS)
        f->errors |= 1u << error;
    while (at > 0 && f->found[at - 1].error > error)
        at--;
    if (at == CERT_FOUND_MAX || f->n == CERT_FOUND_MAX)
        f->left_out++;
    if (at == CERT_FOUND_MAX)
        return;
    size_t behind = (f->n < CERT_FOUND_MAX ? f->n++ : CERT_FOUND_MAX - 1) - at;
    memmove(&f->found[at + 1], &f->found[at], behind * sizeof(f->found[0]));
    f->found[at].error = error;
    va_start(ap, fmt);
    vsnprintf(f->found[at].text, sizeof(f->found[at].text), fmt, ap);
    va_end(ap);
}

static void say_some(const struct cert_findings *f, uint32_t allowed, bool want, struct str *out)
{
    for (size_t i = 0; i < f->n; i++) {
        int e = f->found[i].error;
        bool is_allowed = e < CERT_NERRORS && (allowed & (1u << e));
        if (is_allowed == want)
            str_printf(out, "%s%s%s", out->len ? "; " : "", want ? "allowed: " : "",
                       f->found[i].text);
    }
}

void cert_say(const struct cert_findings *f, uint32_t allowed, struct str *out)
{
    say_some(f, allowed, false, out);
    say_some(f, allowed, true, out);
    if (f->left_out)
        str_printf(out, "; and %zu more", f->left_out);
}
