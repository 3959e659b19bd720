/* The world of the alert engine's simulations. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"
#include "tests/fake/fake_send.h"
#include "tests/fake/fake_store.h"
#include "tests/unit/conf_text.h"

static struct agentgen *read_gen(const char *text)
{
    struct err e;
    struct str out = STR_INIT;
    struct conf *c = load_text(text);
    if (conf_nerrors(c))
        fail_msg("%s", conf_error(c, 0));
    agentgen_write(c, &out);
    struct agentgen *g = agentgen_read(out.s, out.len, &e);
    if (!g)
        fail_msg("%s", e.msg);
    str_fini(&out);
    conf_free(&c);
    return g;
}

/* ---- receivers ---- */

static const char *const words[NOTICE_KINDS] = {
    [NOTICE_FIRING] = "firing",     [NOTICE_UPDATE] = "update", [NOTICE_REMINDER] = "reminder",
    [NOTICE_RESOLVED] = "resolved", [NOTICE_BRIEF] = "brief",   [NOTICE_FLAPPING] = "flapping",
    [NOTICE_ACK] = "ack",           [NOTICE_DIGEST] = "digest", [NOTICE_TEST] = "test"};

static bool has_id(const struct world *w, const struct item *it, const struct notice *n)
{
    struct str id = STR_INIT;
    bool found = false;
    str_printf(&id, "%s %s", it->name, n->id);
    VEC_EACH (&w->ids, i)
        found |= strcmp(w->ids.v[i], str_text(&id)) == 0;
    str_fini(&id);
    return found;
}

static bool is_new(struct world *w, const struct item *it, const struct notice *n)
{
    struct str id = STR_INIT;
    if (has_id(w, it, n)) {
        w->repeated++;
        return false;
    }
    str_printf(&id, "%s %s", it->name, n->id);
    VEC_PUSH(&w->ids, str_take(&id));
    return true;
}

static struct incident *incident_of(struct world *w, const char *notifier, const char *key)
{
    VEC_EACH (&w->incidents, i) {
        struct incident *x = &w->incidents.v[i];
        if (strcmp(x->notifier, notifier) == 0 && strcmp(x->key, key) == 0)
            return x;
    }
    VEC_PUSH(&w->incidents,
             (struct incident){.notifier = mem_strdup(notifier), .key = mem_strdup(key)});
    return &w->incidents.v[w->incidents.n - 1];
}

/* What has arrived, though its answer was lost, may be refused at its next attempt. */
static void decide(void *obj, const struct item *it, const struct notice *n,
                   struct fake_attempt *out)
{
    struct world *w = obj;
    incident_of(w, it->name, n->key)->tried = mono_now();
    out->takes = w->slow.ns ? w->slow : DUR_MS(rng_below(&fake_rng, 200));
    if (w->refuses && strcmp(w->refuses, it->name) == 0)
        *out = (struct fake_attempt){.result = TELL_PERMANENT, .text = "no such hook"};
    else if (rng_below(&fake_rng, 100) < w->hundred_fail)
        *out = (struct fake_attempt){.result = TELL_RETRY, .text = "no way", .takes = DUR_MS(50)};
    else if (rng_below(&fake_rng, 100) < w->hundred_lost)
        *out = (struct fake_attempt){
            .arrives = true, .result = TELL_RETRY, .text = "no answer", .takes = DUR_MS(50)};
}

/* What a receiver that keeps incidents would complain about. */
static void check(const struct item *it, const struct notice *n, struct incident *x)
{
    /* a brief one may come while it is open: a fallback's, which ends it, too; and a digest that
     * says that the storm grew */
    bool begins = n->kind == NOTICE_FIRING;
    bool follows = n->kind == NOTICE_RESOLVED || n->kind == NOTICE_REMINDER ||
                   n->kind == NOTICE_UPDATE || n->kind == NOTICE_ACK;
    if (begins && x->open)
        fake_break("%s: %s of %s again (%s)", it->name, words[n->kind], n->alert, n->id);
    if (follows && !x->open && !(x->maybe && n->kind == NOTICE_RESOLVED))
        fake_break("%s: %s of %s, which is not open (%s)", it->name, words[n->kind], n->alert,
                   n->id);
    if (strlen(n->key) > 64 || !*n->id || !*n->summary)
        fake_break("%s: a notice of %s is not complete", it->name, n->alert);
    if (n->kind == NOTICE_RESOLVED && n->ends.ns < n->starts.ns)
        fake_break("%s: %s ends before it starts", it->name, n->alert);
}

static void note(struct world *w, const struct item *it, const struct notice *n)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s %s %s program=%s", it->name, words[n->kind], n->alert, n->program);
    for (size_t i = 0; i < n->nlabels; i++)
        str_printf(&s, " %s=%s", n->labels[i].name, n->labels[i].value);
    snprintf(w->told, sizeof(w->told), "%s", str_text(&s));
    str_fini(&s);
}

