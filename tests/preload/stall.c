/* A disk that does not answer, for one process: preloaded into it, makes calls that touch files
 * below the folder $STALL_DIR wait as long as the file $STALL_FLAG is there, for a minute at most.
 * They wait asleep and can be killed, unlike those of a disk that really hangs. */
#include <dlfcn.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define STEP_NS (10 * 1000 * 1000)
#define STEPS_MAX 6000

static int is_stalled(void)
{
    const char *flag = getenv("STALL_FLAG");
    return flag && syscall(SYS_faccessat, AT_FDCWD, flag, F_OK) == 0;
}

static void wait_for(const char *path)
{
    const char *dir = getenv("STALL_DIR");
    if (!dir || !path || strncmp(path, dir, strlen(dir)) != 0)
        return;
    const struct timespec step = {0, STEP_NS};
    for (int i = 0; i < STEPS_MAX && is_stalled(); i++)
        nanosleep(&step, NULL);
}

static void wait_for_fd(int fd)
{
    char link[64], path[4096];
    if (!is_stalled())
        return;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    path[n > 0 ? n : 0] = '\0';
    wait_for(path);
}

/* the next one of that name */
#define REAL(name) ((__typeof__(&(name)))(uintptr_t)dlsym(RTLD_NEXT, #name))

static mode_t mode_of(int flags, va_list ap)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = mode_of(flags, ap);                                                          \
        va_end(ap);                                                                                \
        wait_for(path);                                                                            \
        return REAL(name)(path, flags, mode);                                                      \
    }
#define OPENAT(name)                                                                               \
    int name(int dir, const char *path, int flags, ...)                                            \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = mode_of(flags, ap);                                                          \
        va_end(ap);                                                                                \
        wait_for(path);                                                                            \
        return REAL(name)(dir, path, flags, mode);                                                 \
    }
#define PATH(type, name, args, ...)                                                                \
    type name args                                                                                 \
    {                                                                                              \
        wait_for(path);                                                                            \
        return REAL(name)(__VA_ARGS__);                                                            \
    }
#define FD(type, name, args, ...)                                                                  \
    type name args                                                                                 \
    {                                                                                              \
        wait_for_fd(fd);                                                                           \
        return REAL(name)(__VA_ARGS__);                                                            \
    }

OPEN(open)
OPEN(open64)
OPENAT(openat)
OPENAT(openat64)
PATH(FILE *, fopen, (const char *path, const char *mode), path, mode)
PATH(FILE *, fopen64, (const char *path, const char *mode), path, mode)
PATH(int, access, (const char *path, int mode), path, mode)
PATH(int, stat, (const char *path, struct stat *st), path, st)
PATH(int, stat64, (const char *path, struct stat64 *st), path, st)
PATH(int, unlink, (const char *path), path)
PATH(int, mkdir, (const char *path, mode_t mode), path, mode)
PATH(int, execve, (const char *path, char *const argv[], char *const envp[]), path, argv, envp)
PATH(int, execvpe, (const char *path, char *const argv[], char *const envp[]), path, argv, envp)
/* the caller of this one waits for the program to be there, in the kernel */
PATH(int, posix_spawnp,
     (pid_t * pid, const char *path, const posix_spawn_file_actions_t *acts,
      const posix_spawnattr_t *attr, char *const argv[], char *const envp[]),
     pid, path, acts, attr, argv, envp)
FD(int, fsync, (int fd), fd)
FD(int, fdatasync, (int fd), fd)
FD(ssize_t, pwrite, (int fd, const void *p, size_t n, off_t at), fd, p, n, at)
FD(ssize_t, pwrite64, (int fd, const void *p, size_t n, off64_t at), fd, p, n, at)
