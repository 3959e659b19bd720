/* The program's own log: subject first, then key=value. One writer, one descriptor. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "supervisor/base/level.h"

#include <stdbool.h>
#include <stddef.h>

/* Where lines go and from which level on; default: descriptor 2, info. The descriptor may be
 * non-blocking: a line that does not fit is dropped, counted, and the count is written with the
 * next line that fits. json: one JSON object a line instead of text. */
void log_setup(int fd, enum log_level level, bool json);
/* Where lines go now. */
int log_fd(void);
/* Lets lines go elsewhere, in the same form. */
void log_move(int fd);
/* A word that follows the time stamp ("supd-log: "), or "" for supd itself. The text is kept. */
void log_ident(const char *ident);
/* "2026-11-23 18:06:22,542 INFO text\n" in local time, errno kept. Control characters in the text
 * are escaped; a line of more than 4 KiB is cut and ends in "...". */
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "2026-11-23 18:06:22,542 DEBG head:\n" and n bytes as they are, cut into as many of these as a
 * pipe takes whole; as JSON they are text of one line. Without the word of log_ident. What does not
 * fit is dropped and counted, like lines. */
void log_block(enum log_level level, const char *head, const char *bytes, size_t n);
/* Until log_release lines are collected, and written 4 KiB at once: whoever reads the log is not
 * woken between two things that must follow each other fast. What is collected when the process is
 * killed is lost; log_release may be called from a signal handler. A fork's child drops what its
 * parent had collected. */
void log_hold(void);
void log_release(void);

#define log_debug(...) log_line(LVL_DEBUG, __VA_ARGS__)
#define log_info(...) log_line(LVL_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LVL_WARN, __VA_ARGS__)
#define log_error(...) log_line(LVL_ERROR, __VA_ARGS__)
#define log_crit(...) log_line(LVL_CRITICAL, __VA_ARGS__)

/* True at most once per interval_s seconds for each call site: `if (LOG_LIMIT(10)) log_warn(..)` */
#define LOG_LIMIT(interval_s)                                                                      \
    ({                                                                                             \
        static long long log_limit_next;                                                           \
        log_limit_pass(&log_limit_next, (interval_s));                                             \
    })
bool log_limit_pass(long long *next, int interval_s);

#endif
