/* What the HTTP client says and reads over its socket. */
#include "supervisor/io/http_call_impl.h"
#include "supervisor/base/b64.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Of one request: the last is the answer, those before say only that it goes on. */
#define HEADS_MAX 8

struct hcall *hcall_new(const struct hcall_server *s, const volatile sig_atomic_t *stop)
{
    struct hcall *h = mem_zalloc(sizeof(*h));
    h->unix_path = s->unix_path ? mem_strdup(s->unix_path) : NULL;
    h->host = s->unix_path ? NULL : mem_strdup(s->host);
    h->port = s->port;
    h->stop = stop;
    h->fd = -1;
    return h;
}

void hcall_free(struct hcall **h)
{
    if (!*h)
        return;
    hcall_close(*h);
    str_fini(&(*h)->in);
    free((*h)->unix_path);
    free((*h)->host);
    free(*h);
    *h = NULL;
}

int hcall_status(const struct hcall *h)
{
    return h->status;
}

const char *hcall_reason(const struct hcall *h)
{
    return h->reason;
}

int hcall_fd(const struct hcall *h)
{
    return h->fd;
}

const struct hcall_error *hcall_error(const struct hcall *h)
{
    return &h->error;
}

/* ---- the request ---- */

static void put_host(struct str *out, const struct hcall *h)
{
    bool v6 = h->host && strchr(h->host, ':');
    if (h->unix_path)
        str_puts(out, "Host: localhost\r\n");
    else
        str_printf(out, "Host: %s%s%s:%u\r\n", v6 ? "[" : "", h->host, v6 ? "]" : "", h->port);
}

static void put_credentials(struct str *out, const struct hcall_request *rq)
{
    struct str pair = STR_INIT;
    if (!rq->user || !rq->password)
        return;
    str_printf(&pair, "%s:%s", rq->user, rq->password);
    str_puts(out, "Authorization: Basic ");
    b64_put(out, str_text(&pair), pair.len);
    str_puts(out, "\r\n");
    str_fini(&pair);
}

/* What would end the request line is written as %XX; escapes are not known here. */
static void put_target(struct str *out, const char *path)
{
    for (const unsigned char *p = (const unsigned char *)path; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || strchr("%?#\"<>\\", *p))
            str_printf(out, "%%%02X", *p);
        else
            str_putc(out, (char)*p);
    }
}

static void put_request(struct str *out, const struct hcall *h, const struct hcall_request *rq)
{
    str_printf(out, "%s ", rq->method);
    put_target(out, rq->path);
    str_puts(out, " HTTP/1.1\r\n");
    put_host(out, h);
    str_printf(out, "User-Agent: supctl/%s\r\nAccept: %s\r\n", SUPD_VERSION, rq->accept);
    put_credentials(out, rq);
    if (rq->body)
        str_printf(out, "Content-Type: %s\r\nContent-Length: %zu\r\n", rq->type, rq->n);
    str_puts(out, "\r\n");
    str_put(out, rq->body, rq->body ? rq->n : 0);
}

static int send_request(struct hcall *h, const struct hcall_request *rq)
{
    struct str text = STR_INIT;
    put_request(&text, h, rq);
    int r = text.failed ? hcall_fail(h, HCALL_SYSTEM, 0, "out of memory")
                        : hcall_send(h, text.s, text.len);
    str_fini(&text);
    return r;
}

/* ---- the head of the answer ---- */

/* Takes a line off the front of in: 1 and the line, which stays valid until the next read; 0 when
 * it is not whole yet; -1 when it is too long. */
static int take_line(struct hcall *h, char **out_line)
{
    char *begin = h->in.s ? h->in.s + h->handed : NULL;
    size_t n = h->in.len - h->handed;
    char *end = n ? memchr(begin, '\n', n) : NULL;
    if (!end)
        return n > HCALL_HEAD_MAX ? hcall_fail(h, HCALL_BAD, 0,
                                               "got more than %u bytes when "
                                               "reading header line",
                                               HCALL_HEAD_MAX)
                                  : 0;
    h->handed += (size_t)(end - begin) + 1;
    *end = '\0';
    if (end > begin && end[-1] == '\r')
        end[-1] = '\0';
    *out_line = begin;
    return 1;
}

