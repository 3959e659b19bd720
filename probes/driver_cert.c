/* type=cert: files first, then the server: connect, its STARTTLS, a handshake; then the judge. */
#include "probes/driver.h"
#include "probes/env.h"
#include "probes/judge/cert.h"
#include "probes/judge/starttls.h"
#include "supervisor/base/arena.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/files.h"
#include "supervisor/io/pem.h"
#include "supervisor/io/tcp_out.h"
#include "supervisor/io/trusts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

extern const struct kind probe_kind_cert;

#define PLAIN_READS 16 /* before TLS begins: a peer could send faster than we read */

/* what it waits for */
enum step { STEP_FILES, STEP_CONNECT, STEP_STARTTLS, STEP_TLS, STEP_DONE };

struct attempt {
    struct attempt_request rq;
    const struct cert_opts *o;
    enum step step;
    struct loop_timer timer;
    struct loop_defer defer;
    struct arena *a;
    mono_t started, since; /* of the attempt, of the step */
    struct verdict v;
    /* files: those of these roles come first, one each, then what files= matches */
    struct files_read *read;
    int ca_at, served_at, key_at; /* -1: not asked for */
    size_t roles;
    struct tls_trust *trust; /* held: while we connect another attempt may renew it */
    struct cert_file served;
    VEC(struct cert_file) files;
    struct cert_input in;
    /* the server */
    struct tcp_call *call;
    int fd;
    struct loop_io io;
    struct starttls talk;
    const char *send;
    size_t left;
    struct tls_handshake *tls;
};

/* ---- the end ---- */

static void attempt_free(struct attempt *a)
{
    struct loop *l = a->rq.env->loop;
    files_end(&a->read);
    tcp_cancel(&a->call);
    tls_end(&a->tls);
    tls_trust_free(&a->trust);
    loop_timer_stop(&a->timer);
    loop_defer_cancel(l, &a->defer);
    loop_io_close(&a->io, &a->fd);
    VEC_FINI(&a->files);
    arena_free(&a->a);
    free(a);
}

static void cancel(struct attempt **ap)
{
    if (*ap)
        attempt_free(*ap);
    *ap = NULL;
}

static void deliver(struct attempt *a)
{
    a->v.total_ns = mono_sub(mono_now(), a->started).ns;
    a->rq.done(a->rq.obj, &a->v);
    attempt_free(a);
}

/* The verdict is made. */
static void finish(struct attempt *a)
{
    if (a->step == STEP_DONE)
        return;
    a->step = STEP_DONE;
    loop_timer_stop(&a->timer);
    loop_io_set(&a->io, a->fd, 0);
    loop_defer(a->rq.env->loop, &a->defer);
}

static void give_up(struct attempt *a, enum reason r, const char *text)
{
    verdict_fail(&a->v, r, "%s", text);
    if (r == REASON_INTERNAL)
        a->v.status = VERDICT_UNKNOWN;
    finish(a);
}

static void phase_end(struct attempt *a, enum phase p)
{
    mono_t now = mono_now();
    a->v.phase_ns[p] = mono_sub(now, a->since).ns;
    a->since = now;
}

static void timed_out(struct attempt *a)
{
    switch (a->step) {
    case STEP_FILES:
        give_up(a, REASON_INTERNAL,
                "the files could not be read in time: their disk does not answer");
        break;
    case STEP_STARTTLS:
        give_up(a, REASON_READ_TIMEOUT, "connected, but the server did not begin TLS in time");
        break;
    case STEP_TLS:
        give_up(a, REASON_READ_TIMEOUT, "connected, but the TLS handshake did not end in time");
        break;
    case STEP_CONNECT: /* the call has a deadline of its own, and knows more */
    case STEP_DONE:
        break;
    }
}

static void judge(struct attempt *a)
{
    a->in.now = wall_now().ns / 1000000000;
    a->in.a = a->a;
    a->in.files = a->files.v;
    a->in.nfiles = a->files.n;
    a->in.served = a->served_at >= 0 ? &a->served : NULL;
    cert_judge(a->o, &a->in, &a->v);
    finish(a);
}

/* ---- the server ---- */

static void on_tls(void *obj, const struct tls_result *r)
{
    struct attempt *a = obj;
    a->v.tls = true;
    /* who wants a certificate of ours may break off; its own was seen all the same */
    bool usable = r->chain.n && (r->ok || r->client_asked);
    if (!usable) {
        give_up(a, REASON_TLS_HANDSHAKE,
                r->error ? r->error : "the server presents no certificate");
        return;
    }
    phase_end(a, PHASE_TLS);
    a->in.chain = &r->chain;
    judge(a);
}