static void arrived(void *obj, const struct item *it, const struct notice *n)
{
    struct world *w = obj;
    note(w, it, n);
    snprintf(w->severity, sizeof(w->severity), "%s", n->severity);
    bool again = strstr(n->id, "-again-") != NULL;
    struct incident *x = incident_of(w, it->name, n->key);
    w->arrivals++;
    if (n->kind != NOTICE_TEST && (again || is_new(w, it, n))) {
        check(it, n, x);
        bool was = x->open;
        x->open = n->kind != NOTICE_RESOLVED && n->kind != NOTICE_BRIEF;
        x->opened += !was;
        x->closed += was && !x->open;
        x->maybe &= x->open;
    } else if (n->kind != NOTICE_TEST) {
        return;
    }
    str_clear(&w->last);
    str_puts(&w->last, n->summary);
    for (size_t i = 0; i < n->nlabels; i++)
        str_printf(&w->last, " %s=%s", n->labels[i].name, n->labels[i].value);
    if (!again)
        str_printf(&w->seen, "%s %s %s\n", it->name, words[n->kind], n->alert);
}

/* ---- the agent ---- */

static void run_probe(void *obj, const char *name)
{
    str_printf(&((struct world *)obj)->asked, "%s\n", name);
}

static const struct engine_ops ops = {.run_probe = run_probe};

static void begin(struct world *w)
{
    struct err er;
    w->e = engine_new(
        &(struct engine_env){.send = &w->env, .host = "web-1", .seed = rng_next(&fake_rng) | 1},
        &ops, w);
    w->store = store_open(w->loop, "fake", engine_loaded, w->e, &er);
    engine_use_store(w->e, w->store);
    if (engine_apply(w->e, w->gen, &er) < 0)
        fail_msg("%s", er.msg);
}

void world_open(struct world *w, const char *conf, uint64_t seed)
{
    struct err er;
    memset(w, 0, sizeof(*w));
    fake_reset(seed, 0);
    fake_disk_reset(DUR_MS(30));
    fake_send_reset(decide, arrived, w);
    w->loop = loop_new(&er);
    w->env.loop = w->loop;
    w->gen = read_gen(conf);
    begin(w);
    world_run(w, 100);
}

void world_close(struct world *w)
{
    engine_free(&w->e);
    store_close(&w->store, DUR_S(1));
    agentgen_free(&w->gen);
    loop_timer_stop(&w->timer);
    loop_free(&w->loop);
    str_fini(&w->seen);
    str_fini(&w->last);
    str_fini(&w->asked);
    VEC_EACH (&w->ids, i)
        free(w->ids.v[i]);
    VEC_FINI(&w->ids);
    VEC_EACH (&w->incidents, i) {
        free(w->incidents.v[i].notifier);
        free(w->incidents.v[i].key);
    }
    VEC_FINI(&w->incidents);
    if (fake_broken())
        fail_msg("%s", fake_broken());
    fake_disk_reset(DUR_MS(0));
}

/* Attempts take some milliseconds; those of now are cut off. */
static void cut_off(struct world *w)
{
    VEC_EACH (&w->incidents, i) {
        struct incident *x = &w->incidents.v[i];
        x->maybe |= x->tried.ns && mono_sub(mono_now(), x->tried).ns < DUR_S(1).ns;
    }
}

void world_restart(struct world *w, bool kill)
{
    cut_off(w);
    if (kill) {
        fake_store_kill(w->store);
        engine_free(&w->e);
        fake_store_bury(&w->store);
    } else {
        engine_free(&w->e);
        store_close(&w->store, DUR_S(1));
    }
    begin(w);
}

void world_reload(struct world *w, const char *conf)
{
    struct err er;
    struct agentgen *old = w->gen;
    cut_off(w);
    w->gen = read_gen(conf);
    if (engine_apply(w->e, w->gen, &er) < 0)
        fail_msg("%s", er.msg);
    agentgen_free(&old);
}

static void stop(struct world *w)
{
    loop_stop(w->loop);
}

void world_run(struct world *w, int ms)
{
    LOOP_TIMER(&w->timer, w->loop, stop, w);
    loop_timer_at(&w->timer, mono_add(mono_now(), DUR_MS(ms)));
    loop_run(w->loop);
    if (fake_broken())
        fail_msg("%s", fake_broken());
}

void world_probe(struct world *w, const char *name, bool ok)
{
    engine_probe(w->e, &(struct engine_probe_fact){.name = name,
                                                   .health = ok ? HEALTH_OK : HEALTH_FAILED,
                                                   .result = ok ? ENGINE_OK : ENGINE_FAIL,
                                                   .since = wall_now(),
                                                   .reason = ok ? NULL : "connect_refused",
                                                   .detail = ok ? NULL : "nobody listens"});
}

void world_process(struct world *w, const char *program, const char *state)
{
    engine_process(w->e,
                   &(struct engine_process_fact){
                       .group = program, .program = program, .process = program, .state = state});
}

void world_expect(struct world *w, const char *want)
{
    assert_string_equal(str_text(&w->seen), want);
    str_clear(&w->seen);
    if (w->seen.s)
        w->seen.s[0] = '\0';
}

static void take_state(void *obj, const struct engine_alert *a)
{
    if (strcmp(a->kind, "alert") == 0)
        *(const char **)obj = life_state_name(a->state);
}

const char *world_state(struct world *w, const char *name)
{
    const char *state = "";
    engine_alerts(w->e, name, take_state, &state);
    return state;
}
