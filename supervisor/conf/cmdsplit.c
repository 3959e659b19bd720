/* command= into arguments: POSIX quoting without a shell. */
#include "supervisor/base/str.h"
#include "supervisor/base/vec.h"
#include "supervisor/conf/words.h"

#include <string.h>

struct split {
    const char *p;
    struct str word;
    bool open; /* a word has begun, perhaps an empty one in quotes */
};

static int in_single(struct split *s)
{
    const char *end = strchr(s->p, '\'');
    if (!end)
        return -1;
    str_put(&s->word, s->p, (size_t)(end - s->p));
    s->p = end + 1;
    return 0;
}

/* up to the closing quote; only \" and \\ are escapes. 1: the text ends behind a backslash */
static int in_double(struct split *s)
{
    for (; *s->p != '"'; s->p++) {
        if (!*s->p)
            return -1;
        if (*s->p == '\\') {
            s->p++;
            if (!*s->p)
                return 1;
            if (*s->p != '"' && *s->p != '\\')
                str_putc(&s->word, '\\');
        }
        str_putc(&s->word, *s->p);
    }
    s->p++;
    return 0;
}

static int one_char(struct split *s, struct err *e)
{
    char c = *s->p++;
    s->open = true;
    if (c == '\'' || c == '"') {
        int r = c == '"' ? in_double(s) : in_single(s);
        return r < 0 ? err_set(e, "No closing quotation")
               : r   ? err_set(e, "No escaped character")
                     : 0;
    }
    if (c == '\\') {
        if (!*s->p)
            return err_set(e, "No escaped character");
        c = *s->p++;
    }
    str_putc(&s->word, c);
    return 0;
}

int words_split(struct arena *a, const char *text, const char ***out_argv, size_t *out_argc,
                struct err *e)
{
    struct split s = {.p = text};
    VEC(const char *) argv = VEC_INIT;
    int r = 0;
    while (r == 0) {
        bool blank = !*s.p || strchr(" \t\r\n", *s.p);
        if (blank && s.open) {
            VEC_PUSH(&argv, arena_strdup(a, str_text(&s.word)));
            str_clear(&s.word);
            s.open = false;
        }
        if (!*s.p)
            break;
        if (blank)
            s.p++;
        else
            r = one_char(&s, e);
    }
    *out_argv = argv.n ? arena_memdup(a, argv.v, argv.n * sizeof(*argv.v)) : NULL;
    *out_argc = argv.n;
    VEC_FINI(&argv);
    str_fini(&s.word);
    return r;
}
