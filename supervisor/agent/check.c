/* supd-agent --check: what only the agent's libraries can judge. */
#include "alerts/engine.h"
#include "alerts/send_check.h"
#include "probes/probes.h"
#include "supervisor/agent/agent.h"
#include "supervisor/agent/check_files.h"
#include "supervisor/agent/lines.h"
#include "supervisor/base/fd.h"

#include <stdio.h>
#include <string.h>

struct check {
    struct agentgen *gen;
    struct str out;
};

/* A complaint of a part of the agent, with the option it is about at its beginning, if it is about
 * one: "url: ...". */
static void put(struct check *c, bool warning, const struct item *it, const char *text)
{
    char option[64] = "";
    size_t n = strcspn(text, ":");
    if (text[n] && n < sizeof(option))
        memcpy(option, text, n);
    const struct ini_section *s = ini_find(&c->gen->conf->ini, it->section);
    const struct ini_key *k = s ? ini_get(&c->gen->conf->ini, s, option) : NULL;
    str_printf(&c->out, "%s\t%s\t%u\t%s%s%s\n", warning ? "warning" : "error", it->at.file,
               k ? k->at.line : it->at.line, it->section, k ? "." : ": ", text);
}

static void on_error(void *obj, const struct item *it, const char *text)
{
    put(obj, false, it, text);
}

static void on_file(void *obj, bool warning, const struct item *it, const char *text)
{
    put(obj, warning, it, text);
}

static void on_pattern(void *obj, const struct agent_pattern *p, const char *text)
{
    struct check *c = obj;
    str_printf(&c->out, "error\t%s\t%u\t%s.ready: log: %s\n", p->at.file, p->at.line, p->section,
               text);
}

static void check_notifiers(struct check *c)
{
    VEC_EACH (&c->gen->conf->items, i) {
        const struct item *it = c->gen->conf->items.v[i];
        bool missing;
        struct err e;
        if (it->family == &family_notify && send_check(it, &missing, &e) < 0)
            put(c, missing, it, e.msg);
    }
}

int agent_check(int fd, bool helped)
{
    struct err e;
    struct check c = {.gen = agent_read_gen(fd, &e)};
    if (!c.gen) {
        fprintf(stderr, "supd-agent: %s\n", e.msg);
        return 1;
    }
    probes_check(c.gen, on_error, &c);
    engine_check(c.gen, on_error, &c);
    check_notifiers(&c);
    lines_check(c.gen, on_pattern, &c);
    check_files(c.gen, helped, on_file, &c);
    int r = fd_write_all(1, str_text(&c.out), c.out.len);
    str_fini(&c.out);
    agentgen_free(&c.gen);
    return r < 0 ? 1 : 0;
}
