/* The protocol of event listeners: what each output leads to, however it was cut into reads. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/core/listener.h"

/* What a listener's output led to: a letter for each word, then the state. */
struct heard {
    char words[64];
    size_t n;
};

static char letter(enum listener_word w)
{
    static const char letters[] = {[LISTENER_IS_READY] = 'r',
                                   [LISTENER_DONE] = 'd',
                                   [LISTENER_REJECTED] = 'x',
                                   [LISTENER_BAD] = 'b'};
    return letters[w];
}

/* A copy, so that a sanitizer sees a look behind its end. An event is sent whenever it is ready, if
 * that was asked for. */
static void feed(struct listener *l, const char *p, size_t n, bool sends, struct heard *h)
{
    char *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    for (size_t at = 0; at < n;) {
        enum listener_word w;
        size_t used = listener_feed(l, copy + at, n - at, &w);
        assert_true(used > 0 && used <= n - at);
        at += used;
        if (w != LISTENER_NOTHING && h->n + 1 < sizeof(h->words))
            h->words[h->n++] = letter(w);
        if (w == LISTENER_IS_READY && sends)
            listener_send(l);
    }
    free(copy);
}

/* The same, whole and in pieces. */
static void check_n(const char *text, size_t n, bool sends, const char *words,
                    enum listener_state state)
{
    struct rng rng;
    rng_seed(&rng, n);
    for (int round = 0; round < 50; round++) {
        struct listener l;
        struct heard h = {{0}, 0};
        listener_init(&l);
        for (size_t at = 0, part; at < n; at += part) {
            part = round ? 1 + (size_t)rng_below(&rng, 5) : n;
            part = part < n - at ? part : n - at;
            feed(&l, text + at, part, sends, &h);
        }
        assert_string_equal(h.words, words);
        assert_int_equal(l.state, state);
    }
}

static void check(const char *text, bool sends, const char *words, enum listener_state state)
{
    check_n(text, strlen(text), sends, words, state);
}

static void test_ready(void **state)
{
    (void)state;
    check("", false, "", LISTENER_ACKNOWLEDGED);
    check("READY\n", false, "r", LISTENER_READY);
    check("READY", false, "", LISTENER_ACKNOWLEDGED);
    check("hi", false, "", LISTENER_ACKNOWLEDGED); /* as Supervisor: not enough to tell */
    check("hello\n", false, "b", LISTENER_UNKNOWN);
    check("READY\r", false, "b", LISTENER_UNKNOWN);
    check("ready\n", false, "b", LISTENER_UNKNOWN);
    check("READY\nx", false, "rb", LISTENER_UNKNOWN);
    check("READY\nREADY\n", false, "rb", LISTENER_UNKNOWN);
    check("hello\nREADY\n", false, "b", LISTENER_UNKNOWN);
}

