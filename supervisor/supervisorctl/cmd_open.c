/* open: another server. */
#include "supervisor/supervisorctl/cmd.h"

#include <string.h>
#include <strings.h>

static bool has_scheme(const char *url, const char *scheme)
{
    size_t n = strlen(scheme);
    return strncasecmp(url, scheme, n) == 0 && url[n] == ':';
}

enum sctl_end sctl_do_open(struct sctl *c, const char *arg)
{
    if (!has_scheme(arg, "unix") && !has_scheme(arg, "http")) {
        sctl_error("url must be http:// or unix://");
        c->exit = SCTL_FAILED;
        return SCTL_DONE;
    }
    sctl_open(c, arg);
    int before = c->exit;
    enum sctl_end end = sctl_do_status(c, "");
    c->exit = end == SCTL_DONE ? before : c->exit;
    return end;
}
