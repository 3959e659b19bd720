/* The memory of event listeners: what is in it is there again for the next supd, and what a pipe
 * was given is counted right whenever the one before was killed. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/run/listenmem.h"
#include "supervisor/run/listensend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

static struct err e;

static struct listenmem *make(void)
{
    struct listenmem *m = listenmem_new(true, &e);
    assert_non_null(m);
    return m;
}

static struct listenmem *reopen(struct listenmem **m)
{
    int fd = dup(listenmem_fd(*m));
    listenmem_free(m);
    struct listenmem *again = listenmem_open(fd, &e);
    if (!again)
        close(fd);
    return again;
}

static uint32_t add(struct listenmem *m, uint32_t pool, uint64_t serial, const char *text, size_t n)
{
    struct lm_event ev = {
        .pool = pool, .len = (uint32_t)n, .serial = serial, .pool_serial = serial};
    int64_t i = listenmem_event_add(m, &ev, text);
    assert_true(i >= 0);
    return (uint32_t)i;
}

static void test_it_is_there_again(void **state)
{
    (void)state;
    struct listenmem *m = make();
    int64_t a = listenmem_pool_take(m, "a"), b = listenmem_pool_take(m, "b");
    assert_true(a >= 0 && b >= 0 && a != b && listenmem_pool_take(m, "a") == a);
    uint32_t one = add(m, (uint32_t)a, 7, "seven", 5), two = add(m, (uint32_t)b, 8, "eight", 5);
    int64_t l = listenmem_listener_take(m, 41);
    listenmem_listener(m, (uint32_t)l)->event = two + 1;
    listenmem_head(m)->serial = 9;
    m = reopen(&m);
    assert_non_null(m);
    assert_int_equal(listenmem_pool_take(m, "b"), b);
    assert_int_equal(listenmem_listener_find(m, 41), l);
    assert_int_equal(listenmem_listener_find(m, 40), -1);
    assert_int_equal(listenmem_listener(m, (uint32_t)l)->event, two + 1);
    assert_memory_equal(listenmem_text(m, listenmem_event(m, one)), "seven", 5);
    assert_int_equal(listenmem_head(m)->serial, 9);
    uint32_t three = add(m, (uint32_t)a, 9, "nine", 4); /* not where the others are */
    assert_memory_equal(listenmem_text(m, listenmem_event(m, one)), "seven", 5);
    assert_memory_equal(listenmem_text(m, listenmem_event(m, two)), "eight", 5);
    listenmem_pool_free(m, (uint32_t)a);
    assert_false(listenmem_event(m, one)->used || listenmem_event(m, three)->used);
    assert_true(listenmem_event(m, two)->used);
    listenmem_free(&m);
}

static void test_limits(void **state)
{
    (void)state;
    struct listenmem *m = make();
    char name[16];
    for (unsigned i = 0; i < LISTENMEM_POOLS; i++) {
        snprintf(name, sizeof(name), "p%u", i);
        assert_int_equal(listenmem_pool_take(m, name), i);
    }
    assert_int_equal(listenmem_pool_take(m, "more"), -1);
    for (unsigned i = 0; i < LISTENMEM_LISTENERS; i++)
        assert_int_equal(listenmem_listener_take(m, i), i);
    assert_int_equal(listenmem_listener_take(m, 7777), -1);
    listenmem_listener(m, 5)->slot = 0;
    assert_int_equal(listenmem_listener_take(m, 7777), 5);
    for (unsigned i = 0; i < LISTENMEM_EVENTS; i++)
        assert_int_equal(add(m, 0, i, "x", 1), i);
    struct lm_event ev = {.len = 1};
    assert_int_equal(listenmem_event_add(m, &ev, "x"), -1);
    listenmem_event_free(m, 99);
    assert_int_equal(listenmem_event_add(m, &ev, "x"), 99);
    listenmem_free(&m);
}

