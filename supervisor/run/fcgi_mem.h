/* The memory of the sockets that fcgi-programs share: one record each, written in place, so that
 * another supd can go on from it at any moment. */
#ifndef RUN_FCGI_MEM_H
#define RUN_FCGI_MEM_H

#include "supervisor/base/err.h"
#include "supervisor/conf/gen.h"

#include <stdbool.h>
#include <stdint.h>

#define FCGI_MAX 1024u
#define FCGI_URL_MAX 288u
#define FCGI_WHY_MAX 184u

struct fcgi_rec {
    uint32_t used, hash; /* hash: of the url */
    int32_t fd;          /* 0: it is not open */
    int32_t backlog;
    int64_t uid, gid;
    int32_t mode;
    uint8_t wanted; /* it is to be made, or made anew; */
    uint8_t making; /* a helper does so; */
    uint8_t tried;  /* an update waits for that, and is told; */
    uint8_t needed; /* a process that is up or about to be has it: only while that is looked at; */
    uint8_t known;  /* the same of any process */
    char url[FCGI_URL_MAX];
    char why[FCGI_WHY_MAX]; /* it could not be made; "": it could, or was not tried */
};

#define FCGI_PLACES (4 * FCGI_MAX)

struct fcgi_mem {
    int fd; /* -1: memory without a file */
    char *map;
    uint16_t *index; /* FCGI_PLACES: number of a record, and one, at the first free place from its
                        hash on; each supd's own */
    uint32_t indexed;
};

/* 0, or -1 with errno. */
int fcgi_mem_make(struct fcgi_mem *m, bool with_file);
/* From a descriptor that is the memory's then. 0, or -1 and the reason. */
int fcgi_mem_open(struct fcgi_mem *m, int fd, struct err *e);
int fcgi_mem_check(int fd, struct err *e);
void fcgi_mem_close(struct fcgi_mem *m);

/* How many records were ever used: those below this. */
uint32_t fcgi_mem_n(const struct fcgi_mem *m);
struct fcgi_rec *fcgi_mem_at(const struct fcgi_mem *m, uint32_t i);
/* The record of that address; with make, a new one. NULL: there is none, or no room. */
struct fcgi_rec *fcgi_mem_find(struct fcgi_mem *m, const char *url, bool make);

#endif
