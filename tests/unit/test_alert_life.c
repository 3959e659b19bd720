/* The life of an alert, by example: each rule of life.h once. The random walk is
 * test_alert_life_walk.c. */
#include "tests/unit/unit.h"

#include "alerts/rules/life.h"

enum { MAIL = 1, CHAT = 2 };
static const uint32_t both[] = {MAIL, CHAT};

struct fix {
    struct life l;
    struct life_spec spec;
    struct life_gates gates;
    wall_t now;
    struct life_out out;
    enum severity severity;
    unsigned stage;
};

#define T0 (INT64_C(1790000000) * 1000000000)

static struct fix fix(int hold_for, int keep)
{
    return (struct fix){.spec = {.hold_for = DUR_S(hold_for),
                                 .keep_firing = DUR_S(keep),
                                 .nodata_after = DUR_S(45),
                                 .repeat = DUR_S(4 * 3600),
                                 .channels = both,
                                 .nchannels = 1},
                        .now = {T0},
                        .severity = SEV_PAGE};
}

static void apply(struct fix *f, const struct life_event *ev)
{
    f->out.n = 0;
    life_step(&f->l, &f->spec, ev, f->now, &f->out);
    life_tell(&f->l, &f->spec, &f->gates, f->now, &f->out);
}

static void eval(struct fix *f, int seconds, enum cond c)
{
    f->now = wall_add(f->now, DUR_S(seconds));
    apply(f, &(struct life_event){
                 .kind = LIFE_EVAL, .cond = c, .severity = f->severity, .stage = f->stage});
}

static void pass(struct fix *f, int seconds)
{
    f->now = wall_add(f->now, DUR_S(seconds));
    apply(f, &(struct life_event){.kind = LIFE_TIMER});
}

static void gates(struct fix *f, uint64_t silence, uint64_t inhibitor)
{
    f->gates.silence = silence;
    f->gates.inhibitor = inhibitor;
    pass(f, 1);
}

static const struct life_action *told(const struct fix *f, enum tell_what t)
{
    for (size_t i = 0; i < f->out.n; i++) {
        if (f->out.v[i].kind == LIFE_TELL && f->out.v[i].tell == t)
            return &f->out.v[i];
    }
    return NULL;
}

static size_t notices(const struct fix *f)
{
    size_t n = 0;
    for (size_t i = 0; i < f->out.n; i++)
        n += f->out.v[i].kind == LIFE_TELL;
    return n;
}

static bool acted(const struct fix *f, enum life_action_kind kind, bool on)
{
    for (size_t i = 0; i < f->out.n; i++) {
        if (f->out.v[i].kind == kind && f->out.v[i].on == on)
            return true;
    }
    return false;
}

/* the trigger or resolve of this turn arrives at (or is lost on the way to) MAIL */
static void answer(struct fix *f, enum life_event_kind kind, enum tell_what t)
{
    const struct life_action *a = told(f, t);
    assert_non_null(a);
    struct life_event ev = {.kind = kind, .channel = a->channel, .seq = a->seq, .tell = t};
    apply(f, &ev);
}

#define TOLD(f, t, reason)                                                                         \
    do {                                                                                           \
        assert_non_null(told((f), (t)));                                                           \
        assert_int_equal(told((f), (t))->why, (reason));                                           \
        assert_int_equal(notices(f), (f)->spec.nchannels);                                         \
    } while (0)
#define QUIET(f) assert_int_equal(notices(f), 0)
#define STATE(f, s) assert_string_equal(life_state_name((f)->l.state), life_state_name(s))