static void begin_tls(struct attempt *a)
{
    char plain[4096];
    loop_io_set(&a->io, a->fd, 0);
    if (a->o->starttls != STARTTLS_NONE) {
        /* what came in plain by now is not from the peer that TLS will prove: thrown away */
        for (int i = 0; i < PLAIN_READS && recv(a->fd, plain, sizeof(plain), MSG_DONTWAIT) > 0; i++)
            continue; /* of more than this the handshake will say that it is no TLS */
        phase_end(a, PHASE_PROCESSING);
    }
    a->step = STEP_TLS;
    a->tls = tls_start(&(struct tls_request){.loop = a->rq.env->loop,
                                             .trust = a->trust,
                                             .fd = a->fd,
                                             .server_name = cert_host(a->o),
                                             .host = cert_host(a->o),
                                             .done = on_tls,
                                             .obj = a});
}

static void talk_send(struct attempt *a)
{
    ssize_t n = send(a->fd, a->send, a->left, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        give_up(a, REASON_CLOSED, "the server closed the connection before TLS began");
        return;
    }
    a->send += n > 0 ? n : 0;
    a->left -= n > 0 ? (size_t)n : 0;
    loop_io_set(&a->io, a->fd, a->left ? LOOP_WRITE : LOOP_READ);
}

static void talk_next(struct attempt *a, const struct starttls_out *out)
{
    if (out->next == STARTTLS_FAIL) {
        give_up(a, REASON_TLS_HANDSHAKE, out->e.msg);
    } else if (out->next == STARTTLS_BEGIN) {
        begin_tls(a);
    } else {
        a->send = out->send;
        a->left = out->next == STARTTLS_SEND ? out->n : 0;
        loop_io_set(&a->io, a->fd, a->left ? LOOP_WRITE : LOOP_READ);
    }
}

static void talk_read(struct attempt *a)
{
    char buf[4096];
    struct starttls_out out;
    ssize_t n = recv(a->fd, buf, sizeof(buf), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        give_up(a, REASON_CLOSED, "the server closed the connection before TLS began");
        return;
    }
    starttls_feed(&a->talk, buf, (size_t)n, &out);
    talk_next(a, &out);
}

static void on_talk(struct attempt *a)
{
    if (a->left)
        talk_send(a);
    else
        talk_read(a);
}

static enum reason reason_of(enum tcp_error e)
{
    return e == TCP_DNS               ? REASON_DNS
           : e == TCP_REFUSED         ? REASON_CONNECT_REFUSED
           : e == TCP_CONNECT_TIMEOUT ? REASON_CONNECT_TIMEOUT
           : e == TCP_READ_TIMEOUT    ? REASON_CONNECT_TIMEOUT
           : e == TCP_CLOSED          ? REASON_CLOSED
                                      : REASON_INTERNAL;
}

static void on_connected(void *obj, const struct tcp_result *r)
{
    struct attempt *a = obj;
    struct starttls_out out;
    a->call = NULL;
    a->v.phase_ns[PHASE_RESOLVE] = r->resolve_ns;
    a->v.phase_ns[PHASE_CONNECT] = r->connect_ns;
    a->v.ip_protocol = netaddr_family(&r->peer);
    a->v.ip_hash = netaddr_hash(&r->peer);
    a->since = mono_now();
    if (r->error != TCP_OK) {
        give_up(a, reason_of(r->error), r->text);
        return;
    }
    a->step = STEP_STARTTLS;
    if (a->o->starttls == STARTTLS_NONE) {
        begin_tls(a);
        return;
    }
    starttls_init(&a->talk, a->o->starttls, &out);
    talk_next(a, &out);
}

static void begin_connect(struct attempt *a)
{
    a->step = STEP_CONNECT;
    a->call = tcp_start(&(struct tcp_request){.loop = a->rq.env->loop,
                                              .resolve = a->rq.env->resolve,
                                              .host = a->o->address.host,
                                              .port = (unsigned)a->o->address.port,
                                              .deadline = a->rq.deadline,
                                              .out_fd = &a->fd,
                                              .done = on_connected,
                                              .obj = a});
}

/* ---- files ---- */

static struct cert_file read_certs(struct attempt *a, const struct files_got *g)
{
    struct err e;
    struct cert_file f = {.path = g->path, .error = g->error};
    f.denied = g->errnum == EACCES || g->errnum == EPERM || g->errnum == EAGAIN;
    if (!g->error && pem_read(g->text, g->n, a->a, &f.pem, &e) < 0)
        f.error = arena_printf(a->a, "%s: %s", g->path, e.msg);
    return f;
}

