/* The log streams of a process, as its configuration says. */
#include "supervisor/run/streams.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/setup.h"
#include "supervisor/run/taps.h"

#include <string.h>

static bool is_separate(const struct gen_opts *o, int channel)
{
    return channel == LOG_STDOUT || !o->redirect_stderr;
}

static bool goes_somewhere(const struct gen_opts *o, int channel)
{
    const struct gen_log *l = &o->log[channel];
    return l->sink != GEN_SINK_NONE || l->syslog || l->events || l->capture > 0;
}

bool streams_needed(const struct gen_opts *o, int channel)
{
    return is_separate(o, channel) && goes_somewhere(o, channel);
}

/* A stream stays as long as its channel, whatever its sink: the program holds its pipe. */
static bool wants_stream(const struct proc *p, int channel)
{
    const struct gen *g = p->gen->gen;
    return p->log[channel] || goes_somewhere(proc_opts(p), channel) || taps_wanted(p, channel) ||
           (g->nprocs <= STREAMS_TAIL_PROCS && setup_fits_all(g));
}

const char *streams_program(const struct proc *p)
{
    const char *section = gen_str(p->gen->gen, p->conf->section);
    const char *colon = section ? strchr(section, ':') : NULL;
    return colon ? colon + 1 : proc_name(p);
}

/* path: of a GEN_SINK_FILE */
static struct logs_conf stream_conf(const struct proc *p, int channel, const char *path)
{
    return (struct logs_conf){
        .process = proc_name(p),
        .program = streams_program(p),
        .group = p->group->name,
        .channel = channel ? LOG_STDERR : LOG_STDOUT,
        .owner = p->slot + 1,
        .uid = proc_opts(p)->uid,
        .log = &proc_opts(p)->log[channel],
        .path = path,
    };
}

static int stream_sync(struct proc *p, int channel, struct err *e)
{
    struct log_stream **s = &p->log[channel];
    struct str path = STR_INIT;
    gen_log_path(p->gen->gen, p->conf, channel, &path);
    struct logs_conf conf = stream_conf(p, channel, str_text(&path));
    int rc = 0;
    if (*s)
        rc = logs_update(*s, &conf, e);
    else if (!(*s = logs_add(proc_sup(p)->logs, &conf, e)))
        rc = -1;
    str_fini(&path);
    return rc;
}

int streams_sync(struct proc *p, struct err *e)
{
    for (int ch = 0; ch < 2; ch++) {
        if (!is_separate(proc_opts(p), ch)) {
            taps_drop(p, ch);
            logs_del(&p->log[ch]);
        } else if (wants_stream(p, ch) && stream_sync(p, ch, e) < 0)
            return -1;
    }
    taps_sync(p);
    return 0;
}

bool streams_missing(const struct proc *p, const struct gen_opts *o)
{
    for (int ch = 0; ch < 2; ch++)
        if (proc_life(p)->pid && !p->log[ch] && streams_needed(o, ch))
            return true;
    return false;
}

bool streams_incomplete(const struct proc *p)
{
    for (int ch = 0; ch < 2; ch++)
        if (p->log[ch] ? logs_is_torn(p->log[ch]) : streams_needed(proc_opts(p), ch))
            return true;
    return false;
}

void streams_drop(struct proc *p)
{
    for (int ch = 0; ch < 2; ch++) {
        taps_drop(p, ch);
        logs_del(&p->log[ch]);
    }
}

void streams_began(struct proc *p)
{
    for (int i = 0; i < 2; i++) {
        if (!p->log[i])
            continue;
        logs_run_begins(p->log[i]);
        logs_began(p->log[i]);
    }
}

void streams_ended(struct proc *p)
{
    for (int i = 0; i < 2; i++)
        if (p->log[i])
            logs_ended(p->log[i]);
}
