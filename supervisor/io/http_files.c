/* The files of a TLS connection, read by the port that may wait for disks (files.h) before the
 * library does it in the loop: our certificate and key it then gets from memory; of authorities it
 * keeps what it has read for a while (and only of one file), so that theirs are looked at before it
 * reads them. */
#include "supervisor/base/mem.h"
#include "supervisor/io/files.h"
#include "supervisor/io/http_impl.h"

#include <stdlib.h>
#include <string.h>

#define CA_FRESH DUR_S(240) /* less than the library keeps them */

void http_use_files(struct http *h, struct files *f)
{
    h->files = f;
}

static const char *ca_of(const struct http_call *c)
{
    return c->rq.tls.ca ? c->rq.tls.ca : c->h->ca;
}

static bool ca_is_fresh(const struct http *h, const char *path)
{
    return h->ca_read && strcmp(h->ca_read, path) == 0 &&
           mono_sub(loop_now(h->loop), h->ca_at).ns < CA_FRESH.ns;
}

static void keep(struct str *to, const struct files_got *got)
{
    str_clear(to);
    str_put(to, got->text, got->n);
}

static void on_read(void *obj, const struct files_got *got, size_t n)
{
    struct http_call *c = obj;
    const struct http_tls *t = &c->rq.tls;
    const char *error = NULL;
    for (size_t i = 0; i < n && !error; i++) {
        error = got[i].error;
        if (!error && t->cert && strcmp(got[i].path, t->cert) == 0)
            keep(&c->cert, &got[i]);
        if (!error && t->key && strcmp(got[i].path, t->key) == 0)
            keep(&c->key, &got[i]);
    }
    if (!error && ca_of(c)) {
        free(c->h->ca_read);
        c->h->ca_read = mem_strdup(ca_of(c));
        c->h->ca_at = loop_now(c->h->loop);
    }
    if (error)
        http_fail(c, HTTP_LOCAL, "%s", error);
    files_end(&c->reading);
    c->files_read = true;
    http_files_done(c, !error);
}

bool http_files_begin(struct http_call *c)
{
    const char *paths[3], *ca = ca_of(c);
    size_t n = 0;
    if (!c->h->files || !c->https || c->files_read)
        return false;
    if (c->rq.tls.cert)
        paths[n++] = c->rq.tls.cert;
    if (c->rq.tls.cert && c->rq.tls.key)
        paths[n++] = c->rq.tls.key;
    if (ca && !ca_is_fresh(c->h, ca))
        paths[n++] = ca;
    if (!n)
        return false;
    c->reading = files_start(&(struct files_request){
        .files = c->h->files, .patterns = paths, .n = n, .done = on_read, .obj = c});
    return true;
}

void http_files_end(struct http_call *c)
{
    files_end(&c->reading);
    if (c->key.s)
        explicit_bzero(c->key.s, c->key.len);
    if (c->cert.s)
        explicit_bzero(c->cert.s, c->cert.len);
    str_fini(&c->key);
    str_fini(&c->cert);
}
