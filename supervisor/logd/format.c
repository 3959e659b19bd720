/* Turns raw output into what a sink gets. */
#include "supervisor/logd/format.h"
#include "supervisor/base/text.h"
#include "supervisor/core/ansi.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

bool format_by_lines(const struct format *f)
{
    return f->prefix || f->json || f->tag;
}

bool format_needed(const struct format *f)
{
    return format_by_lines(f) || f->strip;
}

const char *format_time(int64_t wall_ns, char *buf, size_t size)
{
    time_t s = (time_t)(wall_ns / 1000000000);
    int ms = (int)(wall_ns / 1000000 % 1000);
    struct tm tm;
    char when[32], zone[8];
    localtime_r(&s, &tm);
    strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
    strftime(zone, sizeof(zone), "%z", &tm);
    snprintf(buf, size, "%s.%03d%.3s:%s", when, ms, zone, zone + 3);
    return buf;
}

/* ---- lines ---- */

/* Characters that a JSON string cannot hold as they are. */
static bool is_special(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
}

static void json_char(struct str *out, unsigned char c)
{
    static const char *const named[128] = {
        ['"'] = "\\\"", ['\\'] = "\\\\", ['\t'] = "\\t", ['\n'] = "\\n", ['\r'] = "\\r"};
    if (c < 128 && named[c])
        str_puts(out, named[c]);
    else
        str_printf(out, "\\u%04x", c);
}

static void json_valid(struct str *out, const char *p, size_t n)
{
    size_t from = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_special((unsigned char)p[i]))
            continue;
        str_put(out, p + from, i - from);
        json_char(out, (unsigned char)p[i]);
        from = i + 1;
    }
    str_put(out, p + from, n - from);
}

void format_json_text(struct str *out, const char *p, size_t n)
{
    text_put_utf8(out, p, n, json_valid);
}

static void json_pair(struct str *out, const char *key, const char *value, char before)
{
    str_printf(out, "%c\"%s\":\"", before, key);
    format_json_text(out, value, strlen(value));
    str_putc(out, '"');
}

static void json_line(const struct format *f, const char *when, const char *p, size_t n,
                      bool partial, struct str *out)
{
    json_pair(out, "time", when, '{');
    json_pair(out, "program", f->program, ',');
    json_pair(out, "process", f->process, ',');
    json_pair(out, "stream", f->channel, ',');
    if (partial)
        str_puts(out, ",\"partial\":true");
    str_puts(out, ",\"message\":\"");
    format_json_text(out, p, n);
    str_puts(out, "\"}\n");
}

static void prefix_line(const struct format *f, const char *when, const char *p, size_t n,
                        bool partial, struct str *out)
{
    if (!f->tag) {
        str_puts(out, when);
        str_putc(out, ' ');
    }
    str_puts(out, f->process);
    str_putc(out, ' ');
    str_puts(out, f->channel);
    str_puts(out, partial ? " + " : " | ");
    str_put(out, p, n);
    str_putc(out, '\n');
}

static void put_line(const struct format *f, const char *when, const char *p, size_t n,
                     bool partial, struct str *out)
{
    struct str plain = STR_INIT;
    if (f->strip && memchr(p, '\x1b', n)) {
        ansi_strip(p, n, true, &plain);
        p = str_text(&plain);
        n = plain.len;
    }
    if (f->json)
        json_line(f, when, p, n, partial, out);
    else
        prefix_line(f, when, p, n, partial, out);
    str_fini(&plain);
}

/* At most FORMAT_LINE_MAX of the n bytes, not ending inside a character. */
static size_t part_len(const char *p, size_t n)
{
    size_t len = n > FORMAT_LINE_MAX ? FORMAT_LINE_MAX : n, back = 0;
    while (back < 4 && back < len && ((unsigned char)p[len - 1 - back] & 0xc0) == 0x80)
        back++; /* bytes that continue a character */
    if (back == len)
        return len;
    unsigned char lead = (unsigned char)p[len - 1 - back];
    size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    return size > back + 1 && len > back + 1 ? len - back - 1 : len;
}

static size_t format_lines(const struct format *f, const char *in, size_t n, bool flush,
                           struct str *out)
{
    size_t at = 0;
    char when[48];
    format_time(f->wall_ns, when, sizeof(when));
    while (at < n) {
        const char *end = memchr(in + at, '\n', n - at);
        size_t len = end ? (size_t)(end - in) - at : n - at;
        if (len > FORMAT_LINE_MAX || (!end && len == FORMAT_LINE_MAX)) {
            size_t part = part_len(in + at, len);
            put_line(f, when, in + at, part, true, out);
            at += part;
            continue;
        }
        if (!end && !flush)
            break;
        size_t shown = f->json && len && end && in[at + len - 1] == '\r' ? len - 1 : len;
        put_line(f, when, in + at, shown, !end, out);
        at += len + (end != NULL);
    }
    return at;
}

size_t format_bytes(const struct format *f, const char *in, size_t n, bool flush, struct str *out)
{
    if (format_by_lines(f))
        return format_lines(f, in, n, flush, out);
    if (f->strip)
        return ansi_strip(in, n, flush, out);
    str_put(out, in, n);
    return n;
}

void format_dropped(const struct format *f, uint64_t lines, uint64_t bytes, struct str *out)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "[supd: %llu lines, %llu bytes of %.200s %s dropped]",
                     (unsigned long long)lines, (unsigned long long)bytes, f->process, f->channel);
    if (format_by_lines(f)) {
        char when[48];
        put_line(f, format_time(f->wall_ns, when, sizeof(when)), text, (size_t)n, false, out);
        return;
    }
    str_put(out, text, (size_t)n);
    str_putc(out, '\n');
}
