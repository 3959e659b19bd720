/* A seccomp profile, in the JSON form that docker, podman and the OCI runtimes read, to the filter
 * that the kernel takes. */
#ifndef CONF_SECCOMP_H
#define CONF_SECCOMP_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stddef.h>
#include <stdint.h>

struct seccomp_filter {
    const void *code; /* struct sock_filter[n] */
    size_t n;
};

struct seccomp_request {
    const char *text; /* n bytes, a NUL behind them */
    size_t n;
    uint64_t caps; /* which capabilities the program can have: for includes and excludes */
};

/* Compiles it with libseccomp, which is loaded here and only here: call it in a process that ends
 * soon. Code in the arena. Appends to *unknown the system calls that it names and libseccomp does
 * not know. Returns 0, or -1 with the line (0: of no line) and the reason. */
int seccomp_compile(struct arena *a, const struct seccomp_request *rq, struct seccomp_filter *out,
                    struct str *unknown, unsigned *out_line, struct err *e);
/* Whether the library is there. */
int seccomp_library(struct err *e);

#endif
