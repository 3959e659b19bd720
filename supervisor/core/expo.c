/* Metrics as text for Prometheus. */
#include "supervisor/core/expo.h"
#include "supervisor/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* valid UTF-8 */
static void put_plain(struct str *out, const char *text, size_t n, bool quote)
{
    size_t done = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c != '\\' && c != '\n' && !(quote && c == '"'))
            continue;
        str_put(out, text + done, i - done);
        str_putc(out, '\\');
        str_putc(out, c == '\n' ? 'n' : c);
        done = i + 1;
    }
    str_put(out, text + done, n - done);
}

/* HELP escapes backslash and newline, a label's value the double quote, too */
static void put_help(struct str *out, const char *text, size_t n)
{
    put_plain(out, text, n, false);
}

static void put_label(struct str *out, const char *text, size_t n)
{
    put_plain(out, text, n, true);
}

void expo_family(struct expo *x, const char *name, enum expo_type type, const char *help)
{
    static const char *const types[] = {"counter", "gauge", "summary", "histogram"};
    x->family = name;
    str_printf(x->out, "# HELP %s ", name);
    text_put_utf8(x->out, help, strlen(help), put_help);
    str_printf(x->out, "\n# TYPE %s %s\n", name, types[type]);
}

void expo_begin(struct expo *x, const char *suffix)
{
    x->labelled = false;
    str_puts(x->out, x->family);
    str_puts(x->out, suffix);
}

void expo_label(struct expo *x, const char *name, const char *value)
{
    str_putc(x->out, x->labelled ? ',' : '{');
    str_puts(x->out, name);
    str_puts(x->out, "=\"");
    text_put_utf8(x->out, value, strlen(value), put_label);
    str_putc(x->out, '"');
    x->labelled = true;
}

static void end_labels(struct expo *x)
{
    str_puts(x->out, x->labelled ? "} " : " ");
}

/* in as few digits as read back to the same number */
static void put_double(struct str *out, double v)
{
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    str_printf(out, "%s\n", text);
}

void expo_value(struct expo *x, double v)
{
    end_labels(x);
    if (isnan(v))
        str_puts(x->out, "NaN\n");
    else if (isinf(v))
        str_puts(x->out, v > 0 ? "+Inf\n" : "-Inf\n");
    else if (v == floor(v) && fabs(v) < 1e15)
        str_printf(x->out, "%.0f\n", v);
    else
        put_double(x->out, v);
}

void expo_int(struct expo *x, int64_t v)
{
    end_labels(x);
    str_printf(x->out, "%" PRId64 "\n", v);
}
