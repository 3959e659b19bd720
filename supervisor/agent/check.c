/* supd-agent --check: what only the agent's libraries can judge. */
#include "supervisor/agent/agent.h"
#include "supervisor/base/fd.h"
#include "supervisor/conf/agentgen.h"

#include <stdio.h>
#include <string.h>

/* What a part of the agent has to say about one item: 0, or -1 with the option it is about (or "")
 * and the reason. */
struct item_check {
    const struct family *const *family;
    int (*fn)(const struct item *it, const char **out_option, struct err *e);
};
static const struct item_check checks[] = {
    {NULL, NULL},
};

static void report(struct conf *c, const struct item *it, const char *option, const struct err *e,
                   struct str *out)
{
    const struct ini_section *s = ini_find(&c->ini, it->section);
    const struct ini_key *k = s ? ini_get(&c->ini, s, option) : NULL;
    str_printf(out, "error\t%s\t%u\t%s.%s: %s\n", it->at.file, k ? k->at.line : it->at.line,
               it->section, option, e->msg);
}

int agent_check(int fd)
{
    struct err e;
    struct agentgen *g = agent_read_gen(fd, &e);
    struct str out = STR_INIT;
    if (!g) {
        fprintf(stderr, "supd-agent: %s\n", e.msg);
        return 1;
    }
    VEC_EACH (&g->conf->items, i) {
        const struct item *it = g->conf->items.v[i];
        for (const struct item_check *k = checks; k->fn; k++) {
            const char *option = "";
            if (*k->family == it->family && k->fn(it, &option, &e) < 0)
                report(g->conf, it, option, &e, &out);
        }
    }
    int r = fd_write_all(1, str_text(&out), out.len);
    str_fini(&out);
    agentgen_free(&g);
    return r < 0 ? 1 : 0;
}
