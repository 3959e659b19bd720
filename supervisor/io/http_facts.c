/* How a transfer of libcurl went, as plain facts and a sentence. */
#include "supervisor/io/http_impl.h"

#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

void http_fail(struct http_call *c, enum http_error error, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(c->r.text, sizeof(c->r.text), fmt, ap);
    va_end(ap);
    c->r.text[text_utf8_valid(c->r.text, strlen(c->r.text))] = '\0';
    c->r.error = error;
}

const char *http_where(const struct http_call *c, char *buf, size_t size)
{
    snprintf(buf, size, strchr(c->host, ':') ? "[%s]:%u" : "%s:%u", c->host, c->port);
    return buf;
}

/* ---- times ---- */

static int64_t micros(struct http_call *c, CURLINFO info)
{
    curl_off_t us = 0;
    curl_easy_getinfo(c->easy, info, &us);
    return (int64_t)us * 1000;
}

static void add_phase(struct http_call *c, enum http_phase p, int64_t ns)
{
    int64_t *sum = &c->r.phase_ns[p];
    *sum = (*sum < 0 ? 0 : *sum) + (ns > 0 ? ns : 0);
}

/* The library's times are from the start of the hop and 0 if they were not reached. A kept
 * connection has no connect and no handshake. */
static void take_times(struct http_call *c, int64_t total)
{
    int64_t name = micros(c, CURLINFO_NAMELOOKUP_TIME_T);
    int64_t connect = micros(c, CURLINFO_CONNECT_TIME_T);
    int64_t tls = micros(c, CURLINFO_APPCONNECT_TIME_T);
    int64_t sent = micros(c, CURLINFO_PRETRANSFER_TIME_T);
    int64_t first = micros(c, CURLINFO_STARTTRANSFER_TIME_T);
    if (!connect && c->readable.ns)
        connect = mono_sub(c->readable, c->hop_started).ns;
    if (connect)
        add_phase(c, HTTP_CONNECT, connect - name);
    if (connect && c->https && tls)
        add_phase(c, HTTP_TLS_PHASE, tls - connect);
    if (sent && first > sent && c->r.status)
        add_phase(c, HTTP_PROCESSING, first - sent);
    if (first && c->r.status)
        add_phase(c, HTTP_TRANSFER, total - first);
}

static void take_peer(struct http_call *c)
{
    char *ip = NULL;
    long port = 0;
    curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(c->easy, CURLINFO_PRIMARY_PORT, &port);
    if (!ip || !*ip || !netaddr_parse(ip, (unsigned)port, &c->r.peer))
        c->r.peer = c->addrs.addrs[c->addr];
}

