/* Sections of families: type= chooses the kind, whose rows then read the rest. */
#include "supervisor/conf/family.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 65536

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
    for (size_t i = 0; key && i < f->nkinds; i++) {
        if (family_aka(f->kinds[i]->aka, key->value))
            n.best = f->kinds[i]->name;
    }
    for (size_t i = 0; !key && i < f->nkinds; i++) {
        if (ini_get(&c->ini, s, f->kinds[i]->name)) /* probe= and its like */
            n.best = f->kinds[i]->name;
    }
    if (!key)
        conf_fail(c, pos_section(s), "[%s] needs type=, one of %s%s%s%s", s->name, str_text(&list),
                  n.best ? "; did you mean type=" : "", n.best ? n.best : "", n.best ? "?" : "");
    else if (n.best)
        conf_fail(c, key->at, "%s.type: '%s' is not one of %s; did you mean %s?", s->name,
                  key->value, str_text(&list), n.best);
    else
        conf_fail(c, key->at, "%s.type: '%s' is not one of %s", s->name, key->value,
                  str_text(&list));
    str_fini(&list);
}

/* ---- secrets from files ---- */

static int read_secret(const char *path, char *buf, size_t *out_n, mode_t *out_mode, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, SECRET_MAX);
    int saved = errno;
    *out_mode = fd >= 0 && fstat(fd, &st) == 0 ? st.st_mode & 07777 : 0;
    if (fd >= 0)
        close(fd);
    if (n < 0 && saved == EACCES)
        return err_set(e, "cannot read %s: Permission denied (it is read as user %u)", path,
                       (unsigned)geteuid());
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
    mode_t mode;
    struct err e;
    if (!(((const struct opt_set *)obj)->has >> row & 1)) /* absent, or wrong already */
        return;
    if (x->keys[other])
        check_fail(k, o->name, "%s= is given, too; keep one of them", twin);
    else if (read_secret(path, buf, &n, &mode, &e) < 0)
        check_fail(k, o->name, "%s", e.msg);
    else
        *(const char **)((char *)obj + x->t->rows[other].offset) = arena_strndup(k->c->a, buf, n);
    if (n && mode & S_IWOTH)
        check_warn(k, o->name, "everybody may write to %s; chmod 600 it", path);
    else if (n && mode & S_IROTH)
        check_hint(k, o->name, "everybody may read %s; chmod 600 it, unless it is mounted so",
                   path);
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

/* What Supervisor's dialect does in silence, and few who write it mean: a section of the same name
 * is merged into the first, an option given again replaces the first, a comment cuts a text. */
static void check_text(struct conf *c, const struct ini_section *s, const struct opt_table *t)
{
    size_t row;
    for (size_t i = 0; i < s->keys.n && !c->plain; i++) {
        const struct ini_key *k = s->keys.v[i];
        const struct opt *o = rows_find(t, k->name, &row);
        if (o && k->before.line && !s->again.line)
            conf_warn(c, k->at,
                      "%s.%s: stands in line %u already, which does not count then; several lines "
                      "of one value are indented below it",
                      s->name, k->name, k->before.line);
        if (o && k->comment && (o->type == OPT_STRING || o->type == OPT_LIST))
            conf_hint(c, k->at,
                      "%s.%s: '%s' is taken for a comment, as is all behind a blank and ; or # (in "
                      "a pattern write \\s for that blank)",
                      s->name, k->name, k->comment);
    }
}

static void check_twice(struct conf *c, const struct ini_section *s)
{
    if (s->again.line && !c->plain)
        conf_fail(c, s->again,
                  "there is a [%s] in line %u of %s already; give one of them another name",
                  s->name, s->at.line, s->at.file);
}

/* A section's rows; NULL for an unknown type. The checks follow when all sections were read. */
static struct checker *read_item(struct conf *c, const struct family *f, struct ini_section *s)
{
    const struct ini_key *type = ini_get(&c->ini, s, "type");
    const struct kind *kind = type ? family_kind(f, type->value) : NULL;
    if (!kind) {
        fail_type(c, f, s, type);
        family_add(c, f, NULL);
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
    check_text(c, s, f->rows);
    check_text(c, s, kind->rows);
    check_twice(c, s);
    family_add(c, f, it);
    s->item = it;
    it->wrong = c->m.list[MSG_ERROR].n != before;
    return it->wrong ? NULL : k;
}

void items_fini(struct conf *c)
{
    VEC_FINI(&c->items);
}

static void check_one(struct checker *k)
{
    size_t before = k->c->m.list[MSG_ERROR].n;
    if (k->item->kind->defaults)
        k->item->kind->defaults(k);
    if (k->item->family->check)
        k->item->family->check(k);
    if (k->item->kind->check)
        k->item->kind->check(k);
    k->item->wrong = k->c->m.list[MSG_ERROR].n != before;
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
    family_mark(c);
    VEC_EACH (&checks, i)
        check_one(checks.v[i]);
    VEC_FINI(&checks);
}
