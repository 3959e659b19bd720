/* Regular expressions through PCRE2, and the literal that is looked for before. */
#include "supervisor/io/pattern.h"
#include "supervisor/base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    /* PCRE2 counts its steps anew at each place where a match might begin, and of some expressions
     * a step is long. So a text is tried a few places at a time, and the CPU time between is looked
     * at: a step too many means fewer places, then more steps; a quick answer means more places. */
    PLACES = 256,
    STEPS = 4096,
    STEPS_MAX = 4 << 20, /* at one place */
    BUDGET_NS = 10 * 1000 * 1000,
    BUDGET_NS_A_BYTE = 10,
    QUICK_NS = 200 * 1000,
    HEAP_KB = 1024,
    STACK_MIN = 32 * 1024,
    STACK_MAX = 256 * 1024,
    LITERAL_MAX = 64,
};

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    bool once; /* a match begins at the first place or nowhere, or is told by \G where it begins */
    char literal[LITERAL_MAX];
    size_t nliteral;
};

/* ---- the literal ---- */

/* Reads an expression as far as it understands it. What it does not know for sure ends the search
 * without a literal: it must never take one that a match can do without. */
struct scan {
    const char *p;
    char run[LITERAL_MAX]; /* characters that follow each other in every match */
    size_t nrun;
    struct pattern *out;
};

static void run_end(struct scan *s)
{
    if (s->nrun > s->out->nliteral) {
        memcpy(s->out->literal, s->run, s->nrun);
        s->out->nliteral = s->nrun;
    }
    s->nrun = 0;
}

/* Skips a class, whose first byte is behind the bracket; false if it has no end. */
static bool skip_class(struct scan *s)
{
    if (*s->p == '^')
        s->p++;
    if (*s->p == ']')
        s->p++;
    for (; *s->p && *s->p != ']'; s->p++) {
        if (*s->p == '[' && strchr(":.=", s->p[1]) && s->p[1])
            return false; /* [[:alpha:]]: rare enough to give up */
        if (*s->p == '\\' && (!s->p[1] || strchr("QE", *++s->p)))
            return false;
    }
    return *s->p++ == ']';
}

/* (?: (?= (?! (?> (?< change nothing for what follows; (?i) and its like do */
static bool group_is_plain(const char *p)
{
    if (*p == '*')
        return false;
    return *p != '?' || (p[1] && strchr(":=!><", p[1]));
}

/* Skips a group, whose first byte is behind the parenthesis. */
static bool skip_group(struct scan *s)
{
    unsigned depth = 1;
    if (!group_is_plain(s->p))
        return false;
    while (depth > 0) {
        char c = *s->p;
        if (!c)
            return false;
        s->p++;
        if (c == '\\') {
            if (!*s->p || strchr("QEc", *s->p))
                return false;
            s->p++;
        } else if (c == '[') {
            if (!skip_class(s))
                return false;
        } else if (c == '(') {
            if (!group_is_plain(s->p))
                return false;
            depth++;
        } else if (c == ')') {
            depth--;
        }
    }
    return true;
}

/* What stands for a character of its own behind a backslash: 1; for a class or a place: 0; what we
 * do not follow: -1. */
static int escape_kind(const char *p)
{
    if (*p && ispunct((unsigned char)*p))
        return 1;
    return *p && strchr("dDwWsSbBAzZhHvVRnrtfae", *p) ? 0 : -1;
}

static bool is_quantifier(const char *p)
{
    return *p && strchr("?*+{", *p);
}

/* Skips ?, *, +, {2,3} and what may follow them. A brace that is no quantifier gives up. */
static bool skip_quantifier(struct scan *s)
{
    if (*s->p == '{') {
        size_t n = strspn(s->p + 1, "0123456789,");
        if (s->p[n + 1] != '}')
            return false;
        s->p += n + 2;
    } else {
        s->p++;
    }
    if (*s->p == '?' || *s->p == '+')
        s->p++;
    return !is_quantifier(s->p);
}

