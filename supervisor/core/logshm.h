/* The memory that supd and supd-log share: stream table, strings, and the blocks that hold what was
 * read but not yet written. Fixed layout, no pointers, and true at every instruction: a successor
 * of either program finds here all that it needs to go on after a kill.
 *
 *   header | streams[] | progress[] | second outputs[] | sides[] | strings | block descriptors[] |
 *   blocks (4 KiB each)
 *
 * A stream's bytes are numbered from 0. Byte p lies in the block whose descriptor says (stream,
 * page p / 4096), at p % 4096. Bytes up to read are there, as far as a block holds them; each
 * output has [0, done) behind it. Sizes are sparse: a page is taken at its first use. */
#ifndef CORE_LOGSHM_H
#define CORE_LOGSHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOGSHM_MAGIC UINT64_C(0x31474f4c44505553) /* "SUPDLOG1" */
#define LOGSHM_VERSION 3u
#define LOGSHM_BLOCK 4096u
#define LOGSHM_STREAMS_MAX 32768u
#define LOGSHM_STRINGS 512u /* bytes of strings for each stream, on average */
#define LOGSHM_MEMORY_DEFAULT (16 << 20)
#define LOGSHM_MEMORY_MIN (256 << 10)
#define LOGSHM_MEMORY_MAX (INT64_C(4) << 30)
#define LOGSHM_OUTS 2u     /* outputs of a stream: its sink; syslog or, for the main log, stdout */
#define LOGSHM_WRITERS 24u /* writer threads */
#define LOGSHM_PATH 4608u  /* bytes that hold any path */
#define LOGSHM_MAIN 0u     /* the slot of supd's own log */
#define LOGSHM_TAPS 2u     /* who may get the text of streams: enum logshm_tap_of */
#define LOGSHM_RUNS 32u    /* runs of a process that are told apart in what its pipe holds */
#define LOGSHM_CLASSES 1152u /* of strings, by their length */
#define LOGSHM_LATEST 8u

enum logshm_state {
    LOGSHM_FREE,
    LOGSHM_LIVE,
    LOGSHM_CLOSING, /* supd wants it gone; supd-log drains it and says so */
};

enum logshm_sink {
    LOGSHM_NONE,
    LOGSHM_AUTO, /* path was made by supd; created, with mode 0600, by supd-log */
    LOGSHM_FILE, /* path */
    LOGSHM_FD,   /* a copy of descriptor fd_sink as inherited */
};

enum logshm_tap_of { LOGSHM_TAP_SUPD, LOGSHM_TAP_AGENT };

enum {                           /* what a tap is to get */
       LOGSHM_WANT_TEXT = 1,     /* all, or what is outside the capture marks */
       LOGSHM_WANT_CAPTURED = 2, /* look for the marks, and pass on what is between them */
       LOGSHM_WANT_RUN = 4,      /* what the run wrote before the tap counts as skipped */
};

enum {                         /* flags of a stream, set by supd-log */
       LOGSHM_AUTO_FAILED = 1, /* the AUTO file could not be made */
       LOGSHM_SECOND = 2,      /* the second output is in use */
       LOGSHM_USED = 4,        /* it has progress */
};

/* How far one output is. A write under way is noted first: valid while note_from == done. */
struct logshm_out {
    uint64_t done;         /* bytes before this are written, dropped or not wanted */
    uint64_t note_from;    /* the write under way starts here in the stream ... */
    uint64_t note_to;      /* ... and ends here; not above note_from: none */
    uint64_t note_size;    /* size of the file before it */
    uint32_t note_len;     /* bytes that the file gets */
    uint32_t note_file;    /* which file: logshm_file(); 0: not said */
    uint64_t gap, gap_end; /* dropped, and not yet marked: [gap, gap_end); empty or passed: none */
    uint64_t gap_bytes;
    uint64_t gap_lines;
};

