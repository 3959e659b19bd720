/* Low descriptor numbers for what the loop watches. */
#include "supervisor/run/lowfds.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#define LOW 256     /* numbers below are low; the spawn windows take most of them */
#define SCARCE 1024 /* with a limit below this all numbers are low */

static int held[LOW];
static int nheld;

void lowfds_hold(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0 || r.rlim_cur < SCARCE)
        return;
    int fd;
    while ((fd = fcntl(0, F_DUPFD_CLOEXEC, 3)) >= 0 && fd < LOW)
        held[nheld++] = fd;
    if (fd >= 0)
        close(fd);
}

void lowfds_release(void)
{
    while (nheld > 0)
        close(held[--nheld]);
}

int lowfds_lift(int fd)
{
    int high = fd < LOW ? fcntl(fd, F_DUPFD_CLOEXEC, LOW) : -1;
    if (high < 0)
        return fd;
    close(fd);
    return high;
}
