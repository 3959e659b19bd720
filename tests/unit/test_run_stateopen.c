/* Going on from a state memfd: of this version, of the one before, which had less in a record, and
 * of the next one, which has more. */
#include "supervisor/base/crc.h"
#include "supervisor/run/state_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static struct err e;

static struct state *make(void)
{
    struct state *s = state_new(&e);
    assert_non_null(s);
    return s;
}

static struct state *reopen(struct state **s)
{
    int fd = dup(state_fd(*s));
    state_free(s);
    struct state *again = state_open(fd, &e);
    if (!again)
        close(fd);
    return again;
}

static uint32_t add(struct state *s, uint32_t i)
{
    uint32_t slot = (uint32_t)state_slot_new(s, &e);
    struct state_rec rec = {.proc_index = i, .gen = i + 1};
    rec.life.pid = (int32_t)i + 100;
    rec.life.stop_wall.ns = i;
    state_put(s, slot, &rec);
    state_link(s, slot)->stdin_fd = (int32_t)i + 500;
    state_window(s, slot)->at[0] = i + 7;
    return slot;
}

static void check(const struct state *s, uint32_t slot, uint32_t i)
{
    assert_true(state_used(s, slot));
    assert_true(state_good(s, slot));
    assert_int_equal(state_get(s, slot)->proc_index, i);
    assert_int_equal(state_get(s, slot)->gen, i + 1);
    assert_int_equal(state_get(s, slot)->life.pid, i + 100);
    assert_int_equal(state_link(s, slot)->stdin_fd, i + 500);
    assert_int_equal(state_window((struct state *)(uintptr_t)s, slot)->at[0], i + 7);
}

static void test_all_of_it_is_there_again(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    char arg0[] = "supd", arg1[] = "-c", env0[] = "A=1", extra[] = "B=2";
    char *argv[] = {arg0, arg1, NULL}, *env[] = {env0, NULL};
    struct sigs_entry entry = {.ignored = 5}, got;
    sigemptyset(&entry.mask);
    sigaddset(&entry.mask, SIGUSR1);
    assert_int_equal(state_note_start(s, argv, env, &entry, &e), 0);
    assert_int_equal(state_note_text(s, STATE_SOCKET, "/run/a.sock"), 0);
    assert_int_equal(state_note_text(s, STATE_SOCKET, "/run/b.sock"), 0);
    assert_int_equal(state_gen_add(s, 3, 33), 0);
    state_kept(s)->socket = 44;
    for (uint32_t i = 0; i < 200; i++)
        assert_int_equal(add(s, i), i);
    state_slot_free(s, 7);
    mono_t started = state_started(s);
    s = reopen(&s);
    assert_non_null(s);
    for (uint32_t i = 0; i < 200; i++)
        if (i != 7)
            check(s, i, i);
    assert_false(state_used(s, 7));
    assert_int_equal(state_nslots(s), 200);
    assert_int_equal(state_slot_new(s, &e), 7);
    assert_int_equal(state_started(s).ns, started.ns);
    assert_string_equal(state_text(s, STATE_SOCKET), "/run/b.sock");
    assert_null(state_text(s, STATE_PIDFILE));
    assert_int_equal(state_kept(s)->socket, 44);
    state_entry(s, &got);
    assert_int_equal(got.ignored, 5);
    assert_int_equal(sigismember(&got.mask, SIGUSR1), 1);
    assert_int_equal(sigismember(&got.mask, SIGUSR2), 0);
    char **v = state_argv(s), **w = state_environ(s, extra);
    assert_string_equal(v[0], "supd");
    assert_string_equal(v[1], "-c");
    assert_null(v[2]);
    assert_string_equal(w[0], "A=1");
    assert_ptr_equal(w[1], extra);
    assert_null(w[2]);
    free(v);
    free(w);
    state_free(&s);
}

/* A crash after the first copy: it counts, and has to outlive the next commit. */
static void test_a_commit_that_was_cut_short(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    add(s, 0);
    add(s, 1);
    struct commit *c = commit_of(s);
    c->rec = *state_get(s, 0);
    c->rec.life.pid = 4711;
    c->crc = state_crc(s, &c->rec);
    c->slot = 1;
    s = reopen(&s);
    state_finish(s);
    assert_int_equal(state_get(s, 0)->life.pid, 4711);
    state_put(s, 1, state_get(s, 1));
    assert_true(state_good(s, 0));
    assert_int_equal(state_get(s, 0)->life.pid, 4711);
    c = commit_of(s);
    c->rec.life.pid = 4712; /* the first copy was not whole yet */
    c->slot = 1;
    s = reopen(&s);
    state_finish(s);
    assert_true(state_good(s, 0));
    assert_int_equal(state_get(s, 0)->life.pid, 4711);
    state_free(&s);
}

