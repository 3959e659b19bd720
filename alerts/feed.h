/* Metrics fed: every [metric:N] owns its rolling windows, and what happens - text, exits, results
 * of probes, StatsD - finds the metrics that count it through one hash lookup, or none where the
 * caller keeps a stream's handle. Nothing here reads a descriptor: the agent calls. */
#ifndef ALERTS_FEED_H
#define ALERTS_FEED_H

#include "alerts/rules/metric.h"
#include "alerts/rules/statsd.h"
#include "alerts/rules/timers.h"
#include "alerts/rules/window.h"
#include "supervisor/conf/agentgen.h"

#define EVIDENCE_MAX 256

/* What is read of a metric by those who judge and show it. */
struct metric {
    const struct item *item; /* of the generation; of a hidden one: the alert that wants it */
    const char *name;        /* hidden: "alert:NAME", the restarts that an alert of type=program
                                counts for itself */
    struct window *window;
    struct timers *timers;       /* of a timer, else NULL */
    uint64_t ok, err;            /* since the metric began; they never fall */
    char evidence[EVIDENCE_MAX]; /* the last line that was an error, cut; as the program wrote it */
    struct metric_state *internal; /* the feed's own */
};

struct feed;
struct feed_stream;

struct feed *feed_new(void);
void feed_free(struct feed **f);

/* Takes the metrics of a generation, which has to live until the next load. A metric whose options
 * are the same keeps its windows. -1 and the reason if a regular expression does not compile, or if
 * memory of another kind is missing: then nothing has changed. */
int feed_load(struct feed *f, const struct agentgen *g, mono_t now, struct err *e);
/* By name, or NULL; "alert:NAME" finds hidden ones. */
const struct metric *feed_metric(const struct feed *f, const char *name);
/* All of them, in the order of the configuration; i from 0, NULL after the last. */
const struct metric *feed_at(const struct feed *f, size_t i);

/* The text of one output of one process. The handle stays valid over loads; close it before the
 * feed is freed. */
struct feed_stream *feed_stream_open(struct feed *f, const char *group, const char *program,
                                     bool is_stderr);
void feed_stream_close(struct feed_stream **s);
/* True if a metric looks at it: else its text need not come. */
bool feed_stream_wanted(const struct feed_stream *s);
/* n bytes that follow `skipped` lost ones. Lost text makes the time since the text before unknown,
 * and a second at least. */
void feed_text(struct feed_stream *s, mono_t now, uint64_t skipped, const char *p, size_t n);
/* The process is gone: what it left without a newline is a line. */
void feed_text_end(struct feed_stream *s, mono_t now);

/* So many exits, or restarts after an exit, of a program's processes. */
void feed_exits(struct feed *f, mono_t now, const char *group, const char *program,
                uint32_t expected, uint32_t unexpected);
void feed_restarts(struct feed *f, mono_t now, const char *group, const char *program,
                   uint32_t expected, uint32_t unexpected);
/* The result of one attempt of a probe. */
void feed_probe(struct feed *f, mono_t now, const char *probe, bool ok);
/* One datagram; and that some were lost. */
void feed_statsd(struct feed *f, mono_t now, const char *p, size_t n);
void feed_statsd_lost(struct feed *f, mono_t now, uint64_t n);
/* What the parser of StatsD did so far. */
struct statsd_counts feed_statsd_counts(const struct feed *f);
/* From then to now nothing was seen at all: the agent stood still. */
void feed_gap(struct feed *f, mono_t from, mono_t now);

/* The windows of all metrics, to be restored after the agent's restart, by name: after feed_load.
 * What does not fit any more is left out. -1 and the reason if the bytes are damaged. */
void feed_save(struct feed *f, mono_t now, wall_t wall, struct str *out);
int feed_restore(struct feed *f, const void *p, size_t n, mono_t now, wall_t wall, struct err *e);

#endif
