/* What the demo knows, asked of supctl as anybody could: its status, its events and its alerts, as
 * JSON; and the ledgers of the queue, and the notices of alerts. Nothing counts as seen that was
 * not read there. */
#ifndef DEMO_FACTS_H
#define DEMO_FACTS_H

#include "demo/alerts.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define FACTS_PROGRAMS 16
#define FACTS_NOTES 64 /* the last so many things that happened are kept */
#define FACTS_TICKS 40
#define FACTS_PATH 256

struct program {
    char name[64], state[16], reason[160];
    int64_t pid, restarts;
    char exit[64]; /* how its last instance ended, while none has taken its place */
    int died_pid;  /* of that instance */
};

struct note {
    mono_t at;
    char level; /* 'g'ood, 'w'arning, 'b'ad: a colour */
    char text[400];
};

/* What `--once` has to have seen, in this order. */
enum seen {
    SEEN_TABLE,
    SEEN_RESTART,
    SEEN_LIMIT,
    SEEN_FLOW,
    SEEN_RATE,
    SEEN_SITE,
    SEEN_CERTIFICATE,
    SEEN_ALL
};

struct facts {
    const char *supctl;
    char spool[FACTS_PATH], notices[FACTS_PATH];
    struct program programs[FACTS_PROGRAMS];
    unsigned nprograms;
    struct str table; /* `supctl status` as it printed it */
    struct note notes[FACTS_NOTES];
    uint64_t nnotes;  /* ever; note i is notes[i % FACTS_NOTES] */
    int64_t attempts; /* failed starts of the program that cannot start */
    bool fatal_event, restart_event;
    bool seen[SEEN_ALL];
    int64_t done, failed, waiting, aside;
    int64_t ticks[FACTS_TICKS]; /* jobs done per tick, the last one last */
    int64_t tick_ms;
    struct str events; /* bytes of an unfinished line */
    int events_fd, events_pid;
    struct alerts alerts;
};

/* supctl: its path; it finds supd by SUPD_SOCKET. folder: the demo's. */
void facts_init(struct facts *f, const char *supctl, const char *folder, int64_t tick_ms);
void facts_fini(struct facts *f);
/* Starts `supctl events`; 0 or -1 with errno. */
int facts_listen(struct facts *f);
/* Asks for the status, both forms; false if supd does not answer. */
bool facts_status(struct facts *f);
/* Counts the queue; once each tick. */
void facts_queue(struct facts *f);
/* Asks for the states of alerts and reads the notices; once each tick. */
void facts_alerts(struct facts *f);
/* Reads the events that came; false if supctl ended. */
bool facts_events(struct facts *f);
/* Jobs a second over the last three seconds. */
double facts_rate(const struct facts *f);
const char *facts_seen_text(enum seen what);
bool facts_all_seen(const struct facts *f);

#endif
