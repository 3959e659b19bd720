/* The messages of taps: what is none is refused; text that came twice counts once, what did not
 * come is counted. */
#include "unit.h"

#include "supervisor/base/rng.h"
#include "supervisor/core/tap.h"

static size_t make(char *out, struct tap_head h, const char *text)
{
    h.size = sizeof(h);
    h.len = (uint32_t)strlen(text);
    memcpy(out, &h, sizeof(h));
    memcpy(out + sizeof(h), text, h.len);
    return sizeof(h) + h.len;
}

static void test_messages(void **state)
{
    (void)state;
    char m[TAP_MESSAGE + 1];
    struct tap_head h;
    const char *text;
    size_t n = make(m, (struct tap_head){.slot = 3, .key = 7, .at = 9, .channel = 1}, "hello");
    assert_true(tap_read(m, n, &h, &text));
    assert_int_equal(h.key, 7);
    assert_memory_equal(text, "hello", 5);
    assert_false(tap_read(m, n - 1, &h, &text));
    assert_false(tap_read(m, n + 1, &h, &text));
    assert_false(tap_read(m, sizeof(h) - 1, &h, &text));
    n = make(m, (struct tap_head){.channel = 2}, "hello");
    assert_false(tap_read(m, n, &h, &text));
    n = make(m, (struct tap_head){.flags = TAP_NAMES}, "no end");
    assert_false(tap_read(m, n, &h, &text));
    h = (struct tap_head){.size = sizeof(h), .len = TAP_TEXT + 1};
    memcpy(m, &h, sizeof(h));
    assert_false(tap_read(m, sizeof(m), &h, &text));
}

static bool join(struct tap_join *j, uint64_t at, unsigned flags, const char **text, uint32_t *len,
                 uint64_t *skipped)
{
    struct tap_head h = {.at = at, .len = *len, .flags = (uint8_t)flags};
    bool is_new = tap_join(j, &h, text, skipped);
    *len = h.len;
    return is_new;
}

static void test_joining(void **state)
{
    (void)state;
    struct tap_join j = {0};
    const char *text = "abcdef";
    uint64_t skipped;
    uint32_t len = 6;
    assert_true(join(&j, 0, 0, &text, &len, &skipped) && skipped == 0 && len == 6);
    assert_false(join(&j, 0, 0, &text, &len, &skipped)); /* again */
    assert_true(join(&j, 3, 0, &text, &len, &skipped) && skipped == 0 && len == 3);
    assert_string_equal(text, "def");
    len = 0;
    assert_false(join(&j, 9, 0, &text, &len, &skipped)); /* nothing was lost */
    assert_true(join(&j, 20, 0, &text, &len, &skipped) && skipped == 11);
    assert_true(join(&j, 20, TAP_END, &text, &len, &skipped) && skipped == 0);
    assert_false(join(&j, 20, TAP_END, &text, &len, &skipped));
    len = 2;
    assert_true(join(&j, 19, TAP_END, &text, &len, &skipped) && len == 0); /* only its end is new */
    len = 5;
    assert_false(join(&j, UINT64_MAX - 2, 0, &text, &len, &skipped)); /* wraps */
}

/* A text in messages of which some are lost and some come twice: what is told adds up. */
static void test_random_loss(void **state)
{
    (void)state;
    struct rng rng;
    rng_seed(&rng, 5);
    char all[5000];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (char)rng_below(&rng, 256);
    for (int turn = 0; turn < 500; turn++) {
        struct tap_join j = {0};
        uint64_t got = 0, lost = 0;
        for (size_t at = 0; at < sizeof(all);) {
            size_t n = 1 + (size_t)rng_below(&rng, 300), from = at;
            n = n < sizeof(all) - at ? n : sizeof(all) - at;
            if (rng_below(&rng, 4) == 0 && at > 200) /* some of it again */
                from = at - (size_t)rng_below(&rng, 200);
            struct tap_head h = {.at = from, .len = (uint32_t)(at + n - from)};
            const char *text = all + from;
            uint64_t skipped = 0;
            if (rng_below(&rng, 3) && tap_join(&j, &h, &text, &skipped)) {
                assert_ptr_equal(text, all + h.at);
                got += h.len;
                lost += skipped;
            }
            at += n;
        }
        struct tap_head last = {.at = sizeof(all)};
        const char *text = "";
        uint64_t skipped = 0;
        tap_join(&j, &last, &text, &skipped);
        assert_int_equal(got + lost + skipped, sizeof(all));
    }
}

RUN(TEST(test_messages), TEST(test_joining), TEST(test_random_loss))
