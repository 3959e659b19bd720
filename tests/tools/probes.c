/* Runs the probes of a configuration alone, without supd and its agent.
 *   probes serve            prints a port and answers every request there with 200, until its
 *                           input ends
 *   probes run CONF SECONDS [DNS]  prints each change of state; closes with what it cost
 *   probes floor URL N [CA]  what bare libcurl costs for N requests, one each millisecond; of
 *                           tcp://ADDRESS:PORT what connect() and close() do
 * The figures are of the second half of the time. */
#include "probes/env.h"
#include "probes/probes.h"
#include "supervisor/conf/load.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/memfile.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- serve ---- */

static int listen_any(unsigned *out_port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (void *)&in, len) < 0 || listen(fd, 4096) < 0 ||
        getsockname(fd, (void *)&in, &len) < 0)
        return -1;
    *out_port = ntohs(in.sin_port);
    return fd;
}

static void watch(int ep, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
}

static void answer(int fd)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
                               "Content-Length: 3\r\n\r\nok\n";
    char buf[4096];
    ssize_t n = recv(fd, buf, sizeof(buf), 0);
    if (n <= 0 || send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL) < 0)
        close(fd);
}

static int serve(void)
{
    unsigned port;
    int fd = listen_any(&port), ep = epoll_create1(EPOLL_CLOEXEC);
    if (fd < 0 || ep < 0)
        return 1;
    printf("%u\n", port);
    fflush(stdout);
    watch(ep, fd);
    watch(ep, 0);
    for (;;) {
        struct epoll_event ev[256];
        int n = epoll_wait(ep, ev, 256, -1);
        for (int i = 0; i < n; i++) {
            int at = ev[i].data.fd, c;
            if (at == 0)
                return 0;
            if (at != fd)
                answer(at);
            else
                while ((c = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
                    watch(ep, c);
        }
    }
}

/* ---- run ---- */

struct world {
    struct driver_env env;
    struct probes *probes;
    struct loop_timer half, end;
    bool counting;
    double cpu, began;
    uint64_t attempts, failures;
    int64_t late, late_sum;
    unsigned late_bins[4]; /* up to 10, 50, 100 ms, and more */
};

static double cpu_now(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void count(struct world *w, const struct probe_event *ev)
{
    int64_t late = ev->probe->late_ns;
    w->attempts++;
    w->failures += ev->verdict->status != VERDICT_OK;
    w->late_sum += late;
    w->late = late > w->late ? late : w->late;
    w->late_bins[(late > 10000000) + (late > 50000000) + (late > 100000000)]++;
}

static void on_event(void *obj, const struct probe_event *ev)
{
    struct world *w = obj;
    if (ev->kind == PROBE_RESULT && w->counting)
        count(w, ev);
    if (ev->kind != PROBE_CHANGED)
        return;
    const struct verdict *v = ev->probe->last;
    if (!w->counting || v->status != VERDICT_OK)
        printf("%s %s -> %s: %s: %s\n", ev->probe->name, sched_state_text(ev->before),
               sched_state_text(ev->probe->state), reason_text(v->reason), v->detail);
}

static void on_half(struct world *w)
{
    w->counting = true;
    w->cpu = cpu_now();
    w->began = (double)mono_now().ns / 1e9;
}

static void on_end(struct world *w)
{
    double cpu = cpu_now() - w->cpu, took = (double)mono_now().ns / 1e9 - w->began;
    double n = w->attempts ? (double)w->attempts : 1;
    printf("attempts %llu in %.1f s, not well %llu\n", (unsigned long long)w->attempts, took,
           (unsigned long long)w->failures);
    printf("cpu %.1f us per attempt, %.2f %% of one core\n", cpu / n * 1e6, cpu / took * 100);
    printf("late ms: mean %.2f, most %.1f; within 10/50/100/more: %u %u %u %u\n",
           (double)w->late_sum / n / 1e6, (double)w->late / 1e6, w->late_bins[0], w->late_bins[1],
           w->late_bins[2], w->late_bins[3]);
    loop_stop(w->env.loop);
}

static struct agentgen *load(const char *path, struct err *e)
{
    struct conf_request rq = {.path = path, .cwd = "/", .environ = environ, .node_name = "node"};
    struct str text = STR_INIT;
    struct conf *c = conf_load(&rq);
    struct agentgen *g = NULL;
    if (conf_nerrors(c)) {
        err_set(e, "%s", conf_error(c, 0));
    } else {
        agentgen_write(c, &text);
        g = agentgen_read(str_text(&text), text.len, e);
    }
    str_fini(&text);
    conf_free(&c);
    return g;
}

static void print_error(void *obj, const struct item *item, const char *text)
{
    (void)obj;
    fprintf(stderr, "%s: %s\n", item->section, text);
}

static int run(const char *path, double seconds, const char *dns)
{
    struct world w = {0};
    struct err e;
    struct agentgen *g = load(path, &e);
    w.env.loop = loop_new(&e);
    w.env.resolve = resolve_new(w.env.loop, dns, &e);
    w.env.http = w.env.resolve ? http_new(w.env.loop, w.env.resolve, &e) : NULL;
    if (!g || !w.env.http) {
        fprintf(stderr, "probes: %s\n", e.msg);
        return 1;
    }
    if (probes_check(g, print_error, NULL))
        return 1;
    w.env.files = files_new(w.env.loop, &e);
    if (!w.env.files) {
        fprintf(stderr, "probes: %s\n", e.msg);
        return 1;
    }
    w.env.memfiles = memfile_new(w.env.loop, w.env.files);
    http_memfiles(w.env.http, w.env.memfiles);
    w.probes = probes_new(&w.env, on_event, &w);
    LOOP_TIMER(&w.half, w.env.loop, on_half, &w);
    LOOP_TIMER(&w.end, w.env.loop, on_end, &w);
    loop_refresh(w.env.loop);
    mono_t now = loop_now(w.env.loop);
    loop_timer_at(&w.half, mono_add(now, (dur_t){(int64_t)(seconds * 5e8)}));
    loop_timer_at(&w.end, mono_add(now, (dur_t){(int64_t)(seconds * 1e9)}));
    probes_apply(w.probes, g);
    loop_run(w.env.loop);
    probes_free(&w.probes);
    agentgen_free(&g);
    http_free(&w.env.http);
    memfile_free(&w.env.memfiles);
    files_free(&w.env.files);
    resolve_free(&w.env.resolve);
    loop_free(&w.env.loop);
    return 0;
}

/* ---- floor ---- */

static size_t drop_body(char *p, size_t size, size_t n, void *obj)
{
    (void)p, (void)obj;
    return size * n;
}

static void one_request(CURLM *m, CURL *easy)
{
    int running = 1;
    curl_multi_add_handle(m, easy);
    while (curl_multi_perform(m, &running) == CURLM_OK && running)
        curl_multi_poll(m, NULL, 0, 1000, NULL);
    curl_multi_remove_handle(m, easy);
}

/* One connection, made and closed. */
static void one_connection(const struct sockaddr_in *to)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const void *)to, sizeof(*to)) < 0)
        perror("connect");
    close(fd);
}

