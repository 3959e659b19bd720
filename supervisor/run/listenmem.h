/* What event listeners must not lose when supd is upgraded or faults: the events that wait, who has
 * which, how far each listener is in the protocol, what came of a text that is no event yet. A
 * memory file of its own, which exists only while there are listeners, without pointers, and right
 * after each store. */
#ifndef RUN_LISTENMEM_H
#define RUN_LISTENMEM_H

#include "supervisor/base/err.h"
#include "supervisor/core/listener.h"

#include <stdbool.h>
#include <stdint.h>

#define LISTENMEM_POOLS 256u
#define LISTENMEM_LISTENERS 1024u
#define LISTENMEM_EVENTS 65536u         /* of all pools */
#define LISTENMEM_TEXT (64u << 20)      /* bytes of all of them */
#define LISTENMEM_EVENT_MAX (16u << 20) /* bytes of one */
#define LISTENMEM_KEPT                                                                             \
    LISTENMEM_POOLS          /* the pool of records that are no events; a supd that does           \
                                not know these drops them */
#define LISTENMEM_READ 4096u /* so much of a listener's output at once */

struct listenmem;

/* A group of listeners. */
struct lm_pool {
    uint64_t name;   /* a digest of the group's; 0: free */
    uint64_t serial; /* of its next event */
};

/* An event for one pool: rendered, as it is sent. It waits, unless a listener has it. */
struct lm_event {
    uint32_t used; /* set last, cleared first */
    uint32_t pool;
    uint32_t unit, len; /* where its text is */
    uint64_t serial, pool_serial;
};

/* The state of a process that listeners were told of last. */
struct lm_told {
    int32_t pid; /* of the instance */
    uint32_t state;
};

/* A process of a pool. */
struct lm_listener {
    uint32_t slot;  /* of the process, plus 1; 0: free */
    int32_t out_fd; /* our end of its standard output; 0: none */
    uint32_t event; /* the one that it has, plus 1; 0: none */
    uint32_t sent;  /* so much of that was written to it */
    struct listener machine;
    /* output that was read, or is being read */
    uint32_t aim;     /* bytes; 0: none */
    uint32_t fed;     /* 1: the machine has taken it; it is to be copied to the log */
    uint32_t copied;  /* so much of it was */
    uint32_t step;    /* 1: what it led to is being done: next and outcome */
    uint32_t outcome; /* enum listener_word: DONE, REJECTED, BAD or NOTHING */
    struct listener next;
    char text[LISTENMEM_READ];
};

struct lm_head {
    uint64_t magic, size;
    uint64_t serial;     /* of the next event, over all pools */
    uint64_t ticks[3];   /* when the last of each was, in seconds; 0: none was due yet */
    uint32_t nlisteners; /* those ever used are below this */
    uint32_t nevents;    /* the same */
    /* bytes that are on their way through the pipe of ours to another one (listensend.c) */
    int32_t stage[2];
    uint32_t stage_for; /* which count they belong to: listener, plus 1, and kind; 0: none */
    uint32_t stage_from, stage_n;
    /* What an older supd does not know, and leaves 0. The socket that text of programs comes from:
     * our end and supd-log's; of the image with this number alone. */
    int32_t text_fds[2];
    uint32_t text_image;
    uint32_t text_key; /* the event of this message is being told: its tap, its end, its serial */
    uint64_t text_at, text_serial;
    uint32_t successor; /* the record, plus 1, that takes the place of another one; 0: none */
    uint32_t pad;
};

/* A new one; or the one in this descriptor, which another supd left and is its own then. NULL and
 * the reason. */
struct listenmem *listenmem_new(bool with_file, struct err *e);
struct listenmem *listenmem_open(int fd, struct err *e);
void listenmem_free(struct listenmem **m);
/* Closes one that cannot be opened, and the pipe of ours that it names. */
void listenmem_discard(int fd);
/* 0 if listenmem_open could go on from it (0: there is none), else -1 and the reason. */
int listenmem_check(int fd, struct err *e);
/* Its descriptor; -1: it has none. */
int listenmem_fd(const struct listenmem *m);
/* Calls fn for each descriptor that has to survive an exec; safe in a signal handler. */
void listenmem_each_fd(const struct listenmem *m, void (*fn)(int fd));
/* The socket for text that the image before this one left in the memory of that descriptor: it is
 * this one's now. False: there is none. */
bool listenmem_take_text(int fd, uint32_t image, int32_t out[2]);

struct lm_head *listenmem_head(const struct listenmem *m);
struct lm_pool *listenmem_pool(const struct listenmem *m, uint32_t i);
struct lm_listener *listenmem_listener(const struct listenmem *m, uint32_t i);
struct lm_event *listenmem_event(const struct listenmem *m, uint32_t i);
/* Of the process of a slot of the state. */
struct lm_told *listenmem_told(const struct listenmem *m, uint32_t slot);
const char *listenmem_text(const struct listenmem *m, const struct lm_event *ev);

/* The pool of that name, or a new one; -1: there are too many. */
int64_t listenmem_pool_take(struct listenmem *m, const char *name);
void listenmem_pool_free(struct listenmem *m, uint32_t i);
/* A place for a process, zeroed; -1: there are too many. */
int64_t listenmem_listener_take(struct listenmem *m, uint32_t slot);
/* The place of the process of a slot; -1: it has none. */
int64_t listenmem_listener_find(const struct listenmem *m, uint32_t slot);
/* Keeps an event; its serials and pool are filled in, its text is copied. -1: no room. */
int64_t listenmem_event_add(struct listenmem *m, const struct lm_event *ev, const char *text);
void listenmem_event_free(struct listenmem *m, uint32_t i);
/* A record of len bytes that is no event, by the number that it is found by: first its place, whose
 * text is anything, then it counts. -1: no room. */
int64_t listenmem_keep(struct listenmem *m, uint64_t number, uint32_t len);
void listenmem_keep_now(struct listenmem *m, uint32_t i);
/* The same, and the one before of that number does not count any more. */
void listenmem_keep_instead(struct listenmem *m, uint32_t i, uint32_t before);
/* One that another supd left and nobody has asked for yet; -1: none. */
int64_t listenmem_kept(struct listenmem *m, uint64_t number);
/* Frees those that nobody asked for. */
void listenmem_kept_sweep(struct listenmem *m);
void *listenmem_record(const struct listenmem *m, uint32_t i);
/* What is being done is done to the end: after a step, or one that was cut short. */
void listenmem_apply(struct listenmem *m, struct lm_listener *l);

/* Keeps the compiler from moving stores over it: a crash then leaves a prefix of them. */
#define LISTENMEM_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

#endif
