/* The outbox, by example; at random: test_alert_outbox_walk.c. */
#include "tests/unit/unit.h"

#include "alerts/rules/outbox.h"

#include <time.h>

#define T0 (INT64_C(1790000000) * 1000000000)
enum { CHAT = 1, PAGER = 2, MAIL = 3 };

/* ---- by example ---- */

struct fix {
    struct outbox o;
    struct outbox_out out;
    wall_t now;
};

static void setup(struct fix *f)
{
    const struct outbox_channel channels[] = {{.id = CHAT, .fallback = MAIL, .limit = {{0}, 1}},
                                              {.id = MAIL, .limit = {DUR_S(60), 1}}};
    memset(f, 0, sizeof(*f));
    f->now = (wall_t){T0};
    outbox_channels(&f->o, channels, 2, &f->out);
}

static void teardown(struct fix *f)
{
    outbox_fini(&f->o);
    outbox_out_fini(&f->out);
}

static uint64_t put(struct fix *f, uint32_t channel, enum tell_what tell, uint32_t seq)
{
    f->out.v.n = 0;
    return outbox_put(
        &f->o,
        &(struct outbox_notice){
            .key = "k", .channel = channel, .seq = seq, .tell = tell, .payload = 100 + seq},
        f->now, &f->out);
}

static const struct outbox_row *next_after(struct fix *f, int seconds)
{
    f->now = wall_add(f->now, DUR_S(seconds));
    f->out.v.n = 0;
    return outbox_next(&f->o, f->now, &f->out);
}

static void result(struct fix *f, uint64_t id, enum outbox_result res, int after)
{
    f->out.v.n = 0;
    outbox_result(&f->o, id, res, DUR_S(after), f->now, &f->out);
}

static size_t count(const struct fix *f, enum outbox_action_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < f->out.v.n; i++)
        n += f->out.v.v[i].kind == kind;
    return n;
}

static void one_goes_through(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
    assert_int_equal(count(&f, OUTBOX_WRITE), 1);
    assert_int_equal(outbox_deadline(&f.o, f.now).ns, f.now.ns);
    const struct outbox_row *r = next_after(&f, 0);
    assert_int_equal(r->id, id);
    assert_int_equal(r->payload, 101);
    assert_null(next_after(&f, 0));
    result(&f, id, OUT_DELIVERED, 0);
    assert_int_equal(count(&f, OUTBOX_REMOVE), 1);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 1);
    assert_true(f.out.v.v[0].delivered);
    assert_int_equal(outbox_deadline(&f.o, f.now).ns, 0);
    result(&f, id, OUT_DELIVERED, 0); /* a late answer is nothing */
    assert_int_equal(f.out.v.n, 0);
    teardown(&f);
}

static void attempts_back_off(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, MAIL, TELL_TRIGGER, 1);
    f.o.channels.v[1].limit.interval = (dur_t){0};
    int64_t base = DUR_S(1).ns;
    for (int n = 0; n < 14; n++, base = base * 2 < DUR_S(300).ns ? base * 2 : DUR_S(300).ns) {
        assert_non_null(next_after(&f, 0));
        result(&f, id, OUT_FAILED, 0);
        int64_t wait = f.o.rows.v[0].next.ns - f.now.ns;
        assert_true(wait >= base / 2 && wait < base + base / 2);
        assert_null(next_after(&f, 0));
        f.now = outbox_deadline(&f.o, f.now);
    }
    assert_non_null(next_after(&f, 0));
    result(&f, id, OUT_FAILED, 77);
    assert_int_equal(outbox_deadline(&f.o, f.now).ns, wall_add(f.now, DUR_S(77)).ns);
    assert_non_null(next_after(&f, 77));
    result(&f, id, OUT_UNSENT, 0);
    assert_int_equal(f.o.rows.v[0].attempts, 15);
    assert_null(next_after(&f, 86400)); /* the TTL */
    assert_int_equal(count(&f, OUTBOX_ANSWER), 1);
    assert_false(f.out.v.v[0].delivered);
    assert_int_equal(f.o.rows.n, 0);
    teardown(&f);
}

/* Those that failed together do not come back together. */
static void waits_are_spread(void **state)
{
    (void)state;
    struct fix f;
    int64_t least = INT64_MAX, most = 0;
    setup(&f);
    for (uint32_t i = 1; i <= 50; i++) {
        uint64_t id = put(&f, CHAT, TELL_TRIGGER, i);
        assert_int_equal(next_after(&f, 0)->id, id);
        result(&f, id, OUT_FAILED, 0);
        int64_t wait = f.o.rows.v[0].next.ns - f.now.ns;
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        f.o.rows.n = f.o.marks.n = 0;
    }
    assert_true(least < DUR_MS(700).ns && most > DUR_MS(1300).ns);
    teardown(&f);
}

