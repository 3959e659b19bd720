/* The engine's own: what its files share. Used by engine*.c only.
 *
 *   engine.c        its life, generations, the turn
 *   engine_bind.c   a generation's alerts and notifiers
 *   engine_facts.c  what probes and processes said
 *   engine_certs.c  what certificates probes saw, and an alert for each of them
 *   engine_eval.c   conditions, and the steps of lives
 *   engine_gate.c   what holds notices back: silences, causes, storms
 *   engine_tell.c   notices: what they say, how they get into the outbox
 *   engine_send.c   attempts: rows of the outbox, tests
 *   engine_resend.c what is told again and again to those that forget
 *   engine_store.c  batches, and what was written down
 *   engine_ask.c    requests · engine_view.c, engine_explain.c: views */
#ifndef ALERTS_ENGINE_IMPL_H
#define ALERTS_ENGINE_IMPL_H

#include "alerts/engine.h"
#include "alerts/payload/noticetext.h"
#include "alerts/rules/group.h"
#include "alerts/rules/outbox.h"
#include "alerts/rules/suppress.h"
#include "supervisor/base/arena.h"

#include <uthash.h>

/* ---- alerts ---- */

enum alert_origin {
    FROM_CONF,
    FROM_NODATA,  /* that one of FROM_CONF cannot be evaluated */
    FROM_CHANNEL, /* a notifier takes nothing for good */
    FROM_STORM,
    FROM_CERT, /* one certificate of an alert FROM_CONF of type=cert, which never fires itself */
    ALERT_ORIGINS
};

/* severity, alertname, type, program */
#define ALERT_LABELS 4
/* A certificate that a probe saw. */
struct seen_cert {
    char fingerprint[65];
    int64_t not_before, not_after; /* Unix seconds */
    char *subject, *where;         /* "" if there is nothing to say */
};
struct seen_certs { /* by fingerprint */
    struct seen_cert **v;
    size_t n, cap;
};

struct alert {
    char key[ALERT_KEY];
    char *name; /* of [alert:N]; FROM_CHANNEL: of [notify:N] */
    enum alert_origin origin;
    const struct item *item; /* of the generation; NULL: of none, or gone */
    const struct rule *rule;
    struct alert *nodata;   /* of one FROM_CONF */
    struct alert *of;       /* of one FROM_NODATA */
    struct seen_cert *cert; /* of one FROM_CERT: which, and where it was seen last */
    bool known;             /* by the present generation */
    struct life life, saved;
    char *acked_reason; /* of the last acknowledgement; NULL: none was given */
    bool written;       /* `saved` is in the store */
    struct life_spec spec;
    uint32_t channels[LIFE_CHANNELS];
    struct evaluation ev;
    enum severity severity;      /* now; of certificates by stage */
    enum severity spec_severity; /* that spec is for */
    struct arena *a;             /* of labels and what hangs on the generation */
    struct str_list labels;      /* for silences: ALERT_LABELS of ours, then those of labels= */
    const char *program;         /* or NULL */
    uint32_t node;               /* of suppress, or SUPPRESS_NONE */
    struct alert *next_of_node, *next_of_probe;
    dur_t interval;
    wall_t next_eval; /* WALL_NEVER: by events alone */
    wall_t due;       /* of its life */
    wall_t grace;     /* what explained it is over: nothing new before */
    bool behind;      /* something explains it */
    uint32_t counted; /* the episode that the storm breaker has seen */
    size_t place;     /* in the generation */
    UT_hash_handle hh;
};

/* ---- notifiers ---- */

struct tester {
    struct engine *e;
    struct send *send;
    engine_tested_fn *done;
    void *obj;
    struct tester *next;
};

/* an end that is told again until then */
struct ended {
    struct notice_copy *c;
    wall_t until;
};

struct channel {
    struct engine *e;
    char *name;
    uint32_t id;
    const struct item *item; /* NULL: not of the present generation */
    const struct teller *tell;
    struct alert *refusal;
    struct send *resend;
    wall_t next_resend;
    VEC(struct ended) ended;
    uint64_t delivered, failed, lost;
    double latency_sum;
    char last_error[256];
    wall_t last_error_at, last_ok_at;
    wall_t logged; /* its last failure, of the engine's clock */
    UT_hash_handle hh;
};

