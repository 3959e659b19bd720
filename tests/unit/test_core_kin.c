/* Who belongs to whom in made-up lists of processes. */
#include "supervisor/core/kin.h"
#include "tests/unit/unit.h"

#define SUPD 1
#define SESSION 1

static struct kin v[16];
static size_t n;

static void add(int pid, int ppid, int pgid, int sid, uint32_t owner, bool led)
{
    v[n++] = (struct kin){.pid = pid,
                          .ppid = ppid,
                          .pgid = pgid,
                          .sid = sid,
                          .start = (uint64_t)pid,
                          .owner = owner,
                          .led = led};
    kin_sort(v, n);
}

static int setup(void **state)
{
    (void)state;
    n = 0;
    add(SUPD, 0, SUPD, SESSION, KIN_NOBODY, false);
    return 0;
}

static struct kin *at(int pid)
{
    return kin_find(v, n, pid);
}

static void descendants_have_the_owner_of_their_nearest_ancestor(void **state)
{
    (void)state;
    add(10, SUPD, 10, SESSION, 7, true);
    add(14, 12, 14, 14, KIN_NOBODY, false); /* before its parent in the list of none */
    add(12, 10, 10, SESSION, KIN_NOBODY, false);
    add(11, SUPD, 11, 11, 8, false);
    add(13, 11, 11, 11, KIN_NOBODY, false);
    add(15, SUPD, 15, 15, KIN_NOBODY, false);
    kin_spread(v, n, SESSION);
    assert_true(at(12)->owner == 7 && at(12)->led && at(12)->how == KIN_PARENT);
    assert_true(at(14)->owner == 7 && at(14)->led);
    assert_true(at(13)->owner == 8 && !at(13)->led);
    assert_true(at(15)->owner == KIN_NOBODY && at(SUPD)->owner == KIN_NOBODY);
}

/* One that lost its parent is in a session which only one program is in. */
static void sessions_tell(void **state)
{
    (void)state;
    add(10, SUPD, 10, SESSION, 7, true);
    add(11, 10, 11, 11, KIN_NOBODY, false);   /* made the session */
    add(12, SUPD, 12, 11, KIN_NOBODY, false); /* its fellow, an orphan */
    add(13, 12, 13, 13, KIN_NOBODY, false);   /* the child of that */
    add(14, SUPD, 14, SESSION, KIN_NOBODY, false);
    kin_spread(v, n, SESSION);
    assert_true(at(12)->owner == 7 && at(12)->how == KIN_SESSION && !at(12)->led);
    assert_true(at(13)->owner == 7 && !at(13)->led);
    assert_true(at(14)->owner == KIN_NOBODY); /* supd's own session tells nothing */
}

static void a_session_of_two_programs_tells_nothing(void **state)
{
    (void)state;
    add(10, SUPD, 10, 10, 7, false);
    add(11, SUPD, 11, 10, 8, false);
    add(12, SUPD, 12, 10, KIN_NOBODY, false);
    add(13, SUPD, 13, 13, KIN_OURS, true);
    add(14, SUPD, 14, 13, KIN_NOBODY, false); /* nor does that of a helper */
    kin_spread(v, n, SESSION);
    assert_true(at(12)->owner == KIN_NOBODY && at(14)->owner == KIN_NOBODY);
}

/* A list that was read while processes came and went. */
static void a_ring_of_parents_ends(void **state)
{
    (void)state;
    add(10, 11, 10, 10, KIN_NOBODY, false);
    add(11, 10, 11, 11, KIN_NOBODY, false);
    add(12, 99, 12, 12, KIN_NOBODY, false);
    kin_spread(v, n, SESSION);
    assert_true(at(10)->owner == KIN_NOBODY);
    assert_false(kin_below(v, n, at(10), SUPD));
    assert_true(kin_below(v, n, at(10), 11));
    assert_false(kin_below(v, n, at(12), SUPD));
    kin_spread(v, 0, SESSION);
}

