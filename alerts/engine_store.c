/* What is written down: changes of a turn, as one batch, one batch at a time. A batch that failed
 * is merged into the next one; until the store works again notices go out all the same, since a
 * full disk is no reason to be silent. */
#include "alerts/engine_impl.h"
#include "supervisor/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY DUR_S(10)
#define STALL DUR_S(10) /* a batch that takes so long */
#define KEY 24

/* ---- changes ---- */

static void change_free(struct change *c)
{
    free(c->id);
    free(c->table);
    free(c->key);
    free(c->value);
    free(c);
}

static struct change *change_of(struct engine *e, const char *table, const char *key)
{
    struct str id = STR_INIT;
    struct change *c;
    str_printf(&id, "%s/%s", table, key);
    HASH_FIND_STR(e->changes, str_text(&id), c);
    if (c) {
        str_fini(&id);
        free(c->value);
        c->value = NULL;
        return c;
    }
    c = mem_zalloc(sizeof(*c));
    c->id = str_take(&id);
    c->table = mem_strdup(table);
    c->key = mem_strdup(key);
    HASH_ADD_KEYPTR(hh, e->changes, c->id, strlen(c->id), c);
    return c;
}

void store_put(struct engine *e, const char *table, const char *key, const void *p, size_t n)
{
    if (!e->store)
        return;
    struct change *c = change_of(e, table, key);
    c->value = mem_alloc(n ? n : 1);
    c->n = n;
    memcpy(c->value, p, n);
    engine_later(e);
}

void store_del(struct engine *e, const char *table, const char *key)
{
    if (!e->store)
        return;
    change_of(e, table, key)->n = 0;
    engine_later(e);
}

void engine_keep(struct engine *e, const char *table, const char *key, const void *p, size_t n)
{
    if (p)
        store_put(e, table, key, p, n);
    else
        store_del(e, table, key);
}

/* ---- what is written, and under which keys ---- */

static const char *id_key(uint64_t id, char key[KEY])
{
    snprintf(key, KEY, "%016" PRIx64, id);
    return key;
}

/* The life's record, then the origin as one byte, then the name; behind a NUL each, if there is any
 * of them, a certificate's fingerprint, its subject, where it was seen, and why it was
 * acknowledged. */
void store_alert(struct engine *e, struct alert *a)
{
    struct life now = a->life;
    const char *mine = (const char *)&now, *saved = (const char *)&a->saved;
    if (a->written) /* each of the first samples changes it: no news by itself */
        now.missing = a->saved.missing;
    if (memcmp(mine, saved, sizeof(now)) == 0) /* it has no padding */
        return;
    if (!a->written && life_is_blank(&a->life, engine_now(e)))
        return;
    char life[LIFE_RECORD];
    struct str value = STR_INIT;
    bool why = a->life.acked && a->acked_reason;
    const char *parts[] = {a->cert ? a->cert->fingerprint : "", a->cert ? a->cert->subject : "",
                           a->cert ? a->cert->where : "", why ? a->acked_reason : ""};
    a->saved = a->life;
    a->written = true;
    life_save(&a->life, life);
    str_put(&value, life, sizeof(life));
    str_putc(&value, (char)a->origin);
    str_puts(&value, a->name);
    for (size_t i = 0; (a->cert || why) && i < 4; i++) {
        str_putc(&value, '\0');
        str_puts(&value, parts[i]);
    }
    store_put(e, "alert", a->key, str_text(&value), value.len);
    str_fini(&value);
}

void store_alert_gone(struct engine *e, struct alert *a)
{
    if (a->written)
        store_del(e, "alert", a->key);
}

void store_row(struct engine *e, const struct outbox_row *row)
{
    char key[KEY], value[OUTBOX_RECORD];
    outbox_save(row, value);
    store_put(e, "outbox", id_key(row->id, key), value, sizeof(value));
}

void store_row_gone(struct engine *e, uint64_t id)
{
    char key[KEY];
    store_del(e, "outbox", id_key(id, key));
}