static void test_text_has_its_limit(void **state)
{
    (void)state;
    struct listenmem *m = make();
    size_t n = LISTENMEM_TEXT / 4;
    char *text = calloc(1, n);
    uint32_t at[4];
    for (int i = 0; i < 4; i++)
        at[i] = add(m, 0, (uint64_t)i, text, n);
    struct lm_event ev = {.len = 1};
    assert_int_equal(listenmem_event_add(m, &ev, "x"), -1);
    for (int i = 0; i < 4; i++)
        listenmem_event_free(m, at[i]);
    assert_int_equal(add(m, 0, 0, "x", 1), 0);
    free(text);
    listenmem_free(&m);
}

static size_t in_memory(const struct listenmem *m)
{
    struct stat st;
    assert_int_equal(fstat(listenmem_fd(m), &st), 0);
    return (size_t)st.st_blocks * 512;
}

/* An event that waits for ever (its listener is FATAL) does not make those of others fill the
 * memory; once there is none all of it goes back, to the one before or to a successor. */
static void test_text_stays_small(void **state)
{
    (void)state;
    static char text[50000];
    struct listenmem *m = make();
    uint32_t first = add(m, 0, 0, "x", 1);
    for (int i = 0; i < 2000; i++)
        listenmem_event_free(m, add(m, 1, (uint64_t)i, text, sizeof(text)));
    assert_true(in_memory(m) < 512u << 10);
    uint32_t large[40];
    for (int i = 0; i < 40; i++)
        large[i] = add(m, 1, (uint64_t)i, text, sizeof(text));
    assert_true(in_memory(m) > 1u << 20);
    for (int i = 0; i < 40; i++)
        listenmem_event_free(m, large[i]);
    m = reopen(&m);
    assert_non_null(m);
    listenmem_event_free(m, first);
    assert_true(in_memory(m) < 128u << 10);
    listenmem_free(&m);
}

static void refuse(struct listenmem *m)
{
    m = reopen(&m);
    assert_null(m);
}

static void test_damage_is_seen(void **state)
{
    (void)state;
    struct listenmem *m = make();
    listenmem_head(m)->magic++;
    refuse(m);
    m = make();
    listenmem_head(m)->nlisteners = LISTENMEM_LISTENERS + 1;
    refuse(m);
    m = make();
    listenmem_listener_take(m, 1);
    listenmem_listener(m, 0)->aim = LISTENMEM_READ + 1;
    refuse(m);
    m = make(); /* two events in one place: one of them is none */
    uint32_t one = add(m, 0, 1, "one", 3), two = add(m, 0, 2, "two", 3);
    listenmem_event(m, two)->unit = listenmem_event(m, one)->unit;
    m = reopen(&m);
    assert_non_null(m);
    assert_int_equal(listenmem_event(m, one)->used + listenmem_event(m, two)->used, 1);
    listenmem_free(&m);
    assert_int_equal(listenmem_check(0, &e), 0);
    assert_int_equal(listenmem_check(2, &e), -1);
}

/* Each way in which a step can be cut short comes to the same. */
static void test_steps(void **state)
{
    (void)state;
    for (int cut = 0; cut < 4; cut++) {
        struct listenmem *m = make();
        uint32_t ev = add(m, 0, 1, "one", 3);
        struct lm_listener *l = listenmem_listener(m, (uint32_t)listenmem_listener_take(m, 1));
        l->event = ev + 1;
        l->outcome = LISTENER_DONE;
        listener_init(&l->next);
        l->machine.state = LISTENER_BUSY;
        l->step = 1;
        if (cut > 0)
            listenmem_event_free(m, ev);
        if (cut > 1)
            l->event = 0;
        if (cut > 2)
            l->machine = l->next;
        listenmem_apply(m, l);
        assert_true(!l->step && !l->event && l->fed && l->machine.state == LISTENER_ACKNOWLEDGED);
        assert_false(listenmem_event(m, ev)->used);
        listenmem_free(&m);
    }
}

