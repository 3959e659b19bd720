/* Probes as metrics, with blackbox_exporter's names where it has one: dashboards and rules of the
 * field know them. */
#include "supervisor/rpc/metrics.h"
#include "probes/judge/cert.h"

#include <stdio.h>
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

static bool has_address(const struct probe_view *v)
{
    return was_tried(v) && v->last->ip_protocol;
}

static bool says_when_modified(const struct probe_view *v)
{
    return answered_http(v) && v->last->last_modified > 0;
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
GET(ip_hash, v->last->ip_hash)
GET(modified, v->last->last_modified)
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
    {"probe_ip_addr_hash", "A number that changes when the address does.", EXPO_GAUGE, has_address,
     get_ip_hash},
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
    {"probe_http_last_modified_timestamp_seconds", "The Last-Modified of the answer.", EXPO_GAUGE,
     says_when_modified, get_modified},
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

/* ---- what is in labels ---- */

/* These make their text in buf, and return it. */
static const char *in_lower_case(const char *text, char *buf, size_t size)
{
    size_t n = 0;
    for (; text[n] && n + 1 < size; n++)
        buf[n] = text[n] >= 'A' && text[n] <= 'Z' ? (char)(text[n] + 'a' - 'A') : text[n];
    buf[n] = '\0';
    return buf;
}

/* The blanks behind the commas of a list are for people: "CN=a, O=b". One in a name has a backslash
 * before its comma. */
static const char *without_blanks(const char *text, char *buf, size_t size)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++) {
        bool after = n > 0 && buf[n - 1] == ',' && !(n > 1 && buf[n - 2] == '\\');
        if (*text != ' ' || !after)
            buf[n++] = *text;
    }
    buf[n] = '\0';
    return buf;
}

static bool is_dns_name(const char *p, size_t n)
{
    size_t digits = strspn(p, "0123456789."), other = strcspn(p, ":/@");
    return digits < n && other >= n;
}

/* Only the DNS names of "api.example, 192.0.2.1", as blackbox_exporter has them. */
static const char *dns_names(const char *text, char *buf, size_t size)
{
    size_t used = 0;
    buf[0] = '\0';
    while (*text) {
        size_t n = strcspn(text, ",");
        if (is_dns_name(text, n) && used + n + 2 < size)
            used +=
                (size_t)snprintf(buf + used, size - used, "%s%.*s", used ? "," : "", (int)n, text);
        text += n;
        text += strspn(text, ", ");
    }
    return buf;
}

static void label_chain(struct expo *x, const struct cert_facts *c)
{
    char text[256];
    for (size_t i = 0; i < sizeof(c->fingerprint); i++)
        snprintf(text + 2 * i, 3, "%02x", c->fingerprint[i]);
    expo_label(x, "fingerprint_sha256", text);
    expo_label(x, "subject", without_blanks(c->subject, text, sizeof(text)));
    expo_label(x, "issuer", without_blanks(c->issuer, text, sizeof(text)));
    expo_label(x, "subjectalternative", dns_names(c->names, text, sizeof(text)));
    expo_label(x, "serialnumber", in_lower_case(c->serial, text, sizeof(text)));
}

/* blackbox_exporter writes "TLS 1.3" for "TLSv1.3" */
static void label_version(struct expo *x, const struct cert_facts *c)
{
    char text[24];
    bool tls = strncmp(c->protocol, "TLSv", 4) == 0;
    snprintf(text, sizeof(text), "%s%s%s", tls ? "TLS " : c->protocol, tls ? c->protocol + 4 : "",
             tls && !c->protocol[5] ? ".0" : "");
    expo_label(x, "version", text);
}

static void label_cipher(struct expo *x, const struct cert_facts *c)
{
    expo_label(x, "cipher", c->cipher);
}

static bool has_tls(const struct probe_view *v)
{
    return has_cert(v) && v->last->cert.protocol[0];
}

static const struct {
    const char *name, *help;
    bool (*when)(const struct probe_view *v);
    void (*label)(struct expo *x, const struct cert_facts *c);
} infos[] = {
    {"probe_ssl_last_chain_info", "1; the labels say which leaf certificate it was.", has_cert,
     label_chain},
    {"probe_tls_version_info", "1; the label says which version of TLS was spoken.", has_tls,
     label_version},
    {"probe_tls_cipher_info", "1; the label says with which cipher.", has_tls, label_cipher},
};

static void put_infos(struct expo *x, const struct probes *p)
{
    struct probe_view v;
    for (size_t f = 0; f < sizeof(infos) / sizeof(infos[0]); f++) {
        expo_family(x, infos[f].name, EXPO_GAUGE, infos[f].help);
        for (size_t i = 0; probes_view(p, i, &v); i++) {
            if (!infos[f].when(&v))
                continue;
            begin_probe(x, &v);
            infos[f].label(x, &v.last->cert);
            expo_int(x, 1);
        }
    }
}

static void put_cert_errors(struct expo *x, const struct probes *p)
{
    struct probe_view v;
    expo_family(x, "cert_verify_error", EXPO_GAUGE, "1 for each thing that is wrong with it.");
    for (size_t i = 0; probes_view(p, i, &v); i++) {
        for (int e = 0; has_cert(&v) && e < CERT_NERRORS; e++) {
            if (!(v.last->cert.errors & (1u << e)))
                continue;
            begin_probe(x, &v);
            expo_label(x, "code", cert_error_text((enum cert_error)e));
            expo_int(x, 1);
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

/* the families with labels beside the probe's own */
static void (*const rest[])(struct expo *x, const struct probes *p) = {
    put_phases, put_infos, put_cert_errors, put_failures};
#define REST (sizeof(rest) / sizeof(rest[0]))

static void put_probes(struct expo *x, const struct agent_program *a, size_t step)
{
    if (!probes_count(a->probes))
        return;
    if (step < FAMILIES)
        put_family(x, a->probes, step);
    else
        rest[step - FAMILIES](x, a->probes);
}

const struct metrics_part metrics_probes = {FAMILIES + REST, put_probes};
