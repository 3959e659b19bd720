/* The orphans that there are, for those who ask: read by a helper, since command lines are the
 * processes' own memory. */
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/procfs.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/orphans_impl.h"
#include "supervisor/run/verb.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LIST_LIMIT DUR_S(10)

struct row {
    int pid, ppid, former;
    uint32_t owner;
    int64_t uid, age_ms;
    uint8_t how;
    char command[512];
};

/* ---- the helper ---- */

static int64_t uid_of(int pid)
{
    char text[2048];
    const char *at =
        procfs_read(pid, "status", text, sizeof(text)) > 0 ? strstr(text, "\nUid:") : NULL;
    return at ? strtoll(at + 5, NULL, 10) : -1;
}

static int64_t age_of(const struct kin *k)
{
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    int64_t ticks = sysconf(_SC_CLK_TCK);
    int64_t ms =
        (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 - (int64_t)k->start * 1000 / ticks;
    return ms > 0 ? ms : 0;
}

static int list_child(struct orphans_asking *a)
{
    struct family f;
    int bad = 0;
    family_read(&f, a->sup);
    for (size_t i = 0; i < f.n && !bad; i++) {
        const struct kin *k = &f.v[i];
        if (!family_is_orphan(&f, k))
            continue;
        struct row row = {.pid = k->pid,
                          .ppid = k->ppid,
                          .former = k->former,
                          .owner = k->owner,
                          .how = k->how,
                          .uid = uid_of(k->pid),
                          .age_ms = age_of(k)};
        procfs_command(k->pid, row.command, sizeof(row.command));
        bad = fd_write_all(a->fd, &row, sizeof(row)) < 0;
    }
    family_free(&f);
    return bad;
}

/* ---- the answer ---- */

static const char *how_text(uint8_t how)
{
    static const char *const texts[] = {
        [KIN_UNKNOWN] = "",      [KIN_KNOWN] = "noted",      [KIN_GROUP] = "group",
        [KIN_CGROUP] = "cgroup", [KIN_MARK] = "environment", [KIN_SESSION] = "session",
        [KIN_PARENT] = "parent"};
    return how < sizeof(texts) / sizeof(texts[0]) ? texts[how] : "";
}

static struct proc *by_slot(struct sup *s, uint32_t slot)
{
    struct proc *p = procs_first(s);
    while (p && p->slot != slot)
        p = procs_next(p);
    return p;
}

static void put_row(struct ctl_req *rq, const struct row *row, struct proc *p)
{
    char name[PROC_NAME_MAX] = "";
    struct wire_out w = ctl_row(rq);
    wire_kv_int(&w, "pid", row->pid);
    wire_kv(&w, "program", p ? proc_fullname(p, name, sizeof(name)) : "");
    wire_kv_int(&w, "parent", row->ppid);
    wire_kv_int(&w, "former_parent", row->former);
    wire_kv(&w, "known_by", how_text(row->how));
    wire_kv_int(&w, "uid", row->uid);
    wire_kv_int(&w, "age_ms", row->age_ms);
    wire_kv(&w, "command", row->command);
    wire_end(&w);
}

static bool is_picked(const struct verb_picks *v, const struct proc *p)
{
    for (size_t i = 0; i < v->n; i++)
        if (v->procs[i] == p)
            return true;
    return false;
}

static void answer(struct orphans_asking *a)
{
    struct verb_picks v;
    struct row row;
    bool all = a->rq->argc == 0;
    if (!verb_pick(a->sup, a->rq, a->rq->argv, a->rq->argc, &v))
        return;
    if (v.nunknown) {
        ctl_error(a->rq, WIRE_BAD_NAME, "no such process or group: %s", v.unknown[0]);
        verb_picks_fini(&v);
        return;
    }
    for (off_t at = 0; pread(a->fd, &row, sizeof(row), at) == sizeof(row);
         at += (off_t)sizeof(row)) {
        struct proc *p = by_slot(a->sup, row.owner);
        row.command[sizeof(row.command) - 1] = '\0';
        if (all || is_picked(&v, p))
            put_row(a->rq, &row, p);
    }
    ctl_ok(a->rq);
    verb_picks_fini(&v);
}

static void list_done(struct orphans_asking *a, int status)
{
    if (a->rq && status == 0)
        answer(a);
    else if (a->rq)
        ctl_error(a->rq, WIRE_FAILED, "the processes could not be read%s",
                  status == HELPER_LATE ? " in time" : "");
    fd_close(&a->fd);
    *a = (struct orphans_asking){0};
}

static void on_cancel(struct ctl_req *rq)
{
    struct orphans_asking *a = rq->data;
    a->rq = NULL;
}

void orphans_list(struct sup *s, struct ctl_req *rq)
{
    struct err e;
    struct orphans_asking *a = s->orphans->asking, *end = a + ORPHANS_ASKING_MAX;
    while (a < end && a->sup)
        a++;
    if (a == end) {
        ctl_error(rq, WIRE_BUSY, "others are asking already; try again in a moment");
        return;
    }
    *a = (struct orphans_asking){s, rq, fd_memory("supd-orphans", false)};
    rq->data = a;
    rq->cancel = on_cancel;
    if (a->fd < 0)
        err_errno(&e, errno, "cannot make memory");
    else if (helper_run(s, (helper_child_fn *)list_child, (helper_done_fn *)list_done, a,
                        LIST_LIMIT, &e) > 0)
        return;
    rq->cancel = NULL;
    ctl_error(rq, WIRE_BUSY, "%s", e.msg);
    fd_close(&a->fd);
    *a = (struct orphans_asking){0};
}
