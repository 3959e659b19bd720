/* HTTP requests: the life of a call over names, addresses and redirects, and libcurl in our loop.
 */
#include "supervisor/io/http_impl.h"

#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEPT_CONNECTIONS 256L
#define LOCATION_TEXT 200

static void next_step(struct http_call *c);

/* ---- libcurl in the loop ---- */

struct sock {
    struct http *h;
    int fd;
    struct loop_io io;
};

/* Takes what the library has finished; nothing is called back from here. */
static void collect(struct http *h)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(h->multi, &left))) {
        struct http_call *c = NULL;
        CURLcode code = m->data.result;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&c);
        http_take_facts(c, (int)code);
        http_easy_done(c);
        loop_defer(h->loop, &c->defer);
    }
}

static void act(struct http *h, curl_socket_t fd, int events)
{
    int running;
    curl_multi_socket_action(h->multi, fd, events, &running);
    collect(h);
}

static void on_sock(struct sock *s)
{
    int ev = loop_io_events(&s->io);
    act(s->h, s->fd,
        ((ev & LOOP_READ) ? CURL_CSELECT_IN : 0) | ((ev & LOOP_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct http *h)
{
    act(h, CURL_SOCKET_TIMEOUT, 0);
}

/* Notes what the call waits for. The library tells the time of the connection only when the TLS
 * handshake is over. */
static void note_wait(CURL *easy, curl_socket_t fd, int what)
{
    struct http_call *c = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&c);
    if (!c)
        return;
    c->connecting = what == CURL_POLL_OUT && !c->readable.ns ? fd : -1;
    if ((what & CURL_POLL_IN) && !c->readable.ns)
        c->readable = mono_now();
}

static int want_sock(CURL *easy, curl_socket_t fd, int what, void *obj, void *sockp)
{
    struct http *h = obj;
    struct sock *s = sockp;
    note_wait(easy, fd, what);
    if (what == CURL_POLL_REMOVE) {
        if (s)
            loop_io_set(&s->io, fd, 0);
        free(s);
        curl_multi_assign(h->multi, fd, NULL);
        return 0;
    }
    if (!s) {
        s = mem_zalloc(sizeof(*s));
        s->h = h;
        s->fd = fd;
        LOOP_IO(&s->io, h->loop, on_sock, s);
        curl_multi_assign(h->multi, fd, s);
    }
    loop_io_set(&s->io, fd,
                ((what & CURL_POLL_IN) ? LOOP_READ : 0) |
                    ((what & CURL_POLL_OUT) ? LOOP_WRITE : 0) | LOOP_SOCKET);
    return 0;
}

static int want_timer(CURLM *multi, long ms, void *obj)
{
    (void)multi;
    struct http *h = obj;
    loop_timer_at(&h->timer, ms < 0 ? MONO_NEVER : mono_add(loop_now(h->loop), DUR_MS(ms)));
    return 0;
}

/* the system's CAs as one file, where Debian and others keep them */
static char *system_ca(void)
{
    static const char *const files[] = {"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"};
    const char *env = getenv("SSL_CERT_FILE");
    if (env && *env)
        return mem_strdup(env);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (access(files[i], R_OK) == 0)
            return mem_strdup(files[i]);
    }
    return NULL;
}

struct http *http_new(struct loop *l, struct resolve *r, struct err *e)
{
    CURLM *multi = curl_global_init(CURL_GLOBAL_DEFAULT) == 0 ? curl_multi_init() : NULL;
    if (!multi) {
        err_set(e, "cannot set up the HTTP client");
        return NULL;
    }
    struct http *h = mem_zalloc(sizeof(*h));
    h->loop = l;
    h->resolve = r;
    h->multi = multi;
    h->ca = system_ca();
    LIST_INIT(&h->calls);
    LOOP_TIMER(&h->timer, l, on_timer, h);
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, want_sock);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, h);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, want_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, h);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, KEPT_CONNECTIONS);
    return h;
}

void http_memfiles(struct http *h, struct memfiles *k)
{
    h->memfiles = k;
}

void http_free(struct http **hp)
{
    struct http *h = *hp;
    if (!h)
        return;
    while (!LIST_EMPTY(&h->calls)) {
        struct http_call *c = LIST_FIRST(&h->calls);
        http_cancel(&c);
    }
    http_pool_fini(&h->any);
    http_pool_fini(&h->plain);
    curl_multi_cleanup(h->multi);
    loop_timer_stop(&h->timer);
    free(h->ca);
    free(h);
    curl_global_cleanup();
    *hp = NULL;
}

