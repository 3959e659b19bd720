/* Every allocation and every system call of the log hand-over fails once, in turn, first in supd,
 * then in supd-log: the memory, the pipes, the start of supd-log, streams that come later, changed
 * and ended ones, drains, tails, clears, rotation, taps. What a program wrote is in its file, every
 * byte once; whoever asked is called back; what could not be made says why, and the next try works.
 * SUPD_INJECT=N lets only the Nth fail. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/tap.h"
#include "supervisor/logd/logd.h"
#include "supervisor/run/logs_impl.h"
#include "tests/inject/inject.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define STREAMS 4
#define LIMIT_MS 60000 /* what hangs does so for ever */
#define ENOUGH_MS 1900 /* supd may have given up an answer to a clear by then */
#define TEXT_MAX 65536

struct one {
    const char *name;
    struct log_stream *s;
    struct gen_log log;
    char path[96], old[104]; /* old: where it went before, or "" */
    char wrote[TEXT_MAX];    /* what its files have to hold together */
    size_t n, maybe;         /* maybe: so much at its beginning may have been cleared */
};

static struct scene {
    struct loop *loop;
    struct loop_timer stop;
    struct logs *g;
    struct one of[STREAMS];
    char dir[32], main[96];
    int called, tap, written;
    int64_t fds;
} w;

/* ---- the machinery ---- */

static int become_log(int argc, char **argv)
{
    inject_be(INJECT_LOGD);
    return logd_main(argc, argv);
}

static void stop(struct scene *c)
{
    loop_stop(c->loop);
}

static void turn(int ms)
{
    int pid, status;
    enum inject_who was = inject_be(INJECT_SUPD);
    loop_refresh(w.loop);
    loop_timer_at(&w.stop, mono_add(loop_now(w.loop), DUR_MS(ms)));
    loop_run(w.loop);
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        logs_reaped(w.g, pid, status);
    inject_be(was);
}

static bool is_past(mono_t begin, int ms)
{
    return mono_reached(mono_add(begin, DUR_MS(ms)), mono_now());
}

/* Until it is so; not for ever. */
static bool until(bool (*is_so)(void))
{
    mono_t begin = mono_now();
    while (!is_so())
        if (is_past(begin, LIMIT_MS))
            return false;
        else
            turn(1);
    return true;
}

static void called(void *obj)
{
    ++*(int *)obj;
}

static bool is_called(void)
{
    return w.called > 0;
}

static size_t read_file(const char *path, char *out, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, max);
    if (fd >= 0)
        close(fd);
    return n > 0 ? (size_t)n : 0;
}

/* All of its files, the oldest first. */
static size_t read_all(const struct one *o, char *out)
{
    char path[128];
    size_t n = *o->old ? read_file(o->old, out, TEXT_MAX) : 0;
    for (int i = o->log.backups; i > 0; i--) {
        snprintf(path, sizeof(path), "%s.%d", o->path, i);
        n += read_file(path, out + n, TEXT_MAX - n);
    }
    return n + read_file(o->path, out + n, TEXT_MAX - n);
}

static bool is_whole(const struct one *o)
{
    static char text[TEXT_MAX];
    size_t n = read_all(o, text);
    return (n == o->n && memcmp(text, o->wrote, n) == 0) ||
           (o->maybe && n == o->n - o->maybe && memcmp(text, o->wrote + o->maybe, n) == 0);
}

static bool is_written(void)
{
    for (int i = 0; i < STREAMS; i++)
        if (*w.of[i].path && !is_whole(&w.of[i]))
            return false;
    return true;
}

/* Nothing twice, either. */
static const char *check_files(void)
{
    static char text[TEXT_MAX], wrong[128];
    if (!until(is_written)) {
        for (int i = 0; i < STREAMS; i++) {
            size_t n = read_all(&w.of[i], text);
            if (n != w.of[i].n)
                snprintf(wrong, sizeof(wrong), "%s: %zu bytes are in the file, %zu were written",
                         w.of[i].name, n, w.of[i].n);
        }
        return wrong;
    }
    turn(1);
    return is_written() ? NULL : "a file holds more than was written";
}

/* ---- what a supervisor does ---- */

static void say(struct one *o, const char *what)
{
    char line[64];
    if (o->n + sizeof(line) > TEXT_MAX)
        return;
    int n = snprintf(line, sizeof(line), "%s %s %d\n", o->name, what, w.written++);
    memcpy(o->wrote + o->n, line, (size_t)n);
    o->n += (size_t)n;
    if (write(logs_write_fd(o->s), line, (size_t)n) != n)
        abort();
}

static void say_all(const char *what)
{
    for (int i = 0; i < STREAMS; i++)
        if (w.of[i].s)
            say(&w.of[i], what);
}

