/* A whole configuration from memory: it must load or be refused with a message, and what loads must
 * print a text that loads to the same. The first byte chooses the way it is loaded. */
#include "supervisor/base/fd.h"
#include "supervisor/conf/conf.h"
#include "supervisor/conf/gen.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char home[] = "HOME=/root", path[] = "PATH=/bin:/usr/bin", number[] = "N=4",
            odd[] = "PCT=a%sb ;c";
static char *const environment[] = {home, path, number, odd, NULL};

static void must(int truth)
{
    if (!truth)
        abort();
}

static void write_and_read(const struct conf *c)
{
    struct err e;
    int fd = fd_memory("fuzz", true);
    must(fd >= 0 && conf_write_gen(c, fd, &e) == 0);
    const struct gen *g = gen_open(fd, &e);
    must(g != NULL);
    for (uint32_t i = 0; i < g->nprocs; i++) {
        const struct gen_proc *p = &gen_procs(g)[i];
        must(gen_str(g, p->name) && p->group < g->ngroups && gen_opts(g, p)->nstops > 0);
        must((p->argc > 0 && p->ncandidates > 0) || p->argv_error);
    }
    gen_close(&g);
    fd_close(&fd);
}

static void read_back(const struct conf *c, const struct conf_request *rq)
{
    struct str text = STR_INIT, again = STR_INIT;
    conf_dump_text(c, &text);
    struct conf_request own = *rq;
    own.text = str_text(&text);
    own.text_len = text.len;
    struct conf *back = conf_load(&own);
    must(conf_nerrors(back) == 0);
    conf_dump_text(back, &again);
    must(strcmp(str_text(&text), str_text(&again)) == 0);
    conf_free(&back);
    str_fini(&text);
    str_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 20000)
        return 0;
    struct str json = STR_INIT;
    struct conf_request rq = {.path = "/etc/fuzz.conf",
                              .cwd = "/",
                              .environ = environment,
                              .node_name = "node",
                              .exact = data[0] & 1,
                              .as_supervisord = data[0] & 2};
    rq.text = (const char *)data + 1;
    rq.text_len = size - 1;
    struct conf *c = conf_load(&rq);
    conf_dump_json(c, &json);
    must(json.len > 0);
    if (conf_nerrors(c) == 0 && c->nprocs < 500) {
        write_and_read(c);
        if (!rq.exact)
            read_back(c, &rq);
    }
    conf_free(&c);
    str_fini(&json);
    return 0;
}
