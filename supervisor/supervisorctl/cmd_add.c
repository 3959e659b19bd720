/* add, remove: groups of the configuration that was reread. */
#include "supervisor/supervisorctl/cmd.h"

/* of one fault: what is said, and whether it is a failure */
struct answer {
    int fault;
    const char *says; /* with the name behind it; NULL name: alone */
    bool with_name, harmless;
};

struct change {
    const char *method, *done;
    const struct answer *answers;
    size_t n;
};

static const struct answer of_add[] = {
    {XMLRPC_SHUTDOWN_STATE, "shutting down", false, false},
    {XMLRPC_ALREADY_ADDED, "process group already active", false, true},
    {XMLRPC_BAD_NAME, "no such process/group: ", true, false},
};
static const struct answer of_remove[] = {
    {XMLRPC_STILL_RUNNING, "process/group still running: ", true, false},
    {XMLRPC_BAD_NAME, "no such process/group: ", true, false},
};
static const struct change add = {"addProcessGroup", "added process group", of_add,
                                  sizeof(of_add) / sizeof(of_add[0])};
static const struct change take = {"removeProcessGroup", "removed process group", of_remove,
                                   sizeof(of_remove) / sizeof(of_remove[0])};

static enum sctl_end refused(struct sctl *c, const struct change *ch, const char *name,
                             const struct sctl_reply *r)
{
    for (size_t i = 0; i < ch->n; i++) {
        const struct answer *a = &ch->answers[i];
        if (a->fault != r->fault)
            continue;
        sctl_error("%s%s", a->says, a->with_name ? name : "");
        c->exit = a->harmless ? c->exit : SCTL_FAILED;
        return SCTL_DONE;
    }
    return sctl_raise_fault(c, r);
}

static enum sctl_end one(struct sctl *c, const struct change *ch, const char *name)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (sctl_call(c, &r, ch->method, "[s]", name) < 0)
        return SCTL_RAISED;
    if (r.value)
        sctl_say("%s: %s", name, ch->done);
    else
        end = refused(c, ch, name, &r);
    sctl_reply_fini(&r);
    return end;
}

static enum sctl_end each(struct sctl *c, const struct change *ch, const char *arg)
{
    struct arena *a = arena_new();
    struct sctl_words_of names = sctl_split_words(a, arg);
    enum sctl_end end = SCTL_DONE;
    for (size_t i = 0; i < names.n && end == SCTL_DONE; i++)
        end = one(c, ch, names.v[i]);
    arena_free(&a);
    return end;
}

enum sctl_end sctl_do_add(struct sctl *c, const char *arg)
{
    return each(c, &add, arg);
}

enum sctl_end sctl_do_remove(struct sctl *c, const char *arg)
{
    return each(c, &take, arg);
}
