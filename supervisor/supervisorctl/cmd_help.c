/* help; quit, exit and the end of the input. */
#include "supervisor/supervisorctl/cmd.h"
#include "supervisor/base/vec.h"

#include <stdio.h>
#include <string.h>

#define WIDTH 79 /* of the list */

typedef VEC(const char *) names_t;

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void listed(names_t *out)
{
    size_t n;
    const struct sctl_command *all = sctl_commands(&n);
    for (size_t i = 0; i < n; i++)
        if (all[i].help)
            VEC_PUSH(out, all[i].name);
    qsort(out->v, out->n, sizeof(out->v[0]), by_name);
}

/* the widest name of a column */
static size_t column_width(const names_t *names, size_t rows, size_t column)
{
    size_t widest = 0;
    for (size_t i = column * rows; i < names->n && i < (column + 1) * rows; i++)
        if (strlen(names->v[i]) > widest)
            widest = strlen(names->v[i]);
    return widest;
}

static bool fits(const names_t *names, size_t rows)
{
    size_t total = 0, columns = (names->n + rows - 1) / rows;
    for (size_t k = 0; k < columns; k++)
        total += column_width(names, rows, k) + (k ? 2 : 0);
    return total <= WIDTH;
}

/* in columns, read downwards, in as few rows as fit; each column as wide as its widest name */
static void print_columns(const names_t *names)
{
    size_t rows = 1;
    while (rows < names->n && !fits(names, rows))
        rows++;
    for (size_t r = 0; r < rows; r++) {
        for (size_t i = r; i < names->n; i += rows)
            printf("%s%-*s", i == r ? "" : "  ", (int)column_width(names, rows, i / rows),
                   names->v[i]);
        putchar('\n');
    }
}

static void list(void)
{
    static const char head[] = "default commands (type help <topic>):";
    names_t names = VEC_INIT;
    listed(&names);
    printf("\n%s\n", head);
    for (size_t i = 0; i < sizeof(head) - 1; i++)
        putchar('=');
    putchar('\n');
    print_columns(&names);
    sctl_say("%s", "");
    VEC_FINI(&names);
}

enum sctl_end sctl_do_help(struct sctl *c, const char *arg)
{
    (void)c;
    const struct sctl_command *cmd = sctl_find(arg, strlen(arg));
    if (!*arg)
        list();
    else if (strcmp(arg, "help") == 0)
        sctl_say("help\t\tList the actions\nhelp <action>\tSay what one does");
    else if (cmd && cmd->help)
        sctl_say("%s", cmd->help);
    else
        sctl_say("*** No help on %s", arg);
    return SCTL_DONE;
}

enum sctl_end sctl_do_EOF(struct sctl *c, const char *arg)
{
    (void)c, (void)arg;
    sctl_say("%s", "");
    return SCTL_QUIT;
}

enum sctl_end sctl_do_quit(struct sctl *c, const char *arg)
{
    return sctl_do_EOF(c, arg);
}

enum sctl_end sctl_do_exit(struct sctl *c, const char *arg)
{
    return sctl_do_EOF(c, arg);
}