static void take_answer(struct http_call *c)
{
    static const int versions[] = {[CURL_HTTP_VERSION_1_0] = 1000,
                                   [CURL_HTTP_VERSION_1_1] = 1100,
                                   [CURL_HTTP_VERSION_2_0] = 2000};
    long status = 0, version = 0;
    curl_off_t length = -1, modified = -1;
    curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(c->easy, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(c->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(c->easy, CURLINFO_FILETIME_T, &modified);
    c->r.status = (int)status;
    c->r.last_modified = status ? modified : -1;
    c->r.content_length = status ? length : -1;
    c->r.version_milli = version > 0 && version <= CURL_HTTP_VERSION_2_0 ? versions[version] : 0;
}

/* ---- what went wrong ---- */

/* what it was waiting for when the time was over */
static void say_late(struct http_call *c)
{
    char after[64] = "", where[300], time[DUR_TEXT];
    /* the start was read a little later than the deadline was */
    int64_t all = mono_sub(c->rq.deadline, c->started).ns + 5000000;
    dur_format((dur_t){all - all % 10000000}, time, sizeof(time));
    http_where(c, where, sizeof(where));
    const int64_t *p = c->r.phase_ns;
    if (p[HTTP_CONNECT] < 0) {
        http_fail(c, HTTP_CONNECT_TIMEOUT, "no connection to %s within %s", where, time);
        return;
    }
    snprintf(after, sizeof(after), "connected in %lld ms",
             (long long)((p[HTTP_CONNECT] + 500000) / 1000000));
    bool shaking = c->https && p[HTTP_TLS_PHASE] < 0;
    if (c->r.status && !shaking)
        http_fail(c, HTTP_READ_TIMEOUT, "the answer did not end within %s (%s, status %d)", time,
                  after, c->r.status);
    else
        http_fail(c, HTTP_READ_TIMEOUT, "no answer within %s (%s, waiting for the %s)", time, after,
                  shaking ? "TLS handshake" : "first byte");
}

static void say_connect(struct http_call *c)
{
    long number = 0;
    char peer[NETADDR_TEXT];
    netaddr_text(&c->r.peer, peer, sizeof(peer));
    curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &number);
    if (number == EMFILE || number == ENFILE || number == ENOMEM || number == ENOBUFS)
        http_fail(c, HTTP_LOCAL, "cannot make a socket: %s", strerrordesc_np((int)number));
    else if (number == ECONNREFUSED || !number)
        http_fail(c, HTTP_REFUSED, "connection refused by %s", peer);
    else if (number == ETIMEDOUT)
        http_fail(c, HTTP_CONNECT_TIMEOUT, "no connection to %s: Connection timed out", peer);
    else
        http_fail(c, HTTP_REFUSED, "cannot connect to %s: %s", peer, strerrordesc_np((int)number));
}

static void say_verify(struct http_call *c)
{
    static const char *const texts[] = {
        [HTTP_VERIFY_OK] = "is not accepted",
        [HTTP_VERIFY_EXPIRED] = "has expired",
        [HTTP_VERIFY_NOT_YET] = "is not valid yet",
        [HTTP_VERIFY_HOSTNAME] = "is not for this host name",
        [HTTP_VERIFY_SELF_SIGNED] = "is self-signed and not trusted",
        [HTTP_VERIFY_UNKNOWN_ISSUER] = "is of an issuer that is not trusted",
        [HTTP_VERIFY_OTHER] = "is not accepted",
    };
    char where[300];
    http_where(c, where, sizeof(where));
    c->r.verify = c->seen ? tls_seen_verify(c->seen) : HTTP_VERIFY_OTHER;
    if (c->r.verify == HTTP_VERIFY_OTHER && c->seen)
        http_fail(c, HTTP_TLS_VERIFY, "the certificate of %s is not accepted: %s", where,
                  tls_seen_text(c->seen));
    else
        http_fail(c, HTTP_TLS_VERIFY, "the certificate of %s %s", where, texts[c->r.verify]);
}

static const struct {
    CURLcode code;
    enum http_error error;
    const char *text; /* %s: the host */
} failures[] = {
    {CURLE_SSL_CONNECT_ERROR, HTTP_TLS, "the TLS handshake with %s failed"},
    {CURLE_SSL_CIPHER, HTTP_TLS, "no cipher in common with %s"},
    {CURLE_SSL_CERTPROBLEM, HTTP_LOCAL, "the client certificate for %s cannot be used"},
    {CURLE_SSL_CACERT_BADFILE, HTTP_LOCAL, "the file of CAs for %s cannot be used"},
    {CURLE_GOT_NOTHING, HTTP_CLOSED, "%s closed the connection without an answer"},
    {CURLE_PARTIAL_FILE, HTTP_CLOSED, "%s closed the connection before the end of the body"},
    {CURLE_RECV_ERROR, HTTP_CLOSED, "the connection to %s broke before the end of the answer"},
    {CURLE_SEND_ERROR, HTTP_CLOSED, "the connection to %s broke while the request was sent"},
    {CURLE_HTTP2_STREAM, HTTP_CLOSED, "%s ended the request without an answer"},
    {CURLE_UNSUPPORTED_PROTOCOL, HTTP_PROTOCOL, "%s answered with something that is not HTTP"},
    {CURLE_WEIRD_SERVER_REPLY, HTTP_PROTOCOL, "%s answered with something malformed"},
    {CURLE_BAD_CONTENT_ENCODING, HTTP_PROTOCOL, "the body from %s cannot be decoded"},
    {CURLE_HTTP2, HTTP_PROTOCOL, "%s broke the rules of HTTP/2"},
    {CURLE_URL_MALFORMAT, HTTP_BAD_URL, "the URL of %s is malformed"},
    {CURLE_OUT_OF_MEMORY, HTTP_LOCAL, "no memory to ask %s"},
};

/* Appends the library's words, with a file that it found in memory by its own name. */
static void put_words(const struct http_call *c, struct str *out)
{
    const char *at = c->why;
    for (int i = 0; c->files && i < MEMFILE_PATHS; i++) {
        const char *memory = memfile_path(c->files, (size_t)i);
        const char *found = memory ? strstr(at, memory) : NULL;
        if (!found)
            continue;
        str_put(out, at, (size_t)(found - at));
        str_puts(out, http_file_name(c, (enum http_file)i));
        at = found + strlen(memory);
    }
    str_puts(out, at);
}

static void add_words(struct http_call *c)
{
    char text[HTTP_TEXT];
    struct str words = STR_INIT;
    memcpy(text, c->r.text, sizeof(text));
    put_words(c, &words);
    http_fail(c, c->r.error, "%.200s: %.150s", text, str_text(&words));
    str_fini(&words);
}

/* Some codes of the library mean several things. CURLE_RECV_ERROR: the connection broke ("Recv
 * failure: ...", or OpenSSL's words), or what came was malformed, or a proxy did not let us
 * through; CURLE_OUT_OF_MEMORY: also a header of more than it wants to hold. */
static bool say_ambiguous(struct http_call *c, CURLcode code, const char *where)
{
    long proxy = 0;
    curl_easy_getinfo(c->easy, CURLINFO_HTTP_CONNECTCODE, &proxy);
    bool broke = strncmp(c->why, "Recv failure", 12) == 0 || strstr(c->why, "SSL") || !c->why[0];
    if (c->rq.proxy && proxy >= 300)
        http_fail(c, HTTP_PROTOCOL, "the proxy does not connect to %s: its status is %ld", where,
                  proxy);
    else if (code == CURLE_RECV_ERROR && !broke)
        http_fail(c, HTTP_PROTOCOL, "%s answered with something malformed", where);
    else if (code == CURLE_OUT_OF_MEMORY && micros(c, CURLINFO_PRETRANSFER_TIME_T) > 0)
        http_fail(c, HTTP_PROTOCOL, "%s answered with a header without end", where);
    else
        return false;
    return true;
}

static void say(struct http_call *c, CURLcode code)
{
    char where[300];
    http_where(c, where, sizeof(where));
    if (say_ambiguous(c, code, where))
        return;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (failures[i].code == code) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            http_fail(c, failures[i].error, failures[i].text, where);
#pragma GCC diagnostic pop
            /* of TLS the library's words say more, and hold nothing of the request */
            if (c->why[0] && (c->r.error == HTTP_TLS || c->r.error == HTTP_LOCAL))
                add_words(c);
            return;
        }
    }
    http_fail(c, HTTP_PROTOCOL, "%s: %s", where, curl_easy_strerror(code));
}

static void judge(struct http_call *c, int code)
{
    if (code < 0 || code == CURLE_OPERATION_TIMEDOUT)
        say_late(c);
    else if (code == CURLE_COULDNT_CONNECT)
        say_connect(c);
    else if (code == CURLE_PEER_FAILED_VERIFICATION)
        say_verify(c);
    else if (code == CURLE_OK || (code == CURLE_WRITE_ERROR && c->r.body_cut))
        c->r.error = HTTP_OK;
    else
        say(c, (CURLcode)code);
}

void http_take_facts(struct http_call *c, int code)
{
    mono_t now = mono_now(); /* the loop's time may be older than the answer */
    take_answer(c);
    take_times(c, mono_sub(now, c->hop_started).ns);
    take_peer(c);
    if (c->https)
        c->r.tls = true;
    if (c->seen && c->seen->cert.seen)
        c->r.cert = c->seen->cert;
    judge(c, code);
}
