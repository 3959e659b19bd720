/* StatsD samples as an application sends them: `datagrams TO N RATE` sends N datagrams, one send()
 * each, RATE a second (0: as fast as they are taken), to "udp:PORT" on loopback or to the unix
 * socket with that path, and prints how many a second that were. Every second one is a timer. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#define TICK_NS 1000000 /* between two bursts of a paced sender */

union address {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_un un;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int connected(const char *to)
{
    union address a = {.any = {0}};
    socklen_t len = sizeof(a.in);
    if (strncmp(to, "udp:", 4) == 0) {
        a.in = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)strtoul(to + 4, NULL, 10)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    } else {
        a.un.sun_family = AF_UNIX;
        snprintf(a.un.sun_path, sizeof(a.un.sun_path), "%s", to);
        len = sizeof(a.un);
    }
    int fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    return fd < 0 || connect(fd, &a.any, len) < 0 ? -1 : fd;
}

static int send_one(int fd, int64_t i)
{
    char text[64];
    int n = i % 2 ? snprintf(text, sizeof(text), "api.latency:%d|ms", (int)(i % 700))
                  : snprintf(text, sizeof(text), "api.requests:1|c|#route:users");
    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n ? 0 : -1;
}

static int run(int fd, int64_t n, int64_t rate)
{
    int64_t began = now_ns();
    for (int64_t i = 0, tick = 0; i < n; tick++) {
        int64_t due = rate ? rate * (tick + 1) / (1000000000 / TICK_NS) : n;
        for (; i < n && i < due; i++)
            if (send_one(fd, i) < 0)
                return -1;
        int64_t at = began + (tick + 1) * TICK_NS;
        struct timespec t = {.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
        if (i < n)
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
    }
    printf("%.0f\n", (double)n * 1e9 / (double)(now_ns() - began));
    return 0;
}

int main(int argc, char **argv)
{
    int fd = argc == 4 ? connected(argv[1]) : -1;
    if (fd < 0 || run(fd, atol(argv[2]), atol(argv[3])) < 0) {
        perror("datagrams");
        return 1;
    }
    return 0;
}
