/* The layout of the memory that supd and supd-log share. */
#include "supervisor/core/logshm.h"

#include <stdio.h>
#include <string.h>

static uint64_t page_up(uint64_t n)
{
    return (n + 4095) & ~UINT64_C(4095);
}

void logshm_layout(struct logshm_head *h, uint32_t nstreams, int64_t memory)
{
    if (memory <= 0)
        memory = LOGSHM_MEMORY_DEFAULT;
    if (memory < LOGSHM_MEMORY_MIN)
        memory = LOGSHM_MEMORY_MIN;
    if (memory > LOGSHM_MEMORY_MAX)
        memory = LOGSHM_MEMORY_MAX;
    h->magic = LOGSHM_MAGIC;
    h->version = LOGSHM_VERSION;
    h->nstreams = nstreams;
    h->nblocks = (uint32_t)(memory / LOGSHM_BLOCK);
    h->streams = page_up(sizeof(*h));
    h->progress = h->streams + page_up(nstreams * sizeof(struct logshm_stream));
    h->outs2 = h->progress + page_up(nstreams * sizeof(struct logshm_progress));
    h->sides = h->outs2 + page_up(nstreams * sizeof(struct logshm_out));
    h->strings = h->sides + page_up(nstreams * sizeof(struct logshm_side));
    h->descs = h->strings + page_up((uint64_t)nstreams * LOGSHM_STRINGS);
    h->blocks = h->descs + page_up(h->nblocks * sizeof(struct logshm_desc));
    h->size = h->blocks + (uint64_t)h->nblocks * LOGSHM_BLOCK;
}

bool logshm_good(const struct logshm_head *h, uint64_t size)
{
    if (size < sizeof(*h) || h->magic != LOGSHM_MAGIC || h->version != LOGSHM_VERSION)
        return false;
    if (h->nstreams == 0 || h->nstreams > LOGSHM_STREAMS_MAX || h->used > h->nstreams ||
        h->fresh > h->nblocks)
        return false;
    struct logshm_head want;
    memset(&want, 0, sizeof(want));
    logshm_layout(&want, h->nstreams, (int64_t)h->nblocks * LOGSHM_BLOCK);
    return h->streams == want.streams && h->progress == want.progress && h->outs2 == want.outs2 &&
           h->sides == want.sides && h->strings == want.strings && h->descs == want.descs &&
           h->blocks == want.blocks && h->size == want.size && size >= want.size;
}

/* "<childlogdir>/<process>-<stdout|stderr>---<identifier>-<random>.log" (supervisor-compat,
 * section 12.4) */
const char *logshm_path(struct logshm_head *h, const struct logshm_stream *r, char *buf)
{
    const char *path = logshm_string(h, r->path);
    int n = 0;
    *buf = '\0';
    if (r->kind != LOGSHM_AUTO)
        n = snprintf(buf, LOGSHM_PATH, "%s%s", logshm_string(h, r->folder), path);
    else if (*path)
        n = snprintf(buf, LOGSHM_PATH, "%s/%s-%s---%s-%s.log", logshm_string(h, h->childlogdir),
                     logshm_string(h, r->name), r->channel ? "stderr" : "stdout",
                     logshm_string(h, h->identifier), path);
    return n < (int)LOGSHM_PATH ? buf : "";
}

uint32_t logshm_file(const char *path)
{
    uint32_t hash = 2166136261u;
    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619u;
    return hash ? hash : 1;
}
