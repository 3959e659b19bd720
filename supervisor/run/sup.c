/* The supervisor's own life: first load, boot, signals, end. */
#include "supervisor/run/sup.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/libexec.h"
#include "supervisor/io/reap.h"
#include "supervisor/io/spawn.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/daemon.h"
#include "supervisor/run/errand.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/health.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/launch.h"
#include "supervisor/run/leftovers.h"
#include "supervisor/run/listeners.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/lowfds.h"
#include "supervisor/run/orphans.h"
#include "supervisor/run/notes.h"
#include "supervisor/run/pidfile.h"
#include "supervisor/run/publish.h"
#include "supervisor/run/reexec.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/servers.h"
#include "supervisor/run/settle.h"
#include "supervisor/run/setup.h"
#include "supervisor/run/shutdown.h"
#include "supervisor/run/taps.h"
#include "supervisor/run/upgrade.h"
#include "supervisor/run/upstream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define REAP_BATCH 256
/* Who signals us and then our process group, as timeout(1) does, means one signal. */
#define ONE_SIGNAL DUR_MS(100)

struct live_gen *live_gen_open(struct sup *s, uint32_t id, int fd, struct err *e)
{
    struct live_gen *g = calloc(1, sizeof(*g));
    if (!g) {
        close(fd);
        err_errno(e, ENOMEM, "cannot take the configuration over");
        return NULL;
    }
    *g = (struct live_gen){.sup = s, .gen = gen_open(fd, e), .refs = 1, .id = id, .fd = fd};
    if (g->gen && launch_reserve(s, g->gen) < 0)
        err_errno(e, ENOMEM, "cannot take the configuration over");
    else if (g->gen)
        return g;
    live_gen_unref(&g);
    return NULL;
}

struct live_gen *live_gen_new(struct sup *s, int fd, struct err *e)
{
    struct live_gen *g = live_gen_open(s, s->gen_count + 1, fd, e);
    if (!g)
        return NULL;
    if (state_gen_add(s->state, g->id, g->fd) < 0) {
        err_set(e,
                "programs follow %u different configurations already; restart those that wait "
                "for an update",
                STATE_GENS_MAX);
        live_gen_unref(&g);
        return NULL;
    }
    state_kept(s->state)->gen_count = ++s->gen_count;
    return g;
}

struct live_gen *live_gen_ref(struct live_gen *g)
{
    g->refs++;
    return g;
}

static void live_gen_free(struct live_gen *g)
{
    if (g->sup->state)
        state_gen_del(g->sup->state, g->id);
    if (g->gen)
        gen_close(&g->gen);
    fd_close(&g->fd);
    free(g);
}

/* Until its exec a child shares our memory, and reads its words from there. */
void live_gen_unref(struct live_gen **gp)
{
    struct live_gen *g = *gp;
    *gp = NULL;
    if (!g || --g->refs)
        return;
    if (spawn_in_flight())
        SLIST_INSERT_HEAD(&g->sup->retired, g, retired);
    else
        live_gen_free(g);
}

void live_gens_tidy(struct sup *s)
{
    struct live_gen *g;
    if (SLIST_EMPTY(&s->retired) || spawn_in_flight())
        return;
    while ((g = SLIST_FIRST(&s->retired))) {
        SLIST_REMOVE_HEAD(&s->retired, retired);
        live_gen_free(g);
    }
}

static void child_peeked(void *obj, int pid, int status)
{
    if (!procs_peeked(obj, pid, status))
        errands_peeked(obj, pid);
}

static void child_reaped(void *obj, int pid, int status)
{
    struct sup *s = obj;
    if (procs_reaped(s, pid, status))
        return;
    state_totals(s->state)->reaped++;
    if (errand_is(s, pid))
        procs_bury(s); /* its program may be among the dead: what follows is not for a living one */
    if (errands_reaped(s, pid, status) || helper_reaped(s, pid, status) ||
        (s->logs && logs_reaped(s->logs, pid, status)) ||
        (s->agent && agent_reaped(s->agent, pid, status)))
        return;
    state_totals(s->state)->orphans++;
    orphans_reaped(s, pid);
    char words[PROC_STATUS_WORDS];
    log_debug("reaped unknown pid %d (%s)", pid, proc_status_words(status, words));
    s->orphan_died = true;
}

