/* Calls that fail on demand: see inject.h. */
#include "tests/inject/inject.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ABOVE 3      /* functions of ours */
#define DEEP 10      /* functions above a call that tell it from others */
#define WAYS 16384u  /* a power of two */
#define ERRNOS_MAX 6 /* of one call */

/* Shared by all processes of a scene. */
static struct shared {
    bool on, done;
    unsigned sets, nth, asked;
    enum inject_who who;
    char what[64];
    uint64_t ways[WAYS]; /* those that were seen; 0: free */
} * all;

static enum inject_who self = INJECT_SUPD;
static int64_t live;
static bool show;
static struct {
    const char *name;
    int (*fn)(int argc, char **argv);
} program;

/* ---- which call it is ---- */

/* The frames above this one; where there is none, or one without a frame pointer, it ends. */
static uint64_t way_of(const char *name, int deep)
{
    uint64_t hash = (uint64_t)(uintptr_t)name * UINT64_C(0x9e3779b97f4a7c15);
    void **frame = __builtin_frame_address(0);
    for (int i = 0; i < ABOVE + deep; i++) {
        void **up = frame[0];
        if (i >= ABOVE)
            hash = (hash ^ (uint64_t)(uintptr_t)frame[1]) * UINT64_C(0x9e3779b97f4a7c15);
        if (up <= frame || (size_t)((char *)up - (char *)frame) > 1u << 16)
            break;
        frame = up;
    }
    return hash | 1;
}

/* Threads and processes may ask at the same time, and be killed while they do. */
static bool is_new(uint64_t way)
{
    for (uint64_t i = way >> 20;; i++) {
        uint64_t *slot = &all->ways[i & (WAYS - 1)], none = 0;
        if (__atomic_compare_exchange_n(slot, &none, way, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
        if (none == way)
            return false;
    }
}

extern void __sanitizer_print_stack_trace(void) __attribute__((weak));

static void fail_now(const char *name, int errnum)
{
    all->done = true;
    snprintf(all->what, sizeof(all->what), "%s (%s)", name, strerrorname_np(errnum));
    if (!show)
        return;
    fprintf(stderr, "here %s fails:\n", all->what);
    if (__sanitizer_print_stack_trace)
        __sanitizer_print_stack_trace();
}

/* The errno that this call is to fail with, or 0. Each of its errnos counts as a call. */
static __attribute__((noinline)) int asks(unsigned set, const char *name, const int *errnos)
{
    if (!all || !all->on || all->done || !(all->sets & set) || all->who != self)
        return 0;
    int deep = all->sets & INJECT_PLACES ? 1 : DEEP;
    if ((all->sets & (INJECT_WAYS | INJECT_PLACES)) && !is_new(way_of(name, deep)))
        return 0;
    for (int i = 0; errnos[i]; i++)
        if (__atomic_add_fetch(&all->asked, 1, __ATOMIC_SEQ_CST) == all->nth) {
            fail_now(name, errnos[i]);
            return errnos[i];
        }
    return 0;
}

/* For a wrapper: true with errno set when it is to fail. Errno is left alone otherwise. */
static __attribute__((noinline)) bool fails(unsigned set, const char *name, const int *errnos)
{
    int saved = errno, errnum = asks(set, name, errnos);
    errno = errnum ? errnum : saved;
    return errnum;
}

#define ERRNOS(...) ((const int[ERRNOS_MAX + 1]){__VA_ARGS__})

/* ---- the calls ---- */

#define HAND(name)
#define CALL(type, bad, name, params, args, set, ...)                                              \
    type __real_##name params;                                                                     \
    type __wrap_##name params;                                                                     \
    type __wrap_##name params                                                                      \
    {                                                                                              \
        return fails(set, #name, ERRNOS(__VA_ARGS__)) ? bad : __real_##name args;                  \
    }
#include "tests/inject/calls.def"

static void *counted(void *p)
{
    if (p)
        __atomic_add_fetch(&live, 1, __ATOMIC_RELAXED);
    return p;
}

#define NO_MEMORY(name) fails(INJECT_MEMORY, name, ERRNOS(ENOMEM))

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    return NO_MEMORY("malloc") ? NULL : counted(__real_malloc(n));
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    return NO_MEMORY("calloc") ? NULL : counted(__real_calloc(n, size));
}

void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    if (NO_MEMORY("realloc"))
        return NULL;
    void *q = __real_realloc(p, n);
    return p ? q : counted(q);
}

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s)
{
    return NO_MEMORY("strdup") ? NULL : counted(__real_strdup(s));
}

char *__real_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n);
char *__wrap_strndup(const char *s, size_t n)
{
    return NO_MEMORY("strndup") ? NULL : counted(__real_strndup(s, n));
}

void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
    if (p)
        __atomic_sub_fetch(&live, 1, __ATOMIC_RELAXED);
    __real_free(p);
}

/* The rest of the arguments of a call that takes any: as many as the kernel does. */
#define REST(last, n)                                                                              \
    long rest[n];                                                                                  \
    va_list ap;                                                                                    \
    va_start(ap, last);                                                                            \
    for (int i = 0; i < (n); i++)                                                                  \
        rest[i] = va_arg(ap, long);                                                                \
    va_end(ap)

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    REST(flags, 1);
    return fails(INJECT_CALLS, "open", ERRNOS(EMFILE, EACCES)) ? -1
                                                               : __real_open(path, flags, rest[0]);
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...)
{
    REST(flags, 1);
    if (fails(INJECT_CALLS, "openat", ERRNOS(EMFILE, EACCES)))
        return -1;
    return __real_openat(dir, path, flags, rest[0]);
}

