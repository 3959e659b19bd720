/* Families of sections whose `type=` chooses among kinds: [probe:N], [metric:N], [alert:N],
 * [notify:N]. A kind is one file, which holds its options' rows and its rules, and one line in the
 * kinds.def of its folder; this folder knows kinds only by the tables below. The same rows are read
 * in the load child, from the configuration, and in supd-agent, from its generation. */
#ifndef CONF_FAMILY_H
#define CONF_FAMILY_H

#include "supervisor/conf/near.h"
#include "supervisor/conf/section.h"

#include <uthash.h>

struct checker;

struct kind {
    const char *name; /* the word of type= */
    const char *help; /* a sentence for the man page */
    const char *aka;  /* words for it in other programs, for "did you mean" */
    const struct opt_table *rows;
    size_t size; /* of its options, a struct that begins with struct opt_set */
    /* Fills in options that the section does not give and whose default differs from the family's;
     * called before the family's check, which fills in the rest. May be NULL. */
    void (*defaults)(struct checker *k);
    /* What rows cannot say: relations between options, names of other sections. May be NULL; called
     * only when all rows of the section were converted. */
    void (*check)(struct checker *k);
};

struct family {
    const char *section;          /* "probe" */
    const struct opt_table *rows; /* what all its kinds have; the first is type */
    size_t size;
    const struct kind *const *kinds;
    size_t nkinds;
    void (*check)(struct checker *k); /* as a kind's; called before it */
    /* The program that an item may have restarted, or NULL; may be NULL itself. */
    const char *(*restarts)(const struct item *it);
};

/* Defined where their kinds are: probes/judge, alerts/rules. */
extern const struct family family_probe, family_metric, family_alert, family_notify;

/* One section of a family, checked. Strings and structs live as long as its conf. */
struct item {
    const struct family *family;
    const struct kind *kind;
    const char *name;    /* behind the colon */
    const char *section; /* "probe:api" */
    struct item *next;   /* of its family */
    struct pos at;
    void *common;                   /* the family's options: a struct of family->size */
    void *own;                      /* the kind's options: a struct of kind->size */
    unsigned named_by, alert_kinds; /* who names it: see family_names(), family_alerted() */
    bool wrong;                     /* something was said about it: its options are not whole */
};

struct checker {
    struct conf *c;
    struct item *item;
    struct sect common, own;
};

/* An error at that option's line, "probe:api.timeout: TEXT"; at the section's where the file does
 * not give the option. */
void check_fail(struct checker *k, const char *option, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void check_warn(struct checker *k, const char *option, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* As check_warn, for what --check alone shows. */
void check_hint(struct checker *k, const char *option, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* True if the file gives the option. */
bool check_given(const struct checker *k, const char *option);
/* True if the file gives it as a number without a unit. */
bool check_bare_number(const struct checker *k, const char *option);
/* The item [family:name] that an option names; fails with a suggestion and returns NULL if there is
 * none. Items are checked after all were converted, but in no order: a named one may be wrong. */
const struct item *check_item(struct checker *k, const char *option, const struct family *f,
                              const char *name);
/* True if a program section (or a group) has that name; fails with a suggestion if not. */
bool check_program(struct checker *k, const char *option, const char *name);

/* The item [family:name], or NULL. */
const struct item *family_item(const struct conf *c, const struct family *f, const char *name);
/* True if a section of family `by` names the item in an option of its own (opt.refers). */
bool family_names(const struct family *by, const struct item *it);
/* True if an alert of type=KIND names it. */
bool family_alerted(const struct item *it, const char *kind);
/* The value of an option that is a text; NULL: it has no such option, or no value. */
const char *item_text(const struct item *it, const char *option);
/* True if it has such an option and the file gives it. */
bool item_given(const struct item *it, const char *option);
/* Notes at all items who names them; once, when all are read. */
void family_mark(struct conf *c);
/* True if there is any section of that family, right or wrong. */
bool family_any(const struct conf *c, const struct family *f);
/* The first of its items; the others follow by next. */
const struct item *family_first(const struct conf *c, const struct family *f);
/* Notes that there is a section of the family, and what was made of it, if it could be read. */
void family_add(struct conf *c, const struct family *f, struct item *it);
/* True if a word is one of those that a row or a kind is also known as; aka may be NULL. */
bool family_aka(const char *aka, const char *word);

/* Frees the list of items; they are in the conf's arena. */
void items_fini(struct conf *c);
/* Reads all sections of all families into c->items, in the file's order. */
void load_families(struct conf *c);
/* The kind by the name in type=, or NULL. */
const struct kind *family_kind(const struct family *f, const char *type);
/* The options a section of a family may have at all, by name, for "did you mean". True if the name
 * belongs to the family or to the kind. */
bool family_has_option(const struct family *f, const struct kind *kind, const char *name);
/* A kind of the family that has the option, or NULL. */
const struct kind *family_kind_with(const struct family *f, const char *option);

#endif
