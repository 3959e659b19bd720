/* URLs as the HTTP port takes them. */
#include "supervisor/io/http_out.h"

#include "unit.h"

#include <string.h>

static void urls_are_checked(void **state)
{
    (void)state;
    struct err e;
    assert_true(http_url_ok("https://api.example/x?y", &e));
    assert_false(http_url_ok("https://me:pw@api.example/", &e));
    assert_null(strstr(e.msg, "pw@"));
    assert_false(http_url_ok("ftp://api.example/", &e));
}

RUN(TEST(urls_are_checked))
