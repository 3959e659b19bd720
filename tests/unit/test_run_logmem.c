/* supd's side of the memory shared with supd-log: slots and strings come back and are used again.
 */
#include "supervisor/run/logmem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

static struct logmem mem;
static struct err e;

static int make(void **state)
{
    (void)state;
    return logmem_init(&mem, 0, &e);
}

static int drop(void **state)
{
    (void)state;
    logmem_fini(&mem);
    return 0;
}

static uint32_t share(const char *text)
{
    int64_t off = logmem_share(&mem, text, strlen(text), &e);
    assert_true(off >= 0);
    return (uint32_t)off;
}

static uint32_t string(const char *text)
{
    int64_t off = logmem_string(&mem, text, &e);
    assert_true(off >= 0);
    return (uint32_t)off;
}

static void test_nothing_costs_nothing(void **state)
{
    (void)state;
    uint32_t end = mem.h->string_end, none = 0;
    assert_int_equal(string(""), 0);
    assert_int_equal(logmem_string(&mem, NULL, &e), 0);
    assert_int_equal(share(""), 0);
    logmem_string_free(&mem, &none);
    logmem_share_free(&mem, &none);
    assert_int_equal(mem.h->string_end, end);
}

static void test_what_is_given_back_is_used_again(void **state)
{
    (void)state;
    uint32_t a = string("web.out"), b = string("api.out"), was = a;
    assert_int_not_equal(a, b);
    logmem_string_free(&mem, &a);
    assert_int_equal(a, 0);
    assert_int_equal(string("new.out"), was);
    assert_string_equal(logshm_string(mem.h, was), "new.out");
    assert_string_equal(logshm_string(mem.h, b), "api.out");
}

static void test_a_shared_text_is_there_once_until_its_last_user_goes(void **state)
{
    (void)state;
    uint32_t a = share("/var/log/"), b = share("/var/log/"), at = a;
    assert_int_equal(a, b);
    uint32_t longer = share("/var/log/web/"), shorter = share("/var/");
    assert_int_not_equal(longer, a);
    assert_int_not_equal(shorter, a);
    logmem_share_free(&mem, &a);
    assert_string_equal(logshm_string(mem.h, b), "/var/log/");
    assert_int_equal(share("/var/log/"), at);
    logmem_share_free(&mem, &b);
    logmem_share_free(&mem, &at);
    /* another text in its place, which by chance has it inside */
    uint32_t other = string("back/var/log/");
    assert_string_equal(logshm_string(mem.h, at = share("/var/log/")), "/var/log/");
    assert_true(at < other || at > other + strlen("back/var/log/"));
    assert_string_equal(logshm_string(mem.h, other), "back/var/log/");
}

static void test_many_users_at_random(void **state)
{
    (void)state;
    enum { HELD = 300, TEXTS = 40, ROUNDS = 20000 };
    uint32_t held[HELD] = {0};
    char want[HELD][16];
    uint32_t end = 0;
    srandom(7);
    for (int i = 0; i < ROUNDS; i++) {
        unsigned k = (unsigned)random() % HELD;
        if (held[k]) {
            assert_string_equal(logshm_string(mem.h, held[k]), want[k]);
            logmem_share_free(&mem, &held[k]);
        } else {
            snprintf(want[k], sizeof(want[k]), "/folder%ld/", random() % TEXTS);
            held[k] = share(want[k]);
        }
        end = i == ROUNDS / 2 ? mem.h->string_end : end;
    }
    assert_true(mem.h->string_end < end + 1024); /* what was given back is enough */
}

static void test_slots_give_their_texts_back(void **state)
{
    (void)state;
    uint32_t end = 0;
    for (int i = 0; i < 100; i++) {
        int64_t slot = logmem_slot_new(&mem, &e);
        assert_int_equal(slot, 0);
        struct logshm_stream *r = logshm_stream(mem.h, (uint32_t)slot);
        r->name = share("web_00");
        r->program = share("web");
        r->folder = share("/var/log/");
        r->path = string("web.out");
        r->kind = LOGSHM_FILE;
        char buf[LOGSHM_PATH];
        assert_string_equal(logshm_path(mem.h, r, buf), "/var/log/web.out");
        logmem_slot_free(&mem, (uint32_t)slot);
        end = end ? end : mem.h->string_end;
        assert_int_equal(mem.h->string_end, end);
    }
}

static void test_what_is_too_long_is_an_error(void **state)
{
    (void)state;
    static char text[LOGSHM_PATH + 1];
    memset(text, 'x', LOGSHM_PATH);
    assert_int_equal(logmem_string(&mem, text, &e), -1);
    assert_non_null(strstr(e.msg, "longer than"));
    assert_int_equal(logmem_share(&mem, text, LOGSHM_PATH, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing_costs_nothing, make, drop),
        cmocka_unit_test_setup_teardown(test_what_is_given_back_is_used_again, make, drop),
        cmocka_unit_test_setup_teardown(test_a_shared_text_is_there_once_until_its_last_user_goes,
                                        make, drop),
        cmocka_unit_test_setup_teardown(test_many_users_at_random, make, drop),
        cmocka_unit_test_setup_teardown(test_slots_give_their_texts_back, make, drop),
        cmocka_unit_test_setup_teardown(test_what_is_too_long_is_an_error, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
