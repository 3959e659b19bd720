/* The commands that are run beside a process: stop, reload, hooks. */
#include "supervisor/conf/section.h"

#include <string.h>

static bool any_key(const struct sect *x)
{
    for (size_t i = 0; i < x->t->n; i++)
        if (x->keys[i])
            return true;
    return false;
}

/* another process of the section has the very same */
static bool same_for_all(const struct sect *x)
{
    for (size_t i = 0; i < x->t->n; i++)
        if (x->keys[i] && strchr(x->keys[i]->value, '%'))
            return false;
    return true;
}

static void check_words(struct sect *x, const char *command, unsigned which)
{
    const char *name = gen_command_name(which), **argv;
    size_t argc;
    struct err e;
    struct pos at = sect_pos(x, sect_index(&rows_hooks, name));
    if (!command)
        return;
    if (words_split(x->c->a, command, &argv, &argc, &e) < 0)
        conf_fail(x->c, at, "%s.%s: can't parse command '%s': %s", x->s->name, name, command,
                  e.msg);
    else if (!argc)
        conf_fail(x->c, at, "%s.%s: command is empty", x->s->name, name);
}

static void check(struct sect *x, const struct hook_opts *h)
{
    for (unsigned i = 0; i < GEN_NCOMMANDS; i++)
        check_words(x, h->command[i], i);
    if (h->command[GEN_RELOAD_COMMAND] && h->reload_signal)
        conf_fail(
            x->c, sect_pos(x, sect_index(&rows_hooks, "reload_signal")),
            "%s.reload_signal: reload_command is there, too, and only one of them can be what "
            "`supctl reload` does",
            x->s->name);
}

bool load_hooks(struct conf *c, const struct ini_section *s, const struct names *names,
                const struct proc *before, struct hook_opts **out)
{
    struct sect x;
    size_t had = c->m.list[MSG_ERROR].n;
    sect_init(&x, c, s, &rows_hooks);
    *out = NULL;
    if (!any_key(&x))
        return true;
    if (before && same_for_all(&x)) {
        *out = before->hooks;
        return true;
    }
    *out = arena_alloc(c->a, sizeof(**out));
    sect_convert(&x, *out, names, 0, 0);
    check(&x, *out);
    return c->m.list[MSG_ERROR].n == had;
}
