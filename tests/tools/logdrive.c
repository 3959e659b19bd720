/* A supervisor for tests that has nothing but logs: obeys lines on its input, starts shells whose
 * output goes to log streams, kills supd-log on request. Answers on its output, one line each. */
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/core/tap.h"
#include "supervisor/io/loop.h"
#include "supervisor/run/logs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAMS_MAX 4096
#define WORDS_MAX 32

struct named {
    char name[64];
    int channel;
    struct log_stream *stream;
    /* what its tap brings */
    int text, captured; /* files; -1: none */
    struct tap_join join;
    uint64_t skipped;
    unsigned ends;
};

struct drive {
    struct loop *loop;
    struct logs *logs;
    struct loop_io input, children;
    struct loop_timer chaos;
    int signals, input_fd, tap_fd;
    struct loop_io tap;
    int chaos_us;
    unsigned kills;
    struct named streams[STREAMS_MAX];
    unsigned nstreams;
    char line[65536];
    size_t len;
};

/* One asked question: what to say when it is answered. */
struct asked {
    char text[128];
    mono_t since;
};

static void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

static struct named *find(struct drive *d, const char *name, int channel)
{
    for (unsigned i = 0; i < d->nstreams; i++)
        if (d->streams[i].stream && d->streams[i].channel == channel &&
            strcmp(d->streams[i].name, name) == 0)
            return &d->streams[i];
    return NULL;
}

/* ---- configuration from words ---- */

static const char *value_of(char **words, int n, const char *key)
{
    size_t len = strlen(key);
    for (int i = 0; i < n; i++)
        if (strncmp(words[i], key, len) == 0 && words[i][len] == '=')
            return words[i] + len + 1;
    return NULL;
}

static int64_t number_of(char **words, int n, const char *key, int64_t otherwise)
{
    const char *v = value_of(words, n, key);
    return v ? strtoll(v, NULL, 10) : otherwise;
}

static void configure(char **words, int n, struct gen_log *log, struct logs_conf *c)
{
    const char *sink = value_of(words, n, "sink");
    memset(log, 0, sizeof(*log));
    log->sink = !sink || strcmp(sink, "none") == 0 ? GEN_SINK_NONE
                : strcmp(sink, "auto") == 0        ? GEN_SINK_AUTO
                                                   : GEN_SINK_FILE;
    c->path = log->sink == GEN_SINK_FILE ? sink : NULL;
    log->syslog = (uint8_t)number_of(words, n, "syslog", 0);
    log->gzip = (uint8_t)number_of(words, n, "gzip", 0);
    log->prefix = (uint8_t)number_of(words, n, "prefix", 0);
    log->format = number_of(words, n, "json", 0) ? GEN_LOG_JSON : GEN_LOG_RAW;
    log->strip_ansi = (uint8_t)number_of(words, n, "strip", 0);
    log->overflow = number_of(words, n, "block", 0) ? GEN_OVERFLOW_BLOCK : GEN_OVERFLOW_DROP;
    log->capture = number_of(words, n, "capture", 0);
    log->maxbytes = number_of(words, n, "maxbytes", 0);
    log->backups = (int32_t)number_of(words, n, "backups", 0);
    c->log = log;
    c->uid = -1;
}

static void conf_of(char **words, int n, struct gen_log *log, struct logs_conf *c)
{
    configure(words, n, log, c);
    c->process = c->program = c->group = words[1];
    c->channel = number_of(words, n, "err", 0) ? LOG_STDERR : LOG_STDOUT;
}

/* ---- commands ---- */

static void do_add(struct drive *d, char **w, int n)
{
    struct gen_log log;
    struct logs_conf c;
    struct err e;
    struct named *s = &d->streams[d->nstreams];
    conf_of(w, n, &log, &c);
    if (d->nstreams == STREAMS_MAX)
        return;
    s->stream = logs_add(d->logs, &c, &e);
    if (!s->stream) {
        say("error %s", e.msg);
        return;
    }
    snprintf(s->name, sizeof(s->name), "%s", w[1]);
    s->channel = (int)c.channel;
    d->nstreams++;
    say("added %s", w[1]);
}