/* ---- what is written ---- */

#define TOTAL (1u << 20)

static char byte_at(uint32_t i)
{
    return (char)(i * 2654435761u >> 24);
}

static void test_sending(void **state)
{
    (void)state;
    struct listenmem *m = make();
    int ends[2];
    static char text[TOTAL], got[TOTAL];
    listenmem_listener_take(m, 1);
    struct lm_listener *l = listenmem_listener(m, 0);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    for (uint32_t i = 0; i < TOTAL; i++)
        text[i] = byte_at(i);
    uint32_t full = 0, n = 0;
    while (n < TOTAL) {
        enum listensend_end end = listensend(m, 0, LISTENSEND_EVENT, ends[1], text, TOTAL);
        assert_int_not_equal(end, LISTENSEND_BROKEN);
        full += end == LISTENSEND_FULL;
        ssize_t r = end == LISTENSEND_FULL ? read(ends[0], got + n, 10000) : 0;
        n += r > 0 ? (uint32_t)r : 0;
        if (l->sent == TOTAL)
            while ((r = read(ends[0], got + n, TOTAL - n)) > 0)
                n += (uint32_t)r;
    }
    assert_true(full > 10);
    assert_memory_equal(text, got, TOTAL);
    assert_int_equal(listenmem_head(m)->stage_for, 0);
    close(ends[0]);
    l->sent = 0;
    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(listensend(m, 0, LISTENSEND_EVENT, ends[1], text, 10), LISTENSEND_BROKEN);
    assert_int_equal(l->sent, 0);
    close(ends[1]);
    listenmem_free(&m);
}

static void write_on(struct listenmem *m, int fd, const char *text, unsigned bound)
{
    struct rng rng;
    rng_seed(&rng, bound);
    const struct lm_listener *l = listenmem_listener(m, 0);
    while (l->sent < TOTAL) {
        uint32_t end = l->sent + 1 + (uint32_t)rng_below(&rng, 9000);
        listensend(m, 0, LISTENSEND_EVENT, fd, text, end < TOTAL ? end : TOTAL);
    }
    CHILD_EXIT(0);
}

