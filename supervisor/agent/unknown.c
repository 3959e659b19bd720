/* What is said to a name that nothing has. */
#include "supervisor/agent/unknown.h"
#include "supervisor/base/near.h"

#include <string.h>

static const char *word_of(const struct family *f)
{
    return f == &family_notify ? "notifier" : f->section;
}

/* NULL: not of this family */
static const struct item *item_at(const struct agent_program *a, const struct family *f, size_t i)
{
    const struct item *it = a->gen->conf->items.v[i];
    return it->family == f ? it : NULL;
}

bool unknown_item(const struct agent_program *a, const struct family *f, const char *name)
{
    for (size_t i = 0; a->gen && i < a->gen->conf->items.n; i++) {
        const struct item *it = item_at(a, f, i);
        if (it && strcmp(it->name, name) == 0)
            return false;
    }
    return true;
}

void unknown_refuse(struct agent_program *a, const struct channel_req *rq, const struct family *f,
                    const char *name)
{
    struct near n = near_start(name);
    struct str text = STR_INIT;
    bool any = false;
    for (size_t i = 0; a->gen && i < a->gen->conf->items.n; i++) {
        const struct item *it = item_at(a, f, i);
        any = any || it;
        if (it)
            near_try(&n, it->name);
    }
    str_printf(&text, "there is no %s %s", word_of(f), name);
    if (n.best)
        str_printf(&text, "; did you mean %s?", n.best);
    else if (!any)
        str_printf(&text, ": no [%s:NAME] is configured", f->section);
    channel_error(a->channel, rq->ref, WIRE_BAD_NAME, str_text(&text));
    str_fini(&text);
}
