/* The judge of certificates: from facts to faults, stage and sentence. */
#include "probes/judge/cert.h"
#include "probes/judge/cert_say.h"
#include "supervisor/base/text.h"
#include "supervisor/base/vec.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const error_texts[] = {
#define CERT_TEXT(name, text) [CERT_##name] = text,
    CERT_ERRORS(CERT_TEXT)
#undef CERT_TEXT
};

const char *cert_error_text(enum cert_error e)
{
    return error_texts[e];
}

int cert_error_of(const char *word)
{
    for (int i = 0; i < CERT_NERRORS; i++) {
        if (strcasecmp(word, error_texts[i]) == 0)
            return i;
    }
    return -1;
}

const char *cert_host(const struct cert_opts *o)
{
    return o->server_name && *o->server_name ? o->server_name : o->address.host;
}

/* What is being judged, and what was found so far. */
struct judging {
    const struct cert_opts *o;
    const struct cert_input *in;
    struct cert_findings f;
    const struct x509_cert *first; /* the one whose end is nearest */
    const char *first_where;
    struct cert_stage stage; /* of it */
    bool denied;             /* a file that the agent may not read */
    VEC(struct cert_seen) seen;
    bool partial; /* a file or a part of one could not be looked at */
};

/* ---- one certificate ---- */

static void judge_dates(struct judging *j, const struct x509_cert *c, const char *where)
{
    char date[CERT_DATE], span[CERT_DATE];
    int64_t now = j->in->now;
    if (c->not_after == 0)
        cert_found(&j->f, CERT_UNREADABLE, "%s: the dates of %s cannot be read", where,
                   c->subject_cn);
    else if (now > c->not_after)
        cert_found(&j->f, CERT_EXPIRED,
                   "%s: the certificate %s expired %s ago, on %s (issuer %s): "
                   "renew it",
                   where, c->subject_cn, cert_span(now - c->not_after, span, CERT_DATE),
                   cert_date(c->not_after, date, CERT_DATE), c->issuer_cn);
    else if (now < c->not_before)
        cert_found(&j->f, CERT_NOT_YET_VALID,
                   "%s: the certificate %s is not valid before %s, in "
                   "%s: check the clocks of this host and of its issuer %s",
                   where, c->subject_cn, cert_date(c->not_before, date, CERT_DATE),
                   cert_span(c->not_before - now, span, CERT_DATE), c->issuer_cn);
}

/* Whoever trusts a root trusts its key, and nobody looks at its signature. */
static void judge_strength(struct judging *j, const struct x509_cert *c, const char *where,
                           bool leaf)
{
    int least = c->key == X509_KEY_RSA || c->key == X509_KEY_DSA ? 2048
                : c->key == X509_KEY_EC                          ? 224
                                                                 : 0;
    if (c->self_signed && !leaf)
        return;
    if (c->key_bits > 0 && c->key_bits < least)
        cert_found(&j->f, CERT_WEAK_KEY,
                   "%s: the key of %s has %d bits, %s needs %d: clients "
                   "refuse it",
                   where, c->subject_cn, c->key_bits,
                   c->key == X509_KEY_RSA   ? "RSA"
                   : c->key == X509_KEY_DSA ? "DSA"
                                            : "EC",
                   least);
    if (c->weak_digest && !c->self_signed)
        cert_found(&j->f, CERT_WEAK_SIG, "%s: %s is signed with %s, which clients refuse", where,
                   c->subject_cn, c->signature);
}

/* The worst stage decides, then the earliest end. */
static void judge_stage(struct judging *j, const struct x509_cert *c, const char *where)
{
    struct cert_stage s = cert_stage_of(&j->o->stages, c->not_before, c->not_after, j->in->now);
    if (c->not_after == 0 ||
        (j->first && (s.stage < j->stage.stage ||
                      (s.stage == j->stage.stage && c->not_after >= j->first->not_after))))
        return;
    j->first = c;
    j->first_where = where;
    j->stage = s;
}

