/* update: rereads, then stops, removes and adds the groups that differ. */
#include "supervisor/supervisorctl/cmd.h"

#include <string.h>

struct update {
    struct sctl *c;
    struct sctl_words_of names; /* of groups; none: all */
    json_t *lists;              /* added, changed, removed */
};

/* one call whose result does not matter; false when it raised */
static bool tell(struct update *u, const char *method, const char *group)
{
    json_t *done = sctl_value(u->c, method, "[s]", group);
    json_decref(done);
    return done != NULL;
}

static bool failed(const json_t *results)
{
    for (size_t i = 0; i < json_array_size(results); i++)
        if (sctl_number(json_array_get(results, i), "status") == XMLRPC_FAILED)
            return true;
    return false;
}

static bool take_away(struct update *u, const char *group)
{
    json_t *results = sctl_value(u->c, "stopProcessGroup", "[s]", group);
    if (!results)
        return false;
    bool problems = failed(results);
    json_decref(results);
    sctl_say("%s: stopped", group);
    if (problems) {
        sctl_say("%s: has problems; not removing", group);
        u->c->exit = SCTL_FAILED;
        return true;
    }
    if (!tell(u, "removeProcessGroup", group))
        return false;
    sctl_say("%s: removed process group", group);
    return true;
}

static bool change(struct update *u, const char *group)
{
    if (!tell(u, "stopProcessGroup", group))
        return false;
    sctl_say("%s: stopped", group);
    if (!tell(u, "removeProcessGroup", group) || !tell(u, "addProcessGroup", group))
        return false;
    sctl_say("%s: updated process group", group);
    return true;
}

static bool put(struct update *u, const char *group)
{
    if (!tell(u, "addProcessGroup", group))
        return false;
    sctl_say("%s: added process group", group);
    return true;
}

static bool each(struct update *u, size_t list, bool (*fn)(struct update *u, const char *group))
{
    const json_t *groups = json_array_get(u->lists, list);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const char *group = json_string_value(json_array_get(groups, i));
        if (!group || (u->names.n && !sctl_has_word(&u->names, group)))
            continue;
        if (!fn(u, group))
            return false;
    }
    return true;
}

static bool is_group(const struct update *u, const json_t *infos, const char *name)
{
    const json_t *added = json_array_get(u->lists, 0);
    for (size_t i = 0; i < json_array_size(infos); i++)
        if (strcmp(sctl_text(json_array_get(infos, i), "group"), name) == 0)
            return true;
    for (size_t i = 0; i < json_array_size(added); i++) {
        const char *group = json_string_value(json_array_get(added, i));
        if (group && strcmp(group, name) == 0)
            return true;
    }
    return false;
}

static bool named_before(const struct update *u, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(u->names.v[i], u->names.v[at]) == 0)
            return true;
    return false;
}

/* says which names are no groups; the others are updated all the same */
static bool check_names(struct update *u)
{
    if (!u->names.n)
        return true;
    json_t *infos = sctl_value(u->c, "getAllProcessInfo", "[]");
    if (!infos)
        return false;
    for (size_t i = 0; i < u->names.n; i++) {
        if (named_before(u, i) || is_group(u, infos, u->names.v[i]))
            continue;
        sctl_error("no such group: %s", u->names.v[i]);
        u->c->exit = SCTL_FAILED;
    }
    json_decref(infos);
    return true;
}

static enum sctl_end apply(struct update *u)
{
    bool done = check_names(u) && each(u, 2, take_away) && each(u, 1, change) && each(u, 0, put);
    return done ? SCTL_DONE : SCTL_RAISED;
}

enum sctl_end sctl_do_update(struct sctl *c, const char *arg)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (sctl_call(c, &r, "reloadConfig", "[]") < 0)
        return SCTL_RAISED;
    if (r.value) {
        struct arena *a = arena_new();
        struct update u = {c, sctl_split_words(a, arg), json_array_get(r.value, 0)};
        if (sctl_has_word(&u.names, "all"))
            u.names.n = 0;
        end = apply(&u);
        arena_free(&a);
    } else if (r.fault == XMLRPC_SHUTDOWN_STATE) {
        sctl_error("already shutting down");
        c->exit = SCTL_FAILED;
    } else {
        end = sctl_raise_fault(c, &r);
    }
    sctl_reply_fini(&r);
    return end;
}
