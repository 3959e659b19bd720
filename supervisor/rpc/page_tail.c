/* GET /tail.html of a server: the end of a program's log, as a page. */
#include "supervisor/agent/logsock.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"
#include "supervisor/rpc/page.h"
#include "supervisor/rpc/page_http.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT 1600 /* as supervisorctl's tail has it */
#define LIMIT_MAX (256 * 1024)

struct tail {
    struct site *site;
    struct http_in_call *call;
    char *name;
    const char *channel;
    int64_t limit;
};

static void tail_free(struct tail *t)
{
    logsock_forget(site_agent(t->site), t);
    free(t->name);
    free(t);
}

static void answer(struct tail *t, int status, const char *why, const struct str *text)
{
    struct http_in_call *c = t->call;
    const struct page_tail page = {.name = t->name,
                                   .channel = t->channel,
                                   .why = why,
                                   .text = str_text(text),
                                   .n = text->len,
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

static void read_end(int fd, int64_t limit, struct str *out)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || !str_reserve(out, (size_t)limit))
        return;
    off_t at = st.st_size > limit ? st.st_size - (off_t)limit : 0;
    ssize_t n = pread(fd, out->s, (size_t)limit, at);
    out->len = n > 0 ? (size_t)n : 0;
    out->s[out->len] = '\0';
    if (at > 0)
        drop_broken_start(out);
}

static void on_file(void *obj, int fd, const char *code, const char *why)
{
    struct tail *t = obj;
    struct str text = STR_INIT;
    if (fd >= 0) {
        read_end(fd, t->limit, &text);
        fd_close(&fd);
        answer(t, 200, text.len ? NULL : "The log is empty.", &text);
    } else if (strcmp(code, "BAD_NAME") == 0 || strcmp(code, "NO_FILE") == 0) {
        answer(t, 404, why, &text);
    } else {
        answer(t, 503, why, &text);
    }
    str_fini(&text);
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
                       .limit = limit_of(c)};
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
