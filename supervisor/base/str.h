/* A growing string that fails softly: when memory or its limit runs out it keeps what it had, sets
 * failed, and every later append does nothing; the caller looks once, at the end. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct str {
    char *s;    /* NUL-terminated once anything was appended, else NULL */
    size_t len; /* bytes without the NUL */
    size_t cap;
    size_t max;  /* the most len may reach; 0: no limit */
    bool failed; /* memory or max ran out; what was appended is incomplete */
    bool nomem;  /* with failed: it was memory */
};

#define STR_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0, 0, false, false                                                                \
    }

/* Sets s to an empty string that may grow to max bytes (0: any number). */
void str_init(struct str *s, size_t max);
/* Frees the text; s is empty and usable again, with the same limit. */
void str_fini(struct str *s);
/* len = 0 and failed = false; the memory stays. */
void str_clear(struct str *s);
/* The text, "" when empty. Valid until the next append. */
const char *str_text(const struct str *s);

/* Makes room for n more bytes; false (and failed) if that cannot be. */
bool str_reserve(struct str *s, size_t n);
void str_putc(struct str *s, char c);
void str_puts(struct str *s, const char *text);
void str_put(struct str *s, const void *p, size_t n);
void str_printf(struct str *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void str_vprintf(struct str *s, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
/* Removes the first n bytes. */
void str_drop(struct str *s, size_t n);
/* The text as memory of its own, which the caller frees; s becomes empty. Never NULL (see mem.h).
 */
char *str_take(struct str *s);

#endif
