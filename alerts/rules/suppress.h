/* Suppression: an alert whose cause is something else that has failed stays quiet behind it.
 *
 * A node is what can fail: a probe, a program. Its parents are what it depends on: parent= of a
 * probe, depends_on= of a program, the programs that a probe's program depends on. Three rules:
 *  - alerting is suppressed, never monitoring: this only answers a question, it changes no state;
 *  - a new notice is suppressed, never a resolve (life.h pays debts through every gate);
 *  - it is transitive: a failed node holds back all that depends on it, through nodes that have not
 *    failed or are themselves held back.
 * When a child fails first (group_wait), its parents are probed at once and the child's notice
 * waits for their answers, though never longer than SUPPRESS_WAIT after the child's failure. */
#ifndef ALERTS_RULES_SUPPRESS_H
#define ALERTS_RULES_SUPPRESS_H

#include "alerts/rules/wall.h"
#include "supervisor/base/vec.h"

#define SUPPRESS_WAIT DUR_S(30)
#define SUPPRESS_NONE UINT32_MAX

struct suppress_node {
    bool is_parent; /* of any */
    bool failed;    /* its alert is pending or firing, its probe fails, its program is down */
    bool probed;    /* its state is as old as its last probe; false: events tell it at once */
    wall_t seen;    /* when its state was last found out, good or bad */
    wall_t asked;   /* when it was last to be probed for a child's sake */
    uint32_t mark;  /* of the walk that last came by */
    VEC(uint32_t) parents;
};

struct suppress {
    VEC(struct suppress_node) nodes;
    uint32_t walk;
    VEC(uint32_t) stack;
};

enum suppress_answer {
    SUPPRESS_CLEAR, /* nothing explains it */
    SUPPRESS_WAITS, /* until `until`, or until a parent in `probe` has answered */
    SUPPRESS_BEHIND /* `root` explains it */
};

struct suppress_verdict {
    enum suppress_answer answer;
    uint32_t root; /* the failed node that has no failed one behind it */
    wall_t until;
    VEC(uint32_t) probe; /* PROBE_PARENT: to be probed at once; each is named once for a failure */
};

/* A new node without parents; its number counts up from 0. */
uint32_t suppress_node(struct suppress *s, bool probed);
/* child depends on parent. Cycles do no harm: what depends on itself is not held back by itself. */
void suppress_edge(struct suppress *s, uint32_t child, uint32_t parent);
/* The node's state was found out. */
void suppress_found(struct suppress *s, uint32_t node, bool failed, wall_t now);
/* What holds the notice of a node back that failed at `failed`. out->probe is emptied first, and
 * freed by suppress_verdict_fini. */
void suppress_ask(struct suppress *s, uint32_t node, wall_t failed, wall_t now,
                  struct suppress_verdict *out);
void suppress_verdict_fini(struct suppress_verdict *v);
void suppress_fini(struct suppress *s);

#endif
