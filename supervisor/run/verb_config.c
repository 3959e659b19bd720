/* config: the configuration in use, as it was checked; values of environment are never shown. */
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"
#include "supervisor/core/exitcode.h"
#include "supervisor/run/verb.h"
#include "supervisor/run/verb_config_more.h"

#include <stdio.h>
#include <string.h>

static void put_dur(struct wire_out *w, const char *key, int64_t ns)
{
    char buf[DUR_TEXT];
    wire_kv(w, key, dur_format((dur_t){ns}, buf, sizeof(buf)));
}

static void put_bool(struct wire_out *w, const char *key, bool value)
{
    wire_kv(w, key, value ? "true" : "false");
}

/* "TERM:10s,INT:5s" */
static void put_stops(struct wire_out *w, const struct gen *g, const struct gen_opts *o)
{
    struct str text = STR_INIT;
    const struct gen_stop *stops = gen_at(g, o->stops);
    for (uint32_t i = 0; i < o->nstops; i++) {
        char name[24], wait[DUR_TEXT];
        const char *sig = text_signal_name(stops[i].sig, name, sizeof(name));
        str_printf(&text, "%s%s:%s", i ? "," : "", strncmp(sig, "SIG", 3) == 0 ? sig + 3 : sig,
                   dur_format((dur_t){stops[i].wait_ns}, wait, sizeof(wait)));
    }
    wire_kv(w, "stopsignals", str_text(&text));
    str_fini(&text);
}

/* KEY="****",... */
static void put_env(struct wire_out *w, const struct gen *g, const struct gen_proc *c)
{
    struct str text = STR_INIT;
    const struct gen_env *env = gen_at(g, c->env);
    for (uint32_t i = 0; i < c->nenv; i++) {
        const char *pair =
            env[i].text < GEN_ENV_OWN ? gen_env_key(env[i].text) : gen_str(g, env[i].text);
        str_printf(&text, "%s%.*s=\"****\"", i ? "," : "", (int)strcspn(pair, "="), pair);
    }
    if (text.len)
        wire_kv(w, "environment", str_text(&text));
    str_fini(&text);
}

static void put_user(struct wire_out *w, const struct gen *g, const struct gen_opts *o)
{
    if (o->uid < 0)
        return;
    wire_kv(w, "user", o->user ? gen_str(g, o->user) : "");
    wire_kv_int(w, "uid", o->uid);
}

static void put_command(struct wire_out *w, const struct gen *g, const struct gen_proc *c)
{
    struct str text = STR_INIT;
    gen_command(g, c, &text);
    wire_kv(w, "command", str_text(&text));
    str_fini(&text);
}

static void put_process(struct wire_out *w, const struct gen *g, const struct gen_proc *c)
{
    static const char *const restarts[] = {[GEN_RESTART_NEVER] = "false",
                                           [GEN_RESTART_ALWAYS] = "true",
                                           [GEN_RESTART_UNEXPECTED] = "unexpected"};
    static const char *const orphans[] = {
        [GEN_ORPHANS_KEEP] = "keep", [GEN_ORPHANS_KILL] = "kill", [GEN_ORPHANS_REPORT] = "report"};
    const struct gen_opts *o = gen_opts(g, c);
    put_command(w, g, c);
    if (o->directory)
        wire_kv(w, "directory", gen_str(g, o->directory));
    put_user(w, g, o);
    if (o->umask >= 0)
        wire_kv_fmt(w, "umask", "%03o", (unsigned)o->umask);
    wire_kv_int(w, "priority", c->priority);
    put_bool(w, "autostart", o->autostart);
    wire_kv(w, "autorestart", restarts[o->autorestart]);
    put_dur(w, "startsecs", o->startsecs_ns);
    wire_kv_int(w, "startretries", o->startretries);
    verb_put_exitcodes(w, o);
    put_stops(w, g, o);
    put_dur(w, "stopwaitsecs", o->stopwait_ns);
    put_bool(w, "stopasgroup", o->stopasgroup);
    put_bool(w, "killasgroup", o->killasgroup);
    wire_kv(w, "orphans", orphans[o->orphans]);
    put_env(w, g, c);
}

static void put_restart(struct wire_out *w, const struct gen_opts *o)
{
    static const char *const words[] = {[GEN_FATAL_NOTHING] = "nothing", [GEN_FATAL_EXIT] = "exit"};
    put_dur(w, "backoff", o->backoff_ns);
    if (o->backoff_factor_milli)
        wire_kv_fmt(w, "backoff_factor", "%g", o->backoff_factor_milli / 1000.0);
    if (o->backoff_max_ns)
        put_dur(w, "backoff_max", o->backoff_max_ns);
    if (o->backoff_jitter_milli)
        wire_kv_fmt(w, "backoff_jitter", "%g", o->backoff_jitter_milli / 1000.0);
    if (o->backoff_reset_ns)
        put_dur(w, "backoff_reset", o->backoff_reset_ns);
    if (o->retry_window_ns)
        put_dur(w, "retry_window", o->retry_window_ns);
    if (o->on_fatal != GEN_FATAL_RETRY)
        wire_kv(w, "on_fatal", words[o->on_fatal]);
    else
        wire_kv_fmt(w, "on_fatal", "retry:%gs", (double)o->fatal_retry_ns / 1e9);
}

