/* Makes a generation without a configuration text: from records whose strings are given apart. */
#ifndef TESTS_GEN_MAKE_H
#define TESTS_GEN_MAKE_H

#include "supervisor/conf/gen.h"

#define MAKE_PROCS 24
#define MAKE_GROUPS 24
#define MAKE_DEPS 4

struct gen_make {
    uint32_t ngroups, nprocs;
    struct {
        char name[32];
        int32_t priority;
        uint32_t nprocs; /* the groups' processes follow one another in procs */
    } groups[MAKE_GROUPS];
    struct {
        char name[32];        /* also its argv[0] */
        struct gen_proc rec;  /* without its offsets and counts */
        struct gen_opts opts; /* the same */
        struct gen_stop stops[8];
        uint32_t nstops;
        bool commands[GEN_NCOMMANDS]; /* it has them; their argv[0] is "NAME.hook_exit" */
        struct gen_commands times;    /* without its commands */
        uint64_t memory_max;          /* 0: none */
        bool ordered;                 /* it has a record of order: this one, with these groups */
        struct gen_order order;       /* without its offsets and counts */
        struct {
            char group[32];
            uint8_t when, hard;
        } deps[MAKE_DEPS];
        uint32_t ndeps;
    } procs[MAKE_PROCS];
    int64_t shutdown_timeout_ns;
};

/* A memfd with the generation, as the load child would hand it over; -1 when there is no memory. */
int gen_make_fd(const struct gen_make *m);

#endif
