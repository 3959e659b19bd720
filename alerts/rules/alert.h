/* [alert:N]: the options that all kinds have. */
#ifndef ALERTS_RULES_ALERT_H
#define ALERTS_RULES_ALERT_H

#include "supervisor/conf/family.h"

/* From the least to the gravest. */
enum severity { SEV_INFO, SEV_WARNING, SEV_CRITICAL, SEV_PAGE, SEVERITIES };
/* "warning" */
const char *severity_name(enum severity s);

#define LABELS_MAX 16

/* Times in nanoseconds. What the file leaves out is filled in by severity. */
struct alert_opts {
    struct opt_set set;
    const char *type;
    uint8_t severity; /* enum severity */
    int64_t hold_for; /* for= */
    int64_t keep_firing;
    int32_t clear;        /* thousandths of the firing threshold, for the evaluator */
    int64_t nodata_after; /* 0: never; -1: three intervals of evaluation */
    int64_t repeat;       /* 0: never */
    const char *runbook, *dashboard, *summary, *description; /* NULL: none */
    struct str_list labels;                                  /* NAME=VALUE */
    struct str_list notify;                                  /* names of [notify:N] */
    bool notify_all;                                         /* notify= was left out */
    const char *program;                                     /* NULL: of no program */
};

static inline const struct alert_opts *alert_opts(const struct item *it)
{
    return it->common;
}

/* What repeat= is when the section does not give it, in nanoseconds: it follows from the severity,
 * and so changes with it. */
int64_t alert_repeat(enum severity s);

/* The family's check: relations that rows cannot say, and the defaults by severity. */
void alert_check(struct checker *k);

#endif
