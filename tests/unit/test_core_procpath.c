/* What must have happened to a process between two looks at it. */
#include "unit.h"

#include "supervisor/core/procpath.h"

static void check(enum proc_state from, enum proc_state to, bool again, const char *want)
{
    enum proc_state out[PROC_PATH_MAX];
    char text[128] = "";
    unsigned n = proc_path(from, to, again, out);
    assert_true(n <= PROC_PATH_MAX);
    for (unsigned i = 0; i < n; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "",
                 proc_state_name(out[i]));
    assert_string_equal(text, want);
}

static void test_paths(void **state)
{
    (void)state;
    check(PROC_RUNNING, PROC_RUNNING, false, "");
    check(PROC_STOPPED, PROC_STARTING, false, "STARTING");
    check(PROC_STOPPED, PROC_RUNNING, false, "STARTING RUNNING");
    check(PROC_RUNNING, PROC_RUNNING, true, "EXITED STARTING RUNNING");
    check(PROC_RUNNING, PROC_STARTING, false, "EXITED STARTING");
    check(PROC_RUNNING, PROC_STOPPED, false, "STOPPING STOPPED");
    check(PROC_STARTING, PROC_STARTING, true, "BACKOFF STARTING");
    check(PROC_STARTING, PROC_EXITED, false, "RUNNING EXITED");
    check(PROC_STARTING, PROC_FATAL, false, "BACKOFF FATAL");
    check(PROC_STOPPED, PROC_FATAL, false, "STARTING BACKOFF FATAL");
    check(PROC_FATAL, PROC_STOPPED, false, "STARTING BACKOFF STOPPED");
    check(PROC_STOPPING, PROC_RUNNING, false, "STOPPED STARTING RUNNING");
    check(PROC_UNKNOWN, PROC_UNKNOWN, true, "STOPPED STARTING UNKNOWN");
}

/* From everywhere to everywhere, in few steps that end where they are to. */
static void test_all(void **state)
{
    (void)state;
    static const enum proc_state all[] = {PROC_STOPPED,  PROC_STARTING, PROC_RUNNING, PROC_BACKOFF,
                                          PROC_STOPPING, PROC_EXITED,   PROC_FATAL,   PROC_UNKNOWN};
    for (size_t i = 0; i < COUNT(all); i++)
        for (size_t k = 0; k < COUNT(all); k++) {
            enum proc_state out[PROC_PATH_MAX];
            unsigned n = proc_path(all[i], all[k], true, out);
            assert_true(n >= 1 && n <= 5);
            assert_int_equal(out[n - 1], all[k]);
        }
}

RUN(TEST(test_paths), TEST(test_all))