static struct logs_conf conf_of(const struct one *o)
{
    return (struct logs_conf){.process = o->name,
                              .program = o->name,
                              .group = o->name,
                              .log = &o->log,
                              .path = o->path,
                              .uid = -1};
}

static bool has_reason(const struct err *e)
{
    return e->msg[0] && strlen(e->msg) > 10;
}

/* Adds it, at the second try at the latest. */
static const char *add(int i, const char *name)
{
    struct one *o = &w.of[i];
    struct err e = {0};
    o->name = name;
    o->log.sink = GEN_SINK_FILE;
    snprintf(o->path, sizeof(o->path), "%s/%s.log", w.dir, name);
    struct logs_conf c = conf_of(o);
    enum inject_who was = inject_be(INJECT_SUPD);
    o->s = logs_add(w.g, &c, &e);
    if (!o->s && has_reason(&e))
        o->s = logs_add(w.g, &c, &e);
    inject_be(was);
    return o->s ? NULL : "a stream cannot be added";
}

static const char *update(int i, const char *file)
{
    struct one *o = &w.of[i];
    struct err e = {0};
    memcpy(o->old, o->path, sizeof(o->path));
    snprintf(o->path, sizeof(o->path), "%s/%s", w.dir, file);
    struct logs_conf c = conf_of(o);
    enum inject_who was = inject_be(INJECT_SUPD);
    int r = logs_update(o->s, &c, &e);
    if (r < 0 && has_reason(&e))
        r = logs_update(o->s, &c, &e);
    inject_be(was);
    return r < 0 ? "a stream cannot be changed" : NULL;
}

/* Asks, and is called back, come what may. */
static const char *drain(int i)
{
    w.called = 0;
    enum inject_who was = inject_be(INJECT_SUPD);
    logs_drain(w.g, w.of[i].s, NULL, called, &w.called);
    inject_be(was);
    if (!until(is_called))
        return "a drain is never answered";
    turn(1);
    return w.called == 1 ? NULL : "a drain is answered twice";
}

/* A busy machine may need more than the 2 s that supd waits: then it is asked again. */
static const char *clear(int i)
{
    bool done = false, late = true;
    mono_t began = mono_now();
    while (!done && late && !inject_done() && !is_past(began, LIMIT_MS)) {
        mono_t asked = mono_now();
        w.called = 0;
        enum inject_who was = inject_be(INJECT_SUPD);
        logs_clear(w.g, w.of[i].s, &done, called, &w.called);
        inject_be(was);
        if (!until(is_called))
            return "a clear is never answered";
        late = is_past(asked, ENOUGH_MS);
    }
    if (!done && !inject_done())
        return "a file is not cleared";
    if (done)
        w.of[i].n = 0;
    else
        w.of[i].maybe = w.of[i].n;
    return NULL;
}

/* The end of a stream on a connection: all of it, or an error, or none. */
static const char *tail(int i)
{
    int ends[2];
    struct err e = {0};
    char got[512];
    size_t n = 0;
    struct logs_tail t = {.stream = w.of[i].s, .id = "t1", .bytes = 10};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return "no sockets";
    enum inject_who was = inject_be(INJECT_SUPD);
    int r = logs_tail(w.g, &t, &ends[0], &e);
    inject_be(was);
    if (r < 0) {
        close(ends[0]);
        close(ends[1]);
        return has_reason(&e) && inject_done() ? NULL : "a tail is refused without a reason";
    }
    mono_t end = mono_add(mono_now(), DUR_MS(LIMIT_MS));
    for (ssize_t k = -1; k != 0 && !mono_reached(end, mono_now()); turn(1)) {
        k = read(ends[1], got + n, sizeof(got) - 1 - n);
        n += k > 0 ? (size_t)k : 0;
        if (k < 0 && errno != EAGAIN)
            break;
    }
    got[n] = '\0';
    close(ends[1]);
    if (mono_reached(end, mono_now()))
        return "a tail does not end";
    return strstr(got, "t1 ok") || inject_done() ? NULL : "a tail shows nothing";
}

static const char *reopen(int i)
{
    struct one *o = &w.of[i];
    snprintf(o->old, sizeof(o->old), "%s/%s.old", w.dir, o->name);
    rename(o->path, o->old);
    enum inject_who was = inject_be(INJECT_SUPD);
    logs_reopen_all(w.g);
    inject_be(was);
    const char *wrong = drain(i);
    say(o, "reopened");
    mono_t began = mono_now();
    while (access(o->path, F_OK) < 0 && !is_past(began, LIMIT_MS)) {
        turn(1);
        say(o, "again");
    }
    return wrong ? wrong : access(o->path, F_OK) < 0 ? "a file does not come back" : NULL;
}