static void note_seen(struct judging *j, const struct x509_cert *c, const char *where)
{
    struct cert_seen s = {.not_before = c->not_before, .not_after = c->not_after};
    if (!j->in->a || c->not_after == 0)
        return;
    s.subject = arena_strdup(j->in->a, c->subject_cn); /* the verdict outlives the facts */
    s.where = arena_strdup(j->in->a, where);
    memcpy(s.fingerprint, c->fingerprint, sizeof(s.fingerprint));
    VEC_PUSH(&j->seen, s);
}

static void judge_one(struct judging *j, const struct x509_cert *c, const char *where, bool leaf)
{
    note_seen(j, c, where);
    judge_dates(j, c, where);
    judge_strength(j, c, where, leaf);
    judge_stage(j, c, where);
}

/* ---- a peer's chain ---- */

static const struct x509_cert *last_of_path(const struct x509_chain *c)
{
    const struct x509_cert *last = &c->sent[0];
    for (size_t i = 1; i < c->n; i++) {
        if (c->sent[i].in_path)
            last = &c->sent[i];
    }
    return last;
}

static void judge_host(struct judging *j, const struct x509_chain *c)
{
    const struct x509_cert *leaf = &c->sent[0];
    if (!c->host_checked || c->host_ok)
        return;
    if (*leaf->names)
        cert_found(&j->f, CERT_HOSTNAME, "%s: the certificate is for %.150s, not for %s",
                   j->in->peer, leaf->names, cert_host(j->o));
    else
        cert_found(&j->f, CERT_HOSTNAME,
                   "%s: the certificate %s has no alternative names, and so "
                   "is not for %s",
                   j->in->peer, leaf->subject_cn, cert_host(j->o));
}

static void judge_no_issuer(struct judging *j, const struct x509_chain *c)
{
    const struct x509_cert *last = last_of_path(c);
    if (last->issuer_near)
        cert_found(&j->f, CERT_INCOMPLETE_CHAIN,
                   "%s: the server does not send the intermediate "
                   "certificate %s, which signed %s: give it the full chain (fullchain.pem)",
                   j->in->peer, last->issuer_cn, last->subject_cn);
    else
        cert_found(&j->f, CERT_UNKNOWN_ISSUER,
                   "%s: %s is signed by %s, which the server does not "
                   "send and %s does not have",
                   j->in->peer, last->subject_cn, last->issuer_cn, j->o->ca);
}

static void judge_fault(struct judging *j, const struct x509_chain *c,
                        const struct x509_fault_at *at)
{
    const struct x509_cert *leaf = &c->sent[0];
    switch (at->fault) {
    case X509_FAULT_SELF_SIGNED:
        cert_found(&j->f, CERT_SELF_SIGNED,
                   "%s: the certificate %s is signed by itself and by no "
                   "authority: clients refuse it",
                   j->in->peer, leaf->subject_cn);
        break;
    case X509_FAULT_SELF_SIGNED_ROOT:
        cert_found(&j->f, CERT_UNKNOWN_ISSUER, "%s: the chain ends in %s, which %s does not have",
                   j->in->peer, last_of_path(c)->subject_cn, j->o->ca);
        break;
    case X509_FAULT_NO_ISSUER:
        judge_no_issuer(j, c);
        break;
    case X509_FAULT_REVOKED:
        cert_found(&j->f, CERT_REVOKED, "%s: the certificate was revoked: replace it", j->in->peer);
        break;
    case X509_FAULT_EXPIRED: /* the dates of what was sent say it better; a root's are not there */
    case X509_FAULT_NOT_YET:
        if (at->depth >= (int)c->n)
            cert_found(&j->f, CERT_INVALID, "%s: %s above %s", j->in->peer, at->text,
                       last_of_path(c)->subject_cn);
        break;
    case X509_FAULT_STRENGTH: /* the keys and signatures say it better */
        break;
    case X509_FAULT_SIGNATURE:
    case X509_FAULT_OTHER:
        cert_found(&j->f, CERT_INVALID, "%s: %s", j->in->peer, at->text);
    }
}

/* The library may note one fault several times, in its order of finding them. */
static void judge_faults(struct judging *j, const struct x509_chain *c)
{
    uint32_t seen = 0;
    for (size_t i = 0; i < c->nfaults; i++) {
        uint32_t bit = 1u << c->faults[i].fault;
        if (!(seen & bit))
            judge_fault(j, c, &c->faults[i]);
        seen |= bit;
    }
}

