/* Who is who among all processes, as far as it can be told; for helpers. */
#include "supervisor/base/mem.h"
#include "supervisor/io/cgroup.h"
#include "supervisor/io/children.h"
#include "supervisor/io/procfs.h"
#include "supervisor/run/agent.h"
#include "supervisor/run/errand.h"
#include "supervisor/run/groups.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/logs.h"
#include "supervisor/run/orphans_impl.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHASES 50            /* looks at our children */
#define NEWEST 4u            /* of them, that each asks */
#define PIDS_TEXT (1u << 20) /* the list of a control group */

static void own(struct family *f, int pid, uint32_t owner, enum kin_how how, bool led)
{
    struct kin *k = pid > 0 ? kin_find(f->v, f->n, pid) : NULL;
    if (!k || k->owner != KIN_NOBODY || pid == f->sup->pid)
        return;
    k->owner = owner;
    k->how = (uint8_t)how;
    k->led = led;
}

/* What lives under our eyes. */
static void own_led(struct family *f)
{
    struct sup *s = f->sup;
    own(f, getpid(), KIN_OURS, KIN_KNOWN, true);
    own(f, s->logs ? logs_pid(s->logs) : 0, KIN_OURS, KIN_KNOWN, true);
    own(f, s->agent ? agent_pid(s->agent) : 0, KIN_OURS, KIN_KNOWN, true);
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        own(f, proc_life(p)->pid, p->slot, KIN_KNOWN, true);
    for (size_t i = 0; i < f->n; i++)
        if (helper_is(s, f->v[i].pid) || errand_is(s, f->v[i].pid) || errand_is(s, f->v[i].pgid))
            own(f, f->v[i].pid, KIN_OURS, KIN_KNOWN, true);
}

static void own_listed(struct family *f, const struct orphan_list *l)
{
    for (uint32_t i = 0; i < l->n; i++) {
        struct kin *k = kin_find(f->v, f->n, l->v[i].pid);
        if (!k || k->start != l->v[i].start || l->v[i].owner == KIN_NOBODY)
            continue;
        own(f, k->pid, l->v[i].owner, KIN_KNOWN, false);
        k->former = l->v[i].former;
    }
}

static void own_cgroup(struct family *f, const struct proc *p, char *text)
{
    if (cgroup_pids(&f->sup->cgroups, p->slot, text, PIDS_TEXT) < 0)
        return;
    for (char *at = text, *end; *at; at = end + strspn(end, "\n")) {
        long pid = strtol(at, &end, 10);
        if (end == at)
            return;
        own(f, (int)pid, p->slot, KIN_CGROUP, false);
    }
}

static void own_cgroups(struct family *f)
{
    char *text = mem_alloc(PIDS_TEXT);
    for (struct proc *p = procs_first(f->sup); p; p = procs_next(p))
        if (p->in_cgroup)
            own_cgroup(f, p, text);
    free(text);
}

static void own_groups(struct family *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct proc *p = procs_of_group(f->sup, f->v[i].pgid);
        if (p && f->v[i].owner == KIN_NOBODY)
            own(f, f->v[i].pid, p->slot, KIN_GROUP, false);
    }
}

enum { MARK, GROUP, NAME };
static const char *const env_keys[PROCFS_KEYS] = {
    [MARK] = "SUPD_MARK", [GROUP] = "SUPERVISOR_GROUP_NAME", [NAME] = "SUPERVISOR_PROCESS_NAME"};

/* The program that an environment tells of, or NULL. */
static struct proc *marked(struct sup *s, char values[PROCFS_KEYS][PROCFS_VALUE])
{
    struct proc *p = strcmp(values[MARK], s->mark) == 0 ? procs_first(s) : NULL;
    while (p && (strncmp(proc_name(p), values[NAME], PROCFS_VALUE - 1) != 0 ||
                 strncmp(p->group->name, values[GROUP], PROCFS_VALUE - 1) != 0))
        p = procs_next(p);
    return p;
}

/* The program whose mark a process has, or NULL. buf: PROCFS_ENVIRON bytes. */
static struct proc *program_of(const struct family *f, int pid, char *buf)
{
    char values[PROCFS_KEYS][PROCFS_VALUE];
    return procfs_values(pid, env_keys, buf, values) == 0 ? marked(f->sup, values) : NULL;
}

static void on_env(void *obj, int pid, char values[PROCFS_KEYS][PROCFS_VALUE])
{
    struct family *f = obj;
    struct proc *p = marked(f->sup, values);
    if (p)
        own(f, pid, p->slot, KIN_MARK, false);
}

/* No longer there to be asked. */
static bool is_gone(int pid)
{
    struct kin now;
    return !children_stat(pid, &now) || now.zombie || now.ending;
}

