/* The dry run before an upgrade, in a child of the running supd: by the new binary. */
#include "supervisor/run/probe.h"
#include "supervisor/conf/gen.h"
#include "supervisor/conf/libexec.h"
#include "supervisor/run/fcgi.h"
#include "supervisor/run/listenmem.h"
#include "supervisor/run/logmem.h"
#include "supervisor/run/notes.h"
#include "supervisor/run/state.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>

#define LOOKS 50

/* All generations can be read, and the one in use is there; it is the caller's then. */
static const struct gen *open_gens(const struct state *s, struct err *e)
{
    const struct gen *now = NULL;
    uint32_t id;
    int fd;
    for (uint32_t i = 0; i < STATE_GENS_MAX; i++) {
        if (!state_gen_at(s, i, &id, &fd))
            continue;
        const struct gen *g = gen_open(fd, e);
        if (!g) {
            err_prefix(e, "the configuration in use");
            gen_close(&now);
            return NULL;
        }
        if (id == state_kept(s)->gen_now)
            now = g;
        else
            gen_close(&g);
    }
    if (!now)
        err_set(e, "the running supd has no configuration");
    return now;
}

/* Whose supd goes on with it meanwhile: a record may be in the making. */
static bool is_whole(const struct state *s, uint32_t slot)
{
    bool whole = false;
    for (int i = 0; i < LOOKS && !whole; i++) {
        whole = !state_used(s, slot) || state_good(s, slot);
        if (!whole)
            poll(NULL, 0, 1);
    }
    return whole;
}

static int check_records(const struct state *s, struct err *e)
{
    for (uint32_t i = 0; i < state_nslots(s); i++)
        if (!is_whole(s, i))
            return err_set(e, "the record of process %u is damaged", i);
    return 0;
}

static int find_helpers(const struct gen *g, struct err *e)
{
    char self[256], log[512], agent[512] = "";
    const char *libexec = gen_str(g, g->supd.libexec);
    libexec_self(self, sizeof(self));
    if (libexec_find(self, libexec, "supd-log", log, sizeof(log), e) < 0)
        return -1;
    if (g->supd.needs_agent &&
        libexec_find(self, libexec, "supd-agent", agent, sizeof(agent), e) < 0)
        return -1;
    return dprintf(1, "%s\n%s\n%s\n", self, log, agent) > 0
               ? 0
               : err_errno(e, errno, "cannot write the answer");
}

static int probe(const struct state *s, struct err *e)
{
    const struct gen *g = open_gens(s, e);
    int r = g ? 0 : -1;
    if (r == 0 && (check_records(s, e) < 0 || logmem_check(state_kept(s)->log_memory, e) < 0 ||
                   notes_check(state_kept(s)->notes, e) < 0 || fcgi_check(*state_fcgi(s), e) < 0 ||
                   listenmem_check(*state_listeners(s), e) < 0 || find_helpers(g, e) < 0))
        r = -1;
    gen_close(&g);
    return r;
}

int probe_state(int fd)
{
    struct err e;
    struct state *s = state_open(fd, &e);
    int r = s ? probe(s, &e) : -1;
    state_free(&s);
    if (r < 0)
        dprintf(2, "%s\n", e.msg);
    return r < 0;
}