/* A character, which counts unless it may be there no time; what follows + is not next to it. */
static bool take_char(struct scan *s, char c)
{
    if (!is_quantifier(s->p)) {
        if (s->nrun == LITERAL_MAX)
            run_end(s);
        s->run[s->nrun++] = c;
        return true;
    }
    if (*s->p == '+' && s->nrun < LITERAL_MAX)
        s->run[s->nrun++] = c;
    run_end(s);
    return skip_quantifier(s);
}

static bool take_other(struct scan *s, bool understood)
{
    run_end(s);
    return understood && (!is_quantifier(s->p) || skip_quantifier(s));
}

/* One item of the expression; false: give up. */
static bool take_item(struct scan *s)
{
    char c = *s->p++;
    switch (c) {
    case '|':
    case ')':
    case '?':
    case '*':
    case '+':
    case '{':
        return false;
    case '[':
        return take_other(s, skip_class(s));
    case '(':
        return take_other(s, skip_group(s));
    case '^':
    case '$':
    case '.':
        return take_other(s, true);
    case '\\': {
        int kind = escape_kind(s->p);
        c = *s->p;
        s->p += kind >= 0;
        return kind == 1 ? take_char(s, c) : take_other(s, kind == 0);
    }
    default:
        if (!(c & 0x80))
            return take_char(s, c);
        while ((*s->p & 0xc0) == 0x80) /* one character of several bytes: as one, or not at all */
            s->p++;
        return take_other(s, true);
    }
}

static void find_literal(struct pattern *p, const char *text)
{
    struct scan s = {.p = text, .out = p};
    while (*s.p) {
        if (!take_item(&s)) {
            p->nliteral = 0;
            return;
        }
    }
    run_end(&s);
}

/* ---- PCRE2 ---- */

static pcre2_code *compile(const char *text, struct err *e)
{
    int code;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[160];
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C |
                                      PCRE2_USE_OFFSET_LIMIT,
                                  &code, &at, NULL);
    if (c)
        return c;
    pcre2_get_error_message(code, why, sizeof(why));
    err_set(e, "the pattern is wrong at its character %zu: %s", at + 1, (const char *)why);
    return NULL;
}

static bool begins_once(const pcre2_code *code, const char *text)
{
    uint32_t options = 0;
    pcre2_pattern_info(code, PCRE2_INFO_ALLOPTIONS, &options);
    return (options & PCRE2_ANCHORED) || strstr(text, "\\G");
}

struct pattern *pattern_new(const char *text, struct err *e)
{
    pcre2_code *code = compile(text, e);
    if (!code)
        return NULL;
    struct pattern *p = mem_zalloc(sizeof(*p));
    p->code = code;
    p->context = pcre2_match_context_create(NULL);
    p->data = pcre2_match_data_create(1, NULL);
    if (!p->context || !p->data)
        mem_die();
    pcre2_set_heap_limit(p->context, HEAP_KB);
    /* without JIT (denied, or another machine) the interpreter keeps to the same limits */
    if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0) {
        p->stack = pcre2_jit_stack_create(STACK_MIN, STACK_MAX, NULL);
        if (p->stack)
            pcre2_jit_stack_assign(p->context, NULL, p->stack);
    }
    p->once = begins_once(code, text);
    find_literal(p, text);
    return p;
}

void pattern_free(struct pattern **pp)
{
    struct pattern *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    pcre2_match_data_free(p->data);
    pcre2_match_context_free(p->context);
    pcre2_jit_stack_free(p->stack);
    pcre2_code_free(p->code);
    free(p);
}

const char *pattern_literal(const struct pattern *p, size_t *out_n)
{
    *out_n = p->nliteral;
    return p->literal;
}

typedef uint8_t sixteen __attribute__((vector_size(16)));

