/* Output and datagrams to the metrics that count them. */
#include "supervisor/agent/counting.h"
#include "supervisor/agent/hand.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- output ---- */

#define SOURCE_KEY 640

struct source {
    char *key; /* the process's name and the channel's number */
    char *program, *process, *group;
    struct feed_stream *stream;
    uint32_t run;
    int32_t pid;  /* who wrote it; 0: it wrote before supd had noted its pid */
    mono_t ended; /* its process; 0: its end was seen to */
    UT_hash_handle hh;
};

/* The text comes with the names of its program and of the process; a process that the generation
 * does not have (any more) is of no group. */
static const char *group_of(const struct agent_program *a, const char *program, const char *process)
{
    for (size_t i = 0; i < a->gen->nprocs; i++) {
        const struct agent_proc *p = &a->gen->procs[i];
        if (strcmp(p->name, process) == 0 && strcmp(p->program, program) == 0)
            return p->group;
    }
    return program;
}

static struct source *source_find(const struct agent_program *a, const struct text_piece *p,
                                  char key[SOURCE_KEY])
{
    struct source *s;
    snprintf(key, SOURCE_KEY, "%s %d", p->process, p->channel);
    HASH_FIND_STR(a->sources, key, s);
    return s;
}

static struct source *source_add(struct agent_program *a, const struct text_piece *p,
                                 const char *key)
{
    struct source *s = mem_zalloc(sizeof(*s));
    s->key = mem_strdup(key);
    s->program = mem_strdup(p->program);
    s->process = mem_strdup(p->process);
    s->group = mem_strdup(group_of(a, p->program, p->process));
    s->run = p->run;
    s->stream = feed_stream_open(engine_feed(a->engine), s->group, p->program, p->channel == 1);
    HASH_ADD_KEYPTR(hh, a->sources, s->key, strlen(s->key), s);
    return s;
}

/* Text and exits come by two ways: so long the last words may take. */
#define LAST_WORDS DUR_S(1)

/* The process that wrote it is gone, as far as is known. */
static bool is_over(const struct agent_program *a, const struct source *s)
{
    char name[640];
    bool alone = strcmp(s->group, s->process) == 0;
    snprintf(name, sizeof(name), "%s%s%s", alone ? "" : s->group, alone ? "" : ":", s->process);
    const struct agent_process *p = procs_find(a->procs, name);
    return p && (s->pid ? p->pid != s->pid : p->pid == 0);
}

/* By now an event may have told of the start of who wrote it. */
static void on_last_lines(struct agent_program *a)
{
    struct source *s, *next;
    mono_t now = loop_now(a->loop), again = MONO_NEVER;
    HASH_ITER(hh, a->sources, s, next)
    {
        mono_t at = s->ended.ns ? mono_add(s->ended, LAST_WORDS) : MONO_NEVER;
        if (at.ns && mono_reached(at, now)) {
            if (is_over(a, s))
                feed_text_end(s->stream, now);
            s->ended = MONO_NEVER;
        } else {
            again = mono_min(again, at);
        }
    }
    loop_timer_at(&a->last_lines, again);
}

static void source_free(struct agent_program *a, struct source *s)
{
    HASH_DEL(a->sources, s);
    feed_stream_close(&s->stream);
    free(s->key);
    free(s->program);
    free(s->process);
    free(s->group);
    free(s);
}

/* Those whose process is in another group now begin anew. */
static void regroup(struct agent_program *a)
{
    struct source *s, *next;
    HASH_ITER(hh, a->sources, s, next)
    {
        if (strcmp(s->group, group_of(a, s->program, s->process)) != 0)
            source_free(a, s);
    }
}

/* Its last words will not grow any more. */
static void note_end(struct agent_program *a, struct source *s)
{
    s->ended = loop_now(a->loop);
    if (!loop_timer_active(&a->last_lines))
        loop_timer_at(&a->last_lines, mono_add(s->ended, LAST_WORDS));
}

static bool is_counted(const struct agent_program *a, const struct text_piece *p);

