/* Text that several notifiers need. */
#include "alerts/payload/tell_text.h"

#include "supervisor/base/text.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

void tell_put_time(struct str *out, wall_t t)
{
    struct tm tm;
    time_t s = (time_t)(t.ns / 1000000000);
    gmtime_r(&s, &tm);
    str_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(t.ns / 1000000 % 1000));
}

/* Bytes of the character at p: 1 for a byte that is no UTF-8, then *out_bad. */
static size_t char_len(const char *p, bool *out_bad)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    n = strnlen(p, n);
    *out_bad = text_utf8_valid(p, n) != n;
    return *out_bad ? 1 : n;
}

static bool is_control(unsigned char c, bool lines)
{
    return (c < ' ' && !(lines && (c == '\n' || c == '\t'))) || c == 0x7f;
}

static void put(struct str *out, const char *text, size_t max, bool lines)
{
    size_t start = out->len, fits = out->len; /* fits: the longest beginning that leaves room */
    for (bool bad; *text;) {
        size_t n = char_len(text, &bad);
        if (out->len + n > start + max) {
            out->len = fits;
            str_puts(out, max >= 3 ? "..." : "");
            return;
        }
        if (bad || is_control((unsigned char)*text, lines))
            str_putc(out, bad ? '?' : ' ');
        else
            str_put(out, text, n);
        if (out->len + 3 <= start + max)
            fits = out->len;
        text += n;
    }
}

void tell_put_line(struct str *out, const char *text, size_t max)
{
    put(out, text, max, false);
}

void tell_put_text(struct str *out, const char *text, size_t max)
{
    put(out, text, max, true);
}

const char *tell_word(const struct notice *n)
{
    static const char *const words[NOTICE_KINDS] = {
        [NOTICE_FIRING] = "firing",
        [NOTICE_UPDATE] = "changed",
        [NOTICE_REMINDER] = "still firing",
        [NOTICE_RESOLVED] = "resolved",
        [NOTICE_BRIEF] = "fired and resolved",
        [NOTICE_ACK] = "acknowledged",
        [NOTICE_FLAPPING] = "flapping",
        [NOTICE_DIGEST] = "many",
        [NOTICE_TEST] = "test",
    };
    return words[n->kind];
}

const char *tell_kind(const struct notice *n)
{
    static const char *const words[NOTICE_KINDS] = {
        [NOTICE_FIRING] = "firing",     [NOTICE_UPDATE] = "update", [NOTICE_REMINDER] = "reminder",
        [NOTICE_RESOLVED] = "resolved", [NOTICE_BRIEF] = "brief",   [NOTICE_ACK] = "ack",
        [NOTICE_FLAPPING] = "flapping", [NOTICE_DIGEST] = "digest", [NOTICE_TEST] = "test",
    };
    return words[n->kind];
}

bool tell_is_over(const struct notice *n)
{
    return n->kind == NOTICE_RESOLVED || n->kind == NOTICE_BRIEF;
}

void tell_put_headline(struct str *out, const struct notice *n, size_t max)
{
    struct str line = STR_INIT;
    for (const char *p = tell_word(n); *p; p++)
        str_putc(&line, (char)toupper((unsigned char)*p));
    str_printf(&line, " %s: %s", n->severity, *n->summary ? n->summary : n->alert);
    tell_put_line(out, str_text(&line), max);
    str_fini(&line);
}

bool tell_is_link(const char *text)
{
    if (strncmp(text, "http://", 7) != 0 && strncmp(text, "https://", 8) != 0)
        return false;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f || strchr("<>\"|\\^`{}", *p))
            return false;
    }
    return strlen(text) <= 2000;
}

void tell_put_hash(struct str *out, const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    str_printf(out, "%016llx", (unsigned long long)h);
}
