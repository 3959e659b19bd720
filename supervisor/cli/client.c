/* supctl's connection to supd. */
#include "supervisor/cli/client.h"
#include "supervisor/base/fd.h"
#include "supervisor/cli/cli.h"
#include "supervisor/io/usock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_CHUNK 65536u
#define GREETING_MS 3000
#define IN_MAX (64u << 20) /* the largest bulk that we take */

/* ---- connecting ---- */

static bool is_socket(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Who is not root looks in a folder of their own, and there is none for root's supd. */
static const char *roots_own(const char *path)
{
    bool there =
        geteuid() != 0 && strcmp(path, SOCKPATH_OF_ROOT) != 0 && is_socket(SOCKPATH_OF_ROOT);
    return there ? "\nthere is " SOCKPATH_OF_ROOT ", which is root's: use sudo, or, where "
                   "[supd] socket_group lets you read, supctl -s " SOCKPATH_OF_ROOT
                 : "";
}

static int say_why(struct client *c, const char *path, const char *from, int errnum, struct err *e)
{
    c->error_exit = errnum == EACCES || errnum == EPERM ? CLI_DENIED : CLI_UNKNOWN;
    if (errnum == ENOENT || errnum == ENOTDIR)
        return err_set(
            e,
            "supd is not running: no socket at %s (%s)\n"
            "start it with: supd -c FILE; or say where its socket is: supctl -s SOCKET%s",
            path, from, roots_own(path));
    if (errnum == ECONNREFUSED && path[0] == '@')
        return err_set(e, "nobody listens on the abstract name %s (%s) in this network namespace",
                       path, from);
    if (errnum == ECONNREFUSED && !is_socket(path))
        return err_set(e, "%s (%s) is no socket; say where supd's is: supctl -s SOCKET", path,
                       from);
    if (errnum == ECONNREFUSED)
        return err_set(e,
                       "supd is not running: nobody answers on %s (%s)\n"
                       "start it with: supd -c FILE; it replaces this stale socket",
                       path, from);
    if (errnum == EACCES || errnum == EPERM)
        return err_set(e,
                       "you may not use %s: %s\n"
                       "it is for root, for supd's own user, and for reading for the members of "
                       "[supd] socket_group",
                       path, strerror(errnum));
    return err_errno(e, errnum, "cannot connect to supd on %s", path);
}

/* In a folder where everyone may write, someone else could listen. */
static int check_server(const char *path, int fd, struct err *e)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);
    if (strncmp(path, "/tmp/", 5) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 || cred.uid == 0 ||
        cred.uid == geteuid() || geteuid() == 0)
        return 0;
    return err_set(e, "what listens on %s runs as uid %u, not as you or root: not trusted", path,
                   cred.uid);
}

int client_open(struct client *c, const char *path, const char *from_text, struct err *e)
{
    *c = (struct client){.fd = -1};
    wire_buf_init(&c->in, IN_MAX);
    c->fd = usock_connect(path, e);
    if (c->fd < 0)
        return say_why(c, path, from_text, e->errnum, e);
    if (check_server(path, c->fd, e) == 0)
        return 0;
    c->error_exit = CLI_DENIED;
    client_close(c);
    return -1;
}

void client_patience(struct client *c, int seconds)
{
    struct timeval tv = {.tv_sec = seconds};
    c->hasty = true;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
}

void client_close(struct client *c)
{
    fd_close(&c->fd);
    wire_buf_fini(&c->in);
}

/* ---- requests ---- */

static int lost(struct client *c, struct err *e, const char *why)
{
    c->error_exit = CLI_UNKNOWN;
    return err_set(e, "the connection to supd is gone: %s%s", why, c->hint ? c->hint : "");
}

int client_send(struct client *c, const char *verb, char *const *args, size_t nargs, char *out_id,
                struct err *e)
{
    struct str line = STR_INIT;
    snprintf(out_id, WIRE_ID_MAX + 1, "%u", ++c->ids);
    wire_put_field(&line, out_id);
    wire_put_field(&line, verb);
    for (size_t i = 0; i < nargs; i++)
        wire_put_field(&line, args[i]);
    int r = 0;
    if (line.len > WIRE_LINE_MAX) {
        c->error_exit = CLI_USAGE;
        r = err_set(e, "too many arguments at once (a request holds 64 KiB)");
    }
    str_putc(&line, '\n');
    for (size_t at = 0; r == 0 && at < line.len;) {
        ssize_t n = send(c->fd, line.s + at, line.len - at, MSG_NOSIGNAL);
        if (n >= 0)
            at += (size_t)n;
        else if (errno == EPIPE) /* what it said last explains it */
            break;
        else if (errno != EINTR)
            r = lost(c, e, strerror(errno));
    }
    str_fini(&line);
    return r;
}

/* ---- replies ---- */