static void on_text(void *obj, const struct text_piece *p)
{
    struct agent_program *a = obj;
    mono_t now = loop_now(a->loop);
    char key[SOURCE_KEY];
    struct source *s = source_find(a, p, key);
    bool known = lines_text(a->lines, p);
    if (!s && !known && !is_counted(a, p)) { /* the configuration that wants it came before it */
        hand_take(a->hand);
        known = lines_text(a->lines, p);
    }
    if (!s && known && !is_counted(a, p))
        return;
    if (!s)
        s = source_add(a, p, key);
    if (s->run != p->run)
        feed_text_end(s->stream, now);
    s->run = p->run;
    s->pid = p->pid;
    feed_text(s->stream, now, p->skipped, p->text, p->len);
    if (is_over(a, s))
        note_end(a, s);
}

/* A process that ended may have left a line without its newline; it counts. */
void counting_process(struct agent_program *a, const struct procs_change *c)
{
    struct source *s, *next;
    if (c->what != PROCS_EXIT)
        return;
    const char *colon = strchr(c->p->name, ':'), *process = colon ? colon + 1 : c->p->name;
    HASH_ITER(hh, a->sources, s, next)
    {
        if (strcmp(s->process, process) == 0 && strcmp(s->program, c->p->program) == 0)
            note_end(a, s);
    }
}

void counting_text(struct agent_program *a, int fd)
{
    struct err e;
    if (!a->gen) { /* nobody knows yet what is looked for */
        fd_close(&a->waiting_text);
        a->waiting_text = fd;
        return;
    }
    if (a->text)
        text_close(&a->text);
    a->text = text_open(a->loop, fd, on_text, a, &e);
    if (!a->text)
        log_error("agent: %s", e.msg);
}

static void on_asked(void *obj, const struct wire_reply *r)
{
    (void)obj;
    if (r->kind == WIRE_ERROR)
        log_warn("agent: supd does not give the output that a metric counts: %s", r->text);
}

/* ---- lines that make programs ready ---- */

static void on_line(void *obj, uint32_t key, uint32_t run, enum lines_found what)
{
    static const char *const words[] = {
        [LINES_FOUND] = "FOUND", [LINES_SKIPPED] = "SKIPPED", [LINES_GIVEN_UP] = "GIVEN_UP"};
    struct agent_program *a = obj;
    char key_text[16], run_text[16];
    snprintf(key_text, sizeof(key_text), "%u", key);
    snprintf(run_text, sizeof(run_text), "%u", run);
    const char *args[] = {key_text, run_text, words[what], NULL};
    if (!channel_ask(a->channel, "matched", args, on_asked, NULL))
        log_warn("agent: cannot tell supd what a program printed");
}

/* ---- which output ---- */

static void ask(struct agent_program *a, const char *wanted, bool off)
{
    static const char *const channels[] = {"stdout", "stderr"};
    int channel = wanted[0] - '0';
    const char *args[] = {wanted + 2, channels[channel], off ? "off=1" : NULL, NULL};
    if (!channel_ask(a->channel, "text", args, on_asked, NULL))
        log_warn("agent: cannot ask supd for the output of %s", wanted + 2);
}

static bool in(const struct wanted_text *list, const char *text)
{
    VEC_EACH (list, i) {
        if (strcmp(list->v[i], text) == 0)
            return true;
    }
    return false;
}

/* "0 PROGRAM" is the standard output of a program, "1 PROGRAM" its standard error. */
static void want(struct wanted_text *list, const char *program, int channel)
{
    struct str text = STR_INIT;
    str_printf(&text, "%d %s", channel, program);
    if (in(list, str_text(&text)))
        str_fini(&text);
    else
        VEC_PUSH(list, str_take(&text));
}

/* supd gives the output of programs; of a group a metric wants that of each of its programs. */
static void want_of(struct wanted_text *list, const struct agentgen *g,
                    const struct metric_lines *o)
{
    for (size_t i = 0; i < g->nprocs; i++) {
        const struct agent_proc *p = &g->procs[i];
        if (strcmp(p->program, o->program) != 0 && strcmp(p->group, o->program) != 0)
            continue;
        if (o->stream != METRIC_STDERR)
            want(list, p->program, 0);
        if (o->stream != METRIC_STDOUT)
            want(list, p->program, 1);
    }
}

