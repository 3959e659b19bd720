/* What supd-agent asks for on behalf of Supervisor's clients: procinfo, configinfo, stdin. */
#include "supervisor/base/b64.h"
#include "supervisor/run/byname.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/verb.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- procinfo ---- */

/* The last instance's, as long as Supervisor remembers it: not that of a start that failed. */
static int exitstatus(const struct proc_life *l)
{
    bool stopped = l->state == PROC_STOPPED && l->why == PROC_WHY_STOPPED;
    return l->has_exit && (stopped || l->state == PROC_EXITED) ? proc_exit_code(l->exit_status) : 0;
}

static void put_spawnerr(struct wire_out *w, struct proc *p)
{
    char buf[ERR_MAX];
    const struct proc_life *l = proc_life(p);
    bool failed = l->state == PROC_BACKOFF || l->state == PROC_FATAL;
    if ((failed && launch_fault(p, buf, sizeof(buf))) || *proc_spawnerr(p, buf, sizeof(buf)))
        wire_kv(w, "spawnerr", buf);
}

static void put_paths(struct wire_out *w, const struct proc *p)
{
    static const char *const keys[] = {"stdout", "stderr"};
    for (int i = 0; i < 2; i++) {
        const char *path = p->log[i] ? logs_path(p->log[i]) : "";
        if (*path || p->conf->log_path[i].name)
            wire_kv(w, keys[i], path);
    }
}

static void info_row(struct ctl_req *rq, struct proc *p)
{
    const struct proc_life *l = proc_life(p);
    struct wire_out w = ctl_row(rq);
    int code = exitstatus(l);
    wire_kv(&w, "name", proc_name(p));
    wire_kv(&w, "group", p->group->name);
    wire_kv_int(&w, "state", l->state);
    if (l->pid)
        wire_kv_int(&w, "pid", l->pid);
    if (l->start_wall.ns)
        wire_kv_int(&w, "start", l->start_wall.ns / 1000000000);
    if (l->stop_wall.ns)
        wire_kv_int(&w, "stop", l->stop_wall.ns / 1000000000);
    if (code)
        wire_kv_int(&w, "exitstatus", code);
    put_spawnerr(&w, p);
    put_paths(&w, p);
    wire_end(&w);
}

void verb_procinfo(void *obj, struct ctl_req *rq)
{
    struct verb_picks v;
    if (!verb_pick(obj, rq, rq->argv, rq->argc, &v))
        return;
    for (size_t i = 0; i < v.n; i++)
        info_row(rq, v.procs[i]);
    verb_unknown(rq, &v);
    verb_finish(rq, v.nunknown);
    verb_picks_fini(&v);
}

/* ---- configinfo ---- */

static void put_program(struct wire_out *w, const struct gen *g, const struct gen_proc *c)
{
    const struct gen_opts *o = gen_opts(g, c);
    const struct gen_stop *stops = gen_at(g, o->stops);
    struct str command = STR_INIT;
    gen_command(g, c, &command);
    wire_kv(w, "command", str_text(&command));
    str_fini(&command);
    wire_kv_int(w, "autostart", o->autostart);
    if (o->directory)
        wire_kv(w, "directory", gen_str(g, o->directory));
    if (o->uid >= 0)
        wire_kv_int(w, "uid", o->uid);
    verb_put_exitcodes(w, o);
    wire_kv_int(w, "killasgroup", o->killasgroup);
    wire_kv_int(w, "process_prio", c->priority);
    wire_kv_int(w, "redirect_stderr", o->redirect_stderr);
    wire_kv_int(w, "startretries", o->startretries);
    wire_kv_int(w, "startsecs", o->startsecs_ns / 1000000000);
    wire_kv_int(w, "stopsignal", o->nstops ? stops[0].sig : 0);
    wire_kv_int(w, "stopwaitsecs", o->stopwait_ns / 1000000000);
}

/* The running process of a record: Supervisor tells the real name of an AUTO file until it reads
 * the configuration again. */
static struct proc *running_of(struct group *in, const struct gen *g, const struct gen_proc *c)
{
    for (uint32_t i = 0; in && i < in->nprocs; i++)
        if (strcmp(proc_name(in->procs[i]), gen_str(g, c->name)) == 0)
            return in->procs[i];
    return NULL;
}

