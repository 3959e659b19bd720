/* A whole supd with its real ports, its supd-log and real programs: every allocation and every
 * system call of it fails once, in turn, from the first look at the configuration to the end: the
 * load, starts, a death, stops, a changed configuration, requests, the way down. A start that
 * cannot be made says why and leaves nothing. Else all programs come up and nothing runs twice; no
 * death is lost; a request is answered, at the second try at the latest; supd ends in order.
 * SUPD_INJECT=N lets only the Nth fail, SUPD_INJECT_ALL=1 each that comes another way, not only one
 * of each place. */
#include "supervisor/base/fd.h"
#include "supervisor/io/usock.h"
#include "supervisor/logd/logd.h"
#include "supervisor/run/reexec.h"
#include "supervisor/run/sup.h"
#include "tests/inject/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT DUR_S(25) /* what hangs does so for ever */
#define ANSWER_MAX 32768
enum { LEAKS = 98, CRASHED = 99 };

static struct scene {
    char dir[32], libexec[PATH_MAX];
    int pid, status;
    bool ended;
    char answer[ANSWER_MAX];
    unsigned again; /* requests that had to be made once more */
} w;

/* ---- supd ---- */

static int become_log(int argc, char **argv)
{
    inject_be(INJECT_LOGD);
    return logd_main(argc, argv);
}