static const struct reap_ops reap_ops = {child_peeked, child_reaped};

static void bury(struct sup *s)
{
    procs_bury(s);
    if (s->orphan_died) /* once for all of them: each look is a look at every group */
        procs_check_sweeps(s);
    s->orphan_died = false;
}

/* The lines about the dead are written at the end of the turn, when their successors run: supd-log,
 * woken by them, would compete with these. */
static void reap(struct sup *s)
{
    log_hold();
    if (reap_children(&reap_ops, s, REAP_BATCH)) {
        loop_defer(s->loop, &s->reaper);
        loop_again(s->loop);
    }
    bury(s);
}

/* The kernel looks at every child to find the dead ones: the one that the signal names is taken
 * first, and the look at the others comes when its successor has been started. */
static void on_child(struct sup *s, const struct sigs_info *info)
{
    log_hold();
    log_debug("received SIGCHLD indicating a child quit");
    if (info->pid <= 0 || !reap_child(&reap_ops, s, info->pid)) {
        reap(s);
        return;
    }
    bury(s);
    loop_defer(s->loop, &s->reaper);
}

static void say_who(const struct sigs_info *info, const char *name)
{
    if (info->pid > 0)
        log_info("%s comes from pid %d, uid %u", name, info->pid, info->uid);
}

/* As if it had come while the first one was pending. */
static bool is_same_again(struct sup *s, int signo)
{
    bool just_now =
        s->exit_signal.is_new || mono_sub(mono_now(), s->exit_signal.begun).ns < ONE_SIGNAL.ns;
    if (s->exit_signal.signo == signo && just_now)
        return true;
    s->exit_signal.signo = signo;
    s->exit_signal.is_new = true;
    return false;
}

static void on_exit_signal(struct sup *s, const struct sigs_info *info)
{
    char name[24], why[80];
    text_signal_name(info->signo, name, sizeof(name));
    if (is_same_again(s, info->signo)) {
        log_debug("%s again, at once: taken as one", name);
        return;
    }
    snprintf(why, sizeof(why), "received %s indicating exit request", name);
    say_who(info, name);
    shutdown_begin(s, 0, why);
}

static void on_hup(struct sup *s, const struct sigs_info *info)
{
    if (info->code == SI_KERNEL) {
        log_info("the terminal is gone; going on without it");
        return;
    }
    if (s->mood == SUP_STOPPING && !shutdown_is_restart(s)) {
        log_warn("ignored SIGHUP indicating restart request (shutdown in progress)");
        return;
    }
    log_warn("received SIGHUP indicating restart request");
    reload_all(s);
}

static void on_usr2(struct sup *s, const struct sigs_info *info)
{
    (void)info;
    log_info("received SIGUSR2 indicating log reopen request");
    log_info("supervisord logreopen");
    if (s->logs)
        logs_reopen_all(s->logs);
}

/* What a signal asked for may have taken a while: its time counts from here. */
static void end_of_turn(struct sup *s)
{
    if (s->exit_signal.is_new)
        s->exit_signal.begun = mono_now();
    s->exit_signal.is_new = false;
    log_release();
}

static const struct {
    int signo;
    void (*fn)(struct sup *s, const struct sigs_info *info);
} signal_rows[] = {
    {SIGCHLD, on_child},       {SIGTERM, on_exit_signal}, {SIGINT, on_exit_signal},
    {SIGQUIT, on_exit_signal}, {SIGHUP, on_hup},          {SIGUSR2, on_usr2},
};

static void on_signal(void *obj, const struct sigs_info *info)
{
    char name[24];
    for (size_t i = 0; i < sizeof(signal_rows) / sizeof(signal_rows[0]); i++)
        if (signal_rows[i].signo == info->signo) {
            signal_rows[i].fn(obj, info);
            return;
        }
    log_debug("received %s: ignored", text_signal_name(info->signo, name, sizeof(name)));
}

static void become_reaper(struct sup *s)
{
    s->is_init = s->pid == 1;
    s->is_subreaper = !s->is_init && prctl(PR_SET_CHILD_SUBREAPER, 1) == 0;
}

static void make_lists(struct sup *s)
{
    TAILQ_INIT(&s->groups);
    TAILQ_INIT(&s->spawn_queue);
    TAILQ_INIT(&s->sweeping);
    LIST_INIT(&s->helpers);
    rng_seed(&s->rng, rng_entropy());
}