/* Our children that nobody knows; where orphans do not come to us, everybody. */
static void own_marked(struct family *f)
{
    int *pids = mem_alloc((f->n + 1) * sizeof(*pids));
    size_t n = 0;
    bool all = !f->sup->is_init && !f->sup->is_subreaper;
    for (size_t i = 0; i < f->n; i++) {
        const struct kin *k = &f->v[i];
        if (k->owner != KIN_NOBODY || k->pid == f->sup->pid || (!all && k->ppid != f->sup->pid))
            continue;
        f->vanished |= k->zombie && k->ppid == f->sup->pid;
        if (!k->zombie)
            pids[n++] = k->pid;
    }
    if (n)
        procfs_environs(pids, n, env_keys, on_env, f);
    for (size_t i = 0; i < n && !f->vanished; i++)
        f->vanished = kin_find(f->v, f->n, pids[i])->owner == KIN_NOBODY && is_gone(pids[i]);
    free(pids);
}

struct unseen {
    struct family *f;
    char *buf;
};

/* Somebody who has come to us since the list was made: gone again, or of a program that is being
 * stopped. New leaders of others, and parts of ours, are neither. */
static bool look_unseen(void *obj, int pid)
{
    struct unseen *u = obj;
    struct family *f = u->f;
    if (kin_find(f->v, f->n, pid))
        return true;
    const struct proc *p = program_of(f, pid, u->buf);
    f->vanished = p ? p->sweeping : is_gone(pid);
    return !f->vanished;
}

/* Each of a chain may end between the list and the look at it; but one of them is our child at any
 * moment. */
static void find_unseen(struct family *f)
{
    struct unseen u = {f, NULL};
    if (f->vanished || !(f->sup->is_init || f->sup->is_subreaper))
        return;
    u.buf = mem_alloc(PROCFS_ENVIRON);
    children_of_one(f->sup->pid, look_unseen, &u);
    free(u.buf);
}

static int leader_of(void *obj, uint32_t owner)
{
    struct sup *s = obj;
    for (struct proc *p = procs_first(s); p; p = procs_next(p))
        if (p->slot == owner)
            return proc_life(p)->pgid;
    return 0;
}

void family_read(struct family *f, struct sup *s)
{
    struct kin_list l;
    procfs_scan(&l);
    *f = (struct family){.sup = s, .v = l.v, .n = l.n, .own_sid = getsid(s->pid)};
    own_led(f);
    kin_spread(f->v, f->n, f->own_sid);
    own_listed(f, &s->orphans->noted);
    own_listed(f, &s->orphans->known);
    own_cgroups(f);
    own_groups(f);
    own_marked(f);
    find_unseen(f);
    kin_spread(f->v, f->n, f->own_sid);
    kin_former(f->v, f->n, s->pid, leader_of, s);
}

void family_free(struct family *f)
{
    free(f->v);
    f->v = NULL;
}

bool family_is_orphan(const struct family *f, const struct kin *k)
{
    if (k->led || k->zombie || k->owner == KIN_OURS || k->pid == f->sup->pid)
        return false;
    return k->owner != KIN_NOBODY || k->ppid == f->sup->pid;
}

/* ---- what is quicker than a look ---- */

/* The newest children of ours. */
struct newest {
    int pids[NEWEST];
    unsigned n;
};

static bool add_newest(void *obj, int pid)
{
    struct newest *v = obj;
    v->pids[v->n++ % NEWEST] = pid;
    return true;
}

/* True if it is marked. */
static bool ask(const struct family *f, int pid, char *buf, struct kin *out)
{
    const struct proc *p = kin_find(f->v, f->n, pid) ? NULL : program_of(f, pid, buf);
    if (!p || !children_stat(pid, out))
        return false;
    out->owner = p->slot;
    return true;
}

/* One that is about to end has its environment no more, but perhaps a child. */
static bool ask_closely(const struct family *f, int pid, char *buf, struct kin *out)
{
    struct newest v = {.n = 0};
    if (kin_find(f->v, f->n, pid))
        return false;
    if (ask(f, pid, buf, out))
        return true;
    children_of_one(pid, add_newest, &v);
    return v.n && ask(f, v.pids[(v.n - 1) % NEWEST], buf, out);
}

void family_chase(struct family *f, void (*fn)(void *obj, const struct kin *k), void *obj)
{
    char *buf = mem_alloc(PROCFS_ENVIRON);
    struct kin k;
    for (int i = 0; i < CHASES; i++) {
        struct newest v = {.n = 0};
        children_of_one(f->sup->pid, add_newest, &v);
        for (unsigned at = v.n; at > 0 && at + NEWEST > v.n; at--)
            if (ask_closely(f, v.pids[(at - 1) % NEWEST], buf, &k))
                fn(obj, &k);
    }
    free(buf);
}
