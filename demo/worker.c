/* The demo's queue worker: takes jobs from the spool folder one by one and works on them, and says
 * of each "job N done" or "job N failed". Now and then a job is poison: the worker dies on it, as
 * real workers die of input nobody thought of. */
#include "demo/spool.h"
#include "supervisor/base/crc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WORK_MS 40   /* what a job takes */
#define IDLE_MS 20   /* between two looks at an empty queue */
#define YIELD_MS 300 /* for another worker to take the job that killed our predecessor */

static volatile sig_atomic_t told_to_stop;

static void on_term(int sig)
{
    told_to_stop = sig;
}

static void wait_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

/* The predecessor died on this job: once more for another worker, then it is set aside. */
static void give_back(const char *own, const char *name)
{
    char from[256], to[256];
    unsigned job, deaths;
    if (!spool_parse(name, &job, &deaths))
        return;
    bool enough = deaths + 1 >= SPOOL_DEATHS;
    snprintf(from, sizeof(from), "%s/%s", own, name);
    snprintf(to, sizeof(to), "%s/%08u.%u", enough ? "aside" : "new", job, deaths + 1);
    if (rename(from, to) == 0)
        dprintf(1, "job %u killed its worker: %s\n", job,
                enough ? "set aside" : "back to the queue");
}

/* The next job moves into our own folder; false if there is none, or another worker was faster. */
static bool take(const char *own, char out_path[256], unsigned *out_job)
{
    char name[SPOOL_NAME], from[256];
    unsigned deaths;
    if (spool_look("new", name) <= 0 || !spool_parse(name, out_job, &deaths))
        return false;
    snprintf(from, sizeof(from), "new/%s", name);
    snprintf(out_path, 256, "%s/%s", own, name);
    return rename(from, out_path) == 0;
}

/* A checksum stands for the work. False if the job is a bad one. */
static bool work(unsigned job, const char *path, uint32_t *out_sum)
{
    char text[256];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
    close(fd);
    if (n < 0)
        return false;
    wait_ms(WORK_MS);
    if (n >= 6 && memcmp(text, "poison", 6) == 0) {
        dprintf(2, "job %u failed: poison, this worker cannot go on\n", job);
        abort();
    }
    *out_sum = crc32_of(text, (size_t)n);
    return n < 3 || memcmp(text, "bad", 3) != 0;
}

/* Notes it in its ledger, then takes it out of the queue; -1 with errno. */
static int finish(const char *name, unsigned job, const char *path)
{
    char ledger[128];
    uint32_t sum = 0;
    bool done = work(job, path, &sum);
    snprintf(ledger, sizeof(ledger), "%s.%s", done ? "done" : "failed", name);
    if (spool_note(ledger, job, sum) < 0 || unlink(path) < 0)
        return -1;
    if (done)
        dprintf(1, "job %u done: %08x\n", job, sum);
    else
        dprintf(2, "job %u failed: there is no such customer\n", job);
    return 0;
}

static int serve(const char *own, const char *name)
{
    char path[256];
    unsigned job;
    while (!told_to_stop) {
        if (!take(own, path, &job)) {
            wait_ms(IDLE_MS);
            continue;
        }
        if (finish(name, job, path) < 0) {
            dprintf(2, "worker: cannot finish job %u: %s\n", job, strerror(errno));
            return 1;
        }
    }
    dprintf(1, "told to stop; nothing is left half done\n");
    return 0;
}

int main(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = on_term};
    const char *self = getenv("SUPERVISOR_PROCESS_NAME");
    const char *name = self ? self : "worker";
    char own[128], left[SPOOL_NAME];
    if (argc != 2) {
        dprintf(2, "usage: worker SPOOL\n");
        return 2;
    }
    sigaction(SIGTERM, &sa, NULL);
    if (spool_enter("worker", argv[1]) < 0)
        return 1;
    snprintf(own, sizeof(own), "work/%s", name);
    if (mkdir(own, 0755) < 0 && errno != EEXIST) {
        dprintf(2, "worker: cannot make %s/%s: %s\n", argv[1], own, strerror(errno));
        return 1;
    }
    if (spool_look(own, left) > 0) {
        give_back(own, left);
        wait_ms(YIELD_MS);
    }
    return serve(own, name);
}
