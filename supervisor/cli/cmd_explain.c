/* explain: one paragraph for each process, probe, metric, alert and notifier of a name. */
#include "supervisor/base/mem.h"
#include "supervisor/base/vec.h"
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"
#include "supervisor/cli/show.h"
#include "supervisor/base/near.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef VEC(char *) name_list;

struct explain {
    name_list *unknown; /* names that are no process; NULL: say so at once */
    struct json_list *json;
    struct str trouble; /* why the agent said nothing */
    int exit;
    bool more;     /* not the first one */
    char *subject; /* JSON: what the agent's lines are about, and the lines so far */
    struct str lines;
};

static void line(const char *label, const char *text)
{
    struct str s = STR_INIT;
    if (!*text)
        return;
    show_clean(&s, text);
    printf("  %-8s %s\n", label, str_text(&s));
    str_fini(&s);
}

static bool on_row(void *obj, const struct client_reply *r)
{
    struct explain *x = obj;
    const char *code = reply_text(r, "code");
    if (r->kind != WIRE_RECORD)
        return true;
    if (x->unknown && strcmp(code, "BAD_NAME") == 0) { /* it may be the agent's */
        VEC_PUSH(x->unknown, mem_strdup(reply_text(r, "name")));
        return true;
    }
    if (strcmp(code, "OK") != 0) {
        cli_complain("%s: %s", reply_text(r, "name"), reply_text(r, "text"));
        x->exit = cli_worst(x->exit, cli_exit_of(code));
        return true;
    }
    if (x->json) {
        json_list_add(x->json, r);
        return true;
    }
    struct str text = STR_INIT;
    show_clean(&text, reply_text(r, "name"));
    str_puts(&text, ": ");
    show_clean(&text, reply_text(r, "text"));
    printf("%s%s\n", x->more ? "\n" : "", str_text(&text));
    str_fini(&text);
    x->more = true;
    line("error", reply_text(r, "spawnerr"));
    line("stdout", reply_text(r, "stdout_log"));
    line("stderr", reply_text(r, "stderr_log"));
    line("conf", reply_text(r, "conf"));
    return true;
}

/* The lines about one subject are one object. */
static void end_subject(struct explain *x)
{
    if (x->subject) {
        static char name[] = "name", text[] = "text";
        struct client_reply r = {.kind = WIRE_RECORD, .n = 2};
        r.pairs[0] = (struct wire_pair){name, x->subject};
        r.pairs[1] = (struct wire_pair){text, x->lines.s};
        json_list_add(x->json, &r);
    }
    free(x->subject);
    x->subject = NULL;
    str_clear(&x->lines);
}

static void keep_line(struct explain *x, const struct client_reply *r)
{
    if (*reply_text(r, "name")) {
        end_subject(x);
        x->subject = mem_strdup(reply_text(r, "name"));
    }
    str_printf(&x->lines, "%s%s", x->lines.len ? "\n" : "", reply_text(r, "text"));
}

/* The agent's own: probes, metrics, alerts, notifiers. It answers a row a line of text. */
static bool on_agent_row(void *obj, const struct client_reply *r)
{
    struct explain *x = obj;
    if (r->kind == WIRE_ERROR && strcmp(r->code, "BAD_NAME") != 0)
        str_puts(&x->trouble, r->text);
    if (r->kind != WIRE_RECORD)
        return true;
    if (x->json) {
        keep_line(x, r);
        return true;
    }
    struct str text = STR_INIT;
    show_clean(&text, reply_text(r, "text"));
    printf("%s%s\n", *reply_text(r, "name") ? (x->more ? "\n" : "") : "  ", str_text(&text));
    x->more = true;
    str_fini(&text);
    return true;
}

/* ---- did you mean ---- */

struct guess {
    struct near near;
    char *best; /* near's own is of a line that is gone */
};

static bool on_name(void *obj, const struct client_reply *r)
{
    struct guess *g = obj;
    if (r->kind == WIRE_RECORD)
        near_try(&g->near, reply_text(r, "name"));
    if (r->kind == WIRE_RECORD && g->near.best &&
        (!g->best || strcmp(g->near.best, g->best) != 0)) {
        free(g->best);
        g->near.best = g->best = mem_strdup(g->near.best);
    }
    return true;
}

/* The name that comes nearest of all that can be explained; NULL: none is near. */
static char *nearest(struct cli *c, const char *name)
{
    static const char *const lists[] = {"probes", "alerts", "metrics", "notifiers"};
    struct guess g = {.near = near_start(name)};
    struct err e;
    bool there = client_call(&c->client, "status", NULL, 0, on_name, &g, &e) == 0;
    for (size_t i = 0; there && i < sizeof(lists) / sizeof(lists[0]); i++) {
        char *args[] = {(char *)(uintptr_t)lists[i]};
        there = client_call(&c->client, "agent", args, 1, on_name, &g, &e) == 0;
    }
    return g.best;
}

static void complain(struct cli *c, struct explain *x, const char *name)
{
    char *best = nearest(c, name);
    struct str meant = STR_INIT;
    if (best)
        str_printf(&meant, "; did you mean %s?", best);
    if (x->trouble.len)
        cli_complain("%s: there is no process of that name, and %s%s", name, str_text(&x->trouble),
                     str_text(&meant));
    else
        cli_complain("%s: there is no process, probe, metric, alert or notifier of that name%s",
                     name, str_text(&meant));
    str_fini(&meant);
    free(best);
    x->exit = cli_worst(x->exit, cli_exit_of("BAD_NAME"));
}

static bool is_unknown(const name_list *unknown, const char *name)
{
    VEC_EACH (unknown, i) {
        if (strcmp(unknown->v[i], name) == 0)
            return true;
    }
    return false;
}

/* Also of what is a process: a program, its probe and its alert may well have the same name. */
static void explain_rest(struct cli *c, struct explain *x, const name_list *unknown, char **names)
{
    fflush(stdout); /* what supd knows is there, whatever the agent does */
    for (; *names; names++) {
        char *args[] = {(char *)(uintptr_t) "explain", *names};
        struct err e;
        str_clear(&x->trouble);
        if (client_call(&c->client, "agent", args, 2, on_agent_row, x, &e) != 0 &&
            is_unknown(unknown, *names))
            complain(c, x, *names);
    }
}

int cmd_explain(struct cli *c, int argc, char **argv)
{
    name_list unknown = VEC_INIT;
    struct explain x = {.unknown = &unknown};
    if (c->json)
        x.json = json_list_new();
    int exit = cli_call(c, "explain", argv + 1, (size_t)argc - 1, on_row, &x);
    x.unknown = NULL;
    if (exit == CLI_OK || unknown.n)
        explain_rest(c, &x, &unknown, argv + 1);
    VEC_EACH (&unknown, i)
        free(unknown.v[i]);
    VEC_FINI(&unknown);
    str_fini(&x.trouble);
    if (x.json) {
        end_subject(&x);
        json_list_end(&x.json, exit == CLI_OK);
    }
    str_fini(&x.lines);
    return exit ? exit : x.exit;
}