static void floor_tcp(const char *port, int n)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < n; i++) {
        one_connection(&to);
        poll(NULL, 0, 1);
    }
}

static void floor_curl(const char *url, int n, const char *ca)
{
    CURLM *m = curl_multi_init();
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop_body);
    for (int i = 0; i < n; i++) {
        one_request(m, easy);
        poll(NULL, 0, 1);
    }
    curl_easy_cleanup(easy);
    curl_multi_cleanup(m);
}

/* The first tenth is for warming up. */
static int show_floor(const char *url, int n, const char *ca)
{
    const char *port = strncmp(url, "tcp://", 6) == 0 ? strrchr(url, ':') + 1 : NULL;
    double began = 0;
    for (int part = n / 10; part; part = part == n ? 0 : n) {
        began = cpu_now();
        if (port)
            floor_tcp(port, part);
        else
            floor_curl(url, part, ca);
    }
    printf("cpu %.1f us each, with nothing around it\n", (cpu_now() - began) / n * 1e6);
    return 0;
}

int main(int argc, char **argv)
{
    struct rlimit files;
    signal(SIGPIPE, SIG_IGN);
    setvbuf(stdout, NULL, _IOLBF, 0);
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc == 2 && strcmp(argv[1], "serve") == 0)
        return serve();
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "run") == 0)
        return run(argv[2], strtod(argv[3], NULL), argv[4]);
    if ((argc == 4 || argc == 5) && strcmp(argv[1], "floor") == 0)
        return show_floor(argv[2], (int)strtol(argv[3], NULL, 10), argv[4]);
    fprintf(stderr,
            "usage: probes serve | probes run CONF SECONDS [DNS] | probes floor URL N [CA]\n");
    return 2;
}
