/* The engine of alerts: facts go in, notices come out. It owns the metrics' feed, the life of each
 * alert, silences, suppression, the outbox and its attempts, and writes all of it down, so that the
 * next agent goes on where this one was killed. One loop, nothing blocks; everything that an event
 * leads to is done at the end of the turn, in bounded portions.
 *
 * Stamps that are taken and given are of the real wall clock. Strings of views are valid until the
 * engine is told something. */
#ifndef ALERTS_ENGINE_H
#define ALERTS_ENGINE_H

#include "alerts/feed.h"
#include "alerts/rules/life.h"
#include "alerts/rules/rule.h"
#include "alerts/rules/silence.h"
#include "alerts/send.h"
#include "probes/judge/verdict.h"
#include "supervisor/io/store.h"

struct engine;

struct engine_env {
    struct send_env *send; /* filled in; its loop is the engine's */
    const char *host;      /* its name; part of every alert's key */
    uint64_t seed;         /* of jitter and of the ids' first half; 0: from the kernel */
};

/* What the engine asks for; never from inside a call of the engine's user. */
struct engine_ops {
    void (*run_probe)(void *obj, const char *name); /* at once; its result comes as any other */
    /* A record of engine_keep that was read back; called before anything is judged, from inside
     * engine_loaded. False: it is damaged, and dropped. May be NULL. */
    bool (*kept)(void *obj, const char *table, const char *key, const void *p, size_t n);
    void (*restored)(void *obj); /* those were all; may be NULL */
};

/* ---- life ---- */

/* env and ops outlive it; host is copied. */
struct engine *engine_new(const struct engine_env *env, const struct engine_ops *ops, void *obj);
/* Before the first turn of the loop, and only if there is a store: nothing is evaluated or told
 * before its records have come. Pass engine_loaded, with the engine, as the store's callback. */
void engine_use_store(struct engine *e, struct store *s);
/* A store_loaded_fn. A store that cannot be used is one line in the log; the engine then goes on in
 * memory alone, and does not touch the store again. */
void engine_loaded(void *engine, const struct store_loaded *r);
/* Writes down a record of the user's, in the same batch as what else changes in this turn, so that
 * both survive or none; p NULL: forgets it. table: none of the engine's own. Nothing without a
 * store. */
void engine_keep(struct engine *e, const char *table, const char *key, const void *p, size_t n);
/* Goes over to the generation g, which must live until the next apply or engine_free. Alerts that
 * are the same problem (host, name, labels) keep their state; those that went are ended, and who
 * was told of them is told of that. -1 and the reason: nothing has changed, and the old generation
 * is still in use. */
int engine_apply(struct engine *e, const struct agentgen *g, struct err *er);
/* Ends attempts under way (their notices wait for the next agent), and hands what has to be written
 * to the store, which must be closed after it in the same turn. */
void engine_free(struct engine **e);

/* Notices are being sent, or will be in this turn: what waits for later does not count. */
bool engine_sending(struct engine *e);

/* Errors of a generation that the load child could not find, each passed to fn as "option: text".
 */
typedef void engine_error_fn(void *obj, const struct item *item, const char *text);
size_t engine_check(const struct agentgen *g, engine_error_fn *fn, void *obj);

/* ---- facts ---- */

enum engine_result { ENGINE_NO_RESULT, ENGINE_OK, ENGINE_FAIL, ENGINE_UNKNOWN };

struct engine_probe_fact {
    const char *name;
    enum rule_health health;       /* after rise and fall */
    enum engine_result result;     /* of the attempt; NO_RESULT: only the health changed */
    wall_t since;                  /* of the health */
    const char *reason, *detail;   /* or NULL */
    const struct cert_seen *certs; /* that it saw; none: what was known of them stays */
    size_t ncerts;
    bool certs_partial; /* it could not look everywhere: elsewhere what was known stays */
};
/* After each result and each change. */
void engine_probe(struct engine *e, const struct engine_probe_fact *f);

struct engine_process_fact {
    const char *group, *program;
    const char *process;           /* its full name, "group:name" */
    const char *state;             /* "RUNNING"; NULL: there is no such process any more */
    struct feed_counters counters; /* supd's, as they are now */
    bool fresh;                    /* the process was not there when the agent began */
    bool exit_expected;            /* how its last instance ended, for state EXITED */
};
void engine_process(struct engine *e, const struct engine_process_fact *f);

/* Text and datagrams go to the feed as they are (feed_text, feed_statsd): metrics are judged in
 * steps of their cells, not at each line. The feed is the engine's: never feed_load it. */
struct feed *engine_feed(struct engine *e);

