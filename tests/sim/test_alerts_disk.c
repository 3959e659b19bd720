/* Alerts on a disk that is full, or does not answer: they are told all the same. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"
#include "tests/fake/fake_store.h"

static const char basic[] = "[supervisord]\n"
                            "[notify:chat]\ntype=webhook\nurl=http://127.0.0.1:9/c\n"
                            "[probe:db]\ntype=tcp\nhost=127.0.0.1\nport=1\n"
                            "[alert:db]\ntype=probe\nprobe=db\nfor=1s\nkeep_firing=2s\n"
                            "nodata_after=0s\n";

static void well(struct world *w)
{
    world_probe(w, "db", true);
    world_run(w, 2000);
    world_expect(w, "");
}

static void a_full_disk_is_no_reason_to_be_silent(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 9);
    well(&w);
    fake_disk_fail(true);
    world_probe(&w, "db", false);
    world_run(&w, 3000);
    world_expect(&w, "chat firing db\n");
    assert_true(engine_counts(w.e).store_errors > 0);
    fake_disk_fail(false);
    world_run(&w, 15000);
    world_restart(&w, true);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    world_expect(&w, "chat resolved db\n"); /* what failed was written later */
    world_close(&w);
}

/* What was said once, while nothing could be written down, is written down later. */
static void what_failed_is_written_when_it_can_be(void **state)
{
    (void)state;
    struct world w;
    struct err er;
    const char *v[] = {"alertname=db"};
    struct str_list list = {v, 1};
    world_open(&w, basic, 9);
    well(&w);
    fake_disk_fail(true);
    assert_true(engine_silence(w.e,
                               &(struct silence_request){.matchers = &list,
                                                         .author = "ann",
                                                         .reason = "r",
                                                         .end = {wall_now().ns + DUR_S(3600).ns}},
                               &er));
    world_run(&w, 3000);
    fake_disk_fail(false);
    world_run(&w, 15000);
    world_restart(&w, true);
    world_probe(&w, "db", false);
    world_run(&w, 5000);
    world_expect(&w, "");
    assert_string_equal(world_state(&w, "db"), "firing");
    world_close(&w);
}

static void a_disk_that_does_not_answer_is_none_either(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 9);
    well(&w);
    fake_disk_stall(true);
    world_probe(&w, "db", false);
    world_run(&w, 8000);
    world_expect(&w, ""); /* it may still answer */
    world_run(&w, 5000);
    world_expect(&w, "chat firing db\n");
    assert_int_equal(engine_counts(w.e).store_errors, 1);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    world_expect(&w, "chat resolved db\n");
    world_close(&w);
}

RUN(TEST(a_full_disk_is_no_reason_to_be_silent), TEST(what_failed_is_written_when_it_can_be),
    TEST(a_disk_that_does_not_answer_is_none_either))
