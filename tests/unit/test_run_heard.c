/* What was heard of a stream: whoever is killed at any point and takes the message again comes to
 * the same. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/core/tap.h"
#include "supervisor/run/heard.h"

#include <signal.h>
#include <sys/wait.h>

static struct err e;

static struct listenmem *again(struct listenmem **m)
{
    int fd = dup(listenmem_fd(*m));
    listenmem_free(m);
    struct listenmem *next = listenmem_open(fd, &e);
    assert_non_null(next);
    return next;
}

static void take(struct heard *h, const char *text, size_t n, size_t limit)
{
    struct heard_at at = heard_now(h);
    heard_put(h, &at, text, n, limit);
    at.at += n;
    heard_commit(h, &at);
}

static void is(const struct heard *h, const char *text, size_t n)
{
    struct heard_at at = heard_now(h);
    assert_true(at.len >= n);
    assert_memory_equal(heard_text(h, &at) + at.len - n, text, n);
}

static void test_the_last_bytes(struct listenmem *m)
{
    static char text[300000];
    struct heard h;
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = (char)(i * 2654435761u >> 24);
    assert_true(heard_open(&h, m, 3, 4));
    for (size_t i = 0, n; i < sizeof(text); i += n) {
        n = 1 + i * 7 % TAP_TEXT;
        n = n < sizeof(text) - i ? n : sizeof(text) - i;
        take(&h, text + i, n, 20000);
        size_t last = i + n < 20000 ? i + n : 20000;
        is(&h, text + i + n - last, last);
        assert_true(h.record->room <= 30000 + TAP_TEXT);
    }
    struct heard_at at = heard_now(&h);
    assert_true(at.at == sizeof(text) && !at.unheard);
    at.len = 0;
    heard_commit(&h, &at);
    assert_true(h.record->room <= 4096 && heard_now(&h).at == sizeof(text));
    take(&h, "x", 1, 0);
    heard_close(&h);
}

static void test_in_ordinary_memory(void **state)
{
    (void)state;
    test_the_last_bytes(NULL);
}

static void test_in_kept_memory(void **state)
{
    (void)state;
    struct listenmem *m = listenmem_new(true, &e);
    test_the_last_bytes(m);
    for (uint32_t i = 0; i < listenmem_head(m)->nevents; i++)
        assert_false(listenmem_event(m, i)->used);
    listenmem_free(&m);
}

static void test_it_is_there_again(void **state)
{
    (void)state;
    struct listenmem *m = listenmem_new(true, &e);
    struct heard h, other, next;
    assert_true(heard_open(&h, NULL, 3, 4) && heard_open(&other, m, 3, 5));
    take(&h, "first ", 6, 100);
    assert_true(heard_move(&h, m) && heard_move(&h, m));
    take(&h, "second", 6, 100);
    struct heard_at at = heard_now(&h);
    heard_put(&h, &at, "lost", 4, 100); /* no commit */
    m = again(&m);
    assert_true(heard_open(&next, m, 3, 4));
    is(&next, "first second", 12);
    assert_int_equal(heard_now(&next).len, 12);
    assert_true(heard_open(&other, m, 3, 5) && heard_now(&other).len == 0);
    heard_close(&next);
    assert_true(heard_open(&next, m, 3, 4) && heard_now(&next).at == 0); /* another one */
    listenmem_free(&m);
}

static void test_one_that_is_damaged(void **state)
{
    (void)state;
    struct listenmem *m = listenmem_new(true, &e);
    struct heard h;
    assert_true(heard_open(&h, m, 3, 4));
    take(&h, "text", 4, 100);
    h.record->at[h.record->cur].len = 1000000;
    m = again(&m);
    assert_true(heard_open(&h, m, 3, 4) && heard_now(&h).len == 0);
    listenmem_free(&m);
}

static void test_no_memory(void **state)
{
    (void)state;
    struct listenmem *m = listenmem_new(true, &e);
    struct heard h;
    char *text = calloc(1, LISTENMEM_TEXT);
    assert_true(heard_open(&h, m, 3, 4));
    take(&h, "text", 4, 100);
    struct lm_event ev = {.len = LISTENMEM_TEXT - 8192};
    assert_true(listenmem_event_add(m, &ev, text) >= 0);
    take(&h, text, TAP_TEXT, 100000);
    assert_true(heard_now(&h).unheard == TAP_TEXT && heard_now(&h).len == 4);
    is(&h, "text", 4);
    listenmem_free(&m);
    free(text);
}

#define TOTAL (1u << 18)
#define LIMIT 9000u

/* Its messages are cut the same way every time, as in a socket that is only looked into. */
static void hear_on(struct heard *h, const char *text)
{
    struct heard_at at;
    while ((at = heard_now(h)).at < TOTAL) {
        size_t n = 1 + (size_t)(at.at * 31 % 3000);
        take(h, text + at.at, n < TOTAL - at.at ? n : TOTAL - at.at, LIMIT);
    }
    CHILD_EXIT(0);
}

/* Until all is heard; returns how often there was more to hear after the kill. */
static unsigned kill_often(const char *text, struct rng *rng)
{
    struct listenmem *m = listenmem_new(true, &e);
    struct heard h;
    unsigned cut = 0;
    assert_true(heard_open(&h, m, 3, 4));
    for (uint64_t at = 0; at < TOTAL; cut += at < TOTAL) {
        int pid = fork();
        if (pid == 0)
            hear_on(&h, text);
        for (volatile uint64_t i = rng_below(rng, 300000); i; i--)
            ;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        m = again(&m);
        assert_true(heard_open(&h, m, 3, 4));
        assert_int_equal(listenmem_kept(m, (uint64_t)4 << 32 | 3), -1);
        at = heard_now(&h).at;
        size_t last = at < LIMIT ? (size_t)at : LIMIT;
        is(&h, text + at - last, last);
    }
    listenmem_free(&m);
    return cut;
}

static void test_killed_at_any_moment(void **state)
{
    (void)state;
    static char text[TOTAL];
    struct rng rng;
    rng_seed(&rng, 5);
    for (uint32_t i = 0; i < TOTAL; i++)
        text[i] = (char)(i * 2654435761u >> 24);
    unsigned cut = 0;
    for (int i = 0; i < 200 && cut < 20; i++) /* on a busy machine it often comes to its end */
        cut += kill_often(text, &rng);
    assert_true(cut > 0);
}

RUN(TEST(test_in_ordinary_memory), TEST(test_in_kept_memory), TEST(test_it_is_there_again),
    TEST(test_one_that_is_damaged), TEST(test_no_memory), TEST(test_killed_at_any_moment))
