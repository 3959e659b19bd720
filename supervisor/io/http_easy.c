/* One transfer of libcurl: a request's options as the library wants them. */
#include "supervisor/io/http_impl.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* where the library reads the file of CAs itself: how long a change may stay unseen */
#define CA_KEPT_S 300L

#define SET(c, option, value) curl_easy_setopt((c)->easy, (option), (value))

/* ---- what comes in ---- */

static size_t on_body(char *p, size_t size, size_t n, void *obj)
{
    struct http_call *c = obj;
    size_t room = c->rq.max_body - (size_t)c->r.body_bytes;
    n *= size;
    size_t take = n < room ? n : room;
    if (c->rq.keep_body)
        str_put(&c->body, p, take);
    c->r.body_bytes += (int64_t)take;
    c->r.body_cut = take < n;
    return take; /* less than n ends the transfer */
}

static size_t on_header(char *p, size_t size, size_t n, void *obj)
{
    struct http_call *c = obj;
    n *= size;
    if (n > 5 && memcmp(p, "HTTP/", 5) == 0)
        str_clear(&c->head); /* of 100 Continue, or of a proxy */
    if (c->rq.keep_headers && c->head.len + n <= HTTP_HEADERS_MAX)
        str_put(&c->head, p, n);
    return n;
}

/* ---- options ---- */

static struct curl_slist *add_lines(struct curl_slist *list, const char *text)
{
    while (text && *text) {
        size_t n = strcspn(text, "\r\n");
        struct str line = STR_INIT;
        str_put(&line, text, n);
        if (n)
            list = curl_slist_append(list, str_text(&line));
        str_fini(&line);
        text += n + (text[n] != '\0');
    }
    return list;
}

static bool has_header(const char *headers, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = headers; p && *p; p += strcspn(p, "\n"), p += *p == '\n') {
        if (strncasecmp(p, name, len) == 0 && p[len] == ':')
            return true;
    }
    return false;
}

static void set_bearer(struct http_call *c)
{
    struct str line = STR_INIT;
    str_printf(&line, "Authorization: Bearer %s", c->rq.bearer);
    c->headers = curl_slist_append(c->headers, str_text(&line));
    str_fini(&line);
}

