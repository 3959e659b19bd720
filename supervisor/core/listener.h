/* One event listener's side of Supervisor's protocol (supervisor-compat, section 13.1), as a pure
 * machine: what it says on its standard output moves it.
 *
 *                    READY\n               listener_send
 *   ACKNOWLEDGED ---------------> READY ------------------> BUSY
 *        ^   |                      |                        | |
 *        |   | other output         | any output             | | no number in the result line
 *        |   +----------------------+--> UNKNOWN <-----------+-+
 *        +--------------- RESULT N\n and N bytes ------------+
 *
 * UNKNOWN lasts until the process is started again. */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Supervisor's numbers. */
enum listener_state {
    LISTENER_READY = 10,
    LISTENER_BUSY = 20,
    LISTENER_ACKNOWLEDGED = 30,
    LISTENER_UNKNOWN = 40,
};

#define LISTENER_LINE 96u /* the longest result line: "RESULT ", blanks, a number */

/* Plain data, kept in memory that outlives supd. */
struct listener {
    uint8_t state;     /* enum listener_state */
    uint8_t nline;     /* bytes of line so far */
    uint8_t in_result; /* the result line is complete: its data is coming */
    uint8_t differs;   /* its data is not "OK" so far */
    uint32_t pad;
    uint64_t length, got; /* bytes of the result's data: announced, and here */
    char line[LISTENER_LINE];
};

/* What its output said. */
enum listener_word {
    LISTENER_NOTHING,  /* more has to come */
    LISTENER_IS_READY, /* it may be sent an event */
    LISTENER_DONE,     /* the event is done */
    LISTENER_REJECTED, /* it does not want the event: another try */
    LISTENER_BAD,      /* it is UNKNOWN from now on; an event that it had was not done */
};

/* A process that was started just now: ACKNOWLEDGED. */
void listener_init(struct listener *l);
/* Takes output p[0..n), n above 0, up to and including the first word in it, at most. Returns how
 * many bytes that used up, at least 1. After BAD its line says what was wrong, where that was a
 * result line. */
size_t listener_feed(struct listener *l, const char *p, size_t n, enum listener_word *out_word);
/* An event is sent to it; it has to be READY. */
void listener_send(struct listener *l);
/* "BUSY" */
const char *listener_state_name(enum listener_state s);

#endif
