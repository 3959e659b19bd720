/* Probes as metrics, with blackbox_exporter's names where it has one: dashboards and rules of the
 * field know them. */
#include "supervisor/rpc/metrics.h"

#include <string.h>

static bool was_tried(const struct probe_view *v)
{
    return v->last_at.ns != 0;
}

static bool of_http(const struct probe_view *v)
{
    return was_tried(v) && strcmp(v->type, "http") == 0;
}

static bool answered_http(const struct probe_view *v)
{
    return of_http(v) && v->last->http_status > 0;
}

static bool has_cert(const struct probe_view *v)
{
    return was_tried(v) && v->last->cert.seen;
}

static bool has_value(const struct probe_view *v)
{
    return was_tried(v) && v->last->has_value;
}

static bool resolved(const struct probe_view *v)
{
    return was_tried(v) && v->last->phase_ns[PHASE_RESOLVE] >= 0;
}

static bool any(const struct probe_view *v)
{
    return v->name;
}

static double seconds(int64_t ns)
{
    return (double)ns / 1e9;
}

#define GET(name, expression)                                                                      \
    static double get_##name(const struct probe_view *v)                                           \
    {                                                                                              \
        return (double)(expression);                                                               \
    }
GET(success, v->last->status == VERDICT_OK)
GET(duration, seconds(v->last->total_ns))
GET(timeout, seconds(v->opts->timeout))
GET(dns, seconds(v->last->phase_ns[PHASE_RESOLVE]))
GET(ip, v->last->ip_protocol)
GET(status, v->last->http_status)
GET(version, (double)v->last->http_version_milli / 1000)
GET(redirects, v->last->redirects)
GET(tls, v->last->tls)
GET(length, v->last->content_length)
GET(body, v->last->body_bytes)
GET(regex, v->last->regex_failed)
GET(earliest, v->last->cert.earliest_not_after)
GET(chain, v->last->cert.chain_not_after ? (double)v->last->cert.chain_not_after : -62135596800.0)
GET(leaf, v->last->cert.not_after)
GET(stage, v->last->cert.stage)
GET(value, v->last->value)
GET(up, v->state == SCHED_OK)
GET(waiting, v->state == SCHED_WAITING)
GET(runs, v->runs)
GET(overruns, v->overruns)
GET(discarded, v->discarded)
GET(busy, seconds(v->busy_ns))
GET(late, seconds(v->late_max_ns))
GET(last, seconds(v->last_at.ns))

