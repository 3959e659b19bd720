/* A section seen through the rows of its kind: keys to rows, expansion, conversion, defaults. */
#include "supervisor/conf/section.h"
#include "supervisor/conf/pytext.h"

#include <string.h>

struct pos pos_section(const struct ini_section *s)
{
    return s ? s->at : (struct pos){NULL, 0};
}

const struct opt *rows_find(const struct opt_table *t, const char *name, size_t *out_index)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->rows[i].name[0] == name[0] && strcmp(t->rows[i].name, name) == 0) {
            *out_index = i;
            return &t->rows[i];
        }
    }
    return NULL;
}

size_t sect_index(const struct opt_table *t, const char *name)
{
    size_t i = 0;
    rows_find(t, name, &i);
    return i;
}

void sect_init(struct sect *x, struct conf *c, const struct ini_section *s,
               const struct opt_table *t)
{
    size_t row;
    *x = (struct sect){.c = c, .s = s, .t = t};
    if (!s) /* [DEFAULT] is for sections that exist */
        return;
    VEC_EACH (&c->ini.defaults.keys, i) {
        const struct ini_key *k = c->ini.defaults.keys.v[i];
        if (rows_find(t, k->name, &row))
            x->keys[row] = k;
    }
    VEC_EACH (&s->keys, i) {
        if (rows_find(t, s->keys.v[i]->name, &row))
            x->keys[row] = s->keys.v[i];
    }
}

struct pos sect_pos(const struct sect *x, size_t row)
{
    return x->keys[row] ? x->keys[row]->at : pos_section(x->s);
}

const char *sect_expand(struct sect *x, const struct ini_key *k, const char *text,
                        const struct names *names)
{
    if (!strchr(text, '%'))
        return text;
    struct err e;
    struct str out = STR_INIT;
    const char *what = arena_printf(x->c->a, "%s.%s", x->s->name, k->name);
    const char *done = NULL;
    size_t row;
    const struct opt *o = x->t ? rows_find(x->t, k->name, &row) : NULL;
    if (expand(&out, text, what, names, (struct expand_opts){.exact = x->c->rq.exact}, &e) == 0)
        done = arena_strdup(x->c->a, str_text(&out));
    else if (o && o->flags & OPT_SECRET) /* the reason shows the value */
        conf_fail(x->c, k->at, "%s: a percent sign is written %%%%, and names are %%(NAME)s", what);
    else
        conf_fail(x->c, k->at, "%s", e.msg);
    str_fini(&out);
    return done;
}

/* what a parser noticed beside the value */
static void notices(struct sect *x, const struct opt *o, const struct opt_env *env, struct pos at)
{
    if (env->dropped)
        conf_warn(x->c, at,
                  "%s.%s: the text from '%s' on is dropped there, as Supervisor does; put "
                  "the value in quotes",
                  x->s->name, o->name, env->dropped);
    if (env->extended)
        conf_hint(x->c, at,
                  "%s.%s: Supervisor refuses this value; put it in quotes to make the "
                  "file work with both",
                  x->s->name, o->name);
}

static bool convert(struct sect *x, size_t row, const char *text, void *obj)
{
    const struct opt *o = &x->t->rows[row];
    struct opt_env env = {.a = x->c->a, .paths = x->c->paths, .exact = x->c->rq.exact};
    struct err e;
    struct opt_set *set = obj;
    if (opt_parse(o, &env, text, obj, &e) < 0) {
        conf_fail(x->c, sect_pos(x, row), "%s.%s: %s", x->s ? x->s->name : "default", o->name,
                  e.msg);
        return false;
    }
    set->has |= UINT64_C(1) << row;
    if (x->keys[row])
        set->given |= UINT64_C(1) << row;
    notices(x, o, &env, sect_pos(x, row));
    return true;
}

/* In "10%" the sign needs no doubling: there is nothing else it could mean. */
static const char *lone_percent(struct sect *x, const char *text)
{
    size_t n = strlen(text);
    bool lone = n && text[n - 1] == '%' && (n < 2 || text[n - 2] != '%');
    return lone ? arena_printf(x->c->a, "%s%%", text) : text;
}

bool sect_row(struct sect *x, size_t row, void *obj, const struct names *names)
{
    const struct opt *o = &x->t->rows[row];
    const struct ini_key *k = x->keys[row];
    const char *text = k ? k->value : o->def;
    bool percentage = o->type == OPT_PERCENT || o->type == OPT_SHARE;
    if (k && !(o->flags & OPT_RAW) && !x->c->plain)
        text = sect_expand(x, k, percentage ? lone_percent(x, text) : text, names);
    else if (!text)
        return true;
    return text && convert(x, row, text, obj);
}

void sect_convert(struct sect *x, void *obj, const struct names *names, unsigned mask,
                  unsigned want)
{
    for (size_t i = 0; i < x->t->n; i++) {
        if ((x->t->rows[i].flags & mask) == want)
            sect_row(x, i, obj, names);
    }
}

bool sect_given(const struct opt_table *t, const void *obj, const char *name)
{
    size_t row = 0;
    return rows_find(t, name, &row) && (((const struct opt_set *)obj)->given >> row & 1);
}
