/* What a start costs: 1,000 starts of a static program that ends at once, by our port and by the
 * usual ways, with few and many descriptors, small and big. Prints a table of medians over rounds.
 *   cc -std=gnu11 -O2 -static -D_GNU_SOURCE -I. -o spawn_bench tests/bench/spawn_bench.c \
 *      supervisor/io/spawn*.c supervisor/base/[efms]*.c
 *   ./spawn_bench [ROUNDS] */
#include "supervisor/io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 1000, ROUNDS_MAX = 9 };

struct figure {
    double total_ms, call_us; /* all ended; the median of the call itself */
};

static char *end_argv[] = {"end", NULL}, *no_env[] = {NULL};
static const char self[] = "/proc/self/exe";
static char program[4096];
static int null_fd;

/* ---- the ways ---- */

static void usual_child(void)
{
    setpgid(0, 0);
    dup2(null_fd, 0);
    dup2(null_fd, 1);
    dup2(null_fd, 2);
    syscall(SYS_close_range, 3, ~0U, 0);
    execve(program, end_argv, no_env);
    _exit(127);
}

static int by_fork(struct spawn_cell *cell)
{
    cell->pid = fork();
    if (cell->pid == 0)
        usual_child();
    return cell->pid > 0;
}

static int by_vfork(struct spawn_cell *cell)
{
    int pid = vfork();
    if (pid == 0)
        usual_child();
    cell->pid = pid;
    return pid > 0;
}

static int by_port(struct spawn_cell *cell)
{
    char *candidates[] = {program, NULL};
    struct spawn_request rq = {.argv = end_argv,
                               .envp = no_env,
                               .candidates = candidates,
                               .fds = {-1, -1, -1},
                               .uid = -1,
                               .gid = -1,
                               .umask = -1};
    int errnum;
    return spawn_start(&rq, cell, &errnum) == SPAWN_STARTED;
}

static int deny(const int *calls, size_t n)
{
    struct sock_filter code[8] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    size_t at = 1;
    for (size_t i = 0; i < n; i++)
        code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i],
                                                  (uint8_t)(n - i), 0);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    struct sock_fprog prog = {.len = (unsigned short)at, .filter = code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static void port_as_it_is(void)
{
    spawn_init(NULL);
}

static void port_without_clone3(void)
{
    deny((int[]){SYS_clone3}, 1);
    spawn_init(NULL);
}

static void port_without_close_range(void)
{
    deny((int[]){SYS_close_range}, 1);
    spawn_init(NULL);
}

static void nothing(void) {}

static const struct way {
    const char *name;
    void (*prepare)(void);
    int (*start)(struct spawn_cell *cell);
} ways[] = {
    {"vfork", nothing, by_vfork},
    {"fork", nothing, by_fork},
    {"ours", port_as_it_is, by_port},
    {"ours, clone3 denied", port_without_clone3, by_port},
    {"ours, close_range denied", port_without_close_range, by_port},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const struct surroundings {
    const char *name;
    int fds, mib;
} places[] = {{"small", 0, 0}, {"2,000 fds", 2000, 0}, {"64 MiB", 0, 64}};
#define PLACES (sizeof(places) / sizeof(places[0]))

/* ---- measuring ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), compare_doubles);
    return v[n / 2];
}

static void be_in(const struct surroundings *p)
{
    for (int i = 0; i < p->fds; i++)
        if (fcntl(null_fd, F_DUPFD_CLOEXEC, 3) < 0)
            perror("descriptors");
    size_t size = (size_t)p->mib << 20;
    char *block = size ? malloc(size) : NULL;
    if (block)
        memset(block, 1, size);
}

static int reaped(int flags)
{
    int n = 0;
    while (waitpid(-1, NULL, flags) > 0)
        n++;
    return n;
}

static struct figure measure(const struct way *w)
{
    static double calls[N];
    struct spawn_cell *cell =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int ended = 0;
    mono_t begin = mono_now();
    for (int i = 0; i < N;) {
        mono_t call = mono_now();
        if (w->start(cell))
            calls[i++] = (double)mono_sub(mono_now(), call).ns / 1e3;
        else
            spawn_wait(DUR_MS(1));
        ended += reaped(WNOHANG);
    }
    ended += reaped(0);
    struct figure f = {.total_ms = (double)mono_sub(mono_now(), begin).ns / 1e6};
    f.call_us = ended == N ? median(calls, N) : -1;
    return f;
}

/* Each in a process of its own, so that none inherits what another left. */
static struct figure apart(const struct way *w, const struct surroundings *p)
{
    struct figure *f = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int pid = fork();
    if (pid == 0) {
        alarm(60);
        w->prepare();
        be_in(p);
        *f = measure(w);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    return *f;
}

int main(int argc, char **argv)
{
    if (argc && !strcmp(argv[0], end_argv[0]))
        return 0;
    struct rlimit lim = {.rlim_cur = 8192, .rlim_max = 8192};
    setrlimit(RLIMIT_NOFILE, &lim);
    int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 3;
    rounds = rounds < 1 ? 1 : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || readlink(self, program, sizeof(program) - 1) < 0) {
        perror("spawn_bench");
        return 1;
    }
    static double total[WAYS][PLACES][ROUNDS_MAX], call[WAYS][PLACES][ROUNDS_MAX];
    for (int r = 0; r < rounds; r++)
        for (size_t i = 0; i < WAYS * PLACES; i++) {
            struct figure f = apart(&ways[i % WAYS], &places[i / WAYS]);
            total[i % WAYS][i / WAYS][r] = f.total_ms;
            call[i % WAYS][i / WAYS][r] = f.call_us;
        }
    printf("| %d starts: ms, us of the call |", N);
    for (size_t p = 0; p < PLACES; p++)
        printf(" %s |", places[p].name);
    printf("\n|---|---|---|---|\n");
    for (size_t w = 0; w < WAYS; w++) {
        printf("| %s |", ways[w].name);
        for (size_t p = 0; p < PLACES; p++)
            printf(" %.0f, %.0f |", median(total[w][p], (size_t)rounds),
                   median(call[w][p], (size_t)rounds));
        printf("\n");
    }
    return 0;
}
