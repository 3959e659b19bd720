/* From a process's record to a spawn request. */
#include "supervisor/run/launch.h"
#include "supervisor/base/fault.h"
#include "supervisor/core/wire.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/lowfds.h"
#include "supervisor/run/memory.h"
#include "supervisor/run/readiness.h"
#include "supervisor/run/streams.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* what launch_env may add to the environment of one start */
enum { MORE_WORDS = 3, MORE_TEXT = 160 };

/* words + terminator, environment with SUPD_SOCKET + terminator, candidates + terminator */
static size_t words_of(const struct gen *g, const struct gen_proc *c)
{
    return (size_t)c->argc + g->nenv + c->nenv + c->ncandidates + 4 + MORE_WORDS;
}

static size_t own_env_size(const struct gen *g, const struct gen_proc *c)
{
    size_t n = 0;
    for (uint32_t own = 1; own < GEN_ENV_OWN; own++)
        n += strlen(gen_env_key(own)) + strlen(gen_env_value(g, c, own)) + 1;
    return n;
}

static int reserve_words(struct sup *s, size_t need)
{
    char **words = need > s->nwords ? realloc(s->words, need * sizeof(*words)) : s->words;
    if (!words)
        return need ? -1 : 0;
    s->words = words;
    s->nwords = need > s->nwords ? need : s->nwords;
    return 0;
}

