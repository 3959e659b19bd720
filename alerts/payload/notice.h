/* One thing to tell: what a notifier gets, whatever its kind. Values only; it outlives the alert
 * that it is about, since it waits in the outbox. */
#ifndef ALERTS_PAYLOAD_NOTICE_H
#define ALERTS_PAYLOAD_NOTICE_H

#include "supervisor/base/mono.h"

#include <stdbool.h>
#include <stddef.h>

enum notice_kind {
    NOTICE_FIRING,   /* the alert fires */
    NOTICE_UPDATE,   /* it fires still, and its severity or stage changed */
    NOTICE_REMINDER, /* it fires still, and nothing changed */
    NOTICE_RESOLVED,
    NOTICE_BRIEF,    /* it fired and ended before the firing was delivered: "was down 42 s" */
    NOTICE_ACK,      /* somebody took it: it fires still, and nobody else has to look */
    NOTICE_FLAPPING, /* it comes and goes; no more of it until it rests */
    NOTICE_DIGEST,   /* many at once: their names are in the summary */
    NOTICE_TEST,     /* supctl notify test */
    NOTICE_KINDS
};

struct notice_label {
    const char *name, *value;
};

/* Strings are UTF-8 and never NULL, "" where there is nothing to say. */
struct notice {
    enum notice_kind kind;
    const char *id;    /* the same for every attempt to deliver this notice */
    const char *key;   /* the same for all notices of one alert: deduplication, at most 64 bytes */
    const char *alert; /* the section's name */
    const char *severity; /* "page" */
    const char *was;      /* severities that it was told with before, blanks between them */
    const char *summary;  /* one line, at most 120 characters */
    const char *description, *runbook, *dashboard;
    const char *reason; /* the condition with its numbers */
    const char *program, *host;
    const char *ack;                   /* the command that acknowledges it */
    const struct notice_label *labels; /* sorted by name; without alertname and severity */
    size_t nlabels;
    bool has_value;
    double value, limit;
    wall_t starts, ends; /* ends: 0 while it fires */
    wall_t at;           /* when this notice was made */
};

#endif