int __real_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...);
int __wrap_fcntl(int fd, int what, ...)
{
    REST(what, 1);
    int errnum = what == F_DUPFD_CLOEXEC ? EMFILE : EPERM;
    return fails(INJECT_CALLS, "fcntl", ERRNOS(errnum)) ? -1 : __real_fcntl(fd, what, rest[0]);
}

int __real_prctl(int what, ...);
int __wrap_prctl(int what, ...);
int __wrap_prctl(int what, ...)
{
    REST(what, 4);
    if (fails(INJECT_CALLS, "prctl", ERRNOS(EINVAL)))
        return -1;
    return __real_prctl(what, rest[0], rest[1], rest[2], rest[3]);
}

/* Descriptors may be refused for reasons of their own. */
ssize_t __real_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *m, int flags)
{
    bool fds = m->msg_controllen > 0;
    if (fails(INJECT_CALLS, "sendmsg",
              ERRNOS(EINTR, EAGAIN, ENOBUFS, fds ? ETOOMANYREFS : 0, fds ? EPERM : 0)))
        return -1;
    return __real_sendmsg(fd, m, flags);
}

/* A child that it makes is somebody else, as with fork. */
long __real_syscall(long nr, ...);
long __wrap_syscall(long nr, ...);
long __wrap_syscall(long nr, ...)
{
    REST(nr, 6);
    if (fails(INJECT_CALLS, "syscall", ERRNOS(EAGAIN, ENOMEM)))
        return -1;
    long r = __real_syscall(nr, rest[0], rest[1], rest[2], rest[3], rest[4], rest[5]);
    if (nr == SYS_clone && r == 0)
        self = INJECT_NOBODY;
    return r;
}

pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t __wrap_fork(void)
{
    if (fails(INJECT_CALLS, "fork", ERRNOS(EAGAIN, ENOMEM)))
        return -1;
    pid_t pid = __real_fork();
    if (pid == 0)
        self = INJECT_NOBODY;
    return pid;
}

/* What an exec would close. */
static void close_at_exec(void)
{
    for (int fd = 3; fd < 1024; fd++)
        if (__real_fcntl(fd, F_GETFD, 0) == FD_CLOEXEC)
            close(fd);
}

int __real_execve(const char *path, char *const *argv, char *const *env);
int __wrap_execve(const char *path, char *const *argv, char *const *env);
int __wrap_execve(const char *path, char *const *argv, char *const *env)
{
    if (!program.name || strcmp(argv[0], program.name) != 0)
        return __real_execve(path, argv, env);
    int argc = 0;
    while (argv[argc])
        argc++;
    close_at_exec();
    _exit(program.fn(argc, (char **)(uintptr_t)argv));
}

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *obj);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *obj);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*fn)(void *), void *obj)
{
    if (fails(INJECT_CALLS, "pthread_create", ERRNOS(EAGAIN)))
        return EAGAIN;
    return __real_pthread_create(t, a, fn, obj);
}

/* ---- for the tests ---- */

void inject_begin(unsigned sets, enum inject_who who, unsigned nth)
{
    if (!all)
        all = __real_mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                          -1, 0);
    memset(all, 0, sizeof(*all));
    all->sets = sets;
    all->who = who;
    all->nth = nth;
    all->on = true;
}

const char *inject_end(void)
{
    all->on = false;
    return all->done ? all->what : NULL;
}

bool inject_done(void)
{
    return all && all->done;
}

const char *inject_failed(void)
{
    return inject_done() ? all->what : "";
}

unsigned inject_asked(void)
{
    return all->asked;
}

enum inject_who inject_be(enum inject_who who)
{
    enum inject_who was = self;
    self = who;
    return was;
}

int64_t inject_live(void)
{
    return __atomic_load_n(&live, __ATOMIC_RELAXED);
}

void inject_program(const char *name, int (*fn)(int argc, char **argv))
{
    program.name = name;
    program.fn = fn;
}

/* The calls from, from + step, ... fail; the number of calls. */
static unsigned walk_some(const struct inject_walk *w, unsigned from, unsigned step)
{
    unsigned nth = from;
    const char *failed = "";
    for (; failed && nth <= w->most; nth += step) {
        inject_begin(w->sets, w->who, nth);
        const char *wrong = w->scene(w->obj);
        failed = inject_end();
        if (wrong) {
            fprintf(stderr, "call %u, %s: %s\n", nth, failed ? failed : "none fails", wrong);
            exit(1);
        }
        if (show)
            break;
    }
    return all->asked;
}

/* Several processes share the work, since most of a scene is waiting. */
static unsigned walk_together(const struct inject_walk *w)
{
    int status;
    bool bad = false;
    unsigned *asked = __real_mmap(NULL, w->jobs * sizeof(*asked), PROT_READ | PROT_WRITE,
                                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < w->jobs; i++) {
        if (__real_fork() != 0) /* too few of them: the count is too small then */
            continue;
        all = NULL; /* each has its own */
        asked[i] = walk_some(w, i + 1, w->jobs);
        _exit(0);
    }
    for (unsigned i = 0; i < w->jobs; i++)
        bad |= wait(&status) < 0 || status != 0;
    unsigned n = asked[0];
    munmap(asked, w->jobs * sizeof(*asked));
    if (bad)
        exit(1);
    return n;
}

unsigned inject_walk(const struct inject_walk *w)
{
    const char *only = getenv("SUPD_INJECT");
    show = only;
    if (only)
        return walk_some(w, (unsigned)strtoul(only, NULL, 10), 1);
    return w->jobs > 1 ? walk_together(w) : walk_some(w, 1, 1);
}
