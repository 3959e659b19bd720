/* Lines of output as the agent counts them, when text and the news of its process come by two ways:
 * the last words of a program that ended count, however late they are and whoever wrote them. */
#include "supervisor/agent/counting.h"
#include "supervisor/core/tap.h"
#include "tests/unit/probe_gen.h"
#include "tests/unit/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>

struct world {
    struct agent_program a;
    struct loop_timer end;
    int fd;
};

static const struct engine_ops ops = {.run_probe = NULL};

static void on_process(void *obj, const struct procs_change *c)
{
    counting_process(obj, c);
}

static void at_end(struct world *w)
{
    loop_stop(w->a.loop);
}

static void run(struct world *w, int ms)
{
    loop_refresh(w->a.loop);
    loop_timer_at(&w->end, mono_add(mono_now(), DUR_MS(ms)));
    loop_run(w->a.loop);
}

static void open_world(struct world *w)
{
    int ends[2];
    struct err e;
    memset(w, 0, sizeof(*w));
    struct agent_program *a = &w->a;
    a->loop = loop_new(&e);
    a->send.loop = a->loop;
    a->gen = probe_gen("[program:p]\ncommand=p\n"
                       "[metric:m]\ntype=lines\nprogram=p\nstream=stdout\nerrors=ERR$\n");
    a->engine = engine_new(&(struct engine_env){.send = &a->send, .host = "h", .seed = 1}, &ops, a);
    a->procs = procs_new(on_process, a);
    assert_int_equal(engine_apply(a->engine, a->gen, &e), 0);
    procs_follow(a->procs, a->gen);
    LOOP_TIMER(&w->end, a->loop, at_end, w);
    counting_setup(a);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    w->fd = ends[0];
    counting_text(a, ends[1]);
}

static void close_world(struct world *w)
{
    struct err e;
    counting_fini(&w->a);
    procs_free(&w->a.procs);
    engine_free(&w->a.engine);
    loop_timer_stop(&w->end);
    loop_free(&w->a.loop);
    agentgen_free(&w->a.gen);
    close(w->fd);
    (void)e;
}

static void say(struct world *w, uint32_t run_number, int pid, uint64_t at, int flags,
                const char *text, size_t n)
{
    char m[512];
    struct tap_head h = {.size = sizeof(h),
                         .flags = (uint8_t)flags,
                         .key = 1,
                         .run = run_number,
                         .pid = pid,
                         .at = at,
                         .len = (uint32_t)n};
    memcpy(m, &h, sizeof(h));
    memcpy(m + sizeof(h), text, n);
    assert_int_equal(send(w->fd, m, sizeof(h) + n, 0), sizeof(h) + n);
}

static void say_names(struct world *w)
{
    say(w, 0, 0, 0, TAP_NAMES, "p\0p", 4);
}

static void say_text(struct world *w, int pid, uint64_t at, const char *text)
{
    say(w, 1, pid, at, 0, text, strlen(text));
}

/* "event" of supd about the process p */
static void tell(struct world *w, const char *type, const char *pid, const char *state)
{
    struct wire_pair pairs[] = {
        {(char *)(uintptr_t) "type", (char *)(uintptr_t)type},
        {(char *)(uintptr_t) "name", (char *)(uintptr_t) "p"},
        {(char *)(uintptr_t) "pid", (char *)(uintptr_t)pid},
        {(char *)(uintptr_t) "to", (char *)(uintptr_t)state},
    };
    procs_event(w->a.procs, pairs, state ? 4 : 3);
}

static void expect(struct world *w, uint64_t ok, uint64_t err)
{
    const struct metric *m = feed_metric(engine_feed(w->a.engine), "m");
    assert_non_null(m);
    if (m->ok != ok || m->err != err)
        fail_msg("%d/%d, not %d/%d", (int)m->ok, (int)m->err, (int)ok, (int)err);
}

static void lifetime(struct world *w)
{
    tell(w, "spawned", "7", NULL);
    tell(w, "state", "7", "RUNNING");
    tell(w, "exit", "7", NULL);
    tell(w, "state", "0", "EXITED");
}

static void last_words_count_a_second_after_the_end(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    say_names(&w);
    say_text(&w, 7, 0, "fine\nERR");
    run(&w, 100);
    expect(&w, 1, 0);
    lifetime(&w);
    run(&w, 1300);
    expect(&w, 1, 1);
    close_world(&w);
}

/* supd-log was faster than supd's note of the pid, and the text comes after the news of the end */
static void last_words_of_nobody_in_particular_count_too(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    lifetime(&w);
    say_names(&w);
    say_text(&w, 0, 0, "fine\nERR");
    run(&w, 1300);
    expect(&w, 1, 1);
    close_world(&w);
}

/* the same text before the news of the start: it is no end */
static void a_line_that_began_before_the_start_was_heard_of_is_one_line(void **state)
{
    (void)state;
    struct world w;
    open_world(&w);
    tell(&w, "state", "0", "STOPPED");
    say_names(&w);
    say_text(&w, 0, 0, "fine\nER");
    run(&w, 100);
    tell(&w, "spawned", "7", NULL);
    tell(&w, "state", "7", "RUNNING");
    run(&w, 1300);
    expect(&w, 1, 0);
    say_text(&w, 7, 7, "R\n");
    run(&w, 100);
    expect(&w, 1, 1);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(last_words_count_a_second_after_the_end),
        cmocka_unit_test(last_words_of_nobody_in_particular_count_too),
        cmocka_unit_test(a_line_that_began_before_the_start_was_heard_of_is_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