/* A file, "auto", or nothing where there is none. */
static void put_log(struct wire_out *w, const struct gen *g, const struct gen_proc *c, int channel,
                    const struct proc *p)
{
    const struct gen_log *l = &gen_opts(g, c)->log[channel];
    const char *stream = channel ? "stderr" : "stdout";
    struct str path = STR_INIT;
    gen_log_path(g, c, channel, &path);
    if (l->sink == GEN_SINK_AUTO)
        str_puts(&path, p && p->log[channel] ? logs_path(p->log[channel]) : "auto");
    if (path.len || c->log_path[channel].name)
        wire_kv(w, channel ? "stderr_logfile" : "stdout_logfile", str_text(&path));
    str_fini(&path);
    wire_kv_fmt(w, stream, "%lld,%d,%d,%lld,%d", (long long)l->maxbytes, l->backups, l->events,
                (long long)l->capture, l->syslog);
}

/* What the section says of SUPERVISOR_SERVER_URL. */
static void put_url(struct wire_out *w, const struct gen *g, const struct gen_proc *c)
{
    static const char key[] = "SUPERVISOR_SERVER_URL=";
    const struct gen_env *env = gen_at(g, c->env);
    for (uint32_t i = 0; i < c->nenv; i++) {
        const char *text = env[i].text < GEN_ENV_OWN ? "" : gen_str(g, env[i].text);
        if (strncmp(text, key, sizeof(key) - 1) == 0)
            wire_kv(w, "serverurl", text + sizeof(key) - 1);
    }
}

static void config_row(struct ctl_req *rq, const struct gen *g, const struct gen_proc *c,
                       struct group *in, bool read_again)
{
    const struct gen_group *group = gen_groups(g) + c->group;
    struct wire_out w = ctl_row(rq);
    wire_kv(&w, "name", gen_str(g, c->name));
    wire_kv(&w, "group", gen_str(g, group->name));
    wire_kv_int(&w, "group_prio", group->priority);
    const struct proc *p = read_again ? NULL : running_of(in, g, c);
    wire_kv_int(&w, "inuse", in != NULL);
    put_program(&w, g, c);
    put_log(&w, g, c, 0, p);
    put_log(&w, g, c, 1, p);
    put_url(&w, g, c);
    wire_end(&w);
}

void verb_configinfo(void *obj, struct ctl_req *rq)
{
    struct sup *s = obj;
    struct byname running;
    const struct gen *g = (s->pending ? s->pending : s->gen)->gen;
    if (byname_running(&running, s) < 0) {
        ctl_error(rq, WIRE_BUSY, "out of memory");
        return;
    }
    for (uint32_t i = 0; i < g->nprocs; i++) {
        const struct gen_proc *c = gen_procs(g) + i;
        const char *group = gen_str(g, gen_groups(g)[c->group].name);
        config_row(rq, g, c, byname_group(&running, group), s->pending);
    }
    byname_fini(&running);
    ctl_ok(rq);
}

/* ---- stdin ---- */

/* All of it, or nothing, so that whoever asks again does not repeat half of it. */
static void write_stdin(struct ctl_req *rq, struct proc *p, const uint8_t *text, size_t n)
{
    const struct proc_life *l = proc_life(p);
    int fd = *proc_stdin(p);
    if (!l->pid || l->state == PROC_STOPPING) {
        ctl_error(rq, WIRE_NOT_RUNNING, "not running");
        return;
    }
    if (listeners_writes(p)) { /* behind the event, as with Supervisor */
        ctl_error(rq, WIRE_BUSY, "an event is being written to it");
        return;
    }
    ssize_t done = fd > 0 ? write(fd, text, n) : -1;
    if (fd > 0 && done == (ssize_t)n)
        ctl_ok(rq);
    else if (fd > 0 && done < 0 && errno == EAGAIN)
        ctl_error(rq, WIRE_BUSY, "it does not read what was written before");
    else
        ctl_error(rq, WIRE_NO_FILE, "its standard input is closed");
}

void verb_stdin(void *obj, struct ctl_req *rq)
{
    struct verb_picks v;
    uint8_t text[PIPE_BUF]; /* which a pipe takes whole or not at all */
    int64_t n = b64_get(rq->argv[1], strlen(rq->argv[1]), text, sizeof(text));
    if (n < 0) {
        ctl_error(rq, WIRE_BAD_REQUEST, "no base64 of at most %d bytes", PIPE_BUF);
        return;
    }
    if (!verb_pick(obj, rq, rq->argv, 1, &v))
        return;
    if (v.n == 1)
        write_stdin(rq, v.procs[0], text, (size_t)n);
    else
        ctl_error(rq, WIRE_BAD_NAME, "no such process");
    verb_picks_fini(&v);
}