/* An extra that no path needs may be old: clients do not look at it. */
static void judge_extra(struct judging *j, const struct x509_cert *c)
{
    char date[CERT_DATE];
    if (j->in->now > c->not_after)
        cert_found(&j->f, CERT_NOTE, "%s: sends %s, which expired on %s; nothing needs it",
                   j->in->peer, c->subject_cn, cert_date(c->not_after, date, CERT_DATE));
}

static void judge_chain(struct judging *j, const struct x509_chain *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->sent[i].in_path)
            judge_one(j, &c->sent[i], j->in->peer, i == 0);
        else
            judge_extra(j, &c->sent[i]);
    }
    judge_host(j, c);
    judge_faults(j, c);
    if (c->staple == X509_STAPLE_REVOKED)
        cert_found(&j->f, CERT_REVOKED,
                   "%s: the certificate was revoked, as its OCSP staple says: "
                   "replace it",
                   j->in->peer);
}

/* ---- files ---- */

static void judge_file(struct judging *j, const struct cert_file *f)
{
    j->partial |= f->error || f->pem.bad;
    if (f->error) {
        cert_found(&j->f, CERT_UNREADABLE, "%s%s", f->error,
                   f->denied ? "; [agent] groups= can give access" : "");
        j->denied = j->denied || f->denied;
        return;
    }
    for (size_t i = 0; i < f->pem.n; i++)
        judge_one(j, &f->pem.certs[i], f->path, i == 0);
    if (f->pem.bad)
        cert_found(&j->f, CERT_UNREADABLE, "%s: %zu of its blocks cannot be read: %s", f->path,
                   f->pem.bad, f->pem.error);
    if (f->pem.has_key && !f->pem.key_locked && !f->pem.key_matches)
        cert_found(&j->f, CERT_KEY_MISMATCH,
                   "%s: the private key in it does not belong to its "
                   "first certificate: a server cannot use them",
                   f->path);
}

static void judge_served(struct judging *j, const struct cert_file *f, const struct x509_cert *leaf)
{
    char served[CERT_DATE], there[CERT_DATE];
    if (f->error) {
        judge_file(j, f);
        return;
    }
    const struct x509_cert *c = &f->pem.certs[0];
    if (memcmp(c->fingerprint, leaf->fingerprint, sizeof(c->fingerprint)) == 0)
        return;
    cert_date(leaf->not_after, served, sizeof(served));
    cert_date(c->not_after, there, sizeof(there));
    if (c->not_before > leaf->not_before)
        cert_found(&j->f, CERT_SERVED_NE_FILE,
                   "%s has not loaded the renewed %s: reload the server (it presents the one until "
                   "%s, the file's lasts until %s)",
                   j->in->peer, f->path, served, there);
    else
        cert_found(&j->f, CERT_SERVED_NE_FILE,
                   "%s presents another certificate (until %s, issuer "
                   "%s) than %s holds (until %s)",
                   j->in->peer, served, leaf->issuer_cn, f->path, there);
}

static void judge_key(struct judging *j)
{
    const char *cert = j->o->served_file ? j->o->served_file : "the certificate";
    if (j->in->key == CERT_KEY_DIFFERS)
        cert_found(&j->f, CERT_KEY_MISMATCH,
                   "the private key %s does not belong to %s: a server "
                   "cannot use them",
                   j->o->key_file, cert);
    else if (j->in->key == CERT_KEY_UNKNOWN)
        cert_found(&j->f, CERT_NOTE, "%s", j->in->key_error);
}

/* ---- the verdict ---- */

static void put(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
    out[text_utf8_valid(out, strlen(out))] = '\0';
}

static int64_t earliest_end(const struct judging *j)
{
    int64_t least = j->first ? j->first->not_after : 0;
    for (size_t i = 0; j->in->chain && i < j->in->chain->n; i++) {
        if (j->in->chain->sent[i].not_after < least)
            least = j->in->chain->sent[i].not_after;
    }
    return least;
}