static void drop_handed(struct hcall *h)
{
    str_drop(&h->in, h->handed);
    h->handed = 0;
}

static int ended_early(struct hcall *h)
{
    return hcall_fail(h, HCALL_CLOSED, 0,
                      h->got ? "Remote end closed connection within its response"
                             : "Remote end closed connection without response");
}

/* the next line, waited for; 0 or -1 */
static int next_line(struct hcall *h, int64_t ms, char **out_line)
{
    drop_handed(h);
    for (;;) {
        int r = take_line(h, out_line);
        if (r != 0)
            return r < 0 ? -1 : 0;
        r = hcall_fill(h, true, ms);
        if (r < 0)
            return -1;
        if (r == 0)
            return ended_early(h);
        ms = h->stall_ms;
    }
}

static int read_status(struct hcall *h, const char *line)
{
    int version = 0, status = 0, at = 0;
    if (sscanf(line, "HTTP/1.%1d %3d%n", &version, &status, &at) < 2 || at < 12 || status < 100)
        return hcall_fail(h, HCALL_BAD, 0, "%.100s", line);
    h->status = status;
    h->keep = version >= 1;
    while (line[at] == ' ')
        at++;
    snprintf(h->reason, sizeof(h->reason), "%s", line + at);
    return 0;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p; p += *p == ',') {
        p += strspn(p, " \t");
        size_t len = strcspn(p, ", \t");
        if (len == n && strncasecmp(p, word, n) == 0)
            return true;
        p += strcspn(p, ",");
    }
    return false;
}

static int read_length(struct hcall *h, const char *value)
{
    int64_t n;
    if (text_int(value, 0, INT64_MAX, &n, NULL) < 0)
        return hcall_fail(h, HCALL_BAD, 0, "Content-Length: %.100s", value);
    if (h->part == PART_CLOSE) {
        h->part = PART_LENGTH;
        h->left = (uint64_t)n;
    }
    return 0;
}

static int read_field(struct hcall *h, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon)
        return 0;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t n = strlen(value); n && isspace((unsigned char)value[n - 1]); n--)
        value[n - 1] = '\0';
    if (strcasecmp(line, "Content-Length") == 0)
        return read_length(h, value);
    if (strcasecmp(line, "Transfer-Encoding") == 0 && has_word(value, "chunked"))
        h->part = PART_SIZE;
    if (strcasecmp(line, "Connection") == 0)
        h->keep = has_word(value, "close") ? false : h->keep || has_word(value, "keep-alive");
    return 0;
}

/* one head, perhaps of an answer that only says to go on */
static int read_head(struct hcall *h, int64_t ms)
{
    char *line;
    size_t lines = 0, bytes = 0;
    if (next_line(h, ms, &line) < 0 || read_status(h, line) < 0)
        return -1;
    h->part = PART_CLOSE;
    for (;;) {
        if (next_line(h, h->stall_ms, &line) < 0)
            return -1;
        if (!*line)
            return 0;
        bytes += strlen(line);
        if (++lines > 100 || bytes > HCALL_HEAD_MAX)
            return hcall_fail(h, HCALL_BAD, 0, "got more than 100 headers");
        if (read_field(h, line) < 0)
            return -1;
    }
}

int hcall_begin(struct hcall *h, const struct hcall_request *rq)
{
    if (h->part != PART_NONE)
        hcall_close(h); /* the rest of it is of no use */
    h->error = (struct hcall_error){0};
    h->got = false;
    h->stall_ms = rq->stall_ms;
    drop_handed(h);
    if (hcall_connect(h) < 0 || send_request(h, rq) < 0)
        return -1;
    return hcall_answer(h, rq->answer_ms);
}

