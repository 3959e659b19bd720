/* The simple value types: numbers, booleans, sizes, words, lists. */
#include "supervisor/conf/value.h"
#include "supervisor/base/level.h"
#include "supervisor/conf/gen.h"
#include "supervisor/conf/pytext.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int val_integer(const char *text, int64_t *out_n, struct err *e)
{
    switch (py_int(text, 10, out_n)) {
    case PY_INT_OK:
        return 0;
    case PY_INT_HUGE:
        return err_set(e, "%s is too large", text);
    case PY_INT_INVALID:
        break;
    }
    return err_set(e,
                   "invalid literal for int() with base 10: '%s' (a whole number without a unit "
                   "is wanted)",
                   text);
}

int val_boolean(const char *text, bool *out_b, struct err *e)
{
    static const char *const words[] = {"no", "yes", "false", "true", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out_b = i & 1;
            return 0;
        }
    }
    return err_set(e, "not a valid boolean value: '%s' (use true or false)", text);
}

static const struct unit {
    const char *suffix;
    int64_t bytes;
} units[] = {{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}};

int val_size(const char *text, int64_t *out_n, struct err *e)
{
    size_t n = strlen(text);
    char digits[64];
    for (size_t i = 0; i < 3 && n >= 2; i++) {
        if (strcasecmp(text + n - 2, units[i].suffix) != 0 || n - 2 >= sizeof(digits))
            continue;
        memcpy(digits, text, n - 2);
        digits[n - 2] = '\0';
        int64_t v;
        enum py_int_result r = py_int(digits, 10, &v);
        if (r == PY_INT_HUGE || (r == PY_INT_OK && llabs(v) > INT64_MAX / units[i].bytes))
            return err_set(e, "%s is too large", text);
        if (r == PY_INT_INVALID)
            return err_set(e,
                           "invalid literal for int() with base 10: '%s' (a whole number of "
                           "bytes, KB, MB or GB is wanted)",
                           digits);
        *out_n = v * units[i].bytes;
        return 0;
    }
    if (py_int(text, 10, out_n) == PY_INT_OK)
        return 0;
    return err_set(e,
                   "invalid literal for int() with base 10: '%s' (a whole number of bytes, KB, "
                   "MB or GB is wanted)",
                   text);
}

void val_print_size(struct str *out, int64_t n)
{
    for (size_t i = 0; i < 3; i++) {
        if (n && n % units[i].bytes == 0) {
            str_printf(out, "%" PRId64 "%s", n / units[i].bytes, units[i].suffix);
            return;
        }
    }
    str_printf(out, "%" PRId64, n);
}

int val_octal(const char *text, int64_t *out_n, struct err *e)
{
    if (py_int(text, 8, out_n) == PY_INT_OK)
        return 0;
    return err_set(e, "%s can not be converted to an octal type (use digits 0 to 7, as in 022)",
                   text);
}

/* a decimal fraction with at most three places that count, in thousandths */
static int read_milli(const char *text, double lo, double hi, int32_t *out)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return -1;
    double d = strtod(text, &end);
    if (*end || d < lo || d > hi)
        return -1;
    *out = (int32_t)(d * 1000 + 0.5);
    return 0;
}

int val_percent(const char *text, int32_t *out_milli, struct err *e)
{
    char buf[32];
    size_t n = strlen(text);
    if (n && text[n - 1] == '%')
        n--;
    if (n && n < sizeof(buf)) {
        memcpy(buf, text, n);
        buf[n] = '\0';
        if (read_milli(buf, 0, 100, out_milli) == 0) {
            *out_milli /= 100;
            return 0;
        }
    }
    *out_milli = 0;
    return err_set(e, "'%s' is not a percentage between 0%% and 100%%", text);
}

int val_share(const char *text, int32_t *out_ppm, struct err *e)
{
    const char *p = text;
    int64_t ppm = 0;
    for (; isdigit((unsigned char)*p) && ppm <= 1000000; p++)
        ppm = ppm * 10 + (*p - '0') * 10000;
    bool digits = p > text;
    if (*p == '.') {
        int64_t unit = 1000;
        for (p++; isdigit((unsigned char)*p) && (unit || *p == '0'); p++, unit /= 10)
            ppm += (*p - '0') * unit;
    }
    bool bare = *p != '%';
    if (!bare)
        p++;
    *out_ppm = (int32_t)ppm;
    if (digits && !*p && bare && ppm > 0 && ppm < 10000)
        return err_set(e, "'%s' may mean %g%% or %s%%; write the percent sign", text,
                       (double)ppm / 100, text);
    if (digits && !*p && ppm <= 1000000)
        return 0;
    *out_ppm = 0;
    return err_set(e, "'%s' is not a percentage between 0%% and 100%% with at most four decimals",
                   text);
}

