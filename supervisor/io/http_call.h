/* A small HTTP/1.1 client for a program that does one thing after the other: a request over a unix
 * or TCP socket, its answer in pieces, and the connection kept for the next one. */
#ifndef IO_HTTP_CALL_H
#define IO_HTTP_CALL_H

#include "supervisor/base/str.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of an answer's head, at most; of a chunk's size line, too. */
#define HCALL_HEAD_MAX 65536u

struct hcall_server {
    const char *unix_path; /* or NULL: host and port */
    const char *host;      /* a name or an address, without brackets */
    unsigned port;
};

struct hcall_request {
    const char *method, *path;
    const char *accept;
    const char *type;            /* of the body */
    const char *user, *password; /* of Basic authentication; NULL: none */
    const void *body;            /* NULL: none */
    size_t n;
    int64_t answer_ms; /* until the answer begins; 0: no limit */
    int64_t stall_ms;  /* without a byte once it has begun; 0: no limit */
};

enum hcall_why {
    HCALL_NOTHING,
    HCALL_SYSTEM,  /* errnum: of connecting, reading or writing; ETIMEDOUT for a limit of time */
    HCALL_NAME,    /* errnum: of getaddrinfo */
    HCALL_CLOSED,  /* the other side closed it before its answer was whole */
    HCALL_BAD,     /* that is no answer of HTTP */
    HCALL_STOPPED, /* by *stop */
};

struct hcall_error {
    enum hcall_why why;
    int errnum;
    bool begun;     /* CLOSED: a part of the answer had come */
    char text[256]; /* a sentence for people */
};

struct hcall;

/* A client for that server, whose strings are copied; no connection yet. It gives up what it waits
 * for when a signal comes and *stop is not 0 then; stop may be NULL. */
struct hcall *hcall_new(const struct hcall_server *s, const volatile sig_atomic_t *stop);
/* Closes the connection. */
void hcall_free(struct hcall **h);

/* Sends a request, over the kept connection if there is one, and reads the head of its answer. What
 * was left of the answer before is thrown away. 0, or -1 and hcall_error(). */
int hcall_begin(struct hcall *h, const struct hcall_request *rq);
/* Of the answer that has begun: its status and reason ("Not Found"). */
int hcall_status(const struct hcall *h);
const char *hcall_reason(const struct hcall *h);

enum hcall_piece { HCALL_FAILED = -1, HCALL_END, HCALL_PIECE, HCALL_LATER };
/* The next piece of the answer, valid until the next call. wait: until there is one; otherwise it
 * is HCALL_LATER when no byte is there now. */
enum hcall_piece hcall_next(struct hcall *h, bool wait, const char **out_p, size_t *out_n);
/* The whole rest of the answer, at most max bytes (out's own limit is replaced). 0 or -1. */
int hcall_rest(struct hcall *h, size_t max, struct str *out);
/* The socket, to wait for more with poll(2); -1: none. */
int hcall_fd(const struct hcall *h);

const struct hcall_error *hcall_error(const struct hcall *h);

#endif
