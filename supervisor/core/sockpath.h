/* Where the control socket is: one rule for supd, which listens, and for supctl, which looks. */
#ifndef CORE_SOCKPATH_H
#define CORE_SOCKPATH_H

#include <stddef.h>

#define SOCKPATH_MAX 4096
#define SOCKPATH_OF_ROOT "/run/supd.sock"

/* Where the answer came from, for messages: "it is set by SUPD_SOCKET". */
enum sockpath_from {
    SOCKPATH_GIVEN,   /* -s, or [supd] socket= */
    SOCKPATH_ENV,     /* $SUPD_SOCKET */
    SOCKPATH_ROOT,    /* /run/supd.sock */
    SOCKPATH_RUNTIME, /* $XDG_RUNTIME_DIR/supd.sock */
    SOCKPATH_TMP,     /* /tmp/supd-UID.sock: not root, and no XDG_RUNTIME_DIR */
};

struct sockpath_in {
    const char *given;       /* NULL or "": not given */
    const char *env_socket;  /* getenv("SUPD_SOCKET") */
    const char *runtime_dir; /* getenv("XDG_RUNTIME_DIR"); counts only if absolute */
    unsigned uid;            /* the effective one */
};

/* Writes the path; buf of SOCKPATH_MAX bytes. A path that is longer gives "" (cannot happen with
 * what the kernel hands out). An abstract name starts with '@'. */
enum sockpath_from sockpath(const struct sockpath_in *in, char *buf, size_t size);
/* "set by SUPD_SOCKET", "the default for root", ... */
const char *sockpath_from_text(enum sockpath_from from);

#endif
