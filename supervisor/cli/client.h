/* supctl's connection to supd: requests out, replies in, one after the other. */
#ifndef CLI_CLIENT_H
#define CLI_CLIENT_H

#include "supervisor/base/err.h"
#include "supervisor/core/wire.h"

#include <stdbool.h>
#include <stddef.h>

#define CLIENT_PAIRS 128

struct client {
    int fd;
    struct wire_buf in;
    unsigned ids;
    bool greeted;
    bool hasty;       /* see client_patience */
    int error_exit;   /* after a failure of the connection: the exit code that it means */
    const char *hint; /* added to what is said then; or NULL */
};

/* One reply line, as a command sees it. */
struct client_reply {
    enum wire_kind kind;
    struct wire_pair pairs[CLIENT_PAIRS]; /* RECORD, OK, EVENT */
    size_t n;
    const char *bytes; /* BYTES */
    size_t nbytes;
    const char *code, *text; /* ERROR */
};

/* Called for each line that answers a request, its last one included. False: do not wait for more
 * (the connection is of no use then). */
typedef bool client_fn(void *obj, const struct client_reply *r);

/* Connects. 0, or -1 and a sentence that says what to do. */
int client_open(struct client *c, const char *path, const char *from_text, struct err *e);
void client_close(struct client *c);
/* From now on an answer that takes longer is a connection that failed, and nothing is said. */
void client_patience(struct client *c, int seconds);

/* Sends a request and hands its reply lines to fn until the last one. 0 when that was ok, 1 when it
 * was an error line (fn saw it), 2 when fn wanted no more, -1 when the connection failed. */
int client_call(struct client *c, const char *verb, char *const *args, size_t nargs, client_fn *fn,
                void *obj, struct err *e);

/* The same in two steps, for who watches the connection itself: sends a request and says its id;
 * reads what is there and hands on the lines that are complete. */
int client_send(struct client *c, const char *verb, char *const *args, size_t nargs, char *out_id,
                struct err *e);
/* One read (which may block), then fn for each whole line with this id, or any if id is NULL. The
 * return values are client_call's; 3: more is to come. */
int client_receive(struct client *c, const char *id, client_fn *fn, void *obj, struct err *e);

/* The value of a key, "" if it is not there; as a number, or the default. */
const char *reply_text(const struct client_reply *r, const char *key);
int64_t reply_int(const struct client_reply *r, const char *key, int64_t otherwise);

#endif
