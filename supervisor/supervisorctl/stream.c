/* Logs that are followed: what comes is printed as it is, until the other side ends it. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/base/arena.h"

#include <stdio.h>

static bool complain(const struct sctl *c, struct sctl_stream *s, const char *path,
                     const char *what)
{
    fflush(stdout);
    fprintf(stderr, "%s%s %s\n", c->url, path, what);
    sctl_stream_close(s);
    return false;
}

/* the reason as an exception of Python's */
static bool complain_http(struct sctl *c, struct sctl_stream *s, const char *path)
{
    struct str text = STR_INIT;
    if (hcall_error(s->http)->why == HCALL_STOPPED) {
        sctl_stream_close(s);
        return false;
    }
    sctl_raise_http(c, hcall_error(s->http));
    str_printf(&text, "Cannot connect, error: %s", str_text(&c->error.text));
    complain(c, s, path, str_text(&text));
    str_fini(&text);
    return false;
}

static bool complain_status(struct sctl *c, struct sctl_stream *s, const char *path)
{
    char text[64];
    snprintf(text, sizeof(text), "Cannot read, status code %d", hcall_status(s->http));
    return complain(c, s, path, text);
}

bool sctl_stream_open(struct sctl *c, struct sctl_stream *s, const char *path)
{
    struct hcall_server server;
    struct hcall_request rq = {
        .method = "GET", .path = path, .accept = "*/*", .user = c->user, .password = c->password};
    struct arena *a = arena_new();
    bool known = sctl_server_of(c->url, a, &server);
    *s = (struct sctl_stream){.http = known ? hcall_new(&server, c->stop) : NULL};
    arena_free(&a);
    if (!known)
        return complain(c, s, path, "Cannot connect, error: <class 'NotImplementedError'>");
    if (hcall_begin(s->http, &rq) < 0)
        return complain_http(c, s, path);
    return hcall_status(s->http) == 200 || complain_status(c, s, path);
}

bool sctl_stream_print(struct sctl *c, struct sctl_stream *s, bool wait)
{
    const char *p;
    size_t n;
    enum hcall_piece got;
    (void)c;
    if (!s->http)
        return false;
    while ((got = hcall_next(s->http, wait, &p, &n)) == HCALL_PIECE) {
        fwrite(p, 1, n, stdout);
        if (fflush(stdout) != 0)
            got = HCALL_FAILED;
        if (wait || got == HCALL_FAILED)
            break;
    }
    if (got == HCALL_PIECE || got == HCALL_LATER)
        return true;
    sctl_stream_close(s);
    return false;
}

void sctl_stream_close(struct sctl_stream *s)
{
    hcall_free(&s->http);
}
