/* What [eventlistener:x] has beside a program's keys. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"
#include "supervisor/core/eventtype.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* upper case, known, sorted, each once */
static void check_events(struct conf *c, struct group *g, struct pos at)
{
    struct str_list *l = &g->listener.events;
    if (!l->n) {
        conf_fail(c, at,
                  "[%s] section requires an \"events\" line (as in "
                  "events=PROCESS_STATE,TICK_60)",
                  g->section->name);
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        char *up = arena_strdup(c->a, l->v[i]);
        py_upper(up);
        l->v[i] = up;
        if (!event_type_mask(up))
            conf_fail(c, at, "Unknown event type %s in [%s] events", up, g->section->name);
    }
    qsort(l->v, l->n, sizeof(l->v[0]), text_cmp);
    size_t n = 1;
    for (size_t i = 1; i < l->n; i++) {
        if (strcmp(l->v[i], l->v[n - 1]) != 0)
            l->v[n++] = l->v[i];
    }
    l->n = n;
}

/* Keys of a program that its own check sees before they are read: they would part it from us. */
static void check_streams(struct conf *c, const struct group *g)
{
    struct sect x;
    struct proc_opts o = {0};
    size_t redirect = sect_index(&rows_program, "redirect_stderr");
    size_t in = sect_index(&rows_program, "stdin");
    sect_init(&x, c, g->section, &rows_program);
    if (x.keys[redirect] && sect_row(&x, redirect, &o, &c->here) && o.redirect_stderr)
        conf_fail(c, x.keys[redirect]->at,
                  "[%s] section sets redirect_stderr=true but this is not allowed because it will "
                  "interfere with the eventlistener protocol",
                  g->section->name);
    if (x.keys[in] && sect_row(&x, in, &o, &c->here) && o.stdin_mode)
        conf_fail(c, x.keys[in]->at,
                  "[%s] section sets stdin=null, but an event listener gets its events there",
                  g->section->name);
}

#define STDOUT_HANDLER "supervisor_stdout:event_handler"

bool listener_takes_any(const struct listener_opts *o)
{
    return o->result_handler && strcmp(o->result_handler, STDOUT_HANDLER) == 0;
}

static void check_handler(struct conf *c, const struct group *g, struct pos at)
{
    const char *h = g->listener.result_handler;
    if (!h || strcmp(h, "supervisor.dispatchers:default_handler") == 0)
        return;
    if (!c->rq.exact && listener_takes_any(&g->listener))
        return;
    conf_fail(c, at,
              "%s cannot be resolved within [%s] (only Supervisor's default handler "
              "and " STDOUT_HANDLER " are known)",
              h, g->section->name);
}

void load_listener(struct conf *c, struct group *g)
{
    struct sect x;
    sect_init(&x, c, g->section, &rows_listener);
    sect_convert(&x, &g->listener, &c->here, 0, 0);
    if (g->listener.buffer_size < 1 && g->listener.set.has)
        conf_fail(c, sect_pos(&x, sect_index(&rows_listener, "buffer_size")),
                  "[%s] section sets invalid buffer_size (%" PRId64 ") (1 is the least)",
                  g->section->name, g->listener.buffer_size);
    check_handler(c, g, sect_pos(&x, sect_index(&rows_listener, "result_handler")));
    check_events(c, g, sect_pos(&x, sect_index(&rows_listener, "events")));
    check_streams(c, g);
}
