/* The outbox: what is to be sent, kept until it was, a pure model. Who drives it writes each
 * changed row down in the same transaction as the alert's state, before anything is sent.
 *
 *   QUEUED --next--> SENDING --delivered--> gone (LIFE_DELIVERED)
 *     ^                 | failed for now: 1 s * 2^n +- 50 %, at most 5 min, or Retry-After
 *     +-----------------+ refused for good, or older than the TTL: gone (LIFE_LOST)
 *
 *  - A row keeps its id over all attempts and restarts: the receiver can tell a repetition.
 *  - Rows of one alert and channel go out in their order, one at a time.
 *  - A resolve whose trigger was never tried is folded into it: one notice, "was down 42 s". A
 *    resolve whose trigger is lost is lost with it. Updates that still wait are dropped by it.
 *  - A row whose answer was lost once may have arrived: whether the receiver has it nobody knows.
 * If it is refused for good then, it is kept and tried again after OUTBOX_PARKED, under the same
 * id, until its TTL, and what follows it waits behind it; but its resolve takes its place: that is
 * a debt, and would come an hour late.
 *  - After 3 failures or 2 minutes a row gets a copy for the channel's fallback, once; the copy has
 *    an id of its own, and its trigger a resolve of its own.
 *  - When a channel refuses for good (a deleted webhook, a revoked token) that is an alert of its
 *    own (OUTBOX_REFUSED) until something is delivered there again. */
#ifndef ALERTS_RULES_OUTBOX_H
#define ALERTS_RULES_OUTBOX_H

#include "alerts/rules/bucket.h"
#include "alerts/rules/key.h"
#include "alerts/rules/life.h"
#include "supervisor/base/rng.h"
#include "supervisor/base/vec.h"

#define OUTBOX_BACKOFF DUR_S(1)
#define OUTBOX_BACKOFF_MAX DUR_S(300)
#define OUTBOX_TTL DUR_S(86400)
#define OUTBOX_PARKED DUR_S(3600)
#define OUTBOX_FALLBACK_FAILURES 3
#define OUTBOX_FALLBACK_AGE DUR_S(120)
/* rows kept at most; beyond it updates are dropped first, then the oldest */
#define OUTBOX_ROWS 4096

enum outbox_state { OUT_QUEUED, OUT_SENDING };

/* Pointer-free, without padding. */
struct outbox_row {
    uint64_t id;      /* never 0, never used again */
    uint64_t payload; /* what to send: the caller's reference; rows may share it */
    uint64_t folded;  /* the payload of a resolve that is folded into this trigger; 0: none */
    wall_t made, next, expires;
    wall_t sent; /* the last attempt began then */
    uint32_t channel;
    uint32_t seq, folded_seq; /* of the notices, for their alert (life.h) */
    uint32_t tell, why;       /* enum tell_what, enum life_reason */
    uint32_t state, attempts, fell_back;
    uint32_t copy;   /* made for a fallback: the channel that failed; 0: no copy */
    uint32_t unsure; /* 1: an attempt may have arrived, though it was not answered; 2: and a later
                        one was refused for good */
    char key[72];    /* of the alert; ALERT_KEY bytes are used */
};

/* What the configuration says of a channel. */
struct outbox_channel {
    uint32_t id;
    uint32_t fallback; /* 0: none */
    struct bucket_spec limit;
    /* the outbox's own */
    struct bucket bucket;
    bool refused;
};

struct outbox {
    VEC(struct outbox_row) rows; /* in the order of their ids */
    VEC(uint32_t) marks;         /* of each row: a hash of its alert and channel */
    uint32_t *seen;              /* a table for one pass over the rows; at least twice as large */
    size_t nseen;
    VEC(struct outbox_channel) channels;
    uint64_t last_id;
    struct rng rng; /* jitter */
};

enum outbox_action_kind {
    OUTBOX_WRITE,    /* row: it is new or changed */
    OUTBOX_REMOVE,   /* row.id */
    OUTBOX_ANSWER,   /* channel, seq, tell, delivered, unsure: to the alert `row.key`; a folded pair
                        is answered once, as its resolve */
    OUTBOX_REFUSED,  /* channel: nothing gets through for good; text of the caller's */
    OUTBOX_ACCEPTED, /* channel: it takes notices again */
    OUTBOX_DROPPED   /* row: the outbox is full */
};

struct outbox_action {
    enum outbox_action_kind kind;
    uint32_t channel, seq;
    enum tell_what tell;
    bool delivered;
    bool unsure; /* not delivered, as far as is known: it may have arrived */
    struct outbox_row row;
};
struct outbox_out {
    VEC(struct outbox_action) v;
};

struct outbox_notice {
    const char *key;
    uint32_t channel, seq;
    enum tell_what tell;
    enum life_reason why;
    uint64_t payload;
    bool no_fallback; /* the fallback knows already */
};

enum outbox_result {
    OUT_DELIVERED,
    OUT_FAILED,  /* for now; retry_after 0: by our own backoff */
    OUT_UNCLEAR, /* the same, but it was sent: it may have arrived */
    OUT_REFUSED, /* for good */
    OUT_UNSENT   /* the attempt was never made: no failure */
};

/* Replaces the channels; what is known of those that stay is kept. Rows of a channel that went are
 * lost. */
void outbox_channels(struct outbox *o, const struct outbox_channel *v, size_t n,
                     struct outbox_out *out);
/* Queues a notice; its row's id, or 0 if it was folded into its trigger or has no channel. */
uint64_t outbox_put(struct outbox *o, const struct outbox_notice *nt, wall_t now,
                    struct outbox_out *out);
/* The next row to send now, already marked as being sent: write it down, then send. NULL: none. It
 * stays valid until the next call. Everything that time brings (expiry, fallbacks) happens here. */
const struct outbox_row *outbox_next(struct outbox *o, wall_t now, struct outbox_out *out);
/* What came of an attempt. An id that is gone is ignored. */
void outbox_result(struct outbox *o, uint64_t id, enum outbox_result res, dur_t retry_after,
                   wall_t now, struct outbox_out *out);
/* When outbox_next has something to do; WALL_NEVER: nothing. now: something is due at once. */
wall_t outbox_deadline(struct outbox *o, wall_t now);

/* After a restart: rows that were read back, in any order; one that was being sent is sent again,
 * and may have arrived. */
void outbox_restore(struct outbox *o, const struct outbox_row *row, wall_t now);
/* All rows of an earlier run were restored; ids go on above what was ever used (`last_id` as it was
 * written down). */
void outbox_restored(struct outbox *o, uint64_t last_id);

#define OUTBOX_RECORD (RECORD_HEAD + sizeof(struct outbox_row))
void outbox_save(const struct outbox_row *row, void *buf);
bool outbox_load(const void *buf, size_t size, struct outbox_row *out);

void outbox_out_fini(struct outbox_out *out);
void outbox_fini(struct outbox *o);

#endif
