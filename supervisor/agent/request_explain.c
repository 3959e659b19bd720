/* agent explain NAME: why a probe, an alert, a metric or a notifier is as it is. NAME may begin
 * with its family, as in alert:api. */
#include "supervisor/agent/program.h"
#include "supervisor/base/dur.h"

#include <string.h>

/* One row for each line; the first of a subject carries its name. */
static void put_lines(struct agent_program *a, uint32_t ref, const char *name, const char *text)
{
    bool first = true;
    while (*text) {
        size_t n = strcspn(text, "\n");
        channel_row_begin(a->channel, ref);
        if (first)
            channel_kv(a->channel, "name", name);
        channel_kv_fmt(a->channel, "text", "%.*s", (int)n, text);
        channel_end(a->channel);
        text += n + (text[n] == '\n');
        first = false;
    }
}

static const char *ago(int64_t ns, char *buf, size_t size)
{
    return dur_human((dur_t){ns > 0 ? ns : 0}, buf, size);
}

static void explain_last(const struct probe_view *v, struct str *out)
{
    char when[DUR_TEXT], took[DUR_TEXT];
    if (!v->last_at.ns) {
        str_puts(out, "no attempt has ended yet\n");
        return;
    }
    const char *word = verdict_word(v->last);
    str_printf(out, "the last attempt, %s ago, took %s: %s%s%s\n",
               ago(wall_now().ns - v->last_at.ns, when, sizeof(when)),
               dur_brief((dur_t){v->last->total_ns}, took, sizeof(took)),
               v->last->status == VERDICT_OK ? "ok" : word, *word && v->last->detail[0] ? ", " : "",
               v->last->detail);
}

static void explain_rule(const struct probe_view *v, mono_t now, struct str *out)
{
    char left[DUR_TEXT];
    const struct probe_opts *o = v->opts;
    if (v->state == SCHED_OK && v->fails)
        str_printf(out, "%u failure%s in a row; after %d it has failed\n", v->fails,
                   v->fails == 1 ? "" : "s", (int)o->fall);
    else if (v->state == SCHED_FAILED)
        str_printf(out, "%u success%s in a row; after %d it is well again\n", v->oks,
                   v->oks == 1 ? "" : "es", (int)o->rise);
    else if (v->state == SCHED_WAITING && v->grace_until.ns > now.ns)
        str_printf(out,
                   "it waits for its first success; failures do not count for %s more "
                   "(start_period=)\n",
                   ago(mono_sub(v->grace_until, now).ns, left, sizeof(left)));
    else if (v->state == SCHED_WAITING)
        str_printf(
            out,
            "it waits for its first success; %llu attempt%s failed so far, after %d in a row "
            "it has failed\n",
            (unsigned long long)v->failures, v->failures == 1 ? " has" : "s have", (int)o->fall);
}

static bool explain_probe(struct agent_program *a, const char *name, struct str *out)
{
    struct probe_view v;
    char since[DUR_TEXT], next[DUR_TEXT];
    if (!probes_find(a->probes, name, &v))
        return false;
    str_printf(out, "probe %s (%s) is %s for %s\n", v.name, v.type, sched_state_text(v.state),
               ago(wall_now().ns - v.since.ns, since, sizeof(since)));
    explain_last(&v, out);
    explain_rule(&v, loop_now(a->loop), out);
    if (v.running)
        str_puts(out, "an attempt is under way\n");
    else if (v.next.ns)
        str_printf(out, "the next attempt is in %s\n",
                   ago(mono_sub(v.next, loop_now(a->loop)).ns, next, sizeof(next)));
    if (v.opts->program)
        str_printf(out, "it shows the health of %s%s\n", v.opts->program,
                   v.opts->on_fail == PROBE_RESTART ? ", which is restarted when it fails" : "");
    if (v.opts->parent)
        str_printf(out,
                   "when it fails, its parent %s is asked at once, and explains it if it fails, "
                   "too\n",
                   v.opts->parent);
    engine_explain_probe(a->engine, v.name, out);
    str_printf(out, "%llu attempts so far, %llu failed", (unsigned long long)v.runs,
               (unsigned long long)v.failures);
    if (v.overruns)
        str_printf(out, ", %llu left out since the one before took too long",
                   (unsigned long long)v.overruns);
    str_putc(out, '\n');
    return true;
}

void request_explain(struct agent_program *a, const struct channel_req *rq, char *const *args,
                     size_t n)
{
    static const char *const families[] = {"probe", "alert", "metric", "notify"};
    const char *colon = strchr(args[0], ':');
    bool found = false;
    (void)n;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        size_t len = strlen(families[i]);
        bool named = colon && strlen(args[0]) > len && args[0][len] == ':' &&
                     strncmp(args[0], families[i], len) == 0;
        const char *name = named ? colon + 1 : args[0];
        struct str text = STR_INIT;
        if ((!colon || named) && (i == 0 ? explain_probe(a, name, &text)
                                         : engine_explain(a->engine, families[i], name, &text))) {
            put_lines(a, rq->ref, name, str_text(&text));
            found = true;
        }
        str_fini(&text);
    }
    if (found)
        channel_ok(a->channel, rq->ref);
    else
        channel_error(a->channel, rq->ref, WIRE_BAD_NAME,
                      "there is no probe, alert, metric or notifier of that name");
}
