/* The log streams of a process, as its configuration says. */
#include "supervisor/run/streams.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/logs.h"

#include <string.h>

/* NONE has a stream, too, for as long as that is cheap: its last lines stay in memory for `tail`
 * and for the message of a failed start (logs.h says when there is none) */
static bool wants_stream(const struct gen_opts *o, int channel)
{
    return channel == 0 || !o->redirect_stderr;
}

/* "web" of the section "program:web" */
static const char *program_name(const struct proc *p)
{
    const char *section = gen_str(p->gen->gen, p->conf->section);
    const char *colon = section ? strchr(section, ':') : NULL;
    return colon ? colon + 1 : proc_name(p);
}

static struct logs_conf stream_conf(const struct proc *p, int channel)
{
    const struct gen *g = p->gen->gen;
    return (struct logs_conf){
        .process = proc_name(p),
        .program = program_name(p),
        .group = p->group->name,
        .channel = channel ? LOG_STDERR : LOG_STDOUT,
        .uid = p->opts->uid,
        .log = &p->opts->log[channel],
        .path = gen_str(g, p->conf->log_path[channel]),
    };
}

int streams_sync(struct proc *p, struct err *e)
{
    for (int ch = 0; ch < 2; ch++) {
        struct logs_conf conf = stream_conf(p, ch);
        if (!wants_stream(p->opts, ch)) {
            logs_del(&p->log[ch]);
            continue;
        }
        if (p->log[ch] && logs_update(p->log[ch], &conf, e) < 0)
            return -1;
        if (!p->log[ch] && !(p->log[ch] = logs_add(p->sup->logs, &conf, e)))
            return -1;
        if (logs_write_fd(p->log[ch]) < 0)
            logs_del(&p->log[ch]); /* nobody keeps it: the program gets /dev/null */
    }
    return 0;
}

void streams_drop(struct proc *p)
{
    for (int ch = 0; ch < 2; ch++)
        logs_del(&p->log[ch]);
}
