/* Certificates: each one that a probe sees and that is in a stage is an alert of its own, known by
 * its fingerprint. So none hides behind another, each stage is told, and a renewal ends it. */
#include "alerts/engine_impl.h"
#include "alerts/rules/template.h"

#include <stdio.h>
#include <string.h>

/* So long after its end the alert of a certificate is kept. It may come back, as behind a balancer
 * of which one server still has the old one: then it flaps. */
#define KEPT DUR_S(86400)

/* ---- one certificate ---- */

struct seen_cert *seen_cert_new(const char *fingerprint, const char *subject, const char *where)
{
    struct seen_cert *c = mem_zalloc(sizeof(*c));
    snprintf(c->fingerprint, sizeof(c->fingerprint), "%s", fingerprint);
    c->subject = mem_strdup(subject);
    c->where = mem_strdup(where);
    return c;
}

void seen_cert_free(struct seen_cert **cp)
{
    struct seen_cert *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    free(c->subject);
    free(c->where);
    free(c);
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

static struct seen_cert *taken(const struct cert_seen *c)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * sizeof(c->fingerprint) + 1] = "";
    for (size_t i = 0; i < sizeof(c->fingerprint); i++) {
        hex[2 * i] = digits[c->fingerprint[i] >> 4];
        hex[2 * i + 1] = digits[c->fingerprint[i] & 15];
    }
    struct seen_cert *s = seen_cert_new(hex, or_empty(c->subject), or_empty(c->where));
    s->not_before = c->not_before;
    s->not_after = c->not_after;
    return s;
}

/* ---- what a probe saw ---- */

static int by_fingerprint(const void *a, const void *b)
{
    const struct seen_cert *x = *(struct seen_cert *const *)a, *y = *(struct seen_cert *const *)b;
    int r = strcmp(x->fingerprint, y->fingerprint);
    return r ? r : strcmp(x->where, y->where);
}

/* One that is in several places counts once. */
static void sort_unique(struct seen_certs *l)
{
    size_t n = 0;
    if (l->n)
        qsort(l->v, l->n, sizeof(l->v[0]), by_fingerprint);
    VEC_EACH (l, i) {
        if (n && strcmp(l->v[n - 1]->fingerprint, l->v[i]->fingerprint) == 0)
            seen_cert_free(&l->v[i]);
        else
            l->v[n++] = l->v[i];
    }
    l->n = n;
}

static bool has_place(const struct engine_probe_fact *f, const char *where)
{
    for (size_t i = 0; i < f->ncerts; i++) {
        if (strcmp(or_empty(f->certs[i].where), where) == 0)
            return true;
    }
    return false;
}

/* What could not be looked at is as it was. */
static void keep_unseen(struct probe_state *p, const struct engine_probe_fact *f,
                        struct seen_certs *old)
{
    VEC_EACH (old, i) {
        if (f->certs_partial && !has_place(f, old->v[i]->where)) {
            VEC_PUSH(&p->certs, old->v[i]);
            old->v[i] = NULL;
        }
    }
}

static void list_free(struct seen_certs *l)
{
    VEC_EACH (l, i)
        seen_cert_free(&l->v[i]);
    VEC_FINI(l);
}

void certs_take(struct probe_state *p, const struct engine_probe_fact *f)
{
    struct seen_certs old = p->certs;
    if (!f->ncerts)
        return;
    p->certs = (struct seen_certs)VEC_INIT;
    p->certs_partial = f->certs_partial;
    for (size_t i = 0; i < f->ncerts; i++)
        VEC_PUSH(&p->certs, taken(&f->certs[i]));
    keep_unseen(p, f, &old);
    list_free(&old);
    sort_unique(&p->certs);
}

void certs_forget(struct probe_state *p)
{
    list_free(&p->certs);
}

static const struct probe_state *seen_by(struct engine *e, const struct alert *a)
{
    const struct probe_state *p = facts_probe(e, a->rule->about(a->item), false);
    return p && p->certs.n ? p : NULL;
}

static const struct seen_cert *find(const struct probe_state *p, const char *fingerprint)
{
    VEC_EACH (&p->certs, i) {
        if (strcmp(p->certs.v[i]->fingerprint, fingerprint) == 0)
            return p->certs.v[i];
    }
    return NULL;
}

static int stage_of(const struct item *it, const struct seen_cert *c)
{
    return alert_cert_stage(it->own, c->not_before, c->not_after, wall_now().ns / 1000000000);
}

/* ---- what the rule is told ---- */

/* The nearest to its end. */
static const struct seen_cert *worst(const struct item *it, const struct probe_state *p)
{
    const struct seen_cert *best = NULL;
    int stage = 0;
    VEC_EACH (&p->certs, i) {
        const struct seen_cert *c = p->certs.v[i];
        int s = stage_of(it, c);
        if (best && (s < stage || (s == stage && c->not_after >= best->not_after)))
            continue;
        best = c;
        stage = s;
    }
    return best;
}

/* What is in the place of one that is not seen any more: of its name, the one that lasts longest.
 */
