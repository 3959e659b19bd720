/* Text work that several layers need. */
#include "supervisor/base/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int text_int(const char *text, int64_t lo, int64_t hi, int64_t *out_n, struct err *e)
{
    const char *digits = text + (*text == '-' || *text == '+');
    if (!isdigit((unsigned char)*digits) || strspn(digits, "0123456789") != strlen(digits))
        return err_set(e, "not a number: '%s'", text);
    errno = 0;
    long long n = strtoll(text, NULL, 10);
    if (errno || n < lo || n > hi)
        return err_set(e, "%s is not between %" PRId64 " and %" PRId64, text, lo, hi);
    *out_n = n;
    return 0;
}

static const char *escape_of(unsigned char c, char *hex)
{
    if (c == '\\')
        return "\\\\";
    if (c == '\n')
        return "\\n";
    if (c == '\t')
        return "\\t";
    snprintf(hex, 5, "\\x%02x", c);
    return hex;
}

static inline bool needs_escape(unsigned char c, bool blanks)
{
    return c < 0x20 || c == '\\' || c == 0x7f || (blanks && c == ' ');
}

void text_escape(struct str *out, const char *p, size_t n, bool blanks)
{
    size_t plain = 0;
    char hex[8];
    for (size_t i = 0; i < n; i++) {
        if (!needs_escape((unsigned char)p[i], blanks))
            continue;
        str_put(out, p + plain, i - plain);
        str_puts(out, escape_of((unsigned char)p[i], hex));
        plain = i + 1;
    }
    str_put(out, p + plain, n - plain);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* the byte that the escape at p[0..n) stands for, and its length; -1 if it is none */
static int unescape_one(const char *p, size_t n, size_t *out_len)
{
    *out_len = 2;
    if (n < 2)
        return -1;
    if (p[1] == '\\')
        return '\\';
    if (p[1] == 'n')
        return '\n';
    if (p[1] == 't')
        return '\t';
    if (p[1] != 'x' || n < 4 || hex_digit(p[2]) < 0 || hex_digit(p[3]) < 0)
        return -1;
    *out_len = 4;
    return hex_digit(p[2]) * 16 + hex_digit(p[3]);
}

int64_t text_unescape(char *p, size_t n)
{
    size_t to = 0;
    for (size_t i = 0; i < n;) {
        size_t len = 1;
        int c = (unsigned char)p[i];
        if (c == '\\')
            c = unescape_one(p + i, n - i, &len);
        if (c < 0)
            return -1;
        p[to++] = (char)c;
        i += len;
    }
    return (int64_t)to;
}

/* matches c against the class after '['; *pp is left behind the ']'; a class never closed is a
 * literal '[' (returns -1) */
static int class_match(const char **pp, char c)
{
    const char *p = *pp + 1;
    bool not = *p == '!' || *p == '^', hit = false, first = true;
    p += not ;
    for (; *p && (*p != ']' || first); p++, first = false) {
        char lo = *p, hi = *p;
        if (p[1] == '-' && p[2] && p[2] != ']') {
            hi = p[2];
            p += 2;
        }
        hit |= c >= lo && c <= hi;
    }
    if (!*p)
        return -1;
    *pp = p + 1;
    return hit != not ;
}

static bool one_match(const char **pp, char c)
{
    const char *p = *pp;
    if (*p == '?') {
        (*pp)++;
        return true;
    }
    if (*p == '[') {
        int m = class_match(pp, c);
        if (m >= 0)
            return m;
    }
    if (*p == '\\' && p[1])
        p++;
    *pp = p + 1;
    return *p == c;
}

bool text_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *retry = NULL, *p = pattern;
    while (*text) {
        const char *q = p;
        if (*p == '*') {
            star = ++p;
            retry = text;
        } else if (*p && one_match(&q, *text)) {
            p = q;
            text++;
        } else if (star) {
            p = star;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*p == '*')
        p++;
    return !*p;
}

bool text_has_glob(const char *text)
{
    return strpbrk(text, "*?[") != NULL;
}

#define DISTANCE_MAX 64u

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

unsigned text_distance(const char *a, const char *b, unsigned limit)
{
    size_t n = strlen(a), m = strlen(b);
    unsigned rows[3][DISTANCE_MAX + 1];
    if (n > DISTANCE_MAX || m > DISTANCE_MAX || (n > m ? n - m : m - n) > limit)
        return limit + 1;
    for (unsigned j = 0; j <= m; j++)
        rows[0][j] = j;
    for (unsigned i = 1; i <= n; i++) {
        unsigned *cur = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        cur[0] = i;
        for (unsigned j = 1; j <= m; j++) {
            cur[j] = min3(up[j] + 1, cur[j - 1] + 1, up[j - 1] + !same(a[i - 1], b[j - 1]));
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]) &&
                up2[j - 2] + 1 < cur[j])
                cur[j] = up2[j - 2] + 1;
        }
    }
    unsigned d = rows[n % 3][m];
    return d > limit ? limit + 1 : d;
}

