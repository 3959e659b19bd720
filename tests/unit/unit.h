/* What every unit test includes: cmocka with the headers that it wants first. */
#ifndef UNIT_H
#define UNIT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How a forked child of a test ends: coverage is written, and nothing else happens. */
#ifdef SUPD_COVERAGE
void __gcov_dump(void);
#define CHILD_EXIT(code)                                                                           \
    do {                                                                                           \
        int child_code = (code);                                                                   \
        __gcov_dump();                                                                             \
        _exit(child_code);                                                                         \
    } while (0)
#else
#define CHILD_EXIT(code) _exit(code)
#endif

#define TEST(fn) cmocka_unit_test(fn)
#define RUN(...)                                                                                   \
    int main(void)                                                                                 \
    {                                                                                              \
        const struct CMUnitTest tests[] = {__VA_ARGS__};                                           \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