static sixteen load(const char *p)
{
    sixteen v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static bool any(sixteen v)
{
    uint64_t half[2];
    memcpy(half, &v, sizeof(half));
    return half[0] | half[1];
}

/* memmem() for two bytes and more: sixteen places at once are tried for its first and last byte,
 * which costs a third where it is rarely there; and that is what most text costs. */
static const char *find(const char *text, size_t n, const char *literal, size_t len)
{
    const sixteen first = (sixteen){0} + (uint8_t)literal[0];
    const sixteen last = (sixteen){0} + (uint8_t)literal[len - 1];
    for (; n >= sizeof(first) + len - 1; text += sizeof(first), n -= sizeof(first)) {
        sixteen both = (sixteen)(load(text) == first) & (sixteen)(load(text + len - 1) == last);
        if (!any(both))
            continue;
        for (size_t i = 0; i < sizeof(both); i++) {
            if (both[i] && memcmp(text + i, literal, len) == 0)
                return text + i;
        }
    }
    return memmem(text, n, literal, len);
}

const char *pattern_maybe(const struct pattern *p, const char *text, size_t n)
{
    if (p->nliteral > 1)
        return find(text, n, p->literal, p->nliteral);
    return p->nliteral ? memchr(text, p->literal[0], n) : text;
}

/* ---- within a budget ---- */

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* the next place that does not lie inside a character */
static size_t whole(const char *text, size_t n, size_t at)
{
    while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

struct effort {
    size_t places; /* tried at once */
    uint32_t steps;
    int64_t start, last, budget; /* CPU times */
};

/* After an attempt that said no, or had too few steps; false: all of it was too much. */
static bool go_on(struct effort *e, bool answered)
{
    int64_t now = cpu_ns(), took = now - e->last;
    e->last = now;
    if (now - e->start > e->budget)
        return false;
    if (answered) {
        e->places = took < QUICK_NS ? e->places * 2 : e->places > 16 ? e->places / 4 : e->places;
        return true;
    }
    if (e->places > 1) {
        e->places = e->places > 16 ? e->places / 16 : 1;
        return true;
    }
    e->steps *= 4;
    return e->steps <= STEPS_MAX && now - e->start + 4 * took < 2 * e->budget;
}

static int match_at(const struct pattern *p, const char *text, size_t n, size_t at,
                    const struct effort *e)
{
    bool rest = p->once || e->places > n - at;
    pcre2_set_match_limit(p->context, e->steps);
    pcre2_set_offset_limit(p->context, rest ? PCRE2_UNSET : at + e->places - 1);
    return pcre2_match(p->code, (PCRE2_SPTR)text, n, at, 0, p->data, p->context);
}

/* The rest of a match whose first attempt, at the start of the text, said r. */
static int match_on(const struct pattern *p, const char *text, size_t n, struct effort *e, int r)
{
    size_t at = 0;
    e->start = e->last = cpu_ns();
    e->budget = BUDGET_NS + (int64_t)n * BUDGET_NS_A_BYTE;
    for (;;) {
        bool answered = r == PCRE2_ERROR_NOMATCH;
        if (r >= 0)
            return 1;
        if (answered && (p->once || e->places > n - at))
            return 0;
        if (answered)
            at = whole(text, n, at + e->places);
        if ((!answered && r != PCRE2_ERROR_MATCHLIMIT) || !go_on(e, answered))
            return -1;
        r = match_at(p, text, n, at, e);
    }
}

int pattern_match(const struct pattern *p, const char *text, size_t n)
{
    struct effort e = {.places = p->once ? 1 : PLACES, .steps = STEPS};
    if (!pattern_maybe(p, text, n))
        return 0;
    int r = match_at(p, text, n, 0, &e);
    if (r == PCRE2_ERROR_NOMATCH && (p->once || n < PLACES))
        return 0;
    return r >= 0 ? 1 : match_on(p, text, n, &e, r);
}