/* What signals, starts and the turns of the loop need. */
static int make_ports(struct sup *s, struct err *e)
{
    if (spawn_init(e) < 0 || !(s->loop = loop_new(e)))
        return -1;
    loop_on_turn(s->loop, (loop_fn *)end_of_turn, s);
    if (orphans_new(s, e) < 0)
        return -1;
    procs_init(s);
    LOOP_DEFER(&s->reaper, reap, s);
    LOOP_DEFER(&s->settle, settle_now, s);
    return sigs_open(s->loop, on_signal, s, e);
}

int sup_init(struct sup *s, const struct sup_options *opt, struct err *e)
{
    *s = (struct sup){.opt = *opt, .pid = getpid(), .started = mono_now()};
    make_lists(s);
    sigs_block(&s->entry);
    getrlimit(RLIMIT_NOFILE, &s->child_nofile);
    libexec_self(s->self_dir, sizeof(s->self_dir));
    become_reaper(s);
    oom_open(&s->oom);
    if (setup_file_size(s, e) < 0 || make_ports(s, e) < 0 || !(s->state = state_new(e)))
        return -1;
    if (state_note_start(s->state, opt->argv, opt->environ, &s->entry, e) < 0)
        return -1;
    state_note_fsize(s->state, &s->child_fsize);
    return reexec_note(s, e);
}

int sup_init_again(struct sup *s, struct err *e)
{
    make_lists(s);
    become_reaper(s);
    oom_open(&s->oom);
    return make_ports(s, e);
}

void sup_note(struct sup *s)
{
    struct state_kept *k = state_kept(s->state);
    k->gen_now = s->gen ? s->gen->id : 0;
    k->gen_pending = s->pending ? s->pending->id : 0;
    k->mood = (uint8_t)s->mood;
    k->exit_code = s->exit_code;
    k->stop_phase = s->stop_phase;
    k->stop_priority = s->stop_priority;
    k->stop_due = s->stop_due;
}

void sup_fini(struct sup *s)
{
    ctl_free(&s->ctl);
    helpers_fini(s);
    errands_free(s);
    upstream_fini(s);
    reload_fini(s);
    upgrade_fini(s);
    agent_free(&s->agent);
    servers_free(s);
    health_forget(s);
    struct group *g;
    while ((g = TAILQ_FIRST(&s->groups)))
        group_remove(s, &g);
    taps_free(&s->taps);
    listeners_free(s);
    procs_fini(s);
    orphans_free(s);
    fcgi_free(s);
    notes_free(&s->notes);
    logs_free(&s->logs);
    live_gen_unref(&s->pending);
    live_gen_unref(&s->gen);
    sigs_close();
    reexec_disarm();
    oom_close(&s->oom);
    cgroups_close(&s->cgroups);
    loop_free(&s->loop);
    spawn_fini();
    live_gens_tidy(s);
    state_free(&s->state);
    free(s->pidfile);
    free(s->words);
    str_fini(&s->own_env);
}

static void fail(struct sup *s, const char *text)
{
    const char *name = s->opt.argv[0] ? s->opt.argv[0] : "supd";
    int n = (int)strlen(text);
    while (n && text[n - 1] == '\n') /* a report of several lines has one at its end */
        n--;
    dprintf(s->opt.message_fd, "Error: %.*s\nFor help, use %s -h\n", n, text, name);
    s->exit_code = 2;
    loop_stop(s->loop);
}

static void log_warnings(const struct gen *g)
{
    const goff *offs = gen_at(g, g->warnings);
    for (uint32_t i = 0; i < g->nwarnings; i++) {
        const char *row = gen_str(g, offs[i]), *tab = strchr(row, '\t');
        char level[16];
        snprintf(level, sizeof(level), "%.*s", tab ? (int)(tab - row) : 0, row);
        int n = log_level_by_name(level);
        log_line(n < 0 ? LVL_WARN : (enum log_level)n, "%s", tab ? tab + 1 : row);
    }
}

static int add_groups(struct sup *s, struct err *e)
{
    const struct gen_group *v = gen_groups(s->gen->gen);
    for (uint32_t i = 0; i < s->gen->gen->ngroups; i++)
        if (!group_add(s, s->gen, v + i, e))
            return err_prefix(e, "group %s", gen_str(s->gen->gen, v[i].name));
    return 0;
}