static void a_short_incident_is_one_notice(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    put(&f, CHAT, TELL_TRIGGER, 1);
    put(&f, CHAT, TELL_UPDATE, 2);
    assert_int_equal(put(&f, CHAT, TELL_RESOLVE, 3), 0);
    const struct outbox_row *r = next_after(&f, 42);
    assert_int_equal(r->payload, 101);
    assert_int_equal(r->folded, 103);
    result(&f, r->id, OUT_DELIVERED, 0);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 1); /* the pair, as its resolve */
    assert_int_equal(f.out.v.v[0].seq, 3);
    assert_int_equal(f.o.rows.n, 0);
    /* one that was tried may have arrived: its resolve goes by itself */
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 4);
    next_after(&f, 0);
    assert_int_not_equal(put(&f, CHAT, TELL_RESOLVE, 5), 0);
    assert_null(next_after(&f, 0)); /* behind its trigger */
    result(&f, id, OUT_DELIVERED, 0);
    assert_int_equal(next_after(&f, 0)->seq, 5);
    teardown(&f);
}

static void a_lost_trigger_takes_its_resolve_along(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
    next_after(&f, 0);
    put(&f, CHAT, TELL_UPDATE, 2);
    put(&f, CHAT, TELL_RESOLVE, 3);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 1); /* the update is out of date */
    put(&f, CHAT, TELL_TRIGGER, 4);
    result(&f, id, OUT_REFUSED, 0);
    assert_int_equal(count(&f, OUTBOX_REFUSED), 1);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 2);
    assert_int_equal(f.o.rows.n, 2); /* the next trigger, and the copy for the fallback */
    const struct outbox_row *r = next_after(&f, 0);
    assert_int_equal(r->seq, 4);
    result(&f, r->id, OUT_DELIVERED, 0);
    assert_int_equal(count(&f, OUTBOX_ACCEPTED), 1);
    teardown(&f);
}

/* One mail a minute, and reminders wait for it; the end waits for nothing. */
static void a_resolve_waits_for_no_limit(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, MAIL, TELL_TRIGGER, 1);
    assert_non_null(next_after(&f, 0));
    result(&f, id, OUT_DELIVERED, 0);
    put(&f, MAIL, TELL_UPDATE, 2);
    put(&f, MAIL, TELL_ACK, 3);
    assert_null(next_after(&f, 1));
    id = put(&f, MAIL, TELL_RESOLVE, 4);
    const struct outbox_row *r = next_after(&f, 0);
    assert_non_null(r);
    assert_int_equal(r->id, id);
    result(&f, id, OUT_DELIVERED, 0);
    assert_int_equal(f.o.rows.n, 0);
    teardown(&f);
}

static void a_channel_that_fails_has_a_fallback(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
    for (int n = 0; n < 3; n++) {
        const struct outbox_row *r = next_after(&f, 10);
        assert_int_equal(r->id, id);
        result(&f, id, OUT_FAILED, 0);
    }
    const struct outbox_row *r = next_after(&f, 0);
    assert_int_equal(r->channel, MAIL);
    assert_int_equal(r->copy, CHAT);
    assert_int_not_equal(r->id, id);
    assert_int_equal(f.o.rows.n, 2);
    teardown(&f);

    setup(&f); /* by age, and the copy is dropped when it was not needed */
    f.o.channels.v[1].bucket.full = wall_add(f.now, DUR_S(3600));
    id = put(&f, CHAT, TELL_TRIGGER, 1);
    next_after(&f, 0);
    assert_int_equal(outbox_deadline(&f.o, f.now).ns, wall_add(f.now, DUR_S(120)).ns);
    assert_null(next_after(&f, 120));
    assert_int_equal(f.o.rows.n, 2);
    assert_null(next_after(&f, 1));
    assert_int_equal(f.o.rows.n, 2); /* once */
    result(&f, id, OUT_DELIVERED, 0);
    assert_int_equal(f.o.rows.n, 0);
    teardown(&f);
}

/* It is told of that alert anyway, if a moment later. */
static void a_fallback_that_waits_for_its_own_gets_no_copy(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
    next_after(&f, 0);
    uint64_t own = put(&f, MAIL, TELL_TRIGGER, 2);
    result(&f, id, OUT_REFUSED, 0);
    assert_int_equal(f.o.rows.n, 1);
    assert_int_equal(next_after(&f, 0)->id, own);
    teardown(&f);
}