static int leader(void *obj, uint32_t owner)
{
    return owner == 7 ? *(int *)obj : 0;
}

static void the_nearest_that_is_known_was_the_parent(void **state)
{
    (void)state;
    int last = 5;
    add(20, SUPD, 20, 20, 7, false); /* nothing is known but its program */
    add(21, SUPD, 21, 9, 7, false);  /* its session was made by 9, which is dead */
    add(22, SUPD, 8, 22, 7, false);  /* its group was */
    add(23, 20, 20, 20, 7, false);   /* lives with its parent */
    add(24, SUPD, 24, 24, 7, false);
    at(24)->former = 3;              /* noted */
    add(25, SUPD, 25, 25, 7, true);  /* the leader: no orphan */
    add(26, SUPD, 26, 20, 7, false); /* of a session whose maker lives elsewhere */
    add(27, SUPD, 27, 27, KIN_NOBODY, false);
    kin_former(v, n, SUPD, leader, &last);
    assert_int_equal(at(20)->former, 5);
    assert_int_equal(at(21)->former, 9);
    assert_int_equal(at(22)->former, 8);
    assert_int_equal(at(23)->former, 20);
    assert_int_equal(at(24)->former, 3);
    assert_int_equal(at(25)->former, 0);
    assert_int_equal(at(26)->former, 5);
    assert_int_equal(at(27)->former, 0);
}

static void the_new_instance_is_no_leftover(void **state)
{
    (void)state;
    add(20, SUPD, 20, 20, 7, false);       /* escaped from the run before */
    add(40, SUPD, 40, 40, KIN_OURS, true); /* who looks */
    add(50, SUPD, 50, 50, 7, false);       /* the new leader, which was made while the list was */
    add(51, 50, 51, 51, 7, false);         /* and what it has started */
    add(60, SUPD, 20, 20, 7, false);
    /* the list's maker knows of no leader */
    assert_true(kin_is_earlier(v, n, at(20), 0, 0, 40));
    assert_false(kin_is_earlier(v, n, at(50), 0, 0, 40));
    assert_false(kin_is_earlier(v, n, at(51), 0, 0, 40));
    /* it knows it, and who was there before */
    assert_true(kin_is_earlier(v, n, at(20), 50, 50, 60));
    assert_true(kin_is_earlier(v, n, at(40), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(50), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(51), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(20), 50, 20, 60)); /* of its own group */
    /* one that has ended since, and nobody to compare with */
    assert_true(kin_is_earlier(v, n, at(20), 45, 45, 40));
    assert_false(kin_is_earlier(v, n, at(50), 45, 45, 40));
    assert_false(kin_is_earlier(v, n, at(20), 0, 0, 41));
}

/* Start times are told in steps of 10 ms: a run that lasted no longer than that has the same one as
 * the next. */
static void pids_tell_within_one_tick(void **state)
{
    (void)state;
    add(20, SUPD, 20, 20, 7, false);
    add(50, SUPD, 50, 50, 7, false); /* the new leader */
    add(51, 50, 51, 51, 7, false);
    add(9000, SUPD, 9000, 9000, 7, false); /* before the numbers began anew, or much later */
    for (size_t i = 0; i < n; i++)
        v[i].start = 5;
    assert_true(kin_is_earlier(v, n, at(20), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(50), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(51), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(9000), 50, 50, 60));
    assert_false(kin_is_earlier(v, n, at(20), 9000, 9000, 60)); /* the same, seen from there */
    assert_false(kin_is_earlier(v, n, at(20), 50, 20, 60));
}

#define CASE(fn) cmocka_unit_test_setup(fn, setup)

RUN(CASE(descendants_have_the_owner_of_their_nearest_ancestor), CASE(sessions_tell),
    CASE(a_session_of_two_programs_tells_nothing), CASE(a_ring_of_parents_ends),
    CASE(the_nearest_that_is_known_was_the_parent), CASE(the_new_instance_is_no_leftover),
    CASE(pids_tell_within_one_tick))
