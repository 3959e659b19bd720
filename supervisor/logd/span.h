/* A run of bytes that lies in several pieces: searching for line ends in it. Pure. */
#ifndef LOGD_SPAN_H
#define LOGD_SPAN_H

#include <stddef.h>
#include <sys/uio.h>

#define SPAN_PIECES 256

struct span {
    struct iovec iov[SPAN_PIECES];
    int n;
    size_t len;
};

/* The position behind the last newline, or 0. */
size_t span_last_line(const struct span *s);
/* The position behind the first newline at or after from, or 0. */
size_t span_next_line(const struct span *s, size_t from);
/* Shortens it to len bytes. */
void span_cut(struct span *s, size_t len);
/* Takes the first len bytes away. */
void span_skip(struct span *s, size_t len);
/* Newlines in it. */
size_t span_count_lines(const struct span *s);
/* Copies its bytes out. */
void span_copy(const struct span *s, char *out);
/* The byte at this position; it must be there. */
char span_byte(const struct span *s, size_t at);

#endif