static void do_update(struct drive *d, char **w, int n)
{
    struct gen_log log;
    struct logs_conf c;
    struct err e;
    conf_of(w, n, &log, &c);
    struct named *s = find(d, w[1], (int)c.channel);
    if (!s || logs_update(s->stream, &c, &e) < 0)
        say("error");
    else
        say("updated %s", w[1]);
}

static void do_del(struct drive *d, char **w, int n)
{
    struct named *s = find(d, w[1], (int)number_of(w, n, "err", 0));
    if (s)
        logs_del(&s->stream);
    say("deleted %s", w[1]);
}

static void child(struct drive *d, char **w)
{
    struct named *out = find(d, w[1], 0), *err = find(d, w[1], 1);
    sigset_t none;
    sigemptyset(&none);
    if (out)
        dup2(logs_write_fd(out->stream), 1);
    if (err)
        dup2(logs_write_fd(err->stream), 2);
    else if (out)
        dup2(1, 2);
    close_range(3, ~0U, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execl("/bin/sh", "sh", "-c", w[2], (char *)NULL);
    _exit(127);
}

static void do_spawn(struct drive *d, char **w, int n)
{
    (void)n;
    struct named *s = find(d, w[1], 0);
    if (s)
        logs_run_begins(s->stream);
    int pid = fork();
    if (pid == 0)
        child(d, w);
    if (s)
        logs_run_is(s->stream, pid);
    say("spawned %d", pid);
}

/* ---- taps ---- */

static struct named *tapped(struct drive *d, const struct tap_head *h)
{
    for (unsigned i = 0; i < d->nstreams; i++) {
        struct log_stream *s = d->streams[i].stream;
        if (s && logs_slot(s) == h->slot && logs_tap_key(s, LOGS_TAP_SUPD) == h->key)
            return &d->streams[i];
    }
    return NULL;
}

static void take_text(struct named *s, struct tap_head *h, const char *text)
{
    uint64_t skipped;
    if (!tap_join(&s->join, h, &text, &skipped))
        return;
    s->skipped += skipped;
    int fd = h->flags & TAP_CAPTURED ? s->captured : s->text;
    ssize_t n = logs_tap_wants(s->stream, LOGS_TAP_SUPD) == LOGS_WANT_TEXT
                    ? pwrite(fd, text, h->len, (off_t)h->at) /* a hole where it was skipped */
                    : write(fd, text, h->len);
    if (n != (ssize_t)h->len || ((h->flags & TAP_END) && write(fd, "|", 1) != 1))
        abort();
    s->ends += (h->flags & TAP_END) != 0;
}

static void on_tap(struct drive *d)
{
    static char message[TAP_MESSAGE];
    struct tap_head h;
    const char *text;
    ssize_t n;
    while ((n = recv(d->tap_fd, message, sizeof(message), MSG_DONTWAIT)) > 0) {
        if (!tap_read(message, (size_t)n, &h, &text))
            abort();
        struct named *s = h.flags & TAP_NAMES ? NULL : tapped(d, &h);
        if (s)
            take_text(s, &h, text);
    }
}

/* tap NAME wants=N text=FILE captured=FILE */
static void do_tap(struct drive *d, char **w, int n)
{
    struct err e;
    struct named *s = find(d, w[1], 0);
    if (!d->tap_fd) {
        d->tap_fd = logs_tap_open(d->logs, LOGS_TAP_SUPD, &e);
        LOOP_IO(&d->tap, d->loop, on_tap, d);
        loop_io_set(&d->tap, d->tap_fd, LOOP_READ);
    }
    s->text = open(value_of(w, n, "text"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    s->captured = open(value_of(w, n, "captured"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    logs_tap_set(s->stream, LOGS_TAP_SUPD, (unsigned)number_of(w, n, "wants", 1), 0);
    say("tapped");
}

static void do_heard(struct drive *d, char **w, int n)
{
    (void)n;
    struct named *s = find(d, w[1], 0);
    say("heard upto=%llu skipped=%llu ends=%u", (unsigned long long)s->join.at,
        (unsigned long long)s->skipped, s->ends);
}

static void answered(struct asked *a)
{
    say("%s %lld", a->text, (long long)(mono_sub(mono_now(), a->since).ns / 1000000));
    free(a);
}

static struct asked *ask(const char *what, const char *name)
{
    struct asked *a = calloc(1, sizeof(*a));
    if (!a)
        abort();
    snprintf(a->text, sizeof(a->text), "%s %s", what, name);
    a->since = mono_now();
    return a;
}

static void do_drain(struct drive *d, char **w, int n)
{
    (void)n;
    struct named *out = find(d, w[1], 0), *err = find(d, w[1], 1);
    logs_drain(d->logs, out ? out->stream : NULL, err ? err->stream : NULL, (loop_fn *)answered,
               ask("drained", w[1]));
}

static void do_clear(struct drive *d, char **w, int n)
{
    struct named *s = find(d, w[1], (int)number_of(w, n, "err", 0));
    logs_clear(d->logs, s ? s->stream : NULL, NULL, (loop_fn *)answered, ask("cleared", w[1]));
}

/* Copies what the tail gives into a file, in a child of its own. */
static void receive(int fd, const char *path)
{
    char buf[65536];
    ssize_t n;
    int to = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    close_range(3, (unsigned)(fd < to ? fd : to) - 1, 0);
    while ((n = read(fd, buf, sizeof(buf))) > 0)
        if (fd_write_all(to, buf, (size_t)n) < 0)
            break;
    _exit(0);
}

static void do_tail(struct drive *d, char **w, int n)
{
    int ends[2];
    struct err e;
    struct named *s = find(d, w[1], (int)number_of(w, n, "err", 0));
    struct logs_tail t = {.stream = s ? s->stream : NULL,
                          .id = "t1",
                          .bytes = number_of(w, n, "bytes", 1600),
                          .follow = number_of(w, n, "follow", 0) != 0};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        abort();
    int pid = fork();
    if (pid == 0) {
        close(ends[0]);
        receive(ends[1], value_of(w, n, "to"));
    }
    close(ends[1]);
    if (logs_tail(d->logs, &t, &ends[0], &e) < 0) {
        close(ends[0]);
        say("error %s", e.msg);
    } else {
        say("tailing %d", pid);
    }
}

static void do_counters(struct drive *d, char **w, int n)
{
    struct logs_counters c;
    struct named *s = find(d, w[1], (int)number_of(w, n, "err", 0));
    if (s)
        logs_counters(s->stream, &c);
    else
        logs_main_counters(d->logs, &c);
    say("counters bytes=%llu lost=%llu lines=%llu rotations=%u failures=%u waiting=%llu",
        (unsigned long long)c.bytes, (unsigned long long)c.lost_bytes,
        (unsigned long long)c.lost_lines, c.rotations, c.failures, (unsigned long long)c.waiting);
}

static void do_path(struct drive *d, char **w, int n)
{
    struct named *s = find(d, w[1], (int)number_of(w, n, "err", 0));
    say("path %s", s ? logs_path(s->stream) : "");
}

static void do_pid(struct drive *d, char **w, int n)
{
    (void)w;
    (void)n;
    say("pid %d kills=%u", logs_pid(d->logs), d->kills);
}

static void do_kill(struct drive *d, char **w, int n)
{
    (void)w;
    (void)n;
    if (logs_pid(d->logs) > 0)
        kill(logs_pid(d->logs), SIGKILL);
    say("killed");
}

static void on_chaos(struct drive *d)
{
    if (logs_pid(d->logs) > 0 && kill(logs_pid(d->logs), SIGKILL) == 0)
        d->kills++;
    int us = d->chaos_us / 2 + rand() % d->chaos_us;
    loop_timer_at(&d->chaos, mono_add(mono_now(), (dur_t){us * 1000LL}));
}

static void do_chaos(struct drive *d, char **w, int n)
{
    (void)n;
    d->chaos_us = atoi(w[1]);
    if (d->chaos_us)
        on_chaos(d);
    else
        loop_timer_stop(&d->chaos);
    say("chaos %s kills=%u", w[1], d->kills);
}

static void do_main(struct drive *d, char **w, int n)
{
    (void)d;
    (void)n;
    log_info("%s", w[1]);
    say("logged");
}

static void do_reopen(struct drive *d, char **w, int n)
{
    (void)w;
    (void)n;
    logs_reopen_all(d->logs);
    say("reopened");
}

static void finished(struct drive *d)
{
    say("finished");
    loop_stop(d->loop);
}

static void do_finish(struct drive *d, char **w, int n)
{
    (void)w;
    (void)n;
    loop_timer_stop(&d->chaos);
    logs_finish(d->logs, (loop_fn *)finished, d);
}

static const struct {
    const char *name;
    int words;
    void (*fn)(struct drive *d, char **w, int n);
} commands[] = {
    {"add", 2, do_add},     {"update", 2, do_update}, {"del", 2, do_del},
    {"spawn", 3, do_spawn}, {"drain", 2, do_drain},   {"clear", 2, do_clear},
    {"tail", 2, do_tail},   {"path", 2, do_path},     {"counters", 2, do_counters},
    {"pid", 1, do_pid},     {"kill", 1, do_kill},     {"chaos", 2, do_chaos},
    {"main", 2, do_main},   {"reopen", 1, do_reopen}, {"finish", 1, do_finish},
    {"tap", 2, do_tap},     {"heard", 2, do_heard},
};

/* Words are separated by TABs. */
static void obey(struct drive *d, char *line)
{
    char *words[WORDS_MAX];
    int n = 0;
    for (char *w = strtok(line, "\t"); w && n < WORDS_MAX; w = strtok(NULL, "\t"))
        words[n++] = w;
    for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(commands[i].name, words[0]) == 0 && n >= commands[i].words) {
            commands[i].fn(d, words, n);
            return;
        }
    }
    say("error unknown command");
}

static void on_input(struct drive *d)
{
    ssize_t n = read(d->input_fd, d->line + d->len, sizeof(d->line) - d->len - 1);
    if (n <= 0) {
        loop_stop(d->loop);
        return;
    }
    d->len += (size_t)n;
    d->line[d->len] = '\0';
    char *at = d->line, *end;
    while ((end = strchr(at, '\n'))) {
        *end = '\0';
        obey(d, at);
        at = end + 1;
    }
    d->len -= (size_t)(at - d->line);
    memmove(d->line, at, d->len);
}

static void on_children(struct drive *d)
{
    struct signalfd_siginfo info[16];
    int pid, status;
    if (read(d->signals, info, sizeof(info)) < 0)
        return;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (!logs_reaped(d->logs, pid, status))
            say("exit %d %d", pid, WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

static int open_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void raise_limit(void)
{
    struct rlimit lim;
    getrlimit(RLIMIT_NOFILE, &lim);
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
}

static struct logs *make_logs(struct drive *d, char **argv, int n)
{
    struct err e;
    struct logs_setup setup = {
        .program = argv[1],
        .memory = number_of(argv, n, "memory", 0),
        .identifier = "supervisor",
        .childlogdir = value_of(argv, n, "childlogdir"),
        .nocleanup = number_of(argv, n, "nocleanup", 0) != 0,
        .syslog_ident = "supd",
        .backoff_max = {number_of(argv, n, "backoff_us", 0) * 1000},
        .main = {.path = value_of(argv, n, "mainlog"),
                 .maxbytes = number_of(argv, n, "mainmax", 0),
                 .backups = (int32_t)number_of(argv, n, "mainbackups", 0),
                 .syslog = number_of(argv, n, "mainsyslog", 0) != 0},
    };
    struct logs *g = logs_new(d->loop, &setup, &e);
    if (!g || (logs_start(g, &e) < 0)) {
        fprintf(stderr, "logdrive: %s\n", e.msg);
        exit(1);
    }
    log_setup(logs_main_fd(g), LVL_INFO, false);
    return g;
}

int main(int argc, char **argv)
{
    static struct drive d;
    struct err e;
    if (argc < 2) {
        fputs("usage: logdrive SUPD-LOG [key=value ...]\n", stderr);
        return 2;
    }
    raise_limit();
    d.loop = loop_new(&e);
    if (!d.loop)
        return 1;
    d.signals = open_signals();
    LOOP_IO(&d.input, d.loop, on_input, &d);
    LOOP_IO(&d.children, d.loop, on_children, &d);
    LOOP_TIMER(&d.chaos, d.loop, on_chaos, &d);
    loop_io_set(&d.children, d.signals, LOOP_READ);
    d.input_fd = value_of(argv, argc, "input") ? open(value_of(argv, argc, "input"), O_RDWR) : 0;
    loop_io_set(&d.input, d.input_fd, LOOP_READ);
    d.logs = make_logs(&d, argv, argc);
    say("ready %d", logs_pid(d.logs));
    loop_run(d.loop);
    logs_free(&d.logs);
    return 0;
}
