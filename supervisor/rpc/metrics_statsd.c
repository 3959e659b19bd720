/* /metrics: what came from StatsD's senders, while the agent listens for them. */
#include "supervisor/rpc/metrics.h"

static void put_statsd(struct expo *x, const struct agent_program *a, size_t step)
{
    (void)step;
    struct statsd_counts n = feed_statsd_counts(engine_feed(a->engine));
    const struct {
        const char *name, *help;
        uint64_t v;
    } rows[] = {
        {"supd_statsd_samples_total", "StatsD's values that were understood.", n.samples},
        {"supd_statsd_ignored_total", "StatsD's lines of other kinds: events, service checks.",
         n.ignored},
        {"supd_statsd_refused_total", "StatsD's lines and values that are malformed.", n.refused},
        {"supd_statsd_lost_total", "StatsD's datagrams for which there was no room.",
         a->statsd_lost},
    };
    if (!a->udp && !a->unix_statsd)
        return;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        expo_family(x, rows[i].name, EXPO_COUNTER, rows[i].help);
        expo_begin(x, "");
        expo_int(x, (int64_t)rows[i].v);
    }
}

const struct metrics_part metrics_statsd = {1, put_statsd};
