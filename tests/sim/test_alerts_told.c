/* Alerts as a whole: who is told again, who instead of another, and as what. */
#include "tests/unit/unit.h"

#include "tests/fake/alertworld.h"
#include "tests/fake/fake.h"

#include <stdio.h>

#define HOOKS                                                                                      \
    "[notify:chat]\ntype=webhook\nurl=http://127.0.0.1:9/c\nfallback=mail\n"                       \
    "[notify:mail]\ntype=webhook\nurl=http://127.0.0.1:9/m\nseverity=critical\n"
#define PROBES                                                                                     \
    "[probe:db]\ntype=tcp\nhost=127.0.0.1\nport=1\n"                                               \
    "[probe:api]\ntype=tcp\nhost=127.0.0.1\nport=2\nparent=db\n"
#define FAST "for=1s\nkeep_firing=2s\nnodata_after=0s\n"
#define BASE "[supervisord]\n[program:web]\ncommand=/bin/true\n" HOOKS PROBES
static const char basic[] = BASE "[alert:db]\ntype=probe\nprobe=db\nlabels=team=db\n" FAST
                                 "[alert:api]\ntype=probe\nprobe=api\n" FAST;

static void well(struct world *w)
{
    world_probe(w, "db", true);
    world_probe(w, "api", true);
    world_run(w, 2000);
    world_expect(w, "");
}

static unsigned times(const struct world *w, const char *line)
{
    unsigned n = 0;
    for (const char *p = str_text(&w->seen); (p = strstr(p, line)); p++)
        n++;
    return n;
}

static void a_fallback_hears_of_each_episode_once(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 17);
    well(&w);
    w.refuses = "chat";
    world_probe(&w, "db", false);
    world_run(&w, 2500 * 3600); /* it is tried again, and refuses again */
    assert_int_equal(times(&w, "mail firing db\n"), 1);
    world_probe(&w, "db", true);
    world_run(&w, 5000);
    assert_int_equal(times(&w, "mail resolved db\n"), 1);
    world_probe(&w, "db", false); /* soon after: a loss of before holds nothing back */
    world_run(&w, 5000);
    assert_int_equal(times(&w, "mail firing db\n"), 2);
    world_close(&w);
}

static void a_fallback_that_is_told_anyway_gets_no_copy(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] = BASE "[alert:db]\ntype=probe\nprobe=db\nseverity=critical\n" FAST;
    world_open(&w, conf, 18);
    well(&w);
    w.refuses = "chat";
    world_probe(&w, "db", false);
    world_run(&w, 10000);
    assert_int_equal(times(&w, "mail firing db\n"), 1);
    world_close(&w);
}

/* With the labels by which services know it, and long after its generation was freed. */
static void the_end_of_what_is_gone_is_told_as_what_it_was(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] = BASE "[probe:web]\ntype=tcp\nhost=127.0.0.1\nport=3\nprogram=web\n"
                                    "[alert:web]\ntype=probe\nprobe=web\nlabels=team=db\n" FAST;
    world_open(&w, conf, 19);
    world_probe(&w, "web", true);
    world_run(&w, 1000);
    world_probe(&w, "web", false);
    world_run(&w, 3000);
    assert_string_equal(w.told, "chat firing web program=web team=db");
    w.hundred_fail = 100;
    world_reload(&w, BASE);
    world_run(&w, 25 * 3600 * 1000); /* the first attempt at its end is given up after a day */
    w.hundred_fail = 0;
    world_run(&w, 2 * 3600 * 1000);
    assert_string_equal(w.told, "chat resolved web program=web team=db");
    assert_int_equal(engine_counts(w.e).debts, 0);
    world_close(&w);
}

/* It has arrived, though nobody waited for its answer: its end is a notice of its own. */
static void a_reload_while_it_is_sent_makes_no_pair(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, basic, 23);
    well(&w);
    w.slow = DUR_S(5);
    world_probe(&w, "db", false);
    world_run(&w, 1500);
    world_expect(&w, "chat firing db\n");
    world_probe(&w, "db", true);
    world_run(&w, 1900);
    world_reload(&w, basic); /* its second attempt is in half a second, its end before that */
    w.slow = (dur_t){0};
    world_run(&w, 20000);
    world_expect(&w, "chat resolved db\n");
    assert_true(w.repeated > 0);
    world_close(&w);
}

static void alertmanager_hears_again_of_what_fires(void **state)
{
    (void)state;
    struct world w;
    static const char conf[] =
        "[supervisord]\n[notify:am]\ntype=alertmanager\nurls=http://127.0.0.1:9\n" PROBES
        "[alert:db]\ntype=probe\nprobe=db\n" FAST;
    world_open(&w, conf, 15);
    world_probe(&w, "db", true);
    world_run(&w, 1000);
    world_probe(&w, "db", false);
    world_run(&w, 310000);
    world_expect(&w, "am firing db\n");
    assert_true(w.arrivals >= 5 && w.arrivals <= 7);
    world_probe(&w, "db", true);
    world_run(&w, 310000);
    world_expect(&w, "am resolved db\n"); /* and again for five minutes, as the same notice */
    assert_true(w.arrivals >= 10 && w.arrivals <= 14);
    uint64_t told = w.arrivals;
    world_run(&w, 300000);
    assert_int_equal(w.arrivals, told);
    world_close(&w);
}

RUN(TEST(a_fallback_hears_of_each_episode_once), TEST(a_fallback_that_is_told_anyway_gets_no_copy),
    TEST(the_end_of_what_is_gone_is_told_as_what_it_was),
    TEST(a_reload_while_it_is_sent_makes_no_pair), TEST(alertmanager_hears_again_of_what_fires))
