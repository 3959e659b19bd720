/* The loop: timers in order and never early, deferred calls, descriptors, and silence when idle. */
#include "supervisor/io/loop.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static struct loop *make_loop(void)
{
    struct err e = {0};
    struct loop *l = loop_new(&e);
    if (!l)
        fail_msg("%s", e.msg);
    return l;
}

static void stop(struct loop *l)
{
    loop_stop(l);
}

/* ends a test that would hang */
static void stop_after(struct loop *l, struct loop_timer *t, int ms)
{
    LOOP_TIMER(t, l, stop, l);
    loop_timer_at(t, mono_add(mono_now(), DUR_MS(ms)));
}

struct shot {
    struct loop_timer t;
    struct loop *l;
    mono_t deadline;
    int id, *order, *n, last;
};

static void shot_fired(struct shot *s)
{
    assert_true(mono_reached(s->deadline, loop_now(s->l)));
    assert_true(mono_reached(s->deadline, mono_now()));
    s->order[(*s->n)++] = s->id;
    if (*s->n == s->last)
        loop_stop(s->l);
}

static void timers_fire_in_order_and_never_early(void **state)
{
    (void)state;
    enum { N = 200 };
    struct loop *l = make_loop();
    static struct shot shots[N];
    int order[N], n = 0;
    mono_t base = mono_now();
    for (int i = 0; i < N; i++) {
        struct shot *s = &shots[(i * 77) % N]; /* armed in a mixed order */
        int id = (i * 77) % N;
        *s = (struct shot){.l = l, .id = id, .order = order, .n = &n, .last = N};
        s->deadline = mono_add(base, (dur_t){1000000 + id * 333333});
        LOOP_TIMER(&s->t, l, shot_fired, s);
        loop_timer_at(&s->t, s->deadline);
        assert_true(loop_timer_active(&s->t));
    }
    struct loop_timer guard;
    stop_after(l, &guard, 5000);
    loop_run(l);
    assert_int_equal(n, N);
    for (int i = 0; i < N; i++) {
        assert_int_equal(order[i], i);
        assert_false(loop_timer_active(&shots[i].t));
    }
    loop_timer_stop(&guard);
    loop_free(&l);
    assert_null(l);
}

static void count_up(int *n)
{
    (*n)++;
}

static void a_passed_deadline_fires_and_a_stopped_one_does_not(void **state)
{
    (void)state;
    struct loop *l = make_loop();
    int fired = 0, stopped = 0, never = 0;
    struct loop_timer past, off, zero, guard;
    LOOP_TIMER(&past, l, count_up, &fired);
    LOOP_TIMER(&off, l, count_up, &stopped);
    LOOP_TIMER(&zero, l, count_up, &never);
    loop_timer_at(&past, (mono_t){1});
    loop_timer_at(&off, mono_add(mono_now(), DUR_MS(5)));
    loop_timer_at(&zero, mono_add(mono_now(), DUR_MS(5)));
    loop_timer_stop(&off);
    loop_timer_at(&zero, MONO_NEVER);
    assert_false(loop_timer_active(&zero));
    stop_after(l, &guard, 30);
    loop_run(l);
    assert_int_equal(fired, 1);
    assert_int_equal(stopped, 0);
    assert_int_equal(never, 0);
    loop_free(&l);
}

struct race {
    struct loop *l;
    struct loop_io io;
    struct loop_timer t;
    int fd;
    bool came, fired_first;
};

static void race_read(struct race *r)
{
    char c;
    assert_int_equal(read(r->fd, &c, 1), 1);
    r->came = true;
    loop_timer_stop(&r->t);
    loop_stop(r->l);
}

static void race_late(struct race *r)
{
    r->fired_first = !r->came;
    loop_stop(r->l);
}

/* A process that was not run for a while finds both: the answer, and that its time is over. */
static void what_has_come_is_seen_before_its_time_is_over(void **state)
{
    (void)state;
    int p[2];
    struct race r = {.l = make_loop()};
    assert_int_equal(pipe(p), 0);
    r.fd = p[0];
    LOOP_IO(&r.io, r.l, race_read, &r);
    LOOP_TIMER(&r.t, r.l, race_late, &r);
    loop_io_set(&r.io, r.fd, LOOP_READ);
    mono_t at = mono_add(mono_now(), DUR_MS(2));
    loop_timer_at(&r.t, at);
    assert_int_equal(write(p[1], "x", 1), 1);
    while (!mono_reached(mono_add(at, DUR_MS(2)), mono_now()))
        continue;
    loop_run(r.l);
    assert_true(r.came);
    assert_false(r.fired_first);
    loop_io_close(&r.io, &r.fd);
    close(p[1]);
    loop_free(&r.l);
}

