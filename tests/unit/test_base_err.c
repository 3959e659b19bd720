/* Errors as sentences: text, errno, prefixes, and the mark of a cut. */
#include "tests/unit/unit.h"

#include "supervisor/base/err.h"

#include <errno.h>

static void sentences(void **state)
{
    (void)state;
    struct err e = {0};
    assert_int_equal(err_set(&e, "no such program: %s", "web"), -1);
    assert_string_equal(e.msg, "no such program: web");
    assert_int_equal(e.errnum, 0);
    assert_int_equal(err_errno(&e, EACCES, "cannot open %s", "/x"), -1);
    assert_string_equal(e.msg, "cannot open /x: Permission denied");
    assert_int_equal(e.errnum, EACCES);
    assert_int_equal(err_prefix(&e, "program %s: %s", "web", "stdout_logfile"), -1);
    assert_string_equal(e.msg, "program web: stdout_logfile: cannot open /x: Permission denied");
    assert_int_equal(e.errnum, EACCES);
    err_errno(&e, 99999, "odd");
    assert_string_equal(e.msg, "odd: Unknown error");
}

static void nobody_listens(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, "x"), -1);
    assert_int_equal(err_errno(NULL, EPERM, "x"), -1);
    assert_int_equal(err_prefix(NULL, "x"), -1);
}

static void cuts_are_marked(void **state)
{
    (void)state;
    struct err e = {0};
    err_set(&e, "%*s", ERR_MAX - 1, "x");
    assert_int_equal(strlen(e.msg), ERR_MAX - 1);
    assert_int_equal(e.msg[ERR_MAX - 2], 'x'); /* just fits */
    err_prefix(&e, "p");
    assert_int_equal(strlen(e.msg), ERR_MAX - 1);
    assert_string_equal(e.msg + ERR_MAX - 4, "...");
    err_set(&e, "%*s", ERR_MAX, "x");
    assert_string_equal(e.msg + ERR_MAX - 4, "...");
    err_errno(&e, EIO, "%*s", ERR_MAX - 8, "x");
    assert_string_equal(e.msg + ERR_MAX - 4, "...");
    err_set(&e, "short");
    assert_string_equal(e.msg, "short");
}

RUN(TEST(sentences), TEST(nobody_listens), TEST(cuts_are_marked))
