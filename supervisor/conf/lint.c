/* Traps that --check points out: the file means something else than it seems to. */
#include "supervisor/conf/section.h"
#include "supervisor/conf/words.h"

#include <string.h>

static void lint_command(struct conf *c, const struct prog *prog)
{
    struct err e;
    const struct ini_key *k = ini_get(&c->ini, prog->section, "command");
    const char **argv;
    size_t argc;
    if (!k)
        return;
    if (strstr(k->value, "\\\n"))
        conf_warn(c, k->at,
                  "%s.command: a backslash before the end of a line puts a newline into "
                  "the next argument; leave the backslash out",
                  prog->section->name);
    if (prog->procs.n && words_split(c->a, prog->procs.v[0]->o.command, &argv, &argc, &e) < 0)
        conf_warn(c, k->at,
                  "%s.command: can't parse command '%s': %s (a ';' or '#' behind a blank "
                  "begins a comment, also in quotes)",
                  prog->section->name, prog->procs.v[0]->o.command, e.msg);
}

void conf_lint(struct conf *c)
{
    VEC_EACH (&c->groups, i) {
        VEC_EACH (&c->groups.v[i]->progs, j)
            lint_command(c, c->groups.v[i]->progs.v[j]);
    }
}