/* Another host than the one that was asked for gets nothing that is meant for that one. */
static void set_headers(struct http_call *c)
{
    const char *mine = c->strange ? NULL : c->rq.headers;
    c->headers = add_lines(NULL, mine);
    if (!c->strange && c->rq.bearer)
        set_bearer(c);
    if (!c->strange && c->rq.user) {
        SET(c, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        SET(c, CURLOPT_USERNAME, c->rq.user);
        SET(c, CURLOPT_PASSWORD, c->rq.password ? c->rq.password : "");
    }
    if (!has_header(mine, "User-Agent"))
        SET(c, CURLOPT_USERAGENT, "supd-agent/" SUPD_VERSION);
    c->headers = curl_slist_append(c->headers, "Expect:"); /* nobody waits for 100 Continue */
    SET(c, CURLOPT_HTTPHEADER, c->headers);
}

static void set_method(struct http_call *c)
{
    const char *m = c->method;
    if (strcmp(m, "HEAD") == 0) {
        SET(c, CURLOPT_NOBODY, 1L);
    } else if (c->rq.body && strcmp(m, "GET") != 0) {
        SET(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->rq.body_len);
        SET(c, CURLOPT_POSTFIELDS, c->rq.body);
        SET(c, CURLOPT_CUSTOMREQUEST, m);
    } else if (strcmp(m, "GET") != 0) {
        SET(c, CURLOPT_CUSTOMREQUEST, m);
    }
}

static long least_version(int least)
{
    static const long versions[] = {[10] = CURL_SSLVERSION_TLSv1_0,
                                    [11] = CURL_SSLVERSION_TLSv1_1,
                                    [12] = CURL_SSLVERSION_TLSv1_2,
                                    [13] = CURL_SSLVERSION_TLSv1_3};
    return least >= 10 && least <= 13 ? versions[least] : CURL_SSLVERSION_TLSv1_2;
}

const char *http_file_name(const struct http_call *c, enum http_file which)
{
    const struct http_tls *t = &c->rq.tls;
    const char *const paths[] = {[HTTP_FILE_CA] = t->ca ? t->ca : c->h->ca,
                                 [HTTP_FILE_CERT] = t->cert,
                                 [HTTP_FILE_KEY] = t->cert && t->key ? t->key : t->cert};
    return paths[which];
}

bool http_files_start(struct http_call *c, memfile_done_fn *done)
{
    if (!c->https || !c->h->memfiles || c->files)
        return false;
    const char *const paths[MEMFILE_PATHS] = {http_file_name(c, HTTP_FILE_CA),
                                              http_file_name(c, HTTP_FILE_CERT),
                                              http_file_name(c, HTTP_FILE_KEY)};
    c->files = memfile_start(c->h->memfiles, paths, done, c);
    return true;
}

const char *http_file(const struct http_call *c, enum http_file which)
{
    return c->files ? memfile_path(c->files, which) : http_file_name(c, which);
}

/* To read a file of CAs costs 20 ms. The library would do it anew for each connection (CAPATH,
 * which has to be NULL, is Debian's default), or keep the last one it read, which two probes with
 * different ones make useless. What is made of it once and given to each connection is not part of
 * what the library compares before it uses a connection again, so those that are kept do without.
 */
static void set_authorities(struct http_call *c)
{
    if (c->files && !c->rq.reuse)
        c->seen->authorities = memfile_made(c->files, HTTP_FILE_CA, &tls_authorities);
    bool ours = c->seen->authorities;
    SET(c, CURLOPT_CAPATH, NULL);
    SET(c, CURLOPT_CAINFO, ours ? NULL : http_file(c, HTTP_FILE_CA));
    SET(c, CURLOPT_CA_CACHE_TIMEOUT, ours ? 0L : CA_KEPT_S);
}

static void set_tls(struct http_call *c)
{
    const struct http_tls *t = &c->rq.tls;
    set_authorities(c);
    SET(c, CURLOPT_SSLVERSION, least_version(t->least));
    if (t->insecure) {
        SET(c, CURLOPT_SSL_VERIFYPEER, 0L);
        SET(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    if (t->cert && !c->strange) {
        SET(c, CURLOPT_SSLCERT, http_file(c, HTTP_FILE_CERT));
        SET(c, CURLOPT_SSLKEY, http_file(c, HTTP_FILE_KEY));
    }
    if (!c->rq.reuse)
        SET(c, CURLOPT_SSL_SESSIONID_CACHE, 0L); /* a whole handshake, with its certificate */
    SET(c, CURLOPT_SSL_CTX_FUNCTION, tls_seen_watch);
    SET(c, CURLOPT_SSL_CTX_DATA, c->seen);
}

/* The library gets an address, never a name: behind "::" for every host and port it would go to. */
static bool set_connect_to(struct http_call *c)
{
    char host[NETADDR_TEXT], text[NETADDR_TEXT + 8];
    const struct netaddr *a = &c->addrs.addrs[c->addr];
    bool v6 = netaddr_family(a) == 6;
    netaddr_host(a, host, sizeof(host));
    snprintf(text, sizeof(text), "::%s%s%s:", v6 ? "[" : "", host, v6 ? "]" : "");
    c->connect_to = curl_slist_append(NULL, text);
    SET(c, CURLOPT_CONNECT_TO, c->connect_to);
    return c->connect_to;
}

/* The URL's host is the very address. */
static bool is_address(const struct http_call *c)
{
    struct netaddr a;
    return netaddr_parse(c->host, c->port, &a) && netaddr_family(&a) == 4;
}

static bool set_address(struct http_call *c)
{
    char host[NETADDR_TEXT], text[2 * NETADDR_TEXT];
    const struct netaddr *a = &c->addrs.addrs[c->addr];
    bool v6 = netaddr_family(a) == 6;
    netaddr_host(a, host, sizeof(host));
    if (c->rq.proxy) {
        snprintf(text, sizeof(text), "http://%s%s%s:%u", v6 ? "[" : "", host, v6 ? "]" : "",
                 ntohs(v6 ? a->in6.sin6_port : a->in.sin_port));
        SET(c, CURLOPT_PROXY, text);
        SET(c, CURLOPT_NOPROXY, ""); /* or the environment's exceptions would count */
        return true;
    }
    SET(c, CURLOPT_PROXY, "");
    return set_connect_to(c);
}

/* SNI and the check of the name follow the URL's host; Host: then says the real one. */
static void set_url(struct http_call *c)
{
    const char *name = c->strange ? NULL : c->rq.tls.server_name;
    const char *url = c->url ? c->url : c->rq.url;
    if (!name || !c->https) {
        SET(c, CURLOPT_URL, url);
        return;
    }
    CURLU *u = curl_url();
    char where[300], *text = NULL;
    struct str line = STR_INIT;
    if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_set(u, CURLUPART_HOST, name, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_URL, &text, 0) == CURLUE_OK)
        SET(c, CURLOPT_URL, text);
    if (!has_header(c->rq.headers, "Host")) {
        str_printf(&line, "Host: %s",
                   c->port == 443 ? c->host : http_where(c, where, sizeof(where)));
        c->headers = curl_slist_append(c->headers, str_text(&line));
        SET(c, CURLOPT_HTTPHEADER, c->headers);
    }
    str_fini(&line);
    curl_free(text);
    curl_url_cleanup(u);
}

/* What differs from one use of a handle to the next in any case. */
static void set_call(struct http_call *c)
{
    c->why[0] = '\0';
    SET(c, CURLOPT_PRIVATE, c);
    SET(c, CURLOPT_ERRORBUFFER, c->why);
    SET(c, CURLOPT_WRITEDATA, c);
    SET(c, CURLOPT_HEADERDATA, c);
}

static void set_common(struct http_call *c)
{
    SET(c, CURLOPT_NOSIGNAL, 1L);
    SET(c, CURLOPT_FILETIME, 1L);
    SET(c, CURLOPT_QUICK_EXIT, 1L);
    SET(c, CURLOPT_PROTOCOLS_STR, "http,https");
    SET(c, CURLOPT_WRITEFUNCTION, on_body);
    SET(c, CURLOPT_HEADERFUNCTION, on_header);
    SET(c, CURLOPT_DNS_CACHE_TIMEOUT, 0L); /* it would look through all it knows at each end */
    if (c->rq.compressed)
        SET(c, CURLOPT_ACCEPT_ENCODING, "");
    if (!c->rq.reuse) {
        SET(c, CURLOPT_FRESH_CONNECT, 1L);
        SET(c, CURLOPT_FORBID_REUSE, 1L);
    }
}

/* ---- handles ---- */

static CURL *pool_take(struct http_pool *p)
{
    return p->n ? p->v[--p->n] : NULL;
}

static void pool_put(struct http_pool *p, CURL *easy)
{
    if (p->n < HTTP_IDLE_EASY)
        p->v[p->n++] = easy;
    else
        curl_easy_cleanup(easy);
}

void http_pool_fini(struct http_pool *p)
{
    while (p->n)
        curl_easy_cleanup(p->v[--p->n]);
}

/* Most probes: GET over a fresh connection without anything of its own but the URL. Their handles
 * keep their options, since to set all of them anew costs as much as the request. */
static bool is_plain(const struct http_call *c)
{
    const struct http_request *q = &c->rq;
    return !c->https && strcmp(c->method, "GET") == 0 && !q->headers && !q->bearer && !q->user &&
           !q->proxy && !q->reuse && !q->compressed;
}

static bool setup_plain(struct http_call *c)
{
    c->easy = pool_take(&c->h->plain);
    bool is_new = !c->easy;
    if (is_new && !(c->easy = curl_easy_init()))
        return false;
    if (is_new) {
        set_common(c);
        SET(c, CURLOPT_USERAGENT, "supd-agent/" SUPD_VERSION);
        SET(c, CURLOPT_PROXY, "");
        SET(c, CURLOPT_TCP_NODELAY, 0L); /* it is one segment */
    }
    set_call(c);
    SET(c, CURLOPT_URL, c->url ? c->url : c->rq.url);
    return is_address(c) || set_connect_to(c);
}

static bool setup_any(struct http_call *c)
{
    c->easy = pool_take(&c->h->any);
    if (!c->easy && !(c->easy = curl_easy_init()))
        return false;
    set_call(c);
    set_common(c);
    if (c->https) {
        tls_seen_drop(&c->seen);
        c->seen = tls_seen_new();
        set_tls(c);
    }
    set_headers(c);
    set_method(c);
    set_url(c);
    return set_address(c);
}

bool http_easy_setup(struct http_call *c)
{
    c->plain = is_plain(c);
    return c->plain ? setup_plain(c) : setup_any(c);
}

/* What a plain handle keeps must not point to what is freed. */
static void undress(struct http_call *c)
{
    if (!c->plain) {
        curl_easy_reset(c->easy);
        return;
    }
    SET(c, CURLOPT_PRIVATE, NULL);
    if (c->connect_to)
        SET(c, CURLOPT_CONNECT_TO, NULL);
}

void http_easy_done(struct http_call *c)
{
    struct http *h = c->h;
    if (c->added)
        curl_multi_remove_handle(h->multi, c->easy);
    c->added = false;
    if (c->easy) {
        undress(c);
        pool_put(c->plain ? &h->plain : &h->any, c->easy);
    }
    c->easy = NULL;
    curl_slist_free_all(c->headers);
    curl_slist_free_all(c->connect_to);
    c->headers = c->connect_to = NULL;
}