/* Its text comes over the tap, or the tap cannot be had. */
static const char *listen_in(int i)
{
    static char message[TAP_MESSAGE];
    struct err e = {0};
    struct tap_head h;
    const char *text = "";
    enum inject_who was = inject_be(INJECT_SUPD);
    w.tap = logs_tap_open(w.g, LOGS_TAP_SUPD, &e);
    if (w.tap >= 0)
        logs_tap_set(w.of[i].s, LOGS_TAP_SUPD, LOGS_WANT_TEXT, 1);
    inject_be(was);
    if (w.tap < 0)
        return has_reason(&e) ? NULL : "no tap, and no reason";
    (void)drain(i);
    mono_t end = mono_add(mono_now(), DUR_MS(LIMIT_MS));
    bool heard = false;
    say(&w.of[i], "heard");
    for (int k = 0; !heard && !mono_reached(end, mono_now()); k++) {
        turn(k < 100 ? 1 : 50); /* there is to be text for all of the time */
        ssize_t n = recv(w.tap, message, sizeof(message), MSG_DONTWAIT);
        heard = n > 0 && tap_read(message, (size_t)n, &h, &text) && h.len > 0;
        say(&w.of[i], "again"); /* what was read before that was heard of is not in it */
    }
    was = inject_be(INJECT_SUPD);
    logs_tap_close(w.g, LOGS_TAP_SUPD);
    inject_be(was);
    fd_close(&w.tap);
    return heard ? NULL : "a tap brings nothing";
}

static const char *open_files(void)
{
    struct err e = {0};
    enum inject_who was = inject_be(INJECT_SUPD);
    int fd = logs_files_open(w.g, "/etc/hostname", 14, &e);
    inject_be(was);
    bool bad = fd < 0 && !has_reason(&e);
    fd_close(&fd);
    turn(1);
    was = inject_be(INJECT_SUPD);
    logs_files_close(w.g);
    inject_be(was);
    return bad ? "no files for the agent, and no reason" : NULL;
}

static bool is_alone(void)
{
    return w.g->nstreams == 1;
}

static const char *drop_all(void)
{
    enum inject_who was = inject_be(INJECT_SUPD);
    for (int i = 0; i < STREAMS; i++)
        logs_del(&w.of[i].s);
    inject_be(was);
    return until(is_alone) ? NULL : "an ended stream is kept";
}

static bool is_over(void)
{
    return logs_pid(w.g) == 0;
}

static const char *finish(void)
{
    w.called = 0;
    enum inject_who was = inject_be(INJECT_SUPD);
    logs_finish(w.g, called, &w.called);
    inject_be(was);
    if (!until(is_called))
        return "the end is never answered";
    was = inject_be(INJECT_SUPD);
    logchan_close(w.g); /* as the end of supd does: supd-log writes what it has, and ends */
    inject_be(was);
    return until(is_over) ? NULL : "supd-log does not end";
}

static const char *play(void)
{
    w.of[1].log.strip_ansi = 1;
    w.of[2].log.maxbytes = 200;
    w.of[2].log.backups = 9;
    const char *wrong = add(0, "a");
    wrong = wrong ? wrong : add(1, "b");
    if (wrong)
        return wrong;
    struct err e = {0};
    enum inject_who was = inject_be(INJECT_SUPD);
    if (logs_start(w.g, &e) < 0 && !has_reason(&e))
        wrong = "supd-log does not start, and nobody says why";
    inject_be(was);
    say_all("first");
    wrong = wrong ? wrong : drain(0);
    wrong = wrong ? wrong : check_files();
    wrong = wrong ? wrong : add(2, "c");
    wrong = wrong ? wrong : add(3, "d");
    if (wrong)
        return wrong;
    for (int i = 0; i < 30; i++)
        say(&w.of[2], "rotates");
    say_all("later");
    wrong = drain(3);
    wrong = wrong ? wrong : tail(3);
    wrong = wrong ? wrong : check_files();
    wrong = wrong ? wrong : update(0, "a2.log");
    wrong = wrong ? wrong : drain(0);
    say_all("changed");
    wrong = wrong ? wrong : drain(0);
    wrong = wrong ? wrong : check_files();
    wrong = wrong ? wrong : clear(1);
    say_all("cleared");
    wrong = wrong ? wrong : check_files();
    wrong = wrong ? wrong : reopen(3);
    say_all("reopened");
    wrong = wrong ? wrong : check_files();
    wrong = wrong ? wrong : listen_in(3);
    wrong = wrong ? wrong : open_files();
    say_all("last");
    wrong = wrong ? wrong : drop_all();
    wrong = wrong ? wrong : check_files();
    return wrong ? wrong : finish();
}

/* ---- one scene ---- */

