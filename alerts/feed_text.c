/* Text to metrics: lines are joined, counted, and matched. The newlines of a block are counted
 * once; an expression's literal is looked for in the whole block, so that lines without it cost one
 * pass of memmem and no more. */
#include "alerts/feed_impl.h"

#include <string.h>

struct feed_stream {
    struct feed *f;
    struct subject *subjects[2]; /* the program, and its group where that is another name */
    uint8_t stream;              /* METRIC_STDOUT, METRIC_STDERR */
    struct lines lines;
    mono_t last;
    uint64_t bytes, nlines; /* that were looked at */
};

struct block {
    const char *p, *end;
    uint32_t lines;
    mono_t now;
};

typedef uint8_t sixteen __attribute__((vector_size(16)));

/* Sixteen bytes at a time: four times as fast as one by one, and this is what most text costs. */
static uint32_t count_newlines(const char *p, size_t n)
{
    uint32_t lines = 0;
    while (n >= sizeof(sixteen)) {
        sixteen sum = {0}, bytes;
        for (int i = 0; i < 255 && n >= sizeof(bytes); i++) { /* a byte of sum holds 255 */
            memcpy(&bytes, p, sizeof(bytes));
            sum -= (sixteen)(bytes == '\n'); /* true is -1 */
            p += sizeof(bytes);
            n -= sizeof(bytes);
        }
        for (size_t i = 0; i < sizeof(sum); i++)
            lines += sum[i];
    }
    for (; n > 0; n--)
        lines += *p++ == '\n';
    return lines;
}

static void keep_evidence(struct metric_state *m, const char *line, size_t n)
{
    if (n >= EVIDENCE_MAX)
        n = EVIDENCE_MAX - 1;
    memcpy(m->m.evidence, line, n);
    m->m.evidence[n] = '\0';
}

/* After a match that was too much: a program whose every line is one must not hold the agent. */
#define REST DUR_S(1)
#define BLOCK_TIME DUR_MS(100)

/* A line that is too much for an expression's limits counts as none, and may have been anything; so
 * may what follows it in its block. */
static bool matches(struct metric_state *m, const struct pattern *pattern, const char *line,
                    size_t n)
{
    int r = pattern_match(pattern, line, n);
    bool look = ++m->tries % 16 == 0;
    m->given_up = m->given_up || r < 0 || (look && mono_reached(m->until, mono_now()));
    return r > 0;
}

/* The next line at or behind *p that the pattern matches; NULL: none. *p is then behind it. */
static const char *next_match(struct metric_state *m, const struct pattern *pattern, const char **p,
                              const char *end, size_t *out_len)
{
    const char *hit;
    while (*p < end && !m->given_up && (hit = pattern_maybe(pattern, *p, (size_t)(end - *p)))) {
        const char *before = memrchr(*p, '\n', (size_t)(hit - *p));
        *p = before ? before + 1 : *p;
        const char *line = line_next(p, end, out_len);
        if (matches(m, pattern, line, *out_len))
            return line;
    }
    return NULL;
}

static uint32_t count_errors(struct metric_state *m, const struct block *b)
{
    const char *p = b->p, *line, *last = NULL;
    size_t len, last_len = 0;
    uint32_t n = 0;
    while ((line = next_match(m, m->errors, &p, b->end, &len))) {
        last = line;
        last_len = len;
        n++;
    }
    if (last)
        keep_evidence(m, last, last_len);
    return n;
}

static uint32_t count_ok(struct metric_state *m, const struct block *b)
{
    const char *p = b->p, *line;
    size_t len;
    uint32_t n = 0;
    while ((line = next_match(m, m->total, &p, b->end, &len))) {
        n += !m->errors || (!matches(m, m->errors, line, len) && !m->given_up);
    }
    return n;
}

static void match(struct metric_state *m, const struct block *b)
{
    m->given_up = m->resting.ns && !mono_reached(m->resting, b->now);
    bool rests = m->given_up;
    m->until = mono_add(mono_now(), BLOCK_TIME);
    uint32_t err = m->errors && !rests ? count_errors(m, b) : 0;
    uint32_t ok = m->total ? count_ok(m, b) : m->given_up ? 0 : b->lines - err;
    metric_count(m, b->now, ok, err);
    if (m->given_up)
        metric_lost(m, b->now, b->now, (double)b->lines - ok - err);
    if (m->given_up && !rests)
        m->resting = mono_add(b->now, REST);
}

static bool looks_at(const struct use *u, uint8_t stream)
{
    return u->role == ROLE_TEXT &&
           (u->metric->stream == METRIC_BOTH || u->metric->stream == stream);
}

static void on_lines(void *obj, const char *p, size_t n)
{
    struct feed_stream *s = obj;
    struct block b = {p, p + n, count_newlines(p, n), s->last};
    s->bytes += n;
    s->nlines += b.lines;
    for (int k = 0; k < 2 && s->subjects[k]; k++) {
        for (size_t i = 0; i < s->subjects[k]->uses.n; i++) {
            if (looks_at(&s->subjects[k]->uses.v[i], s->stream))
                match(s->subjects[k]->uses.v[i].metric, &b);
        }
    }
}

struct feed_stream *feed_stream_open(struct feed *f, const char *group, const char *program,
                                     bool is_stderr)
{
    struct feed_stream *s = mem_zalloc(sizeof(*s));
    s->f = f;
    s->stream = is_stderr ? METRIC_STDERR : METRIC_STDOUT;
    lines_init(&s->lines);
    s->subjects[0] = feed_subject(f, 'p', program);
    if (strcmp(group, program) != 0)
        s->subjects[s->subjects[0] ? 1 : 0] = feed_subject(f, 'p', group);
    for (int k = 0; k < 2 && s->subjects[k]; k++)
        s->subjects[k]->streams++;
    return s;
}

void feed_stream_close(struct feed_stream **sp)
{
    struct feed_stream *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    for (int k = 0; k < 2 && s->subjects[k]; k++)
        s->subjects[k]->streams--;
    lines_fini(&s->lines);
    free(s);
}

bool feed_stream_wanted(const struct feed_stream *s)
{
    for (int k = 0; k < 2 && s->subjects[k]; k++) {
        for (size_t i = 0; i < s->subjects[k]->uses.n; i++) {
            if (looks_at(&s->subjects[k]->uses.v[i], s->stream))
                return true;
        }
    }
    return false;
}

/* As long as the others, if there were any. */
#define LINE_GUESS 64
static double lines_in(const struct feed_stream *s, uint64_t bytes)
{
    double length = s->nlines ? (double)s->bytes / (double)s->nlines : LINE_GUESS;
    return (double)bytes / length;
}

static void lost(struct feed_stream *s, mono_t now, uint64_t bytes)
{
    double lines = lines_in(s, bytes);
    lines_skip(&s->lines);
    for (int k = 0; k < 2 && s->subjects[k]; k++) {
        for (size_t i = 0; i < s->subjects[k]->uses.n; i++) {
            if (looks_at(&s->subjects[k]->uses.v[i], s->stream))
                metric_lost(s->subjects[k]->uses.v[i].metric, s->last, now, lines);
        }
    }
}

void feed_text(struct feed_stream *s, mono_t now, uint64_t skipped, const char *p, size_t n)
{
    if (skipped)
        lost(s, now, skipped);
    s->last = now;
    lines_feed(&s->lines, p, n, on_lines, s);
}

void feed_text_end(struct feed_stream *s, mono_t now)
{
    s->last = now;
    lines_end(&s->lines, on_lines, s);
}
