/* The SQLite store: a worker thread owns the database; batches go to it by a queue, and answers
 * come back through an eventfd. Whatever waits is written in one transaction, so that a burst costs
 * one sync. */
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"
#include "supervisor/io/store_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define BUSY_MS 5000 /* a predecessor that is still closing its file */

/* ---- the face of both kinds ---- */

void store_submit(struct store *s, const struct store_op *ops, size_t n, store_done_fn *done,
                  void *obj)
{
    s->kind->submit(s, ops, n, done, obj);
}

size_t store_waiting(const struct store *s)
{
    return s->kind->waiting(s);
}

bool store_close(struct store **s, dur_t limit)
{
    bool ok = !*s || (*s)->kind->close(*s, limit);
    *s = NULL;
    return ok;
}

static void *put_bytes(char **at, const void *p, size_t n)
{
    char *to = *at;
    if (n)
        memcpy(to, p, n);
    *at += n;
    return to;
}

struct store_op *store_copy(const struct store_op *ops, size_t n, size_t *out_bytes)
{
    size_t bytes = n * sizeof(*ops) + 1;
    for (size_t i = 0; i < n; i++)
        bytes += strlen(ops[i].table) + strlen(ops[i].key) + 2 + ops[i].n;
    struct store_op *v = mem_alloc(bytes);
    char *at = (char *)(v + n);
    for (size_t i = 0; i < n; i++) {
        v[i].table = put_bytes(&at, ops[i].table, strlen(ops[i].table) + 1);
        v[i].key = put_bytes(&at, ops[i].key, strlen(ops[i].key) + 1);
        v[i].value = ops[i].value ? put_bytes(&at, ops[i].value, ops[i].n) : NULL;
        v[i].n = ops[i].value ? ops[i].n : 0;
    }
    *out_bytes = bytes;
    return v;
}

/* ---- batches ---- */

struct batch {
    struct batch *next;
    store_done_fn *done;
    void *obj;
    struct store_op *ops;
    size_t n, bytes;
    bool failed;
    struct err err;
};

struct batches {
    struct batch *first, **end;
};

static void batches_init(struct batches *b)
{
    b->first = NULL;
    b->end = &b->first;
}

static void batches_add(struct batches *b, struct batch *one)
{
    one->next = NULL;
    *b->end = one;
    b->end = &one->next;
}

static struct batch *batches_take(struct batches *b)
{
    struct batch *all = b->first;
    batches_init(b);
    return all;
}

static void batches_free(struct batch *b)
{
    while (b) {
        struct batch *next = b->next;
        free(b->ops);
        free(b);
        b = next;
    }
}

/* The loop's side and the worker's; what is between them is under the lock. */
struct sql {
    struct store base;
    struct loop_io io;
    int wake; /* eventfd: the worker has answers */
    store_loaded_fn *loaded;
    void *obj;
    size_t waiting;
    pthread_t thread;

    pthread_mutex_t lock;
    pthread_cond_t more;
    struct batches todo, done;
    size_t bytes; /* in todo */
    bool stop, opened, finished, abandoned;

    /* the worker's, and the loop's once `opened` is set */
    char *path;
    sqlite3 *db;
    sqlite3_stmt *put, *del;
    VEC(struct store_op *) blocks; /* of store_copy, one a record */
    struct err failed;
    bool is_failed;
    struct str note;
};

/* ---- the database: the worker only ---- */

/* Each takes a database from the version before; `PRAGMA user_version` counts them. */
static const char *const migrations[] = {
    "CREATE TABLE record(tab TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL,"
    " PRIMARY KEY(tab, key)) WITHOUT ROWID; PRAGMA user_version=1",
};
#define VERSION ((int)(sizeof(migrations) / sizeof(migrations[0])))

static int sql_err(const struct sql *q, struct err *e, const char *what)
{
    return err_set(e, "%s: %s: %s", q->path, what, q->db ? sqlite3_errmsg(q->db) : "out of memory");
}

