/* A program for tests that speaks for itself: does its words in order.
 *
 *   KEY=VALUE|...  one message to NOTIFY_SOCKET; "|" stands for a newline
 *   barrier        waits until all messages before it were taken up (10 s at most, else status 3)
 *   fds            sends STATUS=with descriptors, and one that it keeps
 *   from-child     the next message comes from a child, which is waited for
 *   orphan         the rest is done by a grandchild in a session of its own
 *   daemon         the same, and the program itself ends
 *   replace        the rest is done by a child; the program waits for the file "go" and ends
 *   to=NAME        later messages go there
 *   env            prints its NOTIFY_SOCKET, WATCHDOG_USEC, and whether WATCHDOG_PID is its pid
 *   newline:FD  close:FD  say:FD:TEXT
 *   await:FILE     waits until that is there
 *   touch:FILE  pid:FILE  text:FILE:TEXT
 *   ping:MS        WATCHDOG=1 each MS, until FILE "silent" is there
 *   ignore:SIG  sleep:MS  stay  exit:N */
#include "supervisor/base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *target;
static bool from_child;

static int connected(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    size_t n = strlen(target);
    memcpy(to.sun_path, target, n);
    if (*target == '@')
        to.sun_path[0] = '\0';
    if (connect(fd, (struct sockaddr *)&to,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)) < 0) {
        fprintf(stderr, "sdnotify: cannot connect to %s: %s\n", target, strerror(errno));
        _exit(2);
    }
    return fd;
}

static void send_with(const char *text, int fd_to_send)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec iov = {.iov_base = (char *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    int fd = connected();
    if (fd_to_send >= 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &fd_to_send, sizeof(int));
    }
    if (sendmsg(fd, &msg, 0) < 0)
        fprintf(stderr, "sdnotify: cannot send: %s\n", strerror(errno));
    close(fd);
}

static void send_text(const char *word)
{
    char text[8192];
    size_t n = strlen(word);
    if (n >= sizeof(text))
        exit(2);
    memcpy(text, word, n + 1);
    for (char *p = text; *p; p++)
        *p = *p == '|' ? '\n' : *p;
    if (!from_child) {
        send_with(text, -1);
        return;
    }
    from_child = false;
    int pid = fork();
    if (pid == 0) {
        send_with(text, -1);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void barrier(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        exit(2);
    send_with("BARRIER=1", ends[1]);
    close(ends[1]);
    struct pollfd p = {.fd = ends[0], .events = 0};
    if (poll(&p, 1, 10000) != 1)
        exit(3);
    close(ends[0]);
}

static void await(const char *path)
{
    while (access(path, F_OK) < 0)
        poll(NULL, 0, 10);
}

static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        fprintf(stderr, "sdnotify: cannot write %s: %s\n", path, strerror(errno));
    close(fd);
}

static void put_pid(const char *path)
{
    char text[16];
    snprintf(text, sizeof(text), "%d\n", (int)getpid());
    put(path, text);
}

/* The parent stays until it is told to go, or ends at once; the child goes on. */
static void split(bool twice, bool stays, const char *until)
{
    int pid = fork();
    if (pid == 0 && twice && fork() != 0)
        _exit(0);
    if (pid == 0) {
        setsid();
        return;
    }
    if (twice)
        waitpid(pid, NULL, 0);
    if (until)
        await(until);
    while (stays && !until)
        pause();
    _exit(0);
}

static void print_env(void)
{
    char own[16];
    const char *pid = getenv("WATCHDOG_PID"), *usec = getenv("WATCHDOG_USEC");
    snprintf(own, sizeof(own), "%d", (int)getpid());
    printf("socket=%s usec=%s pid=%s\n", target, usec ? usec : "-",
           !pid                    ? "-"
           : strcmp(pid, own) == 0 ? "own"
                                   : "other");
    fflush(stdout);
}

static void ping(int ms)
{
    while (access("silent", F_OK) < 0) {
        send_with("WATCHDOG=1", -1);
        poll(NULL, 0, ms);
    }
}

static void say(const char *fd_and_text)
{
    const char *text = strchr(fd_and_text, ':') + 1;
    if (write(atoi(fd_and_text), text, strlen(text)) < 0)
        fprintf(stderr, "sdnotify: cannot write: %s\n", strerror(errno));
}

static void put_text(char *path_and_text)
{
    char *text = strchr(path_and_text, ':');
    *text = '\0';
    put(path_and_text, text + 1);
}

static void plain(const char *word)
{
    if (strcmp(word, "barrier") == 0)
        barrier();
    else if (strcmp(word, "fds") == 0)
        send_with("FDSTORE=1\nSTATUS=with descriptors", 2);
    else if (strcmp(word, "from-child") == 0)
        from_child = true;
    else if (strcmp(word, "orphan") == 0)
        split(true, true, NULL);
    else if (strcmp(word, "daemon") == 0)
        split(true, false, NULL);
    else if (strcmp(word, "replace") == 0)
        split(false, true, "go");
    else if (strcmp(word, "env") == 0)
        print_env();
    else if (strcmp(word, "stay") == 0)
        for (;;)
            pause();
    else
        exit(2);
}

static void with_argument(const char *word, char *arg)
{
    size_t n = (size_t)(arg - word) - 1;
    if (strncmp(word, "newline", n) == 0) {
        if (write(atoi(arg), "\n", 1) < 0)
            exit(2);
    } else if (strncmp(word, "close", n) == 0)
        close(atoi(arg));
    else if (strncmp(word, "say", n) == 0)
        say(arg);
    else if (strncmp(word, "await", n) == 0)
        await(arg);
    else if (strncmp(word, "touch", n) == 0)
        put(arg, "");
    else if (strncmp(word, "pid", n) == 0)
        put_pid(arg);
    else if (strncmp(word, "text", n) == 0)
        put_text(arg);
    else if (strncmp(word, "ping", n) == 0)
        ping(atoi(arg));
    else if (strncmp(word, "ignore", n) == 0)
        signal(text_signal_number(arg), SIG_IGN);
    else if (strncmp(word, "sleep", n) == 0)
        poll(NULL, 0, atoi(arg));
    else
        exit(strncmp(word, "exit", n) == 0 ? atoi(arg) : 2);
}

int main(int argc, char **argv)
{
    target = getenv("NOTIFY_SOCKET");
    target = target ? target : "-";
    for (int i = 1; i < argc; i++) {
        char *eq = strchr(argv[i], '='), *colon = strchr(argv[i], ':');
        if (strncmp(argv[i], "to=", 3) == 0)
            target = argv[i] + 3;
        else if (eq && (!colon || eq < colon))
            send_text(argv[i]);
        else if (colon)
            with_argument(argv[i], colon + 1);
        else
            plain(argv[i]);
    }
    return 0;
}