/* length of the valid UTF-8 character at p[0..n), 0 if there is none */
static size_t utf8_one(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xc2 && p[0] <= 0xdf ? 2 : (p[0] & 0xf0) == 0xe0 ? 3 : 0;
    if (p[0] >= 0xf0 && p[0] <= 0xf4)
        len = 4;
    if (!len || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] > 0x9f) || (p[0] == 0xf4 && p[1] > 0x8f);
    return overlong || beyond ? 0 : len;
}

size_t text_utf8_valid(const char *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        size_t len = utf8_one((const unsigned char *)p + at, n - at);
        if (!len)
            break;
        at += len;
    }
    return at;
}

void text_put_utf8(struct str *out, const char *p, size_t n, text_put_fn *put)
{
    while (n) {
        size_t good = text_utf8_valid(p, n);
        put(out, p, good);
        if (good == n)
            return;
        str_puts(out, "\xef\xbf\xbd");
        p += good + 1;
        n -= good + 1;
    }
}

const char *text_signal_name(int sig, char *buf, size_t size)
{
    const char *abbrev = sig > 0 && sig < 32 ? sigabbrev_np(sig) : NULL;
    if (abbrev)
        snprintf(buf, size, "SIG%s", abbrev);
    else if (sig == SIGRTMIN || sig == SIGRTMAX)
        snprintf(buf, size, "%s", sig == SIGRTMIN ? "SIGRTMIN" : "SIGRTMAX");
    else if (sig > SIGRTMIN && sig < SIGRTMAX)
        snprintf(buf, size, "SIGRTMIN+%d", sig - SIGRTMIN);
    else
        snprintf(buf, size, "signal %d", sig);
    return buf;
}

static const struct {
    const char *name;
    int sig;
} aliases[] = {{"IOT", SIGABRT}, {"CLD", SIGCHLD}, {"POLL", SIGIO}, {"IO", SIGIO}};

static int realtime_number(const char *name)
{
    if (strcasecmp(name, "RTMAX") == 0)
        return SIGRTMAX;
    if (strncasecmp(name, "RTMIN", 5) != 0)
        return -1;
    int64_t n = 0;
    if (name[5] && (name[5] != '+' || text_int(name + 6, 0, SIGRTMAX - SIGRTMIN, &n, NULL) < 0))
        return -1;
    return SIGRTMIN + (int)n;
}

int text_signal_number(const char *text)
{
    int64_t n = 0;
    if (text_int(text, 0, SIGRTMAX, &n, NULL) == 0)
        return (int)n;
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (int sig = 1; sig < 32; sig++)
        if (sigabbrev_np(sig) && strcasecmp(name, sigabbrev_np(sig)) == 0)
            return sig;
    for (size_t i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++)
        if (strcasecmp(name, aliases[i].name) == 0)
            return aliases[i].sig;
    return realtime_number(name);
}
