/* The life of an alert: a pure machine, and what is told of it.
 *
 *        TRUE                for= has passed             FALSE               keep_firing= has
 * passed OK --------> PENDING ---------------------> FIRING ---------> RECOVERING
 * --------------------> OK | FALSE: OK                    ^ TRUE: FIRING, nothing is told |
 *                                                  +-------------------------------+
 *
 * UNKNOWN freezes state and timers, wherever it is; when it lasts, a second alert of lower severity
 * says that nothing can be evaluated. One sample in five may be missing and its time counts.
 *
 * Two steps: life_step changes the state; life_tell then compares, channel by channel, what was
 * told with what should be, behind the gates of the moment (silence, inhibition, a hold), which the
 * caller finds out in between. Gates, acknowledgement and flapping hold notices back; they never
 * change the state, and a resolve passes all but flapping, since it is a debt: who was told that
 * it fires is told that it ended. */
#ifndef ALERTS_RULES_LIFE_H
#define ALERTS_RULES_LIFE_H

#include "alerts/rules/alert.h"
#include "alerts/rules/evaluation.h"
#include "alerts/rules/flap.h"
#include "alerts/rules/record.h"

enum life_state { LIFE_OK, LIFE_PENDING, LIFE_FIRING, LIFE_RECOVERING };
/* "pending" */
const char *life_state_name(enum life_state s);

/* Kinds of notices: what a channel that keeps incidents does with it. */
enum tell_what { TELL_TRIGGER, TELL_RESOLVE, TELL_UPDATE, TELL_ACK, TELL_DIGEST, TELLS };
const char *tell_name(enum tell_what t);

#define LIFE_REASONS(X)                                                                            \
    X(FIRED, "fired")                                                                              \
    X(RESOLVED, "resolved")                                                                        \
    X(FLAPPING, "flapping")                                                                        \
    X(SEVERITY, "severity or stage changed")                                                       \
    X(STILL_DOWN, "down without a break")                                                          \
    X(SILENCE_OVER, "silence over, still firing")                                                  \
    X(FLAPPING_OVER, "flapping over, still firing")                                                \
    X(REMINDER, "still firing")                                                                    \
    X(ACKED, "acknowledged")

/* Why it is told: of two reasons for the same channel at the same time the first is taken. */
enum life_reason {
#define X(name, text) WHY_##name,
    LIFE_REASONS(X)
#undef X
        WHYS
};
const char *life_reason_text(enum life_reason r);

#define LIFE_CHANNELS 16
#define LIFE_BY 32

enum { CH_NOTHING, CH_TRIGGER, CH_RESOLVE };

/* What one channel was told. It is told that the alert fires if a trigger is on its way, or if none
 * is and `open`. */
struct life_channel {
    uint32_t id;     /* of the channel, never 0; 0: free */
    uint32_t seq;    /* of the last trigger or resolve that was handed out */
    uint32_t on_way; /* CH_TRIGGER, CH_RESOLVE: it was not answered yet */
    uint32_t open;   /* a trigger was delivered and no resolve after it: the debt */
    wall_t again;    /* after a loss: not before */
    wall_t owed;     /* since when a resolve is being tried */
};

/* Pointer-free and without padding, to be written down as it is; all zero: a new alert. */
struct life {
    uint32_t state;    /* enum life_state */
    uint32_t cond;     /* enum cond, of the last known sample */
    uint32_t severity; /* enum severity, as last evaluated */
    uint32_t told_severity;
    uint32_t missing; /* the last five samples: 1 was unknown */
    uint32_t nodata;  /* the alert that nothing can be evaluated fires */
    uint32_t seq;     /* of notices, counts up */
    uint32_t episode; /* how often it fired */
    uint32_t due;     /* 1 << enum life_reason: to be told when the gates open */
    uint32_t acked;
    uint32_t still_down; /* the episode for which WHY_STILL_DOWN was told */
    uint8_t stage;       /* as last evaluated; each is told, also when the severity is the same */
    uint8_t told_stage;
    uint16_t severities; /* 1 << enum severity: those it was told with since nobody was told */
    wall_t since;        /* the condition holds since then, for people */
    wall_t fired;        /* the start of this episode; the last one's while it is OK */
    wall_t resolved;     /* the end of the last one */
    wall_t timer;        /* when the present state's time began, without frozen time */
    wall_t down;         /* since then without a break, without frozen time; 0: it is not */
    wall_t frozen;       /* since then nothing is known; 0: it is */
    wall_t next_reminder;
    wall_t acked_until; /* 0: to the end of the episode */
    wall_t hold;        /* gate: nothing new before */
    uint64_t silence;   /* gate: the silence's id, 0: none */
    uint64_t inhibitor; /* gate: what explains it, 0: nothing */
    struct flap flap;
    char acked_by[LIFE_BY];
    struct life_channel ch[LIFE_CHANNELS];
};