static void from_ok_to_ok(void **state)
{
    (void)state;
    struct fix f = fix(120, 600);
    eval(&f, 0, COND_FALSE);
    STATE(&f, LIFE_OK);
    eval(&f, 15, COND_TRUE);
    STATE(&f, LIFE_PENDING);
    assert_int_equal(life_deadline(&f.l, &f.spec, f.now).ns, f.now.ns + DUR_S(120).ns);
    eval(&f, 119, COND_TRUE);
    STATE(&f, LIFE_PENDING);
    QUIET(&f);
    pass(&f, 1); /* time alone is enough: the last sample was TRUE */
    STATE(&f, LIFE_FIRING);
    TOLD(&f, TELL_TRIGGER, WHY_FIRED);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    assert_int_equal(life_debts(&f.l), 1);
    eval(&f, 15, COND_FALSE);
    STATE(&f, LIFE_RECOVERING);
    eval(&f, 15, COND_TRUE);
    STATE(&f, LIFE_FIRING);
    QUIET(&f);
    eval(&f, 15, COND_FALSE);
    eval(&f, 599, COND_FALSE);
    STATE(&f, LIFE_RECOVERING);
    pass(&f, 1);
    STATE(&f, LIFE_OK);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
    answer(&f, LIFE_DELIVERED, TELL_RESOLVE);
    assert_int_equal(life_debts(&f.l), 0);
    assert_int_equal(life_deadline(&f.l, &f.spec, f.now).ns, 0);
}

static void a_blip_is_nothing(void **state)
{
    (void)state;
    struct fix f = fix(120, 600);
    eval(&f, 0, COND_TRUE);
    eval(&f, 119, COND_FALSE);
    STATE(&f, LIFE_OK);
    eval(&f, 1, COND_TRUE);
    pass(&f, 119);
    STATE(&f, LIFE_PENDING);
}

static void without_for_it_fires_at_once(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    TOLD(&f, TELL_TRIGGER, WHY_FIRED);
    eval(&f, 1, COND_FALSE);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
}

static void one_missing_sample_counts_two_do_not(void **state)
{
    (void)state;
    struct fix f = fix(60, 60);
    eval(&f, 0, COND_TRUE);
    eval(&f, 15, COND_UNKNOWN);
    assert_int_equal(life_deadline(&f.l, &f.spec, f.now).ns, f.now.ns + DUR_S(45).ns);
    eval(&f, 15, COND_TRUE);
    eval(&f, 15, COND_TRUE);
    eval(&f, 15, COND_TRUE);
    STATE(&f, LIFE_FIRING);

    f = fix(60, 60);
    eval(&f, 0, COND_TRUE);
    eval(&f, 15, COND_UNKNOWN);
    eval(&f, 15, COND_UNKNOWN);
    eval(&f, 15, COND_TRUE); /* 30 s of which nothing is known */
    pass(&f, 44);
    STATE(&f, LIFE_PENDING);
    pass(&f, 1);
    STATE(&f, LIFE_FIRING);
}

static void unknown_freezes_and_has_its_own_alert(void **state)
{
    (void)state;
    struct fix f = fix(0, 60);
    eval(&f, 0, COND_TRUE);
    eval(&f, 10, COND_FALSE);
    eval(&f, 10, COND_UNKNOWN);
    pass(&f, 44);
    assert_false(acted(&f, LIFE_NODATA, true));
    pass(&f, 1);
    assert_true(acted(&f, LIFE_NODATA, true));
    pass(&f, 100000);
    STATE(&f, LIFE_RECOVERING);
    QUIET(&f);
    eval(&f, 1, COND_UNKNOWN);
    assert_false(acted(&f, LIFE_NODATA, true));
    eval(&f, 1, COND_FALSE);
    assert_true(acted(&f, LIFE_NODATA, false));
    STATE(&f, LIFE_RECOVERING);
    pass(&f, 49);
    STATE(&f, LIFE_RECOVERING);
    pass(&f, 1);
    STATE(&f, LIFE_OK);
    assert_int_equal(life_nodata_severity(SEV_PAGE), SEV_WARNING);
    assert_int_equal(life_nodata_severity(SEV_WARNING), SEV_INFO);
    assert_int_equal(life_nodata_spec(&f.spec).hold_for.ns, 0);
}

static void a_silence_holds_all_but_debts(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    gates(&f, 7, 0);
    f.severity = SEV_WARNING;
    eval(&f, 5 * 3600, COND_TRUE);
    QUIET(&f);
    eval(&f, 1, COND_FALSE);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED); /* a debt from before */
    answer(&f, LIFE_DELIVERED, TELL_RESOLVE);
    eval(&f, 1, COND_TRUE);
    eval(&f, 1, COND_FALSE);
    QUIET(&f); /* nobody was told that it fired */
    eval(&f, 7200, COND_TRUE);
    QUIET(&f);
    gates(&f, 0, 0);
    TOLD(&f, TELL_TRIGGER, WHY_SILENCE_OVER);
    gates(&f, 0, 0);
    QUIET(&f);
}

