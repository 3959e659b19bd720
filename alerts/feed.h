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

/* Which supd the counters are of: a number that no other supd has, or 0 if that is not known. */
void feed_supd(struct feed *f, uint64_t instance);
/* What supd has counted of one process. */
struct feed_counters {
    uint64_t exits, unexpected; /* unexpected: of exits */
    uint64_t restarts, restarts_unexpected;
};
struct feed_process {
    const char *process, *group, *program; /* process: its full name */
    struct feed_counters counters;         /* as they are now */
    bool fresh;                            /* it was not there before: it began at 0 */
};
/* Counts by how much the counters have moved since the last call for that process. The first call
 * counts nothing, unless the process is fresh, or windows are restored: feed_restore counts what
 * happened since they were saved. */
void feed_process(struct feed *f, mono_t now, const struct feed_process *p);
void feed_process_gone(struct feed *f, const char *process);
/* The result of one attempt of a probe. */
void feed_probe(struct feed *f, mono_t now, const char *probe, bool ok);
/* One datagram; and that some were lost. */
void feed_statsd(struct feed *f, mono_t now, const char *p, size_t n);
void feed_statsd_lost(struct feed *f, mono_t now, uint64_t n);
/* What the parser of StatsD did so far. */
struct statsd_counts feed_statsd_counts(const struct feed *f);
/* From then to now nothing was seen at all: the agent stood still. */
void feed_gap(struct feed *f, mono_t from, mono_t now);

/* The windows of all metrics, to be restored after the agent's restart, by name: after feed_load,
 * feed_supd, and a feed_process for each process. What does not fit any more is left out. The time
 * between is unknown, but for exits and restarts: supd has counted them, if it is the same one. -1
 * and the reason if the bytes are damaged. */
void feed_save(struct feed *f, mono_t now, wall_t wall, struct str *out);
int feed_restore(struct feed *f, const void *p, size_t n, mono_t now, wall_t wall, struct err *e);

#endif
