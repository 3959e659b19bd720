/* [notify:N]: the options that all kinds have. */
#ifndef ALERTS_RULES_NOTIFY_H
#define ALERTS_RULES_NOTIFY_H

#include "supervisor/conf/family.h"

struct notify_opts {
    struct opt_set set;
    const char *type;
    uint8_t severity;     /* enum severity: the least that is sent */
    bool resolved;        /* also the end of an alert */
    const char *fallback; /* another [notify:N], or NULL */
    int64_t timeout;      /* ns, of one attempt */
    int64_t rate, burst;  /* messages a minute, and at once; below 1: the type's own */
};

static inline const struct notify_opts *notify_opts(const struct item *it)
{
    return it->common;
}

#endif
