/* Rotation by rename. */
#include "supervisor/logd/rotate.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

int rotate_name(char *out, size_t size, const char *path, int number, bool gz)
{
    int n = number ? snprintf(out, size, "%s.%d%s", path, number, gz ? ".gz" : "")
                   : snprintf(out, size, "%s", path);
    return n >= 0 && (size_t)n < size ? 0 : -1;
}

static int move_up(const char *path, int number, bool gz, struct err *e)
{
    char from[PATH_MAX], to[PATH_MAX];
    if (rotate_name(from, sizeof(from), path, number, gz) < 0 ||
        rotate_name(to, sizeof(to), path, number + 1, gz) < 0)
        return err_set(e, "cannot rotate %s: the name is too long", path);
    if (rename(from, to) < 0 && errno != ENOENT)
        return err_errno(e, errno, "cannot rename %s to %s", from, to);
    return 0;
}

static void remove_last(const char *path, int number, bool gz)
{
    char name[PATH_MAX];
    if (rotate_name(name, sizeof(name), path, number, gz) == 0)
        unlink(name);
}

static int one_step(const char *path, int step, int backups, struct err *e)
{
    if (step == backups) {
        remove_last(path, step, false);
        remove_last(path, step, true);
        return 0;
    }
    if (step > 0 && move_up(path, step, true, e) < 0)
        return -1;
    return move_up(path, step, false, e);
}

int rotate_files(const char *path, int backups, volatile int32_t *step, struct err *e)
{
    while (*step >= 0) {
        if (one_step(path, *step, backups, e) < 0)
            return -1;
        *step = *step - 1;
    }
    return 0;
}

size_t rotate_cut(size_t n, int64_t room, rotate_newline_fn *newline, const void *obj)
{
    if (room >= (int64_t)n)
        return n;
    size_t from = room > 0 ? (size_t)room - 1 : 0;
    size_t end = newline(obj, from);
    return end ? end : n;
}
