/* What the checks of families use: messages at an option's line, and the names of other sections.
 */
#include "supervisor/conf/family.h"

#include <stdio.h>
#include <string.h>

/* So many names are listed at most where one is wrong. */
#define LIST_MAX 12

/* ---- messages ---- */

static const struct sect *sect_with(const struct checker *k, const char *option, size_t *out_row)
{
    if (rows_find(k->common.t, option, out_row))
        return &k->common;
    return k->own.t && rows_find(k->own.t, option, out_row) ? &k->own : NULL;
}

static const struct ini_key *key_of(const struct checker *k, const char *option)
{
    size_t row;
    char twin[64];
    const struct sect *x = sect_with(k, option, &row);
    if (!x)
        return NULL;
    if (x->keys[row])
        return x->keys[row];
    snprintf(twin, sizeof(twin), "%s_file", option); /* a secret may be given by its file */
    return rows_find(x->t, twin, &row) ? x->keys[row] : NULL;
}

static void say(struct checker *k, enum msg_kind kind, const char *option, const char *fmt,
                va_list ap)
{
    const struct ini_key *key = key_of(k, option);
    if (kind != MSG_ERROR && k->c->plain) /* the agent's own reading: all was said before */
        return;
    const char *text = arena_vprintf(k->c->a, fmt, ap);
    msgs_add(&k->c->m, kind, key ? key->at : k->item->at, "%s.%s: %s", k->item->section, option,
             text);
}

void check_fail(struct checker *k, const char *option, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(k, MSG_ERROR, option, fmt, ap);
    va_end(ap);
}

void check_warn(struct checker *k, const char *option, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    say(k, MSG_WARNING, option, fmt, ap);
    va_end(ap);
}

void check_hint(struct checker *k, const char *option, const char *fmt, ...)
{
    va_list ap;
    if (k->c->m.list[MSG_ERROR].n) /* what is missing may be what is wrong */
        return;
    va_start(ap, fmt);
    say(k, MSG_NOTE, option, fmt, ap);
    va_end(ap);
}

bool check_given(const struct checker *k, const char *option)
{
    size_t row;
    const struct sect *x = sect_with(k, option, &row);
    return x && x->keys[row];
}

bool check_bare_number(const struct checker *k, const char *option)
{
    const struct ini_key *key = key_of(k, option);
    return key && *key->value && !key->value[strspn(key->value, "0123456789.")];
}

/* ---- names of other sections ---- */

/* "; did you mean chat?", or which there are, or that there are none */
static void fail_name(struct checker *k, const char *option, const char *section,
                      const struct near *n, struct str *all)
{
    if (strchr(n->word, ','))
        check_fail(k, option, "'%s' is more than one name; each needs a section of its own",
                   n->word);
    else if (n->best)
        check_fail(k, option, "there is no [%s:%s]; did you mean %s?", section, n->word, n->best);
    else if (all->len)
        check_fail(k, option, "there is no [%s:%s]; there is %s", section, n->word, str_text(all));
    else
        check_fail(k, option, "there is no [%s:%s], nor any other [%s:NAME]; add the section",
                   section, n->word, section);
}

struct names_list {
    struct near near;
    struct str all;
    size_t n;
};

static void offer(struct names_list *l, const char *name)
{
    near_try(&l->near, name);
    l->n++;
    if (l->n <= LIST_MAX)
        str_printf(&l->all, "%s%s", l->n > 1 ? ", " : "", name);
    else if (l->n == LIST_MAX + 1)
        str_puts(&l->all, " and more");
}

const struct item *check_item(struct checker *k, const char *option, const struct family *f,
                              const char *name)
{
    struct names_list l = {.near = near_start(name), .all = STR_INIT};
    const struct item *it = family_item(k->c, f, name);
    /* there, but with errors of its own; the agent checks what is left without it */
    if (it || k->c->plain || ini_find(&k->c->ini, arena_printf(k->c->a, "%s:%s", f->section, name)))
        return it;
    for (const struct item *i = family_first(k->c, f); i; i = i->next)
        if (i != k->item)
            offer(&l, i->name);
    fail_name(k, option, f->section, &l.near, &l.all);
    str_fini(&l.all);
    return NULL;
}

