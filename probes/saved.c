/* What outlives the agent of a probe: its state, what the last attempt said, and the certificate
 * that it saw. Written only when something of it is new, which is seldom. */
#include "probes/probe.h"
#include "supervisor/base/crc.h"

#include <string.h>

enum { MAGIC = 0x62707673, VERSION = 1, DETAIL_MAX = 200 };

/* No padding: it is written down as bytes. */
struct cert_part {
    int64_t not_before, not_after, stage_not_before, stage_not_after, stage_since;
    uint8_t fingerprint[32], stage_fingerprint[32];
    uint32_t errors;
    uint8_t seen, stage, pad[2];
    char subject[64];
};
struct fixed {
    uint64_t mark; /* of the probe's options */
    struct sched_saved s;
    int64_t last_at;
    uint8_t status, reason, pad[2];
    uint32_t detail; /* bytes that follow */
    char subreason[32];
    struct cert_part cert;
};
struct head {
    uint32_t magic, version, size, crc; /* of what follows */
};

/* ---- what is news ---- */

/* Counts beyond what fall and rise ask for change nothing. */
static uint32_t up_to(unsigned n, unsigned most)
{
    return n < most ? n : most;
}

bool saved_news(struct probe *p)
{
    struct saved_sig now;
    const struct sched *s = &p->sched;
    memset(&now, 0, sizeof(now));
    now.state = (uint8_t)s->state;
    now.since = s->since.ns;
    now.fails = up_to(s->fails, p->conf.fall);
    now.oks = s->state == SCHED_FAILED ? up_to(s->oks, p->conf.rise) : 0;
    now.status = (uint8_t)p->last.status;
    now.reason = (uint8_t)p->last.reason;
    now.stage = p->last.cert.stage;
    now.cert_errors = p->last.cert.errors;
    memcpy(now.fingerprint, p->last.cert.fingerprint, sizeof(now.fingerprint));
    if (memcmp(&now, &p->sig, sizeof(now)) == 0)
        return false;
    p->sig = now;
    return true;
}

/* ---- out ---- */

static void put_cert(const struct cert_facts *c, struct cert_part *out)
{
    out->seen = c->seen;
    out->not_before = c->not_before;
    out->not_after = c->not_after;
    out->stage_not_before = c->stage_not_before;
    out->stage_not_after = c->stage_not_after;
    out->stage_since = c->stage_since;
    out->errors = c->errors;
    out->stage = c->stage;
    memcpy(out->fingerprint, c->fingerprint, sizeof(out->fingerprint));
    memcpy(out->stage_fingerprint, c->stage_fingerprint, sizeof(out->stage_fingerprint));
    memcpy(out->subject, c->subject, strnlen(c->subject, sizeof(out->subject) - 1));
}

/* The first bytes of a text, cut at a whole character. */
static size_t cut(const char *text, size_t most)
{
    size_t n = strlen(text);
    if (n <= most)
        return n;
    for (n = most; n && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return n;
}

void saved_write(const struct probe *p, struct str *out)
{
    struct fixed f;
    const struct verdict *v = &p->last;
    memset(&f, 0, sizeof(f));
    f.mark = item_mark(p->item);
    sched_save(&p->sched, &f.s);
    f.last_at = p->last_at.ns;
    f.status = (uint8_t)v->status;
    f.reason = (uint8_t)v->reason;
    f.detail = (uint32_t)cut(v->detail, DETAIL_MAX);
    memcpy(f.subreason, v->subreason, strnlen(v->subreason, sizeof(f.subreason) - 1));
    put_cert(&v->cert, &f.cert);
    struct str body = STR_INIT;
    str_put(&body, &f, sizeof(f));
    str_put(&body, v->detail, f.detail);
    struct head h = {MAGIC, VERSION, (uint32_t)body.len, crc32_of(str_text(&body), body.len)};
    str_put(out, &h, sizeof(h));
    str_put(out, str_text(&body), body.len);
    str_fini(&body);
}

/* ---- in ---- */

static void take_cert(const struct cert_part *c, struct cert_facts *out)
{
    out->seen = c->seen == 1;
    out->not_before = c->not_before;
    out->not_after = c->not_after;
    out->stage_not_before = c->stage_not_before;
    out->stage_not_after = c->stage_not_after;
    out->stage_since = c->stage_since;
    out->errors = c->errors;
    out->stage = c->stage <= 4 ? c->stage : 0;
    memcpy(out->fingerprint, c->fingerprint, sizeof(out->fingerprint));
    memcpy(out->stage_fingerprint, c->stage_fingerprint, sizeof(out->stage_fingerprint));
    memcpy(out->subject, c->subject, strnlen(c->subject, sizeof(c->subject) - 1));
}

static bool open_record(const char *p, size_t n, struct fixed *out)
{
    struct head h;
    if (n < sizeof(h) + sizeof(*out))
        return false;
    memcpy(&h, p, sizeof(h));
    if (h.magic != MAGIC || h.version != VERSION || h.size != n - sizeof(h) ||
        crc32_of(p + sizeof(h), h.size) != h.crc)
        return false;
    memcpy(out, p + sizeof(h), sizeof(*out));
    return out->detail <= DETAIL_MAX && out->detail == h.size - sizeof(*out) &&
           out->status <= VERDICT_UNKNOWN && out->reason < REASONS && out->s.state <= SCHED_FAILED;
}

bool saved_read(struct probe *p, const char *bytes, size_t n, dur_t age)
{
    struct fixed f;
    struct verdict *v = &p->last;
    if (!open_record(bytes, n, &f) || f.mark != item_mark(p->item))
        return false;
    if (p->last_at.ns || !sched_restore(&p->sched, &p->conf, &f.s, age))
        return false;
    p->last_at.ns = f.last_at;
    v->status = (enum verdict_status)f.status;
    v->reason = (enum reason)f.reason;
    memcpy(v->subreason, f.subreason, sizeof(v->subreason) - 1);
    memcpy(v->detail, bytes + n - f.detail, f.detail);
    v->detail[f.detail] = '\0';
    take_cert(&f.cert, &v->cert);
    saved_news(p);
    return true;
}
