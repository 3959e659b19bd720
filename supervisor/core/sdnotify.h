/* What a program says about itself in one message of the sd_notify protocol. Pure. */
#ifndef CORE_SDNOTIFY_H
#define CORE_SDNOTIFY_H

#include "supervisor/base/err.h"
#include "supervisor/base/mono.h"

#include <stddef.h>
#include <stdint.h>

/* The longest message that is looked at; systemd's own limit. */
#define SDN_MAX 4096u
/* A status as it is shown, the NUL included; a longer one ends in "...". */
#define SDN_STATUS_MAX 160u

enum sdn_said {
    SDN_READY = 1,
    SDN_RELOADING = 2,
    SDN_STOPPING = 4,
    SDN_ALIVE = 8,       /* WATCHDOG=1 */
    SDN_TRIGGER = 16,    /* WATCHDOG=trigger: it found itself that it is not well */
    SDN_STATUS = 32,     /* status; an empty one clears it */
    SDN_MAINPID = 64,    /* mainpid */
    SDN_PERIOD = 128,    /* WATCHDOG_USEC: watchdog, 0: none any more */
    SDN_EXTEND = 256,    /* EXTEND_TIMEOUT_USEC: extend */
    SDN_MONOTONIC = 512, /* MONOTONIC_USEC: when the reload began */
    SDN_BARRIER = 1024,  /* it waits until the descriptor that came with it is closed */
    SDN_FDSTORE = 2048,  /* it wants descriptors kept */
};

struct sdn_msg {
    unsigned said; /* enum sdn_said */
    int mainpid;
    dur_t watchdog, extend;
    mono_t monotonic;
    char status[SDN_STATUS_MAX]; /* safe to show on a terminal */
};

/* Reads p[0..n): lines KEY=VALUE; of two lines with the same key the first counts, and what is not
 * known is skipped. A line that is known and means nothing (MAINPID=x) is not "said". Returns 0, or
 * -1 and the reason: a message that is too long or holds a NUL says nothing at all. */
int sdn_parse(const char *p, size_t n, struct sdn_msg *out, struct err *e);

/* Copies p[0..n) as text that is safe to show: what is no UTF-8 becomes '?', and so does each
 * control character and what turns the direction of writing; blanks at its ends go. size: at least
 * 8. */
void sdn_text(const char *p, size_t n, char *out, size_t size);

#endif