/* Reads for a while, and what is left once the writer is dead. */
static uint32_t read_on(int fd, char *got, uint32_t n, int pid, const struct rng *seed)
{
    struct rng rng = *seed;
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    poll(&wait, 1, (int)rng_below(&rng, 30)); /* on a busy machine the writer has hardly begun */
    for (int i = (int)rng_below(&rng, 30); i >= 0; i--) {
        ssize_t r = read(fd, got + n, 1 + (size_t)rng_below(&rng, 20000));
        n += r > 0 ? (uint32_t)r : 0;
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    for (ssize_t r; (r = read(fd, got + n, TOTAL - n)) > 0;)
        n += (uint32_t)r;
    return n;
}

/* A writer that is killed again and again: no byte is missing, none comes twice. */
static void test_killed_while_sending(void **state)
{
    (void)state;
    struct listenmem *m = make();
    int ends[2];
    static char text[TOTAL], got[TOTAL];
    struct rng rng;
    rng_seed(&rng, 11);
    listenmem_listener_take(m, 1);
    for (uint32_t i = 0; i < TOTAL; i++)
        text[i] = byte_at(i);
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    listensend(m, 0, LISTENSEND_EVENT, ends[1], text, 1); /* both will have the pipe of ours */
    unsigned kills = 0;
    for (uint32_t n = 0; n < TOTAL; kills++) {
        int pid = fork();
        if (pid == 0)
            write_on(m, ends[1], text, kills);
        rng_next(&rng);
        n = read_on(ends[0], got, n, pid, &rng);
        listensend_recover(m);
        assert_int_equal(listenmem_listener(m, 0)->sent, n);
        assert_int_equal(listenmem_head(m)->stage_for, 0);
    }
    assert_true(kills > 3);
    assert_memory_equal(text, got, TOTAL);
    close(ends[0]);
    close(ends[1]);
    listenmem_free(&m);
}

/* ---- records ---- */

static void test_records(void **state)
{
    (void)state;
    static char text[50000];
    struct listenmem *m = make();
    int64_t a = listenmem_keep(m, 7, 300), b = -1;
    assert_true(a >= 0);
    memcpy(listenmem_record(m, (uint32_t)a), "seven", 5);
    listenmem_keep_now(m, (uint32_t)a);
    b = listenmem_keep(m, 8, 10);
    listenmem_keep_now(m, (uint32_t)b);
    assert_true(listenmem_keep(m, 9, 10) >= 0); /* it never came to count */
    assert_int_equal(listenmem_kept(m, 7), -1); /* no one left it */
    uint32_t large[40];
    for (int i = 0; i < 40; i++)
        large[i] = add(m, 1, (uint64_t)i, text, sizeof(text));
    m = reopen(&m);
    assert_non_null(m);
    assert_int_equal(listenmem_kept(m, 9), -1);
    assert_int_equal(listenmem_kept(m, 7), a);
    assert_int_equal(listenmem_kept(m, 7), -1);
    listenmem_kept_sweep(m);
    assert_false(listenmem_event(m, (uint32_t)b)->used);
    listenmem_pool_free(m, LISTENMEM_POOLS - 1);
    for (int i = 0; i < 40; i++)
        listenmem_event_free(m, large[i]);
    assert_true(in_memory(m) < 128u << 10); /* they do not keep what else there was */
    assert_memory_equal(listenmem_record(m, (uint32_t)a), "seven", 5);
    listenmem_free(&m);
}

/* A record that was to take another one's place has it once it counts, not before. */
static void test_a_record_instead_of_another(void **state)
{
    (void)state;
    for (int cut = 0; cut < 3; cut++) {
        struct listenmem *m = make();
        int64_t a = listenmem_keep(m, 7, 10);
        listenmem_keep_now(m, (uint32_t)a);
        int64_t b = listenmem_keep(m, 7, 20);
        if (cut < 2)
            listenmem_head(m)->successor = (uint32_t)b + 1;
        if (cut == 1)
            listenmem_keep_now(m, (uint32_t)b);
        if (cut == 2)
            listenmem_keep_instead(m, (uint32_t)b, (uint32_t)a);
        m = reopen(&m);
        assert_non_null(m);
        assert_int_equal(listenmem_kept(m, 7), cut ? b : a);
        assert_int_equal(listenmem_kept(m, 7), -1);
        assert_int_equal(listenmem_head(m)->successor, 0);
        listenmem_free(&m);
    }
}

static void test_the_socket_for_text(void **state)
{
    (void)state;
    struct listenmem *m = make();
    int ends[2], fd = listenmem_fd(m);
    int32_t got[2];
    struct lm_head *h = listenmem_head(m);
    assert_false(listenmem_take_text(fd, 1, got));
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
    h->text_fds[0] = ends[0];
    h->text_fds[1] = ends[1];
    h->text_image = 4;
    assert_false(listenmem_take_text(fd, 4, got) || listenmem_take_text(fd, 6, got));
    assert_true(listenmem_take_text(fd, 5, got));
    assert_true(got[0] == ends[0] && got[1] == ends[1] && h->text_image == 5);
    assert_false(listenmem_take_text(0, 6, got));
    close(ends[1]);
    assert_false(listenmem_take_text(fd, 6, got));
    close(ends[0]);
    listenmem_free(&m);
}

RUN(TEST(test_it_is_there_again), TEST(test_limits), TEST(test_text_has_its_limit),
    TEST(test_text_stays_small), TEST(test_damage_is_seen), TEST(test_steps), TEST(test_sending),
    TEST(test_killed_while_sending), TEST(test_records), TEST(test_a_record_instead_of_another),
    TEST(test_the_socket_for_text))
