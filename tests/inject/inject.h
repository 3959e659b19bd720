/* One call of many fails, once: allocations and system calls of the code under test, which the
 * linker sends through here (calls.def). A walk runs the same scene again and again; each time the
 * next call fails, until there is none left. */
#ifndef TESTS_INJECT_H
#define TESTS_INJECT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    INJECT_MEMORY = 1, /* allocations, shared memory */
    INJECT_CALLS = 2,
    INJECT_KILLS = 4,   /* kill() */
    INJECT_WAYS = 8,    /* calls that come the same way, seen from ten functions up, count as one */
    INJECT_PLACES = 16, /* those of one place in the source do */
};

/* Who a process is; calls of others are let through. A forked child is somebody else until it
 * says otherwise. */
enum inject_who { INJECT_NOBODY, INJECT_SUPD, INJECT_LOGD };

/* From now on the nth call (1 is the first) of these sets in processes of this kind fails, once; 0:
 * they are only counted. All processes forked from here on share the count. */
void inject_begin(unsigned sets, enum inject_who who, unsigned nth);
/* No more of it. What failed, or NULL: there were fewer. Valid until the next one begins. */
const char *inject_end(void);
/* Whether it has failed by now; and what it was, "" if not. */
bool inject_done(void);
const char *inject_failed(void);
/* How many there were. */
unsigned inject_asked(void);
/* This process is now such a one; who it was. */
enum inject_who inject_be(enum inject_who who);
/* Allocations of this process that were not freed. */
int64_t inject_live(void);

/* exec of a program with this name (argv[0]) is a call of fn in the child, without an exec. */
void inject_program(const char *name, int (*fn)(int argc, char **argv));

/* The walk: scene(obj) until no call is left. The scene returns NULL, or what was wrong, with which
 * the program ends. */
struct inject_walk {
    unsigned sets;
    enum inject_who who;
    const char *(*scene)(void *obj);
    void *obj;
    unsigned most; /* times the scene is played, whatever happens */
    unsigned jobs; /* processes that share the work; 0, 1: this one alone */
};

/* Returns the number of calls. SUPD_INJECT=N has only the Nth fail, and shows where it was. */
unsigned inject_walk(const struct inject_walk *w);

#endif
