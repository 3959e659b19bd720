/* Records that survive: both kinds of stores, killed at random points, stalled, damaged. */
#include "tests/unit/unit.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/rng.h"
#include "supervisor/io/journal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define KEYS 64

/* what a store gave back, and what was answered */
struct seen {
    struct loop *l;
    struct store *s;
    bool loaded, failed;
    char note[ERR_MAX], error[ERR_MAX];
    size_t n, done, refused;
    char key[KEYS][64];
    uint64_t value[KEYS]; /* the first bytes of the value */
    size_t size[KEYS];
    size_t wait_for; /* stop the loop when so many were answered */
    struct loop_timer limit;
};

static void on_loaded(void *obj, const struct store_loaded *r)
{
    struct seen *w = obj;
    assert_false(w->loaded);
    w->loaded = true;
    w->failed = r->failed;
    snprintf(w->error, sizeof(w->error), "%s", r->failed ? r->failed->msg : "");
    snprintf(w->note, sizeof(w->note), "%s", r->note ? r->note : "");
    for (size_t i = 0; i < r->n && i < KEYS; i++) {
        snprintf(w->key[i], sizeof(w->key[i]), "%s/%s", r->records[i].table, r->records[i].key);
        w->size[i] = r->records[i].n;
        if (w->size[i] >= 8)
            memcpy(&w->value[i], r->records[i].value, 8);
    }
    w->n = r->n;
    if (!w->wait_for)
        loop_stop(w->l);
}

static void on_done(void *obj, const struct err *e)
{
    struct seen *w = obj;
    assert_true(w->loaded);
    w->done++;
    if (e) {
        w->refused++;
        snprintf(w->error, sizeof(w->error), "%s", e->msg);
    }
    if (w->done == w->wait_for)
        loop_stop(w->l);
}

static void too_long(struct seen *w)
{
    (void)w;
    fail_msg("a store did not answer within 60 s");
}

/* runs until the store is loaded (0) or so many batches were answered in all */
static void run_until(struct seen *w, size_t done)
{
    w->wait_for = done;
    if (done ? w->done >= done : w->loaded)
        return;
    loop_timer_at(&w->limit, mono_add(mono_now(), DUR_S(60)));
    loop_run(w->l);
    loop_timer_stop(&w->limit);
}

/* one of the two kinds: a path, or a descriptor */
struct place {
    const char *path;
    int fd;
};

static void open_at(struct seen *w, const struct place *p)
{
    struct err e;
    memset(w, 0, sizeof(*w));
    w->l = loop_new(&e);
    LOOP_TIMER(&w->limit, w->l, too_long, w);
    w->s = p->path ? store_open(w->l, p->path, on_loaded, w, &e)
                   : journal_open(w->l, p->fd, on_loaded, w, &e);
    if (!w->s)
        fail_msg("%s", e.msg);
}

static bool shut(struct seen *w, dur_t limit)
{
    bool ok = store_close(&w->s, limit);
    loop_free(&w->l);
    return ok;
}

static void put(struct seen *w, const char *table, const char *key, uint64_t v, size_t size)
{
    char *value = calloc(1, size + 8);
    memcpy(value, &v, sizeof(v));
    struct store_op op = {.table = table, .key = key, .value = value, .n = size};
    store_submit(w->s, &op, 1, on_done, w);
    free(value);
}

static uint64_t value_of(const struct seen *w, const char *key)
{
    for (size_t i = 0; i < w->n && i < KEYS; i++) {
        if (strcmp(w->key[i], key) == 0)
            return w->value[i];
    }
    return 0;
}

/* ---- places ---- */

static char folder[] = "/tmp/test-store-XXXXXX";
static char file[64];

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(file, sizeof(file), "%s/state.db", folder);
    return 0;
}

static void clean(void)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal", ".corrupt", ".corrupt-wal"};
    char path[96];
    for (size_t i = 0; i < COUNT(ends); i++) {
        snprintf(path, sizeof(path), "%s%s", file, ends[i]);
        unlink(path);
    }
}

static int drop_folder(void **state)
{
    (void)state;
    clean();
    return rmdir(folder);
}

