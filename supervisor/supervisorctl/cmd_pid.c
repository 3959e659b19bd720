/* pid: of supervisord, of a process, of all. */
#include "supervisor/supervisorctl/cmd.h"

static void print(int64_t pid)
{
    sctl_say("%lld", (long long)pid);
}

static enum sctl_end own(struct sctl *c)
{
    json_t *pid = sctl_value(c, "getPID", "[]");
    if (!pid)
        return SCTL_RAISED;
    print(json_integer_value(pid));
    json_decref(pid);
    return SCTL_DONE;
}

static enum sctl_end all(struct sctl *c)
{
    json_t *infos = sctl_value(c, "getAllProcessInfo", "[]");
    if (!infos)
        return SCTL_RAISED;
    for (size_t i = 0; i < json_array_size(infos); i++)
        print(sctl_number(json_array_get(infos, i), "pid"));
    json_decref(infos);
    return SCTL_DONE;
}

static enum sctl_end one(struct sctl *c, const char *name)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (sctl_call(c, &r, "getProcessInfo", "[s]", name) < 0)
        return SCTL_RAISED;
    if (r.value) {
        int64_t pid = sctl_number(r.value, "pid");
        print(pid);
        c->exit = pid ? c->exit : SCTL_NOT_RUNNING;
    } else if (r.fault == XMLRPC_BAD_NAME) {
        sctl_say("No such process %s", name);
        c->exit = SCTL_FAILED;
    } else {
        end = sctl_raise_fault(c, &r);
    }
    sctl_reply_fini(&r);
    return end;
}

enum sctl_end sctl_do_pid(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    if (!*arg)
        return own(c);
    struct arena *a = arena_new();
    struct sctl_words_of names = sctl_split_words(a, arg);
    if (sctl_has_word(&names, "all"))
        end = all(c);
    else
        for (size_t i = 0; i < names.n && end == SCTL_DONE; i++)
            end = one(c, names.v[i]);
    arena_free(&a);
    return end;
}