static int exec(struct sql *q, const char *text, struct err *e)
{
    return sqlite3_exec(q->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0
                                                                    : sql_err(q, e, "cannot write");
}

/* the first column of the first row: a number, or 0 if the text there is `ok` */
static int ask(struct sql *q, const char *text, const char *ok, int *out, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(q->db, text, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && !ok)
        *out = sqlite3_column_int(st, 0);
    else if (rc == SQLITE_ROW)
        *out = strcmp((const char *)sqlite3_column_text(st, 0), ok) != 0;
    if (rc != SQLITE_ROW)
        sql_err(q, e, "cannot read");
    sqlite3_finalize(st);
    return rc == SQLITE_ROW ? 0 : -1;
}

static int migrate(struct sql *q, struct err *e)
{
    int version = 0;
    if (ask(q, "PRAGMA user_version", NULL, &version, e) < 0)
        return -1;
    if (version > VERSION)
        return err_set(e, "%s: was written by a newer version (%d, this one knows %d)", q->path,
                       version, VERSION);
    for (; version < VERSION; version++) {
        if (exec(q, "BEGIN IMMEDIATE", e) < 0 || exec(q, migrations[version], e) < 0 ||
            exec(q, "COMMIT", e) < 0)
            return -1;
    }
    return 0;
}

static int open_file(struct sql *q, struct err *e)
{
    int bad = 0, fd = open(q->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    if (fd < 0)
        return err_errno(e, errno, "cannot open %s", q->path);
    close(fd);
    if (sqlite3_open_v2(q->path, &q->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
        SQLITE_OK)
        return sql_err(q, e, "cannot open");
    sqlite3_busy_timeout(q->db, BUSY_MS);
    /* exclusive: one owner, and WAL needs no file of shared memory */
    if (exec(q, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
             e) < 0 ||
        ask(q, "PRAGMA quick_check(1)", "ok", &bad, e) < 0)
        return -1;
    if (bad)
        return err_set(e, "%s: its pages are inconsistent", q->path);
    return migrate(q, e);
}

static int prepare(struct sql *q, struct err *e)
{
    if (sqlite3_prepare_v2(q->db, "INSERT OR REPLACE INTO record VALUES(?1,?2,?3)", -1, &q->put,
                           NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(q->db, "DELETE FROM record WHERE tab=?1 AND key=?2", -1, &q->del,
                           NULL) != SQLITE_OK)
        return sql_err(q, e, "cannot use it");
    return 0;
}

static void forget_records(struct sql *q)
{
    VEC_EACH (&q->blocks, i)
        free(q->blocks.v[i]);
    VEC_FINI(&q->blocks);
}

static void add_record(struct sql *q, sqlite3_stmt *st)
{
    size_t bytes;
    struct store_op one = {.table = (const char *)sqlite3_column_text(st, 0),
                           .key = (const char *)sqlite3_column_text(st, 1),
                           .value = sqlite3_column_blob(st, 2),
                           .n = (size_t)sqlite3_column_bytes(st, 2)};
    one.value = one.value ? one.value : ""; /* SQLite gives NULL for no bytes */
    VEC_PUSH(&q->blocks, store_copy(&one, 1, &bytes));
}

static int load(struct sql *q, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(q->db, "SELECT tab, key, value FROM record", -1, &st, NULL);
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(st);
        if (rc == SQLITE_ROW)
            add_record(q, st);
    }
    if (rc != SQLITE_DONE)
        sql_err(q, e, "cannot read");
    sqlite3_finalize(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

static void close_db(struct sql *q)
{
    sqlite3_finalize(q->put);
    sqlite3_finalize(q->del);
    sqlite3_close(q->db);
    q->put = q->del = NULL;
    q->db = NULL;
}

static void move_aside(struct sql *q, const char *suffix)
{
    struct str from = STR_INIT, to = STR_INIT;
    str_printf(&from, "%s%s", q->path, suffix);
    str_printf(&to, "%s.corrupt%s", q->path, suffix);
    rename(str_text(&from), str_text(&to));
    str_fini(&from);
    str_fini(&to);
}

static bool damaged(const struct sql *q, const struct err *e)
{
    int rc = q->db ? sqlite3_errcode(q->db) & 0xff : SQLITE_OK;
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || strstr(e->msg, "are inconsistent");
}

static int open_all(struct sql *q, struct err *e)
{
    return open_file(q, e) < 0 || prepare(q, e) < 0 || load(q, e) < 0 ? -1 : 0;
}

static int open_db(struct sql *q, struct err *e)
{
    if (open_all(q, e) == 0)
        return 0;
    bool bad = damaged(q, e);
    close_db(q);
    forget_records(q);
    if (!bad)
        return -1;
    move_aside(q, "");
    move_aside(q, "-wal");
    str_printf(&q->note, "%s; moved to %s.corrupt, and a new one begun", e->msg, q->path);
    if (open_all(q, e) == 0)
        return 0;
    close_db(q);
    return -1;
}

static int run_op(struct sql *q, const struct store_op *op, struct err *e)
{
    sqlite3_stmt *st = op->value ? q->put : q->del;
    sqlite3_bind_text(st, 1, op->table, -1, SQLITE_STATIC);
    sqlite3_bind_text(st, 2, op->key, -1, SQLITE_STATIC);
    if (op->value)
        sqlite3_bind_blob64(st, 3, op->value, op->n, SQLITE_STATIC);
    int rc = sqlite3_step(st);
    if (rc != SQLITE_DONE)
        sql_err(q, e, "cannot write");
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* batches from b up to (not with) end, as one transaction */
static int run_batches(struct sql *q, const struct batch *b, const struct batch *end, struct err *e)
{
    int rc = exec(q, "BEGIN IMMEDIATE", e);
    for (; rc == 0 && b != end; b = b->next) {
        for (size_t i = 0; rc == 0 && i < b->n; i++)
            rc = run_op(q, &b->ops[i], e);
    }
    if (rc == 0)
        rc = exec(q, "COMMIT", e);
    if (rc < 0 && !sqlite3_get_autocommit(q->db))
        sqlite3_exec(q->db, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* All at once; if that fails each by itself, so that one bad batch fails alone. */
static void write_all(struct sql *q, struct batch *all)
{
    struct err e;
    if (!q->is_failed && run_batches(q, all, NULL, &e) == 0)
        return;
    for (struct batch *b = all; b; b = b->next) {
        if (q->is_failed)
            b->err = q->failed;
        b->failed = q->is_failed || run_batches(q, b, b->next, &b->err) < 0;
    }
}

/* ---- the worker ---- */

static void fini(struct sql *q)
{
    batches_free(batches_take(&q->todo));
    batches_free(batches_take(&q->done));
    forget_records(q);
    str_fini(&q->note);
    pthread_mutex_destroy(&q->lock);
    pthread_cond_destroy(&q->more);
    free(q->path);
    free(q);
}

static void answered(struct sql *q)
{
    uint64_t one = 1;
    ssize_t n = q->abandoned ? 0 : write(q->wake, &one, sizeof(one));
    (void)n; /* full: the loop has not looked for 2^64 answers, and will */
}

/* the next batches; NULL when it is to stop and nothing is left. Called with the lock. */
static struct batch *next_batches(struct sql *q)
{
    while (!q->todo.first && !q->stop)
        pthread_cond_wait(&q->more, &q->lock);
    q->bytes = 0;
    return batches_take(&q->todo);
}

static void *work(void *arg)
{
    struct sql *q = arg;
    q->is_failed = open_db(q, &q->failed) < 0;
    pthread_mutex_lock(&q->lock);
    q->opened = true;
    answered(q);
    for (struct batch *all = next_batches(q), *next; all; all = next_batches(q)) {
        pthread_mutex_unlock(&q->lock);
        write_all(q, all);
        pthread_mutex_lock(&q->lock);
        for (; all; all = next) {
            next = all->next;
            batches_add(&q->done, all);
        }
        answered(q);
    }
    pthread_mutex_unlock(&q->lock);
    close_db(q); /* may take long: it writes the WAL back */
    pthread_mutex_lock(&q->lock);
    q->finished = true;
    bool mine = q->abandoned;
    pthread_mutex_unlock(&q->lock);
    if (mine)
        fini(q);
    return NULL;
}

/* ---- the loop's side ---- */

static void tell_loaded(struct sql *q)
{
    store_loaded_fn *fn = q->loaded;
    struct store_op *records = mem_alloc(q->blocks.n * sizeof(*records) + 1);
    VEC_EACH (&q->blocks, i)
        records[i] = *q->blocks.v[i];
    q->loaded = NULL;
    fn(q->obj, &(struct store_loaded){.failed = q->is_failed ? &q->failed : NULL,
                                      .note = q->note.len ? str_text(&q->note) : NULL,
                                      .records = records,
                                      .n = q->blocks.n});
    free(records);
    forget_records(q);
}

static void on_answers(struct sql *q)
{
    uint64_t n;
    ssize_t got = read(q->wake, &n, sizeof(n));
    (void)got;
    pthread_mutex_lock(&q->lock);
    bool opened = q->opened;
    struct batch *all = opened ? batches_take(&q->done) : NULL, *next;
    pthread_mutex_unlock(&q->lock);
    if (opened && q->loaded)
        tell_loaded(q);
    for (; all; all = next) {
        next = all->next;
        all->next = NULL;
        q->waiting--;
        if (all->done)
            all->done(all->obj, all->failed ? &all->err : NULL);
        batches_free(all);
    }
}

static void sql_submit(struct store *s, const struct store_op *ops, size_t n, store_done_fn *done,
                       void *obj)
{
    struct sql *q = (struct sql *)s;
    struct batch *b = mem_alloc(sizeof(*b));
    *b = (struct batch){.done = done, .obj = obj, .n = n};
    b->ops = store_copy(ops, n, &b->bytes);
    q->waiting++;
    pthread_mutex_lock(&q->lock);
    if (q->bytes + b->bytes > STORE_QUEUE) {
        b->failed = true;
        err_set(&b->err, "%s: the disk does not keep up, more than %d bytes wait", q->path,
                STORE_QUEUE);
        batches_add(&q->done, b);
        answered(q);
    } else {
        q->bytes += b->bytes;
        batches_add(&q->todo, b);
        pthread_cond_signal(&q->more);
    }
    pthread_mutex_unlock(&q->lock);
}

static size_t sql_waiting(const struct store *s)
{
    return ((const struct sql *)s)->waiting;
}

static bool join(struct sql *q, dur_t limit)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    int64_t ns = at.tv_nsec + limit.ns;
    at.tv_sec += ns / 1000000000;
    at.tv_nsec = ns % 1000000000;
    return pthread_timedjoin_np(q->thread, NULL, &at) == 0;
}

static bool any_failed(const struct batch *b)
{
    for (; b; b = b->next) {
        if (b->failed)
            return true;
    }
    return false;
}

/* A worker that is stuck is left behind: it frees what is its own if it ever comes back. */
static bool sql_close(struct store *s, dur_t limit)
{
    struct sql *q = (struct sql *)s;
    pthread_mutex_lock(&q->lock);
    q->stop = true;
    pthread_cond_signal(&q->more);
    pthread_mutex_unlock(&q->lock);
    bool ended = join(q, limit);
    loop_io_set(&q->io, q->wake, 0);
    if (!ended) {
        pthread_mutex_lock(&q->lock);
        q->abandoned = !q->finished;
        pthread_mutex_unlock(&q->lock);
        ended = !q->abandoned && pthread_join(q->thread, NULL) == 0;
        if (!ended)
            pthread_detach(q->thread);
    }
    loop_io_close(&q->io, &q->wake);
    bool ok = ended && !any_failed(q->done.first);
    if (ended)
        fini(q);
    return ok;
}

static const struct store_kind sql_kind = {sql_submit, sql_waiting, sql_close};

/* the worker takes no signals: they are the loop's */
static int start_worker(struct sql *q)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&q->thread, NULL, work, q);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct store *store_open(struct loop *l, const char *path, store_loaded_fn *loaded, void *obj,
                         struct err *e)
{
    struct sql *q = mem_alloc(sizeof(*q));
    *q = (struct sql){.base = {&sql_kind}, .loaded = loaded, .obj = obj, .note = STR_INIT};
    q->path = mem_strdup(path);
    q->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    batches_init(&q->todo);
    batches_init(&q->done);
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->more, NULL);
    LOOP_IO(&q->io, l, on_answers, q);
    int rc = q->wake < 0 ? errno : start_worker(q);
    if (rc) {
        err_errno(e, rc, "cannot begin a worker for %s", path);
        if (q->wake >= 0)
            close(q->wake);
        fini(q);
        return NULL;
    }
    loop_io_set(&q->io, q->wake, LOOP_READ);
    return &q->base;
}
