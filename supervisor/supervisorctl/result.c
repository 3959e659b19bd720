/* What start, stop, signal and clear say about each process, and to which exit code it comes. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/base/arena.h"

#include <string.h>

#define SAYINGS(name, ...) static const struct sctl_saying name[] = {__VA_ARGS__};
#define KIND(name, done_, harmless_, sayings_)                                                     \
    const struct sctl_kind name = {.done = (done_),                                                \
                                   .harmless = (harmless_),                                        \
                                   .sayings = (sayings_),                                          \
                                   .n = sizeof(sayings_) / sizeof((sayings_)[0])};

SAYINGS(of_start, {XMLRPC_BAD_NAME, "no such process"}, {XMLRPC_NO_FILE, "no such file"},
        {XMLRPC_NOT_EXECUTABLE, "file is not executable"},
        {XMLRPC_ALREADY_STARTED, "already started"}, {XMLRPC_SPAWN_ERROR, "spawn error"},
        {XMLRPC_ABNORMAL_TERMINATION, "abnormal termination"})
SAYINGS(of_signal, {XMLRPC_BAD_NAME, "no such process"}, {XMLRPC_BAD_SIGNAL, "bad signal name"},
        {XMLRPC_NOT_RUNNING, "not running"}, {XMLRPC_FAILED, NULL})
SAYINGS(of_clear, {XMLRPC_BAD_NAME, "no such process"}, {XMLRPC_FAILED, "failed"})

KIND(sctl_starts, "started", XMLRPC_ALREADY_STARTED, of_start)
KIND(sctl_stops, "stopped", XMLRPC_NOT_RUNNING, of_signal)
KIND(sctl_signals, "signalled", 0, of_signal)
KIND(sctl_clears, "cleared", 0, of_clear)

static void take_exit(struct sctl *c, const struct sctl_kind *k, int status)
{
    if (status == XMLRPC_SUCCESS || (k->harmless && status == k->harmless))
        return;
    bool dead = status == XMLRPC_SPAWN_ERROR || status == XMLRPC_ABNORMAL_TERMINATION ||
                status == XMLRPC_NOT_RUNNING;
    c->exit = dead ? SCTL_NOT_RUNNING : SCTL_FAILED;
}

static const struct sctl_saying *saying(const struct sctl_kind *k, int status)
{
    for (size_t i = 0; i < k->n; i++)
        if (k->sayings[i].code == status)
            return &k->sayings[i];
    return NULL;
}

static enum sctl_end show(struct sctl *c, const struct sctl_kind *k, const struct sctl_result *r,
                          const char *name)
{
    const struct sctl_saying *s = saying(k, r->status);
    if (r->status == XMLRPC_SUCCESS)
        sctl_say("%s: %s", name, k->done);
    else if (!s)
        return sctl_raise(c, "ValueError", "Unknown result code %d for %s", r->status, name);
    else if (s->text)
        sctl_say("%s: ERROR (%s)", name, s->text);
    else
        sctl_say("%s", r->text);
    take_exit(c, k, r->status);
    return SCTL_DONE;
}

enum sctl_end sctl_show_result(struct sctl *c, const struct sctl_kind *k,
                               const struct sctl_result *r)
{
    struct arena *a = arena_new();
    enum sctl_end end = show(c, k, r, sctl_join(a, r->group, r->process));
    arena_free(&a);
    return end;
}

enum sctl_end sctl_show_results(struct sctl *c, const struct sctl_kind *k, const json_t *results)
{
    for (size_t i = 0; i < json_array_size(results); i++) {
        const json_t *one = json_array_get(results, i);
        struct sctl_result r = {.group = sctl_text(one, "group"),
                                .process = sctl_text(one, "name"),
                                .status = (int)sctl_number(one, "status"),
                                .text = sctl_text(one, "description")};
        enum sctl_end end = sctl_show_result(c, k, &r);
        if (end != SCTL_DONE)
            return end;
    }
    return SCTL_DONE;
}

/* ---- to all, to groups, to processes ---- */

static int call(struct sctl *c, const struct sctl_each *e, struct sctl_reply *out,
                const char *method, const char *name)
{
    if (name && e->extra)
        return sctl_call(c, out, method, "[s,s]", name, e->extra);
    if (name || e->extra)
        return sctl_call(c, out, method, "[s]", name ? name : e->extra);
    return sctl_call(c, out, method, "[]");
}

static enum sctl_end do_all(struct sctl *c, const struct sctl_each *e)
{
    struct sctl_reply r;
    if (call(c, e, &r, e->all, NULL) < 0)
        return SCTL_RAISED;
    enum sctl_end end = r.value ? sctl_show_results(c, e->kind, r.value) : sctl_raise_fault(c, &r);
    sctl_reply_fini(&r);
    return end;
}

static enum sctl_end do_group(struct sctl *c, const struct sctl_each *e, const char *group)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (call(c, e, &r, e->group, group) < 0)
        return SCTL_RAISED;
    if (r.value) {
        end = sctl_show_results(c, e->kind, r.value);
    } else if (r.fault == XMLRPC_BAD_NAME) {
        sctl_say("%s: ERROR (no such group)", group);
        c->exit = e->no_group;
    } else {
        end = sctl_raise_fault(c, &r);
    }
    sctl_reply_fini(&r);
    return end;
}

static enum sctl_end do_one(struct sctl *c, const struct sctl_each *e, const char *name,
                            const struct sctl_name *parts)
{
    struct sctl_reply r;
    if (call(c, e, &r, e->one, name) < 0)
        return SCTL_RAISED;
    struct sctl_result result = {.group = parts->group,
                                 .process = parts->process,
                                 .status = r.value ? XMLRPC_SUCCESS : r.fault,
                                 .text = r.text};
    enum sctl_end end = sctl_show_result(c, e->kind, &result);
    sctl_reply_fini(&r);
    return end;
}

enum sctl_end sctl_do_each(struct sctl *c, const struct sctl_each *e,
                           const struct sctl_words_of *names, struct arena *a)
{
    enum sctl_end end = SCTL_DONE;
    if (sctl_has_word(names, "all"))
        return do_all(c, e);
    for (size_t i = 0; i < names->n && end == SCTL_DONE; i++) {
        struct sctl_name parts = sctl_split(a, names->v[i]);
        if (!parts.process && e->group)
            end = do_group(c, e, parts.group);
        else
            end = do_one(c, e, names->v[i], &parts);
    }
    return end;
}
