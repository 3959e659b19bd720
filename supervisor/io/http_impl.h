/* Between the files of the HTTP port. */
#ifndef IO_HTTP_IMPL_H
#define IO_HTTP_IMPL_H

#include "supervisor/base/str.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/memfile.h"

#include <curl/curl.h>
#include <sys/queue.h>

#define HTTP_IDLE_EASY 64
#define HTTP_HEADERS_MAX (64 * 1024)

/* What the verification of a certificate saw. Owned by the call and by the connection, whichever
 * lives longer. */
struct tls_seen {
    int refs;
    int error;         /* of X509_V_*, the first */
    void *authorities; /* of tls_authorities, for the connection to come; NULL: the library's own */
    struct http_cert cert;
};

/* Handles that were used before. */
struct http_pool {
    CURL *v[HTTP_IDLE_EASY];
    size_t n;
};

struct http {
    struct loop *loop;
    struct resolve *resolve;
    CURLM *multi;
    struct loop_timer timer;
    struct http_pool any, plain;
    LIST_HEAD(, http_call) calls;
    char *ca;                  /* the system's file of CAs; NULL: there is none */
    struct memfiles *memfiles; /* NULL: the library reads files itself */
};

struct http_call {
    struct http *h;
    LIST_ENTRY(http_call) next;
    struct http_request rq;
    struct http_result r;
    struct loop_timer timer;
    struct loop_defer defer;
    mono_t started, hop_started;
    curl_socket_t connecting; /* not connected yet; -1: nothing, or it is */
    mono_t readable; /* the hop's connection was first waited for to be readable: it is there */
    /* the hop */
    char *url, *host;    /* url NULL: the request's own */
    bool https, strange; /* strange: another host than the request's */
    char *first_host;
    unsigned port, first_port;
    const char *method;
    struct resolve_query *query;
    struct memfile_query *files; /* of TLS, in the order of enum http_file */
    bool files_there;
    struct resolve_result addrs;
    size_t addr; /* the one that is tried */
    CURL *easy;
    bool added; /* to the multi */
    bool plain; /* the handle is of that pool */
    struct curl_slist *headers, *connect_to;
    struct tls_seen *seen;
    char why[CURL_ERROR_SIZE]; /* the library's words */
    struct str body, head;
};

enum http_file { HTTP_FILE_CA, HTTP_FILE_CERT, HTTP_FILE_KEY };
_Static_assert(HTTP_FILE_KEY < MEMFILE_PATHS, "files of a call");

/* Asks for the files that the call's TLS needs. False: it needs none, or has them. */
bool http_files_start(struct http_call *c, memfile_done_fn *done);
/* The file's own name; NULL: there is none. */
const char *http_file_name(const struct http_call *c, enum http_file which);
/* Where the library finds one: in memory if they were asked for. */
const char *http_file(const struct http_call *c, enum http_file which);

/* http_easy.c: a transfer for the present hop and address, not started; false: no memory. */
bool http_easy_setup(struct http_call *c);
void http_easy_done(struct http_call *c);
void http_pool_fini(struct http_pool *p);
/* http_facts.c: takes times, status and peer of a hop that ended (code) or was cut (-1); sets error
 * and text. */
void http_take_facts(struct http_call *c, int code);
void http_fail(struct http_call *c, enum http_error error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* "api.example:8080": the host of the present hop */
const char *http_where(const struct http_call *c, char *buf, size_t size);
/* http_seen.c */
/* Makes what seen->authorities takes of a file of CAs. */
extern const struct memfile_maker tls_authorities;
struct tls_seen *tls_seen_new(void);
void tls_seen_drop(struct tls_seen **s);
/* Makes the connections of a transfer note what they see; the argument of CURLOPT_SSL_CTX_DATA is
 * the tls_seen. */
CURLcode tls_seen_watch(CURL *easy, void *ssl_ctx, void *seen);
enum http_verify tls_seen_verify(const struct tls_seen *s);
const char *tls_seen_text(const struct tls_seen *s);

#endif
