/* The program's own log. */
#include "supervisor/base/log.h"
#include "supervisor/base/mono.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LINE_MAX_BYTES 4096

static struct {
    int fd;
    enum log_level level;
    bool json;
    const char *ident;
    unsigned long dropped;
} self = {2, LVL_INFO, false, "", 0};

static const struct {
    enum log_level level;
    const char *word, *name;
} levels[] = {
    {LVL_CRITICAL, "CRIT", "critical"}, {LVL_ERROR, "ERRO", "error"}, {LVL_WARN, "WARN", "warn"},
    {LVL_INFO, "INFO", "info"},         {LVL_DEBUG, "DEBG", "debug"}, {LVL_TRACE, "TRAC", "trace"},
    {LVL_BLATHER, "BLAT", "blather"},
};
#define NLEVELS (sizeof(levels) / sizeof(levels[0]))

void log_setup(int fd, enum log_level level, bool json)
{
    self.fd = fd;
    self.level = level;
    self.json = json;
}

int log_fd(void)
{
    return self.fd;
}

void log_ident(const char *ident)
{
    self.ident = ident;
}

int log_level_by_name(const char *name)
{
    for (size_t i = 0; i < NLEVELS; i++)
        if (strcmp(levels[i].name, name) == 0)
            return (int)levels[i].level;
    return -1;
}

static size_t level_row(enum log_level level)
{
    for (size_t i = 0; i < NLEVELS; i++)
        if (levels[i].level == level)
            return i;
    return 3;
}

const char *log_level_name(enum log_level level)
{
    return levels[level_row(level)].name;
}

bool log_limit_pass(long long *next, int interval_s)
{
    long long now = mono_now().ns;
    if (now < *next)
        return false;
    *next = now + interval_s * 1000000000LL;
    return true;
}

static size_t stamp(char *out, size_t size, enum log_level level)
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
    int n = self.json ? snprintf(out, size,
                                 "{\"time\":\"%s.%03d%.3s:%s\",\"level\":\"%s\",\"message\":\"%s",
                                 when, ms, zone, zone + 3, log_level_name(level), self.ident)
                      : snprintf(out, size, "%s,%03d %s %s", when, ms,
                                 levels[level_row(level)].word, self.ident);
    return (size_t)n;
}

/* text with its control characters made visible (and, for JSON, its quotes escaped) */
static size_t put_text(char *out, size_t room, const char *text)
{
    size_t n = 0;
    for (; *text && n + 8 < room; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n')
            n += (size_t)snprintf(out + n, room - n, "\\n");
        else if (c < 0x20 || c == 0x7f)
            n += (size_t)snprintf(out + n, room - n, self.json ? "\\u%04x" : "\\x%02x", c);
        else if (self.json && (c == '"' || c == '\\'))
            n += (size_t)snprintf(out + n, room - n, "\\%c", c);
        else
            out[n++] = (char)c;
    }
    return n;
}

static void emit(const char *line, size_t n)
{
    if (self.dropped) {
        char note[80];
        int m =
            snprintf(note, sizeof(note), "(%lu lines of this log were dropped)\n", self.dropped);
        if (self.json || write(self.fd, note, (size_t)m) == m)
            self.dropped = 0;
    }
    ssize_t w;
    do
        w = write(self.fd, line, n);
    while (w < 0 && errno == EINTR);
    if (w != (ssize_t)n)
        self.dropped++;
}

void log_line(enum log_level level, const char *fmt, ...)
{
    if (level < self.level)
        return;
    int saved = errno;
    char text[LINE_MAX_BYTES / 2], line[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t n = stamp(line, sizeof(line) - 16, level);
    n += put_text(line + n, sizeof(line) - n - 8, text);
    if (self.json) {
        memcpy(line + n, "\"}", 2);
        n += 2;
    }
    line[n++] = '\n';
    emit(line, n);
    errno = saved;
}
