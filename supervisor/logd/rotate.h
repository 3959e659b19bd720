/* Rotation by rename: .N goes, .N-1 becomes .N, ..., the file becomes .1 (supervisor-compat,
 * section 12.3), with or without .gz behind the number. */
#ifndef LOGD_ROTATE_H
#define LOGD_ROTATE_H

#include "supervisor/base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "path.3", "path.3.gz"; number 0: path itself. -1 if it does not fit into size. */
int rotate_name(char *out, size_t size, const char *path, int number, bool gz);
/* Moves the files up, from .backups down to the file itself; compressed ones always, too: a log may
 * have been compressed before, or by others. *step is the number to move next, kept
 * by the caller where a kill does not reach it; start with backups. Doing a step twice does no
 * harm. 0, or -1 and the reason. */
int rotate_files(const char *path, int backups, volatile int32_t *step, struct err *e);
/* Where to cut output of n bytes so that a file with room bytes left ends with a whole line: after
 * the line in which the room ends. newline(obj, from) gives the position behind the next newline at
 * or after from, or 0. */
typedef size_t rotate_newline_fn(const void *obj, size_t from);
size_t rotate_cut(size_t n, int64_t room, rotate_newline_fn *newline, const void *obj);

#endif
