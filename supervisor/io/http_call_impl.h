/* The two halves of the HTTP client: the socket, and what is said over it. */
#ifndef IO_HTTP_CALL_IMPL_H
#define IO_HTTP_CALL_IMPL_H

#include "supervisor/io/http_call.h"

enum hcall_part {
    PART_NONE,    /* no answer is being read */
    PART_LENGTH,  /* left bytes are to come */
    PART_CHUNK,   /* left bytes of a chunk are to come */
    PART_SIZE,    /* the line with the size of a chunk */
    PART_TRAILER, /* lines behind the last chunk */
    PART_CLOSE,   /* all that comes until the end */
};

struct hcall {
    char *unix_path, *host;
    unsigned port;
    const volatile sig_atomic_t *stop;
    int fd;
    struct str in; /* what was read and not used yet */
    size_t handed; /* of in: bytes that hcall_next gave away, dropped at the next call */
    int status;
    char reason[128];
    enum hcall_part part;
    uint64_t left;
    bool keep; /* the connection may serve another request */
    bool got;  /* a byte of this answer has come */
    int64_t stall_ms;
    struct hcall_error error;
};

/* Notes what went wrong and closes the connection; -1. */
int hcall_fail(struct hcall *h, enum hcall_why why, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void hcall_close(struct hcall *h);
/* Connects, unless a connection is there that can be used. 0 or -1. */
int hcall_connect(struct hcall *h);
/* Reads the head of an answer, for which it waits ms (0: without a limit). 0 or -1. */
int hcall_answer(struct hcall *h, int64_t ms);
int hcall_send(struct hcall *h, const char *p, size_t n);
/* Appends what comes to in: 1; 0 at the end of the stream; 2: nothing is there now (not wait); -1.
 * ms: for how long it waits, 0: without a limit. */
int hcall_fill(struct hcall *h, bool wait, int64_t ms);

#endif
