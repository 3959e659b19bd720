/* The messages in which supd-log passes the text of programs on, to supd and to supd-agent: one
 * datagram of a SEQPACKET socket is a head and text. Pure: reading them, and putting them together
 * again; docs/logs.md says what is promised. */
#ifndef CORE_TAP_H
#define CORE_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of text in a message: with head and the kernel's own part it takes 16 KiB of memory there;
 * larger ones are no cheaper. */
#define TAP_TEXT 15360u
/* SO_SNDBUF of a tap; the kernel doubles it: 1 MiB of its memory, 64 full messages, where
 * net.core.wmem_max allows that; with its default 416 KiB, 26 messages. A busy pipe is read 256 KiB
 * at once, and the consumer may be asleep then. */
#define TAP_SNDBUF (512 << 10)

enum {
    TAP_NAMES = 1,    /* text is "program\0process\0"; comes before all else of this key */
    TAP_TORN = 2,     /* the text begins inside a line whose beginning was skipped */
    TAP_CAPTURED = 4, /* the text stood between the capture marks */
    TAP_BEGIN = 8,    /* a capture began right before this text */
    TAP_END = 16,     /* a capture ended behind this text; counts as one byte more */
};

struct tap_head {
    uint16_t size;   /* of this head */
    uint8_t flags;   /* TAP_NAMES ... */
    uint8_t channel; /* 0: stdout, 1: stderr */
    uint32_t slot;   /* the stream; another key of the same slot replaces it */
    uint32_t key;    /* of this tap: never used twice */
    uint32_t run;    /* which run of the process wrote it: counts up */
    int32_t pid;     /* of that run; 0: not known */
    uint32_t len;    /* bytes of text behind the head */
    uint64_t at;     /* where it begins, counted from the tap's start, skipped bytes included */
};

#define TAP_MESSAGE (sizeof(struct tap_head) + TAP_TEXT)

/* Reads a message of n bytes at p: the head is copied, *out_text points into p. False: it is none.
 */
bool tap_read(const void *p, size_t n, struct tap_head *out_head, const char **out_text);

/* How far a consumer has one tap's text; zeroed at its start. */
struct tap_join {
    uint64_t at;
};

/* Takes a message in: what the consumer has already (supd-log was killed in between, and its
 * successor sent it again) is cut off its front. *out_skipped: bytes that never came before it.
 * False: there is nothing new in it. */
bool tap_join(struct tap_join *j, struct tap_head *h, const char **text, uint64_t *out_skipped);

#endif
