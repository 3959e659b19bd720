/* An error is a sentence, built where the knowledge is and prefixed by the callers:
 * "program web: stdout_logfile: cannot open /x: Permission denied". */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#define ERR_MAX 1024

struct err {
    int errnum; /* the errno behind it, or 0 */
    char
        msg[ERR_MAX]; /* a sentence without a full stop or a newline; ends in "..." if it was cut */
};

/* Sets the sentence. All three return -1, so that a caller can `return err_set(...)`; a NULL e is
 * allowed and only returns. */
int err_set(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Sets the sentence followed by ": " and the text of errnum. */
int err_errno(struct err *e, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts the formatted text and ": " before the sentence. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
