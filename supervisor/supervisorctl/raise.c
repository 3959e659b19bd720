/* What a command says that cannot go on: the words in which Supervisor's own says it, since
 * people search for them, without the place in its source. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/conf/pytext.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void begin(struct sctl *c, const char *class)
{
    str_clear(&c->error.text);
    c->error.errnum = c->error.http = 0;
    c->error.stopped = false;
    str_printf(&c->error.text, "<class '%s'>, ", class);
}

enum sctl_end sctl_raise(struct sctl *c, const char *class, const char *fmt, ...)
{
    va_list ap;
    begin(c, class);
    va_start(ap, fmt);
    str_vprintf(&c->error.text, fmt, ap);
    va_end(ap);
    return SCTL_RAISED;
}

enum sctl_end sctl_raise_fault(struct sctl *c, const struct sctl_reply *r)
{
    begin(c, "xmlrpc.client.Fault");
    str_printf(&c->error.text, "<Fault %d: ", r->fault);
    py_repr(&c->error.text, r->text ? r->text : "", false);
    str_putc(&c->error.text, '>');
    return SCTL_RAISED;
}

static const char *class_of(int errnum)
{
    static const struct {
        int errnum;
        const char *class;
    } rows[] = {
        {ENOENT, "FileNotFoundError"},        {ECONNREFUSED, "ConnectionRefusedError"},
        {EACCES, "PermissionError"},          {EPERM, "PermissionError"},
        {ECONNRESET, "ConnectionResetError"}, {EPIPE, "BrokenPipeError"},
        {ETIMEDOUT, "TimeoutError"},          {ENOTDIR, "NotADirectoryError"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].errnum == errnum)
            return rows[i].class;
    return "OSError";
}

enum sctl_end sctl_raise_http(struct sctl *c, const struct hcall_error *e)
{
    switch (e->why) {
    case HCALL_SYSTEM:
        if (e->errnum)
            sctl_raise(c, class_of(e->errnum), "[Errno %d] %s", e->errnum, e->text);
        else
            sctl_raise(c, "OSError", "%s", e->text);
        c->error.errnum = e->errnum;
        break;
    case HCALL_NAME:
        sctl_raise(c, "socket.gaierror", "[Errno %d] %s", e->errnum, e->text);
        break;
    case HCALL_CLOSED:
        sctl_raise(c, e->begun ? "http.client.IncompleteRead" : "http.client.RemoteDisconnected",
                   "%s", e->text);
        break;
    case HCALL_STOPPED:
        sctl_raise(c, "KeyboardInterrupt", "%s", e->text);
        c->error.stopped = true;
        break;
    default:
        sctl_raise(c, "http.client.BadStatusLine", "%s", e->text);
    }
    return SCTL_RAISED;
}
