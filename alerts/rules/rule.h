/* Rules: whether an alert's condition holds now. Pure: windows and states go in, one of TRUE, FALSE
 * and UNKNOWN comes out, with the numbers that it was judged by. One kind of alert is one file,
 * alerts/rules/alert_NAME.c: its rows, its checks, and its rule.
 *
 * What is not known of a window (window.h) is judged by its bounds. Requests are taken to have come
 * in the unknown part at the rate of the known one; if the condition holds even were all of them
 * successes, it is TRUE; if it does not hold even were all of them errors, it is FALSE; else
 * UNKNOWN. A window that is all unknown is UNKNOWN.
 *
 * While an alert fires its condition has a second, lower limit for clearing, a share of the first
 * (clear=, 80 % unless given), and clears by the observed value, not by a bound of certainty: at
 * a limit's edge there is no flapping, and with few samples no page that never ends. */
#ifndef ALERTS_RULES_RULE_H
#define ALERTS_RULES_RULE_H

#include "alerts/rules/evaluation.h"
#include "alerts/rules/timers.h"
#include "alerts/rules/window.h"
#include "supervisor/conf/family.h"

/* "true", "false", "unknown" */
const char *cond_text(enum cond c);
/* Three-valued: FALSE and anything is FALSE, TRUE or anything is TRUE. */
enum cond cond_and(enum cond a, enum cond b);
enum cond cond_or(enum cond a, enum cond b);

/* What a probe said last; strings are valid during the call. */
enum rule_health { HEALTH_UNKNOWN, HEALTH_OK, HEALTH_FAILED };
struct rule_probe {
    enum rule_health health; /* after rise and fall */
    dur_t since;             /* so long */
    const char *reason;      /* "connect_refused"; NULL: none */
    const char *detail;      /* a sentence; NULL: none */
};

/* Of one certificate; Unix seconds. */
struct rule_cert {
    bool seen; /* the probe has seen certificates */
    bool gone; /* but not this one any more; the dates are of what took its place, 0: nothing did */
    int64_t not_before, not_after;
    const char *subject; /* what people know it by; NULL or "": nothing */
    const char *where;   /* "host:port" or a path; NULL or "": where the probe looks */
};

/* A process of the program that the alert names. */
struct rule_process {
    const char *name;  /* "group:name" */
    const char *state; /* "RUNNING" */
};

/* Only what the rule's subject is has to be filled in. */
struct rule_input {
    mono_t now;
    wall_t wall;
    bool firing;           /* the alert fires, which is more than that it is pending (for=) */
    bool no_text;          /* evaluation.text is not wanted: it costs more than the judgement */
    int32_t clear;         /* thousandths of the limit, for clearing; 0: 80 % */
    struct window *window; /* of the metric; of a program's restarts; NULL: UNKNOWN */
    struct timers *timers; /* of a timer */
    struct rule_probe probe;
    struct rule_cert cert;
    const struct rule_process *processes;
    size_t nprocesses;
};

enum rule_subject { SUBJECT_METRIC, SUBJECT_PROBE, SUBJECT_PROGRAM };

struct rule {
    const struct kind *kind;
    enum rule_subject subject;
    bool clears; /* while it fires it has a lower limit, that of clear= */
    /* The name of the metric, probe or program that the alert is about. */
    const char *(*about)(const struct item *alert);
    void (*evaluate)(const struct item *alert, const struct rule_input *in, struct evaluation *out);
};

#define KIND(name)                                                                                 \
    extern const struct kind alert_kind_##name;                                                    \
    extern const struct rule rule_##name;
#include "alerts/rules/alert_kinds.def"
#undef KIND

/* The rule of a kind of alert; never NULL for a kind of alert_kinds.def. */
const struct rule *rule_of(const struct kind *kind);

enum alert_of { ALERT_OF_OK, ALERT_OF_TOTAL, ALERT_OF_ERRORS };
enum alert_method { ALERT_WILSON, ALERT_PLAIN };
enum alert_windows { ALERT_PAGE, ALERT_TICKET, ALERT_ALL };

/* The options of the kinds; times in nanoseconds, shares in parts of a million. */
struct alert_ratio {
    struct opt_set set;
    const char *metric;
    int32_t over;
    int64_t window, min_count;
    uint8_t method; /* enum alert_method */
};
struct alert_burn {
    struct opt_set set;
    const char *metric;
    int32_t objective;
    int64_t period, min_count;
    uint8_t windows; /* enum alert_windows */
};
struct alert_count {
    struct opt_set set;
    const char *metric;
    uint8_t of; /* enum alert_of */
    int64_t over, window;
};
struct alert_percentile {
    struct opt_set set;
    const char *metric;
    int32_t percentile;
    int64_t over, window, min_count; /* min_count 0: 10 / (1 - percentile) */
};
struct alert_absent {
    struct opt_set set;
    const char *metric;
    uint8_t of; /* ALERT_OF_OK or ALERT_OF_TOTAL */
    int64_t window;
};
struct alert_probe {
    struct opt_set set;
    const char *probe;
};
struct alert_cert {
    struct opt_set set;
    const char *probe;
    struct str_list stages;
};
struct alert_program {
    struct opt_set set;
    const char *program;
    struct str_list state;
    int64_t restarts, window; /* restarts 0: not asked for */
};

/* In which stage a certificate is: 0 none, 1 the first of stages=, ..., one more than they are when
 * it has expired. Unix seconds. */
int alert_cert_stage(const struct alert_cert *o, int64_t not_before, int64_t not_after,
                     int64_t now);

/* ---- for the rules themselves ---- */

/* Sets the text, cut to whole UTF-8 characters. */
void evaluation_text(struct evaluation *out, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* k of n, rounded. */
void evaluation_count(struct evaluation *out, double k, double n);
/* UNKNOWN with a reason. */
void evaluation_unknown(struct evaluation *out, const char *why);
/* The limit to hold a value against: the alert's, or while it fires that for clearing, which is
 * noted in *out (or NULL). */
double rule_limit(const struct rule_input *in, double limit, struct evaluation *out);
/* The part of a window that is known, 0 to 1. */
double window_known(const struct window_sum *s);
/* How many samples are missing of it, where known > 0: as many as the rest of the time would bring,
 * or as are known to have been lost, if that is more. */
double window_missing(const struct window_sum *s, double n);

/* Judges k errors of n by a test of two numbers, within the bounds of what is not known. */
typedef bool ratio_test_fn(const void *obj, double k, double n);
enum cond rule_bounds(const struct window_sum *s, ratio_test_fn *fires, const void *obj);

#define RULE_TEXT 32
/* "4.2%", "0.13%"; "12", "2.5". buf of RULE_TEXT bytes, returned. */
const char *share_print(double share, char *buf);
const char *number_print(double n, char *buf);
/* "5m", "1h30m" for people. buf of at least 48 bytes. */
const char *window_print(int64_t ns, char *buf, size_t size);

#endif
