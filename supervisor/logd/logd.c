/* supd-log: keeps the programs' output. Takes over the shared memory, then reads and writes until
 * supd is gone. */
#include "supervisor/logd/logd.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/io/threads.h"
#include "supervisor/logd/gzip.h"
#include "supervisor/logd/orders.h"
#include "supervisor/logd/reader.h"
#include "supervisor/logd/stream.h"
#include "supervisor/logd/tail.h"
#include "supervisor/logd/tap.h"
#include "supervisor/logd/writer.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int complain(const char *what)
{
    fprintf(stderr, "supd-log: %s: %s\n", what, strerror(errno));
    return 1;
}

/* The signals meant for others pass; a file limit or a closed pipe is an error code. */
static void set_signals(void)
{
    static const int passed[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(passed) / sizeof(passed[0]); i++)
        sigaddset(&set, passed[i]);
    sigprocmask(SIG_SETMASK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
}

static void raise_limit(void)
{
    struct rlimit lim;
    if (getrlimit(RLIMIT_NOFILE, &lim) < 0 || lim.rlim_cur == lim.rlim_max)
        return;
    lim.rlim_cur = lim.rlim_max;
    setrlimit(RLIMIT_NOFILE, &lim);
}

static int map_memory(struct logd *d)
{
    struct stat st;
    if (fstat(d->memory_fd, &st) < 0)
        return -1;
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, d->memory_fd, 0);
    if (at == MAP_FAILED)
        return -1;
    d->h = at;
    if (logshm_good(d->h, (uint64_t)st.st_size))
        return 0;
    errno = EINVAL;
    return -1;
}

static int make_parts(struct logd *d)
{
    TAILQ_INIT(&d->questions);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP); /* held for a microsecond */
    pthread_mutex_init(&d->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_cond_init(&d->read_over, NULL);
    d->streams = calloc(d->h->nstreams, sizeof(struct stream));
    d->chains = calloc(d->h->nstreams, sizeof(struct chain));
    d->gzips = gzips_new();
    d->tails = tails_new();
    d->taps = taps_new(d->h);
    d->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!d->streams || !d->chains || !d->gzips || !d->tails || !d->taps || d->poke < 0)
        return -1;
    return ring_open(&d->ring, d->h, d->chains) < 0 || !writer_new(d, 0) ? -1 : 0;
}

/* Takes in the streams that this start inherited. */
static void take_streams(struct logd *d)
{
    pthread_mutex_lock(&d->lock);
    for (uint32_t i = 0; i < d->h->used; i++) {
        struct logshm_stream *r = logshm_stream(d->h, i);
        if (r->state == LOGSHM_FREE || r->epoch != d->epoch)
            continue;
        ring_recover(&d->ring, &d->chains[i], i);
        fd_cloexec(r->fd, true);
        stream_add(d, i, r->fd);
    }
    pthread_mutex_unlock(&d->lock);
}

static void take_closing(struct logd *d)
{
    for (uint32_t i = 0; i < d->h->used; i++)
        if (stream_at(d, i) && logshm_stream(d->h, i)->state == LOGSHM_CLOSING)
            orders_close(d, stream_at(d, i));
}

static bool set_up(struct logd *d, char **argv)
{
    int64_t n[4];
    for (int i = 0; i < 4; i++)
        if (text_int(argv[i + 1], 0, UINT32_MAX, &n[i], NULL) < 0)
            return false;
    d->memory_fd = (int)n[0];
    d->chan = (int)n[1];
    d->epoch = (uint32_t)n[3];
    for (int i = 0; i < 3; i++)
        fd_cloexec((int)n[i], true);
    if (map_memory(d) < 0) {
        complain("cannot map the shared memory");
        return false;
    }
    log_setup((int)n[2], LVL_INFO, d->h->log_json);
    log_ident("supd-log: ");
    if (make_parts(d) < 0) {
        complain("cannot start");
        return false;
    }
    return true;
}

void logd_start_over(struct logd *d, const char *why)
{
    if (!d->start_over)
        log_error("%s; starting over", why);
    d->start_over = true;
    reader_poke(d);
}

int logd_main(int argc, char **argv)
{
    static struct logd d;
    if (argc != 5) {
        fputs("supd-log is started by supd and has no options\n", stderr);
        return 2;
    }
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 128 << 10);
    set_signals();
    raise_limit();
    threads_allow();
    tzset();
    if (!set_up(&d, argv))
        return 1;
    take_streams(&d);
    if (reader_init(&d) < 0)
        return complain("cannot watch the pipes");
    take_closing(&d);
    reader_run(&d);
    return d.start_over;
}