static struct wanted_text all_wanted(const struct agentgen *g)
{
    struct wanted_text list = VEC_INIT;
    VEC_EACH (&g->conf->items, i) {
        const struct item *it = g->conf->items.v[i];
        if (it->kind == &metric_kind_lines)
            want_of(&list, g, it->own);
    }
    return list;
}

static bool is_counted(const struct agent_program *a, const struct text_piece *p)
{
    VEC_EACH (&a->wanted_text, i) {
        const char *w = a->wanted_text.v[i];
        if (w[0] - '0' == p->channel && strcmp(w + 2, p->program) == 0)
            return true;
    }
    return false;
}

static void drop_list(struct wanted_text *list)
{
    VEC_EACH (list, i)
        free(list->v[i]);
    VEC_FINI(list);
}

static void apply_text(struct agent_program *a)
{
    struct wanted_text now = all_wanted(a->gen);
    VEC_EACH (&a->wanted_text, i) {
        if (!in(&now, a->wanted_text.v[i]))
            ask(a, a->wanted_text.v[i], true);
    }
    VEC_EACH (&now, i) {
        if (!in(&a->wanted_text, now.v[i]))
            ask(a, now.v[i], false);
    }
    drop_list(&a->wanted_text);
    a->wanted_text = now;
}

/* ---- StatsD ---- */

static void on_datagram(void *obj, const char *p, size_t n)
{
    struct agent_program *a = obj;
    feed_statsd(engine_feed(a->engine), loop_now(a->loop), p, n);
}

static void on_lost(void *obj, uint64_t n)
{
    struct agent_program *a = obj;
    a->statsd_lost += n;
    feed_statsd_lost(engine_feed(a->engine), loop_now(a->loop), n);
}

/* Closes what is open at another place than now wanted; true if it is to be opened. */
static bool moves(struct dgram **d, char *at, size_t size, const char *want)
{
    if (strcmp(at, want) == 0 && (*d || !*want))
        return false;
    if (*d)
        dgram_free(d);
    snprintf(at, size, "%s", want);
    return *want;
}

static void apply_statsd(struct agent_program *a)
{
    const struct agent_opts *o = &a->gen->conf->agent;
    struct dgram_user user = {on_datagram, on_lost, a};
    const char *host =
        o->statsd_listen.text && o->statsd_listen.text[0] == '*' ? "*" : o->statsd_listen.host;
    const char *udp = o->statsd_listen.text ? o->statsd_listen.text : "";
    const char *path = o->statsd_socket ? o->statsd_socket : "";
    struct err e;
    if (moves(&a->udp, a->udp_at, sizeof(a->udp_at), udp) &&
        !(a->udp = dgram_udp(a->loop, host, o->statsd_listen.port, user, &e)))
        log_error("agent: statsd_listen: %s", e.msg);
    if (moves(&a->unix_statsd, a->unix_at, sizeof(a->unix_at), path) &&
        !(a->unix_statsd = dgram_unix(a->loop, path, user, &e)))
        log_error("agent: statsd_socket: %s", e.msg);
}

/* ---- life ---- */

void counting_apply(struct agent_program *a)
{
    regroup(a);
    lines_follow(a->lines, a->gen);
    if (a->waiting_text >= 0)
        counting_text(a, a->waiting_text);
    a->waiting_text = -1;
    apply_text(a);
    apply_statsd(a);
}

void counting_setup(struct agent_program *a)
{
    LOOP_TIMER(&a->last_lines, a->loop, on_last_lines, a);
    a->lines = lines_new(on_line, a);
}

void counting_fini(struct agent_program *a)
{
    loop_timer_stop(&a->last_lines);
    struct source *s, *next;
    HASH_ITER(hh, a->sources, s, next)
    source_free(a, s);
    if (a->text)
        text_close(&a->text);
    lines_free(&a->lines);
    if (a->udp)
        dgram_free(&a->udp);
    if (a->unix_statsd)
        dgram_free(&a->unix_statsd);
    drop_list(&a->wanted_text);
}