static const struct seen_cert *successor(const struct probe_state *p, const struct seen_cert *of)
{
    const struct seen_cert *best = NULL;
    VEC_EACH (&p->certs, i) {
        const struct seen_cert *c = p->certs.v[i];
        if (strcmp(c->where, of->where) == 0 && strcmp(c->subject, of->subject) == 0 &&
            (!best || c->not_after > best->not_after))
            best = c;
    }
    return best;
}

/* Its place could not be looked at, so that whether it is there is not known. */
static bool out_of_sight(const struct probe_state *p, const char *where)
{
    VEC_EACH (&p->certs, i) {
        if (strcmp(p->certs.v[i]->where, where) == 0)
            return false;
    }
    return p->certs_partial;
}

void certs_input(struct engine *e, const struct alert *a, struct rule_cert *out)
{
    const struct probe_state *p = seen_by(e, a);
    if (!p)
        return;
    const struct seen_cert *c = a->cert ? find(p, a->cert->fingerprint) : worst(a->item, p);
    if (!c && out_of_sight(p, a->cert->where))
        return;
    const struct seen_cert *dates = c ? c : successor(p, a->cert), *is = c ? c : a->cert;
    *out = (struct rule_cert){.seen = true,
                              .gone = !c,
                              .not_before = dates ? dates->not_before : 0,
                              .not_after = dates ? dates->not_after : 0,
                              .subject = is->subject,
                              .where = is->where};
}

/* ---- the alerts ---- */

static void moved(struct alert *a, const struct seen_cert *c)
{
    if (strcmp(a->cert->where, c->where) == 0)
        return;
    free(a->cert->where);
    a->cert->where = mem_strdup(c->where);
}

static void grow_one(struct engine *e, struct alert *base, const struct seen_cert *c)
{
    char key[ALERT_KEY];
    engine_alert_key(e, FROM_CERT, base->name, c->fingerprint, &alert_opts(base->item)->labels,
                     key);
    struct alert *a = engine_find(e, key);
    if (a && a->known) {
        moved(a, c);
        return;
    }
    a = bind_cert(e, base, c);
    a->next_eval = engine_now(e);
    engine_at(e, a->next_eval);
}

void certs_grow(struct engine *e, struct alert *base)
{
    const struct probe_state *p = seen_by(e, base);
    for (size_t i = 0; p && i < p->certs.n; i++) {
        if (stage_of(base->item, p->certs.v[i]) > 0)
            grow_one(e, base, p->certs.v[i]);
    }
}

/* The alert of type=cert that one of a certificate belongs to; NULL: it is not there any more, or
 * has other labels, and so is another. */
static struct alert *base_of(struct engine *e, const struct alert *a)
{
    char key[ALERT_KEY];
    VEC_EACH (&e->order, i) {
        struct alert *base = e->order.v[i];
        if (!base->known || base->origin != FROM_CONF || base->rule != &rule_cert ||
            strcmp(base->name, a->name) != 0)
            continue;
        engine_alert_key(e, FROM_CERT, a->name, a->cert->fingerprint,
                         &alert_opts(base->item)->labels, key);
        return strcmp(key, a->key) == 0 ? base : NULL;
    }
    return NULL;
}

void certs_bind(struct engine *e)
{
    VEC_EACH (&e->order, i) {
        const struct alert *a = e->order.v[i];
        struct alert *base = a->cert ? base_of(e, a) : NULL;
        if (base)
            bind_cert(e, base, a->cert);
    }
}

void certs_retire(struct engine *e, struct alert *a)
{
    bool over = a->life.state == LIFE_OK && a->ev.cond == COND_FALSE;
    if (over && wall_sub(engine_now(e), a->life.resolved).ns >= KEPT.ns)
        bind_gone(e, a);
}

/* ---- views ---- */

bool certs_speak(const struct engine *e, const struct alert *base)
{
    if (base->rule != &rule_cert)
        return false;
    VEC_EACH (&e->order, i) {
        const struct alert *a = e->order.v[i];
        if (a->cert && strcmp(a->name, base->name) == 0 &&
            (a->life.state != LIFE_OK || life_debts(&a->life)))
            return true;
    }
    return false;
}

#define LINES 50

void certs_explain(struct engine *e, const struct alert *base, struct str *out)
{
    const struct probe_state *p = base->rule == &rule_cert && base->item ? seen_by(e, base) : NULL;
    if (!p)
        return;
    str_printf(out, "the probe %s sees %zu certificate%s\n", p->name, p->certs.n,
               p->certs.n == 1 ? "" : "s");
    for (size_t i = 0; i < p->certs.n && i < LINES; i++) {
        const struct seen_cert *c = p->certs.v[i];
        int stage = stage_of(base->item, c);
        str_printf(out, "%s%s%s: until ", c->subject, *c->where ? ", " : "", c->where);
        template_stamp(c->not_after, out);
        str_printf(out, stage ? ", stage %d\n" : ", in no stage\n", stage);
    }
    if (p->certs.n > LINES)
        str_printf(out, "and %zu more\n", p->certs.n - LINES);
}
