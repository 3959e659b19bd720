/* The demo's website: /health answers 200, and each minute for a while 503, as a service does whose
 * database is away. Without an argument it prints a port that is free. */
#include "supervisor/base/fd.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CYCLE_S 60    /* in each of these ... */
#define DOWN_FROM_S 7 /* ... it fails from here ... */
#define DOWN_TO_S 16  /* ... to here */
#define ASK_MS 1000   /* a request has to be there within */

/* A listening socket on the loopback; port 0: any that is free. -1 with errno. */
static int listen_at(uint16_t port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 16) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int print_free_port(void)
{
    struct sockaddr_in at;
    socklen_t n = sizeof(at);
    int fd = listen_at(0);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&at, &n) < 0) {
        dprintf(2, "website: no port is free: %s\n", strerror(errno));
        return 1;
    }
    dprintf(1, "%u\n", ntohs(at.sin_port));
    close(fd);
    return 0;
}

static bool is_down(mono_t begun)
{
    int64_t s = mono_sub(mono_now(), begun).ns / 1000000000 % CYCLE_S;
    return s >= DOWN_FROM_S && s < DOWN_TO_S;
}

/* Reads until the head of the request is whole; false if that takes too long. */
static bool read_head(int fd, char *buf, size_t size)
{
    mono_t end = mono_add(mono_now(), DUR_MS(ASK_MS));
    size_t have = 0;
    while (have + 1 < size) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = mono_sub(end, mono_now()).ns / 1000000;
        ssize_t n =
            left > 0 && poll(&p, 1, (int)left) > 0 ? read(fd, buf + have, size - have - 1) : -1;
        if (n <= 0)
            return false;
        have += (size_t)n;
        buf[have] = '\0';
        if (strstr(buf, "\r\n\r\n"))
            return true;
    }
    return false;
}

static void answer(int fd, bool down)
{
    char head[2048], text[256];
    if (!read_head(fd, head, sizeof(head)))
        return;
    bool known = strncmp(head, "GET /health ", 12) == 0;
    const char *body = !known ? "not here\n" : down ? "the database is away\n" : "well\n";
    int n = snprintf(text, sizeof(text),
                     "HTTP/1.1 %s\r\nContent-Type: text/plain\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n%s",
                     !known ? "404 Not Found"
                     : down ? "503 Service Unavailable"
                            : "200 OK",
                     strlen(body), body);
    fd_write_all(fd, text, (size_t)n);
}

int main(int argc, char **argv)
{
    mono_t begun = mono_now();
    int64_t port;
    if (argc == 1)
        return print_free_port();
    if (argc != 2 || text_int(argv[1], 1, 65535, &port, NULL) < 0) {
        dprintf(2, "usage: website [PORT]\n");
        return 2;
    }
    int fd = listen_at((uint16_t)port);
    if (fd < 0) {
        dprintf(2, "website: cannot listen at 127.0.0.1:%s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    for (bool was = false;;) {
        int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
        bool down = is_down(begun);
        if (down != was)
            dprintf(1, "%s\n", down ? "the database is away: 503" : "the database is back: 200");
        was = down;
        if (client < 0)
            continue;
        answer(client, down);
        close(client);
    }
}