int hcall_answer(struct hcall *h, int64_t ms)
{
    for (int more = 0; more < HEADS_MAX; more++) {
        if (read_head(h, ms) < 0)
            return -1;
        if (h->status >= 200)
            break;
    }
    if (h->status < 200)
        return hcall_fail(h, HCALL_BAD, 0, "too many answers with status %d", h->status);
    if (h->status == 204 || h->status == 304) {
        h->part = PART_LENGTH;
        h->left = 0;
    }
    if (h->part == PART_CLOSE)
        h->keep = false;
    return 0;
}

/* ---- its body ---- */

static enum hcall_piece body_over(struct hcall *h)
{
    h->part = PART_NONE;
    if (!h->keep)
        hcall_close(h);
    return HCALL_END;
}

static int read_size(struct hcall *h, const char *line)
{
    char *end;
    if (!isxdigit((unsigned char)line[0]))
        return *line ? hcall_fail(h, HCALL_BAD, 0, "chunk size %.100s", line) : 0;
    unsigned long long n = strtoull(line, &end, 16);
    if ((*end && *end != ';' && *end != ' ') || n > INT64_MAX)
        return hcall_fail(h, HCALL_BAD, 0, "chunk size %.100s", line);
    h->left = n;
    h->part = n ? PART_CHUNK : PART_TRAILER;
    return 0;
}

/* Uses the lines that are there: HCALL_END at the last one, HCALL_LATER when more has to be read,
 * HCALL_PIECE when bytes follow. */
static enum hcall_piece use_lines(struct hcall *h)
{
    char *line;
    while (h->part == PART_SIZE || h->part == PART_TRAILER) {
        int r = take_line(h, &line);
        if (r <= 0)
            return r < 0 ? HCALL_FAILED : HCALL_LATER;
        if (h->part == PART_TRAILER && !*line)
            return body_over(h);
        if (h->part == PART_SIZE && read_size(h, line) < 0)
            return HCALL_FAILED;
    }
    return HCALL_PIECE;
}

/* what of the buffer is the body's, given away */
static enum hcall_piece give(struct hcall *h, const char **out_p, size_t *out_n)
{
    size_t n = h->in.len - h->handed;
    if (h->part != PART_CLOSE && n > h->left)
        n = (size_t)h->left;
    if (!n)
        return HCALL_LATER;
    *out_p = h->in.s + h->handed;
    *out_n = n;
    h->handed += n;
    if (h->part == PART_CLOSE)
        return HCALL_PIECE;
    h->left -= n;
    if (h->part == PART_CHUNK && !h->left)
        h->part = PART_SIZE; /* behind the empty line that ends a chunk */
    return HCALL_PIECE;
}

enum hcall_piece hcall_next(struct hcall *h, bool wait, const char **out_p, size_t *out_n)
{
    drop_handed(h);
    for (;;) {
        if (h->part == PART_NONE)
            return HCALL_END;
        if (h->part == PART_LENGTH && !h->left)
            return body_over(h);
        enum hcall_piece got = use_lines(h);
        if (got == HCALL_PIECE)
            got = give(h, out_p, out_n);
        if (got != HCALL_LATER)
            return got;
        drop_handed(h);
        int r = hcall_fill(h, wait, h->stall_ms);
        if (r == 2)
            return HCALL_LATER;
        if (r == 0 && h->part == PART_CLOSE)
            return body_over(h);
        if (r <= 0)
            return r < 0 ? HCALL_FAILED : (enum hcall_piece)ended_early(h);
    }
}

int hcall_rest(struct hcall *h, size_t max, struct str *out)
{
    const char *p;
    size_t n;
    enum hcall_piece got;
    out->max = max;
    while ((got = hcall_next(h, true, &p, &n)) == HCALL_PIECE) {
        str_put(out, p, n);
        if (out->failed)
            return hcall_fail(h, HCALL_BAD, 0, "its answer has more than %zu bytes", max);
    }
    return got == HCALL_END ? 0 : -1;
}
