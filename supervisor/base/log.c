/* The program's own log. */
#include "supervisor/base/log.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096
#define BLOCK_BYTES 3072 /* of a block, beside its head */
#define HELD_BYTES 4096  /* PIPE_BUF: a pipe takes so many bytes whole or not at all */

static struct {
    int fd;
    enum log_level level;
    bool json;
    const char *ident;
    unsigned long dropped;
} self = {2, LVL_INFO, false, "", 0};

/* Lines that wait for log_release. */
static struct {
    bool on;
    pid_t pid; /* whose they are: a fork's child must not write them again */
    size_t len;
    unsigned long lines;
    char bytes[HELD_BYTES];
} held;

static bool write_whole(const char *p, size_t n)
{
    ssize_t w;
    do
        w = write(self.fd, p, n);
    while (w < 0 && errno == EINTR);
    return w == (ssize_t)n;
}

static void write_held(void)
{
    if (held.len && !write_whole(held.bytes, held.len))
        self.dropped += held.lines;
    held.len = 0;
    held.lines = 0;
}

/* In a fork's child: what the parent collected is the parent's, and nobody will release ours. */
static void forget_parents(void)
{
    if (held.pid == getpid())
        return;
    held.on = false;
    held.len = 0;
    held.lines = 0;
}

void log_hold(void)
{
    held.on = true;
    held.pid = getpid();
}

void log_release(void)
{
    if (!held.on)
        return;
    int saved = errno;
    forget_parents();
    write_held();
    held.on = false;
    errno = saved;
}

/* True if the line is kept for later. */
static bool hold(const char *line, size_t n)
{
    if (!held.on)
        return false;
    forget_parents();
    if (held.len + n > HELD_BYTES)
        write_held();
    if (!held.on || n > HELD_BYTES)
        return false;
    memcpy(held.bytes + held.len, line, n);
    held.len += n;
    held.lines++;
    return true;
}

void log_setup(int fd, enum log_level level, bool json)
{
    log_release();
    self.fd = fd;
    self.level = level;
    self.json = json;
}

void log_move(int fd)
{
    log_release();
    self.fd = fd;
}

int log_fd(void)
{
    return self.fd;
}

void log_ident(const char *ident)
{
    self.ident = ident;
}

bool log_limit_pass(long long *next, int interval_s)
{
    long long now = mono_now().ns;
    if (now < *next)
        return false;
    *next = now + interval_s * 1000000000LL;
    return true;
}

static size_t stamp(char *out, size_t size, enum log_level level, const char *ident)
{
    wall_t now = wall_now();
    time_t s = (time_t)(now.ns / 1000000000);
    int ms = (int)(now.ns / 1000000 % 1000);
    struct tm tm;
    char when[32];
    localtime_r(&s, &tm);
    strftime(when, sizeof(when), self.json ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &tm);
    char zone[8] = "";
    if (self.json)
        strftime(zone, sizeof(zone), "%z", &tm);
    int n =
        self.json
            ? snprintf(out, size, "{\"time\":\"%s.%03d%.3s:%s\",\"level\":\"%s\",\"message\":\"%s",
                       when, ms, zone, zone + 3, log_level_name(level), ident)
            : snprintf(out, size, "%s,%03d %s %s", when, ms, log_level_word(level), ident);
    return (size_t)n;
}

/* one byte in its visible form; the bytes written */
static size_t put_byte(char *out, size_t room, unsigned char c)
{
    if (c == '\n')
        return (size_t)snprintf(out, room, "\\n");
    if (c < 0x20 || c == 0x7f)
        return (size_t)snprintf(out, room, self.json ? "\\u%04x" : "\\x%02x", c);
    if (self.json && (c == '"' || c == '\\'))
        return (size_t)snprintf(out, room, "\\%c", c);
    *out = (char)c;
    return 1;
}

/* text with its control characters made visible; for JSON its quotes are escaped and what is not
 * UTF-8 is replaced. A cut stands between two characters and is marked. */
static size_t put_text(char *out, size_t room, const char *text)
{
    size_t n = 0, valid = text_utf8_valid(text, strlen(text));
    const char *bad = text + valid;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool middle = (c & 0xc0) == 0x80;
        if (n + 10 >= room || (!middle && n + 14 >= room)) {
            memcpy(out + n, "...", 3);
            return n + 3;
        }
        if (self.json && text == bad) {
            n += (size_t)snprintf(out + n, room - n, "\\ufffd");
            bad = text + 1 + text_utf8_valid(text + 1, strlen(text + 1));
        } else {
            n += put_byte(out + n, room - n, c);
        }
    }
    return n;
}

static size_t end_line(char *line, size_t n)
{
    if (self.json) {
        memcpy(line + n, "\"}", 2);
        n += 2;
    }
    line[n++] = '\n';
    return n;
}

/* writes one whole line; false if it did not fit */
static bool emit(enum log_level level, const char *text)
{
    char line[LINE_MAX_BYTES];
    size_t n = stamp(line, sizeof(line), level, self.ident);
    n += put_text(line + n, sizeof(line) - n - 3, text);
    n = end_line(line, n);
    return hold(line, n) || write_whole(line, n);
}

static void say_dropped(void)
{
    char text[80];
    snprintf(text, sizeof(text), "%lu lines of this log were dropped", self.dropped);
    if (self.dropped && emit(LVL_WARN, text))
        self.dropped = 0;
}

/* One piece of a block; *used bytes of it were taken. */
static bool emit_block(enum log_level level, const char *head, const char *bytes, size_t n,
                       size_t *used)
{
    char line[LINE_MAX_BYTES], text[BLOCK_BYTES + 1];
    *used = n < BLOCK_BYTES ? n : BLOCK_BYTES;
    size_t at = stamp(line, sizeof(line), level, "");
    at += (size_t)snprintf(line + at, 512, "%.400s:%s", head, self.json ? "\\n" : "\n");
    if (self.json) {
        memcpy(text, bytes, *used);
        text[*used] = '\0';
        at += put_text(line + at, sizeof(line) - at - 3, text);
    } else {
        memcpy(line + at, bytes, *used);
        at += *used;
    }
    at = end_line(line, at);
    return hold(line, at) || write_whole(line, at);
}

void log_block(enum log_level level, const char *head, const char *bytes, size_t n)
{
    int saved = errno;
    say_dropped();
    for (size_t used; n; bytes += used, n -= used)
        if (!emit_block(level, head, bytes, n, &used))
            self.dropped++;
    errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level < self.level)
        return;
    int saved = errno;
    char text[LINE_MAX_BYTES];
    say_dropped();
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!emit(level, text))
        self.dropped++;
    errno = saved;
}