/* The key belongs to the file that the server should have, or else to the first one. */
static void read_key(struct attempt *a, const struct files_got *key, const struct files_got *cert)
{
    struct err e;
    int r;
    if (key->error || cert->error) {
        a->in.key = CERT_KEY_UNKNOWN;
        a->in.key_error = key->error ? key->error : cert->error;
        return;
    }
    r = pem_key_matches(key->text, key->n, cert->text, cert->n, &e);
    a->in.key = r > 0 ? CERT_KEY_FITS : r == 0 ? CERT_KEY_DIFFERS : CERT_KEY_UNKNOWN;
    a->in.key_error = r < 0 ? arena_printf(a->a, "%s: %s", key->path, e.msg) : NULL;
}

static struct tls_trust *known_trust(const struct attempt *a)
{
    return tls_trust_hold(trusts_get(a->rq.env->trusts, a->o->ca, loop_now(a->rq.env->loop)));
}

/* False if the authorities cannot be read: then nothing can be said. To take them in costs 20 ms:
 * once is enough when many have read the file. */
static bool read_trust(struct attempt *a, const struct files_got *g)
{
    struct err e;
    a->trust = known_trust(a);
    if (!a->trust && g->error)
        err_set(&e, "ca: %s", g->error);
    else if (!a->trust)
        a->trust = tls_trust_hold(
            trusts_put(a->rq.env->trusts, a->o->ca, g->text, g->n, loop_now(a->rq.env->loop), &e));
    if (!a->trust && !g->error)
        err_prefix(&e, "ca: %s", a->o->ca);
    if (!a->trust)
        give_up(a, REASON_INTERNAL, e.msg);
    return a->trust;
}

static void take_files(struct attempt *a, const struct files_got *got, size_t n)
{
    if (a->served_at >= 0)
        a->served = read_certs(a, &got[a->served_at]);
    for (size_t i = a->roles; i < n; i++)
        VEC_PUSH(&a->files, read_certs(a, &got[i]));
    size_t cert_at = a->served_at >= 0 ? (size_t)a->served_at : a->roles;
    if (a->key_at >= 0 && cert_at < n)
        read_key(a, &got[a->key_at], &got[cert_at]);
}

static void on_files(void *obj, const struct files_got *got, size_t n)
{
    struct attempt *a = obj;
    if (n < a->roles) { /* no reader was free */
        give_up(a, REASON_INTERNAL, n ? got[0].error : "cannot read files");
        return;
    }
    take_files(a, got, n);
    bool go = a->ca_at < 0 || read_trust(a, &got[a->ca_at]);
    if (go && a->o->address.text)
        begin_connect(a);
    else if (go)
        judge(a);
}

static int want_file(struct attempt *a, const char **list, const char *path)
{
    if (!path)
        return -1;
    list[a->roles] = path;
    return (int)a->roles++;
}

static void begin(struct attempt *a)
{
    const struct cert_opts *o = a->o;
    const char **list = arena_alloc(a->a, (o->files.n + 3) * sizeof(*list));
    if (o->address.text)
        a->trust = known_trust(a);
    a->ca_at = want_file(a, list, o->address.text && !a->trust ? o->ca : NULL);
    a->served_at = want_file(a, list, o->served_file);
    a->key_at = want_file(a, list, o->key_file);
    size_t n = a->roles;
    for (size_t i = 0; i < o->files.n; i++) {
        if (*o->files.v[i])
            list[n++] = o->files.v[i];
    }
    if (!n) {
        begin_connect(a);
        return;
    }
    a->read = files_start(&(struct files_request){
        .files = a->rq.env->files, .patterns = list, .n = n, .done = on_files, .obj = a});
}

static struct attempt *start(const struct attempt_request *rq)
{
    struct attempt *a = mem_zalloc(sizeof(*a));
    struct loop *l = rq->env->loop;
    a->rq = *rq;
    a->o = rq->item->own;
    a->a = arena_new();
    a->fd = -1;
    a->started = a->since = mono_now();
    a->in.peer = a->o->address.text ? a->o->address.text : "";
    verdict_init(&a->v);
    LOOP_TIMER(&a->timer, l, timed_out, a);
    LOOP_IO(&a->io, l, on_talk, a);
    LOOP_DEFER(&a->defer, deliver, a);
    loop_timer_at(&a->timer, rq->deadline);
    begin(a);
    return a;
}

const struct driver driver_cert = {.kind = &probe_kind_cert, .start = start, .cancel = cancel};
