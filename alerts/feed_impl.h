/* What the parts of the feed share. */
#ifndef ALERTS_FEED_IMPL_H
#define ALERTS_FEED_IMPL_H

#include "alerts/feed.h"
#include "alerts/rules/lines.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/pattern.h"

#include <uthash.h>

/* What a metric counts of its subject. */
enum role {
    ROLE_TEXT,
    ROLE_EXITS,
    ROLE_RESTARTS,
    ROLE_PROBE,
    ROLE_OK,
    ROLE_TOTAL,
    ROLE_ERRORS,
    ROLE_TIMER
};

struct metric_state {
    struct metric m;
    char *name;
    struct pattern *total, *errors;
    uint8_t stream; /* enum metric_stream */
    /* parts of whole counts (sampled counters), of successes and of errors */
    double part_ok, part_err;
    /* total= and errors= come apart: errors counted that the total has yet to bring */
    uint64_t owed;
    bool given_up;  /* a match in this block was too much for its limits */
    bool restored;  /* by the feed_restore that runs */
    mono_t resting; /* text is not looked at until then, after such a match */
    mono_t until;   /* the matches of one block may take so long; looked at now and then */
    unsigned tries;
    uint64_t counted; /* by this agent */
    UT_hash_handle hh;
};

struct use {
    struct metric_state *metric;
    enum role role;
};

/* What metrics are about: a program or group ("pNAME"), a probe ("bNAME"), a StatsD name ("sNAME").
 */
struct subject {
    char *key;
    VEC(struct use) uses;
    unsigned streams; /* that hold it */
    UT_hash_handle hh;
};

/* A process, and its counters as they were counted last (feed_exits.c). */
struct feed_seen {
    char *process, *group, *program;
    struct feed_counters c, saved;
    UT_hash_handle hh;
};

struct feed {
    struct metric_state *metrics; /* by name */
    VEC(struct metric_state *) order;
    struct subject *subjects;
    struct feed_seen *seen; /* by process */
    uint64_t instance;      /* of supd */
    struct statsd_counts statsd;
    uint64_t datagrams;
    mono_t statsd_last;
};

/* The subject, made if it is not there. */
struct subject *feed_subject(struct feed *f, char kind, const char *name);
void metric_count(struct metric_state *m, mono_t now, uint32_t ok, uint32_t err);
/* It counts exits or restarts, which supd knows. */
bool metric_is_exits(const struct metric_state *m);
/* Nothing is known since `last`, but for a second at least and ten at most; about so many samples
 * (one at least) came meanwhile. */
void metric_lost(struct metric_state *m, mono_t last, mono_t now, double samples);

/* Counts so many successes and errors for the metrics in that role of the process's program and
 * group; restored: only those whose windows were restored. */
void feed_count_program(struct feed *f, mono_t now, const struct feed_seen *s, enum role role,
                        const uint32_t counts[2], bool restored);

/* ---- feed_exits.c ---- */
void feed_seen_free(struct feed *f);
/* Appends what was counted of each process; returns how many there are. */
uint32_t feed_seen_save(const struct feed *f, struct str *out);
/* Counts what happened since it was written down, by the same supd or another one, for metrics
 * whose windows were restored. False if it is damaged. */
bool feed_seen_restore(struct feed *f, mono_t now, const char *p, size_t n, uint32_t records,
                       bool same);

#endif
