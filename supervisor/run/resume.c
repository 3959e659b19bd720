/* Puts a supd together from the state that another one left. */
#include "supervisor/run/resume.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/errand.h"
#include "supervisor/run/exitpol.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/notes.h"
#include "supervisor/run/reexec.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/servers.h"
#include "supervisor/run/setup.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/streams.h"
#include "supervisor/run/taps.h"
#include "supervisor/run/upstream.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What is gathered before there are processes. */
struct resuming {
    struct sup *sup;
    struct live_gen *gens[STATE_GENS_MAX];
    unsigned ngens;
    struct found {
        struct live_gen *gen;
        const struct gen_proc *conf;
        uint32_t slot;
    } * found;
    size_t nfound;
    struct proc **by_slot; /* state_nslots() of them */
    bool changing;         /* an update is on its way */
};

/* ---- generations ---- */

static struct live_gen *find_gen(const struct resuming *r, uint32_t id)
{
    for (unsigned i = 0; id && i < r->ngens; i++)
        if (r->gens[i]->id == id)
            return r->gens[i];
    return NULL;
}

static int open_gens(struct resuming *r, struct err *e)
{
    uint32_t id;
    int fd;
    for (uint32_t i = 0; i < STATE_GENS_MAX; i++) {
        if (!state_gen_at(r->sup->state, i, &id, &fd))
            continue;
        struct live_gen *g = live_gen_open(r->sup, id, fd, e);
        if (!g)
            return err_prefix(e, "configuration %u", id);
        r->gens[r->ngens++] = g;
    }
    return 0;
}

static struct live_gen *gen_by_id(void *obj, uint32_t id)
{
    return find_gen(obj, id);
}

static struct live_gen *use_gen(const struct resuming *r, uint32_t id)
{
    struct live_gen *g = find_gen(r, id);
    return g ? live_gen_ref(g) : NULL;
}

/* ---- processes ---- */

static const char *group_name(const struct found *f)
{
    const struct gen *g = f->gen->gen;
    return gen_str(g, gen_groups(g)[f->conf->group].name);
}

/* by group, then as the group has them */
static int by_group(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    int d = strcmp(group_name(x), group_name(y));
    if (d)
        return d;
    if (x->gen != y->gen)
        return x->gen->id < y->gen->id ? -1 : 1;
    return (x->conf > y->conf) - (x->conf < y->conf);
}

/* A record that is not whole may still say which program it is about. */
static void find_process(struct resuming *r, uint32_t slot)
{
    const struct state_rec *rec = state_get(r->sup->state, slot);
    struct live_gen *g = find_gen(r, rec->gen);
    if (g && rec->proc_index < g->gen->nprocs) {
        r->found[r->nfound++] = (struct found){g, gen_procs(g->gen) + rec->proc_index, slot};
        return;
    }
    log_error(
        "a process (pid %d) is of a configuration that is gone: nobody looks after it any more",
        state_cell(r->sup->state, slot)->pid);
    state_slot_free(r->sup->state, slot);
}

static int find_processes(struct resuming *r, struct err *e)
{
    uint32_t n = state_nslots(r->sup->state);
    r->found = calloc(n + 1u, sizeof(*r->found));
    r->by_slot = calloc(n + 1u, sizeof(struct proc *));
    if (!r->found || !r->by_slot)
        return err_errno(e, ENOMEM, "cannot go on with the processes");
    for (uint32_t i = 0; i < n; i++)
        if (state_used(r->sup->state, i))
            find_process(r, i);
    qsort(r->found, r->nfound, sizeof(*r->found), by_group);
    return 0;
}

static void take_marks(struct resuming *r, struct proc *p)
{
    const struct state_link *k = state_link(r->sup->state, p->slot);
    const uint32_t on_its_way = STATE_DOOMED | STATE_GROUP_DOOMED | STATE_GROUP_UPDATING;
    p->doomed = k->marks & STATE_DOOMED;
    p->leaving = k->marks & STATE_LEAVING;
    p->leaving_again = k->marks & STATE_LEAVING_AGAIN;
    r->sup->order.nleaving += p->leaving;
    p->start_after = k->marks & STATE_START_AFTER;
    p->next_gen = use_gen(r, k->next_gen);
    p->next_index = k->next_index;
    p->in_cgroup = k->marks & STATE_IN_CGROUP;
    p->group->doomed |= (k->marks & STATE_GROUP_DOOMED) != 0;
    p->group->renew |= (k->marks & STATE_GROUP_RENEW) != 0;
    p->group->updating |= (k->marks & STATE_GROUP_UPDATING) != 0;
    r->changing |= p->next_gen || (k->marks & on_its_way);
}

