/* Which socket the control server opens, and what it does where no folder can be written. */
#include "supervisor/base/log.h"
#include "supervisor/base/rng.h"
#include "supervisor/core/sockpath.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/ctl_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* the folder is not there or not ours to write */
static bool is_no_folder(const struct err *e)
{
    return e->errnum == EACCES || e->errnum == EROFS || e->errnum == ENOENT ||
           e->errnum == ENOTDIR || e->errnum == EPERM || e->errnum == ENOSPC;
}

static int open_abstract(struct ctl *c, const char *path, struct err *why, struct err *e)
{
    char name[64];
    snprintf(name, sizeof(name), "@supd-%016" PRIx64, rng_entropy());
    if (ctl_open_path(c, name, -1, e) < 0)
        return err_prefix(e, "%s (tried after %s)", name, path);
    log_warn("control: %s; listening on the abstract name %s instead, which programs find in "
             "SUPD_SOCKET; set [supd] socket= for a path",
             why->msg, name);
    return 0;
}

/* Supervisor has no socket of this kind, and so nothing against a second instance. */
static int open_beside(struct ctl *c, const char *path, int64_t gid, struct err *e)
{
    char own[SOCKPATH_MAX + 16];
    size_t n = strlen(path) - strlen(".sock");
    snprintf(own, sizeof(own), "%.*s-%d.sock", (int)n, path, (int)getpid());
    return ctl_open_path(c, own, gid, e) < 0 ? err_prefix(e, "after %s was tried", path) : 0;
}

int ctl_open(struct ctl *c, const char *given, int64_t gid, struct err *e)
{
    char path[SOCKPATH_MAX];
    struct err why;
    struct sockpath_in in = {
        .given = given,
        .env_socket = getenv("SUPD_SOCKET"),
        .runtime_dir = getenv("XDG_RUNTIME_DIR"),
        .uid = geteuid(),
    };
    enum sockpath_from from = sockpath(&in, path, sizeof(path));
    if (ctl_open_path(c, path, gid, &why) == 0)
        return 0;
    bool ours = from != SOCKPATH_GIVEN && from != SOCKPATH_ENV;
    if (ours && is_no_folder(&why))
        return open_abstract(c, path, &why, e);
    if (ours && c->config.beside && why.errnum == EADDRINUSE)
        return open_beside(c, path, gid, e);
    err_set(e, "control socket (%s): %s", sockpath_from_text(from), why.msg);
    return -1;
}
