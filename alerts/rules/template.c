/* Templates of summaries: one row a field. */
#include "alerts/rules/template.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* ---- how a value looks ---- */

#define PLAIN_MAX 1e15 /* from here on with an exponent */

/* three digits that matter, no needless zeros: 0.0512, 5.12, 512, 5120 */
static void put_number(struct str *out, double v)
{
    char buf[64];
    bool odd = (v > -0.1 && v < 0.1 && v != 0) || v >= PLAIN_MAX || v <= -PLAIN_MAX;
    int n = odd ? snprintf(buf, sizeof(buf), "%.3g", v)
                : snprintf(buf, sizeof(buf), "%.*f", v >= 100 || v <= -100 ? 0 : 2, v);
    if (!odd && strchr(buf, '.')) {
        while (buf[n - 1] == '0')
            n--;
        n -= buf[n - 1] == '.';
    }
    str_put(out, buf, (size_t)n);
}

static void put_seconds(struct str *out, double v)
{
    char buf[DUR_TEXT];
    if (v >= 0 && v < 1) {
        put_number(out, v * 1000);
        str_puts(out, " ms");
    } else if (v >= 60 && v < 9e9)
        str_puts(out, dur_human((dur_t){(int64_t)(v * 1e9)}, buf, sizeof(buf)));
    else {
        put_number(out, v);
        str_puts(out, " s");
    }
}

static void put_value(struct str *out, double v, enum eval_unit u)
{
    static const char *const behind[] = {
        [UNIT_STATE] = "", [UNIT_COUNT] = "", [UNIT_SHARE] = "%", [UNIT_BURN] = "x"};
    if (u == UNIT_SECONDS) {
        put_seconds(out, v);
        return;
    }
    put_number(out, u == UNIT_SHARE ? v * 100 : v);
    str_puts(out, behind[u]);
}

/* days since 1970 to a date; the calendar repeats every 400 years of 146097 days, counted from a
 * first of March so that a leap day is a year's last */
static void put_date(struct str *out, int64_t days)
{
    int64_t z = days + 719468, era = z / 146097, doe = z % 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t m = mp < 10 ? mp + 3 : mp - 9;
    str_printf(out, "%04" PRId64 "-%02" PRId64 "-%02" PRId64 " ", yoe + era * 400 + (m <= 2), m,
               doy - (153 * mp + 2) / 5 + 1);
}

#define DAY INT64_C(86400)

static void put_time(struct str *out, int64_t s)
{
    str_printf(out, "%02" PRId64 ":%02" PRId64 " UTC", s % DAY / 3600, s % 3600 / 60);
}

void template_stamp(int64_t seconds, struct str *out)
{
    int64_t s = seconds > 0 ? seconds : 0;
    put_date(out, s / DAY);
    put_time(out, s);
}

void template_since(wall_t since, dur_t age, struct str *out)
{
    if (age.ns >= DUR_S(DAY).ns)
        template_stamp(since.ns / 1000000000, out);
    else
        put_time(out, since.ns / 1000000000);
}

/* ---- the fields ---- */

#define FIELD(name) static void field_##name(const struct template_facts *f, struct str *out)
#define TEXT_FIELD(name)                                                                           \
    FIELD(name)                                                                                    \
    {                                                                                              \
        str_puts(out, f->name ? f->name : "");                                                     \
    }

TEXT_FIELD(name)
TEXT_FIELD(program)
TEXT_FIELD(severity)
TEXT_FIELD(runbook)
TEXT_FIELD(dashboard)
TEXT_FIELD(text)

FIELD(value)
{
    put_value(out, f->value, f->unit);
}

FIELD(limit)
{
    put_value(out, f->limit, f->unit);
}

FIELD(n)
{
    str_printf(out, "%" PRIu64, f->n);
}

FIELD(k)
{
    str_printf(out, "%" PRIu64, f->k);
}

FIELD(window)
{
    char buf[DUR_TEXT];
    if (f->window.ns)
        str_puts(out, dur_format(f->window, buf, sizeof(buf)));
}

FIELD(age)
{
    char buf[DUR_TEXT];
    str_puts(out, dur_human(f->age, buf, sizeof(buf)));
}

FIELD(since)
{
    template_since(f->since, f->age, out);
}

static const struct field {
    const char *name;
    void (*put)(const struct template_facts *f, struct str *out);
} fields[] = {
    {"name", field_name},
    {"program", field_program},
    {"severity", field_severity},
    {"value", field_value},
    {"limit", field_limit},
    {"n", field_n},
    {"k", field_k},
    {"window", field_window},
    {"since", field_since},
    {"age", field_age},
    {"text", field_text},
    {"runbook", field_runbook},
    {"dashboard", field_dashboard},
};
#define NFIELDS (sizeof(fields) / sizeof(fields[0]))

const char *label_value(const struct str_list *labels, const char *name, size_t n)
{
    for (size_t i = 0; labels && i < labels->n; i++) {
        const char *l = labels->v[i];
        if (strncmp(l, name, n) == 0 && l[n] == '=')
            return l + n + 1;
    }
    return NULL;
}