/* The commands beside it, their words with a blank between them. */
static void put_beside(struct wire_out *w, const struct gen *g, const struct gen_proc *c)
{
    const struct gen_commands *v = gen_commands(g, c);
    for (unsigned i = 0; v && i < GEN_NCOMMANDS; i++) {
        struct str text = STR_INIT;
        const goff *words = gen_at(g, v->command[i].argv);
        for (uint32_t k = 0; k < v->command[i].argc; k++)
            str_printf(&text, "%s%s", k ? " " : "", gen_str(g, words[k]));
        if (text.len)
            wire_kv(w, gen_command_name(i), str_text(&text));
        str_fini(&text);
    }
    if (v && v->reload_signal)
        wire_kv_int(w, "reload_signal", v->reload_signal);
}

static void put_exit(struct wire_out *w, const struct gen *g, const struct gen_opts *o)
{
    struct str text = STR_INIT;
    const struct exit_map *v = gen_at(g, o->exit_map);
    for (uint32_t i = 0; i < o->nexit_map; i++) {
        char from[8] = "*", to[8] = "own";
        if (v[i].from != EXIT_FROM_ANY)
            snprintf(from, sizeof(from), "%d", v[i].from);
        if (v[i].to != EXIT_TO_OWN)
            snprintf(to, sizeof(to), "%d", v[i].to);
        if (o->nexit_map == 1 && v[i].from == EXIT_FROM_ANY)
            str_puts(&text, to);
        else
            str_printf(&text, "%s%s:%s", i ? "," : "", from, to);
    }
    put_bool(w, "critical", o->critical);
    wire_kv(w, "exit_code", str_text(&text));
    str_fini(&text);
}

static void put_log(struct wire_out *w, const struct gen *g, const struct proc *p, int channel)
{
    static const char *const sinks[] = {[GEN_SINK_NONE] = "NONE", [GEN_SINK_AUTO] = "AUTO"};
    const struct gen_log *l = &proc_opts(p)->log[channel];
    const char *stream = channel ? "stderr" : "stdout";
    char key[40];
    snprintf(key, sizeof(key), "%s_logfile", stream);
    struct str path = STR_INIT;
    gen_log_path(g, p->conf, channel, &path);
    wire_kv(w, key, l->sink == GEN_SINK_FILE ? str_text(&path) : sinks[l->sink]);
    str_fini(&path);
    if (l->sink == GEN_SINK_NONE)
        return;
    snprintf(key, sizeof(key), "%s_logfile_maxbytes", stream);
    wire_kv_int(w, key, l->maxbytes > 0 ? l->maxbytes : 0);
    snprintf(key, sizeof(key), "%s_logfile_backups", stream);
    wire_kv_int(w, key, l->backups);
    config_put_stream(w, l, stream);
}

static void process_row(struct ctl_req *rq, struct proc *p)
{
    char name[PROC_NAME_MAX];
    const struct gen *g = p->gen->gen;
    const struct gen_proc *c = p->conf;
    const struct gen_opts *o = proc_opts(p);
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", proc_fullname(p, name, sizeof(name)));
    wire_kv(&w, "section", gen_str(g, c->section));
    if (c->file)
        wire_kv_fmt(&w, "conf", "%s:%u", gen_str(g, c->file), c->line);
    put_process(&w, g, c);
    put_restart(&w, o);
    put_exit(&w, g, o);
    put_beside(&w, g, c);
    config_put_order(&w, g, o);
    config_put_attrs(&w, g, o);
    config_put_logging(&w, o);
    put_bool(&w, "redirect_stderr", o->redirect_stderr);
    put_log(&w, g, p, 0);
    if (!o->redirect_stderr)
        put_log(&w, g, p, 1);
    wire_end(&w);
}

static void supd_row(struct sup *s, struct ctl_req *rq)
{
    const struct gen *g = s->gen->gen;
    const struct gen_supd *d = &g->supd;
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "section", s->opt.as_supervisord ? "supervisord" : "supd");
    wire_kv(&w, "conf", gen_str(g, g->path));
    wire_kv(&w, "socket", ctl_path(s->ctl));
    if (d->socket_group)
        wire_kv(&w, "socket_group", gen_str(g, d->socket_group));
    wire_kv(&w, "logfile", d->logfile ? gen_str(g, d->logfile) : "");
    wire_kv(&w, "pidfile", d->pidfile ? gen_str(g, d->pidfile) : "");
    wire_kv(&w, "identifier", d->identifier ? gen_str(g, d->identifier) : "");
    wire_kv(&w, "childlogdir", d->childlogdir ? gen_str(g, d->childlogdir) : "");
    if (d->shutdown_timeout_ns >= 0)
        put_dur(&w, "shutdown_timeout", d->shutdown_timeout_ns);
    wire_kv(&w, "exit_on", exit_on_words[d->exit_on]);
    if (d->ready_file)
        wire_kv(&w, "ready_file", gen_str(g, d->ready_file));
    wire_kv_int(&w, "log_memory", d->log_memory);
    wire_end(&w);
}

void verb_config(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct verb_picks v;
    if (!verb_pick(s, rq, rq->argv, rq->argc, &v))
        return;
    if (rq->argc == 0)
        supd_row(s, rq);
    for (size_t i = 0; i < v.n; i++)
        process_row(rq, v.procs[i]);
    verb_unknown(rq, &v);
    verb_finish(rq, v.nunknown);
    verb_picks_fini(&v);
}
