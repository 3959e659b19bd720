/* A place where output goes: a file that is rotated, an inherited descriptor, syslog. Shared by all
 * streams that name it. Only its writer thread touches what it opens. */
#ifndef LOGD_SINK_H
#define LOGD_SINK_H

#include "supervisor/base/err.h"
#include "supervisor/logd/logd.h"
#include "supervisor/logd/span.h"

#include <sys/types.h>

enum sink_kind { SINK_FILE, SINK_FD, SINK_SYSLOG };

struct sink {
    LIST_ENTRY(sink) link;   /* logd->sinks */
    TAILQ_ENTRY(sink) queue; /* writer->queue */
    TAILQ_ENTRY(sink) later; /* writer->later */
    struct out_list outs;
    unsigned nouts;
    enum sink_kind kind;
    char *path;    /* SINK_FILE */
    int fd_number; /* SINK_FD */
    bool is_auto;  /* created with mode 0600 */
    int64_t maxbytes;
    int32_t backups;
    bool gzip;
    struct writer *writer;
    bool queued, waits, busy; /* busy: its writer works on it without the lock */
    struct out *half;         /* only a part of its write went out: the others wait for its rest */
    mono_t due;               /* with waits: when its writer looks again */
    bool want_reopen, want_clear, want_open;
    bool want_look;       /* whether the open file has its name still */
    bool unclean;         /* the last clear did not work */
    mono_t pending_since; /* there was nothing to write before */
    mono_t window;        /* what it took since then, and in the window before */
    uint64_t taken, taken_before;
    /* only its writer: */
    int fd;
    bool regular;   /* a regular file named by path: exact, rotated, read by `tail` */
    bool recovered; /* what a kill left behind is settled */
    bool mid_line;  /* the last byte written was no newline */
    bool failing;   /* wait for its time */
    bool broken;    /* it failed, and did not succeed since */
    bool told;      /* ... and the main log says so */
    int64_t size;   /* of the open file, as far as known */
    mono_t warn_at, rotate_at;
};

/* The sink that writes to this path, or NULL; with the lock. */
struct sink *sink_of_path(const struct logd *d, const char *path);
/* The sink for a stream's output, found by what it is or made; NULL for lack of memory. */
struct sink *sink_get(struct logd *d, const struct logshm_stream *r, unsigned which);
/* It took so many bytes just now; with the lock. */
void sink_took(struct sink *s, uint64_t bytes);
/* True while it takes output at a fair pace, or was given some only just now: then a program that
 * is faster has to wait for it; a stalled sink's output is dropped instead. With the lock. */
bool sink_is_healthy(const struct sink *s);
/* Has its writer see whether its path leads to the file that is open still; with the lock. */
void sink_look(struct logd *d, struct sink *k);
/* Removes a sink without outputs. Called by its writer or when it has none. */
void sink_free(struct sink **sp);

/* All below: writer thread, without the lock. */

/* Opens it. 0, or -1 and the reason. */
int sink_open(struct sink *s, struct err *e);
void sink_close(struct sink *s);
/* True if its path leads to the file that is open. */
bool sink_in_place(const struct sink *s);
/* Empties it: unlinks the file, or truncates it where it may not be unlinked. False: neither
 * worked.
 */
bool sink_clear(struct sink *s);
/* Writes; waits up to 200 ms where a descriptor is full. Returns the bytes written, or -1 with
 * errno (EAGAIN: still full). */
ssize_t sink_write(struct sink *s, const struct span *data);
/* Size of the open file, or -1; opens it anew when it was deleted. */
int64_t sink_size(struct sink *s, struct err *e);
/* Rotates the open file and opens the new one. */
int sink_rotate(struct logd *d, struct sink *s, struct logshm_rotation *note, struct err *e);
/* What people call it. */
const char *sink_name(const struct sink *s);

#endif