bool check_program(struct checker *k, const char *option, const char *name)
{
    struct names_list l = {.near = near_start(name), .all = STR_INIT};
    bool found = k->c->plain; /* the agent's generation was checked before */
    for (size_t i = 0; i < k->c->groups.n && !found; i++) {
        const struct group *g = k->c->groups.v[i];
        found = strcmp(g->name, name) == 0;
        bool alone = g->progs.n == 1 && strcmp(g->progs.v[0]->name, g->name) == 0;
        if (!alone)
            near_try(&l.near, g->name);
        for (size_t j = 0; j < g->progs.n && !found; j++) {
            found = strcmp(g->progs.v[j]->name, name) == 0;
            offer(&l, g->progs.v[j]->name);
        }
    }
    if (!found)
        fail_name(k, option, "program", &l.near, &l.all);
    str_fini(&l.all);
    return found;
}

/* ---- items ---- */

static struct item *find_item(const struct conf *c, const struct family *f, const char *name)
{
    struct str section = STR_INIT;
    str_printf(&section, "%s:%s", f->section, name);
    const struct ini_section *s = ini_find(&c->ini, str_text(&section));
    str_fini(&section);
    return s ? s->item : NULL;
}

const struct item *family_item(const struct conf *c, const struct family *f, const char *name)
{
    return find_item(c, f, name);
}

static unsigned index_of(const struct family *f)
{
    static const struct family *const all[CONF_FAMILIES] = {&family_probe, &family_metric,
                                                            &family_alert, &family_notify};
    unsigned i = 0;
    while (i + 1 < CONF_FAMILIES && all[i] != f)
        i++;
    return i;
}

bool family_names(const struct family *by, const struct item *it)
{
    return it->named_by & 1u << index_of(by);
}

void family_add(struct conf *c, const struct family *f, struct item *it)
{
    unsigned i = index_of(f);
    c->families[i].any = true;
    if (!it)
        return;
    VEC_PUSH(&c->items, it);
    *(c->families[i].last ? &c->families[i].last->next : &c->families[i].first) = it;
    c->families[i].last = it;
}

bool family_any(const struct conf *c, const struct family *f)
{
    return c->families[index_of(f)].any;
}

const struct item *family_first(const struct conf *c, const struct family *f)
{
    return c->families[index_of(f)].first;
}

static unsigned alert_bit(const char *kind)
{
    size_t i = 0;
    while (i < family_alert.nkinds && strcmp(family_alert.kinds[i]->name, kind) != 0)
        i++;
    return 1u << i;
}

bool family_alerted(const struct item *it, const char *kind)
{
    return it->alert_kinds & alert_bit(kind);
}

static const struct opt *row_of(const struct item *it, const char *option, const void **out_obj,
                                size_t *out_row)
{
    const struct opt *o = rows_find(it->family->rows, option, out_row);
    *out_obj = o ? it->common : it->own;
    return o ? o : rows_find(it->kind->rows, option, out_row);
}

const char *item_text(const struct item *it, const char *option)
{
    const void *obj;
    size_t row;
    const struct opt *o = row_of(it, option, &obj, &row);
    return o && o->type == OPT_STRING ? *(const char *const *)((const char *)obj + o->offset)
                                      : NULL;
}

bool item_given(const struct item *it, const char *option)
{
    const void *obj;
    size_t row;
    return row_of(it, option, &obj, &row) && ((const struct opt_set *)obj)->given >> row & 1;
}

static void mark(const struct conf *c, const struct item *from, const struct opt *o,
                 const char *name)
{
    struct item *to = name ? find_item(c, o->refers, name) : NULL;
    if (!to || to == from)
        return;
    to->named_by |= 1u << index_of(from->family);
    if (from->family == &family_alert)
        to->alert_kinds |= alert_bit(from->kind->name);
}

static void mark_rows(const struct conf *c, const struct item *it, const struct opt_table *t,
                      const void *obj)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct opt *o = &t->rows[i];
        const void *field = (const char *)obj + o->offset;
        if (o->refers && o->type == OPT_STRING)
            mark(c, it, o, *(const char *const *)field);
        const struct str_list *l = o->refers && o->type == OPT_LIST ? field : NULL;
        for (size_t j = 0; l && j < l->n; j++)
            mark(c, it, o, l->v[j]);
    }
}

void family_mark(struct conf *c)
{
    VEC_EACH (&c->items, i) {
        const struct item *it = c->items.v[i];
        mark_rows(c, it, it->family->rows, it->common);
        mark_rows(c, it, it->kind->rows, it->own);
    }
}

bool family_aka(const char *aka, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = aka; p && *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len == n && strncmp(p, word, n) == 0)
            return true;
        p += len;
    }
    return false;
}