/* What every stream has. Most streams are silent, so all else lies apart. */
struct logshm_stream {
    /* written by supd; seq is odd while it writes */
    uint32_t seq;
    uint32_t epoch; /* the start of supd-log that inherits fd; later ones get it by message */
    int32_t fd;     /* supd's read end */
    int32_t wfd;    /* the write end, which supd keeps, too */
    uint32_t owner; /* whose stream it is, for supd alone */
    uint32_t name;  /* strings: process, program; 0: none */
    uint32_t program;
    uint32_t folder, path; /* of a file, see logshm_path(): up to the last slash, and behind it; of
                              an AUTO file only the random part */
    int32_t backups;
    int64_t maxbytes;
    uint8_t state;   /* enum logshm_state */
    uint8_t kind;    /* enum logshm_sink */
    uint8_t fd_sink; /* with LOGSHM_FD */
    uint8_t channel;
    bool syslog : 1, copy_to_stdout : 1, gzip : 1;
    bool prefix : 1, json : 1, strip_ansi : 1;
    bool block : 1;   /* log_overflow=block */
    bool capture : 1; /* what is between the capture marks is kept out of the sinks */
    bool sided : 1;   /* its side is in use: taps, capture, which run wrote what */
    bool runs : 1;    /* a process writes to it: its file is to be there */
    /* written by supd-log */
    uint8_t flags;
    uint8_t run;   /* by supd, before a process begins: its file may have another name by now */
    uint64_t read; /* bytes taken from the pipe (and padding after which a new block began) */
    uint64_t aim;  /* above read: a read() up to this position is under way */
};

/* Written by supd-log, and touched only for a stream with LOGSHM_USED: all of it is 0 else. */
struct logshm_progress {
    struct logshm_out out;
    uint64_t bytes, lost_bytes, lost_lines; /* counters */
    uint32_t rotations;
    uint32_t failures;
};

/* A run of the process: it wrote what lies at and after `from`, counted like progress.bytes. */
struct logshm_run {
    uint64_t from;
    uint32_t number;
    int32_t pid; /* 0: not known yet */
};

/* How far a tap's text was passed on or skipped. */
struct logshm_far {
    uint64_t pos;        /* in the stream */
    uint64_t at;         /* bytes for this tap so far */
    uint32_t run;        /* whose text came last */
    uint8_t on, matched; /* the scan for capture marks */
    uint8_t begun;       /* a capture began right before */
    uint8_t torn;        /* the last byte was skipped, and no newline */
};

struct logshm_tap {
    /* written by supd */
    uint32_t key; /* 0: no tap */
    uint32_t wants;
    /* written by supd-log */
    uint32_t taken; /* far belongs to this key */
    uint32_t cur;   /* which one counts: the other is written first */
    struct logshm_far far[2];
};

/* Where an output is in the capture marks: at and after pos[cur], until the next change. */
struct logshm_cut {
    uint64_t pos[2];
    uint8_t on[2];
    uint8_t cur;
    uint8_t pad[5];
};

/* What few streams have: taps, and a capture mode. Touched for no other. */
struct logshm_side {
    struct logshm_tap taps[LOGSHM_TAPS];
    struct logshm_run runs[LOGSHM_RUNS]; /* by supd; the newest is (nruns - 1) % LOGSHM_RUNS */
    uint32_t nruns;
    uint32_t pad;
    struct logshm_cut cuts[LOGSHM_OUTS];
    uint64_t begins[LOGSHM_RUNS]; /* positions at which a new run begins; a ring, too */
    uint32_t nbegins;
    uint32_t seen_run;  /* the run whose text was taken last */
    uint64_t taken;     /* bytes that were read, as soon as they are */
    uint64_t announced; /* a read() of so many is under way; 0: none */
};

/* Whose block it is. */
struct logshm_desc {
    uint64_t owner; /* (slot + 1) << 32 | low 32 bits of the page number; 0: free */
    int64_t wall;   /* CLOCK_REALTIME in ns of the block's first byte */
};

/* A rotation under way. */
struct logshm_rotation {
    uint32_t slot; /* stream whose sink it is, plus 1; 0: none */
    int32_t step;  /* the next number to move up: .step -> .step+1; 0: the file itself */
    int32_t backups;
    uint32_t file; /* logshm_file(); 0: not said */
};

struct logshm_head {
    uint64_t magic;
    uint32_t version;
    uint32_t nstreams; /* capacity */
    uint32_t nblocks;
    uint32_t used; /* slots before this have been in use */
    uint64_t streams, progress, outs2, sides, strings, descs, blocks,
        size;          /* offsets, whole size */
    uint64_t sentinel; /* a random word: marks memory that a read has not reached */
    uint32_t epoch;    /* starts of supd-log so far */
    uint32_t nocleanup;
    uint32_t identifier, childlogdir, syslog_ident; /* strings */
    uint8_t log_json;
    uint8_t log_debug; /* output is copied into supd's own log, as its level debug says */
    uint16_t pad;
    uint32_t cleaned; /* stale AUTO files were looked for */
    uint32_t fresh;   /* blocks from here on were never used: neither they nor their descriptors */
    int32_t tap_fds[LOGSHM_TAPS]; /* our ends of the taps, for the next start to inherit; 0: none */
    struct logshm_rotation rotations[LOGSHM_WRITERS];
    /* for supd alone: the process supd-log, and what is free of the strings */
    int32_t pid;         /* 0: none */
    int32_t chan;        /* our end of its channel */
    uint32_t string_end; /* strings before this have been in use */
    uint32_t free_string[LOGSHM_CLASSES];
    uint32_t latest[LOGSHM_LATEST]; /* texts that were shared last, newest first */
};

