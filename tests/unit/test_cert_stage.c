/* The stages of a certificate: those that people know, and random ones against what must hold. */
#include "unit.h"

#include "probes/judge/cert.h"
#include "supervisor/base/rng.h"

#define DAY INT64_C(86400)
#define HOUR INT64_C(3600)

static const struct cert_stages usual = {{30 * DAY, 14 * DAY, 7 * DAY}};

static void certificates_of_the_field(void **state)
{
    (void)state;
    static const struct {
        int64_t life;
        int64_t before[3];
    } rows[] = {
        {398 * DAY, {29 * DAY, 13 * DAY, 6 * DAY}},
        {90 * DAY, {29 * DAY, 13 * DAY, 6 * DAY}},
        {64 * DAY, {64 * DAY / 3 - DAY, 64 * DAY / 6 - DAY, 64 * DAY / 12 - DAY}},
        {45 * DAY, {14 * DAY, 45 * DAY / 6 - DAY, 45 * DAY / 12 - DAY}},
        {160 * HOUR, {160 * HOUR / 3 - DAY, 160 * HOUR / 12, 160 * HOUR / 24}},
        {0, {0, 0, 0}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (unsigned s = 1; s <= 3; s++) {
            int64_t got = cert_stage_before(&usual, s, rows[i].life), want = rows[i].before[s - 1];
            /* a fraction of a second is lost to whole ones */
            if (got > want + 1 || got < want - 1)
                fail_msg("life %lld stage %u: %lld, not %lld", (long long)rows[i].life, s,
                         (long long)got, (long long)want);
        }
    }
}

/* What is renewed when two thirds of its life are over, and a few hours late, enters no stage. */
static void renewal_on_time_is_silent(void **state)
{
    (void)state;
    for (int64_t life = 6 * DAY; life < 400 * DAY; life += HOUR) {
        int64_t due = life - life / 3;
        struct cert_stage s = cert_stage_of(&usual, 0, life, due + 12 * HOUR);
        if (s.stage != 0)
            fail_msg("a life of %lld hours enters stage %u", (long long)(life / HOUR), s.stage);
    }
}

static void both_sides_of_the_end(void **state)
{
    (void)state;
    struct cert_stage s = cert_stage_of(&usual, 0, 90 * DAY, 90 * DAY);
    assert_int_equal(s.stage, 3);
    assert_int_equal(s.next, 90 * DAY + 1);
    s = cert_stage_of(&usual, 0, 90 * DAY, 90 * DAY + 1);
    assert_int_equal(s.stage, CERT_STAGE_ENDED);
    assert_int_equal(s.since, 90 * DAY + 1);
    assert_int_equal(s.next, 0);
}

static void fewer_stages_are_the_last_ones(void **state)
{
    (void)state;
    const struct cert_stages one = {{0, 0, 7 * DAY}};
    assert_int_equal(cert_stage_of(&one, 0, 90 * DAY, 80 * DAY).stage, 0);
    assert_int_equal(cert_stage_of(&one, 0, 90 * DAY, 80 * DAY).next, 84 * DAY);
    assert_int_equal(cert_stage_of(&one, 0, 90 * DAY, 85 * DAY).stage, 3);
    const struct cert_stages none = {{0}};
    assert_int_equal(cert_stage_of(&none, 0, 90 * DAY, 89 * DAY).stage, 0);
    assert_int_equal(cert_stage_of(&none, 0, 90 * DAY, 91 * DAY).stage, CERT_STAGE_ENDED);
}

static int64_t between(struct rng *r, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(rng_next(r) % (uint64_t)(hi - lo + 1));
}

static struct cert_stages some_stages(struct rng *r)
{
    struct cert_stages s = {{0}};
    int64_t longest = 3660 * DAY;
    for (unsigned i = (unsigned)between(r, 0, 2); i < 3; i++) {
        s.before[i] = between(r, 60, longest > 120 ? longest - 30 : 90);
        longest = s.before[i];
    }
    return s;
}

static void must(bool ok, const char *what, int64_t nb, int64_t na, int64_t now)
{
    if (!ok)
        fail_msg("%s: not before %lld, not after %lld, now %lld", what, (long long)nb,
                 (long long)na, (long long)now);
}

/* now lies in its stage, the stage's beginning is its first second, and next is the first second of
 * a later one */
static void one_walk(struct rng *r)
{
    struct cert_stages s = some_stages(r);
    int64_t nb = between(r, -4000000000, 253402300799), na = nb + between(r, -DAY, 4000 * DAY);
    int64_t now = between(r, nb - 100 * DAY, na + 100 * DAY);
    struct cert_stage at = cert_stage_of(&s, nb, na, now);
    must((at.stage == CERT_STAGE_ENDED) == (now > na), "ended", nb, na, now);
    must((at.stage == CERT_STAGE_ENDED) == (at.next == 0), "nothing follows", nb, na, now);
    if (at.stage) {
        must(at.since <= now, "it has begun", nb, na, now);
        must(cert_stage_of(&s, nb, na, at.since).stage == at.stage, "its first second", nb, na,
             now);
        must(cert_stage_of(&s, nb, na, at.since - 1).stage < at.stage, "the one before", nb, na,
             now);
    }
    if (at.next) {
        must(at.next > now, "next is later", nb, na, now);
        must(cert_stage_of(&s, nb, na, at.next).stage > at.stage, "next is higher", nb, na, now);
        must(cert_stage_of(&s, nb, na, at.next - 1).stage == at.stage, "until next", nb, na, now);
    }
    for (unsigned i = 1; i <= 3; i++) {
        int64_t before = cert_stage_before(&s, i, na - nb);
        must(before >= 0 && before <= s.before[i - 1], "not before its time", nb, na, now);
        must(na < nb || before <= (na - nb) / 3, "in the last third", nb, na, now);
    }
}

static void random_dates(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 38);
    for (int i = 0; i < 300000; i++)
        one_walk(&r);
}

RUN(TEST(certificates_of_the_field), TEST(renewal_on_time_is_silent), TEST(both_sides_of_the_end),
    TEST(fewer_stages_are_the_last_ones), TEST(random_dates))