/* What the configuration says of it. */
struct life_spec {
    dur_t hold_for, keep_firing;
    dur_t nodata_after;       /* 0: never */
    dur_t repeat;             /* 0: never */
    const uint32_t *channels; /* ids of those to tell */
    size_t nchannels;         /* at most LIFE_CHANNELS */
};

enum life_event_kind {
    LIFE_EVAL,  /* cond, severity, stage */
    LIFE_TIMER, /* life_deadline has come */
    LIFE_ACK,   /* by, until */
    LIFE_UNACK,
    LIFE_DELIVERED, /* channel, seq, tell: a trigger or a resolve arrived */
    LIFE_LOST,      /* channel, seq, tell, unsure: it never will */
    LIFE_END        /* the alert is gone from the configuration: what is owed is paid */
};

struct life_event {
    enum life_event_kind kind;
    enum cond cond;
    enum severity severity;
    unsigned stage; /* 0: it has none */
    uint32_t channel, seq;
    enum tell_what tell;
    bool unsure; /* lost, but it may have arrived: its end is owed */
    const char *by;
    wall_t until;
};

enum life_action_kind {
    LIFE_CHANGED, /* from, to: one line for the log */
    LIFE_NODATA,  /* on: evaluate the alert about missing data as TRUE, else as FALSE */
    LIFE_FLAPS,   /* on */
    LIFE_TELL,    /* channel, seq, tell, why */
    LIFE_GAVE_UP  /* channel: a resolve could not be delivered for a week */
};

struct life_action {
    enum life_action_kind kind;
    enum life_state from, to;
    bool on;
    uint32_t channel, seq;
    enum tell_what tell;
    enum life_reason why;
};

#define LIFE_ACTIONS (2 * LIFE_CHANNELS + 8)
struct life_out {
    size_t n;
    struct life_action v[LIFE_ACTIONS];
};

/* What holds notices back at the moment. */
struct life_gates {
    uint64_t silence, inhibitor; /* ids, 0: none */
    wall_t hold;                 /* nothing new before then */
};

/* Applies an event; appends actions to *out, which the caller emptied. */
void life_step(struct life *l, const struct life_spec *spec, const struct life_event *ev,
               wall_t now, struct life_out *out);
/* Tells what is to be told: call it after life_step and whenever a gate may have changed. */
void life_tell(struct life *l, const struct life_spec *spec, const struct life_gates *gates,
               wall_t now, struct life_out *out);
/* Nobody looked for so long, since this program stood still: its times go on as if that had not
 * been. */
void life_stood_still(struct life *l, dur_t d);
/* When LIFE_TIMER is due; WALL_NEVER: only an event can change anything. */
wall_t life_deadline(const struct life *l, const struct life_spec *spec, wall_t now);

static inline bool life_firing(const struct life *l)
{
    return l->state == LIFE_FIRING || l->state == LIFE_RECOVERING;
}
/* The channel was told, or is being told, that the alert fires. */
bool life_told(const struct life *l, uint32_t channel);
/* Channels that were told of a trigger and not yet of its end. */
size_t life_debts(const struct life *l);

/* Flapping holds notices back, but not when it is down for twice for= (this at least). */
#define LIFE_STILL_DOWN DUR_S(60)
/* What was lost is told again after so long; a resolve that is lost again and again for LIFE_OWED
 * is given up. */
#define LIFE_AGAIN DUR_S(3600)
#define LIFE_OWED DUR_S(7 * 86400)

/* The alert about missing data of an alert: no for=, no keep_firing=, the same channels. */
struct life_spec life_nodata_spec(const struct life_spec *of);
/* Its severity: page and critical give warning, others info. */
enum severity life_nodata_severity(enum severity of);

#define LIFE_RECORD (RECORD_HEAD + sizeof(struct life))
/* Writes the record of LIFE_RECORD bytes. */
void life_save(const struct life *l, void *buf);
/* Reads one; stamps of what has happened that lie in the future (the wall clock was set back
 * between two runs) become now. False: damaged or of another version, *out is then a new alert. */
bool life_load(const void *buf, size_t size, wall_t now, struct life *out);
/* True if nothing has happened to it yet: a new alert says the same. That it is not known what
 * holds is news only when it lasts. */
#define LIFE_BLANK DUR_S(60)
bool life_is_blank(const struct life *l, wall_t now);
/* How far they lie in the future, at most: so far the clock was set back, at least. 0: not at all.
 */
dur_t life_ahead(const void *buf, size_t size, wall_t now);
/* All its stamps, also of what is to come, become so much earlier: as the clock that they were read
 * from is now. */
void life_turn_back(struct life *l, dur_t d);

#endif
