/* type=http: attempts through the HTTP port. */
#include "probes/driver.h"
#include "probes/env.h"
#include "probes/judge/kind_http.h"
#include "supervisor/base/mem.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/pattern.h"

#include <stdlib.h>
#include <string.h>

#define REDIRECTS 10

/* kept between attempts: the patterns, or why one of them does not compile; with connection=reuse
 * what the server presented when the connection was made */
struct held {
    struct http_cert *cert; /* NULL: none so far */
    struct pattern *match, *not_match;
    struct http_place place;
    struct err e;
    bool bad;
};

struct attempt {
    struct attempt_request rq;
    struct held *held;
    struct http_call *call;
    struct loop_defer defer; /* for an attempt that cannot begin */
};

static int compile(const struct http_opts *o, struct held *h, struct err *e)
{
    if (o->body_regex && !(h->match = pattern_new(o->body_regex, e)))
        return err_prefix(e, "body_regex");
    if (o->body_not_regex && !(h->not_match = pattern_new(o->body_not_regex, e)))
        return err_prefix(e, "body_not_regex");
    return 0;
}

static void drop(void **heldp)
{
    struct held *h = *heldp;
    if (h) {
        pattern_free(&h->match);
        pattern_free(&h->not_match);
        http_place_fini(&h->place);
        free(h->cert);
    }
    free(h);
    *heldp = NULL;
}

static int check(const struct item *item, struct err *e)
{
    const struct http_opts *o = http_opts(item);
    void *h = mem_zalloc(sizeof(struct held));
    int r = compile(o, h, e);
    drop(&h);
    if (r == 0 && o->url && http_url_ok(o->url, e) == false)
        r = err_prefix(e, "url");
    return r;
}

static struct held *held_of(const struct attempt_request *rq)
{
    if (!*rq->held) {
        struct held *h = *rq->held = mem_zalloc(sizeof(*h));
        const struct http_opts *o = http_opts(rq->item);
        struct err ignored; /* the attempt says it again */
        h->bad = compile(o, h, &h->e) < 0;
        http_place_find(&h->place, o->url, &ignored);
    }
    return *rq->held;
}

/* ---- facts ---- */

static const enum reason reasons[] = {
    [HTTP_OK] = REASON_NONE,
    [HTTP_BAD_URL] = REASON_INTERNAL,
    [HTTP_DNS] = REASON_DNS,
    [HTTP_REFUSED] = REASON_CONNECT_REFUSED,
    [HTTP_CONNECT_TIMEOUT] = REASON_CONNECT_TIMEOUT,
    [HTTP_TLS] = REASON_TLS_HANDSHAKE,
    [HTTP_TLS_VERIFY] = REASON_TLS_VERIFY,
    [HTTP_READ_TIMEOUT] = REASON_READ_TIMEOUT,
    [HTTP_CLOSED] = REASON_CLOSED,
    [HTTP_PROTOCOL] = REASON_HEADER,
    [HTTP_REDIRECTS] = REASON_STATUS,
    [HTTP_LOCAL] = REASON_INTERNAL,
};
static const char *const subreasons[] = {
    [HTTP_VERIFY_OK] = "",
    [HTTP_VERIFY_EXPIRED] = "expired",
    [HTTP_VERIFY_NOT_YET] = "not_yet_valid",
    [HTTP_VERIFY_HOSTNAME] = "hostname_mismatch",
    [HTTP_VERIFY_SELF_SIGNED] = "self_signed",
    [HTTP_VERIFY_UNKNOWN_ISSUER] = "unknown_issuer",
    [HTTP_VERIFY_OTHER] = "other",
};
static const enum phase phases[] = {
    [HTTP_RESOLVE] = PHASE_RESOLVE,   [HTTP_CONNECT] = PHASE_CONNECT,
    [HTTP_TLS_PHASE] = PHASE_TLS,     [HTTP_PROCESSING] = PHASE_PROCESSING,
    [HTTP_TRANSFER] = PHASE_TRANSFER,
};

static void take_cert(struct cert_facts *out, const struct http_cert *c)
{
    out->seen = c->seen;
    out->not_before = c->not_before;
    out->not_after = c->not_after;
    out->earliest_not_after = c->earliest_not_after;
    out->chain_not_after = c->chain_not_after;
    memcpy(out->fingerprint, c->fingerprint, sizeof(out->fingerprint));
    memcpy(out->subject, c->subject, sizeof(out->subject));
    memcpy(out->issuer, c->issuer, sizeof(out->issuer));
    memcpy(out->names, c->names, sizeof(out->names));
    memcpy(out->serial, c->serial, sizeof(out->serial));
    memcpy(out->protocol, c->protocol, sizeof(out->protocol));
    memcpy(out->cipher, c->cipher, sizeof(out->cipher));
}