void store_payload(struct engine *e, const struct payload *p)
{
    char key[KEY];
    struct str s = STR_INIT;
    notice_write(&p->c->n, &s);
    store_put(e, "notice", id_key(p->id, key), str_text(&s), s.len);
    str_fini(&s);
}

void store_payload_gone(struct engine *e, uint64_t id)
{
    char key[KEY];
    store_del(e, "notice", id_key(id, key));
}

void store_silence(struct engine *e, uint64_t id)
{
    char key[KEY], value[SILENCE_RECORD];
    VEC_EACH (&e->silences.list, i) {
        if (e->silences.list.v[i].id != id)
            continue;
        silence_save(&e->silences.list.v[i], value);
        store_put(e, "silence", id_key(id, key), value, sizeof(value));
        return;
    }
    store_del(e, "silence", id_key(id, key));
}

enum { RECORD_STORM = 0x5354, RECORD_IDS = 0x4944, ONE = 1 };

void store_storm(struct engine *e)
{
    char value[RECORD_HEAD + sizeof(e->storm)];
    record_seal(value, RECORD_STORM, ONE, &e->storm, sizeof(e->storm));
    store_put(e, "meta", "storm", value, sizeof(value));
}

static void store_ids(struct engine *e)
{
    char value[RECORD_HEAD + sizeof(e->ids)];
    e->ids.row = e->outbox.last_id;
    e->ids.silence = e->silences.last_id;
    if (memcmp(&e->ids, &e->ids_saved, sizeof(e->ids)) == 0)
        return;
    e->ids_saved = e->ids;
    record_seal(value, RECORD_IDS, ONE, &e->ids, sizeof(e->ids));
    store_put(e, "meta", "ids", value, sizeof(value));
}

/* ---- batches ---- */

static void drop_changes(struct change **list)
{
    struct change *c, *next;
    HASH_ITER(hh, *list, c, next)
    {
        HASH_DEL(*list, c);
        change_free(c);
    }
}

/* Those of the batch that failed are to be written again, unless newer ones replace them. */
static void merge_failed(struct engine *e)
{
    struct change *c, *next, *newer;
    HASH_ITER(hh, e->in_flight, c, next)
    {
        HASH_DEL(e->in_flight, c);
        HASH_FIND_STR(e->changes, c->id, newer);
        if (newer)
            change_free(c);
        else
            HASH_ADD_KEYPTR(hh, e->changes, c->id, strlen(c->id), c);
    }
}

static void on_written(void *obj, const struct err *er)
{
    struct engine *e = obj;
    e->writing = e->stalled = false;
    e->committed = e->batch - 1;
    e->retry = WALL_NEVER;
    if (er) {
        e->counts.store_errors++;
        if (LOG_LIMIT(60))
            log_error("alerts: states and notices cannot be written down: %s; what is told may be "
                      "told again by the next supd-agent",
                      er->msg);
        merge_failed(e);
        e->retry = wall_add(engine_now(e), RETRY);
    }
    drop_changes(&e->in_flight);
    engine_later(e);
}

static void submit(struct engine *e, store_done_fn *done)
{
    VEC(struct store_op) ops = VEC_INIT;
    struct change *c, *next;
    HASH_ITER(hh, e->changes, c, next)
    VEC_PUSH(&ops, (struct store_op){c->table, c->key, c->value, c->n});
    store_submit(e->store, ops.v, ops.n, done, e);
    VEC_FINI(&ops);
}

/* A disk that does not answer is like one that is full. */
static void look_for_stall(struct engine *e)
{
    if (e->stalled || !wall_reached(e->overdue, engine_now(e)))
        return;
    e->stalled = true;
    e->counts.store_errors++;
    log_error("alerts: the disk does not answer: states and notices cannot be written down; what "
              "is told may be told again by the next supd-agent");
}