int launch_reserve(struct sup *s, const struct gen *g)
{
    size_t need = 0, own = 0;
    for (uint32_t i = 0; i < g->nprocs; i++) {
        const struct gen_proc *c = gen_procs(g) + i;
        size_t n = words_of(g, c), m = own_env_size(g, c);
        need = n > need ? n : need;
        own = m > own ? m : own;
    }
    str_clear(&s->own_env);
    return str_reserve(&s->own_env, own + MORE_TEXT) ? reserve_words(s, need) : -1;
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

/* "SUPERVISOR_PROCESS_NAME=web_00" in the memory of one start, which launch_reserve made */
static char *put_own_env(struct sup *s, const struct gen *g, const struct gen_proc *c, uint32_t own)
{
    size_t at = s->own_env.len;
    str_puts(&s->own_env, gen_env_key(own));
    str_puts(&s->own_env, gen_env_value(g, c, own));
    str_putc(&s->own_env, '\0');
    return s->own_env.s + at;
}

/* base environment, with this program's pairs in place of or after it, and the control socket where
 * that has a name which nobody could guess */
static char **put_env(struct sup *s, const struct gen *g, const struct gen_proc *c, char **at)
{
    const struct gen_env *pairs = gen_at(g, c->env);
    bool clear = gen_opts(g, c)->env_clear;
    char **end = clear ? at : put_list(g, g->env, g->nenv, at) - 1;
    str_clear(&s->own_env);
    for (uint32_t i = 0; i < c->nenv; i++) {
        goff text = pairs[i].text;
        *(pairs[i].replaces >= 0 && !clear ? &at[pairs[i].replaces] : end++) =
            text < GEN_ENV_OWN ? put_own_env(s, g, c, text) : word(g, text);
    }
    if (s->socket_env[0])
        *end++ = s->socket_env;
    *end++ = NULL;
    return end;
}

/* where the environment has that key, or its end */
static char **env_place(char *const *env, const char *key, size_t n)
{
    char **at = (char **)(uintptr_t)env;
    while (*at && (strncmp(*at, key, n) != 0 || (*at)[n] != '='))
        at++;
    return at;
}

char *launch_env(struct proc *p, struct spawn_request *rq, const char *key, const char *value,
                 size_t room)
{
    struct str *text = &proc_sup(p)->own_env;
    size_t n = strlen(key), len = strlen(value), from = text->len;
    char **at = env_place(rq->envp, key, n);
    if (from + n + 1 + len + room + 1 >= text->cap)
        return NULL; /* it would move */
    str_puts(text, key);
    str_putc(text, '=');
    str_puts(text, value);
    for (size_t i = 0; i <= room; i++)
        str_putc(text, '\0');
    if (!*at)
        at[1] = NULL;
    *at = text->s + from;
    rq->text = text->s;
    rq->text_size = text->len;
    return *at + n + 1 + len;
}

#define BIT(sig) (UINT64_C(1) << ((sig)-1))

static void fill_attrs(const struct gen *g, const struct attrs *a, struct spawn_request *rq)
{
    rq->attrs = a;
    if (a->set & ATTR_BIT(ATTR_READ_ONLY)) {
        rq->read_only = gen_str(g, a->read_only);
        rq->read_write = gen_str(g, a->read_write);
    }
    if (a->set & ATTR_BIT(ATTR_SECCOMP)) {
        rq->filter = gen_at(g, a->filter);
        rq->nfilter = (uint16_t)a->nfilter;
    }
}

/* All but the words of the command and its output. */
static void fill_common(struct sup *s, const struct gen *g, const struct gen_proc *c,
                        struct spawn_request *rq)
{
    const struct gen_opts *o = gen_opts(g, c);
    *rq = (struct spawn_request){
        .argv = s->words,
        .directory = gen_str(g, o->directory),
        .fds = {-1, -1, -1},
        .redirect_stderr = o->redirect_stderr,
        .uid = o->uid,
        .gid = o->gid,
        .groups = o->ngroups ? gen_at(g, o->groups) : NULL,
        .ngroups = o->ngroups,
        .umask = o->umask,
        .ignore = o->sigpipe_ignore ? BIT(SIGPIPE) | BIT(SIGXFSZ) : 0,
        .nofile = &s->child_nofile,
        .fsize = s->fsize_lifted ? &s->child_fsize : NULL,
    };
    if (o->attrs)
        fill_attrs(g, gen_at(g, o->attrs), rq);
}

/* Returns the end of the environment, behind its NULL. */
static char **fill_words(struct sup *s, const struct gen *g, const struct gen_proc *c,
                         const struct gen_command *words, struct spawn_request *rq)
{
    char **at = put_list(g, words->argv, words->argc, s->words);
    rq->candidates = at;
    at = put_list(g, words->candidates, words->ncandidates, at);
    rq->envp = at;
    at = put_env(s, g, c, at);
    rq->text = s->own_env.s;
    rq->text_size = s->own_env.len;
    return at;
}

static void fill_request(const struct proc *p, struct spawn_request *rq)
{
    const struct gen_proc *c = p->conf;
    struct sup *s = proc_sup(p);
    fill_common(s, p->gen->gen, c, rq);
    fill_words(s, p->gen->gen, c,
               &(struct gen_command){c->argv, c->argc, c->candidates, c->ncandidates}, rq);
    for (int i = 0; i < 2; i++)
        if (p->log[i])
            rq->fds[1 + i] = logs_write_fd(p->log[i]);
}

void launch_command(const struct proc *p, char *const *argv, char *const *candidates,
                    struct spawn_request *rq)
{
    fill_request(p, rq);
    rq->argv = argv;
    rq->candidates = candidates;
}

bool launch_beside(struct sup *s, const struct gen *g, const struct gen_proc *c,
                   const struct gen_command *command, const struct str *more,
                   struct spawn_request *rq)
{
    size_t words = words_of(g, c) - c->argc - c->ncandidates + command->argc +
                   command->ncandidates + LAUNCH_MORE_MAX;
    str_clear(&s->own_env); /* room at once: what is put there may not move any more */
    if (more->failed || !str_reserve(&s->own_env, own_env_size(g, c) + more->len) ||
        reserve_words(s, words) < 0)
        return false;
    fill_common(s, g, c, rq);
    char **end = fill_words(s, g, c, command, rq) - 1;
    const char *from = s->own_env.s + s->own_env.len;
    str_put(&s->own_env, str_text(more), more->len);
    for (size_t i = 0, n = 0; i < more->len && n < LAUNCH_MORE_MAX; n++, i += strlen(from + i) + 1)
        *end++ = (char *)(uintptr_t)(from + i);
    *end = NULL;
    rq->text = s->own_env.s;
    rq->text_size = s->own_env.len;
    return true;
}

/* its socket, or a new stdin pipe: *out_child is the end for the child */
static int open_stdin(struct proc *p, int *out_child)
{
    int ends[2];
    int socket = fcgi_socket(p);
    *out_child = socket > 0 ? socket : -1;
    if (socket > 0 || proc_opts(p)->stdin_null)
        return 0;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    proc_close_stdin(p);
    *proc_stdin(p) = lowfds_lift(ends[1]);
    *out_child = ends[0];
    return 0;
}

static void commit_phase(struct proc *p, enum state_phase phase)
{
    struct state_rec rec = *state_get(proc_sup(p)->state, p->slot);
    if (rec.phase == phase)
        return; /* as our predecessor left it */
    rec.phase = phase;
    state_put(proc_sup(p)->state, p->slot, &rec);
}

/* The folder of the control group that it is made in, or 0. What somebody else has left in a group
 * of this number keeps it for itself. */
static int open_cgroup(struct proc *p)
{
    struct cgroups *c = &proc_sup(p)->cgroups;
    if (!c->base || proc_opts(p)->orphans == GEN_ORPHANS_KEEP ||
        (!p->in_cgroup && cgroup_populated(c, p->slot) == 1))
        return 0;
    memory_fresh_group(p);
    return cgroup_enter(c, p->slot);
}

static void note_cgroup(struct proc *p, bool in)
{
    if (p->in_cgroup == in)
        return;
    p->in_cgroup = in;
    proc_note(p);
}

/* What is for the child alone; a log's pipe stays ours, and so does a socket. */
static void close_child_ends(const struct proc *p, const struct spawn_request *rq)
{
    if (rq->fds[0] >= 0 && rq->fds[0] != fcgi_socket(p))
        close(rq->fds[0]);
    if (rq->fds[1] >= 0 && (!p->log[0] || rq->fds[1] != logs_write_fd(p->log[0])))
        close(rq->fds[1]);
}

/* What it needs beside its log and its words; 0 or an errno. */
static int prepare(struct proc *p, struct spawn_request *rq)
{
    if (open_stdin(p, &rq->fds[0]) < 0)
        return errno;
    int errnum = listeners_prepare(p, rq);
    return errnum ? errnum : readiness_prepare(p, rq);
}

static enum launch_result spawn_it(struct proc *p, int *out_pid)
{
    struct spawn_request rq;
    struct spawn_cell *cell = state_cell(proc_sup(p)->state, p->slot);
    fill_request(p, &rq);
    int errnum = prepare(p, &rq);
    if (errnum) {
        cell->errnum = errnum;
        close_child_ends(p, &rq);
        return LAUNCH_REFUSED;
    }
    *cell = (struct spawn_cell){0};
    streams_began(p);
    rq.cgroup = open_cgroup(p);
    commit_phase(p, STATE_SPAWNING);
    enum spawn_result r = spawn_start(&rq, cell, &errnum);
    if (rq.cgroup)
        close(rq.cgroup);
    if (r == SPAWN_STARTED)
        note_cgroup(p, spawn_in_cgroup());
    FAULT_POINT();
    for (int i = 0; i < 2; i++)
        if (p->log[i])
            logs_run_is(p->log[i], cell->pid > 0 ? cell->pid : 0);
    close_child_ends(p, &rq);
    *out_pid = cell->pid;
    if (r == SPAWN_STARTED)
        return LAUNCH_STARTED;
    commit_phase(p, STATE_IDLE);
    listeners_ended(p);
    streams_ended(p);
    proc_close_stdin(p);
    if (r == SPAWN_BUSY)
        return LAUNCH_BUSY;
    cell->errnum = errnum;
    return r == SPAWN_REFUSED ? LAUNCH_REFUSED : LAUNCH_FAILED;
}

enum launch_result launch(struct proc *p, int *out_pid)
{
    *out_pid = 0;
    *state_cell(proc_sup(p)->state, p->slot) = (struct spawn_cell){0};
    if (p->conf->argv_error || !p->conf->argc)
        return LAUNCH_FAILED;
    return spawn_it(p, out_pid);
}

void launch_explain(const struct proc *p, char *buf, size_t size)
{
    const struct gen *g = p->gen->gen;
    const struct spawn_cell *cell = state_cell(proc_sup(p)->state, p->slot);
    buf[0] = '\0';
    fcgi_explain(p, buf, size);
    if (buf[0])
        return;
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
    } else if (cell->errnum == EAGAIN)
        snprintf(buf, size, "Too many processes in process table to spawn '%s'", proc_name(p));
    else if (cell->errnum == EMFILE || cell->errnum == ENFILE)
        snprintf(buf, size, "too many open files to spawn '%s'", proc_name(p));
    else if (cell->errnum)
        snprintf(buf, size, "unknown error during fork for '%s': %s", proc_name(p),
                 strerrorname_np(cell->errnum));
}

