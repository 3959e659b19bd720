/* status: one line for each process; names are looked for here, in what the server lists. */
#include "supervisor/supervisorctl/cmd.h"
#include "supervisor/conf/pytext.h"

#include <stdio.h>
#include <string.h>

#define NARROWEST 30

/* what is to be shown, in its order */
struct shown {
    const json_t **v;
    size_t n, cap;
};

static void show(struct shown *s, struct arena *a, const json_t *info)
{
    if (s->n == s->cap) {
        const json_t **grown = arena_alloc(a, (s->cap * 2 + 64) * sizeof(*grown));
        if (s->n)
            memcpy(grown, s->v, s->n * sizeof(*grown));
        s->v = grown;
        s->cap = s->cap * 2 + 64;
    }
    s->v[s->n++] = info;
}

static bool matches(const json_t *info, const struct sctl_name *name)
{
    return strcmp(sctl_text(info, "group"), name->group) == 0 &&
           (!name->process || strcmp(sctl_text(info, "name"), name->process) == 0);
}

static void pick(struct sctl *c, struct shown *s, struct arena *a, const json_t *all,
                 const char *word)
{
    struct sctl_name name = sctl_split(a, word);
    size_t before = s->n;
    for (size_t i = 0; i < json_array_size(all); i++) {
        const json_t *info = json_array_get(all, i);
        if (matches(info, &name))
            show(s, a, info);
    }
    if (s->n > before)
        return;
    if (name.process)
        sctl_say("%s: ERROR (no such process)", word);
    else
        sctl_say("%s: ERROR (no such group)", name.group);
    c->exit = SCTL_UNKNOWN;
}

static const char *name_of(struct arena *a, const json_t *info)
{
    return sctl_join(a, sctl_text(info, "group"), sctl_text(info, "name"));
}

static size_t chars(const char *text)
{
    return py_chars(text, text + strlen(text));
}

/* columns are counted in characters */
static void print(struct arena *a, const struct shown *s)
{
    size_t widest = NARROWEST;
    struct str out = STR_INIT;
    for (size_t i = 0; i < s->n; i++) {
        size_t n = chars(name_of(a, s->v[i]));
        widest = n > widest ? n : widest;
    }
    for (size_t i = 0; i < s->n; i++) {
        const char *name = name_of(a, s->v[i]);
        str_printf(&out, "%s%*s%-10s%s\n", name, (int)(widest + 3 - chars(name)), "",
                   sctl_text(s->v[i], "statename"), sctl_text(s->v[i], "description"));
    }
    fputs(str_text(&out), stdout);
    fflush(stdout);
    str_fini(&out);
}

static bool is_down(const json_t *info)
{
    int64_t state = sctl_number(info, "state");
    return state == 0 || state == 100 || state == 200 || state == 1000;
}

static void show_all(struct sctl *c, struct arena *a, const json_t *all, const char *arg)
{
    struct shown s = {.v = NULL};
    struct sctl_words_of names = sctl_split_words(a, arg);
    bool every = !names.n || sctl_has_word(&names, "all");
    for (size_t i = 0; every && i < json_array_size(all); i++)
        show(&s, a, json_array_get(all, i));
    for (size_t i = 0; !every && i < names.n; i++)
        pick(c, &s, a, all, names.v[i]);
    print(a, &s);
    for (size_t i = 0; i < s.n; i++)
        if (is_down(s.v[i]))
            c->exit = SCTL_NOT_UP;
}

enum sctl_end sctl_do_status(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end)) {
        c->exit = SCTL_UNKNOWN;
        return end;
    }
    json_t *all = sctl_value(c, "getAllProcessInfo", "[]");
    if (!all)
        return SCTL_RAISED;
    struct arena *a = arena_new();
    show_all(c, a, all, arg);
    arena_free(&a);
    json_decref(all);
    return SCTL_DONE;
}
