/* getAllConfigInfo, reloadConfig, addProcessGroup, removeProcessGroup. */
#include "supervisor/base/mem.h"
#include "supervisor/base/vec.h"
#include "supervisor/rpc/method.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- getAllConfigInfo ---- */

struct config {
    char *name; /* they are sorted by it */
    size_t order;
    char *xml;
    size_t n;
};

struct configs {
    VEC(struct config) v;
};

enum how { TEXT, WHOLE, FLAG, CODES, STREAM };

/* The members, in the order of Supervisor's; of a stream five values stand in one. */
static const struct {
    const char *name, *key;
    enum how how;
    int part;
} members[] = {
    {"autostart", "autostart", FLAG, 0},
    {"directory", "directory", TEXT, 0},
    {"uid", "uid", WHOLE, 0},
    {"command", "command", TEXT, 0},
    {"exitcodes", "exitcodes", CODES, 0},
    {"group", "group", TEXT, 0},
    {"group_prio", "group_prio", WHOLE, 0},
    {"inuse", "inuse", FLAG, 0},
    {"killasgroup", "killasgroup", FLAG, 0},
    {"name", "name", TEXT, 0},
    {"process_prio", "process_prio", WHOLE, 0},
    {"redirect_stderr", "redirect_stderr", FLAG, 0},
    {"startretries", "startretries", WHOLE, 0},
    {"startsecs", "startsecs", WHOLE, 0},
    {"stdout_capture_maxbytes", "stdout", STREAM, 3},
    {"stdout_events_enabled", "stdout", STREAM, 2},
    {"stdout_logfile", "stdout_logfile", TEXT, 0},
    {"stdout_logfile_backups", "stdout", STREAM, 1},
    {"stdout_logfile_maxbytes", "stdout", STREAM, 0},
    {"stdout_syslog", "stdout", STREAM, 4},
    {"stopsignal", "stopsignal", WHOLE, 0},
    {"stopwaitsecs", "stopwaitsecs", WHOLE, 0},
    {"stderr_capture_maxbytes", "stderr", STREAM, 3},
    {"stderr_events_enabled", "stderr", STREAM, 2},
    {"stderr_logfile", "stderr_logfile", TEXT, 0},
    {"stderr_logfile_backups", "stderr", STREAM, 1},
    {"stderr_logfile_maxbytes", "stderr", STREAM, 0},
    {"stderr_syslog", "stderr", STREAM, 4},
    {"serverurl", "serverurl", TEXT, 0},
};

static void put_codes(struct str *out, const char *text)
{
    xmlrpc_array_begin(out);
    for (const char *p = text; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
        xmlrpc_put_int(out, strtoll(p, NULL, 10));
    xmlrpc_array_end(out);
}

/* maxbytes,backups,events,capture,syslog: the second and the last but one are flags */
static void put_part(struct str *out, const char *text, int part)
{
    for (int i = 0; i < part && text; i++)
        text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL;
    long long n = text ? strtoll(text, NULL, 10) : 0;
    if (part == 2 || part == 4)
        xmlrpc_put_bool(out, n);
    else
        xmlrpc_put_int(out, n);
}

static void put_member(struct str *out, enum how how, int part, const char *value)
{
    if (!value && how != CODES)
        xmlrpc_put_string(out, "none");
    else if (how == CODES)
        put_codes(out, value ? value : "");
    else if (how == TEXT)
        xmlrpc_put_string(out, value);
    else if (how == WHOLE)
        xmlrpc_put_int(out, strtoll(value, NULL, 10));
    else if (how == FLAG)
        xmlrpc_put_bool(out, strcmp(value, "1") == 0);
    else
        put_part(out, value, part);
}

static void put_config(struct str *out, const struct wire_pair *pairs, size_t n)
{
    xmlrpc_struct_begin(out);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        xmlrpc_member_begin(out, members[i].name);
        put_member(out, members[i].how, members[i].part, wire_value(pairs, n, members[i].key));
        xmlrpc_member_end(out);
    }
    xmlrpc_struct_end(out);
}

static void on_config(void *obj, const struct wire_pair *pairs, size_t n)
{
    struct rpc_call *c = obj;
    struct configs *all = c->data;
    const char *name = wire_value(pairs, n, "name");
    struct str xml = STR_INIT;
    put_config(&xml, pairs, n);
    size_t len = xml.len;
    VEC_PUSH(&all->v, (struct config){.name = mem_strdup(name ? name : ""),
                                      .order = all->v.n,
                                      .xml = str_take(&xml),
                                      .n = len});
}

static int by_name(const void *a, const void *b)
{
    const struct config *x = a, *y = b;
    int r = strcmp(x->name, y->name);
    return r ? r : (x->order > y->order) - (x->order < y->order);
}

static void on_configs(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    struct configs *all = c->data;
    if (r->kind != WIRE_OK) {
        rpc_refused(c, r, NULL);
        return;
    }
    if (all->v.n)
        qsort(all->v.v, all->v.n, sizeof(all->v.v[0]), by_name);
    xmlrpc_array_begin(c->out);
    VEC_EACH (&all->v, i)
        str_put(c->out, all->v.v[i].xml, all->v.v[i].n);
    xmlrpc_array_end(c->out);
    rpc_return(c);
}

static void drop_configs(struct rpc_call *c)
{
    struct configs *all = c->data;
    VEC_EACH (&all->v, i) {
        free(all->v.v[i].name);
        free(all->v.v[i].xml);
    }
    VEC_FINI(&all->v);
    free(all);
}

void method_all_config(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_config, .done = on_configs};
    c->data = mem_zalloc(sizeof(struct configs));
    c->drop = drop_configs;
    rpc_ask(c, &ops, (const char *const[]){"configinfo", NULL});
}

/* ---- reloadConfig ---- */

enum { ADDED, CHANGED, REMOVED, LISTS };

static void drop_lists(struct rpc_call *c)
{
    json_decref(c->data);
}

static void on_group(void *obj, const struct wire_pair *pairs, size_t n)
{
    static const char *const words[LISTS] = {"available", "changed", "disappeared"};
    struct rpc_call *c = obj;
    const char *group = wire_value(pairs, n, "group"), *what = wire_value(pairs, n, "what");
    for (size_t i = 0; i < LISTS && group && what; i++)
        if (strcmp(words[i], what) == 0)
            json_array_append_new(json_array_get(c->data, i),
                                  json_stringn_nocheck(group, strlen(group)));
    rpc_note_wrong(c, pairs, n);
}

static void on_reread(void *obj, const struct wire_reply *r)
{
    struct rpc_call *c = obj;
    if (r->kind != WIRE_OK) {
        rpc_refused(c, r, NULL);
        return;
    }
    xmlrpc_array_begin(c->out);
    xmlrpc_put_json(c->out, c->data);
    xmlrpc_array_end(c->out);
    rpc_return(c);
}

void method_reload_config(struct rpc_call *c)
{
    static const struct channel_call_ops ops = {.record = on_group, .done = on_reread};
    json_t *lists = json_array();
    for (int i = 0; i < LISTS; i++)
        json_array_append_new(lists, json_array());
    c->data = lists;
    c->drop = drop_lists;
    rpc_ask(c, &ops, (const char *const[]){"reread", NULL});
}

/* ---- groups ---- */

void method_add_group(struct rpc_call *c)
{
    rpc_ask_one(c, (const char *const[]){"add", rpc_string(c, 0), NULL});
}

void method_remove_group(struct rpc_call *c)
{
    rpc_ask_one(c, (const char *const[]){"remove", rpc_string(c, 0), NULL});
}