void store_flush(struct engine *e)
{
    if (!e->store) {
        e->committed = e->batch++;
        return;
    }
    store_ids(e);
    if (e->writing)
        look_for_stall(e);
    if (e->stalled || (e->changes && e->retry.ns > engine_now(e).ns)) { /* told all the same */
        e->committed = e->batch++;
        return;
    }
    if (e->writing || !e->changes)
        return;
    e->writing = true;
    e->overdue = wall_add(engine_now(e), STALL);
    e->batch++;
    submit(e, on_written);
    e->in_flight = e->changes;
    e->changes = NULL;
}

/* ---- the windows ---- */

static void on_windows(void *obj, const struct err *er)
{
    struct engine *e = obj;
    if (!er)
        return;
    e->counts.store_errors++;
    if (LOG_LIMIT(600))
        log_warn("alerts: the metrics' windows cannot be written down: %s", er->msg);
}

static void put_windows(struct engine *e, store_done_fn *done)
{
    struct str s = STR_INIT;
    feed_save(e->feed, loop_now(e->loop), engine_now(e), &s);
    store_submit(e->store, &(struct store_op){"windows", "all", str_text(&s), s.len}, 1, done, e);
    str_fini(&s);
}

void store_windows(struct engine *e)
{
    wall_t now = engine_now(e);
    if (!e->ready || !wall_reached(e->next_windows, now))
        return;
    e->next_windows = wall_add(now, DUR_S(60));
    if (e->store && feed_at(e->feed, 0))
        put_windows(e, on_windows);
}

wall_t store_deadline(const struct engine *e)
{
    wall_t windows = e->store && feed_at(e->feed, 0) ? e->next_windows : WALL_NEVER;
    wall_t stall = e->writing && !e->stalled ? e->overdue : WALL_NEVER;
    return wall_min(wall_min(windows, e->retry), stall);
}

void store_end(struct engine *e)
{
    if (e->store) {
        store_ids(e);
        submit(e, NULL);
        if (feed_at(e->feed, 0))
            put_windows(e, NULL);
    }
    drop_changes(&e->changes);
    drop_changes(&e->in_flight);
}

/* ---- read back ---- */

/* Texts behind each other with NULs between; those that are missing are "". */
struct strings {
    char *text, *v[5];
};

static struct strings strings_of(const char *p, size_t n)
{
    struct strings s = {.text = mem_zalloc(n + 2)};
    char *at = s.text;
    memcpy(s.text, p, n);
    for (size_t i = 0; i < 5; i++) {
        s.v[i] = at;
        at += strlen(at);
        at += at < s.text + n;
    }
    return s;
}

static bool restore_alert(struct engine *e, const struct store_op *op)
{
    struct life life;
    const char *p = op->value;
    if (op->n < LIFE_RECORD + 1 || strlen(op->key) >= ALERT_KEY ||
        (unsigned char)p[LIFE_RECORD] >= ALERT_ORIGINS ||
        !life_load(p, LIFE_RECORD, wall_add(engine_now(e), e->ahead), &life))
        return false;
    life_turn_back(&life, e->ahead);
    struct strings s = strings_of(p + LIFE_RECORD + 1, op->n - LIFE_RECORD - 1);
    struct alert *a = engine_alert_make(e, (enum alert_origin)p[LIFE_RECORD], s.v[0], op->key);
    if (a->origin == FROM_CERT && !a->cert)
        a->cert = seen_cert_new(s.v[1], s.v[2], s.v[3]);
    if (*s.v[4] && !a->acked_reason)
        a->acked_reason = mem_strdup(s.v[4]);
    free(s.text);
    a->life = life;
    a->saved = e->ahead.ns ? a->saved : life; /* with other stamps it is to be written again */
    a->severity = life.severity < SEVERITIES ? (enum severity)life.severity : SEV_WARNING;
    a->counted = life.episode; /* what fired before is no new storm */
    a->written = true;
    return true;
}

static bool restore_row(struct engine *e, const struct store_op *op)
{
    struct outbox_row row;
    if (!outbox_load(op->value, op->n, &row) || row.tell >= TELLS)
        return false;
    row.key[sizeof(row.key) - 1] = '\0';
    outbox_restore(&e->outbox, &row, engine_now(e));
    return true;
}

