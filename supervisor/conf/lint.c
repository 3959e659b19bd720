/* Traps that --check points out: the file means something else than it seems to. */
#include "supervisor/conf/section.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int name_cmp(const void *a, const void *b)
{
    return strcmp((*(struct proc *const *)a)->name, (*(struct proc *const *)b)->name);
}

/* Supervisor keeps the last of them and says nothing. */
static void lint_names(struct conf *c, const struct group *g)
{
    size_t n = 0;
    struct proc **v = arena_alloc(c->a, (g->procs.n + 1) * sizeof(struct proc *));
    VEC_EACH (&g->procs, i)
        if (g->procs.v[i]->name) /* else its process_name is an error already */
            v[n++] = g->procs.v[i];
    qsort(v, n, sizeof(*v), name_cmp);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(v[i]->name, v[i - 1]->name) == 0)
            conf_warn(c, pos_section(v[i]->prog->section),
                      "[%s]: group '%s' has several processes named '%s', of which only the last "
                      "runs; give each its own process_name",
                      v[i]->prog->section->name, g->name, v[i]->name);
    }
}

/* what docker and others give a container to stop */
#define CONTAINER_SECS 10

static void lint_stop(struct conf *c)
{
    int64_t most = 0;
    const struct proc *slow = NULL;
    VEC_EACH (&c->groups, i) {
        VEC_EACH (&c->groups.v[i]->procs, j) {
            int64_t ns = conf_stop_ns(c->groups.v[i]->procs.v[j]);
            if (ns > most) {
                most = ns;
                slow = c->groups.v[i]->procs.v[j];
            }
        }
    }
    if (slow && most > CONTAINER_SECS * INT64_C(1000000000))
        conf_hint(c, pos_section(slow->prog->section),
                  "%s may take %" PRId64
                  " s to stop; a container runtime kills after %d s unless it "
                  "is told otherwise",
                  slow->prog->section->name, most / 1000000000, CONTAINER_SECS);
}

/* critical= and exit_code= that never come to bear, and exit_on=critical without such a program */
static void lint_exit(struct conf *c)
{
    bool any = false;
    const struct ini_section *supd = ini_find(&c->ini, "supd");
    const struct ini_key *on = supd ? ini_get(&c->ini, supd, "exit_on") : NULL;
    VEC_EACH (&c->groups, i) {
        VEC_EACH (&c->groups.v[i]->progs, j) {
            const struct prog *prog = c->groups.v[i]->progs.v[j];
            const struct ini_key *critical = ini_get(&c->ini, prog->section, "critical");
            const struct ini_key *code = ini_get(&c->ini, prog->section, "exit_code");
            any = any || prog->o.critical;
            if (critical && prog->o.critical && c->supd.exit_on != EXIT_ON_CRITICAL)
                conf_warn(c, critical->at,
                          "%s.critical: has no effect without [supd] exit_on=critical",
                          prog->section->name);
            if (code && c->supd.exit_on == EXIT_ON_NEVER &&
                prog->o.on_fatal.action != GEN_FATAL_EXIT)
                conf_warn(c, code->at,
                          "%s.exit_code: has no effect: this program never ends supd without "
                          "on_fatal=exit or [supd] exit_on=",
                          prog->section->name);
        }
    }
    if (on && c->supd.exit_on == EXIT_ON_CRITICAL && !any)
        conf_warn(c, on->at, "supd.exit_on: critical, but no program has critical=true");
}

/* Supervisor reads [include] of the main file only. */
static void lint_include(struct conf *c)
{
    const struct ini_section *s = ini_find(&c->ini, "include");
    const struct ini_key *k = s ? ini_get(&c->ini, s, "files") : NULL;
    if (k && k->at.file != c->path)
        conf_hint(c, k->at, "[include] is ignored in an included file");
}

void conf_lint(struct conf *c)
{
    VEC_EACH (&c->groups, i)
        lint_names(c, c->groups.v[i]);
    conf_traps(c);
    lint_stop(c);
    lint_exit(c);
    lint_include(c);
}