/* a row that is being sent */
struct job {
    struct engine *e;
    uint64_t row;
    uint32_t channel;
    uint64_t batch; /* it may go when this one is written */
    wall_t made;
    struct send *send;
    struct job *next;
};

struct payload {
    uint64_t id;
    struct notice_copy *c;
    UT_hash_handle hh;
};

/* ---- facts ---- */

struct probe_state {
    char *name;
    enum rule_health health;
    enum engine_result result;
    wall_t since; /* of the engine's clock */
    char *reason, *detail;
    struct seen_certs certs;
    bool certs_partial;   /* it could not look everywhere */
    struct str stored;    /* of them, as it is in the store */
    struct alert *alerts; /* that judge it, by next_of_probe (bind_links) */
    UT_hash_handle hh;
};

struct process_state {
    char *name, *group, *program, *state;
    bool exit_expected;
    UT_hash_handle hh;
};

/* a name of suppress: "b" and a probe's, "p" and a program's or group's */
struct node {
    char *name;
    uint32_t id;
    UT_hash_handle hh;
};

/* ---- what has to be written ---- */

struct change {
    char *id; /* table, '/', key */
    char *table, *key;
    char *value; /* NULL: it is deleted */
    size_t n;
    UT_hash_handle hh;
};

/* what counts up for ever */
struct ids {
    uint64_t instance; /* random; the first half of every notice's id */
    uint64_t row, payload, silence;
};

struct engine {
    struct send_env *env;
    char *host;
    const struct engine_ops *ops;
    void *obj;
    struct loop *loop;
    wall_t wall0; /* the clock: the wall's at the start, and evenly from there */
    mono_t mono0;

    const struct agentgen *gen;
    bool loaded; /* the store's records are in, or there is no store */
    bool ready;  /* and a generation */
    bool ending;
    bool sweep;        /* an alert that is gone has nothing more to say */
    bool unsorted;     /* alerts came in between */
    bool unlinked;     /* bind_links has something to do */
    bool outbox_moved; /* its deadline is to be found anew */
    wall_t outbox_due;
    struct feed *feed;
    struct alert *alerts; /* by key */
    VEC(struct alert *)
    order;                    /* of the configuration, then our own, then those gone; grows at its
                                 end, and is put in order when a turn ends */
    struct channel *channels; /* by name */
    VEC(struct channel *) notifiers; /* the same, in the order of the configuration */
    struct alert *storm_alert;
    struct probe_state *probes; /* by name */
    struct process_state *processes;

    struct silences silences;
    wall_t silences_due;
    struct suppress suppress;
    struct node *nodes;
    VEC(const char *) node_names;    /* by id: "probe db", "program web" */
    VEC(struct alert *) node_alerts; /* by id: those of the configuration, by next_of_node */
    struct suppress_verdict verdict;
    struct storm storm;
    VEC(char *) to_probe; /* at the end of the turn */

    struct outbox outbox;
    struct outbox_out out; /* actions that were not carried out yet */
    bool draining;
    struct payload *payloads; /* by id */
    struct job *jobs;
    size_t njobs;
    struct tester *testers;
    struct ids ids, ids_saved;

    struct store *store;      /* NULL: memory only */
    struct change *changes;   /* of the batch that is being collected */
    struct change *in_flight; /* of the one that is being written */
    bool writing;
    uint64_t batch, committed; /* the number of the one collected; the last that is done */
    wall_t retry;              /* the store failed: not before */
    wall_t overdue;            /* the batch that is being written should be done by then */
    bool stalled;              /* it is not */
    wall_t next_windows;
    struct str saved_windows; /* read back before there was a generation */
    dur_t ahead;              /* so far the wall clock was set back since it was all written down */

    struct loop_timer timer;
    mono_t due; /* of the timer */
    struct loop_defer turn;
    wall_t wake;
    struct engine_counts counts;
};