static void take_numbers(struct verdict *v, const struct http_result *r)
{
    for (int i = 0; i < HTTP_PHASES; i++)
        v->phase_ns[phases[i]] = r->phase_ns[i];
    v->total_ns = r->total_ns;
    v->http_status = r->status;
    v->http_version_milli = r->version_milli;
    v->redirects = r->redirects;
    v->ip_protocol = netaddr_family(&r->peer);
    v->ip_hash = netaddr_hash(&r->peer);
    v->last_modified = r->last_modified;
    v->body_bytes = r->body_bytes;
    v->content_length = r->content_length;
    v->tls = r->tls;
}

/* A kept connection has no handshake of its own; its certificate is the one of the last. */
static const struct http_cert *cert_of(struct attempt *a, const struct http_result *r)
{
    if (r->cert.seen && !a->held->cert)
        a->held->cert = mem_alloc(sizeof(*a->held->cert));
    if (r->cert.seen)
        *a->held->cert = r->cert;
    return r->tls && r->error == HTTP_OK && a->held->cert ? a->held->cert : &r->cert;
}

static enum match match(const struct pattern *p, const struct http_result *r)
{
    static const enum match found[] = {MATCH_LIMIT, MATCH_NO, MATCH_YES};
    if (!p || r->error != HTTP_OK)
        return MATCH_UNASKED;
    return found[pattern_match(p, r->body, r->body_len) + 1];
}

/* ---- attempts ---- */

static void answer(struct attempt *a, const struct verdict *v)
{
    struct attempt_request rq = a->rq;
    free(a);
    rq.done(rq.obj, v);
}

static void on_done(void *obj, const struct http_result *r)
{
    struct attempt *a = obj;
    struct verdict v;
    struct http_facts f = {.failed = reasons[r->error],
                           .ours = reasons[r->error] == REASON_INTERNAL,
                           .text = r->text,
                           .subreason = subreasons[r->verify],
                           .match = match(a->held->match, r),
                           .not_match = match(a->held->not_match, r),
                           .body_cut = r->body_cut};
    verdict_init(&v);
    take_numbers(&v, r);
    take_cert(&v.cert, cert_of(a, r));
    http_judge(http_opts(a->rq.item), &f, &v);
    answer(a, &v);
}

static void on_bad(struct attempt *a)
{
    struct verdict v;
    struct http_facts f = {
        .failed = REASON_INTERNAL, .ours = true, .text = a->held->e.msg, .subreason = ""};
    verdict_init(&v);
    http_judge(http_opts(a->rq.item), &f, &v);
    answer(a, &v);
}

static struct http_request request_of(struct attempt *a)
{
    static const int families[] = {[PROBE_IP_ANY] = 0, [PROBE_IP_4] = 4, [PROBE_IP_6] = 6};
    static const int versions[] = {12, 13};
    const struct http_opts *o = http_opts(a->rq.item);
    return (struct http_request){
        .url = o->url,
        .place = &a->held->place,
        .method = o->method,
        .headers = o->headers,
        .body = o->body,
        .body_len = o->body ? strlen(o->body) : 0,
        .user = o->user,
        .password = o->password,
        .bearer = o->bearer,
        .tls = {.insecure = !o->tls_verify,
                .ca = o->tls_ca,
                .cert = o->tls_cert,
                .key = o->tls_key,
                .server_name = o->tls_server_name,
                .least = versions[o->tls_min]},
        .proxy = o->proxy,
        .family = families[o->ip],
        .reuse = o->connection == HTTP_PROBE_REUSE,
        .redirects = o->redirects == HTTP_PROBE_FOLLOW ? REDIRECTS : 0,
        .max_body = (size_t)o->max_body,
        .keep_body = a->held->match || a->held->not_match,
        .deadline = a->rq.deadline,
        .done = on_done,
        .obj = a,
    };
}

static struct attempt *start(const struct attempt_request *rq)
{
    struct attempt *a = mem_zalloc(sizeof(*a));
    a->rq = *rq;
    a->held = held_of(rq);
    LOOP_DEFER(&a->defer, on_bad, a);
    if (a->held->bad) {
        loop_defer(rq->env->loop, &a->defer);
        return a;
    }
    struct http_request q = request_of(a);
    a->call = http_start(rq->env->http, &q);
    return a;
}

static void cancel(struct attempt **ap)
{
    struct attempt *a = *ap;
    if (!a)
        return;
    http_cancel(&a->call);
    loop_defer_cancel(a->rq.env->loop, &a->defer);
    free(a);
    *ap = NULL;
}

const struct driver driver_http = {
    .kind = &probe_kind_http, .start = start, .cancel = cancel, .check = check, .drop = drop};
