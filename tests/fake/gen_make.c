/* Lays a generation out: the head, the arrays, then the strings. */
#include "tests/fake/gen_make.h"

#include "supervisor/base/crc.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/str.h"
#include "supervisor/core/attrs.h"

#include <stdio.h>
#include <string.h>

/* appends n bytes at a multiple of 8 and gives their offset */
static goff put(struct str *block, const void *p, size_t n)
{
    while (block->len % 8)
        str_putc(block, 0);
    goff at = (goff)block->len;
    str_put(block, p, n);
    return at;
}

static goff put_text(struct str *block, const char *text)
{
    return put(block, text, strlen(text) + 1);
}

/* their words are their own names */
static goff put_commands(struct str *block, const struct gen_make *m, uint32_t i)
{
    struct gen_commands all = m->procs[i].times;
    bool any = false;
    for (unsigned which = 0; which < GEN_NCOMMANDS; which++) {
        char name[64];
        if (!m->procs[i].commands[which])
            continue;
        snprintf(name, sizeof(name), "%s.%s", m->procs[i].name, gen_command_name(which));
        goff word = put_text(block, name), list = put(block, &word, sizeof(word));
        all.command[which] = (struct gen_command){list, 1, list, 1};
        any = true;
    }
    return any ? put(block, &all, sizeof(all)) : 0;
}

static goff put_order(struct str *block, const struct gen_make *m, uint32_t i)
{
    struct gen_dep deps[MAKE_DEPS];
    struct gen_order order = m->procs[i].order;
    memset(deps, 0, sizeof(deps));
    for (uint32_t k = 0; k < m->procs[i].ndeps; k++) {
        deps[k].name = deps[k].group = put_text(block, m->procs[i].deps[k].group);
        deps[k].when = m->procs[i].deps[k].when;
        deps[k].hard = m->procs[i].deps[k].hard;
    }
    order.ndeps = m->procs[i].ndeps;
    order.deps = put(block, deps, sizeof(deps));
    return put(block, &order, sizeof(order));
}

static goff put_attrs(struct str *block, uint64_t memory_max)
{
    struct attrs a = {.set = ATTR_BIT(ATTR_MEMORY_MAX), .memory_max = memory_max};
    return put(block, &a, sizeof(a));
}

static struct gen_proc put_proc(struct str *block, const struct gen_make *m, uint32_t i)
{
    struct gen_proc rec = m->procs[i].rec;
    char section[64];
    rec.name = put_text(block, m->procs[i].name);
    snprintf(section, sizeof(section), "program:%s", m->procs[i].name);
    rec.section = put_text(block, section);
    rec.command = rec.name;
    rec.argc = rec.ncandidates = 1;
    rec.argv = rec.candidates = put(block, &rec.name, sizeof(rec.name));
    rec.env = put(block, "", 1);
    struct gen_opts opts = m->procs[i].opts;
    opts.stops = put(block, m->procs[i].stops, m->procs[i].nstops * sizeof(struct gen_stop));
    opts.nstops = m->procs[i].nstops;
    opts.groups = rec.env;
    opts.uid = opts.gid = opts.umask = -1;
    opts.stdin_null = 1;
    opts.commands = put_commands(block, m, i);
    if (m->procs[i].memory_max)
        opts.attrs = put_attrs(block, m->procs[i].memory_max);
    if (m->procs[i].ordered)
        opts.order = put_order(block, m, i);
    rec.opts = put(block, &opts, sizeof(opts));
    return rec;
}

static goff put_procs(struct str *block, const struct gen_make *m)
{
    struct gen_proc recs[MAKE_PROCS];
    uint32_t i = 0;
    memset(recs, 0, sizeof(recs));
    for (uint32_t g = 0; g < m->ngroups; g++)
        for (uint32_t k = 0; k < m->groups[g].nprocs; k++, i++) {
            recs[i] = put_proc(block, m, i);
            recs[i].group = g;
        }
    return put(block, recs, m->nprocs * sizeof(recs[0]));
}

static goff put_groups(struct str *block, const struct gen_make *m)
{
    struct gen_group recs[MAKE_GROUPS];
    uint32_t first = 0;
    memset(recs, 0, sizeof(recs));
    for (uint32_t g = 0; g < m->ngroups; g++) {
        recs[g].name = put_text(block, m->groups[g].name);
        recs[g].priority = m->groups[g].priority;
        recs[g].first = first;
        recs[g].nprocs = m->groups[g].nprocs;
        first += recs[g].nprocs;
    }
    return put(block, recs, m->ngroups * sizeof(recs[0]));
}

int gen_make_fd(const struct gen_make *m)
{
    struct str block = STR_INIT;
    struct gen head = {.magic = GEN_MAGIC,
                       .version = GEN_VERSION,
                       .ngroups = m->ngroups,
                       .nprocs = m->nprocs,
                       .supd = {.uid = -1, .gid = -1, .umask = -1, .socket_gid = -1}};
    head.supd.shutdown_timeout_ns = m->shutdown_timeout_ns;
    put(&block, &head, sizeof(head));
    head.procs = put_procs(&block, m);
    head.groups = put_groups(&block, m);
    head.path = put_text(&block, "/simulated.conf");
    head.env = head.warnings = put(&block, "", 1);
    head.size = (uint32_t)block.len;
    memcpy(block.s, &head, sizeof(head));
    head.crc = crc32_of(block.s, block.len);
    memcpy(block.s, &head, sizeof(head));
    int fd = fd_memory("generation", true);
    if (fd >= 0 && fd_write_all(fd, block.s, block.len) < 0)
        fd_close(&fd);
    str_fini(&block);
    return fd;
}
