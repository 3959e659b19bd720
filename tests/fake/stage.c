/* Puts the run layer together as the boot does, without files, sockets and children of its own. */
#include "tests/fake/stage.h"

#include "supervisor/run/groups.h"
#include "supervisor/run/reload.h"
#include "supervisor/run/logs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

int stage_try(struct sup *s, int gen_fd, struct err *e)
{
    static char name[] = "supd";
    static char *words[] = {name, NULL};
    struct sup_options opt = {.ready_fd = -1, .message_fd = 2, .argv = words, .environ = words + 1};
    struct logs_setup setup = {0};
    if (sup_init(s, &opt, e) < 0 || !(s->logs = logs_new(s->loop, &setup, e))) {
        close(gen_fd);
        return -1;
    }
    s->gen = live_gen_new(s, gen_fd, e);
    if (!s->gen)
        return -1;
    for (uint32_t i = 0; i < s->gen->gen->ngroups; i++)
        if (!group_add(s, s->gen, gen_groups(s->gen->gen) + i, e))
            return -1;
    s->mood = SUP_RUNNING;
    struct group *g;
    TAILQ_FOREACH (g, &s->groups, link)
        group_autostart(g, PROC_WHY_BOOT);
    return 0;
}

void stage_open(struct sup *s, const struct gen_make *conf)
{
    struct err e = {0};
    if (stage_try(s, gen_make_fd(conf), &e) < 0)
        die(e.msg);
}

void stage_close(struct sup *s)
{
    reload_fini(s); /* an update that the shutdown overtook */
    sup_fini(s);
}
