/* avail: what is configured. */
#include "supervisor/supervisorctl/cmd.h"
#include "supervisor/conf/pytext.h"

#include <string.h>

#define NAME_WIDTH 32

static void show(struct arena *a, const json_t *info)
{
    const char *name = sctl_join(a, sctl_text(info, "group"), sctl_text(info, "name"));
    size_t n = py_chars(name, name + strlen(name));
    sctl_say("%s%*s %-9s %-9s %lld:%lld", name, n < NAME_WIDTH ? (int)(NAME_WIDTH - n) : 0, "",
             sctl_number(info, "inuse") ? "in use" : "avail",
             sctl_number(info, "autostart") ? "auto" : "manual",
             (long long)sctl_number(info, "group_prio"),
             (long long)sctl_number(info, "process_prio"));
}

static void show_all(const json_t *infos)
{
    struct arena *a = arena_new();
    for (size_t i = 0; i < json_array_size(infos); i++)
        show(a, json_array_get(infos, i));
    arena_free(&a);
}

enum sctl_end sctl_do_avail(struct sctl *c, const char *arg)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (sctl_refuse_args(c, "avail", arg))
        return SCTL_DONE;
    if (sctl_call(c, &r, "getAllConfigInfo", "[]") < 0)
        return SCTL_RAISED;
    if (r.value) {
        show_all(r.value);
    } else if (r.fault == XMLRPC_SHUTDOWN_STATE) {
        sctl_error("supervisor shutting down");
        c->exit = SCTL_FAILED;
    } else {
        end = sctl_raise_fault(c, &r);
    }
    sctl_reply_fini(&r);
    return end;
}