static void both(void (*test)(const struct place *))
{
    struct place p = {.path = file};
    clean();
    test(&p);
    p = (struct place){.fd = fd_memory("journal", false)};
    assert_true(p.fd >= 0);
    test(&p);
    fd_close(&p.fd);
}

/* ---- what both do ---- */

static void put_and_get(const struct place *p)
{
    struct seen w;
    open_at(&w, p);
    put(&w, "alert", "a", 1, 8); /* before it is loaded */
    put(&w, "alert", "b", 2, 8);
    put(&w, "outbox", "a", 3, 8);
    put(&w, "alert", "a", 4, 100000);
    put(&w, "empty", "", 0, 0);
    struct store_op ops[] = {{.table = "alert", .key = "b"},
                             {.table = "alert", .key = "none"},
                             {.table = "x", .key = "y", .value = "12345678", .n = 8}};
    store_submit(w.s, ops, 3, on_done, &w);
    store_submit(w.s, NULL, 0, NULL, NULL);
    assert_int_equal(store_waiting(w.s), 7);
    assert_int_equal(w.done, 0); /* never from inside */
    run_until(&w, 6);
    assert_int_equal(w.refused, 0);
    put(&w, "late", "z", 5, 8);
    assert_true(shut(&w, DUR_S(60))); /* closing waits for it */

    open_at(&w, p);
    run_until(&w, 0);
    assert_string_equal(w.note, "");
    assert_int_equal(w.n, 5);
    assert_int_equal(value_of(&w, "alert/a"), 4);
    assert_int_equal(value_of(&w, "outbox/a"), 3);
    assert_int_equal(value_of(&w, "late/z"), 5);
    assert_true(value_of(&w, "x/y"));
    assert_true(shut(&w, DUR_S(60)));
}

static void both_keep_records(void **state)
{
    (void)state;
    both(put_and_get);
}

/* ---- killed ---- */

/* Batch i sets both records to i, in two tables, and a third one of some size. */
static void submit_numbered(struct seen *w, uint64_t i, store_done_fn *done, void *obj)
{
    char filler[3000] = "";
    char key[16];
    snprintf(key, sizeof(key), "k%u", (unsigned)(i % 20));
    struct store_op ops[] = {{.table = "one", .key = "n", .value = &i, .n = sizeof(i)},
                             {.table = "fill", .key = key, .value = filler, .n = sizeof(filler)},
                             {.table = "two", .key = "n", .value = &i, .n = sizeof(i)}};
    store_submit(w->s, ops, 3, done, obj);
}

struct writer {
    struct seen w;
    uint64_t next, answered;
    int out;
};

static void write_more(void *obj, const struct err *e)
{
    struct writer *x = obj;
    if (e)
        _exit(3);
    x->answered++;
    if (write(x->out, &x->answered, sizeof(x->answered)) != sizeof(x->answered))
        _exit(4);
    submit_numbered(&x->w, ++x->next, write_more, x);
}

static void write_for_ever(const struct place *p, uint64_t from, int out)
{
    struct writer x = {.out = out, .next = from, .answered = from};
    struct seen *w = &x.w;
    open_at(w, p);
    run_until(w, 0);
    for (int i = 0; i < 5; i++)
        submit_numbered(w, ++x.next, write_more, &x);
    loop_run(w->l);
    _exit(5);
}

/* a child writes until it is killed behind a random acknowledgement; the last one it gave */
static uint64_t one_life(const struct place *p, uint64_t from, uint64_t acks)
{
    int fds[2], status;
    uint64_t last = from, got;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fds[0]);
        write_for_ever(p, from, fds[1]);
    }
    close(fds[1]);
    for (uint64_t n = 0; n < acks && read(fds[0], &got, 8) == 8; n++)
        last = got;
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    while (read(fds[0], &got, 8) == 8)
        last = got;
    close(fds[0]);
    return last;
}

static void killed(const struct place *p)
{
    struct rng r;
    struct seen w;
    uint64_t have = 0;
    rng_seed(&r, rng_entropy());
    for (int life = 0; life < 25; life++) {
        uint64_t last = one_life(p, have, rng_below(&r, p->path ? 30 : 600));
        open_at(&w, p);
        run_until(&w, 0);
        assert_false(w.failed);
        assert_string_equal(w.note, "");
        have = value_of(&w, "one/n");
        assert_true(have >= last);                     /* all that was acknowledged */
        assert_true(have <= last + 6);                 /* and nothing that was not asked for */
        assert_int_equal(have, value_of(&w, "two/n")); /* no half */
        assert_true(shut(&w, DUR_S(60)));
    }
    assert_true(have > 50);
}

