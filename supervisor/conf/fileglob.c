/* File name patterns as Python's glob.glob knows them: unlike glob(3) a [^a] is no negation, there
 * are no [:classes:], and a backslash is itself. */
#include "supervisor/conf/fileglob.h"
#include "supervisor/base/vec.h"
#include "supervisor/conf/pytext.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct search {
    struct arena *a;
    VEC(const char *) found;
    struct fileglob_blind blind;
};

/* the ']' that closes the class at p[0] == '[', or NULL: then the '[' is itself */
static const char *class_end(const char *p)
{
    const char *q = p + 1 + (p[1] == '!');
    return strchr(*q == ']' ? q + 1 : q, ']');
}

/* compares two characters of any length by their bytes, which is the order of their numbers */
static int char_cmp(const char *a, size_t an, const char *b, size_t bn)
{
    int c = memcmp(a, b, an < bn ? an : bn);
    return c ? c : (an > bn) - (an < bn);
}

static bool in_class(const char *p, const char *end, const char *c, size_t n)
{
    bool not = p[1] == '!', hit = false;
    for (p += 1 + not ; p < end;) {
        size_t lo = py_char_len(p, end);
        const char *high = p;
        size_t hi = lo;
        if (p[lo] == '-' && p + lo + 1 < end) {
            high = p + lo + 1;
            hi = py_char_len(high, end);
        }
        hit |= char_cmp(c, n, p, lo) >= 0 && char_cmp(c, n, high, hi) <= 0;
        p = high + hi;
    }
    return hit != not ;
}

/* one pattern element against one character; *out_next is the element behind it */
static bool one_match(const char *p, const char *c, size_t n, const char **out_next)
{
    const char *end = *p == '[' ? class_end(p) : NULL;
    if (end) {
        *out_next = end + 1;
        return in_class(p, end, c, n);
    }
    size_t len = *p == '?' ? 1 : py_char_len(p, p + strlen(p));
    *out_next = p + len;
    return *p == '?' || (len == n && memcmp(p, c, n) == 0);
}

bool fileglob_match(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL, *next, *end = name + strlen(name);
    while (name < end) {
        size_t n = py_char_len(name, end);
        if (*pattern == '*') {
            star = ++pattern;
            retry = name;
        } else if (*pattern && one_match(pattern, name, n, &next)) {
            pattern = next;
            name += n;
        } else if (star) {
            pattern = star;
            retry += py_char_len(retry, end);
            name = retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

static bool has_magic(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strchr("*?[", s[i]))
            return true;
    }
    return false;
}

/* nothing there is an answer; anything else is none */
static void not_seen(struct search *s, const char *path, int error)
{
    if (error && error != ENOENT && error != ENOTDIR && !s->blind.path)
        s->blind = (struct fileglob_blind){path, error};
}

static void search_in(struct search *s, const char *folder, const char *rest);

static void search_names(struct search *s, const char *folder, const char *part, const char *rest)
{
    DIR *d = opendir(*folder ? folder : "/");
    if (!d) {
        not_seen(s, folder, errno);
        return;
    }
    for (struct dirent *e; errno = 0, (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        if ((e->d_name[0] == '.' && part[0] != '.') || !fileglob_match(part, e->d_name))
            continue;
        search_in(s, arena_printf(s->a, "%s/%s", folder, e->d_name), rest);
    }
    not_seen(s, folder, errno);
    closedir(d);
}

/* finds what rest ("" or "/part/part") matches under folder */
static void search_in(struct search *s, const char *folder, const char *rest)
{
    struct stat st;
    while (*rest) {
        size_t n = 1 + strcspn(rest + 1, "/");
        if (has_magic(rest, n)) {
            search_names(s, folder, arena_strndup(s->a, rest + 1, n - 1), rest + n);
            return;
        }
        folder = arena_printf(s->a, "%s%.*s", folder, (int)n, rest);
        rest += n;
    }
    if (lstat(folder, &st) == 0)
        VEC_PUSH(&s->found, folder);
    else
        not_seen(s, folder, errno);
}

static int text_cmp(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct str_list fileglob(struct arena *a, const char *pattern, struct fileglob_blind *out_blind)
{
    struct search s = {.a = a};
    struct str_list l = {0};
    search_in(&s, "", pattern);
    if (s.found.n) {
        qsort(s.found.v, s.found.n, sizeof(*s.found.v), text_cmp);
        l.v = arena_memdup(a, s.found.v, s.found.n * sizeof(*s.found.v));
        l.n = s.found.n;
    }
    VEC_FINI(&s.found);
    *out_blind = s.blind;
    return l;
}