/* Its time runs out while it is being sent: what came of it counts. */
static void what_is_being_sent_does_not_expire(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, MAIL, TELL_TRIGGER, 1);
    f.now = wall_add(f.now, (dur_t){OUTBOX_TTL.ns - DUR_S(1).ns});
    assert_int_equal(next_after(&f, 0)->id, id);
    assert_null(next_after(&f, 10));
    assert_int_equal(f.o.rows.n, 1);
    result(&f, id, OUT_DELIVERED, 0);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 1);
    assert_true(f.out.v.v[0].delivered);
    teardown(&f);
}

static void a_full_outbox_drops_what_matters_least(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    put(&f, MAIL, TELL_TRIGGER, 1);
    uint64_t update = put(&f, MAIL, TELL_UPDATE, 2);
    for (uint32_t n = 3; n <= OUTBOX_ROWS; n++)
        put(&f, MAIL, TELL_TRIGGER, n);
    assert_int_equal(count(&f, OUTBOX_DROPPED), 0);
    put(&f, MAIL, TELL_TRIGGER, 5000);
    assert_int_equal(count(&f, OUTBOX_DROPPED), 1);
    assert_int_equal(f.out.v.v[0].row.id, update);
    put(&f, MAIL, TELL_TRIGGER, 5001);
    assert_int_equal(f.out.v.v[0].row.seq, 1);
    assert_int_equal(f.o.rows.n, OUTBOX_ROWS);
    outbox_channels(&f.o, NULL, 0, &f.out);
    assert_int_equal(f.o.rows.n, 0);
    assert_int_equal(put(&f, MAIL, TELL_TRIGGER, 1), 0); /* no such channel: lost at once */
    assert_int_equal(count(&f, OUTBOX_ANSWER), 1);
    teardown(&f);
}

static void a_reload_keeps_what_is_known(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    put(&f, MAIL, TELL_TRIGGER, 1);
    uint64_t id = next_after(&f, 0)->id;
    result(&f, id, OUT_FAILED, 7 * 86400); /* nobody may ask for a week */
    assert_int_equal(f.o.rows.v[0].next.ns, wall_add(f.now, DUR_S(3600)).ns);
    const struct outbox_channel channels[] = {{.id = PAGER, .limit = {{0}, 1}},
                                              {.id = MAIL, .limit = {DUR_S(60), 1}}};
    f.o.channels.v[1].refused = true;
    wall_t full = f.o.channels.v[1].bucket.full;
    outbox_channels(&f.o, channels, 2, &f.out);
    assert_int_equal(f.o.rows.n, 1);
    assert_int_equal(f.o.channels.v[1].bucket.full.ns, full.ns);
    assert_true(f.o.channels.v[1].refused);
    assert_false(f.o.channels.v[0].refused);
    teardown(&f);
}

static void rows_survive(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
    const struct outbox_row *r = next_after(&f, 0);
    unsigned char rec[OUTBOX_RECORD];
    struct outbox_row row;
    outbox_save(r, rec);
    assert_true(outbox_load(rec, sizeof(rec), &row));
    rec[30] ^= 4;
    assert_false(outbox_load(rec, sizeof(rec), &row));
    f.o.rows.n = f.o.marks.n = 0;
    f.o.last_id = 0;
    row.made = row.next = wall_add(f.now, DUR_S(86400)); /* the clock was set back */
    row.attempts = 7;
    outbox_restore(&f.o, &row, f.now);
    outbox_restored(&f.o, 9);
    assert_int_equal(f.o.rows.v[0].attempts, 6); /* one was cut off: the next wait is no longer */
    assert_null(next_after(&f, 0));
    assert_int_equal(next_after(&f, 3600)->id, id);       /* the same id again */
    assert_int_equal(put(&f, MAIL, TELL_TRIGGER, 2), 11); /* 10: the copy for the fallback */
    teardown(&f);
}

/* Its answer was lost, then it is refused: the receiver may have it, so it is the same notice that
 * is tried again. */
static void what_may_have_arrived_is_not_lost_by_a_refusal(void **state)
{
    (void)state;
    struct fix f;
    setup(&f);
    f.o.channels.v[0].fallback = 0;
    uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
    next_after(&f, 0);
    result(&f, id, OUT_UNCLEAR, 0);
    assert_int_equal(next_after(&f, 2)->id, id);
    result(&f, id, OUT_REFUSED, 0);
    assert_int_equal(count(&f, OUTBOX_REFUSED), 1);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 0);
    put(&f, CHAT, TELL_UPDATE, 2);
    assert_null(next_after(&f, 3599));
    assert_int_equal(next_after(&f, 1)->id, id);
    result(&f, id, OUT_DELIVERED, 0);
    assert_int_equal(next_after(&f, 0)->seq, 2);
    teardown(&f);

    setup(&f); /* to the end of its time; then its end is told all the same */
    id = put(&f, CHAT, TELL_TRIGGER, 1);
    struct outbox_row row = *next_after(&f, 0);
    f.o.rows.n = f.o.marks.n = 0;
    outbox_restore(&f.o, &row, f.now); /* killed while it was sent: that is unclear, too */
    assert_int_equal(next_after(&f, 2)->id, id);
    result(&f, id, OUT_REFUSED, 0);
    put(&f, CHAT, TELL_ACK, 2);
    f.now = wall_add(f.now, OUTBOX_TTL);
    f.o.rows.v[f.o.rows.n - 1].expires = wall_add(f.now, DUR_S(60)); /* its own */
    assert_int_equal(next_after(&f, 0)->seq, 2);
    assert_int_equal(count(&f, OUTBOX_ANSWER), 2); /* the copy for the fallback is as old */
    assert_true(f.out.v.v[0].row.id == id && f.out.v.v[0].unsure && !f.out.v.v[0].delivered);
    teardown(&f);
}