static void test_generations_come_and_go(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    uint32_t id, n = 0;
    int fd;
    for (uint32_t i = 1; i <= STATE_GENS_MAX; i++)
        assert_int_equal(state_gen_add(s, i, (int)i + 10), 0);
    assert_int_equal(state_gen_add(s, 999, 1), -1);
    state_gen_del(s, 5);
    assert_int_equal(state_gen_add(s, 999, 1234), 0);
    for (uint32_t i = 0; i < STATE_GENS_MAX; i++)
        if (state_gen_at(s, i, &id, &fd)) {
            assert_int_equal(fd, id == 999 ? 1234 : (int)id + 10);
            assert_int_not_equal(id, 5);
            n++;
        }
    assert_int_equal(n, STATE_GENS_MAX);
    state_free(&s);
}

static int seen[16], nseen;

static void see(int fd)
{
    seen[nseen++] = fd;
}

static bool was_seen(int fd)
{
    for (int i = 0; i < nseen; i++)
        if (seen[i] == fd)
            return true;
    return false;
}

static void test_what_an_exec_keeps(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    nseen = 0;
    struct state_kept *k = state_kept(s);
    k->self = 901;
    k->log_memory = 902;
    k->socket = 903;
    k->agent_listen = 904;
    state_gen_add(s, 1, 905);
    uint32_t slot = add(s, 1), freed = add(s, 2), none = add(s, 3);
    state_slot_free(s, freed);
    state_link(s, none)->stdin_fd = 0;
    state_each_fd(s, see);
    for (int fd = 901; fd <= 905; fd++)
        assert_true(was_seen(fd));
    assert_true(was_seen(state_fd(s)) && was_seen(state_link(s, slot)->stdin_fd));
    assert_int_equal(nseen, 7); /* no journal, nothing of the others */
    state_free(&s);
}

/* ---- neighbours ---- */

/* A state as another version lays it out: a head, a record and so a slot that are so many bytes
 * shorter (or, below 0, longer); with the records 0 and 1, of which the second one is spoiled. */
static int other_version(int head_less, int rec_less, uint32_t version)
{
    struct head h;
    struct state *s = make();
    add(s, 0);
    add(s, 1);
    state_note_text(s, STATE_MARK, "mark");
    state_gen_add(s, 8, 9);
    h = *head_of(s);
    h.version = version;
    h.head_size = (uint32_t)((int)h.head_size - head_less);
    h.slot_size = (uint32_t)((int)h.slot_size - rec_less);
    h.rec_size = (uint32_t)((int)h.rec_size - rec_less);
    h.windows_at = SLOTS_AT + (uint64_t)STATE_SLOTS_MAX * h.slot_size;
    h.errands_at = h.windows_at + STATE_SLOTS_MAX * sizeof(struct proc_window);
    h.map_size = h.errands_at + STATE_ERRANDS * sizeof(struct state_errand);
    int fd = memfd_create("other", MFD_CLOEXEC);
    assert_int_equal(ftruncate(fd, (off_t)h.map_size), 0);
    assert_true(pwrite(fd, &h, head_less > 0 ? h.head_size : sizeof(h), 0) > 0);
    assert_int_equal(pwrite(fd, s->map + TEXT_AT, h.text_len, TEXT_AT), h.text_len);
    for (uint32_t i = 0; i < 2; i++) {
        unsigned char slot[4096] = {0};
        memcpy(slot, slot_of(s, i), sizeof(struct slot));
        memset(slot + sizeof(struct slot), 0x5a, sizeof(slot) - sizeof(struct slot));
        struct slot *to = (struct slot *)(void *)slot;
        to->crc = crc32_of(&to->rec, h.rec_size) ^ i;
        off_t at = (off_t)(SLOTS_AT + (uint64_t)i * h.slot_size);
        assert_int_equal(pwrite(fd, slot, h.slot_size, at), h.slot_size);
        at = (off_t)(h.windows_at + i * sizeof(struct proc_window));
        assert_true(pwrite(fd, state_window(s, i), sizeof(struct proc_window), at) > 0);
    }
    const struct state_errand errand = {.used = 4711};
    off_t errand_at = (off_t)(h.errands_at + 5 * sizeof(errand));
    assert_int_equal(pwrite(fd, &errand, sizeof(errand), errand_at), sizeof(errand));
    state_free(&s);
    return fd;
}