/* ---- the clock ---- */
wall_t engine_now(const struct engine *e);
/* A stamp of the engine's clock as people's, and back; 0 stays 0. */
wall_t engine_shown(const struct engine *e, wall_t t);
wall_t engine_taken(const struct engine *e, wall_t t);
/* Something is to be done at that time; at the end of this turn. */
void engine_at(struct engine *e, wall_t at);
void engine_later(struct engine *e);

/* ---- engine.c ---- */
/* An alert by its key, made if there is none. */
struct alert *engine_alert_make(struct engine *e, enum alert_origin origin, const char *name,
                                const char *key);
/* which: the fingerprint of one FROM_CERT, else NULL. */
void engine_alert_key(const struct engine *e, enum alert_origin origin, const char *name,
                      const char *which, const struct str_list *labels, char key[ALERT_KEY]);
/* It is judged by a rule of the configuration: FROM_CONF or FROM_CERT. */
static inline bool alert_judged(const struct alert *a)
{
    return a->item && a->rule && (a->origin == FROM_CONF || a->origin == FROM_CERT);
}
struct alert *engine_find(struct engine *e, const char *key);
/* Goes over to e->gen, once what was written down is there. */
void engine_begin(struct engine *e);
struct channel *engine_channel(struct engine *e, uint32_t id);

/* ---- engine_bind.c: alerts and channels of a generation ---- */
void bind_channels(struct engine *e);
void bind_alerts(struct engine *e);
void bind_nodes(struct engine *e);
/* The alert of one certificate of an alert of type=cert, made if there is none. */
struct alert *bind_cert(struct engine *e, struct alert *base, const struct seen_cert *c);
/* It is of no generation any more: it ends, and its end is told. */
void bind_gone(struct engine *e, struct alert *a);
/* Puts the alerts in their order. */
void bind_sort(struct engine *e);
/* Finds out anew, if any came or went, which alerts judge a probe and which are a node's. */
void bind_links(struct engine *e);
/* The channels that an alert tells now, and how often it reminds them; they depend on its severity.
 */
void bind_spec(struct engine *e, struct alert *a);
/* The name of an alert's node of suppress; NULL: of none. */
uint32_t node_find(const struct engine *e, char kind, const char *name);

/* ---- engine_facts.c ---- */
struct probe_state *facts_probe(struct engine *e, const char *name, bool make);
/* Of a program or group; appended to *out. */
struct processes {
    VEC(struct rule_process) v;
};
void facts_processes(struct engine *e, const char *program, struct processes *out);
/* A node's probe fails, its program is down. */
bool facts_node_fails(struct engine *e, uint32_t node);
/* Tells suppress of all nodes what is known. */
void facts_to_nodes(struct engine *e);
void facts_prune(struct engine *e);
void facts_free(struct engine *e);
void probe_state_free(struct probe_state *p);

/* ---- engine_certs.c ---- */
/* Takes over what a probe saw. */
void certs_take(struct probe_state *p, const struct engine_probe_fact *f);
void certs_forget(struct probe_state *p);
/* Writes down what a probe sees, if an alert needs it: the next agent may look an hour later. */
void certs_store(struct engine *e, struct probe_state *p);
/* Reads it back, unless the probe has looked since; false: damaged. */
bool certs_restore(struct engine *e, const char *probe, const char *value, size_t n);
/* What the rule of an alert of type=cert is told: of the alert's own certificate, or of the one
 * that is nearest to its end. */
void certs_input(struct engine *e, const struct alert *a, struct rule_cert *out);
/* Makes the alerts of those that are in a stage. */
void certs_grow(struct engine *e, struct alert *base);
/* Ties what was written down to its alert of the generation. */
void certs_bind(struct engine *e);
/* The alert of a certificate that is over for long goes. */
void certs_retire(struct engine *e, struct alert *a);
/* The alert stands for certificates of which one is in a stage, so that it says nothing itself. */
bool certs_speak(const struct engine *e, const struct alert *base);
/* What the alert's probe sees, a line each. */
void certs_explain(struct engine *e, const struct alert *base, struct str *out);
/* Without dates; texts are copied. */
struct seen_cert *seen_cert_new(const char *fingerprint, const char *subject, const char *where);
void seen_cert_free(struct seen_cert **c);

