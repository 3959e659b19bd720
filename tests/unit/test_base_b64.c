/* Base64, both ways. */
#include "supervisor/base/b64.h"
#include "supervisor/base/rng.h"
#include "tests/unit/unit.h"

static void known_texts(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {/* RFC 4648, section 10 */
                                           {"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct str s = STR_INIT;
        uint8_t out[16];
        size_t n = strlen(pairs[i][0]);
        b64_put(&s, pairs[i][0], n);
        assert_string_equal(str_text(&s), pairs[i][1]);
        assert_int_equal(b64_get(str_text(&s), s.len, out, sizeof(out)), (int64_t)n);
        assert_memory_equal(out, pairs[i][0], n);
        assert_int_equal(b64_get(str_text(&s), strcspn(str_text(&s), "="), out, n), (int64_t)n);
        str_fini(&s);
    }
}

static void all_bytes(void **state)
{
    (void)state;
    struct str s = STR_INIT;
    uint8_t in[256], out[256];
    for (int i = 0; i < 256; i++)
        in[i] = (uint8_t)(255 - i);
    b64_put(&s, in, sizeof(in));
    assert_int_equal(b64_get(s.s, s.len, out, sizeof(out)), 256);
    assert_memory_equal(in, out, 256);
    assert_int_equal(b64_get(s.s, s.len, out, 255), -1);
    str_fini(&s);
}

static void what_is_no_base64(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",    "Zg=", "Z===", "Zm9v=", "Zm 9",
                                      "Zm9-", "=",   "====", "Z\xc3"};
    uint8_t out[16];
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(b64_get(bad[i], strlen(bad[i]), out, sizeof(out)), -1);
}

RUN(TEST(known_texts), TEST(all_bytes), TEST(what_is_no_base64))
