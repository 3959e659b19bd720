/* Descriptors: the first three are always open, whole writes, memory that is shared. */
#include "tests/unit/unit.h"

#include "supervisor/base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void closing(void **state)
{
    (void)state;
    int fd = open("/dev/null", O_RDONLY), copy = fd;
    errno = 77;
    fd_close(&fd);
    assert_int_equal(fd, -1);
    assert_int_equal(errno, 77);
    assert_int_equal(fcntl(copy, F_GETFD), -1);
    fd_close(&fd);
}

static void flags(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fd_nonblock(ends[0], true), 0);
    assert_true(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_nonblock(ends[0], false), 0);
    assert_false(fcntl(ends[0], F_GETFL) & O_NONBLOCK);
    assert_int_equal(fd_cloexec(ends[0], true), 0);
    assert_int_equal(fcntl(ends[0], F_GETFD), FD_CLOEXEC);
    assert_int_equal(fd_cloexec(ends[0], false), 0);
    assert_int_equal(fcntl(ends[0], F_GETFD), 0);
    close(ends[0]);
    close(ends[1]);
    assert_int_equal(fd_nonblock(ends[0], true), -1);
    assert_int_equal(fd_cloexec(ends[0], true), -1);
}

/* in a child: closes the descriptors of the mask, fills, and looks; the exit code says what is
 * wrong */
static int fill_child(unsigned mask, bool without_dev)
{
    if (without_dev && (chroot("/proc/self/fdinfo") < 0 || chdir("/") < 0))
        return 40;
    int top = dup(0);
    for (int fd = 0; fd < 3; fd++)
        if (mask & 1u << fd)
            close(fd);
    if (fd_fill_012() < 0)
        return 41;
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return 42 + fd;
    char c;
    if ((mask & 1) && read(0, &c, 1) != 0)
        return 45; /* an end of file, not a wait */
    int next = dup(0);
    return next == top + 1 ? 0 : 46; /* nothing leaked */
}

static void fill_all(bool without_dev)
{
    for (unsigned mask = 0; mask < 8; mask++) {
        pid_t pid = fork();
        if (pid == 0 && without_dev)
            _exit(fill_child(mask, true)); /* no folder for coverage to write to, either */
        if (pid == 0)
            CHILD_EXIT(fill_child(mask, false));
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("closed %#x: status %#x", mask, (unsigned)status);
    }
}

static void first_three(void **state)
{
    (void)state;
    fill_all(false);
}

static void first_three_without_dev_null(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip(); /* chroot */
    fill_all(true);
}

static void whole_writes(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    static char block[1 << 20];
    memset(block, 'x', sizeof(block));
    if (pid == 0)
        CHILD_EXIT(fd_write_all(ends[1], block, sizeof(block)) == 0 ? 0 : 1);
    close(ends[1]);
    size_t total = 0;
    ssize_t n;
    while ((n = read(ends[0], block, 5000)) > 0)
        total += (size_t)n;
    assert_int_equal(total, sizeof(block));
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    close(ends[0]);
    assert_int_equal(fd_write_all(ends[0], "x", 1), -1);
    assert_int_equal(errno, EBADF);
}

static void shared_memory(void **state)
{
    (void)state;
    int fd = fd_memory("test", true);
    assert_true(fd >= 0);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(ftruncate(fd, 4096), 0);
    assert_int_equal(pwrite(fd, "abc", 3, 10), 3);
    char *map = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    assert_memory_equal(map + 10, "abc", 3);
    munmap(map, 4096);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    struct stat st;
    fstat(fd, &st);
    assert_int_equal(st.st_nlink, 0);
    close(fd);
    fd = fd_memory("test", false);
    assert_true(fd >= 0);
    close(fd);
}

/* from here on memfd_create answers with this errno */
static void deny_memfd(unsigned errnum)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_memfd_create, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | errnum),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = {COUNT(code), code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int without_memfd(void)
{
    deny_memfd(EPERM);
    if (memfd_create("x", 0) >= 0)
        return 10;
    int fd = fd_memory("test", true);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_nlink != 0)
        return 11; /* no name is left behind */
    if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC) || ftruncate(fd, 100) < 0)
        return 12;
    return pwrite(fd, "x", 1, 50) == 1 ? 0 : 13;
}

static void memory_where_memfd_is_denied(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0)
        CHILD_EXIT(without_memfd());
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

RUN(TEST(closing), TEST(flags), TEST(first_three), TEST(first_three_without_dev_null),
    TEST(whole_writes), TEST(shared_memory), TEST(memory_where_memfd_is_denied))
