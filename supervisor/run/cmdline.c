/* A command line as Supervisor reads one. */
#include "supervisor/run/cmdline.h"
#include "supervisor/conf/pytext.h"

#include <stdio.h>
#include <string.h>

struct reading {
    const struct cmdline_row *rows;
    size_t nrows;
    int argc, at; /* at: the argument in hand */
    char *const *argv;
    struct cmdline *out;
};

static int fail(struct reading *r, const char *why, const char *option)
{
    str_printf(&r->out->error, "option %s%s", option, why);
    return -1;
}

static int fail_unknown(struct reading *r, const char *why, const char *dashes, const char *name,
                        size_t len)
{
    str_printf(&r->out->error, "option %s%.*s%s", dashes, (int)len, name, why);
    return -1;
}

/* Twice is enough to see the conflict; who reads the words says so. */
static void keep(struct reading *r, const struct cmdline_row *row, const char *given,
                 const char *text)
{
    struct cmdline *out = r->out;
    size_t same = 0;
    for (size_t i = 0; i < out->n; i++)
        same += out->words[i].row == row;
    if (same > 1 || out->n == CMDLINE_MAX)
        return;
    struct cmdline_word *w = &out->words[out->n++];
    *w = (struct cmdline_word){.row = row, .text = text};
    snprintf(w->given, sizeof(w->given), "%s", given);
}

/* The next argument as a value of this option. */
static int value_of(struct reading *r, const char *given, const char **out_text)
{
    if (r->at + 1 >= r->argc)
        return fail(r, " requires argument", given);
    *out_text = r->argv[++r->at];
    return 0;
}

static int read_letter(struct reading *r, const char **letters)
{
    const struct cmdline_row *row = NULL;
    const char given[] = {'-', **letters, '\0'}, *text = NULL;
    for (size_t i = 0; i < r->nrows; i++)
        if (r->rows[i].letter == **letters)
            row = &r->rows[i];
    if (!row)
        return fail_unknown(r, " not recognized", "-", *letters,
                            py_char_len(*letters, *letters + strlen(*letters)));
    (*letters)++;
    if (row->takes == CMDLINE_VALUE && **letters) {
        text = *letters;
        *letters += strlen(text);
    } else if (row->takes == CMDLINE_VALUE && value_of(r, given, &text) < 0) {
        return -1;
    }
    keep(r, row, given, text);
    return 0;
}

/* How many rows begin so: *out_row is one of them. */
static int find_name(const struct reading *r, const char *name, size_t len, bool ours,
                     const struct cmdline_row **out_row)
{
    int n = 0;
    for (size_t i = 0; i < r->nrows; i++) {
        const struct cmdline_row *row = &r->rows[i];
        if (!row->name[0] || strncmp(row->name, name, len) != 0)
            continue;
        if (!row->name[len]) {
            *out_row = row;
            return 1;
        }
        if (row->ours == ours) {
            *out_row = row;
            n++;
        }
    }
    return n;
}

static int read_name(struct reading *r, const char *name)
{
    const struct cmdline_row *row = NULL;
    size_t len = strcspn(name, "=");
    const char *text = name[len] ? name + len + 1 : NULL;
    char given[64];
    int n = find_name(r, name, len, false, &row);
    if (n == 0)
        n = find_name(r, name, len, true, &row);
    if (n != 1)
        return fail_unknown(r, n ? " not a unique prefix" : " not recognized", "--", name, len);
    snprintf(given, sizeof(given), "--%s", row->name);
    if (text && row->takes == CMDLINE_FLAG)
        return fail(r, " must not have an argument", given);
    if (!text && row->takes == CMDLINE_VALUE && value_of(r, given, &text) < 0)
        return -1;
    keep(r, row, given, text);
    return 0;
}

static int read_argument(struct reading *r)
{
    const char *arg = r->argv[r->at];
    if (arg[1] == '-')
        return read_name(r, arg + 2);
    for (const char *p = arg + 1; *p;)
        if (read_letter(r, &p) < 0)
            return -1;
    return 0;
}

int cmdline_read(const struct cmdline_row *rows, size_t nrows, int argc, char *const *argv,
                 struct cmdline *out)
{
    struct reading r = {rows, nrows, argc, 1, argv, out};
    *out = (struct cmdline){.n = 0};
    for (; r.at < argc && argv[r.at][0] == '-' && argv[r.at][1]; r.at++) {
        if (strcmp(argv[r.at], "--") == 0) {
            r.at++;
            break;
        }
        if (read_argument(&r) < 0)
            return -1;
    }
    out->rest = r.at;
    return 0;
}