/* ---- finding fields in a text ---- */

#define LABELS "labels."

/* one piece of a template: plain text, or a field's name without braces and blanks */
struct piece {
    const char *at;
    size_t n;
    bool field, open; /* open: the braces have no end */
};

static struct piece field_piece(const char *at, const char *end)
{
    while (at < end && *at == ' ')
        at++;
    while (end > at && end[-1] == ' ')
        end--;
    return (struct piece){.at = at, .n = (size_t)(end - at), .field = true};
}

/* takes the next piece off *text; n of 0 and no field: the end */
static struct piece next_piece(const char **text)
{
    const char *at = *text, *brace = strstr(at, "{{"), *end = brace ? strstr(brace, "}}") : NULL;
    if (brace == at && end) {
        *text = end + 2;
        return field_piece(at + 2, end);
    }
    size_t n = brace && end ? (size_t)(brace - at) : strlen(at);
    *text = at + n;
    return (struct piece){.at = at, .n = n, .open = brace && !end};
}

static const struct field *find_field(const struct piece *p)
{
    for (size_t i = 0; i < NFIELDS; i++) {
        if (strlen(fields[i].name) == p->n && memcmp(fields[i].name, p->at, p->n) == 0)
            return &fields[i];
    }
    return NULL;
}

static bool is_label(const struct piece *p)
{
    return p->n > strlen(LABELS) && strncmp(p->at, LABELS, strlen(LABELS)) == 0;
}

static const char *piece_label(const struct piece *p, const struct str_list *labels)
{
    return label_value(labels, p->at + strlen(LABELS), p->n - strlen(LABELS));
}

static int unknown_field(const struct piece *p, struct err *e)
{
    char name[64];
    const char *best = NULL;
    unsigned least = p->n > 5 ? 4 : 3;
    snprintf(name, sizeof(name), "%.*s", (int)p->n, p->at);
    for (size_t i = 0; i < NFIELDS; i++) {
        unsigned d = text_distance(name, fields[i].name, least);
        if (d < least) {
            least = d;
            best = fields[i].name;
        }
    }
    if (best)
        return err_set(e, "there is no field {{%s}}; did you mean {{%s}}?", name, best);
    struct str all = STR_INIT;
    for (size_t i = 0; i < NFIELDS; i++)
        str_printf(&all, "%s, ", fields[i].name);
    err_set(e, "there is no field {{%s}}; the fields are %slabels.NAME", name, str_text(&all));
    str_fini(&all);
    return -1;
}

int template_check(const char *text, const struct str_list *labels, struct err *e)
{
    for (;;) {
        struct piece p = next_piece(&text);
        if (p.open)
            return err_set(e, "'{{' without '}}'");
        if (!p.field && p.n == 0)
            return 0;
        if (!p.field)
            continue;
        if (is_label(&p)) {
            if (!piece_label(&p, labels))
                return err_set(e, "labels= has no %.*s", (int)(p.n - strlen(LABELS)),
                               p.at + strlen(LABELS));
        } else if (!find_field(&p)) {
            return unknown_field(&p, e);
        }
    }
}

/* ---- filling ---- */

const char *template_default(const struct template_facts *f)
{
    if (f->text && *f->text && f->dated)
        return "{{name}}: {{text}}";
    if (f->text && *f->text)
        return "{{name}}: {{text}} since {{since}}";
    return "{{name}}: {{value}} (limit {{limit}}) since {{since}}";
}

void template_fill(const char *text, const struct template_facts *f, struct str *out)
{
    for (;;) {
        struct piece p = next_piece(&text);
        if (!p.field && p.n == 0)
            return;
        const struct field *row = p.field ? find_field(&p) : NULL;
        const char *label = p.field && is_label(&p) ? piece_label(&p, f->labels) : NULL;
        if (row)
            row->put(f, out);
        else if (label)
            str_puts(out, label);
        else if (!p.field)
            str_put(out, p.at, p.n);
    }
}

/* the bytes of the first `chars` characters; bytes that are no UTF-8 count as one each */
static size_t prefix_of(const char *p, size_t n, size_t chars)
{
    size_t at = 0;
    for (; chars > 0 && at < n; chars--) {
        at++;
        while (at < n && ((unsigned char)p[at] & 0xc0) == 0x80)
            at++;
    }
    return at;
}

void template_line(const char *text, const struct template_facts *f, size_t chars, struct str *out)
{
    struct str all = STR_INIT;
    template_fill(text, f, &all);
    for (size_t i = 0; i < all.len; i++) {
        if ((unsigned char)all.s[i] < 0x20 || all.s[i] == 0x7f)
            all.s[i] = ' ';
    }
    size_t n = text_utf8_valid(str_text(&all), all.len);
    for (; n < all.len; n += text_utf8_valid(all.s + n, all.len - n))
        all.s[n] = '?';
    bool cut = prefix_of(str_text(&all), all.len, chars) < all.len;
    str_put(out, str_text(&all), prefix_of(str_text(&all), all.len, cut ? chars - 1 : chars));
    str_puts(out, cut ? "…" : "");
    str_fini(&all);
}
