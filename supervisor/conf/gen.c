/* Maps a generation, checks that it is one, and puts together what it holds in parts. */
#include "supervisor/conf/gen.h"
#include "supervisor/base/crc.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* crc32_of the block as it was with its crc field 0 */
static uint32_t crc_without_field(const struct gen *g, size_t size)
{
    struct gen head;
    memcpy(&head, g, sizeof(head));
    head.crc = 0;
    uint32_t crc = crc32_add(0, &head, sizeof(head));
    return crc32_add(crc, (const char *)g + sizeof(head), size - sizeof(head));
}

static int check(const struct gen *g, size_t size, struct err *e)
{
    if (g->magic != GEN_MAGIC || g->version != GEN_VERSION)
        return err_set(e, "this is not a configuration of this version of supd");
    if (g->size != size)
        return err_set(e, "the checked configuration has %zu bytes instead of %u", size, g->size);
    if (crc_without_field(g, size) != g->crc)
        return err_set(e, "the checked configuration is damaged (its CRC differs)");
    return 0;
}

const struct gen *gen_open(int fd, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        err_errno(e, errno, "cannot look at the checked configuration");
        return NULL;
    }
    size_t size = (size_t)st.st_size;
    if (size < sizeof(struct gen)) {
        err_set(e, "the checked configuration is cut short: %zu bytes", size);
        return NULL;
    }
    void *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        err_errno(e, errno, "cannot map the checked configuration");
        return NULL;
    }
    if (check(p, size, e) < 0) {
        munmap(p, size);
        return NULL;
    }
    return p;
}

const struct gen_fcgi *gen_fcgi(const struct gen *g, const struct gen_proc *p)
{
    const struct gen_fcgi *v = gen_at(g, g->supd.fcgi);
    for (uint32_t i = 0; i < g->supd.nfcgi && v[i].group <= p->group; i++)
        if (v[i].group == p->group && v[i].section == p->section) /* equal texts lie there once */
            return v + i;
    return NULL;
}

const char *gen_command_name(unsigned which)
{
    static const char *const names[GEN_NCOMMANDS] = {
        [GEN_STOP_COMMAND] = "stop_command", [GEN_RELOAD_COMMAND] = "reload_command",
        [GEN_HOOK_START] = "hook_start",     [GEN_HOOK_READY] = "hook_ready",
        [GEN_HOOK_EXIT] = "hook_exit",       [GEN_HOOK_FATAL] = "hook_fatal",
    };
    return names[which];
}

void gen_command(const struct gen *g, const struct gen_proc *p, struct str *out)
{
    const goff *words = gen_at(g, p->argv);
    if (p->command)
        str_puts(out, gen_str(g, p->command));
    for (uint32_t i = 0; !p->command && i < p->argc; i++) {
        if (i)
            str_putc(out, ' ');
        str_puts(out, gen_str(g, words[i]));
    }
}

const char *gen_env_key(uint32_t own)
{
    return own == GEN_ENV_PROCESS_NAME ? "SUPERVISOR_PROCESS_NAME=" : "SUPERVISOR_GROUP_NAME=";
}

const char *gen_env_value(const struct gen *g, const struct gen_proc *p, uint32_t own)
{
    return gen_str(g, own == GEN_ENV_PROCESS_NAME ? p->name : gen_groups(g)[p->group].name);
}

void gen_log_path(const struct gen *g, const struct gen_proc *p, int channel, struct str *out)
{
    const struct gen_path *path = &p->log_path[channel];
    if (path->folder)
        str_puts(out, gen_str(g, path->folder));
    if (path->name)
        str_puts(out, gen_str(g, path->name));
}

void gen_close(const struct gen **g)
{
    if (*g)
        munmap((void *)(uintptr_t)*g, (*g)->size);
    *g = NULL;
}
