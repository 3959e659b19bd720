/* A command line as Supervisor reads one: short options bundled (-nc FILE), long ones by any prefix
 * that means one of them, each at most once, and the words of its errors. getopt_long says
 * other words, and does not tell an unknown option from an ambiguous one. */
#ifndef RUN_CMDLINE_H
#define RUN_CMDLINE_H

#include "supervisor/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CMDLINE_MAX                                                                                \
    32 /* words that are kept; more than there are rows: what is beyond was twice there */

enum cmdline_takes { CMDLINE_FLAG, CMDLINE_VALUE, CMDLINE_MAYBE /* --name or --name=value */ };

/* No pointers: the rows need no relocation. */
struct cmdline_row {
    char letter;   /* 0: none */
    char name[20]; /* "": none */
    uint8_t takes; /* enum cmdline_takes */
    bool ours;     /* not Supervisor's: a prefix means it only where it means nothing else */
};

struct cmdline_word {
    const struct cmdline_row *row;
    const char *text; /* its value; NULL: none */
    char given[24];   /* "-l" or "--logfile", as messages name it */
};

struct cmdline {
    struct cmdline_word words[CMDLINE_MAX];
    size_t n;
    int rest;         /* the first argument that is no option */
    struct str error; /* what is wrong, "" if nothing is */
};

/* Reads the options of argv[1..argc), up to the first argument that is none or to a "--". The texts
 * are argv's. 0, or -1 with out->error, which the caller frees either way. */
int cmdline_read(const struct cmdline_row *rows, size_t nrows, int argc, char *const *argv,
                 struct cmdline *out);

#endif
