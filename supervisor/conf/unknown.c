/* Unknown sections and keys: a note where Supervisor is silent, an error in sections of ours. */
#include "supervisor/base/text.h"
#include "supervisor/conf/family.h"
#include "supervisor/conf/show.h"

#include <string.h>

const struct sect_kind *sect_kind_of(const char *section)
{
    for (size_t i = 0; i < sect_nkinds; i++) {
        const struct sect_kind *k = &sect_kinds[i];
        size_t n = strlen(k->name);
        if (strncmp(section, k->name, n) != 0)
            continue;
        if (k->prefix || (k->named ? section[n] == ':' : section[n] == '\0'))
            return k;
    }
    return NULL;
}

const char *conf_help(const char *section, const char *option)
{
    const struct sect_kind *k = sect_kind_of(section);
    size_t row;
    for (size_t t = 0; k && t < SECT_TABLES && k->tables[t]; t++) {
        const struct opt *o = rows_find(k->tables[t], option, &row);
        if (o)
            return o->help;
    }
    return NULL;
}

/* The tables of options that a section may have: its kind's, or its family's and its type's. */
struct tables {
    const struct opt_table *t[SECT_TABLES];
};

static struct tables tables_of(const struct conf *c, const struct ini_section *s,
                               const struct sect_kind *kind)
{
    struct tables all = {0};
    if (!kind->family) {
        memcpy(all.t, kind->tables, sizeof(all.t));
        return all;
    }
    const struct ini_key *type = ini_get(&c->ini, s, "type");
    const struct kind *k = type ? family_kind(kind->family, type->value) : NULL;
    return (struct tables){{kind->family->rows, k ? k->rows : NULL}};
}

/* The option that is known by that word elsewhere, or is nearest to it; NULL if none is. The kind's
 * own go before the family's. */
static const char *nearest_option(const struct tables *tables, const char *word)
{
    struct near n = near_start(word);
    const char *known = NULL;
    for (size_t t = SECT_TABLES; t-- > 0;) {
        for (size_t i = 0; tables->t[t] && i < tables->t[t]->n; i++) {
            const struct opt *o = &tables->t[t]->rows[i];
            near_try(&n, o->name);
            if (!known && family_aka(o->aka, word))
                known = o->name;
        }
    }
    return n.best ? n.best : known;
}

/* All options of a section of ours, for who has nothing else to look at. */
static const char *all_options(struct conf *c, const struct tables *tables)
{
    struct str list = STR_INIT;
    for (size_t t = SECT_TABLES; t-- > 0;) {
        for (size_t i = 0; tables->t[t] && i < tables->t[t]->n; i++)
            str_printf(&list, "%s%s", list.len ? ", " : "", tables->t[t]->rows[i].name);
    }
    const char *text = arena_printf(c->a, "; it has %s", str_text(&list));
    str_fini(&list);
    return text;
}

static bool known_key(const struct tables *tables, const char *name)
{
    size_t i;
    for (size_t t = 0; t < SECT_TABLES && tables->t[t]; t++) {
        if (rows_find(tables->t[t], name, &i))
            return true;
    }
    return false;
}

/* What the writer may have meant by an option that the section does not have; the list of all is
 * given once. */
static const char *hint_for(struct conf *c, const struct sect_kind *kind,
                            const struct tables *tables, const char *word, bool *listed)
{
    const char *near = nearest_option(tables, word);
    if (near)
        return arena_printf(c->a, "; did you mean %s?", near);
    const struct kind *other = kind->family ? family_kind_with(kind->family, word) : NULL;
    const char *of = other ? arena_printf(c->a, "; type=%s has it", other->name) : "";
    if (!kind->ours || *listed)
        return of;
    *listed = true;
    return arena_printf(c->a, "%s%s", of, all_options(c, tables));
}

/* "[program:x" without its bracket: everything below it is lost, so that this is worth more than a
 * note. */
static bool open_header(struct conf *c, const struct ini_section *s, const struct sect_kind *kind,
                        const struct ini_key *k)
{
    if (k->name[0] != '[' || kind->ours || c->rq.lint)
        return false;
    conf_warn(c, k->at,
              "'%s:%s' is no section without a ']' at its end: it is ignored, and the lines below "
              "it are taken for options of [%s]",
              k->name, k->value, s->name);
    return true;
}

