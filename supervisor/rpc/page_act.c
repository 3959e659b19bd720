/* POST / of a server: a button of the status page. What comes of it is waited for, but not for
 * long; then the page is shown again. */
#include "supervisor/base/mem.h"
#include "supervisor/rpc/html.h"
#include "supervisor/rpc/page_http.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE DUR_S(3)
#define FAILURES_MAX 4096u

#define OLD_TOKEN                                                                                  \
    "Nothing was done: that page is older than this server, or it came from elsewhere. Press the " \
    "button again in the list below. Scripts use XML-RPC or supervisorctl."
#define BAD_FORM "Nothing was done: that is no action of this page."

struct act {
    const char *verb, *done;
};

static const struct act acts[] = {
    {"start", "started"}, {"stop", "stopped"}, {"restart", "restarted"}, {"clear", "log cleared"}};

/* One that supd is asked to do. */
struct doing {
    struct site *site;
    struct http_in_call *call;
    const struct act *act;
    char *name; /* NULL: all */
    struct str filter;
    struct str failures; /* a line each */
    size_t ok, failed;
    struct loop_timer timer;
};

static void doing_free(struct doing *d)
{
    loop_timer_stop(&d->timer);
    str_fini(&d->filter);
    str_fini(&d->failures);
    free(d->name);
    free(d);
}

static struct channel *channel_of(const struct doing *d)
{
    return site_agent(d->site)->channel;
}

/* It is done all the same. */
static void on_gone(struct doing *d)
{
    channel_forget(channel_of(d), d);
    doing_free(d);
}

/* ---- the end ---- */

static void go_back(struct doing *d, const char *message)
{
    struct http_in_call *c = d->call;
    struct str to = STR_INIT;
    char id[PAGE_ID];
    page_keep(site_pages(d->site), message, id);
    str_printf(&to, "/?m=%s", id);
    if (d->filter.len) {
        str_puts(&to, "&q=");
        html_query(&to, str_text(&d->filter));
    }
    doing_free(d);
    page_headers(c);
    http_in_set(c, "Location", str_text(&to));
    str_fini(&to);
    http_in_answer(c, 303, NULL, NULL);
}

static void say_all(const struct doing *d, struct str *out)
{
    str_printf(out, "%s all: %zu %s", d->act->verb, d->ok, d->act->done);
    if (d->failed)
        str_printf(out, ", %zu not:\n%s", d->failed, str_text(&d->failures));
}

static void on_done(void *obj, const struct wire_reply *last)
{
    struct doing *d = obj;
    struct str out = STR_INIT;
    const char *name = d->name ? d->name : "all";
    if (last->kind == WIRE_ERROR)
        str_printf(&out, "%s: ERROR (%s)", name, last->text);
    else if (!d->name)
        say_all(d, &out);
    else if (d->failed)
        str_puts(&out, str_text(&d->failures));
    else
        str_printf(&out, "%s: %s", name, d->act->done);
    go_back(d, str_text(&out));
    str_fini(&out);
}

/* Of all only those are meant that are not so already. */
static bool is_so_already(const struct doing *d, const char *code)
{
    return !d->name && (strcmp(code, "ALREADY_STARTED") == 0 || strcmp(code, "NOT_RUNNING") == 0);
}

static void on_record(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct doing *d = obj;
    const char *code = wire_value(pairs, n, "code"), *text = wire_value(pairs, n, "text");
    const char *name = wire_value(pairs, n, "name");
    if (!code || strcmp(code, "OK") == 0) {
        d->ok++;
        return;
    }
    if (is_so_already(d, code))
        return;
    d->failed++;
    str_printf(&d->failures, "%s: ERROR (%s)\n", name ? name : "", text ? text : code);
}

static void on_timer(struct doing *d)
{
    struct str out = STR_INIT;
    channel_forget(channel_of(d), d);
    str_printf(&out, "%s %s: under way", d->act->verb, d->name ? d->name : "all");
    if (!d->name)
        str_printf(&out, ", %zu %s so far", d->ok, d->act->done);
    go_back(d, str_text(&out));
    str_fini(&out);
}

/* ---- the beginning ---- */

static const struct act *find_act(const char *verb, size_t n)
{
    for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
        if (strlen(acts[i].verb) == n && memcmp(acts[i].verb, verb, n) == 0)
            return &acts[i];
    return NULL;
}

/* "VERB NAME" of a row, or a verb for all, which is never clear. */
static const struct act *read_act(const struct http_in_call *c, char **out_name)
{
    struct str text = STR_INIT;
    const struct act *act = NULL;
    *out_name = NULL;
    if (http_in_form(c, "do", &text)) {
        const char *s = str_text(&text), *blank = strchr(s, ' ');
        act = blank && blank[1] ? find_act(s, (size_t)(blank - s)) : NULL;
        *out_name = act ? mem_strdup(blank + 1) : NULL;
    } else if (http_in_form(c, "all", &text)) {
        act = find_act(str_text(&text), text.len);
        act = act && strcmp(act->verb, "clear") == 0 ? NULL : act;
    }
    str_fini(&text);
    return act;
}

static bool is_trusted(struct site *s, const struct http_in_call *c)
{
    struct str token = STR_INIT;
    bool fits = site_conf(s) && http_in_form(c, "token", &token) &&
                page_token_fits(site_pages(s), site_conf(s), str_text(&token));
    str_fini(&token);
    return fits;
}

/* A process that is called main is no log of supd's; of the agent * is all. */
static bool ask(struct doing *d)
{
    static const struct channel_call_ops ops = {.record = on_record, .done = on_done};
    const char *name = d->name ? d->name : "*";
    const char *args[] = {strcmp(name, "main") == 0 ? "main:main" : name, NULL};
    return channel_call(channel_of(d), d->act->verb, args, &ops, d);
}

static void begin(struct site *s, struct http_in_call *c, const struct act *act, char *name)
{
    struct doing *d = mem_zalloc(sizeof(*d));
    *d = (struct doing){.site = s, .call = c, .act = act, .name = name};
    str_init(&d->failures, FAILURES_MAX);
    LOOP_TIMER(&d->timer, site_agent(s)->loop, on_timer, d);
    http_in_form(c, "q", &d->filter);
    if (!ask(d)) {
        doing_free(d);
        http_in_error(c, 503);
        return;
    }
    http_in_on_gone(c, LOOP_FN(on_gone, d), d);
    loop_timer_at(&d->timer, mono_add(loop_now(site_agent(s)->loop), PATIENCE));
}

void route_page_act(struct site *s, struct http_in_call *c)
{
    char *name;
    if (!is_trusted(s, c)) {
        page_serve(s, c, 403, NULL, OLD_TOKEN);
        return;
    }
    const struct act *act = read_act(c, &name);
    if (act)
        begin(s, c, act, name);
    else
        page_serve(s, c, 400, NULL, BAD_FORM);
}
