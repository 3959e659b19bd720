/* Makes attempts of the probes of a configuration, as supd-agent would, and prints what they found:
 * `probeonce FILE [RUNS [QUIET]]` prints a line of JSON for each attempt, after QUIET attempts that
 * are only made. The probes of the file run one after the other. */
#include "probes/driver.h"
#include "probes/drivers.h"
#include "probes/env.h"
#include "probes/judge/cert.h"
#include "supervisor/base/mem.h"
#include "supervisor/conf/agentgen.h"
#include "supervisor/io/files.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/resolve.h"
#include "supervisor/io/trusts.h"

#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct once {
    struct loop *loop;
    struct driver_env env;
    const struct item *item;
    bool quiet;
    int64_t cpu;
};

static int64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static json_t *error_names(uint32_t bits)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < CERT_NERRORS; i++) {
        if (bits & (1u << i))
            json_array_append_new(list, json_string(cert_error_text((enum cert_error)i)));
    }
    return list;
}

static json_t *cert_json(const struct cert_facts *c)
{
    char hex[65];
    for (size_t i = 0; i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", c->stage_fingerprint[i]);
    return json_pack(
        "{s:b s:I s:I s:I s:I s:o s:s s:s s:s s:s s:s s:s s:i s:I s:I s:s}", "seen", c->seen,
        "not_before", (json_int_t)c->not_before, "not_after", (json_int_t)c->not_after, "earliest",
        (json_int_t)c->earliest_not_after, "chain", (json_int_t)c->chain_not_after, "errors",
        error_names(c->errors), "subject", c->subject, "issuer", c->issuer, "names", c->names,
        "serial", c->serial, "protocol", c->protocol, "cipher", c->cipher, "stage", (int)c->stage,
        "since", (json_int_t)c->stage_since, "next", (json_int_t)c->next_stage, "fingerprint", hex);
}

static void done(void *obj, const struct verdict *v)
{
    static const char *const status[] = {"ok", "fail", "unknown"};
    struct once *o = obj;
    int64_t cpu = cpu_ns() - o->cpu;
    loop_stop(o->loop);
    if (o->quiet)
        return;
    json_t *phases = json_array();
    for (int i = 0; i < PHASES; i++)
        json_array_append_new(phases, json_integer(v->phase_ns[i]));
    json_t *j = json_pack("{s:s s:s s:s s:s s:s s:o s:I s:o s:I}", "probe", o->item->name, "status",
                          status[v->status], "reason", reason_text(v->reason), "sub", v->subreason,
                          "detail", v->detail, "cert", cert_json(&v->cert), "total_ns",
                          (json_int_t)v->total_ns, "phases", phases, "cpu_ns", (json_int_t)cpu);
    if (v->has_value)
        json_object_set_new(j, "value", json_real(v->value));
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(j);
}

static void attempts(struct once *o, const struct item *it, uint64_t runs, uint64_t quiet)
{
    const struct driver *d = driver_of(it->kind);
    void *held = NULL;
    o->item = it;
    for (uint64_t run = 1; run <= runs + quiet; run++) {
        struct attempt_request rq = {
            .env = &o->env, .item = it, .held = &held, .run = run, .done = done, .obj = o};
        o->quiet = run <= quiet;
        loop_refresh(o->loop);
        rq.deadline = mono_add(mono_now(), (dur_t){probe_opts(it)->timeout});
        o->cpu = cpu_ns();
        d->start(&rq);
        loop_run(o->loop);
    }
    if (d->drop)
        d->drop(&held);
}

/* From the file over the agent's generation, as in the product. */
static struct agentgen *read_gen(const char *path)
{
    extern char **environ;
    struct err e;
    struct str text = STR_INIT;
    struct conf_request rq = {.path = path, .environ = environ, .cwd = "/"};
    struct conf *c = conf_load(&rq);
    for (size_t i = 0; i < conf_nerrors(c); i++)
        fprintf(stderr, "%s\n", conf_error(c, i));
    if (conf_nerrors(c)) {
        conf_free(&c);
        return NULL;
    }
    agentgen_write(c, &text);
    struct agentgen *g = agentgen_read(str_text(&text), text.len, &e);
    if (!g)
        fprintf(stderr, "%s\n", e.msg);
    str_fini(&text);
    conf_free(&c);
    return g;
}

int main(int argc, char **argv)
{
    struct err e;
    struct once o = {.loop = NULL};
    signal(SIGPIPE, SIG_IGN);
    struct agentgen *g = argc > 1 ? read_gen(argv[1]) : NULL;
    if (!g)
        return 2;
    o.loop = loop_new(&e);
    o.env = (struct driver_env){.loop = o.loop,
                                .resolve = resolve_new(o.loop, NULL, &e),
                                .files = files_new(o.loop, &e),
                                .trusts = trusts_new()};
    o.env.http = http_new(o.loop, o.env.resolve, &e);
    VEC_EACH (&g->conf->items, i) {
        const struct item *it = g->conf->items.v[i];
        if (it->family == &family_probe)
            attempts(&o, it, argc > 2 ? strtoull(argv[2], NULL, 10) : 1,
                     argc > 3 ? strtoull(argv[3], NULL, 10) : 0);
    }
    http_free(&o.env.http);
    trusts_free(&o.env.trusts);
    files_free(&o.env.files);
    resolve_free(&o.env.resolve);
    loop_free(&o.loop);
    agentgen_free(&g);
    return 0;
}
