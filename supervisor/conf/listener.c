/* What [eventlistener:x] has beside a program's keys. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const event_types[] = {
    "EVENT",
    "PROCESS_COMMUNICATION",
    "PROCESS_COMMUNICATION_STDERR",
    "PROCESS_COMMUNICATION_STDOUT",
    "PROCESS_GROUP",
    "PROCESS_GROUP_ADDED",
    "PROCESS_GROUP_REMOVED",
    "PROCESS_LOG",
    "PROCESS_LOG_STDERR",
    "PROCESS_LOG_STDOUT",
    "PROCESS_STATE",
    "PROCESS_STATE_BACKOFF",
    "PROCESS_STATE_EXITED",
    "PROCESS_STATE_FATAL",
    "PROCESS_STATE_RUNNING",
    "PROCESS_STATE_STARTING",
    "PROCESS_STATE_STOPPED",
    "PROCESS_STATE_STOPPING",
    "PROCESS_STATE_UNKNOWN",
    "REMOTE_COMMUNICATION",
    "SUPERVISOR_STATE_CHANGE",
    "SUPERVISOR_STATE_CHANGE_RUNNING",
    "SUPERVISOR_STATE_CHANGE_STOPPING",
    "TICK",
    "TICK_3600",
    "TICK_5",
    "TICK_60",
};

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool known_event(const char *name)
{
    return bsearch(&name, event_types, sizeof(event_types) / sizeof(event_types[0]),
                   sizeof(event_types[0]), text_cmp);
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
        if (!known_event(up))
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

/* redirect_stderr= as the listener's own check sees it, before the program's keys are read */
static void check_redirect(struct conf *c, const struct group *g)
{
    struct sect x;
    struct proc_opts o = {0};
    size_t row = sect_index(&rows_program, "redirect_stderr");
    sect_init(&x, c, g->section, &rows_program);
    if (x.keys[row] && sect_row(&x, row, &o, &c->here) && o.redirect_stderr)
        conf_fail(c, x.keys[row]->at,
                  "[%s] section sets redirect_stderr=true but this is not allowed because it will "
                  "interfere with the eventlistener protocol",
                  g->section->name);
}

static void check_handler(struct conf *c, const struct group *g, struct pos at)
{
    const char *h = g->listener.result_handler;
    if (!h || strcmp(h, "supervisor.dispatchers:default_handler") == 0)
        return;
    if (!c->rq.exact && strcmp(h, "supervisor_stdout:event_handler") == 0)
        return;
    conf_fail(c, at,
              "%s cannot be resolved within [%s] (only Supervisor's default handler and "
              "supervisor_stdout:event_handler are known)",
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
    check_redirect(c, g);
}