/* If it is over meanwhile its end takes its place, and does not wait for an hour: who has it needs
 * that, and who has it not is not told of it any more. */
static void an_end_does_not_wait_behind_what_is_refused(void **state)
{
    (void)state;
    for (int early = 0; early < 2; early++) {
        struct fix f;
        setup(&f);
        f.o.channels.v[0].fallback = 0;
        uint64_t id = put(&f, CHAT, TELL_TRIGGER, 1);
        next_after(&f, 0);
        result(&f, id, OUT_UNCLEAR, 0);
        if (early) /* no pair: it was tried */
            assert_int_not_equal(put(&f, CHAT, TELL_RESOLVE, 2), 0);
        assert_int_equal(next_after(&f, 2)->id, id);
        result(&f, id, OUT_REFUSED, 0);
        if (!early) {
            assert_null(next_after(&f, 10));
            f.out.v.n = 0;
            assert_int_not_equal(put(&f, CHAT, TELL_RESOLVE, 2), 0);
        }
        assert_int_equal(count(&f, OUTBOX_ANSWER), 1);
        assert_int_equal(next_after(&f, 0)->seq, 2);
        assert_int_equal(f.o.rows.n, 1);
        teardown(&f);
    }
}

/* Half of all rows were tried, the ends of their alerts wait behind them: what is asked at each
 * attempt must not grow with the square of what waits. (5 s with sanitizers; 150 s when each row
 * was compared with all before it.) */
static void a_full_outbox_is_sent_in_time(void **state)
{
    (void)state;
    struct fix f;
    char key[16];
    size_t half = OUTBOX_ROWS / 2, sent = 0;
    setup(&f);
    for (uint32_t i = 0; i < OUTBOX_ROWS; i++) {
        snprintf(key, sizeof(key), "k%zu", i % half);
        struct outbox_notice nt = {.key = key,
                                   .channel = CHAT,
                                   .seq = i + 1,
                                   .tell = i < half ? TELL_TRIGGER : TELL_RESOLVE,
                                   .payload = i + 1};
        uint64_t id = outbox_put(&f.o, &nt, f.now, &f.out);
        if (i < half)
            f.o.rows.v[i].attempts = 1;
        assert_int_equal(id, i + 1);
    }
    clock_t start = clock();
    for (size_t i = 0; i < half; i++) {
        uint64_t id = next_after(&f, 0)->id;
        result(&f, id, OUT_FAILED, 60);
    }
    for (size_t i = 0; i < 500; i++) {
        assert_null(next_after(&f, 0));
        assert_int_equal(outbox_deadline(&f.o, f.now).ns, wall_add(f.now, DUR_S(60)).ns);
    }
    f.now = wall_add(f.now, DUR_S(60));
    for (const struct outbox_row *r; (r = next_after(&f, 0)); sent++) {
        uint64_t id = r->id;
        result(&f, id, OUT_DELIVERED, 0);
    }
    assert_true(sent >= OUTBOX_ROWS); /* and copies for the fallback */
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 40);
    teardown(&f);
}

RUN(TEST(one_goes_through), TEST(attempts_back_off), TEST(waits_are_spread),
    TEST(a_short_incident_is_one_notice), TEST(a_lost_trigger_takes_its_resolve_along),
    TEST(a_resolve_waits_for_no_limit), TEST(a_channel_that_fails_has_a_fallback),
    TEST(a_full_outbox_drops_what_matters_least),
    TEST(a_fallback_that_waits_for_its_own_gets_no_copy), TEST(what_is_being_sent_does_not_expire),
    TEST(a_reload_keeps_what_is_known), TEST(rows_survive),
    TEST(what_may_have_arrived_is_not_lost_by_a_refusal),
    TEST(an_end_does_not_wait_behind_what_is_refused), TEST(a_full_outbox_is_sent_in_time))
