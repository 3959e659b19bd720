/* The states of probes over the agent's restarts. */
#include "supervisor/agent/keeping.h"
#include "alerts/rules/record.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TABLE "probe"
#define STAMP_TABLE "agent"
#define STAMP_KEY "probes"
enum { RECORD_STAMP = 0x5053, ONE = 1 };

/* A moment, for who looks at it later: within one boot CLOCK_BOOTTIME tells how long ago it was,
 * whatever was done to the wall clock, and with the time that the machine slept. */
struct keeping_stamp {
    uint64_t boot; /* which boot; 0: not known */
    int64_t up;    /* CLOCK_BOOTTIME */
    int64_t wall;
};

/* a record that was read back */
struct kept {
    char *name;
    void *p;
    size_t n;
};

struct keeping {
    struct loop_timer timer;
    uint64_t boot;
    bool off; /* there is no room for them */
    bool was_seen;
    struct keeping_stamp was;
    VEC(struct kept) read;
};

/* ---- the stamp ---- */

static uint64_t boot_id(void)
{
    char id[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, id, sizeof(id)) : -1;
    fd_close(&fd);
    return n < 36 ? 0 : (uint64_t)crc32_of(id, 18) << 32 | crc32_of(id + 18, 18);
}

static struct keeping_stamp stamp_now(const struct keeping *k)
{
    struct timespec t;
    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct keeping_stamp){
        .boot = k->boot, .up = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec, .wall = wall_now().ns};
}

static void put_stamp(struct agent_program *a)
{
    struct keeping_stamp s = stamp_now(a->keeping);
    char record[RECORD_HEAD + sizeof(s)];
    record_seal(record, RECORD_STAMP, ONE, &s, sizeof(s));
    engine_keep(a->engine, STAMP_TABLE, STAMP_KEY, record, sizeof(record));
}

static void on_timer(struct agent_program *a)
{
    if (a->keeping->off || !probes_count(a->probes))
        return;
    put_stamp(a);
    loop_timer_at(&a->keeping->timer, mono_add(loop_now(a->loop), KEEPING_STAMP));
}

/* How long nobody looked; less than nothing if the clock was set back meanwhile. */
static dur_t away(const struct keeping *k)
{
    struct keeping_stamp now = stamp_now(k);
    bool same = k->boot && k->boot == k->was.boot;
    return (dur_t){same ? now.up - k->was.up : now.wall - k->was.wall};
}

/* ---- out ---- */

void keeping_apply(struct agent_program *a)
{
    struct keeping *k = a->keeping;
    bool off = !a->store_is_file && probes_count(a->probes) > KEEPING_PROBES_IN_MEMORY;
    if (off && !k->off)
        log_info("agent: the states of more than %d probes are not kept in memory; they begin anew "
                 "when supd-agent is started again",
                 KEEPING_PROBES_IN_MEMORY);
    k->off = off;
    on_timer(a);
}

void keeping_probe(struct agent_program *a, const struct probe_event *ev)
{
    struct str s = STR_INIT;
    if (ev->kind == PROBE_REMOVED) {
        engine_keep(a->engine, TABLE, ev->probe->name, NULL, 0);
    } else if (ev->keep && !a->keeping->off) {
        probes_save(a->probes, ev->probe->name, &s);
        engine_keep(a->engine, TABLE, ev->probe->name, str_text(&s), s.len);
    }
    str_fini(&s);
}

/* ---- in ---- */

static bool take_stamp(struct keeping *k, const void *p, size_t n)
{
    k->was_seen = record_open(p, n, RECORD_STAMP, ONE, &k->was, sizeof(k->was));
    return k->was_seen;
}

bool keeping_record(void *obj, const char *table, const char *key, const void *p, size_t n)
{
    struct keeping *k = ((struct agent_program *)obj)->keeping;
    if (strcmp(table, STAMP_TABLE) == 0 && strcmp(key, STAMP_KEY) == 0)
        return take_stamp(k, p, n);
    if (strcmp(table, TABLE) != 0)
        return true;
    struct kept one = {mem_strdup(key), mem_alloc(n + 1), n};
    memcpy(one.p, p, n);
    VEC_PUSH(&k->read, one);
    return true;
}

/* All processes of the probe's program that are up have been started since: what was known of the
 * program is of other ones. */
static bool program_began(const struct agent_program *a, const struct probe_view *v)
{
    bool any = false;
    for (const struct agent_process *p = NULL;
         v->opts->program && (p = agent_procs_next(a->procs, p));) {
        if (!p->pid || strcmp(p->program, v->opts->program) != 0)
            continue;
        any = true;
        if (p->start <= a->keeping->was.wall / 1000000000)
            return false;
    }
    return any;
}

/* True if it goes on as it was. */
static bool restore(struct agent_program *a, const struct kept *r)
{
    struct probe_view v;
    if (!probes_find(a->probes, r->name, &v)) {
        engine_keep(a->engine, TABLE, r->name, NULL, 0);
        return false;
    }
    return a->keeping->was_seen && !program_began(a, &v) &&
           probes_restore(a->probes, r->name, r->p, r->n, away(a->keeping));
}

void keeping_restored(void *obj)
{
    struct agent_program *a = obj;
    struct keeping *k = a->keeping;
    size_t n = 0, all = k->read.n;
    VEC_EACH (&k->read, i) {
        n += restore(a, &k->read.v[i]);
        free(k->read.v[i].name);
        free(k->read.v[i].p);
    }
    VEC_FINI(&k->read);
    if (all)
        log_info("agent: %zu of %zu probes go on where they were", n, all);
    on_timer(a);
}

/* ---- life ---- */

void keeping_setup(struct agent_program *a)
{
    a->keeping = mem_zalloc(sizeof(*a->keeping));
    a->keeping->boot = boot_id();
    LOOP_TIMER(&a->keeping->timer, a->loop, on_timer, a);
}

void keeping_fini(struct agent_program *a)
{
    struct keeping *k = a->keeping;
    if (!k)
        return;
    if (a->engine && a->probes && probes_count(a->probes) && !k->off)
        put_stamp(a);
    loop_timer_stop(&k->timer);
    VEC_EACH (&k->read, i) {
        free(k->read.v[i].name);
        free(k->read.v[i].p);
    }
    VEC_FINI(&k->read);
    free(k);
    a->keeping = NULL;
}
