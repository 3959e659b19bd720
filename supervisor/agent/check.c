/* supd-agent --check: what only the agent's libraries can judge. */
#include "alerts/engine.h"
#include "probes/probes.h"
#include "supervisor/agent/agent.h"
#include "supervisor/base/fd.h"

#include <stdio.h>
#include <string.h>

struct check {
    struct agentgen *gen;
    struct str out;
};

/* A complaint of a part of the agent, with the option it is about at its beginning, if it is about
 * one: "url: ...". */
static void on_error(void *obj, const struct item *it, const char *text)
{
    struct check *c = obj;
    char option[64] = "";
    size_t n = strcspn(text, ":");
    if (text[n] && n < sizeof(option))
        memcpy(option, text, n);
    const struct ini_section *s = ini_find(&c->gen->conf->ini, it->section);
    const struct ini_key *k = s ? ini_get(&c->gen->conf->ini, s, option) : NULL;
    str_printf(&c->out, "error\t%s\t%u\t%s%s%s\n", it->at.file, k ? k->at.line : it->at.line,
               it->section, k ? "." : ": ", text);
}

int agent_check(int fd)
{
    struct err e;
    struct check c = {.gen = agent_read_gen(fd, &e)};
    if (!c.gen) {
        fprintf(stderr, "supd-agent: %s\n", e.msg);
        return 1;
    }
    probes_check(c.gen, on_error, &c);
    engine_check(c.gen, on_error, &c);
    int r = fd_write_all(1, str_text(&c.out), c.out.len);
    str_fini(&c.out);
    agentgen_free(&c.gen);
    return r < 0 ? 1 : 0;
}
