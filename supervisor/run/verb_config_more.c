/* config, the options that are shown only where they are set: order and readiness, logs, and what
 * the kernel is told. */
#include "supervisor/run/verb_config_more.h"
#include "supervisor/base/dur.h"
#include "supervisor/core/attrs.h"
#include "supervisor/core/order.h"
#include "supervisor/core/ready.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

static void put_dur(struct wire_out *w, const char *key, int64_t ns)
{
    char buf[DUR_TEXT];
    if (ns)
        wire_kv(w, key, dur_format((dur_t){ns}, buf, sizeof(buf)));
}

static void put_list(struct wire_out *w, const char *key, struct str *text)
{
    if (text->len)
        wire_kv(w, key, str_text(text));
    str_fini(text);
}

/* ---- order ---- */

/* "db:ready,migrate:done" */
static void put_deps(struct wire_out *w, const struct gen *g, const struct gen_order *o, bool hard)
{
    struct str text = STR_INIT;
    const struct gen_dep *d = gen_at(g, o->deps);
    for (uint32_t i = 0; i < o->ndeps; i++)
        if (d[i].hard == hard)
            str_printf(&text, "%s%s:%s", text.len ? "," : "", gen_str(g, d[i].name),
                       order_when_name(d[i].when));
    put_list(w, hard ? "depends_on" : "after", &text);
}

static void put_ready(struct wire_out *w, const struct gen *g, const struct gen_order *o)
{
    static const char *const kinds[READY_NKINDS] = {
        [READY_STARTSECS] = "startsecs", [READY_NOTIFY] = "notify", [READY_FD] = "fd",
        [READY_PIDFILE] = "pidfile",     [READY_LOG] = "log",       [READY_PROBE] = "probe",
        [READY_COMMAND] = "command"};
    const char *kind = o->ready < READY_NKINDS ? kinds[o->ready] : "?";
    if (o->ready == READY_STARTSECS)
        return;
    if (o->ready_arg)
        wire_kv_fmt(w, "ready", "%s:%s", kind, gen_str(g, o->ready_arg));
    else if (o->ready == READY_FD)
        wire_kv_fmt(w, "ready", "%s:%d", kind, o->ready_number);
    else
        wire_kv(w, "ready", kind);
}

void config_put_order(struct wire_out *w, const struct gen *g, const struct gen_opts *opts)
{
    static const char *const types[] = {
        [PROG_SERVICE] = "service", [PROG_ONESHOT] = "oneshot", [PROG_SETUP] = "setup"};
    const struct gen_order *o = gen_order(g, opts);
    if (!o)
        return;
    if (o->type == PROG_ONESHOT || o->type == PROG_SETUP)
        wire_kv(w, "type", types[o->type]);
    put_deps(w, g, o, true);
    put_deps(w, g, o, false);
    put_ready(w, g, o);
    put_dur(w, "ready_timeout", o->ready_timeout_ns);
    put_dur(w, "watchdog", o->watchdog_ns);
    if (o->notify_main)
        wire_kv(w, "notify_access", "main");
}

/* ---- logs ---- */

static void put_stream(struct wire_out *w, const char *stream, const char *option, int64_t value)
{
    char key[48];
    snprintf(key, sizeof(key), "%s_%s", stream, option);
    if (value == 1)
        wire_kv(w, key, "true");
    else if (value)
        wire_kv_int(w, key, value);
}

void config_put_stream(struct wire_out *w, const struct gen_log *l, const char *stream)
{
    put_stream(w, stream, "logfile_gzip", l->gzip);
    put_stream(w, stream, "syslog", l->syslog);
    put_stream(w, stream, "events_enabled", l->events);
    put_stream(w, stream, "capture_maxbytes", l->capture);
}

void config_put_logging(struct wire_out *w, const struct gen_opts *o)
{
    const struct gen_log *l = &o->log[0];
    if (l->prefix)
        wire_kv(w, "log_prefix", "true");
    if (l->format == GEN_LOG_JSON)
        wire_kv(w, "log_format", "json");
    if (l->overflow == GEN_OVERFLOW_BLOCK)
        wire_kv(w, "log_overflow", "block");
    if (o->stdin_null)
        wire_kv(w, "stdin", "null");
    if (o->sigpipe_ignore)
        wire_kv(w, "sigpipe", "ignore");
}

