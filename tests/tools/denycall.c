/* Makes system calls fail as a container's filter or an old kernel does: `denycall ERRNO CALL,CALL
 * -- COMMAND ARGS...`; from then on these calls fail with ERRNO (a number) in the command and in
 * all that it starts. A call is a name of the table or a number. Needs no privilege. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { CALLS_MAX = 32 };

#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name                                                                          \
    }

static const struct {
    const char *name;
    long nr;
} calls[] = {
    CALL(clone3),       CALL(close_range),
    CALL(pidfd_open),   CALL(pidfd_send_signal),
    CALL(epoll_pwait2), CALL(memfd_create),
    CALL(signalfd4),    CALL(timerfd_create),
    CALL(eventfd2),     CALL(inotify_init1),
    CALL(prctl),        CALL(faccessat2),
    CALL(openat2),      CALL(statx),
    CALL(getrandom),    CALL(madvise),
    CALL(setpriority),  CALL(sched_setscheduler),
    CALL(prlimit64),    CALL(fallocate),
};

static long number_of(const char *word)
{
    char *end;
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        if (strcmp(calls[i].name, word) == 0)
            return calls[i].nr;
    long nr = strtol(word, &end, 10);
    return *word && !*end ? nr : -1;
}

/* BPF: the number of the call, one comparison for each that is denied, allow, deny */
static int deny(int errnum, const long *nrs, size_t n)
{
    struct sock_filter code[CALLS_MAX + 3] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (size_t i = 0; i < n; i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nrs[i],
                                                   (uint8_t)(n - i), 0);
    code[1 + n] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[2 + n] =
        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)errnum);
    struct sock_fprog prog = {.len = (unsigned short)(n + 3), .filter = code};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

int main(int argc, char **argv)
{
    long nrs[CALLS_MAX];
    size_t n = 0;
    if (argc < 5 || strcmp(argv[3], "--") != 0) {
        fprintf(stderr, "usage: denycall ERRNO CALL,CALL -- COMMAND [ARG...]\n");
        return 2;
    }
    for (char *word = strtok(argv[2], ","); word && n < CALLS_MAX; word = strtok(NULL, ","), n++) {
        if ((nrs[n] = number_of(word)) < 0) {
            fprintf(stderr, "denycall: no such call: %s\n", word);
            return 2;
        }
    }
    if (deny(atoi(argv[1]), nrs, n) < 0) {
        perror("denycall: the filter");
        return 125;
    }
    execvp(argv[4], argv + 4);
    perror(argv[4]);
    return 127;
}
