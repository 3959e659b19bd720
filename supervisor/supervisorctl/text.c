/* Words, names and members. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/base/arena.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void sctl_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

struct sctl_name sctl_split(struct arena *a, const char *name)
{
    const char *colon = strchr(name, ':');
    if (!colon)
        return (struct sctl_name){name, name};
    const char *process = colon + 1;
    bool whole = !*process || strcmp(process, "*") == 0;
    return (struct sctl_name){arena_strndup(a, name, (size_t)(colon - name)),
                              whole ? NULL : process};
}

const char *sctl_join(struct arena *a, const char *group, const char *process)
{
    if (!process)
        return arena_printf(a, "%s:None", group); /* as Python shows nothing */
    return strcmp(group, process) == 0 ? process : arena_printf(a, "%s:%s", group, process);
}

struct sctl_words_of sctl_split_words(struct arena *a, const char *line)
{
    char *copy = arena_strdup(a, line);
    struct sctl_words_of w = {.v = arena_alloc(a, (strlen(line) / 2 + 1) * sizeof(char *))};
    for (char *p = copy; *p;) {
        while (isspace((unsigned char)*p))
            p++;
        if (!*p)
            break;
        w.v[w.n++] = p;
        while (*p && !isspace((unsigned char)*p))
            p++;
        if (*p)
            *p++ = '\0';
    }
    return w;
}

bool sctl_has_word(const struct sctl_words_of *w, const char *word)
{
    for (size_t i = 0; i < w->n; i++)
        if (strcmp(w->v[i], word) == 0)
            return true;
    return false;
}

const char *sctl_text(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

int64_t sctl_number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    return json_is_boolean(v) ? json_is_true(v) : json_integer_value(v);
}