/* found[from..to) are one group, the last one of the newest generation */
static int revive_group(struct resuming *r, size_t from, size_t to, struct err *e)
{
    const struct found *last = &r->found[to - 1];
    const struct gen *gen = last->gen->gen;
    struct group *g = group_revive(r->sup, gen_str(gen, gen_groups(gen)[last->conf->group].name),
                                   gen_groups(gen) + last->conf->group, (uint32_t)(to - from), e);
    if (!g)
        return -1;
    for (size_t i = from; i < to; i++) {
        const struct found *f = &r->found[i];
        struct proc *p = proc_revive(r->sup, g, f->gen, f->conf, f->slot, e);
        if (!p)
            return -1;
        p->index = g->nprocs;
        g->procs[g->nprocs++] = p;
        r->by_slot[f->slot] = p;
        take_marks(r, p);
    }
    return 0;
}

static int revive_groups(struct resuming *r, struct err *e)
{
    for (size_t from = 0, to; from < r->nfound; from = to) {
        to = from + 1;
        while (to < r->nfound &&
               strcmp(group_name(&r->found[from]), group_name(&r->found[to])) == 0)
            to++;
        if (revive_group(r, from, to, e) < 0)
            return -1;
    }
    return 0;
}

/* ---- logs ---- */

/* A stream whose process is gone was about to be dropped. */
static void claim(void *obj, struct log_stream *stream, uint32_t owner, enum log_channel ch)
{
    struct resuming *r = obj;
    bool known = owner && owner <= state_nslots(r->sup->state);
    struct proc *p = known ? r->by_slot[owner - 1] : NULL;
    if (p && ch <= LOG_STDERR && !p->log[ch])
        p->log[ch] = stream;
    else
        logs_del(&stream);
}

/* One that was about to get a stream gets it now. */
static void complete_streams(struct resuming *r)
{
    struct err e;
    for (struct proc *p = procs_first(r->sup); p; p = procs_next(p))
        if (streams_incomplete(p) && streams_sync(p, &e) < 0)
            log_error("%s: %s", proc_name(p), e.msg);
}

static int take_logs(struct resuming *r, struct err *e)
{
    if (setup_logs_again(r->sup, e) < 0)
        return -1;
    logs_each(r->sup->logs, claim, r);
    complete_streams(r);
    return 0;
}

/* ---- the whole ---- */

static void take_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

static void take_self(struct sup *s)
{
    const struct state_kept *k = state_kept(s->state);
    const char *pidfile = state_text(s->state, STATE_PIDFILE);
    s->opt.config = state_text(s->state, STATE_CONFIG);
    s->opt.folder = state_text(s->state, STATE_FOLDER);
    s->opt.as_supervisord = k->as_supervisord;
    state_entry(s->state, &s->entry);
    s->started = state_started(s->state);
    s->child_nofile = k->child_nofile;
    s->child_fsize = k->child_fsize;
    s->fsize_lifted = k->fsize_lifted;
    s->log_json = k->log_json;
    s->gen_count = k->gen_count;
    s->mood = (enum sup_mood)k->mood;
    s->exit_code = k->exit_code;
    s->stop_phase = k->stop_phase;
    s->stop_due = k->stop_due;
    s->pidfile = pidfile ? strdup(pidfile) : NULL;
    take_text(s->mark, sizeof(s->mark), state_text(s->state, STATE_MARK));
    take_text(s->self_dir, sizeof(s->self_dir), state_text(s->state, STATE_SELF_DIR));
    prctl(PR_SET_NAME, k->comm);
}

