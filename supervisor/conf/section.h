/* A section seen through the rows of its kind. */
#ifndef CONF_SECTION_H
#define CONF_SECTION_H

#include "supervisor/conf/conf.h"

#define ROWS_MAX 64
#define SECT_TABLES 5 /* of one kind, at most */

struct opt_table {
    const struct opt *rows;
    size_t n;
};

/* Defines an opt_table of an array of rows. */
#define OPT_TABLE(name, array)                                                                     \
    const struct opt_table name = {array, sizeof(array) / sizeof((array)[0])};                     \
    _Static_assert(sizeof(array) / sizeof((array)[0]) <= ROWS_MAX, "one bit for each row")

/* The tables of all kinds (rows_*.c). */
extern const struct opt_table rows_program, rows_limits, rows_order, rows_hooks, rows_listener,
    rows_fcgi, rows_group, rows_supervisord, rows_supd, rows_agent, rows_unix_server,
    rows_inet_server, rows_ctl, rows_include;

struct family;

/* One kind of section: "program" stands for [program:NAME]. */
struct sect_kind {
    const char *name;
    bool named;  /* [name:NAME] */
    bool prefix; /* any section whose name starts with it */
    bool ours;
    bool free_keys;              /* any key is allowed (plugins) */
    bool later;                  /* ours, but not in this version */
    const struct family *family; /* its options depend on type= (family.h) */
    const struct opt_table *tables[SECT_TABLES];
    const char *help;
};
extern const struct sect_kind sect_kinds[];
extern const size_t sect_nkinds;

/* The kind of a section by its name; NULL: unknown. */
const struct sect_kind *sect_kind_of(const char *section);
/* The row of that name, or NULL; *out_index its place. */
const struct opt *rows_find(const struct opt_table *t, const char *name, size_t *out_index);

/* A section's keys by row, ready to be converted. */
struct sect {
    struct conf *c;
    const struct ini_section *s;
    const struct opt_table *t;
    const struct ini_key *keys[ROWS_MAX];
};

void sect_init(struct sect *x, struct conf *c, const struct ini_section *s,
               const struct opt_table *t);
/* Converts the rows whose flags & mask == want into obj; errors go to the conf. names: what their
 * formats may use. */
void sect_convert(struct sect *x, void *obj, const struct names *names, unsigned mask,
                  unsigned want);
/* Expands and converts one row; false if it is wrong. */
bool sect_row(struct sect *x, size_t row, void *obj, const struct names *names);
/* Expands the text of one row's key; NULL (and an error noted) if that fails. */
const char *sect_expand(struct sect *x, const struct ini_key *k, const char *text,
                        const struct names *names);
/* An error, a warning at a row's key, or at the section where the key is absent. */
struct pos sect_pos(const struct sect *x, size_t row);
/* The row's number by name; the name must be in the table. */
size_t sect_index(const struct opt_table *t, const char *name);
/* True if the file gives the row a value. */
bool sect_given(const struct opt_table *t, const void *obj, const char *name);
/* Notes unknown keys and sections; errors for those of ours. */
void sect_check_names(struct conf *c);

#endif
