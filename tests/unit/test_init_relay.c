/* Plain init's decisions: which signal goes where. */
#include "supervisor/init/relay.h"

#include "supervisor/init/persona.h"

#include "unit.h"

#include <signal.h>

static struct relay_action decide(const struct init_plan *plan, struct relay *r, int signo)
{
    return relay_decide(plan, r, (struct relay_signal){.signo = signo});
}

static void passes_all_but_three(void **state)
{
    (void)state;
    struct init_plan plan;
    struct relay r = {0};
    init_plan_default(&plan, &init_own);
    for (int sig = 1; sig < INIT_SIGNALS; sig++) {
        bool ours = sig == SIGCHLD || sig == SIGKILL || sig == SIGSTOP;
        assert_int_equal(decide(&plan, &r, sig).send, ours ? 0 : sig);
    }
    assert_int_equal(decide(&plan, &r, 0).send, 0);
    assert_int_equal(decide(&plan, &r, INIT_SIGNALS).send, 0);
}

static void drops_once(void **state)
{
    (void)state;
    struct init_plan plan;
    struct relay r = {.once = 1ULL << (SIGHUP - 1) | 1ULL << (SIGCONT - 1)};
    init_plan_default(&plan, &init_dumb);
    assert_int_equal(decide(&plan, &r, SIGTERM).send, SIGTERM);
    assert_int_equal(decide(&plan, &r, SIGHUP).send, 0);
    assert_int_equal(decide(&plan, &r, SIGHUP).send, SIGHUP);
    assert_int_equal(decide(&plan, &r, SIGCONT).send, 0);
    assert_int_equal(decide(&plan, &r, SIGCONT).send, SIGCONT);
}

static void stops_hard_unless_rewritten(void **state)
{
    (void)state;
    struct init_plan plan;
    struct relay r = {0};
    init_plan_default(&plan, &init_dumb);
    plan.stops_with = true;
    plan.becomes[SIGTTIN] = SIGUSR1;
    init_plan_stop_hard(&plan, 1ULL << (SIGTTIN - 1));
    assert_int_equal(decide(&plan, &r, SIGTSTP).send, SIGSTOP);
    assert_int_equal(decide(&plan, &r, SIGTTIN).send, SIGUSR1);
    assert_int_equal(decide(&plan, &r, SIGTTOU).send, SIGSTOP);
    assert_true(decide(&plan, &r, SIGTTIN).stop_us);
    assert_false(decide(&plan, &r, SIGTERM).stop_us);
}

static void clearing_is_hastened(void **state)
{
    (void)state;
    struct init_plan plan;
    struct relay r = {.clearing = true};
    init_plan_default(&plan, &init_own);
    for (int sig = 1; sig < INIT_SIGNALS; sig++) {
        bool ends = sig == SIGTERM || sig == SIGINT || sig == SIGQUIT;
        assert_int_equal(decide(&plan, &r, sig).send, 0);
        assert_int_equal(decide(&plan, &r, sig).hasten, ends);
    }
}

static void statuses(void **state)
{
    (void)state;
    struct init_plan plan;
    init_plan_default(&plan, &init_tini);
    plan.success[143 / 8] |= 1u << 143 % 8;
    assert_int_equal(init_plan_status(&plan, 143), 0);
    assert_int_equal(init_plan_status(&plan, 142), 142);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_all_but_three),
        cmocka_unit_test(drops_once),
        cmocka_unit_test(stops_hard_unless_rewritten),
        cmocka_unit_test(clearing_is_hastened),
        cmocka_unit_test(statuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
