/* Sections of families: type= chooses the kind, whose rows then read the rest. */
#include "supervisor/conf/family.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define SECRET_MAX 65536

/* ---- what checks use ---- */

static const struct sect *sect_with(const struct checker *k, const char *option, size_t *out_row)
{
    if (rows_find(k->common.t, option, out_row))
        return &k->common;
    return k->own.t && rows_find(k->own.t, option, out_row) ? &k->own : NULL;
}

static struct pos option_pos(const struct checker *k, const char *option)
{
    size_t row;
    const struct sect *x = sect_with(k, option, &row);
    return x ? sect_pos(x, row) : k->item->at;
}

static void say(struct checker *k, enum msg_kind kind, const char *option, const char *fmt,
                va_list ap)
{
    const char *text = arena_vprintf(k->c->a, fmt, ap);
    msgs_add(&k->c->m, kind, option_pos(k, option), "%s.%s: %s", k->item->section, option, text);
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

bool check_given(const struct checker *k, const char *option)
{
    size_t row;
    const struct sect *x = sect_with(k, option, &row);
    return x && x->keys[row];
}

/* ---- names of other sections ---- */

/* the nearest of several names to a word that is none of them */
struct near {
    const char *word, *best;
    unsigned least;
};

static struct near near_start(const char *word)
{
    return (struct near){.word = word, .least = strlen(word) > 5 ? 3 : 2};
}

static void near_try(struct near *n, const char *name)
{
    unsigned d = text_distance(n->word, name, n->least);
    if (d < n->least) {
        n->least = d;
        n->best = name;
    }
}

static void fail_name(struct checker *k, const char *option, const char *section,
                      const struct near *n)
{
    if (n->best)
        check_fail(k, option, "there is no [%s:%s]; did you mean %s?", section, n->word, n->best);
    else
        check_fail(k, option, "there is no [%s:%s]", section, n->word);
}

const struct item *check_item(struct checker *k, const char *option, const struct family *f,
                              const char *name)
{
    const struct item *found = family_item(k->c, f, name);
    if (found)
        return found;
    struct near n = near_start(name);
    VEC_EACH (&k->c->items, i) {
        if (k->c->items.v[i]->family == f)
            near_try(&n, k->c->items.v[i]->name);
    }
    fail_name(k, option, f->section, &n);
    return NULL;
}

static bool has_program(const struct conf *c, const char *name)
{
    VEC_EACH (&c->groups, i) {
        const struct group *g = c->groups.v[i];
        if (strcmp(g->name, name) == 0)
            return true;
        VEC_EACH (&g->progs, j) {
            if (strcmp(g->progs.v[j]->name, name) == 0)
                return true;
        }
    }
    return false;
}

bool check_program(struct checker *k, const char *option, const char *name)
{
    struct near n = near_start(name);
    if (k->c->plain || has_program(k->c, name)) /* the agent's generation was checked before */
        return true;
    VEC_EACH (&k->c->groups, i) {
        const struct group *g = k->c->groups.v[i];
        near_try(&n, g->name);
        VEC_EACH (&g->progs, j)
            near_try(&n, g->progs.v[j]->name);
    }
    fail_name(k, option, "program", &n);
    return false;
}

const struct item *family_item(const struct conf *c, const struct family *f, const char *name)
{
    struct item *it;
    struct str section = STR_INIT;
    str_printf(&section, "%s:%s", f->section, name);
    HASH_FIND(hh, c->by_section, str_text(&section), section.len, it);
    str_fini(&section);
    return it;
}

/* ---- kinds ---- */

const struct kind *family_kind(const struct family *f, const char *type)
{
    for (size_t i = 0; i < f->nkinds; i++) {
        if (strcmp(f->kinds[i]->name, type) == 0)
            return f->kinds[i];
    }
    return NULL;
}

const struct kind *family_kind_with(const struct family *f, const char *option)
{
    size_t row;
    for (size_t i = 0; i < f->nkinds; i++) {
        if (rows_find(f->kinds[i]->rows, option, &row))
            return f->kinds[i];
    }
    return NULL;
}

bool family_has_option(const struct family *f, const struct kind *kind, const char *name)
{
    size_t row;
    return rows_find(f->rows, name, &row) || (kind && rows_find(kind->rows, name, &row));
}

static const struct family *family_of(const struct ini_section *s)
{
    const struct sect_kind *k = sect_kind_of(s->name);
    return k && s->name[strlen(k->name) + 1] ? k->family : NULL;
}

/* says which types there are, each with what it is for */
static void fail_type(struct conf *c, const struct family *f, const struct ini_section *s,
                      const struct ini_key *key)
{
    struct str list = STR_INIT;
    struct near n = near_start(key ? key->value : "");
    for (size_t i = 0; i < f->nkinds; i++) {
        str_printf(&list, "%s%s", i ? ", " : "", f->kinds[i]->name);
        near_try(&n, f->kinds[i]->name);
    }
    if (!key)
        conf_fail(c, pos_section(s), "[%s] needs a type=, one of %s", s->name, str_text(&list));
    else if (n.best)
        conf_fail(c, key->at, "%s.type: '%s' is not one of %s; did you mean %s?", s->name,
                  key->value, str_text(&list), n.best);
    else
        conf_fail(c, key->at, "%s.type: '%s' is not one of %s", s->name, key->value,
                  str_text(&list));
    str_fini(&list);
}

/* ---- secrets from files ---- */

static int read_secret(const char *path, char *buf, size_t *out_n, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, SECRET_MAX);
    int saved = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return err_errno(e, saved, "cannot read %s", path);
    while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\r'))
        n--;
    if (n == 0)
        return err_set(e, "%s is empty", path);
    if (n == SECRET_MAX || memchr(buf, '\0', (size_t)n))
        return err_set(e, "%s is no text of less than %d bytes", path, SECRET_MAX);
    *out_n = (size_t)n;
    return 0;
}