/* ---- what the kernel is told ---- */

static void put_limit(struct str *out, unsigned limit, uint64_t n)
{
    if (n == UINT64_MAX)
        str_puts(out, "unlimited");
    else
        str_printf(out, "%" PRIu64 "%s", n,
                   limit == RLIMIT_CPU      ? "s"
                   : limit == RLIMIT_RTTIME ? "us"
                                            : "");
}

static void put_caps(struct str *out, uint64_t bits)
{
    const char *name;
    for (unsigned i = 0; (name = attr_cap_name(i)); i++)
        if (bits >> i & 1)
            str_printf(out, "%s%s", out->len ? "," : "", name);
    if (!out->len)
        str_puts(out, "none");
}

/* "0,2-3" */
static bool has_cpu(const struct attrs *a, unsigned n)
{
    return n < ATTRS_CPUS && a->cpus[n / 64] >> (n % 64) & 1;
}

static void put_cpus(struct str *out, const struct attrs *a)
{
    for (unsigned i = 0; i < ATTRS_CPUS; i++) {
        unsigned last = i;
        if (!has_cpu(a, i))
            continue;
        while (has_cpu(a, last + 1))
            last++;
        str_printf(out, "%s%u", out->len ? "," : "", i);
        if (last > i)
            str_printf(out, "-%u", last);
        i = last;
    }
}

static void put_ionice(struct str *out, int32_t value)
{
    static const char *const classes[] = {"none", "realtime", "best-effort", "idle"};
    unsigned class = (unsigned)value >> 13;
    str_puts(out, class < sizeof(classes) / sizeof(classes[0]) ? classes[class] : "?");
    if (class == 1 || class == 2)
        str_printf(out, ":%u", (unsigned)value & 7);
}

/* texts with a NUL behind each, and one behind them all */
static void put_paths(struct str *out, const char *paths)
{
    for (const char *p = paths; p && *p; p += strlen(p) + 1)
        str_printf(out, "%s%s", out->len ? "," : "", p);
}

static void put_attr(struct str *out, const struct gen *g, const struct attrs *a, unsigned attr)
{
    if (attr < ATTRS_LIMITS) {
        put_limit(out, attr, a->limit[attr][0]);
        str_putc(out, ':');
        put_limit(out, attr, a->limit[attr][1]);
    } else if (attr == ATTR_NICE || attr == ATTR_OOM) {
        str_printf(out, "%d", (int)(attr == ATTR_NICE ? a->nice : a->oom_score_adj));
    } else if (attr == ATTR_CPUS) {
        put_cpus(out, a);
    } else if (attr == ATTR_CAPS || attr == ATTR_AMBIENT) {
        put_caps(out, attr == ATTR_CAPS ? a->caps : a->ambient);
    } else if (attr == ATTR_MEMORY_HIGH || attr == ATTR_MEMORY_MAX) {
        str_printf(out, "%" PRIu64, attr == ATTR_MEMORY_MAX ? a->memory_max : a->memory_high);
    } else if (attr == ATTR_IONICE) {
        put_ionice(out, a->ionice);
    } else if (attr == ATTR_READ_ONLY) {
        put_paths(out, gen_str(g, a->read_only));
    } else if (attr == ATTR_SECCOMP) {
        str_printf(out, "a filter of %u steps", (unsigned)a->nfilter);
    } else {
        str_puts(out, "true");
    }
}

void config_put_attrs(struct wire_out *w, const struct gen *g, const struct gen_opts *o)
{
    const struct attrs *a = o->attrs ? gen_at(g, o->attrs) : NULL;
    for (unsigned i = 0; a && i < ATTR_END; i++) {
        struct str text = STR_INIT;
        if (!(a->set & ATTR_BIT(i)))
            continue;
        put_attr(&text, g, a, i);
        if (a->optional & ATTR_BIT(i))
            str_puts(&text, " optional");
        put_list(w, attr_name(i), &text);
    }
    if (a && (a->set & ATTR_BIT(ATTR_READ_ONLY))) {
        struct str text = STR_INIT;
        put_paths(&text, gen_str(g, a->read_write));
        put_list(w, "read_write_paths", &text);
    }
}
