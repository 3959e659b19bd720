/* A mount namespace of the new child's own, in raw system calls only: what is to be read-only, and
 * folders for temporary files that nobody else sees. */
#include "supervisor/io/spawn_child.h"

#include "supervisor/io/rawsys.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif

enum { OURS = ATTR_BIT(ATTR_READ_ONLY) | ATTR_BIT(ATTR_PRIVATE_TMP) };

RAW_CHILD static long new_namespace(void)
{
    long r = RAW1(SYS_unshare, CLONE_NEWNS);
    return r < 0 ? r : RAW5(SYS_mount, 0, "/", 0, MS_REC | MS_SLAVE, 0);
}

RAW_CHILD long spawn_mounts_namespace(const struct spawn_job *j)
{
    if (!j->attrs || !(j->attrs->set & OURS))
        return 0;
    long r = new_namespace();
    for (unsigned i = ATTR_READ_ONLY; i <= ATTR_PRIVATE_TMP && r < 0; i++) {
        j->cell->candidate = (int32_t)i;
        if (spawn_attr_wanted(j, i) && spawn_attr_judge(j, i, r) < 0)
            return r;
    }
    return 0;
}

/* Still to be done: asked for, and not given up already. */
RAW_CHILD static bool asked(const struct spawn_job *j, unsigned attr)
{
    return spawn_attr_wanted(j, attr) && !(j->cell->refused >> attr & 1);
}

/* The next of texts that lie one behind the other, the last one empty; NULL behind that. */
RAW_CHILD static const char *next_path(const char *path)
{
    while (*path)
        path++;
    return path[1] ? path + 1 : NULL;
}

/* One with a "-" before it need not be there. */
RAW_CHILD static const char *bare(const char *path)
{
    return path + (*path == '-');
}

RAW_CHILD static long unless_missing(const char *path, long r)
{
    return r == -ENOENT && *path == '-' ? 0 : r;
}

/* With all that is mounted below. All other flags of these mounts stay as they are: some of them
 * may be locked. Only a place where something is mounted can be set so. */
RAW_CHILD static long set_read_only(const char *path)
{
    struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
    long r = RAW5(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof(attr));
    if (r != -EINVAL)
        return r;
    r = RAW5(SYS_mount, path, path, 0, MS_BIND | MS_REC, 0);
    return r < 0 ? r : RAW5(SYS_mount_setattr, AT_FDCWD, path, AT_RECURSIVE, &attr, sizeof(attr));
}

/* Copies of what stays writable, taken before the rest is not, to be put over it afterwards: so
 * what was read-only before stays so there, too. */
RAW_CHILD static long take_copies(const struct spawn_job *j, long *fds)
{
    const unsigned flags = OPEN_TREE_CLONE | O_CLOEXEC | AT_RECURSIVE;
    int i = 0;
    for (const char *p = j->read_write; p && i < SPAWN_READ_WRITE_MAX; p = next_path(p), i++) {
        fds[i] = RAW3(SYS_open_tree, AT_FDCWD, bare(p), flags);
        long r = unless_missing(p, fds[i]);
        j->cell->candidate = SPAWN_READ_WRITE + i;
        if (r < 0 && (r = spawn_attr_judge(j, ATTR_READ_ONLY, r)) < 0)
            return r;
    }
    return i;
}

RAW_CHILD static long put_copies(const struct spawn_job *j, const long *fds, long n)
{
    const char *p = j->read_write;
    for (int i = 0; i < n; i++, p = next_path(p)) {
        if (fds[i] < 0)
            continue;
        long r = RAW5(SYS_move_mount, fds[i], "", AT_FDCWD, bare(p), MOVE_MOUNT_F_EMPTY_PATH);
        j->cell->candidate = SPAWN_READ_WRITE + i;
        if (r < 0 && (r = spawn_attr_judge(j, ATTR_READ_ONLY, r)) < 0)
            return r;
        RAW1(SYS_close, fds[i]);
    }
    return 0;
}

RAW_CHILD static long close_paths(const struct spawn_job *j)
{
    int i = 0;
    for (const char *p = j->read_only; p; p = next_path(p), i++) {
        long r = unless_missing(p, set_read_only(bare(p)));
        j->cell->candidate = i;
        if (r < 0 && (r = spawn_attr_judge(j, ATTR_READ_ONLY, r)) < 0)
            return r;
    }
    return 0;
}

/* The folder that we are in may lie below a mount that is new: go there again, by its name. One
 * that is hidden is left. */
RAW_CHILD static void enter_again(void)
{
    char path[PATH_MAX];
    long n = RAW2(SYS_getcwd, path, sizeof(path));
    if (n > 0 && path[0] == '/' && RAW1(SYS_chdir, path) < 0)
        RAW1(SYS_chdir, "/");
}

RAW_CHILD long spawn_mounts_read_only(const struct spawn_job *j)
{
    long fds[SPAWN_READ_WRITE_MAX];
    if (!asked(j, ATTR_READ_ONLY))
        return 0;
    long n = take_copies(j, fds);
    long r = n < 0 ? n : close_paths(j);
    r = r < 0 ? r : put_copies(j, fds, n);
    enter_again();
    return r;
}

RAW_CHILD long spawn_mounts_tmp(const struct spawn_job *j)
{
    static const char *const folders[] = {"/tmp", "/var/tmp"};
    for (int i = 0; i < 2 && asked(j, ATTR_PRIVATE_TMP); i++) {
        long r = RAW5(SYS_mount, "tmpfs", folders[i], "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
        j->cell->candidate = i;
        if (r < 0 && r != -ENOENT && (r = spawn_attr_judge(j, ATTR_PRIVATE_TMP, r)) < 0)
            return r;
    }
    if (asked(j, ATTR_PRIVATE_TMP))
        enter_again();
    return 0;
}
