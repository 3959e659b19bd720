/* Every section and option as manual page text and as a list of names, from the option rows. */
#include "supervisor/conf/family.h"
#include "supervisor/conf/show.h"

#include <string.h>

static const char *apply_text(enum gen_apply a)
{
    static const char *const text[] = {[GEN_SAME] = "when supd starts",
                                       [GEN_HOT] = "at once",
                                       [GEN_RESTART] = "by a restart of the process"};
    return text[a];
}

/* roff reads a dot or a quote at a line's start, and a backslash anywhere, as its own */
static void put_escaped(struct str *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (p == text && (*p == '.' || *p == '\''))
            str_puts(out, "\\&");
        str_puts(out, *p == '\\' ? "\\e" : "");
        if (*p != '\\')
            str_putc(out, *p);
        if (p[0] == '.' && p[1] == ' ') {
            str_putc(out, '\n'); /* a sentence, a line */
            p++;
        }
    }
    str_putc(out, '\n');
}

static void put_default(struct str *out, const struct opt *o)
{
    if (o->def && *o->def)
        str_printf(out, "Default: %s.\n", o->def);
    else if (o->def)
        str_puts(out, "Default: empty.\n");
    else if (o->def_note && strcmp(o->def_note, "required") == 0)
        str_puts(out, "Required.\n");
    else
        str_printf(out, "Default: %s.\n", o->def_note ? o->def_note : "unset");
}

static void put_words(struct str *out, const struct opt *o)
{
    for (size_t i = 0; o->words[i]; i++)
        str_printf(out, "%s%s", i ? "|" : "", o->words[i]);
}

static void put_option(struct str *out, const struct opt *o)
{
    str_printf(out, ".It Ic %s Ns = Ns Ar ", o->name);
    if (o->words)
        put_words(out, o);
    else
        str_puts(out, opt_type_name(o));
    str_putc(out, '\n');
    put_escaped(out, o->help);
    put_default(out, o);
    str_printf(out, "A change applies %s.%s\n", apply_text(o->apply),
               o->flags & OPT_OURS ? "\nNot in Supervisor." : "");
}

static void put_table(struct str *out, const struct opt_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        put_option(out, &t->rows[i]);
}

/* the table that another kind has shown already is named instead */
static bool shown_before(size_t kind, const struct opt_table *t)
{
    for (size_t i = 0; i < kind; i++) {
        for (size_t j = 0; j < SECT_TABLES; j++) {
            if (sect_kinds[i].tables[j] == t)
                return true;
        }
    }
    return false;
}

static void put_family(struct str *out, const struct family *f)
{
    str_puts(out, ".Bl -tag -width Ds\n");
    put_table(out, f->rows);
    str_puts(out, ".El\n");
    for (size_t i = 0; i < f->nkinds; i++) {
        str_printf(out, ".Pp\nOf\n.Ic type Ns = Ns Cm %s :\n", f->kinds[i]->name);
        put_escaped(out, f->kinds[i]->help);
        str_puts(out, ".Bl -tag -width Ds\n");
        put_table(out, f->kinds[i]->rows);
        str_puts(out, ".El\n");
    }
}

void conf_print_man_rows(struct str *out)
{
    for (size_t i = 0; i < sect_nkinds; i++) {
        const struct sect_kind *k = &sect_kinds[i];
        if (k->later || (k->family && !k->family->nkinds))
            continue;
        str_printf(out, ".Ss [%s%s]\n", k->name, k->named ? ":NAME" : "");
        put_escaped(out, k->help);
        if (k->family)
            put_family(out, k->family);
        bool again = k->tables[0] && shown_before(i, k->tables[0]);
        if (again)
            str_puts(out, "It has the options of a program, and:\n");
        if (!k->tables[0])
            continue;
        str_puts(out, ".Bl -tag -width Ds\n");
        for (size_t t = 0; t < SECT_TABLES && k->tables[t]; t++) {
            if (!shown_before(i, k->tables[t]))
                put_table(out, k->tables[t]);
        }
        str_puts(out, ".El\n");
    }
}

static void put_names(struct str *out, const char *section, const struct opt_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        str_printf(out, "%s %s\n", section, t->rows[i].name);
}

void conf_print_option_names(struct str *out)
{
    for (size_t i = 0; i < sect_nkinds; i++) {
        const struct sect_kind *k = &sect_kinds[i];
        for (size_t t = 0; t < SECT_TABLES && k->tables[t]; t++)
            put_names(out, k->name, k->tables[t]);
        if (k->family && k->family->nkinds)
            put_names(out, k->name, k->family->rows);
        for (size_t j = 0; k->family && j < k->family->nkinds; j++)
            put_names(out, k->name, k->family->kinds[j]->rows);
    }
}