static void start_programs(struct sup *s)
{
    struct group *g;
    s->mood = SUP_RUNNING;
    sup_note(s);
    state_kept(s->state)->starting = 1;
    reexec_arm(s);
    publish_mood(s, "running");
    listeners_tell(s, EVENT_SUPERVISOR_RUNNING, "", 0);
    TAILQ_FOREACH (g, &s->groups, link)
        group_autostart(g, PROC_WHY_BOOT);
    state_kept(s->state)->starting = 0;
    upstream_look_later(s);
    fcgi_moved(s);
    reload_resume(s);
}

static int sweep_child(struct sup *s)
{
    return leftovers_sweep(s) > 0;
}

static void sweep_done(struct sup *s, int status)
{
    (void)status;
    s->sweeper = 0;
    if (s->mood == SUP_BOOTING)
        start_programs(s);
    else
        loop_defer(s->loop, &s->settle); /* a shutdown has waited for it */
}

static void announce(struct sup *s)
{
    struct err e;
    daemon_settle(&s->opt);
    log_info("%s started with pid %d", s->opt.as_supervisord ? "supervisord" : "supd", s->pid);
    daemon_ready(&s->opt);
    pidfile_write(s);
    upstream_begin(s);
    int sweeper = s->is_init
                      ? 0
                      : helper_run(s, (helper_child_fn *)sweep_child, (helper_done_fn *)sweep_done,
                                   s, leftovers_limit(s->gen->gen), &e);
    if (sweeper > 0)
        s->sweeper = sweeper;
    else
        start_programs(s);
}

static void sockets_made(struct sup *s, const struct err *why)
{
    if (s->mood == SUP_BOOTING && why)
        fail(s, why->msg);
    else if (s->mood == SUP_BOOTING)
        announce(s);
}

/* Everything that the configuration needs, in the order in which one relies on the other. */
static int boot_rest(struct sup *s, struct err *e)
{
    if (setup_logs(s, e) < 0)
        return -1;
    cgroups_open(&s->cgroups, s->mark, false);
    memory_groups(s);
    lowfds_hold();
    int added = add_groups(s, e);
    lowfds_release();
    if (added < 0 || setup_ctl(s, e) < 0 || agent_setup(s, e) < 0)
        return -1;
    if (logs_start(s->logs, e) < 0)
        return -1;
    setup_main_log(s);
    setup_say(s);
    log_warnings(s->gen->gen);
    setup_say_limits(s);
    servers_say(s);
    if (state_fd(s->state) < 0)
        log_warn("the limit of file sizes leaves no room for supd's state in a file; it is kept in "
                 "memory that nobody can take over");
    fcgi_boot(s, sockets_made);
    return 0;
}

static void servers_opened(struct sup *s, const char *wrong)
{
    struct err e;
    if (wrong)
        fail(s, wrong);
    else if (s->mood == SUP_BOOTING && boot_rest(s, &e) < 0)
        fail(s, e.msg);
}

/* Who answers on our sockets already is another instance: nothing else is begun before that. */
static int boot(struct sup *s, struct err *e)
{
    if (setup_identity(s, e) < 0)
        return -1;
    int opening = servers_open(s, servers_opened, e);
    return opening ? (opening < 0 ? -1 : 0) : boot_rest(s, e);
}

static void loaded(struct sup *s, struct live_gen *gen, const char *report)
{
    struct err e;
    if (!gen) {
        fail(s, report[0] ? report : "the configuration could not be read");
        return;
    }
    s->gen = gen;
    sup_note(s);
    leftovers_mark(s, gen_str(gen->gen, gen->gen->path));
    if (s->mood == SUP_BOOTING && (reexec_note_mark(s, &e) < 0 || boot(s, &e) < 0))
        fail(s, e.msg);
}

int sup_run(struct sup *s)
{
    struct err e;
    if (reload_load(s, (load_fn *)loaded, s, &e) < 0) {
        fail(s, e.msg);
        return s->exit_code;
    }
    loop_run(s->loop);
    return s->exit_code;
}

int sup_run_again(struct sup *s)
{
    loop_run(s->loop);
    return s->exit_code;
}