/* ---- URLs ---- */

static unsigned port_of(CURLU *u)
{
    char *text = NULL;
    unsigned port = 0;
    if (curl_url_get(u, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
        port = (unsigned)strtoul(text, NULL, 10);
    curl_free(text);
    return port;
}

static char *part_of(CURLU *u, CURLUPart part)
{
    char *text = NULL, *copy = NULL;
    if (curl_url_get(u, part, &text, 0) == CURLUE_OK && text)
        copy = mem_strdup(text);
    curl_free(text);
    return copy;
}

/* the host without the brackets of an IPv6 address */
static char *host_of(CURLU *u)
{
    char *host = part_of(u, CURLUPART_HOST);
    size_t n = host ? strlen(host) : 0;
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        memmove(host, host + 1, n - 2);
        host[n - 2] = '\0';
    }
    return host;
}

static CURLU *parse_url(const char *url, const char *schemes, struct err *e)
{
    CURLU *u = curl_url();
    CURLUcode r = u ? curl_url_set(u, CURLUPART_URL, url, 0) : CURLUE_OUT_OF_MEMORY;
    char *scheme = r == CURLUE_OK ? part_of(u, CURLUPART_SCHEME) : NULL;
    bool known = scheme && strstr(schemes, scheme);
    if (r != CURLUE_OK)
        err_set(e, "the URL is malformed: %s", curl_url_strerror(r));
    else if (!known)
        err_set(e, "%s:// is not among %s", scheme ? scheme : "", schemes);
    free(scheme);
    if (known)
        return u;
    curl_url_cleanup(u);
    return NULL;
}

bool http_place_find(struct http_place *p, const char *url, struct err *e)
{
    CURLU *u = parse_url(url, "http https", e);
    char *scheme = u ? part_of(u, CURLUPART_SCHEME) : NULL;
    *p = (struct http_place){.https = scheme && strcmp(scheme, "https") == 0};
    if (u && !(p->host = host_of(u)))
        err_set(e, "the URL has no host");
    p->port = u ? port_of(u) : 0;
    free(scheme);
    curl_url_cleanup(u);
    return p->host;
}

void http_place_fini(struct http_place *p)
{
    free(p->host);
    p->host = NULL;
}

bool http_url_ok(const char *url, struct err *e)
{
    CURLU *u = parse_url(url, "http https", e);
    char *user = u ? part_of(u, CURLUPART_USER) : NULL;
    bool ok = u && !user;
    if (user)
        err_set(e, "the URL holds a user's name or a password");
    free(user);
    curl_url_cleanup(u);
    return ok;
}

/* ---- a call ---- */

static void end(struct http_call *c)
{
    resolve_cancel(&c->query);
    http_easy_done(c);
    memfile_end(&c->files);
    tls_seen_drop(&c->seen);
    loop_timer_stop(&c->timer);
    loop_defer_cancel(c->h->loop, &c->defer);
    LIST_REMOVE(c, next);
    str_fini(&c->body);
    str_fini(&c->head);
    free(c->url);
    free(c->host);
    free(c->first_host);
    free(c);
}

void http_cancel(struct http_call **cp)
{
    if (*cp)
        end(*cp);
    *cp = NULL;
}

static void deliver(struct http_call *c)
{
    c->r.total_ns = mono_sub(mono_now(), c->started).ns;
    c->r.body = str_text(&c->body);
    c->r.body_len = c->body.len;
    c->r.headers = str_text(&c->head);
    c->rq.done(c->rq.obj, &c->r);
    end(c);
}

/* Answers at the end of the turn with the failure that is set. */
static void finish(struct http_call *c)
{
    resolve_cancel(&c->query);
    if (!c->files_there)
        memfile_end(&c->files);
    http_easy_done(c);
    loop_timer_stop(&c->timer);
    loop_defer(c->h->loop, &c->defer);
}

/* ---- hops ---- */

static mono_t now_of(struct http_call *c)
{
    return loop_now(c->h->loop);
}

/* So long this address may take to connect: an equal share of what is left. */
static void arm(struct http_call *c)
{
    size_t left = c->addrs.naddrs - c->addr;
    mono_t at = c->rq.deadline;
    if (left > 1)
        at = mono_add(now_of(c), (dur_t){mono_sub(at, now_of(c)).ns / (int64_t)left});
    loop_timer_at(&c->timer, at);
}

static void start_transfer(struct http_call *c)
{
    c->hop_started = mono_now();
    c->readable = MONO_NEVER;
    c->connecting = -1;
    c->r.body_bytes = 0;
    c->r.body_cut = false;
    str_clear(&c->body);
    str_clear(&c->head);
    if (!http_easy_setup(c) || curl_multi_add_handle(c->h->multi, c->easy) != CURLM_OK) {
        http_fail(c, HTTP_LOCAL, "out of memory");
        finish(c);
        return;
    }
    c->added = true;
    arm(c);
    on_timer(c->h); /* it wants to begin at once: no turn of the loop for that */
    if (c->connecting >= 0)
        act(c->h, c->connecting, CURL_CSELECT_OUT); /* to a near host it is connected by now */
}

/* False if none is left. */
static bool drop_link_local(struct http_call *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->addrs.naddrs; i++) {
        if (!netaddr_link_local(&c->addrs.addrs[i]))
            c->addrs.addrs[n++] = c->addrs.addrs[i];
    }
    c->addrs.naddrs = n;
    return n > 0;
}

