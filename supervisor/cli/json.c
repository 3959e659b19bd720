/* Records of the protocol as JSON, by jansson. */
#include "supervisor/cli/json.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct json_list {
    json_t *array;
};

/* Keys whose values are whole numbers, fractions or truth values; all others are texts, whatever
 * they look like. */
static const struct {
    const char *key;
    char type;
} typed[] = {
    {"pid", 'n'},
    {"parent", 'n'},
    {"former_parent", 'n'},
    {"age_ms", 'n'},
    {"uptime_ms", 'n'},
    {"since_ms", 'n'},
    {"start", 'n'},
    {"stop", 'n'},
    {"next_ms", 'n'},
    {"starts", 'n'},
    {"restarts", 'n'},
    {"exits", 'n'},
    {"fatals", 'n'},
    {"unexpected", 'n'},
    {"restarts_unexpected", 'n'},
    {"tries", 'n'},
    {"main_pid", 'n'},
    {"exitcode", 'n'},
    {"expected", 'b'},
    {"not_ready", 'b'},
    {"seq", 'n'},
    {"time_ms", 'n'},
    {"protocol", 'n'},
    {"generation", 'n'},
    {"init", 'b'},
    {"subreaper", 'b'},
    {"resumable", 'b'},
    {"upgrades", 'n'},
    {"crashes", 'n'},
    {"groups", 'n'},
    {"processes", 'n'},
    {"sections", 'n'},
    {"wakeups", 'n'},
    {"spawned", 'n'},
    {"reaped", 'n'},
    {"orphans", 'n'},
    {"spawn_refused", 'n'},
    {"reloads", 'n'},
    {"hooks_run", 'n'},
    {"hooks_failed", 'n'},
    {"hooks_lost", 'n'},
    {"clients", 'n'},
    {"subscribers", 'n'},
    {"requests", 'n'},
    {"events", 'n'},
    {"clients_dropped", 'n'},
    {"clients_refused", 'n'},
    {"log_bytes", 'n'},
    {"log_lost_bytes", 'n'},
    {"log_lost_lines", 'n'},
    {"log_failures", 'n'},
    {"log_pid", 'n'},
    {"agent_pid", 'n'},
    {"uid", 'n'},
    {"event", 'n'},
    {"buffer_size", 'n'},
    {"discarded", 'n'},
    {"code", 'n'},
    {"priority", 'n'},
    {"startretries", 'n'},
    {"reload_signal", 'n'},
    {"failed", 'n'},
    {"log_memory", 'n'},
    {"nice", 'n'},
    {"oom_score_adj", 'n'},
    {"memory_high", 'n'},
    {"memory_max", 'n'},
    {"stdout_capture_maxbytes", 'n'},
    {"stderr_capture_maxbytes", 'n'},
    {"stdout_logfile_maxbytes", 'n'},
    {"stdout_logfile_backups", 'n'},
    {"stderr_logfile_maxbytes", 'n'},
    {"stderr_logfile_backups", 'n'},
    /* the agent's */
    {"last_ms", 'n'},
    {"late_max_ms", 'n'},
    {"ends_ms", 'n'},
    {"took_us", 'n'},
    {"resolve_us", 'n'},
    {"connect_us", 'n'},
    {"tls_us", 'n'},
    {"processing_us", 'n'},
    {"transfer_us", 'n'},
    {"p50_us", 'n'},
    {"p95_us", 'n'},
    {"p99_us", 'n'},
    {"not_after", 'n'},
    {"stage", 'n'},
    {"runs", 'n'},
    {"failures", 'n'},
    {"overruns", 'n'},
    {"total", 'n'},
    {"errors", 'n'},
    {"ratio", 'r'},
    {"known", 'r'},
    {"value", 'r'},
    {"limit", 'r'},
    {"n", 'n'},
    {"k", 'n'},
    {"episodes", 'n'},
    {"delivered", 'n'},
    {"lost", 'n'},
    {"waiting", 'n'},
    {"id", 'n'},
};

static char type_of(const char *key)
{
    for (size_t i = 0; i < sizeof(typed) / sizeof(typed[0]); i++)
        if (strcmp(typed[i].key, key) == 0)
            return typed[i].type;
    return 's';
}

static void put_as_it_is(struct str *out, const char *p, size_t n)
{
    str_put(out, p, n);
}

/* text with everything that is no UTF-8 replaced */
static json_t *text_value(const char *text)
{
    json_t *v = json_string(text);
    if (v)
        return v;
    struct str out = STR_INIT;
    text_put_utf8(&out, text, strlen(text), put_as_it_is);
    v = json_string(str_text(&out));
    str_fini(&out);
    return v;
}

static json_t *value_of(const char *key, const char *text)
{
    int64_t n;
    char type = type_of(key), *end;
    double r = type == 'r' ? strtod(text, &end) : 0;
    if (type == 'r' && *text && !*end && isfinite(r))
        return json_real(r);
    if (type == 's' || text_int(text, INT64_MIN, INT64_MAX, &n, NULL) < 0)
        return text_value(text);
    return type == 'b' ? json_boolean(n != 0) : json_integer(n);
}

static json_t *object_of(const struct client_reply *r)
{
    json_t *o = json_object();
    if (!o)
        mem_die();
    for (size_t i = 0; i < r->n; i++)
        json_object_set_new(o, r->pairs[i].key, value_of(r->pairs[i].key, r->pairs[i].value));
    return o;
}

struct json_list *json_list_new(void)
{
    struct json_list *l = mem_alloc(sizeof(*l));
    l->array = json_array();
    return l;
}

void json_list_add(struct json_list *l, const struct client_reply *r)
{
    json_array_append_new(l->array, object_of(r));
}

static void print(json_t *v, size_t flags)
{
    json_dumpf(v, stdout, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(v);
}

void json_list_end(struct json_list **l, bool wanted)
{
    if (wanted)
        print((*l)->array, JSON_INDENT(2));
    else
        json_decref((*l)->array);
    free(*l);
    *l = NULL;
}

void json_print_line(const struct client_reply *r)
{
    print(object_of(r), JSON_COMPACT);
    fflush(stdout);
}

void json_print(const struct client_reply *r)
{
    print(object_of(r), JSON_INDENT(2));
}
