/* The demo's producer: puts jobs into the spool folder at a steady rate. Some of them are poison,
 * and for some seconds of each minute every second one is bad: it can only fail. */
#include "demo/spool.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/mono.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EVERY_MS 20      /* one job each */
#define POISON_EVERY 125 /* one of so many kills its worker */
#define POISON_FIRST 80
#define QUEUE_MAX 200 /* more than this waits: make no more for now */
#define CYCLE_S 60    /* in each of these ... */
#define BAD_FROM_S 5  /* ... bad jobs come from here ... */
#define BAD_TO_S 12   /* ... to here */

static const char *kind_of(unsigned job, mono_t begun)
{
    int64_t s = mono_sub(mono_now(), begun).ns / 1000000000 % CYCLE_S;
    if (job % POISON_EVERY == POISON_FIRST)
        return "poison";
    return s >= BAD_FROM_S && s < BAD_TO_S && job % 2 ? "bad" : "job";
}

/* Written elsewhere and renamed, so that no worker sees half a job. */
static int put_job(unsigned job, const char *kind)
{
    char text[64], name[SPOOL_NAME];
    int n = snprintf(text, sizeof(text), "%s %u\n", kind, job);
    int fd = open("job.tmp", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    ssize_t put = write(fd, text, (size_t)n);
    close(fd);
    snprintf(name, sizeof(name), "new/%08u.0", job);
    if (put != n || spool_note("made", job, crc32_of(text, (size_t)n)) < 0)
        return -1;
    return rename("job.tmp", name);
}

int main(int argc, char **argv)
{
    struct timespec ts = {0, EVERY_MS * 1000000L};
    mono_t begun = mono_now();
    if (argc != 2) {
        dprintf(2, "usage: producer SPOOL\n");
        return 2;
    }
    if (spool_enter("producer", argv[1]) < 0)
        return 1;
    /* after a restart the numbers go on */
    for (unsigned job = (unsigned)spool_count("made") + 1;; nanosleep(&ts, NULL)) {
        if (spool_look("new", NULL) > QUEUE_MAX)
            continue;
        if (put_job(job, kind_of(job, begun)) < 0) {
            dprintf(2, "producer: cannot make job %u: %s\n", job, strerror(errno));
            return 1;
        }
        job++;
    }
}
