/* events: what happens, one line each, until Ctrl-C. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"
#include "supervisor/core/name.h"

#include <stdio.h>
#include <string.h>

struct events {
    struct cli *cli;
    char *const *names;
    size_t n;
};

static bool is_wanted(const struct events *v, const char *name)
{
    char group[512];
    snprintf(group, sizeof(group), "%s", name);
    char *colon = strchr(group, ':');
    if (colon)
        *colon = '\0';
    for (size_t i = 0; i < v->n; i++)
        if (name_match(v->names[i], group, colon ? colon + 1 : group))
            return true;
    return v->n == 0;
}

static void put_state(const struct events *v, const struct client_reply *r, struct str *out)
{
    const char *to = reply_text(r, "to"), *colour = v->cli->colour ? show_colour(to) : NULL;
    str_printf(out, "%s -> %s%s%s", reply_text(r, "from"), colour ? colour : "", to,
               colour ? "\033[0m" : "");
    if (*reply_text(r, "why")) {
        str_puts(out, " (");
        show_clean(out, reply_text(r, "why"));
        str_putc(out, ')');
    }
}

static void put_exit(const struct events *v, const struct client_reply *r, struct str *out)
{
    (void)v;
    str_printf(out, "exited pid %s: %s, %s", reply_text(r, "pid"), reply_text(r, "status"),
               reply_int(r, "expected", 1) ? "expected" : "not expected");
}

static void put_spawned(const struct events *v, const struct client_reply *r, struct str *out)
{
    (void)v;
    str_printf(out, "spawned pid %s", reply_text(r, "pid"));
}

/* A program's output: PROCESS_LOG_STDOUT and its kin. */
static void put_text(const struct events *v, const struct client_reply *r, struct str *out)
{
    (void)v;
    str_printf(out, "%s pid %s", reply_text(r, "type"), reply_text(r, "pid"));
    if (reply_int(r, "skipped", 0))
        str_printf(out, " (%s bytes lost before)", reply_text(r, "skipped"));
    str_puts(out, ": ");
    show_clean(out, reply_text(r, "data"));
}

/* what supd does now; the name is that */
static void put_mood(const struct events *v, const struct client_reply *r, struct str *out)
{
    (void)v, (void)r;
    str_puts(out, "(supd itself)");
}

/* whatever else there is, or will be */
static void put_other(const struct client_reply *r, struct str *out)
{
    static const char *const known[] = {"seq", "time_ms", "name"};
    for (size_t i = 0; i < r->n; i++) {
        bool skip = false;
        for (size_t k = 0; k < sizeof(known) / sizeof(known[0]); k++)
            skip |= strcmp(r->pairs[i].key, known[k]) == 0;
        if (skip)
            continue;
        if (strcmp(r->pairs[i].key, "type") != 0)
            str_printf(out, " %s=", r->pairs[i].key);
        show_clean(out, r->pairs[i].value);
    }
}

static const struct {
    const char *type;
    void (*put)(const struct events *v, const struct client_reply *r, struct str *out);
} types[] = {
    {"state", put_state},
    {"exit", put_exit},
    {"spawned", put_spawned},
    {"mood", put_mood},
    {"PROCESS_LOG_STDOUT", put_text},
    {"PROCESS_LOG_STDERR", put_text},
    {"PROCESS_COMMUNICATION_STDOUT", put_text},
    {"PROCESS_COMMUNICATION_STDERR", put_text},
};

static void print_event(const struct events *v, const struct client_reply *r)
{
    char when[32];
    struct str line = STR_INIT;
    size_t i = 0, n = sizeof(types) / sizeof(types[0]);
    show_time(reply_int(r, "time_ms", 0) / 1000, when, sizeof(when));
    str_printf(&line, "%s ", when);
    show_clean(&line, reply_text(r, "name"));
    str_putc(&line, ' ');
    while (i < n && strcmp(types[i].type, reply_text(r, "type")) != 0)
        i++;
    if (i < n)
        types[i].put(v, r, &line);
    else
        put_other(r, &line);
    puts(str_text(&line));
    fflush(stdout);
    str_fini(&line);
}

static bool on_event(void *obj, const struct client_reply *r)
{
    const struct events *v = obj;
    if (r->kind != WIRE_EVENT || !is_wanted(v, reply_text(r, "name")))
        return true;
    if (v->cli->json)
        json_print_line(r);
    else
        print_event(v, r);
    return !ferror(stdout);
}

/* A name may come later, and may be a slip of the pen. */
static bool on_status(void *obj, const struct client_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_RECORD && *reply_text(r, "code"))
        cli_complain("%s: %s now; waiting for one", reply_text(r, "name"), reply_text(r, "text"));
    return true;
}

int cmd_events(struct cli *c, int argc, char **argv)
{
    struct err e = {0};
    struct events v = {.cli = c, .names = argv + 1, .n = (size_t)argc - 1};
    char text[] = "text=1", *words[] = {text};
    int exit = v.n ? cli_call(c, "status", v.names, v.n, on_status, NULL) : CLI_OK;
    exit = exit ? exit : cli_call(c, "subscribe", words, 1, on_event, &v);
    if (exit)
        return exit;
    int r;
    do
        r = client_receive(&c->client, NULL, on_event, &v, &e);
    while (r == 3);
    return r < 0 ? cli_ended(c, &e) : CLI_OK;
}
