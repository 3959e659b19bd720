/* A growing string that fails softly. */
#include "supervisor/base/str.h"
#include "supervisor/base/mem.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void str_init(struct str *s, size_t max)
{
    *s = (struct str){.max = max};
}

void str_fini(struct str *s)
{
    free(s->s);
    str_init(s, s->max);
}

void str_clear(struct str *s)
{
    s->len = 0;
    s->failed = s->nomem = false;
    if (s->s)
        s->s[0] = '\0';
}

const char *str_text(const struct str *s)
{
    return s->s ? s->s : "";
}

bool str_reserve(struct str *s, size_t n)
{
    if (s->failed)
        return false;
    if (n > SIZE_MAX / 4 || s->len > SIZE_MAX / 4 || (s->max && s->len + n > s->max)) {
        s->failed = true;
        return false;
    }
    size_t need = s->len + n + 1;
    if (need <= s->cap)
        return true;
    size_t cap = s->cap ? s->cap * 2 : 64;
    if (cap < need)
        cap = need;
    char *p = realloc(s->s, cap);
    if (!p) {
        s->failed = s->nomem = true;
        return false;
    }
    s->s = p;
    s->cap = cap;
    return true;
}

void str_put(struct str *s, const void *p, size_t n)
{
    if (!str_reserve(s, n))
        return;
    if (n)
        memcpy(s->s + s->len, p, n);
    s->len += n;
    s->s[s->len] = '\0';
}

void str_putc(struct str *s, char c)
{
    str_put(s, &c, 1);
}

void str_puts(struct str *s, const char *text)
{
    str_put(s, text, strlen(text));
}

void str_vprintf(struct str *s, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n >= 0 && str_reserve(s, (size_t)n)) {
        vsnprintf(s->s + s->len, (size_t)n + 1, fmt, again);
        s->len += (size_t)n;
    }
    va_end(again);
}

void str_printf(struct str *s, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    str_vprintf(s, fmt, ap);
    va_end(ap);
}

void str_drop(struct str *s, size_t n)
{
    if (n > s->len)
        n = s->len;
    if (!n)
        return;
    memmove(s->s, s->s + n, s->len - n + 1);
    s->len -= n;
}

char *str_take(struct str *s)
{
    if (!s->s)
        return mem_strdup("");
    char *p = s->s;
    str_init(s, s->max);
    return p;
}
