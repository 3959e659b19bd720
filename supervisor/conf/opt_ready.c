/* The type of ready=: a word for the kind, and behind a colon what it needs to know. */
#include "supervisor/base/text.h"
#include "supervisor/conf/opt_ops.h"

#include <string.h>

static const struct {
    enum ready_kind kind;
    const char *word,
        *example; /* example: it needs an argument, as in this one; NULL: it has none */
    bool number;  /* which is a descriptor */
} kinds[] = {
    {READY_STARTSECS, "startsecs", NULL, false},
    {READY_NOTIFY, "notify", NULL, false},
    {READY_FD, "fd", "fd:3", true},
    {READY_PIDFILE, "pidfile", "pidfile:/run/x.pid", false},
    {READY_LOG, "log", "log:listening on port", false},
    {READY_PROBE, "probe", "probe:web", false},
    {READY_COMMAND, "command", "command:pg_isready -q", false},
};
#define NKINDS (sizeof(kinds) / sizeof(kinds[0]))

#define FD_LEAST 3
#define FD_MOST 1023

static int fail_kind(const char *text, struct err *e)
{
    struct str all = STR_INIT;
    for (size_t i = 0; i < NKINDS; i++)
        str_printf(&all, "%s%s", i ? ", " : "",
                   kinds[i].example ? kinds[i].example : kinds[i].word);
    err_set(e, "'%s' is not one of %s", text, str_text(&all));
    str_fini(&all);
    return -1;
}

PARSER(READY)
{
    UNUSED;
    struct ready_val *v = field;
    size_t n = strcspn(text, ":"), i = 0;
    const char *arg = text[n] ? text + n + 1 : NULL;
    while (i < NKINDS && (strncmp(kinds[i].word, text, n) != 0 || kinds[i].word[n]))
        i++;
    if (i == NKINDS)
        return fail_kind(text, e);
    if (!kinds[i].example && arg)
        return err_set(e, "%s has nothing behind it: '%s'", kinds[i].word, text);
    if (kinds[i].example && (!arg || !*arg))
        return err_set(e, "'%s' needs more, as in %s", text, kinds[i].example);
    *v = (struct ready_val){.text = arena_strdup(env->a, text), .kind = (uint8_t)kinds[i].kind};
    v->arg = arg ? arena_strdup(env->a, arg) : NULL;
    int64_t fd = 0;
    if (kinds[i].number && text_int(arg, FD_LEAST, FD_MOST, &fd, NULL) < 0)
        return err_set(e, "'%s' is no descriptor from %d to %d", arg, FD_LEAST, FD_MOST);
    v->number = (int32_t)fd;
    return 0;
}

PRINTER(READY)
{
    UNUSED;
    const struct ready_val *v = field;
    str_puts(out, v->text ? v->text : "startsecs");
    return true;
}