static int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static const char *open_all(void)
{
    struct err e = {0};
    memset(&w, 0, sizeof(w));
    w.tap = -1;
    snprintf(w.dir, sizeof(w.dir), "/tmp/inject-logs-XXXXXX");
    if (!mkdtemp(w.dir))
        return "no folder";
    snprintf(w.main, sizeof(w.main), "%s/main.log", w.dir);
    char program[] = "/supd-log";
    struct logs_setup setup = {.program = program,
                               .memory = LOGSHM_MEMORY_MIN,
                               .syslog_ident = "supd",
                               .backoff_max = DUR_MS(5),
                               .main = {.path = w.main}};
    w.loop = loop_new(&e);
    if (!w.loop)
        return "no loop";
    LOOP_TIMER(&w.stop, w.loop, stop, &w);
    inject_be(INJECT_SUPD);
    w.g = logs_new(w.loop, &setup, &e);
    if (!w.g && has_reason(&e))
        w.g = logs_new(w.loop, &setup, &e);
    inject_be(INJECT_NOBODY);
    return w.g ? NULL : "it cannot be made";
}

static void remove_dir(void)
{
    DIR *dir = opendir(w.dir);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(w.dir);
}

static void end_process(void)
{
    if (w.g && logs_pid(w.g) > 0) {
        kill(logs_pid(w.g), SIGKILL);
        waitpid(logs_pid(w.g), NULL, 0);
        w.g->mem.h->pid = 0;
    }
}

static void close_all(void)
{
    end_process();
    logs_free(&w.g);
    loop_timer_stop(&w.stop);
    loop_free(&w.loop);
    fd_close(&w.tap);
}

static const char *scene(void *obj)
{
    (void)obj;
    static char text[96];
    int fds = count_fds();
    int64_t live = inject_live();
    const char *wrong = open_all();
    wrong = wrong ? wrong : play();
    close_all();
    if (!getenv("SUPD_INJECT_KEEP"))
        remove_dir();
    if (!wrong && inject_live() != live) {
        snprintf(text, sizeof(text), "%lld pieces of memory are left",
                 (long long)(inject_live() - live));
        wrong = text;
    }
    /* libev forgets a timerfd that epoll refused */
    if (!wrong && count_fds() > fds + (strncmp(inject_failed(), "epoll_ctl", 9) == 0))
        wrong = "a descriptor is left";
    return wrong;
}

static void walk(enum inject_who who, unsigned least)
{
    inject_be(INJECT_NOBODY);
    unsigned n = inject_walk(&(struct inject_walk){
        .sets = INJECT_MEMORY | INJECT_CALLS | INJECT_WAYS,
        .who = who,
        .scene = scene,
        .most = 2000,
        .jobs = 8,
    });
    print_message("%u calls, each failed once\n", n);
    if (!getenv("SUPD_INJECT"))
        assert_in_range(n, least, 1999);
}

static void supd_survives_each_failure(void **state)
{
    (void)state;
    if (!getenv("SUPD_INJECT_LOGD"))
        walk(INJECT_SUPD, 40);
}

static void supd_log_survives_each_failure(void **state)
{
    (void)state;
    if (!getenv("SUPD_INJECT_SUPD"))
        walk(INJECT_LOGD, 40);
}

/* A kill in a rotation and in a write; before the next start the stream got another file. */
static void leave_notes(struct log_stream *s)
{
    uint32_t old = logshm_file("/of/before.log");
    logshm_use(w.g->mem.h, s->slot)->out =
        (struct logshm_out){.note_to = 10, .note_len = 10, .note_file = old};
    w.g->mem.h->rotations[0] = (struct logshm_rotation){s->slot + 1, 0, 1, old};
}

static void notes_are_for_the_file_that_they_name(void **state)
{
    struct one *o = *state = &w.of[0];
    assert_null(open_all());
    assert_null(add(0, "a"));
    leave_notes(o->s);
    FILE *f = fopen(o->path, "w");
    o->n = (size_t)fprintf(f, "%s", strcpy(o->wrote, "here for long\n"));
    fclose(f);
    say(o, "first");
    assert_int_equal(logs_start(w.g, &(struct err){0}), 0);
    assert_true(until(is_written));
    assert_int_equal(w.g->mem.h->rotations[0].slot, 0);
    logs_del(&o->s);
    assert_null(finish());
    close_all();
    remove_dir();
}

static int quiet(void **state)
{
    (void)state;
    log_setup(2, LVL_CRITICAL, false);
    inject_program("supd-log", become_log);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(notes_are_for_the_file_that_they_name, quiet),
        cmocka_unit_test_setup(supd_survives_each_failure, quiet),
        cmocka_unit_test_setup(supd_log_survives_each_failure, quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