static bool restore_notice(struct engine *e, const struct store_op *op)
{
    uint64_t id = strtoull(op->key, NULL, 16);
    struct notice_copy *c = id ? notice_read(op->value, op->n, NULL) : NULL;
    if (!c || payload_find(e, id)) {
        notice_copy_free(&c);
        return false;
    }
    payload_add(e, id, c);
    if (id > e->ids.payload)
        e->ids.payload = id;
    return true;
}

static bool restore_silence(struct engine *e, const struct store_op *op)
{
    struct silence s;
    if (!silence_load(op->value, op->n, &s))
        return false;
    s.start = wall_add(s.start, (dur_t){-e->ahead.ns});
    s.end = wall_add(s.end, (dur_t){-e->ahead.ns});
    silences_restore(&e->silences, &s);
    if (e->ahead.ns)
        store_silence(e, s.id);
    return true;
}

static bool restore_meta(struct engine *e, const struct store_op *op)
{
    struct ids ids;
    if (strcmp(op->key, "storm") == 0)
        return record_open(op->value, op->n, RECORD_STORM, ONE, &e->storm, sizeof(e->storm));
    if (strcmp(op->key, "ids") != 0)
        return true;
    if (!record_open(op->value, op->n, RECORD_IDS, ONE, &ids, sizeof(ids)))
        return false;
    e->ids.instance = ids.instance;
    if (ids.payload > e->ids.payload)
        e->ids.payload = ids.payload;
    if (ids.silence > e->silences.last_id)
        e->silences.last_id = ids.silence;
    outbox_restored(&e->outbox, ids.row);
    e->ids_saved = ids;
    return true;
}

static bool restore_windows(struct engine *e, const struct store_op *op)
{
    str_clear(&e->saved_windows);
    str_put(&e->saved_windows, op->value, op->n);
    return true;
}

static bool restore_certs(struct engine *e, const struct store_op *op)
{
    return certs_restore(e, op->key, op->value, op->n);
}

static const struct table {
    const char *name;
    bool (*restore)(struct engine *e, const struct store_op *op);
} tables[] = {
    {"alert", restore_alert}, {"outbox", restore_row},      {"notice", restore_notice},
    {"meta", restore_meta},   {"silence", restore_silence}, {"windows", restore_windows},
    {"certs", restore_certs},
};

/* How far the clock was set back between the two runs, as far as the alerts can tell. */
static dur_t find_ahead(struct engine *e, const struct store_op *ops, size_t n)
{
    dur_t most = {0};
    for (size_t i = 0; i < n; i++) {
        if (strcmp(ops[i].table, "alert") != 0 || ops[i].n < LIFE_RECORD)
            continue;
        dur_t d = life_ahead(ops[i].value, LIFE_RECORD, engine_now(e));
        most = d.ns > most.ns ? d : most;
    }
    return most;
}

static bool restore_one(struct engine *e, const struct store_op *op)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        if (strcmp(tables[i].name, op->table) == 0)
            return tables[i].restore(e, op);
    }
    return !e->ops->kept || e->ops->kept(e->obj, op->table, op->key, op->value, op->n);
}

/* Words that no row refers to any more. */
static void drop_orphans(struct engine *e)
{
    struct payload *p, *next;
    HASH_ITER(hh, e->payloads, p, next)
    payload_unused(e, p->id);
}

void store_restore(struct engine *e, const struct store_op *ops, size_t n)
{
    size_t bad = 0;
    e->ahead = find_ahead(e, ops, n);
    for (size_t i = 0; i < n; i++) {
        if (restore_one(e, &ops[i]))
            continue;
        bad++;
        store_del(e, ops[i].table, ops[i].key);
    }
    drop_orphans(e);
    e->silences_due = engine_now(e);
    if (bad)
        log_error("alerts: %zu of %zu records were damaged or of another version; they are dropped",
                  bad, n);
}
