/* Puts the run layer together as the boot does, without files, sockets and children of its own. */
#include "tests/fake/stage.h"

#include "supervisor/run/groups.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/logs.h"

#include <stdio.h>
#include <stdlib.h>

static void die(const char *what)
{
    fprintf(stderr, "stage: %s\n", what);
    abort();
}

struct live_gen *stage_gen(struct sup *s, const struct gen_make *conf)
{
    struct err e = {0};
    int fd = gen_make_fd(conf);
    struct live_gen *g = fd < 0 ? NULL : live_gen_new(s, fd, &e);
    if (!g)
        die(e.msg);
    return g;
}

void stage_open(struct sup *s, const struct gen_make *conf)
{
    static char name[] = "supd";
    static char *words[] = {name, NULL};
    struct err e = {0};
    struct sup_options opt = {.ready_fd = -1, .message_fd = 2, .argv = words, .environ = words + 1};
    struct logs_setup setup = {0};
    if (sup_init(s, &opt, &e) < 0)
        die(e.msg);
    s->logs = logs_new(s->loop, &setup, &e);
    s->gen = stage_gen(s, conf);
    for (uint32_t i = 0; i < s->gen->gen->ngroups; i++)
        if (!group_add(s, s->gen, gen_groups(s->gen->gen) + i, &e))
            die(e.msg);
    s->mood = SUP_RUNNING;
    struct group *g;
    TAILQ_FOREACH (g, &s->groups, link)
        group_autostart(g, PROC_WHY_BOOT);
}

void stage_close(struct sup *s)
{
    reload_fini(s); /* an update that the shutdown overtook */
    sup_fini(s);
}