static void killed_at_random_points(void **state)
{
    (void)state;
    both(killed);
}

/* ---- SQLite: trouble ---- */

static sqlite3 *lock_file(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE;"
                                  "CREATE TABLE IF NOT EXISTS mine(x)",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    return db;
}

static void unlock_file(sqlite3 *db)
{
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* The worker is stuck while somebody holds the file, as on a disk that does not answer. */
static void a_stalled_disk_stalls_nobody(void **state)
{
    (void)state;
    struct seen w;
    struct place p = {.path = file};
    clean();
    sqlite3 *db = lock_file();
    mono_t before = mono_now();
    open_at(&w, &p);
    for (uint64_t i = 0; i < 1000; i++)
        put(&w, "t", "k", i + 1, 1000);
    assert_true(mono_sub(mono_now(), before).ns < DUR_S(2).ns); /* BUSY_MS is 5 s */
    assert_int_equal(store_waiting(w.s), 1000);
    assert_false(w.loaded);
    unlock_file(db);
    run_until(&w, 1000);
    assert_int_equal(w.refused, 0);
    assert_true(shut(&w, DUR_S(60)));
}

/* polls until a record can be read in the file */
static bool written(void)
{
    sqlite3 *db;
    bool found = false;
    for (int n = 0; n < 3000 && !found; n++) {
        sqlite3_stmt *st = NULL;
        assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
        found = sqlite3_prepare_v2(db, "SELECT 1 FROM record", -1, &st, NULL) == SQLITE_OK &&
                sqlite3_step(st) == SQLITE_ROW;
        sqlite3_finalize(st);
        sqlite3_close(db);
        poll(NULL, 0, 10);
    }
    return found;
}

static void a_stuck_worker_is_left_behind(void **state)
{
    (void)state;
    struct seen w;
    struct place p = {.path = file};
    clean();
    sqlite3 *db = lock_file();
    open_at(&w, &p);
    put(&w, "t", "k", 7, 8);
    mono_t before = mono_now();
    assert_false(shut(&w, DUR_MS(20)));
    assert_true(mono_sub(mono_now(), before).ns < DUR_S(2).ns);
    unlock_file(db);
    assert_true(written()); /* it came back and wrote */
}

static void too_much_is_refused(void **state)
{
    (void)state;
    struct seen w;
    struct place p = {.path = file};
    clean();
    sqlite3 *db = lock_file();
    open_at(&w, &p);
    for (int i = 0; i < 20; i++)
        put(&w, "t", "k", 1, 1 << 20);
    unlock_file(db);
    run_until(&w, 20);
    assert_in_range(w.refused, 4, 6);
    assert_non_null(strstr(w.error, "does not keep up"));
    assert_true(shut(&w, DUR_S(60)));
}

static void overwrite(const char *path, const char *text, off_t at, size_t times)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    for (size_t i = 0; i < times; i++)
        assert_int_equal(pwrite(fd, text, strlen(text), at + (off_t)(i * strlen(text))),
                         strlen(text));
    close(fd);
}

static void a_damaged_file_is_moved_aside(void **state)
{
    (void)state;
    struct seen w;
    struct stat st;
    struct place p = {.path = file};
    char moved[96];
    snprintf(moved, sizeof(moved), "%s.corrupt", file);
    for (int where = 0; where < 2; where++) { /* its head; its pages */
        clean();
        open_at(&w, &p);
        for (uint64_t i = 0; i < 20; i++)
            put(&w, "t", (const char[]){(char)('a' + i), '\0'}, i, 3000);
        run_until(&w, 20);
        assert_true(shut(&w, DUR_S(60)));
        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        overwrite(file, "no database, this ", where ? 4096 : 0, 400);
        open_at(&w, &p);
        run_until(&w, 0);
        assert_false(w.failed);
        assert_non_null(strstr(w.note, "and a new one begun"));
        assert_int_equal(w.n, 0);
        assert_int_equal(stat(moved, &st), 0);
        put(&w, "t", "k", 1, 8);
        run_until(&w, 1);
        assert_int_equal(w.refused, 0);
        assert_true(shut(&w, DUR_S(60)));
    }
}