static const struct {
    int errnum;
    enum wire_code code;
    bool bare; /* its text is about the command, not about the path that was found */
    bool ours; /* Supervisor looks before it changes the user: it says so only of what is for us */
    const char *text;
} faults[] = {
    {ENOENT, WIRE_NO_FILE, true, false, "can't find command '%s'"},
    {ENOTDIR, WIRE_NO_FILE, true, false, "can't find command '%s'"},
    {EISDIR, WIRE_NOT_EXECUTABLE, false, false, "command at '%s' is a directory"},
    {EACCES, WIRE_NOT_EXECUTABLE, false, false, "command at '%s' is not executable"},
    {SPAWN_NOT_PERMITTED, WIRE_NOT_EXECUTABLE, false, true, "no permission to run command '%s'"},
    {SPAWN_NOT_REACHED, WIRE_NO_FILE, true, true, "can't find command '%s'"},
};

static bool is_other_user(const struct proc *p)
{
    return proc_opts(p)->uid >= 0 && proc_opts(p)->uid != (int64_t)geteuid();
}

/* words of Supervisor's, each with one %s; seen: by us, not by the child */
static const char *fault_of(const struct proc *p, const struct spawn_cell *cell, bool seen,
                            char *buf, size_t size)
{
    const struct gen *g = p->gen->gen;
    const goff *argv = gen_at(g, p->conf->argv), *paths = gen_at(g, p->conf->candidates);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (faults[i].errnum != cell->errnum)
            continue;
        if (faults[i].ours && !seen && is_other_user(p))
            break;
        bool found = !faults[i].bare && (uint32_t)cell->candidate < p->conf->ncandidates;
        const char *at = strchr(faults[i].text, '%'), *what = gen_str(g, argv[0]);
        snprintf(buf, size, "%.*s%s%s", (int)(at - faults[i].text), faults[i].text,
                 found ? gen_str(g, paths[cell->candidate]) : what, at + 2);
        return wire_code_name(faults[i].code);
    }
    return NULL;
}

static const char *fault_in(const struct proc *p, const struct spawn_cell *cell, bool seen,
                            char *buf, size_t size)
{
    buf[0] = '\0';
    if (p->conf->argv_error || !p->conf->argc) {
        launch_explain(p, buf, size);
        return wire_code_name(WIRE_NOT_EXECUTABLE);
    }
    return cell && cell->step == SPAWN_EXEC ? fault_of(p, cell, seen, buf, size) : NULL;
}

const char *launch_fault(const struct proc *p, char *buf, size_t size)
{
    return fault_in(p, state_cell(proc_sup(p)->state, p->slot), false, buf, size);
}

const char *launch_fault_seen(const struct proc *p, const struct spawn_cell *cell, char *buf,
                              size_t size)
{
    return fault_in(p, cell, true, buf, size);
}