static void say(const struct sup *s)
{
    const struct state_kept *k = state_kept(s->state);
    const struct state_crash *c = state_crash(s->state);
    char name[24], by[48];
    if (k->cause != STATE_CRASHED) {
        log_info("supd " SUPD_VERSION " goes on in the place of the one before, pid %d; %u "
                 "processes did not notice",
                 s->pid, s->nprocs);
        return;
    }
    if (c->pid == s->pid)
        snprintf(by, sizeof(by), "raised by itself");
    else if (c->code <= 0)
        snprintf(by, sizeof(by), "sent by pid %d", c->pid);
    else
        snprintf(by, sizeof(by), "at 0x%" PRIx64 ", code %d", c->address, c->code);
    log_error("supd crashed: %s %s; it goes on where it stood, and %u processes did not notice",
              text_signal_name(c->signo, name, sizeof(name)), by, s->nprocs);
}

/* What was to start, and never was asked to. */
static void finish_starting(struct sup *s, enum proc_why why)
{
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (proc_opts(p)->autostart && proc_life(p)->why == PROC_WHY_NONE)
            proc_start(p, why);
}

/* An end right before the fault may not have had its consequences. */
static void finish_ends(struct sup *s)
{
    const struct state_crash *c = state_crash(s->state);
    mono_t crashed = c->n ? c->at[(c->n - 1) % STATE_CRASHES] : MONO_NEVER;
    for (struct proc *p = procs_first(s); p && crashed.ns; p = procs_next(p))
        if (mono_sub(crashed, proc_life(p)->changed).ns < DUR_S(1).ns)
            exitpol_moved(p, PROC_UNKNOWN);
}

/* Everything is there: what was under way goes on. */
static int go_on(struct resuming *r, struct err *e)
{
    struct sup *s = r->sup;
    taps_leave(s->taps);
    say(s);
    struct state_kept *k = state_kept(s->state);
    if (k->changing)
        log_error("a change of the configuration was cut short; `supctl update` makes it whole");
    k->changing = 0;
    upstream_go_on(s);
    errands_revive(s, r->by_slot, gen_by_id, r);
    /* beginning with another one each time, or one that makes us fault could hold up all others */
    for (size_t i = 0, from = k->crashes; i < r->nfound; i++)
        proc_go_on(r->by_slot[r->found[(from + i) % r->nfound].slot]);
    procs_go_on_sweeping(s);
    if (k->starting)
        finish_starting(s, PROC_WHY_BOOT);
    k->starting = 0;
    if (r->changing && reload_go_on(s, e) < 0)
        return -1;
    if (s->mood == SUP_STOPPING)
        shutdown_go_on(s);
    else if (k->cause == STATE_CRASHED)
        finish_ends(s);
    loop_defer(s->loop, &s->reaper);
    loop_again(s->loop);
    return 0;
}

static int rebuild(struct resuming *r, struct err *e)
{
    struct sup *s = r->sup;
    cgroups_open(&s->cgroups, s->mark, true);
    if (sup_init_again(s, e) < 0 || open_gens(r, e) < 0)
        return -1;
    s->gen = use_gen(r, state_kept(s->state)->gen_now);
    s->pending = use_gen(r, state_kept(s->state)->gen_pending);
    if (!s->gen)
        return err_set(e, "the configuration is gone");
    if (find_processes(r, e) < 0 || notes_go_on(s, e) < 0 || fcgi_go_on(s, e) < 0 ||
        revive_groups(r, e) < 0 || take_logs(r, e) < 0 || setup_ctl_again(s, e) < 0 ||
        servers_go_on(s, e) < 0 || agent_go_on(s, e) < 0 || listeners_revive(s, e) < 0)
        return -1;
    return go_on(r, e);
}

int resume(struct sup *s, const struct sup_options *opt, struct state *state, struct err *e)
{
    struct resuming r = {.sup = s};
    *s = (struct sup){.opt = *opt, .pid = getpid(), .state = state};
    take_self(s);
    reexec_arm(s);
    int done = rebuild(&r, e);
    if (done == 0)
        reexec_keep_fds(s, false);
    for (unsigned i = 0; i < r.ngens; i++)
        live_gen_unref(&r.gens[i]);
    free(r.found);
    free(r.by_slot);
    return done;
}
