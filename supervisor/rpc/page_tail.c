/* GET /tail.html of a server: the end of a program's log, as a page. */
#include "supervisor/agent/logsock.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"
#include "supervisor/rpc/page.h"
#include "supervisor/rpc/page_http.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define LIMIT 1600 /* as supervisorctl's tail has it */
#define LIMIT_MAX (256 * 1024)

#define AGAIN DUR_MS(10)
#define PATIENCE DUR_S(5)

struct tail {
    struct site *site;
    struct http_in_call *call;
    char *name;
    const char *channel;
    int64_t limit;
    int fd;
    off_t from;
    struct str text; /* read so far */
    mono_t began;
    struct loop_timer timer;
};

static void tail_free(struct tail *t)
{
    logsock_forget(site_agent(t->site), t);
    loop_timer_stop(&t->timer);
    fd_close(&t->fd);
    str_fini(&t->text);
    free(t->name);
    free(t);
}

static void answer(struct tail *t, int status, const char *why)
{
    struct http_in_call *c = t->call;
    const struct page_tail page = {.name = t->name,
                                   .channel = t->channel,
                                   .why = why,
                                   .text = str_text(&t->text),
                                   .n = t->text.len,
                                   .limit = (long)t->limit};
    struct str body = STR_INIT;
    page_tail(&page, &body);
    tail_free(t);
    page_headers(c);
    http_in_answer(c, status, "text/html; charset=utf-8", &body);
}

/* Not from the middle of a character. */
static void drop_broken_start(struct str *text)
{
    size_t n = 0;
    while (n < text->len && n < 3 && ((unsigned char)text->s[n] & 0xc0) == 0x80)
        n++;
    str_drop(text, n);
}

static void whole(struct tail *t)
{
    if (t->from > 0)
        drop_broken_start(&t->text);
    answer(t, 200, t->text.len ? NULL : "The log is empty.");
}

/* What is in memory; where the file system cannot tell, what is there. */
static ssize_t read_now(const struct tail *t, char *buf, size_t n)
{
    struct iovec v = {buf, n};
    off_t at = t->from + (off_t)t->text.len;
    ssize_t got = preadv2(t->fd, &v, 1, at, RWF_NOWAIT);
    return got < 0 && (errno == EOPNOTSUPP || errno == ENOSYS) ? pread(t->fd, buf, n, at) : got;
}

/* A disk that does not answer is waited for, but does not hold up the agent. */
static void read_on(struct tail *t)
{
    size_t left = (size_t)t->limit - t->text.len;
    ssize_t got =
        left && str_reserve(&t->text, left) ? read_now(t, t->text.s + t->text.len, left) : 0;
    mono_t now = loop_now(site_agent(t->site)->loop);
    if (got > 0) {
        t->text.len += (size_t)got;
        t->text.s[t->text.len] = '\0';
        loop_timer_at(&t->timer, now);
    } else if (got == 0 || errno != EAGAIN) {
        whole(t);
    } else if (mono_sub(now, t->began).ns > PATIENCE.ns) {
        answer(t, 503, "The disk of the log does not answer.");
    } else {
        posix_fadvise(t->fd, t->from, (off_t)t->limit, POSIX_FADV_WILLNEED);
        loop_timer_at(&t->timer, mono_add(now, AGAIN));
    }
}

static void on_file(void *obj, int fd, const char *code, const char *why)
{
    struct tail *t = obj;
    struct stat st;
    t->fd = fd;
    if (fd < 0) {
        bool none = strcmp(code, "BAD_NAME") == 0 || strcmp(code, "NO_FILE") == 0;
        answer(t, none ? 404 : 503, why);
        return;
    }
    t->began = loop_now(site_agent(t->site)->loop);
    if (fstat(fd, &st) == 0 && st.st_size > t->limit)
        t->from = st.st_size - (off_t)t->limit;
    read_on(t);
}

static int64_t limit_of(const struct http_in_call *c)
{
    const char *text = http_in_query(c, "limit");
    int64_t n = LIMIT;
    if (text && (text_int(text, 1, INT32_MAX, &n, NULL) < 0))
        return LIMIT;
    return n > LIMIT_MAX ? LIMIT_MAX : n;
}

void route_page_tail(struct site *s, struct http_in_call *c)
{
    const char *name = http_in_query(c, "processname"), *channel = http_in_query(c, "channel");
    bool err = channel && strcmp(channel, "stderr") == 0;
    struct tail *t = mem_zalloc(sizeof(*t));
    *t = (struct tail){.site = s,
                       .call = c,
                       .name = mem_strdup(name ? name : ""),
                       .channel = err ? "stderr" : "stdout",
                       .limit = limit_of(c),
                       .fd = -1};
    LOOP_TIMER(&t->timer, site_agent(s)->loop, read_on, t);
    if (!*t->name) {
        tail_free(t);
        http_in_error(c, 404);
        return;
    }
    http_in_on_gone(c, LOOP_FN(tail_free, t), t);
    if (!logsock_file(site_agent(s), t->name, t->channel, on_file, t)) {
        tail_free(t);
        http_in_error(c, 503);
    }
}
