/* version, shutdown, reload: supervisord itself. */
#include "supervisor/supervisorctl/cmd.h"

#include <errno.h>
#include <stdlib.h>

enum sctl_end sctl_do_version(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (sctl_refuse_args(c, "version", arg))
        return SCTL_DONE;
    if (!sctl_up(c, &end))
        return end;
    json_t *version = sctl_value(c, "getSupervisorVersion", "[]");
    if (!version)
        return SCTL_RAISED;
    sctl_say("%s", json_string_value(version) ? json_string_value(version) : "");
    json_decref(version);
    return SCTL_DONE;
}

/* In the shell somebody may have meant another window. */
static bool really(const struct sctl *c, const char *question)
{
    if (!c->interactive)
        return true;
    char *answer = sctl_ask(question);
    bool yes = answer && (*answer == 'y' || *answer == 'Y');
    free(answer);
    return yes;
}

static enum sctl_end not_there(struct sctl *c)
{
    c->exit = SCTL_FAILED;
    if (c->error.errnum == ECONNREFUSED)
        sctl_error("%s refused connection (already shut down?)", c->url);
    else if (c->error.errnum == ENOENT)
        sctl_error("%s no such file (already shut down?)", c->url);
    else
        return SCTL_RAISED;
    return SCTL_DONE;
}

/* what became of a call that ends supervisord; again: the exit code when it is ending already */
static enum sctl_end ended(struct sctl *c, struct sctl_reply *r, const char *done, int again)
{
    enum sctl_end end = SCTL_DONE;
    if (r->value) {
        sctl_say("%s", done);
    } else if (r->fault == XMLRPC_SHUTDOWN_STATE) {
        sctl_error("already shutting down");
        c->exit = again ? again : c->exit;
    } else {
        end = sctl_raise_fault(c, r);
    }
    sctl_reply_fini(r);
    return end;
}

enum sctl_end sctl_do_shutdown(struct sctl *c, const char *arg)
{
    struct sctl_reply r;
    if (sctl_refuse_args(c, "shutdown", arg))
        return SCTL_DONE;
    if (!really(c, "Really shut the remote supervisord process down y/N? "))
        return SCTL_DONE;
    if (sctl_call(c, &r, "shutdown", "[]") < 0)
        return not_there(c);
    return ended(c, &r, "Shut down", SCTL_OK);
}

enum sctl_end sctl_do_reload(struct sctl *c, const char *arg)
{
    struct sctl_reply r;
    if (sctl_refuse_args(c, "reload", arg))
        return SCTL_DONE;
    if (!really(c, "Really restart the remote supervisord process y/N? "))
        return SCTL_DONE;
    if (sctl_call(c, &r, "restart", "[]") < 0)
        return SCTL_RAISED;
    return ended(c, &r, "Restarted supervisord", SCTL_FAILED);
}
