/* GET /logtail/NAME[/stdout|/stderr] and /mainlogtail: the end of a log, and then all that comes.
 * supd-log follows it (over rotations, too) and sends it over a socket; we wait for either side. */
#include "supervisor/agent/logsock.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/rpc/rpc.h"
#include "supervisor/rpc/site.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define FIRST 1024 /* bytes that are sent at once */
/* Each costs supd-log a thread, and it has 64: the rest is supctl's. */
#define TAILS_ALL 40
#define TAILS_SERVER 32
#define TAILS_LOG 24 /* of one log, whose disk may not answer */
#define HEAD_MAX 64  /* of a line of the control protocol */
#define LOG_PATH "/logtail/"

struct tailing {
    LIST_ENTRY(tailing) link;
    struct site *site;
    struct http_in_call *call;
    char *name, *channel; /* name NULL: the main log */
    int fd;
    struct loop_io io;
    size_t left; /* of the bytes of a bulk, and the newline behind them */
};

static void tailing_free(struct tailing *t)
{
    logsock_forget(t->site->agent, t);
    LIST_REMOVE(t, link);
    if (t->fd >= 0)
        loop_io_close(&t->io, &t->fd);
    free(t->name);
    free(t->channel);
    free(t);
}

static void refuse(struct tailing *t, int status)
{
    http_in_error(t->call, status);
    tailing_free(t);
}

/* ---- what supd-log sends ---- */

static void on_more(struct tailing *t)
{
    loop_io_set(&t->io, -1, 0);
    http_in_wake(t->call);
}

/* 0: nothing now; the stream is woken when there is something. -1: that was all. */
static ssize_t none(struct tailing *t, ssize_t n)
{
    if (n == 0 || (errno != EAGAIN && errno != EINTR))
        return -1;
    return loop_io_set(&t->io, t->fd, LOOP_READ | LOOP_SOCKET) < 0 ? -1 : 0;
}

/* "t bytes N" begins a bulk: 1; as above otherwise. */
static ssize_t take_head(struct tailing *t)
{
    char head[HEAD_MAX + 1];
    ssize_t n = recv(t->fd, head, HEAD_MAX, MSG_PEEK | MSG_DONTWAIT);
    if (n <= 0)
        return none(t, n);
    head[n] = '\0';
    char *end = strchr(head, '\n');
    if (!end && n < HEAD_MAX) { /* a part of it: it is written in one go, so this hardly ever is */
        errno = EAGAIN;
        return none(t, -1);
    }
    if (!end || strncmp(head, "t bytes ", 8) != 0)
        return -1;
    t->left = strtoul(head + 8, NULL, 10) + 1;
    return recv(t->fd, head, (size_t)(end - head) + 1, MSG_DONTWAIT) > 0 ? 1 : -1;
}

/* The bytes of a bulk; the newline behind them is left out. */
static ssize_t take_bytes(struct tailing *t, char *buf, size_t n)
{
    char newline;
    bool last = t->left == 1;
    size_t want = last ? 1 : t->left - 1 < n ? t->left - 1 : n;
    ssize_t got = recv(t->fd, last ? &newline : buf, want, MSG_DONTWAIT);
    if (got <= 0)
        return none(t, got);
    t->left -= (size_t)got;
    return got;
}

static ssize_t read_more(void *obj, char *buf, size_t n)
{
    struct tailing *t = obj;
    for (;;) {
        bool text = t->left > 1;
        ssize_t got = t->left ? take_bytes(t, buf, n) : take_head(t);
        if (got <= 0 || text)
            return got;
    }
}

/* ---- beginning ---- */

static void on_socket(void *obj, int fd, const char *code, const char *why)
{
    struct tailing *t = obj;
    (void)why;
    t->fd = fd;
    if (fd < 0)
        refuse(t, strcmp(code, "NO_FILE") == 0 || strcmp(code, "BAD_NAME") == 0 ? 404 : 503);
    else
        http_in_stream(t->call, 200, "text/plain;charset=utf-8", read_more, t);
}

static void put_time(struct http_in_call *c, time_t when)
{
    char text[64];
    struct tm tm;
    if (gmtime_r(&when, &tm) && strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &tm) > 0)
        http_in_set(c, "Last-Modified", text);
}

/* The file is there, or there is nothing to follow. */
static void on_file(void *obj, int fd, const char *code, const char *why)
{
    struct tailing *t = obj;
    struct stat st;
    if (fd < 0) {
        on_socket(t, fd, code, why);
        return;
    }
    if (fstat(fd, &st) == 0)
        put_time(t->call, st.st_mtime);
    fd_close(&fd);
    if (t->name) /* for a proxy: it is to pass on what it gets */
        http_in_set(t->call, "X-Accel-Buffering", "no");
    if (!logsock_follow(t->site->agent, t->name, t->channel, FIRST, on_socket, t))
        refuse(t, 503);
}

static bool is_of(const struct tailing *t, const char *name, const char *channel)
{
    return strcmp(t->channel, channel) == 0 &&
           (t->name && name ? strcmp(t->name, name) == 0 : !t->name && !name);
}

static bool has_room(const struct site *s, const char *name, const char *channel)
{
    const struct tailing *t;
    unsigned all = 0, here = 0, same = 0;
    LIST_FOREACH (t, rpc_tailings(s->agent), link) {
        all++;
        here += t->site == s;
        same += is_of(t, name, channel);
    }
    return all < TAILS_ALL && here < TAILS_SERVER && same < TAILS_LOG;
}

static void begin(struct site *s, struct http_in_call *c, const char *name, const char *channel)
{
    if (!has_room(s, name, channel)) {
        http_in_error(c, 503);
        return;
    }
    struct tailing *t = mem_zalloc(sizeof(*t));
    *t = (struct tailing){.site = s, .call = c, .fd = -1};
    t->name = name ? mem_strdup(name) : NULL;
    t->channel = mem_strdup(channel);
    LIST_INSERT_HEAD(rpc_tailings(s->agent), t, link);
    LOOP_IO(&t->io, s->agent->loop, on_more, t);
    http_in_on_gone(c, LOOP_FN(tailing_free, t), t);
    if (!logsock_file(s->agent, t->name, t->channel, on_file, t))
        refuse(t, 503);
}

void route_mainlogtail(struct site *s, struct http_in_call *c)
{
    begin(s, c, NULL, "stdout");
}

/* NAME is a process, as "web" or "group:web". */
void route_logtail(struct site *s, struct http_in_call *c)
{
    char *name = mem_strdup(http_in_path(c) + strlen(LOG_PATH));
    char *slash = strchr(name, '/');
    const char *channel = slash ? slash + 1 : "stdout";
    if (slash)
        *slash = '\0';
    if (*name && (strcmp(channel, "stdout") == 0 || strcmp(channel, "stderr") == 0))
        begin(s, c, name, channel);
    else
        http_in_error(c, 404);
    free(name);
}