static void test_results(void **state)
{
    (void)state;
    check("READY\nRESULT 2\nOK", true, "rd", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 2\nOKREADY\n", true, "rdr", LISTENER_BUSY);
    check("READY\nRESULT 4\nFAIL", true, "rx", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 4\nFAILREADY\nRESULT 2\nOK", true, "rxrd", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 2\nNO", true, "rx", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 3\nOK\n", true, "rx", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 1\nO", true, "rx", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 0\n", true, "rx", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT 2\nO", true, "r", LISTENER_BUSY);
    check("READY\nRESULT 2", true, "r", LISTENER_BUSY);
    /* a newline behind the data is a violation, as with Supervisor: it is not READY */
    check("READY\nRESULT 2\nOK\nREADY\n", true, "rdb", LISTENER_UNKNOWN);
}

static void test_result_lines(void **state)
{
    (void)state;
    check("READY\nresult 2\nOK", true, "rd", LISTENER_ACKNOWLEDGED); /* the word is not looked at */
    check("READY\nRESULT  2 \r\nOK", true, "rd", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT +2\nOK", true, "rd", LISTENER_ACKNOWLEDGED);
    check("READY\nRESULT -2\nOK", true, "rb", LISTENER_UNKNOWN);
    check("READY\nRESULT two\nOK", true, "rb", LISTENER_UNKNOWN);
    check("READY\nRESULT\nOK", true, "rb", LISTENER_UNKNOWN);
    check("READY\n\n", true, "rb", LISTENER_UNKNOWN);
    check("READY\nRESULT 2x\nOK", true, "rb", LISTENER_UNKNOWN);
    check("READY\nRESULT 99999999999999999999999\n", true, "rb", LISTENER_UNKNOWN);
    check("READY\nRESULT 1099511627776\n", true, "r", LISTENER_BUSY);
    check_n("READY\nRESULT 2\0\nOK", 18, true, "rb", LISTENER_UNKNOWN);
}

static void test_a_line_without_an_end(void **state)
{
    (void)state;
    char text[4096];
    memset(text, 'x', sizeof(text));
    memcpy(text, "READY\n", 6);
    check_n(text, sizeof(text), true, "rb", LISTENER_UNKNOWN);
    check_n(text, 6 + LISTENER_LINE, true, "r", LISTENER_BUSY);
    check_n(text, 7 + LISTENER_LINE, true, "rb", LISTENER_UNKNOWN);
}

static void test_long_results(void **state)
{
    (void)state;
    struct listener l;
    struct heard h = {{0}, 0};
    char data[1000] = "OK";
    listener_init(&l);
    feed(&l, "READY\nRESULT 1000000\n", 21, true, &h);
    for (int i = 0; i < 1000; i++) {
        assert_string_equal(h.words, "r");
        feed(&l, data, sizeof(data), true, &h);
    }
    assert_string_equal(h.words, "rx");
}

/* Whatever it says: the words come in an order that makes sense, and UNKNOWN stays. */
static void test_walk(void **state)
{
    (void)state;
    static const char *const pieces[] = {"READY\n",    "READY", "\n",   "RESULT 2\n",
                                         "RESULT 4\n", "OK",    "FAIL", "RESULT ",
                                         "2",          "x",     "\xff", " "};
    struct rng rng;
    rng_seed(&rng, 13);
    uint64_t seen[LISTENER_BAD + 1] = {0};
    for (int life = 0; life < 20000; life++) {
        struct listener l;
        bool has = false; /* an event */
        listener_init(&l);
        for (int i = 0; i < 50; i++) {
            const char *p = pieces[rng_below(&rng, COUNT(pieces))];
            if (rng_below(&rng, 10)) /* mostly what fits */
                p = l.state == LISTENER_ACKNOWLEDGED ? "READY\n"
                    : l.in_result                    ? pieces[5 + rng_below(&rng, 2)]
                                                     : pieces[3 + rng_below(&rng, 2)];
            for (size_t at = 0, n = strlen(p); at < n;) {
                enum listener_word w;
                uint8_t was = l.state;
                at += listener_feed(&l, p + at, n - at, &w);
                seen[w]++;
                assert_true(w != LISTENER_DONE || (has && l.state == LISTENER_ACKNOWLEDGED));
                assert_true(w != LISTENER_REJECTED || (has && l.state == LISTENER_ACKNOWLEDGED));
                assert_true(w != LISTENER_IS_READY || (!has && l.state == LISTENER_READY));
                assert_true((w == LISTENER_BAD) == (l.state == LISTENER_UNKNOWN && was != l.state));
                assert_true(was != LISTENER_UNKNOWN || l.state == LISTENER_UNKNOWN);
                assert_true(l.nline <= LISTENER_LINE && l.got <= l.length);
                has &= w == LISTENER_NOTHING || w == LISTENER_IS_READY;
                if (l.state == LISTENER_READY && rng_below(&rng, 3)) {
                    listener_send(&l);
                    has = true;
                }
                assert_int_equal(l.state == LISTENER_BUSY, has);
            }
        }
    }
    for (unsigned i = 0; i <= LISTENER_BAD; i++)
        assert_true(seen[i] > 100);
}

RUN(TEST(test_ready), TEST(test_results), TEST(test_result_lines), TEST(test_a_line_without_an_end),
    TEST(test_long_results), TEST(test_walk))
