/* How much CPU counting a program's lines takes: the feed with one metric after another over the
 * same text, as it would come from the log channel, 64 KiB at a time. Prints a row for each
 * pattern, and what memmem and memcpy alone take, as floors. Usage: count [MIB] */
#include "alerts/feed.h"
#include "supervisor/base/rng.h"
#include "supervisor/conf/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 65536, LINE = 160 };

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* An access log: about 110 bytes a line, 1 % of status 5xx. */
static size_t make_text(char *p, size_t size, size_t *out_lines)
{
    struct rng r;
    size_t n = 0;
    rng_seed(&r, 1);
    for (*out_lines = 0; n + LINE < size; ++*out_lines) {
        unsigned status = rng_below(&r, 100) ? 200 : 500 + (unsigned)rng_below(&r, 4);
        n += (size_t)snprintf(p + n, LINE,
                              "2026-11-23T18:%02u:%02u.%03uZ %s api method=GET path=/v1/users/%u "
                              "status=%u bytes=%u took=%ums\n",
                              (unsigned)rng_below(&r, 60), (unsigned)rng_below(&r, 60),
                              (unsigned)rng_below(&r, 1000), status < 500 ? "INFO" : "ERROR",
                              (unsigned)rng_below(&r, 100000), status,
                              (unsigned)rng_below(&r, 9000), (unsigned)rng_below(&r, 900));
    }
    return n;
}

static struct agentgen *gen_of(const char *options)
{
    char text[1024];
    struct err e;
    struct str out = STR_INIT;
    static char *none[] = {NULL};
    int n = snprintf(text, sizeof(text),
                     "[supervisord]\n[program:w]\ncommand=w\n[metric:m]\ntype=lines\nprogram=w\n%s",
                     options);
    struct conf_request rq = {.path = "/t.conf",
                              .cwd = "/",
                              .environ = none,
                              .text = text,
                              .text_len = (size_t)n,
                              .node_name = "node"};
    struct conf *c = conf_load(&rq);
    if (conf_nerrors(c)) {
        fprintf(stderr, "count: %s\n", conf_error(c, 0));
        exit(1);
    }
    agentgen_write(c, &out);
    struct agentgen *g = agentgen_read(out.s, out.len, &e);
    str_fini(&out);
    conf_free(&c);
    return g;
}

static void measure(const char *what, const char *options, const char *text, size_t n, size_t lines)
{
    struct err e;
    struct agentgen *g = gen_of(options);
    struct feed *f = feed_new();
    mono_t now = {1000000000};
    if (!g || feed_load(f, g, now, &e) < 0) {
        fprintf(stderr, "count: %s\n", e.msg);
        exit(1);
    }
    struct feed_stream *s = feed_stream_open(f, "w", "w", false);
    double start = cpu_now();
    for (size_t at = 0; at < n; at += CHUNK) {
        now.ns += 1000000;
        feed_text(s, now, 0, text + at, n - at < CHUNK ? n - at : CHUNK);
    }
    double took = cpu_now() - start;
    const struct metric *m = feed_metric(f, "m");
    printf("%-34s %6.2f ms/MiB %7.1f M lines/s   ok %llu err %llu\n", what,
           took * 1000 / ((double)n / 1048576), (double)lines / took / 1e6,
           (unsigned long long)m->ok, (unsigned long long)m->err);
    feed_stream_close(&s);
    feed_free(&f);
    agentgen_free(&g);
}

static void floors(const char *text, size_t n)
{
    static char copy[CHUNK];
    double start = cpu_now();
    for (size_t at = 0; at + CHUNK <= n; at += CHUNK) {
        memcpy(copy, text + at, CHUNK);
        __asm__ volatile("" : : "r"(copy) : "memory");
    }
    double copied = cpu_now();
    const char *hit = text;
    size_t hits = 0;
    while ((hit = memmem(hit, n - (size_t)(hit - text), "status=5", 8))) {
        hit += 8;
        hits++;
    }
    double mib = (double)n / 1048576;
    printf("%-34s %6.2f ms/MiB\n", "memcpy", (copied - start) * 1000 / mib);
    printf("%-34s %6.2f ms/MiB   %zu hits\n", "memmem of status=5",
           (cpu_now() - copied) * 1000 / mib, hits);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *what, *options;
    } rows[] = {
        {"all lines", ""},
        {"errors=ERROR", "errors=ERROR\n"},
        {"errors=\\bstatus=5\\d\\d\\b", "errors=\\bstatus=5\\d\\d\\b\n"},
        {"total=status=\\d+ errors=status=5\\d\\d", "total=status=\\d+\nerrors=status=5\\d\\d\n"},
        {"errors=(?i)error|fatal|panic", "errors=(?i)error|fatal|panic\n"},
        {"errors=\\s5\\d\\d\\s (no literal)", "errors=\\s5\\d\\d\\s\n"},
    };
    size_t size = (size_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 64) << 20, lines;
    char *text = malloc(size);
    if (!text || size == 0)
        return 1;
    size_t n = make_text(text, size, &lines);
    printf("%zu MiB, %zu lines of %zu bytes on average\n", size >> 20, lines, n / lines);
    floors(text, n);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        measure(rows[i].what, rows[i].options, text, n, lines);
    free(text);
    return 0;
}