struct late {
    struct loop *l;
    struct loop_timer t;
    mono_t armed, want;
};

static void late_fired(struct late *d)
{
    assert_true(mono_reached(d->want, loop_now(d->l)));
    loop_stop(d->l);
}

/* long work in a turn: the deadline counts from the clock, not from the turn's frozen time */
static void arm_after_work(struct late *d)
{
    mono_t until = mono_add(mono_now(), DUR_MS(20));
    while (!mono_reached(until, mono_now()))
        ;
    assert_false(mono_reached(until, loop_now(d->l)));
    d->want = mono_add(mono_now(), DUR_MS(10));
    loop_timer_at(&d->t, d->want);
    mono_t before = loop_now(d->l);
    loop_refresh(d->l);
    assert_true(loop_now(d->l).ns - before.ns >= DUR_MS(20).ns);
}

static void deadlines_are_absolute(void **state)
{
    (void)state;
    struct loop *l = make_loop();
    struct late d = {.l = l};
    struct loop_defer start;
    struct loop_timer guard;
    LOOP_TIMER(&d.t, l, late_fired, &d);
    LOOP_DEFER(&start, arm_after_work, &d);
    loop_defer(l, &start);
    stop_after(l, &guard, 40000);
    mono_t begin = mono_now();
    loop_run(l);
    int64_t took = mono_sub(mono_now(), begin).ns;
    assert_true(took >= DUR_MS(30).ns && took < DUR_S(40).ns);
    loop_free(&l);
}

struct crowd {
    struct loop *l;
    struct loop_timer *t;
    int n, want;
    struct late late;
};

/* The last of a crowd: libev's clock stood still while it sorted them all. */
static void crowd_fired(struct crowd *c)
{
    if (++c->n < c->want)
        return;
    c->late.want = mono_add(loop_now(c->l), DUR_MS(1));
    loop_timer_at(&c->late.t, c->late.want);
    loop_again(c->l);
}

static void a_slow_turn_makes_no_timer_early(void **state)
{
    (void)state;
    enum { N = 50000 };
    struct crowd c = {.l = make_loop(), .want = N};
    struct loop_timer guard;
    c.t = calloc(N, sizeof(*c.t));
    c.late.l = c.l;
    LOOP_TIMER(&c.late.t, c.l, late_fired, &c.late);
    for (int i = 0; i < N; i++) {
        LOOP_TIMER(&c.t[i], c.l, crowd_fired, &c);
        loop_timer_at(&c.t[i], (mono_t){1 + i * 7919 % N});
    }
    stop_after(c.l, &guard, 5000);
    loop_run(c.l);
    assert_int_equal(c.n, N);
    assert_true(mono_reached(c.late.want, mono_now()));
    loop_free(&c.l);
    free(c.t);
}

struct chain {
    struct loop *l;
    struct loop_defer a, b, c, gone;
    char log[64];
    int depth, max_depth, turns;
};

static void note(struct chain *c, char what)
{
    size_t n = strlen(c->log);
    assert_true(n + 1 < sizeof(c->log));
    c->log[n] = what;
    c->log[n + 1] = '\0';
}

static void chain_a(struct chain *c)
{
    c->depth++;
    c->max_depth = c->depth > c->max_depth ? c->depth : c->max_depth;
    note(c, 'a');
    loop_defer(c->l, &c->c); /* for the next turn */
    loop_defer(c->l, &c->c);
    loop_defer_cancel(c->l, &c->gone);
    c->depth--;
}

static void chain_b(struct chain *c)
{
    c->depth++;
    c->max_depth = c->depth > c->max_depth ? c->depth : c->max_depth;
    note(c, 'b');
    c->depth--;
}

static void chain_c(struct chain *c)
{
    note(c, 'c');
    loop_stop(c->l);
}

static void chain_gone(struct chain *c)
{
    note(c, 'X');
}

static void chain_turn(struct chain *c)
{
    note(c, '|');
}

static void deferred_calls_run_once_at_the_end_of_the_turn(void **state)
{
    (void)state;
    struct chain c = {.l = make_loop()};
    struct loop_timer guard;
    LOOP_DEFER(&c.a, chain_a, &c);
    LOOP_DEFER(&c.b, chain_b, &c);
    LOOP_DEFER(&c.c, chain_c, &c);
    LOOP_DEFER(&c.gone, chain_gone, &c);
    loop_on_turn(c.l, (loop_fn *)chain_turn, &c);
    loop_defer(c.l, &c.a);
    loop_defer(c.l, &c.b);
    loop_defer(c.l, &c.a);
    loop_defer(c.l, &c.gone);
    stop_after(c.l, &guard, 2000);
    loop_run(c.l);
    assert_string_equal(c.log, "ab|c|");
    assert_int_equal(c.max_depth, 1);
    loop_free(&c.l);
}

