/* HTTP Basic authentication: who comes in. */
#include "supervisor/core/basicauth.h"
#include "supervisor/base/b64.h"
#include "supervisor/io/sha1.h"
#include "tests/unit/unit.h"

#define HASHED "{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d" /* of "thepassword" */

static int judge(const char *user, const char *password, const char *header)
{
    return basicauth_judge(&(struct basicauth){user, password, sha1_hex}, header);
}

/* the same with these credentials */
static int try(const char *user, const char *password, const char *given)
{
    struct str s = STR_INIT;
    str_puts(&s, "Basic ");
    b64_put(&s, given, strlen(given));
    int status = judge(user, password, str_text(&s));
    str_fini(&s);
    return status;
}

static void test_passwords(void **state)
{
    (void)state;
    assert_int_equal(judge("", NULL, NULL), 200);
    assert_int_equal(judge(NULL, NULL, "nonsense"), 200);
    assert_int_equal(judge("u", "p", NULL), 401);
    assert_int_equal(try("u", "p", "u:p"), 200);
    assert_int_equal(try("u", "p:q", "u:p:q"), 200);
    assert_int_equal(try("u", "", "u:"), 200);
    static const char *const wrong[] = {"u:", "u:q", "u:pp", "v:p", "uu:p", ":p", "u", "", "U:p"};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_not_equal(try("u", "p", wrong[i]), 200);
    assert_int_equal(try("u", HASHED, "u:thepassword"), 200);
    assert_int_equal(try("u", HASHED, "u:" HASHED), 401);
    assert_int_equal(try("u", HASHED, "u:82ab876d1387bfafe46cc1c8a2ef074eae50cb1d"), 401);
    assert_int_equal(try("u", "{SHA}82AB876D1387BFAFE46CC1C8A2EF074EAE50CB1D", "u:thepassword"),
                     401);
    assert_int_equal(try("u", "{SHA}", "u:"), 401);
}

static void test_headers(void **state)
{
    (void)state;
    assert_int_equal(judge("u", "p", "Basic dTpw"), 200);
    assert_int_equal(judge("u", "p", "bAsIc   dTpw "), 200);
    assert_int_equal(judge("u", "p", "Basic !!!!"), 400);
    assert_int_equal(judge("u", "p", "Basic "), 400);
    assert_int_equal(judge("u", "p", "Basic"), 401);
    assert_int_equal(judge("u", "p", "Basicx dTpw"), 401);
    assert_int_equal(judge("u", "p", "Digest dTpw"), 401);
    assert_int_equal(judge("u", "p", ""), 401);
    char big[10000];
    memset(big, 'A', sizeof(big));
    memcpy(big, "Basic ", 6);
    big[sizeof(big) - 1] = '\0';
    assert_int_equal(judge("u", "p", big), 401);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
