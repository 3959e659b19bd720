/* How a server is asked, in its own protocol, to begin TLS. Pure: bytes in, bytes out. */
#ifndef PROBES_JUDGE_STARTTLS_H
#define PROBES_JUDGE_STARTTLS_H

#include "probes/judge/cert.h"

#define STARTTLS_LINE 2048

struct starttls {
    enum cert_starttls proto;
    unsigned step;
    unsigned lines; /* of all answers */
    bool offered;   /* what the step looks for in its answer was seen */
    size_t n;
    char line[STARTTLS_LINE];
};

enum starttls_next {
    STARTTLS_WAIT,  /* for more from the server */
    STARTTLS_SEND,  /* out: send this, then wait */
    STARTTLS_BEGIN, /* the handshake may begin; whatever else came in plain must be thrown away */
    STARTTLS_FAIL,
};
struct starttls_out {
    enum starttls_next next;
    const char *send; /* static */
    size_t n;
    struct err e;
};

/* The first thing to do; never FAIL. proto is not STARTTLS_NONE. */
void starttls_init(struct starttls *s, enum cert_starttls proto, struct starttls_out *out);
/* Takes what came. After BEGIN or FAIL nothing may be fed. */
void starttls_feed(struct starttls *s, const char *p, size_t n, struct starttls_out *out);

#endif