static const struct {
    const char *name, *help;
    enum expo_type type;
    bool (*when)(const struct probe_view *v);
    double (*get)(const struct probe_view *v);
} families[] = {
    {"probe_success", "1 if the last attempt succeeded.", EXPO_GAUGE, was_tried, get_success},
    {"probe_duration_seconds", "How long the last attempt took.", EXPO_GAUGE, was_tried,
     get_duration},
    {"probe_timeout_seconds", "How long an attempt may take.", EXPO_GAUGE, any, get_timeout},
    {"probe_dns_lookup_time_seconds", "How long it took to resolve the name.", EXPO_GAUGE, resolved,
     get_dns},
    {"probe_ip_protocol", "4 or 6; 0 if there was no address.", EXPO_GAUGE, was_tried, get_ip},
    {"probe_http_status_code", "The status of the answer; 0 without one.", EXPO_GAUGE, of_http,
     get_status},
    {"probe_http_version", "The version of HTTP that was spoken.", EXPO_GAUGE, answered_http,
     get_version},
    {"probe_http_redirects", "How many redirects were followed.", EXPO_GAUGE, of_http,
     get_redirects},
    {"probe_http_ssl", "1 if the last hop used TLS.", EXPO_GAUGE, of_http, get_tls},
    {"probe_http_content_length", "The announced length of the body; -1 if it was not.", EXPO_GAUGE,
     answered_http, get_length},
    {"probe_http_uncompressed_body_length", "The length of the body after decompression.",
     EXPO_GAUGE, answered_http, get_body},
    {"probe_failed_due_to_regex", "1 if the attempt failed because of a pattern.", EXPO_GAUGE,
     was_tried, get_regex},
    {"probe_ssl_earliest_cert_expiry", "When the first of the presented certificates ends.",
     EXPO_GAUGE, has_cert, get_earliest},
    {"probe_ssl_last_chain_expiry_timestamp_seconds",
     "When the best verified chain ends; a date before 1970 if none was verified.", EXPO_GAUGE,
     has_cert, get_chain},
    {"cert_not_after_timestamp_seconds", "When the leaf certificate ends.", EXPO_GAUGE, has_cert,
     get_leaf},
    {"cert_stage", "How near its end the certificate is: 0 far, 1 to 3 the stages, 4 ended.",
     EXPO_GAUGE, has_cert, get_stage},
    {"probe_query_value", "What the query gave.", EXPO_GAUGE, has_value, get_value},
    {"probe_up", "1 while the probe is OK after rise and fall.", EXPO_GAUGE, any, get_up},
    {"probe_waiting", "1 before the first success.", EXPO_GAUGE, any, get_waiting},
    {"probe_runs_total", "Attempts.", EXPO_COUNTER, any, get_runs},
    {"probe_overruns_total", "Times at which an attempt was due while one ran.", EXPO_COUNTER, any,
     get_overruns},
    {"probe_discarded_total", "Attempts that say nothing, as after a suspended machine.",
     EXPO_COUNTER, any, get_discarded},
    {"probe_busy_seconds_total", "How long attempts took, in all.", EXPO_COUNTER, any, get_busy},
    {"probe_late_max_seconds", "The latest start of an attempt so far.", EXPO_GAUGE, any, get_late},
    {"probe_last_attempt_timestamp_seconds", "When the last attempt ended.", EXPO_GAUGE, was_tried,
     get_last},
};

static void begin_probe(struct expo *x, const struct probe_view *v)
{
    expo_begin(x, "");
    expo_label(x, "probe", v->name);
    expo_label(x, "type", v->type);
}

static void put_phases(struct expo *x, const struct probes *p)
{
    static const char *const names[PHASES] = {"resolve", "connect", "tls", "processing",
                                              "transfer"};
    struct probe_view v;
    expo_family(x, "probe_http_duration_seconds", EXPO_GAUGE,
                "How long each phase of the last attempt took; 0 if it was not reached.");
    for (size_t i = 0; probes_view(p, i, &v); i++) {
        for (int phase = 0; phase < PHASES && of_http(&v); phase++) {
            int64_t ns = v.last->phase_ns[phase];
            begin_probe(x, &v);
            expo_label(x, "phase", names[phase]);
            expo_value(x, ns > 0 ? seconds(ns) : 0);
        }
    }
}

static void put_failures(struct expo *x, const struct probes *p)
{
    struct probe_view v;
    expo_family(x, "probe_failures_total", EXPO_COUNTER, "Failed attempts, by reason.");
    for (size_t i = 0; probes_view(p, i, &v); i++) {
        for (int r = 0; r < REASONS; r++) {
            if (!v.failures_by[r])
                continue;
            begin_probe(x, &v);
            expo_label(x, "reason", reason_text((enum reason)r));
            expo_int(x, (int64_t)v.failures_by[r]);
        }
    }
}

static void put_family(struct expo *x, const struct probes *p, size_t f)
{
    struct probe_view v;
    expo_family(x, families[f].name, families[f].type, families[f].help);
    for (size_t i = 0; probes_view(p, i, &v); i++) {
        if (!families[f].when(&v))
            continue;
        begin_probe(x, &v);
        expo_value(x, families[f].get(&v));
    }
}

#define FAMILIES (sizeof(families) / sizeof(families[0]))

static void put_probes(struct expo *x, const struct agent_program *a, size_t step)
{
    if (!probes_count(a->probes))
        return;
    if (step < FAMILIES)
        put_family(x, a->probes, step);
    else if (step == FAMILIES)
        put_phases(x, a->probes);
    else
        put_failures(x, a->probes);
}

const struct metrics_part metrics_probes = {FAMILIES + 2, put_probes};