/* ---- requests: 0, or -1 and the reason ---- */

struct engine_ack_request {
    const char *name, *by, *reason; /* reason: or NULL */
    wall_t until;                   /* 0: to the end of the episode */
};
/* Acknowledges what of that name fires: the alert, and the one that it cannot be evaluated. */
int engine_ack(struct engine *e, const struct engine_ack_request *rq, struct err *er);
int engine_unack(struct engine *e, const char *name, struct err *er);
/* The new silence's id, or 0 and the reason. start 0: now. */
uint64_t engine_silence(struct engine *e, const struct silence_request *rq, struct err *er);
int engine_unsilence(struct engine *e, uint64_t id, struct err *er);
/* One attempt now, past limits and outbox; done is called once, later, unless the engine is freed.
 */
typedef void engine_tested_fn(void *obj, bool delivered, const char *text);
int engine_test(struct engine *e, const char *notifier, engine_tested_fn *done, void *obj,
                struct err *er);

/* ---- views ---- */

struct engine_told {
    const char *notifier;
    bool told, on_way; /* it was told that the alert fires; something is on its way */
};
struct engine_alert {
    const char *name, *type, *severity, *program, *key;
    const char *kind; /* "alert"; "nodata": it cannot be evaluated; "notifier", "storm": our own */
    const char *certificate, *fingerprint; /* of an alert about one; else NULL */
    bool gone; /* not in the configuration any more; only its end is still to be told */
    enum life_state state;
    enum cond cond;
    wall_t since; /* OK: of the last end, or 0; else since when the condition holds */
    struct evaluation ev;
    const char *acked_by;     /* NULL: it is not acknowledged */
    const char *acked_reason; /* NULL: none was given */
    wall_t acked_until;       /* 0: to the end */
    uint64_t silence;         /* 0: none */
    const char *behind;       /* what explains it; NULL: nothing */
    bool held;                /* it waits for its parents' probes */
    bool flapping;
    wall_t next; /* when it is looked at next without any event */
    uint32_t episodes;
    const struct engine_told *told;
    size_t ntold;
};
typedef void engine_alert_fn(void *obj, const struct engine_alert *a);
/* In the order of the configuration; those of our own and of no generation only while they say
 * something. Of type=cert each certificate that is in a stage is one, and while there is none the
 * section itself. name NULL: all. How many there were. */
size_t engine_alerts(struct engine *e, const char *name, engine_alert_fn *fn, void *obj);

typedef void engine_silence_fn(void *obj, const struct silence *s);
/* Stamps as of the real wall clock; ended ones stay visible for five days. */
void engine_silences(struct engine *e, engine_silence_fn *fn, void *obj);

struct engine_window {
    dur_t length;
    double ok, err;
    double known;          /* its part that is known, 0 to 1 */
    bool has_percentiles;  /* of a timer, within its reach, and not empty */
    int64_t p50, p95, p99; /* ns */
};
#define ENGINE_WINDOWS 5 /* 1m 5m 1h 6h 3d */
struct engine_metric {
    const char *name, *type, *evidence;
    uint64_t ok, err; /* ever */
    struct engine_window windows[ENGINE_WINDOWS];
};
typedef void engine_metric_fn(void *obj, const struct engine_metric *m);
size_t engine_metrics(struct engine *e, const char *name, engine_metric_fn *fn, void *obj);

struct engine_notifier {
    const char *name, *type;
    bool refused; /* it takes nothing for good */
    uint64_t delivered, failed, lost, waiting;
    const char *last_error; /* "": none */
    wall_t last_error_at, last_ok_at;
    double latency_sum; /* seconds from a notice's making to its delivery, of `delivered` */
};
typedef void engine_notifier_fn(void *obj, const struct engine_notifier *n);
size_t engine_notifiers(struct engine *e, const char *name, engine_notifier_fn *fn, void *obj);

/* Why it is as it is, with the numbers, and what happens next, a line each. family: "alert",
 * "metric" or "notify". False: there is none of that name. */
bool engine_explain(struct engine *e, const char *family, const char *name, struct str *out);
/* Which alerts are about that probe, a line each. */
void engine_explain_probe(struct engine *e, const char *name, struct str *out);

struct engine_counts {
    uint64_t alerts[LIFE_RECOVERING + 1]; /* by state, of the configuration */
    uint64_t debts;                       /* resolves that are owed */
    uint64_t waiting;                     /* rows of the outbox */
    uint64_t evaluations, notices, dropped, storms, store_errors;
    bool storm;
};
struct engine_counts engine_counts(const struct engine *e);

#endif