static void cancelling_the_last_keeps_the_queue_whole(void **state)
{
    (void)state;
    struct chain c = {.l = make_loop()};
    struct loop_timer guard;
    LOOP_DEFER(&c.b, chain_b, &c);
    LOOP_DEFER(&c.c, chain_c, &c);
    LOOP_DEFER(&c.gone, chain_gone, &c);
    loop_defer(c.l, &c.gone);
    loop_defer_cancel(c.l, &c.gone);
    loop_defer(c.l, &c.b);
    loop_defer(c.l, &c.gone);
    loop_defer_cancel(c.l, &c.gone);
    loop_defer(c.l, &c.c);
    stop_after(c.l, &guard, 2000);
    loop_run(c.l);
    assert_string_equal(c.log, "bc");
    loop_free(&c.l);
}

struct reader {
    struct loop *l;
    struct loop_io io;
    int fd, calls, events;
    char got[16];
};

static void reader_ready(struct reader *r)
{
    r->calls++;
    r->events = loop_io_events(&r->io);
    ssize_t n = read(r->fd, r->got, sizeof(r->got) - 1);
    r->got[n > 0 ? n : 0] = '\0';
    loop_io_close(&r->io, &r->fd);
    loop_stop(r->l);
}

static void a_descriptor_tells_when_it_is_ready(void **state)
{
    (void)state;
    struct reader r = {.l = make_loop()};
    int p[2];
    struct loop_timer guard;
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    r.fd = p[0];
    LOOP_IO(&r.io, r.l, reader_ready, &r);
    assert_int_equal(loop_io_set(&r.io, r.fd, LOOP_READ), 0);
    stop_after(r.l, &guard, 20);
    loop_run(r.l);
    assert_int_equal(r.calls, 0);
    assert_int_equal(write(p[1], "word", 4), 4);
    stop_after(r.l, &guard, 2000);
    loop_run(r.l);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.events, LOOP_READ);
    assert_string_equal(r.got, "word");
    assert_int_equal(r.fd, -1);
    assert_int_equal(fcntl(p[0], F_GETFD), -1);
    close(p[1]);
    loop_free(&r.l);
}

static void what_is_always_ready_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int flags;
    } rows[] = {{"/proc/self/exe", O_RDONLY}, {"/", O_RDONLY | O_DIRECTORY}, {"/dev/null", O_RDWR}};
    struct loop *l = make_loop();
    int unused = 0, quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    log_setup(quiet, LVL_CRITICAL, false);
    struct loop_io io;
    LOOP_IO(&io, l, count_up, &unused);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int fd = open(rows[i].path, rows[i].flags | O_CLOEXEC);
        errno = 0;
        assert_int_equal(loop_io_set(&io, fd, LOOP_READ), -1);
        assert_int_equal(errno, EPERM);
        loop_io_close(&io, &fd);
        assert_int_equal(fd, -1);
    }
    errno = 0;
    assert_int_equal(loop_io_set(&io, 12345, LOOP_READ), -1);
    assert_int_equal(errno, EBADF);
    struct loop_timer guard;
    stop_after(l, &guard, 10);
    loop_run(l);
    assert_int_equal(unused, 0);
    log_setup(2, LVL_INFO, false);
    close(quiet);
    loop_free(&l);
}

static bool names_target(const char *path, int fd)
{
    char line[256];
    bool found = false;
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        found = found || (!strncmp(line, "tfd:", 4) && strtol(line + 4, NULL, 10) == fd);
    if (f)
        fclose(f);
    return found;
}

/* True if any epoll set of ours still holds what was watched under this number. */
static bool in_an_epoll_set(int fd)
{
    char path[64], what[64];
    bool found = false;
    for (int i = 3; i < 64; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
        ssize_t n = readlink(path, what, sizeof(what) - 1);
        what[n > 0 ? n : 0] = '\0';
        if (strcmp(what, "anon_inode:[eventpoll]") != 0)
            continue;
        snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", i);
        found = found || names_target(path, fd);
    }
    return found;
}

/* A description that lives on elsewhere must leave the kernel's set when we close our descriptor:
 * else its events come for a number that is somebody else's by then. */