static void test_one_of_the_version_before(void **ctx)
{
    (void)ctx;
    /* it knew neither the last two times of a life nor sockets of fcgi-programs */
    int fd = other_version((int)(sizeof(struct head) - offsetof(struct head, fcgi)), 16,
                           STATE_VERSION - 1);
    struct state *s = state_open(fd, &e);
    assert_non_null(s);
    assert_int_not_equal(state_fd(s), fd); /* a copy, with more room */
    const struct state_rec *rec = state_get(s, 0);
    assert_true(state_good(s, 0));
    assert_int_equal(rec->life.pid, 100);
    assert_int_equal(rec->life.stop_wall.ns, 0);
    assert_int_equal(state_window(s, 0)->at[0], 7);
    assert_int_equal(state_link(s, 1)->stdin_fd, 501);
    assert_false(state_good(s, 1)); /* as it was */
    assert_string_equal(state_text(s, STATE_MARK), "mark");
    assert_int_equal(state_errands(s)[5].used, 4711);
    assert_int_equal(*state_fcgi(s), 0);
    add(s, 2);
    check(s, 2, 2);
    s = reopen(&s);
    assert_non_null(s);
    check(s, 2, 2);
    state_free(&s);
}

/* What lies behind the record of the slot as we know it. */
static const unsigned char *rest_of(const struct state *s, uint32_t slot)
{
    return (const unsigned char *)slot_of(s, slot) + sizeof(struct slot);
}

static void test_one_of_the_next_version(void **ctx)
{
    (void)ctx;
    int fd = other_version(-32, -24, STATE_VERSION + 1);
    struct state *s = state_open(fd, &e);
    assert_non_null(s);
    assert_int_equal(state_fd(s), fd);
    check(s, 0, 0);
    assert_false(state_good(s, 1));
    assert_int_equal(state_errands(s)[5].used, 4711);
    for (uint32_t i = 2; i < 50; i++) {
        struct state_rec rec = *state_get(s, 0);
        rec.proc_index = i;
        state_put(s, 0, &rec);
        assert_true(state_good(s, 0));
        assert_int_equal(state_get(s, 0)->proc_index, i);
        for (int k = 0; k < 24; k++)
            assert_int_equal(rest_of(s, 0)[k], 0x5a); /* what we do not know stays */
    }
    ((unsigned char *)(uintptr_t)rest_of(s, 0))[3] = 0;
    assert_false(state_good(s, 0)); /* and counts */
    assert_int_equal(add(s, 2), 2);
    check(s, 2, 2);
    assert_int_equal(head_of(s)->version, STATE_VERSION + 1);
    state_free(&s);
}

static void refuse(int fd, const char *words)
{
    assert_null(state_open(fd, &e));
    assert_non_null(strstr(e.msg, words));
    assert_true(fcntl(fd, F_GETFD) >= 0); /* it stays the caller's */
    close(fd);
}

static void poke(int fd, size_t at, uint32_t value)
{
    assert_int_equal(pwrite(fd, &value, sizeof(value), (off_t)at), sizeof(value));
}

static void test_what_is_refused(void **ctx)
{
    (void)ctx;
    refuse(other_version(0, 0, STATE_VERSION + 2), "knows");
    refuse(other_version(0, 0, STATE_OLDEST - 1), "knows");
    int fd = other_version(0, 0, STATE_VERSION);
    poke(fd, offsetof(struct head, magic), 1);
    refuse(fd, "no state memory");
    fd = other_version(0, 0, STATE_VERSION);
    assert_int_equal(ftruncate(fd, 8192), 0);
    refuse(fd, "damaged");
    static const size_t sizes[] = {
        offsetof(struct head, slot_size), offsetof(struct head, rec_size),
        offsetof(struct head, head_size), offsetof(struct head, nslots),
        offsetof(struct head, text_len),  offsetof(struct head, windows_at),
        offsetof(struct head, errands_at)};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fd = other_version(0, 0, STATE_VERSION);
        poke(fd, sizes[i], 0x7fffffff);
        refuse(fd, "damaged");
    }
    fd = memfd_create("short", MFD_CLOEXEC);
    refuse(fd, "no state memory");
    refuse(open("/dev/null", O_RDONLY | O_CLOEXEC), "no state memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_it_is_there_again),
        cmocka_unit_test(test_a_commit_that_was_cut_short),
        cmocka_unit_test(test_generations_come_and_go),
        cmocka_unit_test(test_what_an_exec_keeps),
        cmocka_unit_test(test_one_of_the_version_before),
        cmocka_unit_test(test_one_of_the_next_version),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
