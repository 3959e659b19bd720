/* How supctl shows things. */
#include "supervisor/cli/show.h"
#include "supervisor/base/dur.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *state, *colour;
    bool down;
} states[] = {
    {"RUNNING", "\033[32m", false}, {"STARTING", "\033[36m", false},
    {"BACKOFF", "\033[33m", false}, {"STOPPING", "\033[36m", false},
    {"STOPPED", "\033[2m", true},   {"EXITED", "\033[33m", true},
    {"FATAL", "\033[31m", true},    {"UNKNOWN", "\033[35m", true},
};

const char *show_colour(const char *state)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(states[i].state, state) == 0)
            return states[i].colour;
    return NULL;
}

bool show_is_down(const char *state)
{
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (strcmp(states[i].state, state) == 0)
            return states[i].down;
    return true;
}

void show_time(int64_t unix_s, char *buf, size_t size)
{
    time_t t = (time_t)unix_s;
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(buf, size, "%Y-%m-%d %H:%M:%S", &tm);
}

void show_clean(struct str *out, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '\n')
            str_putc(out, ' ');
        else if (c < 0x20 || c == 0x7f)
            str_printf(out, "\\x%02x", c);
        else
            str_putc(out, *text);
    }
}

static const char *human(int64_t ms, char *buf, size_t size)
{
    return dur_human(DUR_MS(ms < 0 ? 0 : ms), buf, size);
}

static void put_part(struct str *out, const char *text)
{
    if (!*text)
        return;
    if (out->len)
        str_puts(out, ", ");
    show_clean(out, text);
}

/* what the program says of itself */
static void put_said(struct str *out, const struct client_reply *r)
{
    const char *text = reply_text(r, "status_text");
    put_part(out, reply_text(r, "doing"));
    if (!*text)
        return;
    put_part(out, "\"");
    show_clean(out, text);
    str_putc(out, '"');
}

/* the last exit and when; why a process that is not up is not; what comes next */
void show_last(const struct client_reply *r, struct str *out)
{
    char buf[DUR_TEXT];
    const char *state = reply_text(r, "state"), *exit = reply_text(r, "exit");
    bool running = strcmp(state, "RUNNING") == 0;
    bool settled = running || strcmp(state, "STARTING") == 0;
    int64_t next = reply_int(r, "next_ms", -1);
    if (strcmp(reply_text(r, "health"), "FAILED") == 0)
        put_part(out, reply_text(r, "health_text"));
    if (*reply_text(r, "stopped")) {
        put_part(out, "stands still: ");
        show_clean(out, reply_text(r, "stopped"));
    }
    if (*reply_text(r, "waiting")) {
        put_part(out, "waiting for ");
        show_clean(out, reply_text(r, "waiting"));
    }
    if (strcmp(reply_text(r, "not_ready"), "1") == 0)
        put_part(out, "not ready");
    put_part(out, reply_text(r, "says"));
    put_said(out, r);
    put_part(out, exit);
    if (!running) /* in STARTING: the system has no room for it now */
        put_part(out, reply_text(r, "spawnerr"));
    if (!settled && (!*reply_text(r, "spawnerr") || strcmp(state, "FATAL") == 0))
        put_part(out, strcmp(reply_text(r, "why"), "exited") == 0 ? "" : reply_text(r, "why"));
    if (next >= 0 && (strcmp(state, "BACKOFF") == 0 || strcmp(state, "FATAL") == 0)) {
        put_part(out, "next try in ");
        str_puts(out, human(next, buf, sizeof(buf)));
    }
    if (!out->len)
        str_putc(out, '-');
}

void show_status_begin(struct table *t)
{
    static const char *const heading[] = {"NAME",     "STATE",  "PID",      "UPTIME",
                                          "RESTARTS", "HEALTH", "LAST EXIT"};
    table_init(t, 7, heading);
    t->right[2] = t->right[4] = true;
    t->optional[5] = true;
}

/* What probes say; why it failed stands before the last exit. */
static void show_health(struct table *t, const struct client_reply *r)
{
    const char *health = reply_text(r, "health");
    bool ok = strcmp(health, "OK") == 0, failed = strcmp(health, "FAILED") == 0;
    table_cell(t,
               ok        ? "healthy"
               : failed  ? "unhealthy"
               : *health ? "waiting"
                         : "-",
               ok       ? "\033[32m"
               : failed ? "\033[31m"
                        : NULL);
}

void show_status_row(struct table *t, const struct client_reply *r)
{
    char uptime[DUR_TEXT] = "-";
    struct str text = STR_INIT;
    const char *state = reply_text(r, "state"), *pid = reply_text(r, "pid");
    int64_t up = reply_int(r, "uptime_ms", -1);
    show_clean(&text, reply_text(r, "name"));
    table_cell(t, str_text(&text), NULL);
    table_cell(t, state, show_colour(state));
    table_cell(t, strcmp(pid, "0") == 0 ? "-" : pid, NULL);
    table_cell(t, up < 0 ? "-" : human(up, uptime, sizeof(uptime)), NULL);
    table_cell(t, reply_text(r, "restarts"), NULL);
    show_health(t, r);
    str_clear(&text);
    show_last(r, &text);
    table_cell(t, str_text(&text), NULL);
    str_fini(&text);
}

void show_table(const struct cli *c, const struct table *t)
{
    struct str out = STR_INIT;
    table_print(t, c->width, c->colour, &out);
    fwrite(str_text(&out), 1, out.len, stdout);
    str_fini(&out);
}

bool show_outcome(const struct client_reply *r, const char *done)
{
    struct str line = STR_INIT;
    bool ok = strcmp(reply_text(r, "code"), "OK") == 0;
    show_clean(&line, reply_text(r, "name"));
    str_puts(&line, ok ? ": " : ": ERROR (");
    show_clean(&line, ok && done ? done : reply_text(r, "text"));
    fflush(stdout);
    fprintf(ok ? stdout : stderr, "%s%s\n", str_text(&line), ok ? "" : ")");
    fflush(stdout);
    str_fini(&line);
    return ok;
}