/* X_file=PATH stands for X= with the file's content. */
static void take_secret(struct checker *k, struct sect *x, size_t row, void *obj)
{
    const struct opt *o = &x->t->rows[row];
    const char *path = *(const char *const *)((const char *)obj + o->offset);
    const char *twin = arena_strndup(k->c->a, o->name, strlen(o->name) - 5);
    static char buf[SECRET_MAX];
    size_t n = 0, other = sect_index(x->t, twin);
    struct err e;
    if (!path)
        return;
    if (x->keys[other])
        check_fail(k, o->name, "%s= is given, too; keep one of them", twin);
    else if (read_secret(path, buf, &n, &e) < 0)
        check_fail(k, o->name, "%s", e.msg);
    else
        *(const char **)((char *)obj + x->t->rows[other].offset) = arena_strndup(k->c->a, buf, n);
    memset(buf, 0, n);
}

static void take_secrets(struct checker *k, struct sect *x, void *obj)
{
    for (size_t i = 0; i < x->t->n && !k->c->plain; i++) {
        if (x->t->rows[i].flags & OPT_SECRET_FILE)
            take_secret(k, x, i, obj);
    }
}

/* ---- reading ---- */

static void convert(struct checker *k, struct sect *x, const struct opt_table *t, void *obj,
                    const struct ini_section *s)
{
    sect_init(x, k->c, s, t);
    sect_convert(x, obj, &k->c->here, 0, 0);
    take_secrets(k, x, obj);
}

/* A section's rows; NULL for an unknown type. The checks follow when all sections were read. */
static struct checker *read_item(struct conf *c, const struct family *f,
                                 const struct ini_section *s)
{
    const struct ini_key *type = ini_get(&c->ini, s, "type");
    const struct kind *kind = type ? family_kind(f, type->value) : NULL;
    if (!kind) {
        fail_type(c, f, s, type);
        return NULL;
    }
    struct item *it = arena_alloc(c->a, sizeof(*it));
    *it = (struct item){.family = f,
                        .kind = kind,
                        .name = strchr(s->name, ':') + 1,
                        .section = s->name,
                        .at = s->at,
                        .common = arena_alloc(c->a, f->size),
                        .own = arena_alloc(c->a, kind->size)};
    struct checker *k = arena_alloc(c->a, sizeof(*k));
    *k = (struct checker){.c = c, .item = it};
    size_t before = c->m.list[MSG_ERROR].n;
    convert(k, &k->common, f->rows, it->common, s);
    convert(k, &k->own, kind->rows, it->own, s);
    VEC_PUSH(&c->items, it);
    HASH_ADD_KEYPTR(hh, c->by_section, it->section, strlen(it->section), it);
    return c->m.list[MSG_ERROR].n == before ? k : NULL;
}

void load_families(struct conf *c)
{
    VEC(struct checker *) checks = VEC_INIT;
    VEC_EACH (&c->ini.sections, i) {
        const struct family *f = family_of(c->ini.sections.v[i]);
        struct checker *k = f && f->nkinds ? read_item(c, f, c->ini.sections.v[i]) : NULL;
        if (k)
            VEC_PUSH(&checks, k);
    }
    VEC_EACH (&checks, i) {
        struct checker *k = checks.v[i];
        if (k->item->kind->defaults)
            k->item->kind->defaults(k);
        if (k->item->family->check)
            k->item->family->check(k);
        if (k->item->kind->check)
            k->item->kind->check(k);
    }
    VEC_FINI(&checks);
}