/* Messages on the channel, one per datagram. */
enum logshm_op {
    LOGOP_ADD,    /* slots[n], with the read ends in the same order */
    LOGOP_DEL,    /* slots[0]; answered */
    LOGOP_UPDATE, /* slots[0] */
    LOGOP_REOPEN,
    LOGOP_CLEAR, /* slots[0]; answered */
    LOGOP_DRAIN, /* slots[0..n); answered */
    LOGOP_TAIL,  /* slots[0]; arg: bytes; follow: flag, 2: and say when it was truncated; text; with
                    the  client's connection */
    LOGOP_FINISH, /* write out everything; answered */
    LOGOP_TAP,    /* slot: enum logshm_tap_of; with our end of its socket, or nothing: none */
    LOGOP_FILES,  /* with a socket and the list of what may be opened for who asks on it */
    LOGOP_READ,   /* slot; with a socket on which its file is to be handed out to be read; follow:
                     flag,   make it if it is not there */
    LOGOP_RUN,    /* slots[0..n): a process began to write to it, and its file is to be there */
};

#define LOGOP_SLOTS 200u

struct logshm_msg {
    uint32_t op;
    uint32_t id; /* comes back in the answer */
    uint32_t n;  /* slots, or bytes of text */
    uint32_t follow;
    int64_t arg;
    uint32_t slot;
    uint32_t nid; /* the request's id is the first nid bytes of the text */
};
#define LOGOP_TEXT 16384u

struct logshm_answer {
    uint32_t op;
    uint32_t id;
    uint32_t slot;
    uint32_t ok;
};

/* The offsets of a layout for so many streams and so many bytes of blocks. */
void logshm_layout(struct logshm_head *h, uint32_t nstreams, int64_t memory);
/* True if the header is ours and its layout is sound for a memory of size bytes. */
bool logshm_good(const struct logshm_head *h, uint64_t size);

static inline void *logshm_at(struct logshm_head *h, uint64_t off)
{
    return (char *)h + off;
}
static inline struct logshm_stream *logshm_stream(struct logshm_head *h, uint32_t slot)
{
    return (struct logshm_stream *)logshm_at(h, h->streams) + slot;
}
static inline struct logshm_progress *logshm_progress(struct logshm_head *h, uint32_t slot)
{
    return (struct logshm_progress *)logshm_at(h, h->progress) + slot;
}
static inline struct logshm_out *logshm_out(struct logshm_head *h, uint32_t slot, unsigned out)
{
    return out ? (struct logshm_out *)logshm_at(h, h->outs2) + slot
               : &logshm_progress(h, slot)->out;
}
static inline struct logshm_side *logshm_side(struct logshm_head *h, uint32_t slot)
{
    return (struct logshm_side *)logshm_at(h, h->sides) + slot;
}
static inline const char *logshm_string(struct logshm_head *h, uint32_t off)
{
    return off ? (const char *)h + h->strings + off : "";
}
/* The path of a stream's file, made in buf (LOGSHM_PATH bytes); "" if it has none. */
const char *logshm_path(struct logshm_head *h, const struct logshm_stream *r, char *buf);
/* Tells the file of a note from one that the stream has had since; never 0. */
uint32_t logshm_file(const char *path);
/* Keeps the compiler from moving stores over it: a kill then leaves a prefix of them. */
#define LOGSHM_ORDER() __atomic_signal_fence(__ATOMIC_SEQ_CST)

/* The progress of a stream, which counts from now on; for supd-log. */
static inline struct logshm_progress *logshm_use(struct logshm_head *h, uint32_t slot)
{
    struct logshm_stream *s = logshm_stream(h, slot);
    s->flags = (uint8_t)(s->flags | LOGSHM_USED);
    LOGSHM_ORDER();
    return logshm_progress(h, slot);
}

#endif