static void check_keys(struct conf *c, const struct ini_section *s, const struct sect_kind *kind)
{
    struct tables tables = tables_of(c, s, kind);
    bool listed = false;
    if (kind->family && !tables.t[1]) /* of no type: that has been said, and comes first */
        return;
    VEC_EACH (&s->keys, i) {
        const struct ini_key *k = s->keys.v[i];
        if (k->guessed || known_key(&tables, k->name) ||
            msgs_full(&c->m, kind->ours ? MSG_ERROR : MSG_NOTE) || open_header(c, s, kind, k))
            continue;
        const char *hint = hint_for(c, kind, &tables, k->name, &listed);
        if (kind->ours)
            conf_fail(c, k->at, "[%s] has no option '%s'%s", s->name, k->name, hint);
        else if (c->rq.lint)
            conf_trap(c, k->at, "ignores it, without a word", "the same",
                      "[%s] has no option '%s'%s", s->name, k->name, hint);
        else
            conf_hint(c, k->at, "[%s] has no option '%s', it is ignored%s", s->name, k->name, hint);
    }
}

/* A slip of up to two letters; of a three-letter name only one, or added letters: nearly every
 * short word is two changes away from it. */
static bool slip_of(const char *word, const char *name)
{
    unsigned d = text_distance(word, name, 2);
    if (d > 2 || d < 2)
        return d < 2;
    return strlen(name) > 3 || strlen(word) == strlen(name) + 2;
}

static const struct sect_kind *near_ours(struct conf *c, const char *section)
{
    const char *colon = strchr(section, ':');
    const char *word = colon ? arena_strndup(c->a, section, (size_t)(colon - section)) : section;
    for (size_t i = 0; i < sect_nkinds; i++) {
        const struct sect_kind *k = &sect_kinds[i];
        if (k->ours && k->named == (colon != NULL) && slip_of(word, k->name))
            return k;
    }
    return NULL;
}

/* A section of another kind whose name is near: only a note, for it may be another program's. */
static const char *near_theirs(struct conf *c, const char *section)
{
    size_t n = strcspn(section, ":");
    const char *word = arena_strndup(c->a, section, n);
    for (size_t i = 0; i < sect_nkinds; i++) {
        const struct sect_kind *k = &sect_kinds[i];
        if (k->ours || text_distance(word, k->name, 2) > 2)
            continue;
        const char *name = !k->named ? "" : section[n] ? section + n : ":NAME";
        return arena_printf(c->a, "; did you mean [%s%s]?", k->name, name);
    }
    return "";
}

/* One of ours with a name that it does not take, or without the one it needs. */
static bool wrong_shape(struct conf *c, const struct ini_section *s)
{
    size_t n = strcspn(s->name, ":");
    for (size_t i = 0; i < sect_nkinds; i++) {
        const struct sect_kind *k = &sect_kinds[i];
        if (!k->ours || strlen(k->name) != n || strncmp(k->name, s->name, n) != 0)
            continue;
        conf_fail(c, pos_section(s),
                  k->named ? "[%s] needs a name, as in [%s:NAME]"
                           : "[%s]: write [%s], it has no name",
                  s->name, k->name);
        return true;
    }
    return false;
}

static void unknown_section(struct conf *c, const struct ini_section *s)
{
    if (wrong_shape(c, s))
        return;
    const struct sect_kind *ours = near_ours(c, s->name);
    if (ours) {
        conf_fail(c, pos_section(s), "unknown section [%s]; did you mean [%s%s]?", s->name,
                  ours->name, ours->named ? strchr(s->name, ':') : "");
        return;
    }
    if (msgs_full(&c->m, MSG_NOTE))
        return;
    const char *near = near_theirs(c, s->name);
    if (c->rq.lint) {
        conf_trap(c, pos_section(s), "ignores it with all that is in it, without a word",
                  "the same", "unknown section [%s]%s", s->name, near);
        return;
    }
    conf_hint(c, pos_section(s), "unknown section [%s] is ignored%s", s->name, near);
}

void sect_check_names(struct conf *c)
{
    if (c->rq.exact)
        return;
    VEC_EACH (&c->ini.sections, i) {
        const struct ini_section *s = c->ini.sections.v[i];
        const struct sect_kind *kind = sect_kind_of(s->name);
        if (!kind)
            unknown_section(c, s);
        else if (kind->later || (kind->family && !kind->family->nkinds))
            conf_fail(c, pos_section(s),
                      "[%s]: this version of supd has no [%s:...] sections yet; "
                      "remove the section",
                      s->name, kind->name);
        else if (!kind->free_keys)
            check_keys(c, s, kind);
    }
}