static void the_end_of_a_silence_tells_once_more(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    gates(&f, 7, 0);
    gates(&f, 0, 9);
    QUIET(&f);
    gates(&f, 0, 0);
    TOLD(&f, TELL_UPDATE, WHY_SILENCE_OVER);
    gates(&f, 0, 9);
    gates(&f, 0, 0);
    QUIET(&f); /* an inhibition is no silence */
}

static void a_hold_ends_by_itself(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    f.gates.hold = wall_add(f.now, DUR_S(30));
    eval(&f, 0, COND_TRUE);
    QUIET(&f);
    assert_int_equal(life_deadline(&f.l, &f.spec, f.now).ns, f.gates.hold.ns);
    pass(&f, 30);
    TOLD(&f, TELL_TRIGGER, WHY_FIRED);
}

static void a_long_name_is_cut_between_characters(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    apply(&f, &(struct life_event){.kind = LIFE_ACK, .by = "ääääääääääääääääääää"});
    assert_string_equal(f.l.acked_by, "äääääääääääääää"); /* 30 of 31 bytes */
}

static void reminders_and_acknowledgement(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    pass(&f, 4 * 3600 - 1);
    QUIET(&f);
    pass(&f, 1);
    TOLD(&f, TELL_UPDATE, WHY_REMINDER);
    struct life_event ack = {
        .kind = LIFE_ACK, .by = "ann", .until = wall_add(f.now, DUR_S(10 * 3600))};
    apply(&f, &ack);
    TOLD(&f, TELL_ACK, WHY_ACKED);
    assert_string_equal(f.l.acked_by, "ann");
    pass(&f, 9 * 3600);
    QUIET(&f);
    pass(&f, 3600); /* the acknowledgement is over, and it still fires */
    TOLD(&f, TELL_UPDATE, WHY_REMINDER);
    apply(&f, &(struct life_event){.kind = LIFE_ACK, .until = f.now}); /* over already */
    assert_false(f.l.acked);
    apply(&f, &(struct life_event){.kind = LIFE_ACK});
    assert_true(life_told(&f.l, MAIL));
    assert_false(life_told(&f.l, CHAT));
    eval(&f, 1, COND_FALSE);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
    assert_false(f.l.acked);
}

static void stages_update_the_same_alert(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    f.severity = SEV_INFO;
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    f.severity = SEV_WARNING;
    eval(&f, 60, COND_TRUE);
    TOLD(&f, TELL_UPDATE, WHY_SEVERITY);
    apply(&f, &(struct life_event){.kind = LIFE_ACK});
    f.severity = SEV_CRITICAL; /* a rise is told although somebody looks after it */
    eval(&f, 60, COND_TRUE);
    TOLD(&f, TELL_UPDATE, WHY_SEVERITY);
    f.severity = SEV_INFO;
    eval(&f, 60, COND_TRUE);
    QUIET(&f);
    assert_int_equal(f.l.episode, 1);
}

/* Somebody looks after it, but those who are only told of the grave ones have not heard of it. */
static void a_rise_past_an_acknowledgement_finds_new_channels(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    f.severity = SEV_WARNING;
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    apply(&f, &(struct life_event){.kind = LIFE_ACK});
    f.spec.nchannels = 2; /* a configuration that was changed is no rise */
    eval(&f, 60, COND_TRUE);
    QUIET(&f);
    f.severity = SEV_PAGE;
    eval(&f, 60, COND_TRUE);
    TOLD(&f, TELL_UPDATE, WHY_SEVERITY);
    assert_int_equal(told(&f, TELL_UPDATE)->channel, MAIL);
    assert_non_null(told(&f, TELL_TRIGGER));
    assert_int_equal(told(&f, TELL_TRIGGER)->channel, CHAT);
    assert_int_equal(told(&f, TELL_TRIGGER)->why, WHY_SEVERITY);
    eval(&f, 60, COND_FALSE);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
}

