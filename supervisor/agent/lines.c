/* ready=log:REGEX: looks for a line that matches. */
#include "supervisor/agent/lines.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/pattern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define LINE_MAX_BYTES 65536u /* what is longer is compared as far as this */

/* The expression of a program. */
struct wanted {
    struct pattern *pattern;
    UT_hash_handle hh;
    char program[];
};

/* A stream of such a program. */
struct reading {
    uint32_t slot, key, run;
    unsigned said; /* of this run, a bit for each */
    bool cut;      /* the line under way is longer than it may be */
    struct str line;
    UT_hash_handle hh;
};

struct lines {
    lines_fn *fn;
    void *obj;
    struct wanted *wanted;
    struct reading *readings; /* by slot */
};

struct lines *lines_new(lines_fn *fn, void *obj)
{
    struct lines *l = mem_zalloc(sizeof(*l));
    l->fn = fn;
    l->obj = obj;
    return l;
}

static void forget_wanted(struct lines *l)
{
    struct wanted *w, *next;
    HASH_ITER(hh, l->wanted, w, next)
    {
        HASH_DEL(l->wanted, w);
        pattern_free(&w->pattern);
        free(w);
    }
}

static struct wanted *find(const struct lines *l, const char *program)
{
    struct wanted *w;
    HASH_FIND_STR(l->wanted, program, w);
    return w;
}

static void want(struct lines *l, const struct agent_pattern *p)
{
    struct err e;
    struct pattern *compiled = find(l, p->program) ? NULL : pattern_new(p->text, &e);
    if (!compiled)
        return; /* it is there already: a section that two groups name */
    size_t n = strlen(p->program) + 1;
    struct wanted *w = mem_zalloc(sizeof(*w) + n);
    memcpy(w->program, p->program, n);
    w->pattern = compiled;
    HASH_ADD_STR(l->wanted, program, w);
}

void lines_follow(struct lines *l, const struct agentgen *g)
{
    forget_wanted(l);
    for (size_t i = 0; i < g->npatterns; i++)
        want(l, &g->patterns[i]);
}

void lines_check(const struct agentgen *g, lines_error_fn *fn, void *obj)
{
    struct err e;
    for (size_t i = 0; i < g->npatterns; i++) {
        struct pattern *p = pattern_new(g->patterns[i].text, &e);
        if (!p)
            fn(obj, &g->patterns[i], e.msg);
        else
            pattern_free(&p);
    }
}

/* ---- one stream ---- */

static struct reading *reading_of(struct lines *l, uint32_t slot)
{
    struct reading *r;
    HASH_FIND(hh, l->readings, &slot, sizeof(slot), r);
    if (r)
        return r;
    r = mem_zalloc(sizeof(*r));
    r->slot = slot;
    str_init(&r->line, LINE_MAX_BYTES + 1);
    HASH_ADD(hh, l->readings, slot, sizeof(r->slot), r);
    return r;
}

static void begin_line(struct reading *r)
{
    str_clear(&r->line);
    r->cut = false;
}

static void begin_run(struct reading *r, const struct text_piece *p)
{
    begin_line(r);
    r->key = p->key;
    r->run = p->run;
    r->said = 0;
}

static void say(struct lines *l, struct reading *r, enum lines_found what)
{
    if (r->said & (1u << what))
        return;
    r->said |= 1u << what;
    l->fn(l->obj, r->key, r->run, what);
}

static bool is_found(const struct reading *r)
{
    return r->said & (1u << LINES_FOUND);
}

static void look(struct lines *l, struct reading *r, const struct pattern *pattern,
                 const char *text, size_t n)
{
    if (n && text[n - 1] == '\r')
        n--;
    int found = pattern_match(pattern, text, n);
    if (found > 0)
        say(l, r, LINES_FOUND);
    else if (found < 0 || r->cut)
        say(l, r, LINES_GIVEN_UP);
}

/* What is at hand of a line that goes on. */
static void keep(struct reading *r, const char *text, size_t n)
{
    size_t room = LINE_MAX_BYTES - r->line.len;
    r->cut |= n > room;
    str_put(&r->line, text, n < room ? n : room);
}

static void take(struct lines *l, struct reading *r, const struct pattern *pattern,
                 const char *text, size_t n)
{
    while (n && !is_found(r)) {
        const char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t)(end - text) : n;
        if (end && !r->line.len && len <= LINE_MAX_BYTES) {
            look(l, r, pattern, text, len); /* most lines come whole */
        } else {
            keep(r, text, len);
            if (end)
                look(l, r, pattern, str_text(&r->line), r->line.len);
        }
        if (!end)
            return;
        begin_line(r);
        text += len + 1;
        n -= len + 1;
    }
}

bool lines_text(struct lines *l, const struct text_piece *p)
{
    const struct wanted *w = l->wanted ? find(l, p->program) : NULL;
    if (!w)
        return false;
    struct reading *r = reading_of(l, p->slot);
    if (r->key != p->key || r->run != p->run)
        begin_run(r, p);
    if (p->skipped) {
        begin_line(r);
        say(l, r, LINES_SKIPPED);
    }
    if (!is_found(r))
        take(l, r, w->pattern, p->text, p->len);
    return true;
}

void lines_free(struct lines **lp)
{
    struct lines *l = *lp;
    struct reading *r, *next;
    *lp = NULL;
    if (!l)
        return;
    forget_wanted(l);
    HASH_ITER(hh, l->readings, r, next)
    {
        HASH_DEL(l->readings, r);
        str_fini(&r->line);
        free(r);
    }
    free(l);
}
