/* From a process's record to a spawn request. */
#include "supervisor/run/launch.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/lowfds.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* words + terminator, environment with SUPD_SOCKET + terminator, candidates + terminator */
static size_t words_of(const struct gen *g, const struct gen_proc *c)
{
    return (size_t)c->argc + g->nenv + c->nenv + c->ncandidates + 4;
}

int launch_reserve(struct sup *s, const struct gen *g)
{
    size_t need = 0;
    for (uint32_t i = 0; i < g->nprocs; i++) {
        size_t n = words_of(g, gen_procs(g) + i);
        need = n > need ? n : need;
    }
    if (need <= s->nwords)
        return 0;
    char **words = realloc(s->words, need * sizeof(*words));
    if (!words)
        return -1;
    s->words = words;
    s->nwords = need;
    return 0;
}

static char *word(const struct gen *g, goff off)
{
    return (char *)(uintptr_t)gen_str(g, off);
}

static char **put_list(const struct gen *g, goff list, uint32_t n, char **at)
{
    const goff *offs = gen_at(g, list);
    for (uint32_t i = 0; i < n; i++)
        *at++ = word(g, offs[i]);
    *at++ = NULL;
    return at;
}

/* base environment, with this program's pairs in place of or after it, and the control socket where
 * that has a name which nobody could guess */
static char **put_env(struct sup *s, const struct gen *g, const struct gen_proc *c, char **at)
{
    const struct gen_env *pairs = gen_at(g, c->env);
    char **end = put_list(g, g->env, g->nenv, at) - 1;
    for (uint32_t i = 0; i < c->nenv; i++)
        if (pairs[i].replaces >= 0)
            at[pairs[i].replaces] = word(g, pairs[i].text);
        else
            *end++ = word(g, pairs[i].text);
    if (s->socket_env[0])
        *end++ = s->socket_env;
    *end++ = NULL;
    return end;
}

#define BIT(sig) (UINT64_C(1) << ((sig)-1))

static void fill_request(const struct proc *p, struct spawn_request *rq)
{
    const struct gen *g = p->gen->gen;
    const struct gen_proc *c = p->conf;
    const struct gen_opts *o = proc_opts(p);
    char **at = p->sup->words;
    *rq = (struct spawn_request){
        .argv = at,
        .directory = gen_str(g, o->directory),
        .fds = {-1, -1, -1},
        .redirect_stderr = o->redirect_stderr,
        .uid = o->uid,
        .gid = o->gid,
        .groups = o->ngroups ? gen_at(g, o->groups) : NULL,
        .ngroups = o->ngroups,
        .umask = o->umask,
        .ignore = o->sigpipe_ignore ? BIT(SIGPIPE) | BIT(SIGXFSZ) : 0,
        .nofile = &p->sup->child_nofile,
        .fsize = p->sup->fsize_lifted ? &p->sup->child_fsize : NULL,
    };
    at = put_list(g, c->argv, c->argc, at);
    rq->candidates = at;
    at = put_list(g, c->candidates, c->ncandidates, at);
    rq->envp = at;
    put_env(p->sup, g, c, at);
    for (int i = 0; i < 2; i++)
        if (p->log[i])
            rq->fds[1 + i] = logs_write_fd(p->log[i]);
}

/* a new stdin pipe: *out_child is the end for the child */
static int open_stdin(struct proc *p, int *out_child)
{
    int ends[2];
    *out_child = -1;
    if (proc_opts(p)->stdin_null)
        return 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    if (p->stdin_fd >= 0)
        close(p->stdin_fd);
    p->stdin_fd = lowfds_lift(ends[1]);
    *out_child = ends[0];
    return 0;
}

static void commit_phase(struct proc *p, enum state_phase phase)
{
    struct state_rec rec = *state_get(p->sup->state, p->slot);
    rec.phase = phase;
    state_put(p->sup->state, p->slot, &rec);
}

static enum launch_result spawn_it(struct proc *p, int *out_pid)
{
    struct spawn_request rq;
    struct spawn_cell *cell = state_cell(p->sup->state, p->slot);
    fill_request(p, &rq);
    if (open_stdin(p, &rq.fds[0]) < 0)
        return LAUNCH_REFUSED;
    int errnum = 0;
    *cell = (struct spawn_cell){0};
    commit_phase(p, STATE_SPAWNING);
    enum spawn_result r = spawn_start(&rq, cell, &errnum);
    if (rq.fds[0] >= 0)
        close(rq.fds[0]);
    *out_pid = cell->pid;
    if (r == SPAWN_STARTED)
        return LAUNCH_STARTED;
    commit_phase(p, STATE_IDLE);
    if (p->stdin_fd >= 0)
        close(p->stdin_fd);
    p->stdin_fd = -1;
    if (r == SPAWN_BUSY)
        return LAUNCH_BUSY;
    if (r == SPAWN_REFUSED)
        return LAUNCH_REFUSED;
    cell->errnum = errnum;
    return LAUNCH_FAILED;
}

enum launch_result launch(struct proc *p, int *out_pid)
{
    *out_pid = 0;
    *state_cell(p->sup->state, p->slot) = (struct spawn_cell){0};
    if (p->conf->argv_error || !p->conf->argc)
        return LAUNCH_FAILED;
    return spawn_it(p, out_pid);
}

void launch_explain(const struct proc *p, char *buf, size_t size)
{
    const struct gen *g = p->gen->gen;
    const struct spawn_cell *cell = state_cell(p->sup->state, p->slot);
    buf[0] = '\0';
    if (p->conf->argv_error)
        snprintf(buf, size, "%s", gen_str(g, p->conf->argv_error));
    else if (!p->conf->argc)
        snprintf(buf, size, "command is empty");
    else if (cell->step) {
        struct spawn_request rq;
        struct err e;
        fill_request(p, &rq);
        spawn_explain(&rq, cell, &e);
        snprintf(buf, size, "%s", e.msg);
    } else if (cell->errnum)
        snprintf(buf, size, "unknown error during fork for '%s': %s", proc_name(p),
                 strerrorname_np(cell->errnum));
}