/* ---- engine_eval.c ---- */
/* Judges an alert FROM_CONF into *out. */
void eval_judge(struct engine *e, struct alert *a, bool text, struct evaluation *out);
/* Evaluates it, steps, tells. */
void eval_alert(struct engine *e, struct alert *a);
/* One of our own holds or does not. */
void eval_own(struct engine *e, struct alert *a, bool on, const char *text);
/* If the timer comes so late that the agent must have stood still: what was not seen meanwhile does
 * not count. */
void engine_forgive(struct engine *e);
/* A step by an event, without gates and telling; then alert_settle. */
void alert_step(struct engine *e, struct alert *a, const struct life_event *ev);
void alert_settle(struct engine *e, struct alert *a);
/* All alerts that are due; false: there are more. */
bool eval_due(struct engine *e);
/* Every alert's gates may have changed. */
void eval_all_soon(struct engine *e);

/* ---- engine_gate.c ---- */
void gate_find(struct engine *e, struct alert *a, struct life_gates *out);
/* The silences that begin or end, and the storm. */
void gate_time(struct engine *e);
wall_t gate_deadline(const struct engine *e);
/* A node's state was found out. */
void gate_found(struct engine *e, uint32_t node, bool failed);
/* The alert's state changed: what it says of its node. */
void gate_alert_changed(struct engine *e, struct alert *a);
void gate_run_probes(struct engine *e);
/* "34 alerts, roots: ..."; how many of the storm fire still. */
size_t gate_describe_storm(struct engine *e, struct str *out);
#define INHIBITOR_STORM UINT64_MAX
const char *gate_inhibitor_name(const struct engine *e, uint64_t id);

/* ---- engine_tell.c ---- */
/* Puts one notice into the outbox. */
void tell_put(struct engine *e, struct alert *a, const struct life_action *act);
/* The notice itself, without an id; freed by the caller. */
struct notice_copy *tell_make(struct engine *e, struct alert *a, enum tell_what tell,
                              enum life_reason why);
/* Carries out what the outbox decided. */
void outbox_drain(struct engine *e);
struct payload *payload_find(struct engine *e, uint64_t id);
void payload_add(struct engine *e, uint64_t id, struct notice_copy *c);
void payload_free(struct engine *e, struct payload *p);
/* Drops it if no row needs it. */
void payload_unused(struct engine *e, uint64_t id);

/* ---- engine_send.c ---- */
/* Takes rows that are due out of the outbox, begins what may go. */
void send_pump(struct engine *e);
void send_begin(struct engine *e);
void send_failed(struct engine *e, struct channel *c, const char *text);
/* Ends all attempts. again: the outbox is told, and sends their rows again. */
void send_cancel_all(struct engine *e, bool again);

/* ---- engine_resend.c ---- */
void resend_due(struct engine *e);
wall_t resend_deadline(const struct engine *e);
/* Something was delivered to the channel, of which it is reminded. */
void resend_told(struct engine *e, struct channel *c);
/* The end n was delivered to it; copied. */
void resend_ended(struct engine *e, struct channel *c, const struct notice *n);
void resend_free(struct channel *c);

/* ---- engine_store.c ---- */
void store_put(struct engine *e, const char *table, const char *key, const void *p, size_t n);
void store_del(struct engine *e, const char *table, const char *key);
/* Writes the alert down if it differs from what is written. */
void store_alert(struct engine *e, struct alert *a);
void store_alert_gone(struct engine *e, struct alert *a);
void store_row(struct engine *e, const struct outbox_row *row);
void store_row_gone(struct engine *e, uint64_t id);
void store_payload(struct engine *e, const struct payload *p);
void store_payload_gone(struct engine *e, uint64_t id);
void store_silence(struct engine *e, uint64_t id);
void store_storm(struct engine *e);
/* Hands in the batch if one is due. */
void store_flush(struct engine *e);
void store_windows(struct engine *e);
wall_t store_deadline(const struct engine *e);
void store_restore(struct engine *e, const struct store_op *ops, size_t n);
/* At the end: all that is not written is handed in. */
void store_end(struct engine *e);

#endif