int val_factor(const char *text, int32_t *out_milli, struct err *e)
{
    if (read_milli(text, 1, 1000, out_milli) == 0)
        return 0;
    return err_set(e, "'%s' is not a factor between 1 and 1000", text);
}

/* one part of a list; its end is the comma or the text's end */
static const char *part_end(const char *p)
{
    const char *comma = strchr(p, ',');
    return comma ? comma : p + strlen(p);
}

int val_exitcodes(struct arena *a, const char *text, int32_t **out_codes, size_t *out_n,
                  struct err *e)
{
    size_t n = *text != '\0';
    for (const char *p = text; *p; p++)
        n += *p == ',';
    *out_codes = arena_alloc(a, n * sizeof(**out_codes));
    *out_n = n;
    const char *p = text;
    for (size_t i = 0; i < n; i++) {
        const char *end = part_end(p);
        int64_t v;
        char *one = arena_strndup(a, p, (size_t)(end - p));
        if (py_int(one, 10, &v) != PY_INT_OK || v < 0 || v > 255)
            return err_set(e,
                           "not a valid list of exit codes: '%s' (numbers from 0 to 255 with "
                           "commas between them)",
                           text);
        (*out_codes)[i] = (int32_t)v;
        p = end + (*end == ',');
    }
    return 0;
}

int val_autorestart(const char *text, uint8_t *out_r, struct err *e)
{
    bool b = false;
    if (strcasecmp(text, "unexpected") == 0) {
        *out_r = GEN_RESTART_UNEXPECTED;
        return 0;
    }
    if (val_boolean(text, &b, NULL) == 0) {
        *out_r = b ? GEN_RESTART_ALWAYS : GEN_RESTART_NEVER;
        return 0;
    }
    return err_set(e, "invalid 'autorestart' value '%s' (use true, false or unexpected)", text);
}

int val_loglevel(const char *text, int *out_level, struct err *e)
{
    char low[16];
    size_t n = strlen(text);
    if (n < sizeof(low)) {
        memcpy(low, text, n + 1);
        py_lower(low);
        *out_level = log_level_by_name(low);
        if (*out_level >= 0)
            return 0;
    }
    return err_set(e,
                   "bad logging level name '%s' (one of critical, error, warn, info, debug, "
                   "trace, blather)",
                   text);
}

int val_inet(struct arena *a, const char *text, const char **out_host, int *out_port, struct err *e)
{
    const char *colon = strrchr(text, ':'), *digits = colon ? colon + 1 : text;
    int64_t port;
    if (colon && !*digits)
        return err_set(e, "no port number specified in '%s'", text);
    if (py_int(digits, 10, &port) != PY_INT_OK)
        return err_set(e, "not a valid port number: '%s' (9001, *:9001 or host:9001)", digits);
    if (port < 1 || port > 65535)
        return err_set(e, "port %" PRId64 " is not between 1 and 65535", port);
    char *host = arena_strndup(a, text, colon ? (size_t)(colon - text) : 0);
    py_lower(host);
    *out_host = strcmp(host, "*") == 0 ? "" : host;
    *out_port = (int)port;
    return 0;
}

int val_word(const char *text, const char *const *words, uint8_t *out_i, struct err *e)
{
    struct str all = STR_INIT;
    for (uint8_t i = 0; words[i]; i++) {
        if (strcasecmp(text, words[i]) == 0) {
            *out_i = i;
            str_fini(&all);
            return 0;
        }
        str_printf(&all, "%s%s", i ? ", " : "", words[i]);
    }
    err_set(e, "'%s' is not one of %s", text, str_text(&all));
    str_fini(&all);
    return -1;
}

int val_name(struct arena *a, const char *text, const char **out_name, struct err *e)
{
    const char *b = text, *end = text + strlen(text);
    py_strip(&b, &end);
    *out_name = arena_strndup(a, b, (size_t)(end - b));
    size_t ok = strcspn(*out_name, " :/");
    if (!(*out_name)[ok])
        return 0;
    return err_set(e, "Invalid name: '%s' because of character: '%c'", text, (*out_name)[ok]);
}

struct str_list val_list(struct arena *a, const char *text)
{
    struct str_list l = {.n = *text != '\0'};
    for (const char *p = text; *p; p++)
        l.n += *p == ',';
    l.v = arena_alloc(a, l.n * sizeof(*l.v));
    for (size_t i = 0; i < l.n; i++) {
        const char *end = part_end(text), *b = text, *e = end;
        py_strip(&b, &e);
        l.v[i] = arena_strndup(a, b, (size_t)(e - b));
        text = end + (*end == ',');
    }
    return l;
}
