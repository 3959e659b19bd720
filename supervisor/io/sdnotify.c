/* The sender's side of sd_notify(3). */
#include "supervisor/io/sdnotify.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int send_to(int fd, const struct sockaddr_un *a, socklen_t n, const char *text)
{
    ssize_t r =
        sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, (const struct sockaddr *)a, n);
    return r < 0 ? errno : 0;
}

int sdnotify_send(const char *address, const char *text)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(address);
    if (address[0] != '/' && (address[0] != '@' || !address[1]))
        return EAFNOSUPPORT;
    if (n > sizeof(a.sun_path) - (address[0] == '/'))
        return ENAMETOOLONG;
    memcpy(a.sun_path, address, n);
    if (address[0] == '@')
        a.sun_path[0] = '\0';
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return errno;
    socklen_t length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (address[0] == '/'));
    int errnum = send_to(fd, &a, length, text);
    close(fd);
    return errnum;
}
