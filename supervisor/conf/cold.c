/* What a reload cannot change: options that count when supd itself starts. */
#include "supervisor/conf/gen.h"
#include "supervisor/conf/section.h"

#include <string.h>

enum cold_type { COLD_TEXT, COLD_8, COLD_32, COLD_64 };

static const struct cold {
    const char *section, *option;
    enum cold_type type;
    size_t offset;
} colds[] = {
    {"supervisord", "pidfile", COLD_TEXT, offsetof(struct gen_supd, pidfile)},
    {"supervisord", "childlogdir", COLD_TEXT, offsetof(struct gen_supd, childlogdir)},
    {"supervisord", "minfds", COLD_32, offsetof(struct gen_supd, minfds)},
    {"supervisord", "minprocs", COLD_32, offsetof(struct gen_supd, minprocs)},
    {"supervisord", "user", COLD_64, offsetof(struct gen_supd, uid)},
    {"supd", "socket", COLD_TEXT, offsetof(struct gen_supd, socket)},
    {"supd", "socket_group", COLD_64, offsetof(struct gen_supd, socket_gid)},
    {"supd", "ready_file", COLD_TEXT, offsetof(struct gen_supd, ready_file)},
    {"supd", "log_memory", COLD_64, offsetof(struct gen_supd, log_memory)},
    {"supd", "log_format", COLD_8, offsetof(struct gen_supd, log_json)},
};

static const char *text_of(const struct gen *g, size_t offset)
{
    goff at;
    memcpy(&at, (const char *)&g->supd + offset, sizeof(at));
    return at ? gen_str(g, at) : "";
}

static bool differs(const struct gen *a, const struct gen *b, const struct cold *o)
{
    static const size_t sizes[] = {[COLD_8] = 1, [COLD_32] = 4, [COLD_64] = 8};
    if (o->type == COLD_TEXT)
        return strcmp(text_of(a, o->offset), text_of(b, o->offset)) != 0;
    return memcmp((const char *)&a->supd + o->offset, (const char *)&b->supd + o->offset,
                  sizes[o->type]) != 0;
}

/* where the file says it; an option that is gone has no place */
static struct pos place(struct conf *c, const struct cold *o)
{
    const struct ini_section *s = ini_find(&c->ini, o->section);
    const struct ini_key *k = s ? ini_get(&c->ini, s, o->option) : NULL;
    return k ? k->at : s ? pos_section(s) : (struct pos){NULL, 0};
}

void conf_say_cold(struct conf *c, int fd)
{
    struct err e;
    const struct gen *before = c->rq.before, *now = before ? gen_open(fd, &e) : NULL;
    for (size_t i = 0; now && i < sizeof(colds) / sizeof(colds[0]); i++)
        if (differs(before, now, &colds[i]))
            conf_warn(c, place(c, &colds[i]),
                      "%s.%s: this change takes effect only when supd is stopped and started",
                      colds[i].section, colds[i].option);
    gen_close(&now);
}
