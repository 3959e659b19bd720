/* StatsD's datagrams: lines, fields, values. */
#include "alerts/rules/statsd.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* a piece of the datagram */
struct part {
    const char *p;
    size_t n;
};

/* Takes what comes up to the separator off the front; without one, all. */
static struct part cut(struct part *rest, char separator)
{
    const char *at = memchr(rest->p, separator, rest->n);
    struct part first = {rest->p, at ? (size_t)(at - rest->p) : rest->n};
    size_t used = first.n + (at ? 1 : 0);
    rest->p += used;
    rest->n -= used;
    return first;
}

static bool starts(struct part t, const char *word)
{
    size_t n = strlen(word);
    return t.n >= n && memcmp(t.p, word, n) == 0;
}

static bool same(struct part t, const char *word)
{
    return t.n == strlen(word) && starts(t, word);
}

/* A finite decimal number, and nothing else: no hexadecimal, no inf. */
static bool number(struct part t, double *out)
{
    char buf[64], *end;
    if (!t.n || t.n >= sizeof(buf))
        return false;
    for (size_t i = 0; i < t.n; i++) {
        if (!strchr("0123456789+-.eE", t.p[i]) || !t.p[i])
            return false;
    }
    memcpy(buf, t.p, t.n);
    buf[t.n] = '\0';
    *out = strtod(buf, &end);
    return end == buf + t.n && isfinite(*out);
}

static bool name_fits(struct part t)
{
    for (size_t i = 0; i < t.n; i++) {
        if ((unsigned char)t.p[i] <= ' ' || t.p[i] == 0x7f)
            return false;
    }
    return t.n > 0 && t.n <= STATSD_NAME_MAX;
}

/* -1: unknown, -2: known, not for us */
static int type_of(struct part t)
{
    if (same(t, "c"))
        return STATSD_COUNTER;
    if (same(t, "g"))
        return STATSD_GAUGE;
    if (same(t, "ms") || same(t, "h") || same(t, "d"))
        return STATSD_TIMER;
    return same(t, "s") ? -2 : -1;
}

/* the fields behind the type; false if one is wrong */
static bool options(struct part rest, struct statsd_sample *s)
{
    while (rest.n) {
        struct part f = cut(&rest, '|');
        if (starts(f, "@")) {
            double rate;
            if (!number((struct part){f.p + 1, f.n - 1}, &rate) || rate <= 0 || rate > 1)
                return false;
            s->weight = 1 / rate;
        } else if (starts(f, "#")) {
            s->tags = f.p + 1;
            s->tags_len = f.n - 1;
        } else if (!starts(f, "c:") && !starts(f, "T") && !starts(f, "e:")) {
            return false;
        }
    }
    return isfinite(s->weight);
}

static bool one_value(struct part text, struct statsd_sample *s)
{
    bool sign = text.n && (text.p[0] == '+' || text.p[0] == '-');
    if (!number(text, &s->value))
        return false;
    s->relative = s->type == STATSD_GAUGE && sign;
    return s->type == STATSD_GAUGE || s->value >= 0;
}

/* True if it is one of the kinds of lines that we know and pass over. */
static bool is_other(struct part line)
{
    return starts(line, "_e{") || starts(line, "_sc|");
}

static void one_line(struct part line, struct statsd_counts *c, statsd_fn *fn, void *obj)
{
    struct statsd_sample s = {.weight = 1, .tags = ""};
    struct part values, type;
    if (is_other(line)) {
        c->ignored++;
        return;
    }
    struct part name = cut(&line, ':');
    values = cut(&line, '|');
    type = cut(&line, '|');
    int t = type_of(type);
    if (t == -2) {
        c->ignored++;
        return;
    }
    s.name = name.p;
    s.name_len = name.n;
    if (t < 0 || !name_fits(name) || !options(line, &s)) {
        c->refused++;
        return;
    }
    s.type = (enum statsd_type)t;
    do {
        if (!one_value(cut(&values, ':'), &s)) {
            c->refused++;
            continue;
        }
        c->samples++;
        fn(obj, &s);
    } while (values.n);
}

void statsd_parse(const char *p, size_t n, struct statsd_counts *c, statsd_fn *fn, void *obj)
{
    struct part rest = {p, n};
    while (rest.n) {
        struct part line = cut(&rest, '\n');
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n > STATSD_LINE_MAX)
            c->refused++;
        else if (line.n)
            one_line(line, c, fn, obj);
    }
}

bool statsd_has_tag(const struct statsd_sample *s, const char *tag)
{
    struct part rest = {s->tags, s->tags_len};
    while (rest.n) {
        if (same(cut(&rest, ','), tag))
            return true;
    }
    return false;
}