static void on_files(void *obj, const char *error)
{
    struct http_call *c = obj;
    const char *ca = c->rq.tls.ca;
    bool bad = !error && ca && !memfile_made(c->files, HTTP_FILE_CA, &tls_authorities);
    c->files_there = true;
    if (!error && !bad) {
        start_transfer(c);
        return;
    }
    if (bad)
        http_fail(c, HTTP_LOCAL, "there is no certificate in the file of CAs %s", ca);
    else
        http_fail(c, HTTP_LOCAL, "%s", error);
    next_step(c);
}

static void on_addrs(void *obj, const struct resolve_result *r)
{
    struct http_call *c = obj;
    int64_t took = mono_sub(mono_now(), c->hop_started).ns;
    c->query = NULL;
    c->r.phase_ns[HTTP_RESOLVE] += (c->r.phase_ns[HTTP_RESOLVE] < 0) + (r->cached ? 0 : took);
    c->addrs = *r;
    c->addr = 0;
    bool local = r->status == RESOLVE_OK && c->rq.no_link_local && !drop_link_local(c);
    if (r->status == RESOLVE_OK && !local) {
        if (!http_files_start(c, on_files))
            start_transfer(c);
        return;
    }
    if (local)
        http_fail(c, HTTP_REFUSED, "%s has a link-local address only", c->host);
    else
        http_fail(c, HTTP_DNS, "%s", r->text);
    next_step(c);
}

static bool same_text(const char *a, const char *b)
{
    return strcasecmp(a ? a : "", b ? b : "") == 0;
}

static void go_to(struct http_call *c, const struct http_place *p)
{
    free(c->host);
    c->host = mem_strdup(p->host);
    c->port = p->port;
    if (!c->first_host) {
        c->first_host = mem_strdup(c->host);
        c->first_port = c->port;
    } else if (!same_text(c->host, c->first_host) || c->port != c->first_port ||
               (c->https && !p->https)) {
        c->strange = true; /* for good: also when it comes back */
    }
    c->https = p->https;
}

/* Takes scheme, host and port of the present URL. */
static bool take_url(struct http_call *c)
{
    struct err e;
    struct http_place found = {0};
    const struct http_place *known = c->url ? NULL : c->rq.place;
    if (known && known->host) {
        go_to(c, known);
        return true;
    }
    if (!http_place_find(&found, c->url ? c->url : c->rq.url, &e)) {
        http_fail(c, c->url ? HTTP_REDIRECTS : HTTP_BAD_URL, "%s", e.msg);
        return false;
    }
    go_to(c, &found);
    http_place_fini(&found);
    return true;
}

/* the proxy is resolved in place of the host */
static struct resolve_request resolve_what(struct http_call *c, char **out_proxy)
{
    struct resolve_request q = {.name = c->host,
                                .family = c->rq.family,
                                .port = c->port,
                                .deadline = c->rq.deadline,
                                .done = on_addrs,
                                .obj = c};
    CURLU *u = c->rq.proxy ? parse_url(c->rq.proxy, "http", NULL) : NULL;
    if (u) {
        q.name = *out_proxy = host_of(u);
        q.port = port_of(u);
    }
    curl_url_cleanup(u);
    return q;
}

