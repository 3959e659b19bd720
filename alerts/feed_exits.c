/* Exits and restarts. supd counts them for each process, and what a metric gets is by how much
 * those counters have moved: nothing is missed while the agent is away, nothing counted twice. */
#include "alerts/feed_impl.h"

#include <string.h>

static struct feed_seen *find(const struct feed *f, const char *process)
{
    struct feed_seen *s;
    HASH_FIND_STR(f->seen, process, s);
    return s;
}

static void drop(struct feed *f, struct feed_seen *s)
{
    HASH_DEL(f->seen, s);
    free(s->process);
    free(s->group);
    free(s->program);
    free(s);
}

static uint32_t moved(uint64_t from, uint64_t to)
{
    return to < from ? 0 : to - from > UINT32_MAX ? UINT32_MAX : (uint32_t)(to - from);
}

/* Counters that went back began anew: the process was removed, and is there again. */
static bool began_anew(const struct feed_counters *from, const struct feed_counters *to)
{
    return to->exits < from->exits || to->unexpected < from->unexpected ||
           to->restarts < from->restarts || to->restarts_unexpected < from->restarts_unexpected;
}

static const struct feed_counters none;

static void count(struct feed *f, mono_t now, const struct feed_seen *s,
                  const struct feed_counters *from, bool restored)
{
    const struct feed_counters *c = &s->c;
    if (began_anew(from, c))
        from = &none;
    uint32_t bad = moved(from->unexpected, c->unexpected), all = moved(from->exits, c->exits);
    uint32_t again = moved(from->restarts, c->restarts);
    uint32_t worse = moved(from->restarts_unexpected, c->restarts_unexpected);
    feed_count_program(f, now, s, ROLE_EXITS, (uint32_t[]){all > bad ? all - bad : 0, bad},
                       restored);
    feed_count_program(f, now, s, ROLE_RESTARTS,
                       (uint32_t[]){again > worse ? again - worse : 0, worse}, restored);
}

static void set_name(char **name, const char *to)
{
    if (*name && strcmp(*name, to) == 0)
        return;
    free(*name);
    *name = mem_strdup(to);
}

void feed_process(struct feed *f, mono_t now, const struct feed_process *p)
{
    struct feed_seen *s = find(f, p->process);
    struct feed_counters from = s ? s->c : p->fresh ? none : p->counters;
    if (!s) {
        s = mem_zalloc(sizeof(*s));
        s->process = mem_strdup(p->process);
        HASH_ADD_KEYPTR(hh, f->seen, s->process, strlen(s->process), s);
    }
    set_name(&s->group, p->group);
    set_name(&s->program, p->program);
    s->c = p->counters;
    count(f, now, s, &from, false);
}

void feed_process_gone(struct feed *f, const char *process)
{
    struct feed_seen *s = find(f, process);
    if (s)
        drop(f, s);
}

void feed_supd(struct feed *f, uint64_t instance)
{
    f->instance = instance;
}

void feed_seen_free(struct feed *f)
{
    struct feed_seen *s, *next;
    HASH_ITER(hh, f->seen, s, next)
    drop(f, s);
}

/* ---- across a restart ---- */

struct saved {
    uint32_t name; /* bytes that follow */
    uint32_t pad;
    struct feed_counters c;
};

uint32_t feed_seen_save(const struct feed *f, struct str *out)
{
    const struct feed_seen *s, *next;
    uint32_t n = 0;
    HASH_ITER(hh, f->seen, s, next)
    {
        struct saved one = {.name = (uint32_t)strlen(s->process), .c = s->c};
        str_put(out, &one, sizeof(one));
        str_put(out, s->process, one.name);
        n++;
    }
    return n;
}

/* The next record of *p, whose name goes into name; false at a damaged one. */
static bool take(const char **p, size_t *n, struct saved *out, char *name, size_t size)
{
    if (*n < sizeof(*out))
        return false;
    memcpy(out, *p, sizeof(*out));
    if (out->name >= size || *n - sizeof(*out) < out->name)
        return false;
    memcpy(name, *p + sizeof(*out), out->name);
    name[out->name] = '\0';
    *p += sizeof(*out) + out->name;
    *n -= sizeof(*out) + out->name;
    return true;
}

/* What was counted up to the saving is in the restored windows, what came since is counted now.
 * Another supd's counters began at 0 when it did. */
bool feed_seen_restore(struct feed *f, mono_t now, const char *p, size_t n, uint32_t records,
                       bool same)
{
    struct feed_seen *s, *next;
    struct saved one;
    char name[1024];
    HASH_ITER(hh, f->seen, s, next)
    memset(&s->saved, 0, sizeof(s->saved));
    for (; records; records--) {
        if (!take(&p, &n, &one, name, sizeof(name)))
            return false;
        s = same ? find(f, name) : NULL;
        if (s)
            s->saved = one.c;
    }
    HASH_ITER(hh, f->seen, s, next)
    count(f, now, s, &s->saved, true);
    return true;
}