static void a_newer_file_is_left_alone(void **state)
{
    (void)state;
    struct seen w;
    struct place p = {.path = file};
    sqlite3 *db;
    clean();
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    open_at(&w, &p);
    put(&w, "t", "k", 1, 8);
    run_until(&w, 1);
    assert_true(w.failed);
    assert_int_equal(w.refused, 1);
    assert_non_null(strstr(w.error, "was written by a newer version (99, this one knows 1)"));
    shut(&w, DUR_S(60));
    p.path = "/nonexistent/x.db";
    open_at(&w, &p);
    run_until(&w, 0);
    assert_true(w.failed);
    assert_non_null(strstr(w.error, "cannot open /nonexistent/x.db: No such file"));
    assert_true(shut(&w, DUR_S(60)));
}

/* ---- the journal: room, damage ---- */

static void a_full_journal_says_so_and_goes_on(void **state)
{
    (void)state;
    struct seen w;
    struct place p = {.fd = fd_memory("journal", false)};
    open_at(&w, &p);
    char key[16];
    for (int i = 0; i < 60; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        put(&w, "t", key, (uint64_t)i + 1, 10000);
    }
    run_until(&w, 60);
    assert_in_range(w.refused, 7, 10); /* about 511 KiB are live */
    assert_string_equal(w.error, "the journal is full");
    put(&w, "t", "big", 1, 600000);
    run_until(&w, 61);
    assert_string_equal(w.error, "the journal is too small for this");
    size_t before = w.refused;
    struct store_op del[] = {{.table = "t", .key = "k0"}, {.table = "t", .key = "k1"}};
    store_submit(w.s, del, 2, on_done, &w); /* deleting needs room, too, and finds it */
    put(&w, "t", "again", 9, 10000);
    run_until(&w, 63);
    assert_int_equal(w.refused, before);
    shut(&w, DUR_S(0));
    open_at(&w, &p);
    run_until(&w, 0);
    assert_int_equal(value_of(&w, "t/again"), 9);
    assert_int_equal(value_of(&w, "t/k0"), 0);
    assert_int_equal(value_of(&w, "t/k2"), 3);
    shut(&w, DUR_S(0));
    fd_close(&p.fd);
}

static void a_damaged_journal_begins_anew(void **state)
{
    (void)state;
    struct seen w;
    struct err e;
    struct place p = {.fd = fd_memory("journal", false)};
    open_at(&w, &p);
    put(&w, "t", "a", 1, 8);
    put(&w, "t", "b", 2, 8);
    run_until(&w, 2);
    shut(&w, DUR_S(0));
    /* the second entry, of 8 + 12 + 4 + 8 bytes, loses a bit: it and what follows are gone */
    assert_int_equal(pwrite(p.fd, "\x55", 1, 4096 + 32 + 30), 1);
    open_at(&w, &p);
    run_until(&w, 0);
    assert_int_equal(w.n, 1);
    assert_int_equal(value_of(&w, "t/a"), 1);
    shut(&w, DUR_S(0));
    assert_int_equal(pwrite(p.fd, "garbage, garbage, garbage, garbage", 34, 0), 34);
    open_at(&w, &p);
    run_until(&w, 0);
    assert_string_equal(w.note, "the journal was damaged; a new one begun");
    assert_int_equal(w.n, 0);
    shut(&w, DUR_S(0));
    fd_close(&p.fd);
    struct loop *l = loop_new(&e);
    assert_null(journal_open(l, -1, on_loaded, &w, &e));
    assert_non_null(strstr(e.msg, "cannot look at the journal"));
    loop_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(both_keep_records),
                                       TEST(killed_at_random_points),
                                       TEST(a_stalled_disk_stalls_nobody),
                                       TEST(a_stuck_worker_is_left_behind),
                                       TEST(too_much_is_refused),
                                       TEST(a_damaged_file_is_moved_aside),
                                       TEST(a_newer_file_is_left_alone),
                                       TEST(a_full_journal_says_so_and_goes_on),
                                       TEST(a_damaged_journal_begins_anew)};
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