static const char *path_of(const char *name)
{
    static char path[4][96];
    static unsigned i;
    char *p = path[++i % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", w.dir, name);
    return p;
}

static void be_supd(void)
{
    static struct sup sup;
    struct err e = {0};
    char name[] = "supd", flag[] = "-c", config[96];
    snprintf(config, sizeof(config), "%s", path_of("conf"));
    char *argv[] = {name, flag, config, NULL};
    struct sup_options opt = {
        .config = config, .ready_fd = -1, .message_fd = 2, .argv = argv, .environ = environ};
    int err = open(path_of("err"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(err, 2);
    setsid();
    int64_t live = inject_live();
    inject_be(INJECT_SUPD);
    if (sup_init(&sup, &opt, &e) < 0) {
        inject_be(INJECT_NOBODY);
        dprintf(2, "Error: %s\n", e.msg);
        _exit(2);
    }
    int status = sup_run(&sup);
    sup_fini(&sup);
    inject_be(INJECT_NOBODY);
    if (inject_live() != live)
        dprintf(2, "%lld pieces of memory are left\n", (long long)(inject_live() - live));
    _exit(inject_live() != live ? LEAKS : status);
}

static bool has_ended(void)
{
    w.ended |= waitpid(w.pid, &w.status, WNOHANG) == w.pid;
    return w.ended;
}

static void rest(int ms)
{
    poll(NULL, 0, ms);
}

static bool until(bool (*is_so)(void))
{
    mono_t end = mono_add(mono_now(), LIMIT);
    while (!is_so()) {
        if (mono_reached(end, mono_now()))
            return false;
        rest(2);
    }
    return true;
}

/* ---- files ---- */

static size_t read_file(const char *name, char *out, size_t max)
{
    int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, max - 1);
    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static void write_program(FILE *f, const char *name, const char *more)
{
    fprintf(f,
            "[program:%s]\ncommand=/bin/sh -c 'echo here; echo $$ >>%s/%s.book; read x'\n"
            "startsecs=0\nstdout_logfile=%s/%s.log\nstopwaitsecs=5\n%s",
            name, w.dir, name, w.dir, name, more);
}

static void configure(bool second)
{
    FILE *f = fopen(path_of("conf"), "w");
    fprintf(f, "[supervisord]\nlogfile=%s/main.log\n[supd]\nsocket=%s/sock\nlibexec=%s\n", w.dir,
            w.dir, w.libexec);
    write_program(f, "a", "");
    write_program(f, "b", second ? "environment=CHANGED=\"1\"\n" : "");
    if (second)
        write_program(f, "c", "redirect_stderr=true\n");
    fclose(f);
}

/* ---- requests ---- */

static int dial(void)
{
    struct err e;
    struct timeval limit = {.tv_sec = LIMIT.ns / 1000000000};
    int fd = usock_connect(path_of("sock"), &e);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    return fd;
}

/* The whole answer; false: the connection was lost, or it was not taken in. */
static bool ask_once(const char *request)
{
    char line[128];
    size_t n = 0;
    int fd = dial();
    if (fd < 0)
        return false;
    int len = snprintf(line, sizeof(line), "1 %s\n", request);
    bool whole = send(fd, line, (size_t)len, MSG_NOSIGNAL) == len;
    while (whole && n < ANSWER_MAX - 1) {
        ssize_t k = recv(fd, w.answer + n, ANSWER_MAX - 1 - n, 0);
        w.answer[n += k > 0 ? (size_t)k : 0] = '\0';
        whole = k > 0;
        if (strstr(w.answer, "\n1 ok") || strstr(w.answer, " error "))
            break;
    }
    close(fd);
    return whole && strstr(w.answer, "\n1 ok");
}

static bool ask(const char *request)
{
    for (int i = 0; i < 3 && !has_ended(); i++) {
        if (ask_once(request))
            return true;
        w.again++;
    }
    return false;
}

/* A number of a process in the last status, or -1. */
static int64_t value(const char *name, const char *key)
{
    char head[64], field[64];
    snprintf(head, sizeof(head), "\n1 + name=%s\t", name);
    snprintf(field, sizeof(field), "\t%s=", key);
    const char *row = strstr(w.answer, head), *end = row ? strchr(row + 1, '\n') : NULL;
    const char *at = row ? strstr(row, field) : NULL;
    return at && at < end ? strtoll(at + strlen(field), NULL, 10) : -1;
}

/* ---- what must be so ---- */

static bool is_alive(int pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    const char *state = n > 0 ? strrchr(text, ')') : NULL;
    return state && state[2] != 'Z' && state[2] != 'X';
}

/* How often it wrote down that it started, and how many of these live. */
static void read_book(const char *name, int *out_starts, int *out_alive)
{
    char file[16], text[4096];
    snprintf(file, sizeof(file), "%s.book", name);
    read_file(file, text, sizeof(text));
    *out_starts = *out_alive = 0;
    for (char *at = text; *at; at = strchr(at, '\n') + 1) {
        ++*out_starts;
        *out_alive += is_alive(atoi(at));
        if (!strchr(at, '\n'))
            break;
    }
}

static const char *programs; /* those that are to run */
static int least[2];         /* so often a and b were started by now, or more often */

/* All of them run, once, and supd has counted right. */
static bool is_well(void)
{
    if (has_ended() || !ask_once("status"))
        return has_ended();
    for (const char *p = programs; *p; p++) {
        char name[2] = {*p};
        int starts, alive;
        read_book(name, &starts, &alive);
        if (*p < 'c' && starts < least[*p - 'a'])
            return false;
        if (alive != 1 || value(name, "starts") != starts || value(name, "exits") != starts - 1)
            return false;
    }
    return true;
}

static const char *well(const char *when)
{
    static char wrong[512];
    if (until(is_well) && !w.ended)
        return NULL;
    if (w.ended)
        return "supd has ended";
    snprintf(wrong, sizeof(wrong), "not all is well %s: %.300s", when, w.answer);
    return wrong;
}

static bool is_logged(void)
{
    char text[4096];
    for (const char *p = programs; *p; p++) {
        char file[] = {*p, '.', 'l', 'o', 'g', 0}, name[2] = {*p};
        int starts, alive;
        read_book(name, &starts, &alive);
        if (read_file(file, text, sizeof(text)) != (size_t)starts * 5)
            return false;
    }
    return true;
}

/* ---- the scene ---- */

static const char *start_up(void)
{
    char said[4096];
    if (until(is_well) && !w.ended)
        return NULL;
    if (!w.ended)
        return "it does not come up";
    if (!inject_done() || !WIFEXITED(w.status) || WEXITSTATUS(w.status) == LEAKS)
        return "it ends";
    return read_file("err", said, sizeof(said)) > 20 ? "" : "it ends without a word";
}

static const char *live(void)
{
    const char *wrong = NULL;
    kill((int)value("b", "pid"), SIGKILL);
    least[1]++;
    wrong = well("after a death");
    if (!wrong && !ask("restart a"))
        wrong = "a restart is not answered";
    wrong = wrong ? wrong : well("after a restart"); /* each wrote that it started */
    if (!wrong && !(ask("stop a b") && ask("start a b")))
        wrong = "a stop and a start are not answered";
    wrong = wrong ? wrong : well("after a stop");
    configure(true);
    if (!wrong && !ask("update"))
        wrong = "an update is not answered";
    programs = "abc";
    if (!wrong && inject_done()) /* what it could not do, the next one does */
        ask("update");
    wrong = wrong ? wrong : well("after an update");
    if (!wrong && !(ask("explain all") && ask("tail a")))
        wrong = "a request is not answered";
    if (!wrong && !until(is_logged))
        wrong = "output is missing, or there twice";
    return wrong ? wrong : w.again > 3 ? "one fault costs many requests" : NULL;
}

static const char *end(void)
{
    char said[4096];
    kill(w.pid, SIGTERM);
    if (!until(has_ended))
        return "it does not end";
    if (WIFEXITED(w.status) && WEXITSTATUS(w.status) == LEAKS)
        return read_file("err", said, sizeof(said)) ? "memory is left" : "";
    if (!WIFEXITED(w.status) || WEXITSTATUS(w.status) != 0)
        return "it does not end well";
    return NULL;
}

static const char *nobody_left(void)
{
    for (const char *p = "abc"; *p; p++) {
        char name[2] = {*p};
        int starts, alive;
        read_book(name, &starts, &alive);
        if (alive)
            return "a program is left behind";
    }
    return NULL;
}

static void remove_dir(void)
{
    static const char *const names[] = {"conf",   "err",    "main.log", "sock",  "a.book",
                                        "b.book", "c.book", "a.log",    "b.log", "c.log"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unlink(path_of(names[i]));
    rmdir(w.dir);
}

static void put_down(void)
{
    char said[8192];
    if (!w.ended) {
        kill(w.pid, SIGKILL);
        waitpid(w.pid, NULL, 0);
    }
    for (const char *p = "abc"; *p; p++) {
        char file[] = {*p, '.', 'b', 'o', 'o', 'k', 0}, text[4096];
        read_file(file, text, sizeof(text));
        for (char *at = text; *at && strchr(at, '\n'); at = strchr(at, '\n') + 1)
            if (is_alive(atoi(at)))
                kill(atoi(at), SIGKILL);
    }
    read_file("err", said, sizeof(said));
    fputs(said, stderr);
    read_file("main.log", said, sizeof(said));
    fputs(said, stderr);
}

static const char *scene(void *obj)
{
    (void)obj;
    char libexec[PATH_MAX];
    snprintf(libexec, sizeof(libexec), "%s", w.libexec);
    memset(&w, 0, sizeof(w));
    snprintf(w.libexec, sizeof(w.libexec), "%s", libexec);
    snprintf(w.dir, sizeof(w.dir), "/tmp/inject-supd-XXXXXX");
    if (!mkdtemp(w.dir))
        return "no folder";
    programs = "ab";
    least[0] = least[1] = 1;
    configure(false);
    w.pid = fork();
    if (w.pid == 0)
        be_supd();
    const char *wrong = start_up();
    if (!wrong)
        wrong = live();
    if (!wrong)
        wrong = end();
    wrong = wrong && *wrong ? wrong : nobody_left();
    if (wrong)
        put_down();
    remove_dir();
    return wrong;
}

static void each_call_fails_once(void **state)
{
    (void)state;
    char self[PATH_MAX] = "";
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
        fail_msg("no /proc");
    snprintf(w.libexec, sizeof(w.libexec), "%s", dirname(dirname(self)));
    inject_be(INJECT_NOBODY);
    inject_program("supd-log", become_log);
    unsigned n = inject_walk(&(struct inject_walk){
        .sets = INJECT_MEMORY | INJECT_CALLS |
                (getenv("SUPD_INJECT_ALL") ? INJECT_WAYS : INJECT_PLACES),
        .who = INJECT_SUPD,
        .scene = scene,
        .most = 2000,
        .jobs = 6,
    });
    print_message("%u calls, each failed once\n", n);
    if (!getenv("SUPD_INJECT"))
        assert_in_range(n, 100, 1999);
}

int main(void)
{
    if (reexec_wanted() >= 0) /* supd faulted, and takes its own place */
        _exit(CRASHED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
