/* HTTP requests to others (libcurl behind it): one request in, plain facts out. Names are resolved
 * by resolve.h, so that the library never does; redirects are followed here, hop by hop, and what
 * proves who we are goes to the first host only. Used by probes and by notifiers. Not for mail:
 * libcurl waits for some answers of a mail server in a way that holds the whole loop (mail_out.h).
 */
#ifndef IO_HTTP_OUT_H
#define IO_HTTP_OUT_H

#include "supervisor/io/loop.h"
#include "supervisor/io/resolve.h"

#include <stddef.h>

struct memfiles;
struct http;      /* connections kept, CAs read: one for the program */
struct http_call; /* one request */

enum http_error {
    HTTP_OK,              /* an answer was read; its status may be anything */
    HTTP_BAD_URL,         /* not to be understood, or another scheme */
    HTTP_DNS,             /* the name was not resolved */
    HTTP_REFUSED,         /* the connection was refused, or there is no way to the host */
    HTTP_CONNECT_TIMEOUT, /* no connection before the deadline */
    HTTP_TLS,             /* the handshake failed */
    HTTP_TLS_VERIFY,      /* the certificate is not accepted; verify says why */
    HTTP_READ_TIMEOUT,    /* no (whole) answer before the deadline */
    HTTP_CLOSED,          /* closed or reset before the answer was complete */
    HTTP_PROTOCOL,        /* not HTTP, or malformed */
    HTTP_REDIRECTS,       /* too many, or to where we do not follow */
    HTTP_LOCAL,           /* our own trouble: descriptors, a file of a certificate */
};

enum http_verify { /* why a certificate is not accepted */
                   HTTP_VERIFY_OK,
                   HTTP_VERIFY_EXPIRED,
                   HTTP_VERIFY_NOT_YET,
                   HTTP_VERIFY_HOSTNAME,
                   HTTP_VERIFY_SELF_SIGNED,
                   HTTP_VERIFY_UNKNOWN_ISSUER,
                   HTTP_VERIFY_OTHER,
};

/* What the server presented, also when it was not accepted; Unix seconds. */
struct http_cert {
    bool seen;
    int64_t not_before, not_after; /* of the leaf */
    int64_t earliest_not_after;    /* of all that were sent */
    int64_t chain_not_after;       /* of the verified chain; 0: none was verified */
    uint8_t fingerprint[32];       /* SHA-256 of the leaf */
    char subject[128], issuer[128], names[256], serial[48]; /* as UTF-8 */
    char protocol[16], cipher[48];                          /* "TLSv1.3" */
};

/* The phases of a request, summed over its hops, in ns; -1: not reached. */
enum http_phase {
    HTTP_RESOLVE,
    HTTP_CONNECT,
    HTTP_TLS_PHASE,
    HTTP_PROCESSING,
    HTTP_TRANSFER,
    HTTP_PHASES
};

#define HTTP_TEXT 384
struct http_result {
    enum http_error error;
    /* a sentence, "connection refused by 127.0.0.1:81"; "" with HTTP_OK. It names hosts, never a
     * query, a header or a password */
    char text[HTTP_TEXT];
    int status;          /* of the last answer; 0: none */
    int version_milli;   /* 1000, 1100, 2000 */
    int redirects;       /* followed */
    struct netaddr peer; /* of the last connection; len 0: none */
    int64_t phase_ns[HTTP_PHASES], total_ns;
    bool tls;
    enum http_verify verify;
    struct http_cert cert;
    int64_t content_length; /* as announced, -1: not */
    int64_t last_modified;  /* Unix seconds, as the server said; -1: it did not */
    int64_t body_bytes;     /* read, decoded */
    bool body_cut;          /* there was more than max_body */
    const char *body;       /* with keep_body: what was read, NUL-terminated; else "" */
    size_t body_len;
    const char *headers; /* with keep_headers: those of the last answer, as received */
};
/* Called once, at the end of a turn; the result is valid during the call. */
typedef void http_done_fn(void *obj, const struct http_result *r);

struct http_tls {
    bool insecure;           /* accept any certificate */
    const char *ca;          /* a PEM file instead of the system's; NULL: the system's */
    const char *cert, *key;  /* our own, PEM; key NULL: in cert's file */
    const char *server_name; /* asked for and checked instead of the URL's host */
    int least;               /* 10 to 13 for TLS 1.0 to 1.3; 0: 1.2 */
};

/* Where a URL leads. */
struct http_place {
    char *host; /* NULL: not known */
    unsigned port;
    bool https;
};
/* Who asks for the same URL again and again finds it out once; false and the reason. */
bool http_place_find(struct http_place *p, const char *url, struct err *e);
void http_place_fini(struct http_place *p);

/* Texts stay the caller's and must stay as they are until done is called. NULL or 0: unset. */
struct http_request {
    const char *url;                /* http:// or https:// */
    const struct http_place *place; /* of url; NULL: it is found out */
    const char *method;             /* NULL: GET */
    const char *headers;            /* "Name: value", one a line */
    const char *body;
    size_t body_len;
    const char *user, *password, *bearer;
    struct http_tls tls;
    const char *proxy;  /* "http://host:port"; NULL: none, whatever the environment says */
    int family;         /* 4, 6, 0 for any */
    bool no_link_local; /* not to link-local addresses, where clouds keep credentials */
    bool reuse;         /* a connection may be kept and used again */
    bool compressed;    /* offer compression; what is read is decoded */
    int redirects;      /* followed at most; 0: a redirect is an answer like others */
    size_t max_body;    /* reading ends there */
    bool keep_body, keep_headers;
    mono_t deadline;
    http_done_fn *done;
    void *obj;
};

/* NULL and the reason. Loop and resolver must outlive it; the program must ignore SIGPIPE. */
struct http *http_new(struct loop *l, struct resolve *r, struct err *e);
/* From now on the files of TLS are read through k, which must outlive it; without it the library
 * reads them itself, and waits for their disk. */
void http_memfiles(struct http *h, struct memfiles *k);
/* Calls that run are dropped without an answer. */
void http_free(struct http **h);
/* Never NULL. The call is gone when done is called. */
struct http_call *http_start(struct http *h, const struct http_request *rq);
/* Ends it without an answer; NULL is fine. */
void http_cancel(struct http_call **c);
/* True if text is a URL that http_start takes (without credentials in it), else the reason. */
bool http_url_ok(const char *url, struct err *e);

#endif