static int greet(struct client *c, const char *line, struct err *e)
{
    int protocol;
    c->error_exit = CLI_PROTOCOL;
    if (strncmp(line, WIRE_NO_ID " error ", 8) == 0)
        return 1; /* refused before any greeting */
    if (wire_parse_greeting(line, &protocol) < 0)
        return err_set(e, "what answers there is not supd: '%.60s'", line);
    if (protocol != WIRE_PROTOCOL)
        return err_set(e, "supd speaks protocol version %d, this supctl speaks %d", protocol,
                       WIRE_PROTOCOL);
    c->greeted = true;
    c->error_exit = 0;
    return 0;
}

/* an error that answers no request ends the connection */
static int refused(struct client *c, const struct wire_reply *r, struct err *e)
{
    c->error_exit = cli_exit_of(r->code);
    return err_set(e, "supd refuses: %s", r->text);
}

static int fill_reply(struct client_reply *out, struct wire_reply *r, struct err *e)
{
    out->kind = r->kind;
    out->n = out->nbytes = 0;
    out->bytes = NULL;
    out->code = r->code;
    out->text = r->text;
    if (r->kind == WIRE_ERROR || r->kind == WIRE_BYTES)
        return 0;
    int64_t n = wire_pairs(r->rest, out->pairs, CLIENT_PAIRS);
    if (n < 0)
        return err_set(e, "supd sent a broken record");
    out->n = (size_t)n;
    return 0;
}

/* 1 with the bytes, 0 if more has to come first, -1 */
static int take_bulk(struct client *c, size_t n, struct client_reply *out, struct err *e)
{
    char *p;
    int got = wire_buf_bytes(&c->in, n, &p);
    if (got < 0)
        return err_set(e, "supd sent broken bulk");
    out->bytes = p;
    out->nbytes = n;
    return got;
}

/* supd greets at once; one that does not is stopped, frozen or stuck. */
static void wait_greeting(const struct client *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);
    if (c->greeted || poll(&p, 1, GREETING_MS) != 0)
        return;
    getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
    cli_complain("supd (pid %d) does not answer; waiting for it", (int)cred.pid);
}

static int read_more(struct client *c, struct err *e)
{
    char *room = wire_buf_room(&c->in, READ_CHUNK);
    if (!room)
        return lost(c, e, "an answer is too large");
    ssize_t n;
    if (!c->hasty)
        wait_greeting(c);
    do
        n = recv(c->fd, room, READ_CHUNK, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return lost(c, e, n == 0 ? "supd closed it" : strerror(errno));
    wire_buf_added(&c->in, (size_t)n);
    return 0;
}

/* the value of client_receive after fn saw a line; 3: go on */
static int after(const struct client_reply *r, bool more)
{
    if (r->kind == WIRE_OK)
        return 0;
    if (r->kind == WIRE_ERROR)
        return 1;
    return more ? 3 : 2;
}

/* one line that was read; the value of client_receive */
static int on_line(struct client *c, char *line, size_t n, const char *id, client_fn *fn, void *obj,
                   struct err *e)
{
    struct wire_reply r;
    struct client_reply reply;
    int got = c->greeted ? 1 : greet(c, line, e);
    if (got <= 0)
        return got < 0 ? -1 : 3;
    if (wire_parse_reply(line, n, &r, e) < 0 || fill_reply(&reply, &r, e) < 0)
        return -1;
    if (strcmp(r.id, WIRE_NO_ID) == 0 && r.kind == WIRE_ERROR)
        return refused(c, &r, e);
    bool mine = !id || strcmp(r.id, id) == 0; /* reading on moves the line away */
    while (r.kind == WIRE_BYTES && (got = take_bulk(c, r.nbytes, &reply, e)) == 0)
        if (read_more(c, e) < 0)
            return -1;
    if (got < 0)
        return -1;
    if (!mine)
        return 3;
    return after(&reply, fn(obj, &reply));
}

int client_receive(struct client *c, const char *id, client_fn *fn, void *obj, struct err *e)
{
    char *line;
    size_t n;
    int r = 3, got;
    if (read_more(c, e) < 0)
        return -1;
    while (r == 3 && (got = wire_buf_line(&c->in, &line, &n)) != 0)
        r = got < 0 ? err_set(e, "supd sent a line that is too long")
                    : on_line(c, line, n, id, fn, obj, e);
    return r;
}

int client_call(struct client *c, const char *verb, char *const *args, size_t nargs, client_fn *fn,
                void *obj, struct err *e)
{
    char id[WIRE_ID_MAX + 1];
    if (client_send(c, verb, args, nargs, id, e) < 0)
        return -1;
    int r;
    do
        r = client_receive(c, id, fn, obj, e);
    while (r == 3);
    return r;
}

const char *reply_text(const struct client_reply *r, const char *key)
{
    const char *value = wire_value(r->pairs, r->n, key);
    return value ? value : "";
}

int64_t reply_int(const struct client_reply *r, const char *key, int64_t otherwise)
{
    const char *value = wire_value(r->pairs, r->n, key);
    return value && *value ? strtoll(value, NULL, 10) : otherwise;
}
