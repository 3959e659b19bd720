/* Checks of notifiers by what sends their messages. */
#include "alerts/send_check.h"
#include "alerts/payload/tell.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/exec_out.h"
#include "supervisor/io/http_out.h"

#include <string.h>

static const struct notice sample = {.kind = NOTICE_TEST,
                                     .id = "check",
                                     .key = "check",
                                     .alert = "check",
                                     .severity = "info",
                                     .was = "",
                                     .summary = "check",
                                     .description = "",
                                     .runbook = "",
                                     .dashboard = "",
                                     .reason = "",
                                     .program = "",
                                     .host = "",
                                     .ack = ""};

/* The library's words could repeat a part of the URL, which may be a secret. */
static int check_url(const char *option, const char *p, size_t n, struct err *e)
{
    char *url = mem_alloc(n + 1);
    struct err why;
    memcpy(url, p, n);
    url[n] = '\0';
    bool ok = http_url_ok(url, &why);
    explicit_bzero(url, n);
    free(url);
    return ok ? 0 : err_set(e, "%s: is no URL that can be read", option);
}

static int check_http(const struct item *it, const struct tell_message *m, struct err *e)
{
    bool several = strchr(str_text(&m->url), '\n');
    (void)it;
    for (const char *p = str_text(&m->url); *p;) {
        size_t n = strcspn(p, "\n");
        if (check_url(several ? "urls" : "url", p, n, e) < 0)
            return -1;
        p += n + (p[n] == '\n');
    }
    return m->proxy ? check_url("proxy", m->proxy, strlen(m->proxy), e) : 0;
}

int send_check(const struct item *it, bool *out_missing, struct err *e)
{
    const struct notice *one = &sample;
    struct tell_message m;
    int r = 0;
    *out_missing = false;
    tell_message_init(&m);
    tell_of(it)->build(it, &one, 1, wall_now(), &m);
    if (m.way == TELL_HTTP) {
        r = check_http(it, &m, e);
    } else if (m.way == TELL_COMMAND && exec_can(str_text(&m.args), out_missing, e) < 0) {
        r = err_prefix(e, "command");
    }
    tell_message_fini(&m);
    return r;
}