static void start_hop(struct http_call *c)
{
    char *proxy = NULL;
    c->hop_started = mono_now();
    c->addrs.naddrs = 0;
    if (!take_url(c)) {
        finish(c);
        return;
    }
    struct resolve_request q = resolve_what(c, &proxy);
    loop_timer_at(&c->timer, mono_add(c->rq.deadline, DUR_MS(50))); /* the resolver is first */
    c->query = resolve_start(c->h->resolve, &q);
    free(proxy);
}

static bool is_redirect(const struct http_call *c)
{
    int s = c->r.status;
    return c->r.error == HTTP_OK && c->rq.redirects > 0 &&
           (s == 301 || s == 302 || s == 303 || s == 307 || s == 308);
}

/* "Location:" as an absolute URL, which the caller frees; NULL if there is none */
static char *location(struct http_call *c)
{
    const char *p = str_text(&c->head);
    for (; *p && strncasecmp(p, "Location:", 9) != 0; p += *p == '\n')
        p += strcspn(p, "\n");
    if (!*p)
        return NULL;
    p += 9 + strspn(p + 9, " \t");
    struct str text = STR_INIT;
    str_put(&text, p, strcspn(p, "\r\n"));
    CURLU *u = curl_url();
    char *url = NULL;
    if (u && curl_url_set(u, CURLUPART_URL, c->url ? c->url : c->rq.url, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_URL, str_text(&text), CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK)
        url = part_of(u, CURLUPART_URL);
    curl_url_cleanup(u);
    str_fini(&text);
    return url;
}

static void follow(struct http_call *c)
{
    if (c->r.redirects >= c->rq.redirects) {
        http_fail(c, HTTP_REDIRECTS, "more than %d redirects", c->rq.redirects);
        finish(c);
        return;
    }
    char *to = location(c);
    if (!to) {
        http_fail(c, HTTP_REDIRECTS, "status %d without a place to go to", c->r.status);
        finish(c);
        return;
    }
    free(c->url);
    c->url = to;
    c->r.redirects++;
    bool get = c->r.status == 303 || strcmp(c->method, "POST") == 0;
    if (c->r.status < 307 && get && strcmp(c->method, "HEAD") != 0)
        c->method = "GET";
    start_hop(c);
}

static bool another_address(const struct http_call *c)
{
    return (c->r.error == HTTP_REFUSED || c->r.error == HTTP_CONNECT_TIMEOUT) &&
           c->addr + 1 < c->addrs.naddrs && !mono_reached(c->rq.deadline, now_of((void *)c));
}

/* A hop has ended, and its facts are taken: another address, another hop, or the answer. */
static void next_step(struct http_call *c)
{
    if (another_address(c)) {
        c->addr++;
        start_transfer(c);
    } else if (is_redirect(c) && c->head.len) {
        follow(c);
    } else {
        deliver(c);
    }
}

/* The time for this address, or for all, is over. What connected in time keeps the rest. */
static void on_deadline(struct http_call *c)
{
    if (c->easy && c->readable.ns && !mono_reached(c->rq.deadline, now_of(c))) {
        loop_timer_at(&c->timer, c->rq.deadline);
        return;
    }
    const char *file = c->files ? memfile_waits(c->files) : NULL;
    if (c->easy)
        http_take_facts(c, -1);
    else if (c->files && !c->files_there)
        http_fail(c, HTTP_LOCAL, "cannot read %s: its disk does not answer", file ? file : "files");
    else
        http_fail(c, HTTP_DNS, "cannot resolve %s: no answer in time", c->host);
    finish(c);
}

struct http_call *http_start(struct http *h, const struct http_request *rq)
{
    struct http_call *c = mem_zalloc(sizeof(*c));
    c->h = h;
    c->rq = *rq;
    c->method = rq->method ? rq->method : "GET";
    c->started = mono_now();
    c->r.content_length = -1;
    for (int i = 0; i < HTTP_PHASES; i++)
        c->r.phase_ns[i] = -1;
    if (rq->redirects)
        c->rq.keep_headers = true;
    LIST_INSERT_HEAD(&h->calls, c, next);
    LOOP_TIMER(&c->timer, h->loop, on_deadline, c);
    LOOP_DEFER(&c->defer, next_step, c);
    start_hop(c);
    return c;
}
