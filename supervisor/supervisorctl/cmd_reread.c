/* reread: what the configuration says now, beside what is active. */
#include "supervisor/supervisorctl/cmd.h"
#include "supervisor/base/vec.h"

#include <string.h>

struct change {
    const char *name, *what;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct change *)a)->name, ((const struct change *)b)->name);
}

static void show_changes(const json_t *lists)
{
    static const char *const whats[] = {"available", "changed", "disappeared"};
    VEC(struct change) all = VEC_INIT;
    for (size_t k = 0; k < sizeof(whats) / sizeof(whats[0]); k++) {
        const json_t *names = json_array_get(lists, k);
        for (size_t i = 0; i < json_array_size(names); i++) {
            const char *name = json_string_value(json_array_get(names, i));
            VEC_PUSH(&all, (struct change){name ? name : "", whats[k]});
        }
    }
    if (all.n)
        qsort(all.v, all.n, sizeof(all.v[0]), by_name);
    VEC_EACH (&all, i)
        sctl_say("%s: %s", all.v[i].name, all.v[i].what);
    if (!all.n)
        sctl_say("No config updates to processes");
    VEC_FINI(&all);
}

enum sctl_end sctl_do_reread(struct sctl *c, const char *arg)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (sctl_refuse_args(c, "reread", arg))
        return SCTL_DONE;
    if (sctl_call(c, &r, "reloadConfig", "[]") < 0)
        return SCTL_RAISED;
    if (r.value)
        show_changes(json_array_get(r.value, 0));
    else if (r.fault == XMLRPC_SHUTDOWN_STATE)
        sctl_error("supervisor shutting down");
    else if (r.fault == XMLRPC_CANT_REREAD)
        sctl_error("%s", r.text);
    else
        end = sctl_raise_fault(c, &r);
    if (!r.value)
        c->exit = SCTL_FAILED;
    sctl_reply_fini(&r);
    return end;
}