static void a_stage_is_told_though_the_severity_is_the_same(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    f.stage = 2;
    eval(&f, 0, COND_TRUE);
    TOLD(&f, TELL_TRIGGER, WHY_FIRED);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    eval(&f, 60, COND_TRUE);
    QUIET(&f);
    f.stage = 3;
    eval(&f, 60, COND_TRUE);
    TOLD(&f, TELL_UPDATE, WHY_SEVERITY);
    apply(&f, &(struct life_event){.kind = LIFE_ACK});
    f.stage = 4; /* a graver one also to those who look after it */
    eval(&f, 60, COND_TRUE);
    TOLD(&f, TELL_UPDATE, WHY_SEVERITY);
    f.stage = 3; /* that it is less grave again is for nobody who looks after it */
    eval(&f, 60, COND_TRUE);
    QUIET(&f);
    apply(&f, &(struct life_event){.kind = LIFE_UNACK});
    TOLD(&f, TELL_UPDATE, WHY_SEVERITY);
    f.spec.keep_firing = DUR_S(60);
    f.stage = 0; /* over: no update, but the end */
    eval(&f, 60, COND_FALSE);
    STATE(&f, LIFE_RECOVERING);
    QUIET(&f);
    pass(&f, 60);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
}

/* Where severities are alerts of their own each of them has to end, but none of another episode. */
static void it_knows_all_severities_that_it_was_told_with(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    f.severity = SEV_WARNING;
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    f.severity = SEV_PAGE;
    eval(&f, 60, COND_TRUE);
    assert_int_equal(f.l.severities, 1U << SEV_WARNING | 1U << SEV_PAGE);
    eval(&f, 60, COND_FALSE);
    answer(&f, LIFE_DELIVERED, TELL_RESOLVE);
    f.severity = SEV_INFO;
    eval(&f, 3600, COND_TRUE);
    assert_int_equal(f.l.severities, 1U << SEV_INFO);
}

static void what_is_lost_is_tried_again(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_LOST, TELL_TRIGGER);
    QUIET(&f);
    assert_int_equal(life_deadline(&f.l, &f.spec, f.now).ns, f.now.ns + LIFE_AGAIN.ns);
    pass(&f, 3600);
    TOLD(&f, TELL_TRIGGER, WHY_FIRED);
    answer(&f, LIFE_DELIVERED, TELL_TRIGGER);
    eval(&f, 1, COND_FALSE);
    answer(&f, LIFE_LOST, TELL_RESOLVE);
    int tries = 0;
    for (; life_debts(&f.l) && tries < 1000; tries++) {
        pass(&f, 3600);
        if (told(&f, TELL_RESOLVE))
            answer(&f, LIFE_LOST, TELL_RESOLVE);
    }
    assert_int_equal(tries, 7 * 24); /* then it is given up */
    assert_true(acted(&f, LIFE_GAVE_UP, false));
    pass(&f, 7200);
    QUIET(&f);
}

static void a_lost_trigger_needs_no_resolve(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    answer(&f, LIFE_LOST, TELL_TRIGGER);
    eval(&f, 1, COND_FALSE);
    QUIET(&f);
}

static void a_fallback_is_told_of_the_end(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    uint32_t seq = told(&f, TELL_TRIGGER)->seq;
    apply(&f, &(struct life_event){
                  .kind = LIFE_DELIVERED, .channel = CHAT, .seq = seq, .tell = TELL_TRIGGER});
    QUIET(&f);
    eval(&f, 1, COND_FALSE);
    assert_int_equal(notices(&f), 2); /* behind the trigger on its way, and to the fallback */
}

/* down for 3 minutes, up for 3, with for= and keep_firing= of 1 minute */
static int flap_until(struct fix *f, int cycles)
{
    int n = 0;
    for (; n < cycles && !f->l.flap.on; n++) {
        eval(f, 60, COND_TRUE);
        pass(f, 60);
        if (told(f, TELL_TRIGGER))
            answer(f, LIFE_DELIVERED, TELL_TRIGGER);
        if (f->l.flap.on)
            break;
        eval(f, 60, COND_FALSE);
        pass(f, 60);
        if (told(f, TELL_RESOLVE))
            answer(f, LIFE_DELIVERED, TELL_RESOLVE);
    }
    return n;
}

