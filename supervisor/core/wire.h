/* The control protocol's lines, both sides: requests, replies, escapes, and the buffer that cuts a
 * byte stream into lines. Pure text work; docs/control-protocol.md is the contract. */
#ifndef CORE_WIRE_H
#define CORE_WIRE_H

#include "supervisor/base/err.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_PROTOCOL 1
#define WIRE_LINE_MAX 65536u /* bytes of a line, its newline not counted */
#define WIRE_ID_MAX 16u
#define WIRE_NO_ID "*" /* the id of lines that answer no request */

/* Error words, each with the fault number that an XML-RPC client sees, and what it means. */
#define WIRE_CODES(X)                                                                              \
    X(BAD_REQUEST, 2, "the line is no request, or its arguments are wrong")                        \
    X(BAD_NAME, 10, "no such process or group")                                                    \
    X(BAD_SIGNAL, 11, "no such signal")                                                            \
    X(NO_FILE, 20, "there is no such file or no log")                                              \
    X(NOT_EXECUTABLE, 21, "the command is none, or may not be executed")                           \
    X(FAILED, 30, "it did not work; the text says why")                                            \
    X(ABNORMAL, 40, "it left STARTING otherwise than to RUNNING")                                  \
    X(SPAWN_ERROR, 50, "the program could not be started, or ended at once")                       \
    X(ALREADY_STARTED, 60, "it is up already")                                                     \
    X(TIMEOUT, 30, "the time given for it is over")                                                \
    X(NOT_RUNNING, 70, "it is not running")                                                        \
    X(ALREADY_ADDED, 90, "the group is active already")                                            \
    X(STILL_RUNNING, 91, "a process of the group is still running")                                \
    X(CANT_REREAD, 92, "the configuration is wrong; nothing was changed")                          \
    X(SHUTDOWN_STATE, 6, "supd is shutting down")                                                  \
    X(DENIED, 30, "the peer may not do this")                                                      \
    X(BUSY, 30, "a limit was reached; try again later")

enum wire_code {
#define WIRE_ENUM(name, fault, text) WIRE_##name,
    WIRE_CODES(WIRE_ENUM)
#undef WIRE_ENUM
        WIRE_NCODES
};

/* "BAD_NAME"; its meaning as half a sentence; its fault number. */
const char *wire_code_name(enum wire_code c);
const char *wire_code_text(enum wire_code c);
int wire_code_fault(enum wire_code c);
/* The code by its name, or -1. */
int wire_code_by_name(const char *name);

/* True for 1 to 16 characters out of A-Z a-z 0-9 _ - */
bool wire_id_ok(const char *id);

/* ---- requests ---- */

/* No request line of n bytes at p has more fields than this. */
size_t wire_count(const char *p, size_t n);
/* Cuts the line p[0..n) (p[n] is writable) into fields, in place: they are separated by a TAB, with
 * or without blanks around it, or by blanks; blanks at both ends do not count; escapes are undone.
 * Returns the number of fields, at most max, or -1 and the reason; fields[0], if it exists, is
 * valid in both cases. */
int64_t wire_split(char *p, size_t n, char **fields, size_t max, struct err *e);
/* Appends one field of a request, escaped, with a TAB before it unless it is the line's first. */
void wire_put_field(struct str *out, const char *text);

/* ---- replies, written ---- */

/* A line of "key=value" pairs being written into out. */
struct wire_out {
    struct str *out;
    bool first;
};

/* "ID WORD"; then pairs; then the newline. */
void wire_begin(struct wire_out *w, struct str *out, const char *id, const char *word);
void wire_kv(struct wire_out *w, const char *key, const char *value);
/* A value of n bytes; a NUL, for which there is no escape, becomes U+FFFD. */
void wire_kv_bytes(struct wire_out *w, const char *key, const char *p, size_t n);
void wire_kv_int(struct wire_out *w, const char *key, int64_t value);
void wire_kv_fmt(struct wire_out *w, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void wire_end(struct wire_out *w);
/* "ID error CODE text" and a newline. */
void wire_put_error(struct str *out, const char *id, enum wire_code c, const char *text);
/* "ID bytes N", a newline, the N bytes, a newline. */
void wire_put_bytes(struct str *out, const char *id, const void *p, size_t n);

/* ---- replies, read ---- */

enum wire_kind { WIRE_RECORD, WIRE_OK, WIRE_ERROR, WIRE_BYTES, WIRE_EVENT };

struct wire_reply {
    enum wire_kind kind;
    char *id;
    char *rest;       /* RECORD, OK, EVENT: the pairs, for wire_pairs */
    const char *code; /* ERROR: the word, known to us or not */
    char *text;       /* ERROR: the sentence */
    size_t nbytes;    /* BYTES: how many raw bytes follow, and then a newline */
};

struct wire_pair {
    char *key, *value;
};

/* Reads a reply line, in place. 0, or -1 and the reason. */
int wire_parse_reply(char *p, size_t n, struct wire_reply *out_r, struct err *e);
/* Reads the pairs of rest, in place; what is more than max is left out. Returns their number, or -1
 * for a pair without '=' or a bad escape. */
int64_t wire_pairs(char *rest, struct wire_pair *pairs, size_t max);
/* The value of a key, or NULL. */
const char *wire_value(const struct wire_pair *pairs, size_t n, const char *key);
/* Reads "supd 1 version=X pid=N"; 0 and the protocol number, or -1 if it is no greeting. */
int wire_parse_greeting(const char *line, int *out_protocol);

/* ---- a stream of lines ---- */

struct wire_buf {
    struct str s;
    size_t at;      /* where the next line starts */
    size_t scanned; /* no newline before this */
};

/* Empty; memory is taken at the first byte, at most max bytes wait in it. */
void wire_buf_init(struct wire_buf *b, size_t max);
void wire_buf_fini(struct wire_buf *b);
/* Room for n bytes at the end, to be written to by the caller and confirmed by wire_buf_added; NULL
 * if there is no memory or max is reached. */
char *wire_buf_room(struct wire_buf *b, size_t n);
void wire_buf_added(struct wire_buf *b, size_t n);
/* Takes the next line: 1 and the line (NUL-terminated in place of its newline, a carriage return
 * before that removed; valid until the next call that writes), 0 if it is not complete yet, -1 if
 * it is longer than WIRE_LINE_MAX. */
int wire_buf_line(struct wire_buf *b, char **out_line, size_t *out_n);
/* Takes n raw bytes and the newline after them: 1, 0 if they are not complete, -1 if no newline
 * follows. */
int wire_buf_bytes(struct wire_buf *b, size_t n, char **out_p);
/* Bytes that wait. */
size_t wire_buf_pending(const struct wire_buf *b);
/* Gives back what has been taken; all memory when nothing waits. */
void wire_buf_compact(struct wire_buf *b);

#endif