static void a_closed_descriptor_leaves_the_set(void **state)
{
    (void)state;
    struct reader r = {.l = make_loop()};
    int p[2];
    struct loop_timer guard;
    assert_int_equal(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
    int other = dup(p[0]); /* as if another process held it */
    r.fd = p[0];
    LOOP_IO(&r.io, r.l, reader_ready, &r);
    assert_int_equal(loop_io_set(&r.io, r.fd, LOOP_READ), 0);
    stop_after(r.l, &guard, 5);
    loop_run(r.l);
    assert_true(in_an_epoll_set(p[0]));
    loop_io_close(&r.io, &r.fd);
    assert_false(in_an_epoll_set(p[0]));
    assert_int_equal(write(p[1], "x", 1), 1);
    stop_after(r.l, &guard, 5);
    loop_run(r.l);
    assert_int_equal(r.calls, 0);
    close(other);
    close(p[1]);
    loop_free(&r.l);
}

static void again_does_not_block(void **state)
{
    (void)state;
    struct loop *l = make_loop();
    int turns = 0;
    struct loop_timer guard;
    loop_on_turn(l, (loop_fn *)count_up, &turns);
    loop_again(l);
    stop_after(l, &guard, 50);
    loop_run(l);
    assert_in_range(turns, 3, 5); /* the start, the one that did not wait, the timer's */
    loop_free(&l);
}

static long voluntary_switches(int pid)
{
    char path[64], line[256];
    long n = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    if (!f)
        return -1;
    while (fgets(line, sizeof(line), f)) {
        if (!strncmp(line, "voluntary_ctxt_switches:", 24))
            n = strtol(line + 24, NULL, 10);
    }
    fclose(f);
    return n;
}

static void idle_child(int ready)
{
    struct err e;
    struct loop *l = loop_new(&e);
    struct loop_timer far;
    int n = 0;
    LOOP_TIMER(&far, l, count_up, &n);
    loop_timer_at(&far, mono_add(mono_now(), DUR_S(100000)));
    if (write(ready, "r", 1) != 1)
        _exit(1);
    loop_run(l);
    _exit(0);
}

/* Jumps of the wall clock come through a timerfd: else libev looks every 59.7 s. */
static void jumps_of_the_clock_need_no_wake_up(void **state)
{
    (void)state;
    struct loop *l = make_loop();
    char path[64], what[64];
    int found = 0;
    for (int i = 3; i < 64; i++) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", i);
        ssize_t n = readlink(path, what, sizeof(what) - 1);
        what[n > 0 ? n : 0] = '\0';
        found += strcmp(what, "anon_inode:[timerfd]") == 0;
    }
    assert_int_equal(found, 1);
    loop_free(&l);
}

/* its switches once they have stayed the same for 100 ms; a busy machine may take a while */
static long settled_switches(int pid)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    mono_t end = mono_add(mono_now(), DUR_S(40));
    long last = -1, now = voluntary_switches(pid);
    while (last != now && !mono_reached(end, mono_now())) {
        nanosleep(&pause, NULL);
        last = now;
        now = voluntary_switches(pid);
    }
    return now;
}

/* LOOP_IDLE_S=70 covers libev's own longest wait of 59.7 s. */
static void an_idle_loop_never_wakes(void **state)
{
    (void)state;
    const char *s = getenv("LOOP_IDLE_S");
    int p[2];
    assert_int_equal(pipe(p), 0);
    int pid = fork();
    if (pid == 0)
        idle_child(p[1]);
    char c;
    assert_int_equal(read(p[0], &c, 1), 1);
    struct timespec quiet = {.tv_sec = s ? strtol(s, NULL, 10) : 1};
    long before = settled_switches(pid);
    nanosleep(&quiet, NULL);
    long after = voluntary_switches(pid);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    close(p[0]);
    close(p[1]);
    assert_true(before > 0);
    assert_int_equal(after - before, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_order_and_never_early),
        cmocka_unit_test(what_has_come_is_seen_before_its_time_is_over),
        cmocka_unit_test(a_passed_deadline_fires_and_a_stopped_one_does_not),
        cmocka_unit_test(deadlines_are_absolute),
        cmocka_unit_test(a_slow_turn_makes_no_timer_early),
        cmocka_unit_test(deferred_calls_run_once_at_the_end_of_the_turn),
        cmocka_unit_test(cancelling_the_last_keeps_the_queue_whole),
        cmocka_unit_test(a_descriptor_tells_when_it_is_ready),
        cmocka_unit_test(what_is_always_ready_is_refused),
        cmocka_unit_test(a_closed_descriptor_leaves_the_set),
        cmocka_unit_test(again_does_not_block),
        cmocka_unit_test(jumps_of_the_clock_need_no_wake_up),
        cmocka_unit_test(an_idle_loop_never_wakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