static void flapping_is_told_once(void **state)
{
    (void)state;
    struct fix f = fix(60, 60);
    assert_int_equal(flap_until(&f, 10), 2); /* the fifth change in ten minutes */
    assert_true(f.l.flap.on);
    assert_true(flap_duty(&f.l.flap, f.now) > 0.4 && flap_duty(&f.l.flap, f.now) < 0.6);
    assert_int_equal(life_debts(&f.l), 1);
    for (int i = 0; i < 5; i++) {
        eval(&f, 30, COND_FALSE);
        pass(&f, 60);
        STATE(&f, LIFE_OK);
        QUIET(&f);
        eval(&f, 30, COND_TRUE);
        pass(&f, 60);
        STATE(&f, LIFE_FIRING);
        QUIET(&f);
    }
    pass(&f, 60); /* without a break for twice for= */
    TOLD(&f, TELL_UPDATE, WHY_STILL_DOWN);
    pass(&f, 60);
    QUIET(&f);
    eval(&f, 30, COND_FALSE);
    pass(&f, 60);
    QUIET(&f);
    f.now = flap_ends(&f.l.flap);
    pass(&f, 0);
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
    assert_true(acted(&f, LIFE_FLAPS, false));
}

/* It began to flap by its end, and nobody was told of anything: the next beginning says it. */
static void flapping_waits_for_somebody_to_tell(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    gates(&f, 7, 0);
    for (int i = 0; i < 6; i++) {
        assert_false(f.l.flap.on);
        eval(&f, 230, i % 2 ? COND_FALSE : COND_TRUE);
        QUIET(&f);
    }
    assert_true(f.l.flap.on);
    gates(&f, 0, 0);
    QUIET(&f);
    eval(&f, 230, COND_TRUE);
    TOLD(&f, TELL_TRIGGER, WHY_FLAPPING);
}

static void an_alert_that_goes_pays_its_debts(void **state)
{
    (void)state;
    struct fix f = fix(60, 600);
    flap_until(&f, 10);
    apply(&f, &(struct life_event){.kind = LIFE_END});
    TOLD(&f, TELL_RESOLVE, WHY_RESOLVED);
    STATE(&f, LIFE_OK);
}

static void a_record_that_is_not_ours_is_refused(void **state)
{
    (void)state;
    struct fix f = fix(0, 0);
    eval(&f, 0, COND_TRUE);
    unsigned char buf[LIFE_RECORD];
    struct life back;
    life_save(&f.l, buf);
    assert_true(life_load(buf, sizeof(buf), f.now, &back));
    assert_memory_equal(&back, &f.l, sizeof(back));
    assert_true(life_load(buf, sizeof(buf), (wall_t){T0 - 5}, &back)); /* the clock went back */
    assert_int_equal(back.since.ns, T0 - 5);
    assert_false(life_load(buf, sizeof(buf) - 1, f.now, &back));
    for (size_t i = 0; i < sizeof(buf); i++) {
        buf[i] ^= 0x10;
        assert_false(life_load(buf, sizeof(buf), f.now, &back));
        buf[i] ^= 0x10;
    }
    assert_int_equal(back.episode, 0);
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(life_state_name(LIFE_RECOVERING), "recovering");
    assert_string_equal(tell_name(TELL_DIGEST), "digest");
    assert_string_equal(life_reason_text(WHY_SEVERITY), "severity or stage changed");
}

RUN(TEST(from_ok_to_ok), TEST(a_blip_is_nothing), TEST(without_for_it_fires_at_once),
    TEST(one_missing_sample_counts_two_do_not), TEST(unknown_freezes_and_has_its_own_alert),
    TEST(a_silence_holds_all_but_debts), TEST(the_end_of_a_silence_tells_once_more),
    TEST(a_hold_ends_by_itself), TEST(a_long_name_is_cut_between_characters),
    TEST(reminders_and_acknowledgement), TEST(stages_update_the_same_alert),
    TEST(a_rise_past_an_acknowledgement_finds_new_channels),
    TEST(a_stage_is_told_though_the_severity_is_the_same), TEST(what_is_lost_is_tried_again),
    TEST(a_lost_trigger_needs_no_resolve), TEST(a_fallback_is_told_of_the_end),
    TEST(flapping_waits_for_somebody_to_tell), TEST(it_knows_all_severities_that_it_was_told_with),
    TEST(flapping_is_told_once), TEST(an_alert_that_goes_pays_its_debts),
    TEST(a_record_that_is_not_ours_is_refused), TEST(words))
