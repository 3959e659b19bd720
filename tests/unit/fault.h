/* Makes the Nth system call of a set fail, raw calls and those of children included: the code under
 * test runs in a process of its own behind a seccomp filter that asks us about each call. */
#ifndef UNIT_FAULT_H
#define UNIT_FAULT_H

#include "supervisor/base/mono.h"
#include "supervisor/io/usock.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct fault_call {
    int nr;
    int errnum; /* what it fails with */
    const char *name;
};

struct fault_run {
    int status;       /* wait status of the process */
    unsigned asked;   /* calls of the set that were made, by programs before their exec */
    const char *name; /* the call that failed, NULL: fewer than nth were made */
};

enum { FAULT_CALLS_MAX = 24, FAULT_EXECS_MAX = 64 };

/* Installs the filter; the descriptor on which its questions come, or -1. */
static int fault_filter(const struct fault_call *calls, size_t n)
{
    struct sock_filter code[FAULT_CALLS_MAX + 4] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    size_t at = 1;
    for (size_t i = 0; i < n; i++)
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].nr,
                                                  (uint8_t)(n - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog prog = {.len = (unsigned short)at, .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &prog);
}

struct fault_state {
    const struct fault_call *calls;
    size_t n;
    unsigned nth;
    int done[FAULT_EXECS_MAX]; /* pids that have exec'd: what they do is not ours */
    size_t ndone;
    struct fault_run *run;
};

static bool fault_is_done(const struct fault_state *s, int pid)
{
    for (size_t i = 0; i < s->ndone; i++) {
        if (s->done[i] == pid)
            return true;
    }
    return false;
}

/* The errno with which this call is to fail, or 0. */
static int fault_decide(struct fault_state *s, int pid, int nr)
{
    if (fault_is_done(s, pid))
        return 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->calls[i].nr != nr)
            continue;
        if (++s->run->asked == s->nth) {
            s->run->name = s->calls[i].name;
            return s->calls[i].errnum;
        }
    }
    if (nr == SYS_execve && s->ndone < FAULT_EXECS_MAX)
        s->done[s->ndone++] = pid;
    return 0;
}

static void fault_answer(struct fault_state *s, int fd)
{
    struct seccomp_notif ask;
    struct seccomp_notif_resp answer = {.id = 0};
    memset(&ask, 0, sizeof(ask));
    if (ioctl(fd, SECCOMP_IOCTL_NOTIF_RECV, &ask) < 0)
        return;
    int errnum = fault_decide(s, (int)ask.pid, ask.data.nr);
    answer.id = ask.id;
    answer.error = -errnum;
    answer.flags = errnum ? 0 : (uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
}

static void fault_child(const struct fault_call *calls, size_t n, int channel, int (*fn)(void))
{
    alarm(30);
    int fd = fault_filter(calls, n);
    if (fd < 0 || usock_send(channel, "f", 1, &fd, 1) != 1)
        _exit(125);
    close(fd);
    close(channel);
    _exit(fn());
}

/* Answers until the process has ended, at most 20 s. */
static void fault_serve(struct fault_state *s, int fd, int pid)
{
    mono_t end = mono_add(mono_now(), DUR_S(20));
    while (waitpid(pid, &s->run->status, WNOHANG) == 0) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 1) > 0 && (p.revents & POLLIN))
            fault_answer(s, fd);
        if (!mono_reached(end, mono_now()))
            continue;
        fprintf(stderr, "fault: the process hangs\n");
        kill(pid, SIGKILL);
        waitpid(pid, &s->run->status, 0);
        s->run->status = -1;
        return;
    }
}

/* Runs fn in a process where the nth of these calls (1 is the first) fails. False if the kernel
 * does not let us. */
static bool fault_run(const struct fault_call *calls, size_t n, unsigned nth, int (*fn)(void),
                      struct fault_run *out)
{
    int ends[2], fd = -1;
    char c;
    size_t got = 0;
    struct fault_state s = {.calls = calls, .n = n, .nth = nth, .run = out};
    *out = (struct fault_run){.status = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return false;
    int pid = fork();
    if (pid == 0) {
        close(ends[0]);
        fault_child(calls, n, ends[1], fn);
    }
    close(ends[1]);
    bool ok = usock_recv(ends[0], &c, 1, &fd, 1, &got) == 1 && got == 1;
    close(ends[0]);
    if (ok)
        fault_serve(&s, fd, pid);
    else
        waitpid(pid, NULL, 0);
    if (fd >= 0)
        close(fd);
    return ok;
}

#endif