static void tell_facts(const struct judging *j, struct cert_facts *out)
{
    const struct x509_chain *chain = j->in->chain && j->in->chain->n ? j->in->chain : NULL;
    const struct x509_cert *leaf = chain ? &chain->sent[0] : j->first;
    out->errors = j->f.errors;
    if (!leaf)
        return;
    out->seen = true;
    out->not_before = leaf->not_before;
    out->not_after = leaf->not_after;
    out->earliest_not_after = earliest_end(j);
    out->chain_not_after = chain ? chain->path_not_after : 0;
    memcpy(out->fingerprint, leaf->fingerprint, sizeof(out->fingerprint));
    put(out->subject, sizeof(out->subject), leaf->subject);
    put(out->issuer, sizeof(out->issuer), leaf->issuer);
    put(out->names, sizeof(out->names), leaf->names);
    put(out->serial, sizeof(out->serial), leaf->serial);
    put(out->protocol, sizeof(out->protocol), chain ? chain->protocol : NULL);
    put(out->cipher, sizeof(out->cipher), chain ? chain->cipher : NULL);
    out->stage = (uint8_t)j->stage.stage;
    out->stage_since = j->stage.since;
    out->next_stage = j->stage.next;
    if (!j->first)
        return;
    out->stage_not_before = j->first->not_before;
    out->stage_not_after = j->first->not_after;
    memcpy(out->stage_fingerprint, j->first->fingerprint, sizeof(out->stage_fingerprint));
}

static void tell_seen(struct judging *j, struct verdict *v)
{
    v->ncerts = j->seen.n;
    v->certs_partial = j->partial;
    if (j->seen.n)
        v->certs = arena_memdup(j->in->a, j->seen.v, j->seen.n * sizeof(j->seen.v[0]));
    VEC_FINI(&j->seen);
}

/* what the nearest end is; the faults have said it if it is over */
static void tell_end(struct judging *j)
{
    char date[CERT_DATE], span[CERT_DATE];
    const struct x509_cert *c = j->first;
    if (!c || j->stage.stage == CERT_STAGE_ENDED)
        return;
    cert_date(c->not_after, date, sizeof(date));
    cert_span(c->not_after - j->in->now, span, sizeof(span));
    cert_found(&j->f, CERT_NOTE_STAGE, "%s: %s ends in %s, on %s (issuer %s)%s", j->first_where,
               c->subject_cn, span, date, c->issuer_cn, j->stage.stage ? ": renew it" : "");
}

static size_t count(const struct judging *j)
{
    size_t n = 0;
    for (size_t i = 0; i < j->in->nfiles; i++)
        n += j->in->files[i].error ? 0 : j->in->files[i].pem.n;
    return n;
}

static void tell_status(struct judging *j, struct verdict *v)
{
    uint32_t bad = j->f.errors & ~j->o->allowed;
    struct str text;
    str_init(&text, 0);
    if (count(j) > 1)
        str_printf(&text, "%zu certificates in %zu file%s", count(j), j->in->nfiles,
                   j->in->nfiles == 1 ? "" : "s");
    cert_say(&j->f, j->o->allowed, &text);
    verdict_fail(v, REASON_TLS_VERIFY, "%s", str_text(&text));
    str_fini(&text);
    if (bad == 1u << CERT_UNREADABLE && j->denied) {
        v->status = VERDICT_UNKNOWN; /* that we may not look says nothing about them */
        v->reason = REASON_INTERNAL;
    } else if (bad) {
        put(v->subreason, sizeof(v->subreason), error_texts[__builtin_ctz(bad)]);
    } else {
        v->status = VERDICT_OK;
        v->reason = REASON_NONE;
    }
}

void cert_judge(const struct cert_opts *o, const struct cert_input *in, struct verdict *v)
{
    struct judging j = {.o = o, .in = in};
    if (in->chain && in->chain->n)
        judge_chain(&j, in->chain);
    for (size_t i = 0; i < in->nfiles; i++)
        judge_file(&j, &in->files[i]);
    if (in->served && in->chain && in->chain->n)
        judge_served(&j, in->served, &in->chain->sent[0]);
    judge_key(&j);
    tell_end(&j);
    tell_facts(&j, &v->cert);
    tell_seen(&j, v);
    tell_status(&j, v);
}
