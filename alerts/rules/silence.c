/* Silences: matchers over labels, a start, an end, somebody and a reason. */
#include "alerts/rules/silence.h"
#include "alerts/rules/template.h"
#include "supervisor/base/text.h"

#include <string.h>

#define YEAR DUR_S(366 * 86400)

/* ---- matchers ---- */

static int matcher_parse(const char *text, struct matcher *out, struct err *e)
{
    size_t n = strcspn(text, "!=");
    const char *op = text + n;
    bool differs = op[0] == '!' && op[1] == '=';
    if (n == 0 || (op[0] != '=' && !differs))
        return err_set(e, "'%s' is no matcher: NAME=VALUE or NAME!=VALUE", text);
    const char *value = op + 1 + differs;
    if (n >= sizeof(out->name) || strlen(value) >= sizeof(out->value))
        return err_set(e, "'%s' is too long", text);
    memset(out, 0, sizeof(*out));
    memcpy(out->name, text, n);
    memcpy(out->value, value, strlen(value));
    out->differs = differs;
    return 0;
}

static bool matches(const struct matcher *m, const struct str_list *labels)
{
    const char *v = label_value(labels, m->name, strlen(m->name));
    return text_glob(m->value, v ? v : "") != (m->differs != 0);
}

static bool all_match(const struct silence *s, const struct str_list *labels)
{
    for (size_t i = 0; i < s->nmatchers; i++) {
        if (!matches(&s->m[i], labels))
            return false;
    }
    return true;
}

static int matchers_parse(const struct str_list *texts, struct silence *s, struct err *e)
{
    if (!texts || !texts->n)
        return err_set(e, "a silence needs a matcher, such as alertname=NAME");
    if (texts->n > SILENCE_MATCHERS)
        return err_set(e, "%zu matchers; %d are the most", texts->n, SILENCE_MATCHERS);
    for (size_t i = 0; i < texts->n; i++) {
        if (matcher_parse(texts->v[i], &s->m[i], e) < 0)
            return -1;
    }
    s->nmatchers = texts->n;
    if (all_match(s, NULL))
        return err_set(e,
                       "it would match everything; name what it is about, such as alertname=NAME");
    return 0;
}

void silence_print(const struct silence *s, struct str *out)
{
    for (size_t i = 0; i < s->nmatchers; i++)
        str_printf(out, "%s%s%s%s", i ? " " : "", s->m[i].name, s->m[i].differs ? "!=" : "=",
                   s->m[i].value);
}

/* ---- the set ---- */

static int take_text(char *field, size_t size, const char *text, const char *what, struct err *e)
{
    if (!text || !*text)
        return err_set(e, "a silence needs %s", what);
    size_t n = strlen(text) < size ? strlen(text) : size - 1;
    memcpy(field, text, text_utf8_valid(text, n));
    return 0;
}

static int make(const struct silence_request *rq, wall_t now, struct silence *s, struct err *e)
{
    memset(s, 0, sizeof(*s));
    s->start = rq->start.ns ? rq->start : now;
    s->end = rq->end;
    if (s->end.ns <= s->start.ns || s->end.ns <= now.ns)
        return err_set(e, "its end is not after its start");
    if (wall_sub(s->end, now).ns > YEAR.ns)
        return err_set(e, "its end is more than a year away; remove the alert instead");
    if (take_text(s->author, sizeof(s->author), rq->author, "an author", e) < 0 ||
        take_text(s->reason, sizeof(s->reason), rq->reason, "a reason", e) < 0)
        return -1;
    return matchers_parse(rq->matchers, s, e);
}

uint64_t silences_add(struct silences *s, const struct silence_request *rq, wall_t now,
                      struct err *e)
{
    struct silence one;
    if (make(rq, now, &one, e) < 0)
        return 0;
    one.id = ++s->last_id;
    VEC_PUSH(&s->list, one);
    return one.id;
}

void silences_restore(struct silences *s, const struct silence *one)
{
    VEC_PUSH(&s->list, *one);
    if (one->id > s->last_id)
        s->last_id = one->id;
}

static void drop(struct silences *s, size_t i)
{
    s->list.n--;
    memmove(&s->list.v[i], &s->list.v[i + 1], (s->list.n - i) * sizeof(s->list.v[0]));
}

bool silences_end(struct silences *s, uint64_t id, wall_t now)
{
    VEC_EACH (&s->list, i) {
        struct silence *one = &s->list.v[i];
        if (one->id != id || one->end.ns <= now.ns)
            continue;
        if (one->start.ns > now.ns)
            drop(s, i);
        else
            one->end = now;
        return true;
    }
    return false;
}

uint64_t silences_match(const struct silences *s, const struct str_list *labels, wall_t now)
{
    const struct silence *best = NULL;
    VEC_EACH (&s->list, i) {
        const struct silence *one = &s->list.v[i];
        bool on = one->start.ns <= now.ns && now.ns < one->end.ns;
        if (on && (!best || one->end.ns > best->end.ns) && all_match(one, labels))
            best = one;
    }
    return best ? best->id : 0;
}

wall_t silences_deadline(const struct silences *s, wall_t now)
{
    wall_t at = WALL_NEVER;
    VEC_EACH (&s->list, i) {
        const struct silence *one = &s->list.v[i];
        wall_t next = one->start.ns > now.ns ? one->start : one->end;
        if (next.ns > now.ns)
            at = wall_min(at, next);
    }
    return at;
}

void silences_purge(struct silences *s, wall_t now, dur_t keep,
                    void (*gone)(void *obj, uint64_t id), void *obj)
{
    for (size_t i = 0; i < s->list.n;) {
        const struct silence *one = &s->list.v[i];
        if (wall_sub(now, one->end).ns < keep.ns) {
            i++;
            continue;
        }
        gone(obj, one->id);
        drop(s, i);
    }
}

void silences_fini(struct silences *s)
{
    VEC_FINI(&s->list);
}

/* ---- written down ---- */

enum { RECORD_SILENCE = 0x5349, SILENCE_VERSION = 1 };

void silence_save(const struct silence *s, void *buf)
{
    record_seal(buf, RECORD_SILENCE, SILENCE_VERSION, s, sizeof(*s));
}

bool silence_load(const void *buf, size_t size, struct silence *out)
{
    return record_open(buf, size, RECORD_SILENCE, SILENCE_VERSION, out, sizeof(*out));
}
