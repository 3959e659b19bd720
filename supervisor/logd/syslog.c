/* The syslog socket. */
#include "supervisor/logd/syslog.h"
#include "supervisor/base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PRIORITY 14 /* LOG_USER | LOG_INFO */

static const struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};

static int try_type(int type)
{
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        fd_close(&fd);
    return fd;
}

int syslog_open(int *out_fd, struct err *e)
{
    *out_fd = try_type(SOCK_DGRAM);
    if (*out_fd < 0)
        return err_errno(e, errno, "cannot connect to /dev/log");
    return 0;
}

void syslog_format(struct str *out, const char *ident, const char *name, int64_t wall_ns,
                   const char *line, size_t n)
{
    time_t s = (time_t)(wall_ns / 1000000000);
    struct tm tm;
    char when[32];
    localtime_r(&s, &tm);
    strftime(when, sizeof(when), "%h %e %T", &tm);
    str_printf(out, "<%d>%s %s: %s%s", PRIORITY, when, ident, name, *name ? " " : "");
    str_put(out, line, n < SYSLOG_LINE_MAX ? n : SYSLOG_LINE_MAX);
}
