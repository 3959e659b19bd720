/* Whom the command line means: one row for each persona. */
#include "supervisor/init/persona.h"

#include "supervisor/init/init.h"

#include <string.h>

static const struct init_persona *const personas[] = {&init_own, &init_tini, &init_dumb};

#define COUNT (sizeof(personas) / sizeof(personas[0]))

static const struct init_persona *by_name(const char *name)
{
    for (size_t i = 0; i < COUNT; i++) {
        if (strcmp(personas[i]->name, name) == 0)
            return personas[i];
    }
    return NULL;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static const struct init_persona *by_basename(const char *path)
{
    const char *base = base_of(path);
    for (size_t i = 0; i < COUNT; i++) {
        for (const char *const *known = personas[i]->known; *known; known++) {
            if (strcmp(base, *known) == 0)
                return personas[i];
        }
    }
    return NULL;
}

/* The NAME of a first argument --as=NAME, or of --as NAME; *out_words says how many arguments. */
static const char *as_of(int argc, char *const *argv, int *out_words)
{
    *out_words = 1;
    if (argc > 1 && strncmp(argv[1], "--as=", 5) == 0)
        return argv[1] + 5;
    *out_words = 2;
    return argc > 2 && strcmp(argv[1], "--as") == 0 ? argv[2] : NULL;
}

/* Whom the arguments name, or NULL; *out_words: how many of them do so, 0 if argv[0] does. */
static const struct init_persona *named(int argc, char *const *argv, int *out_words)
{
    const char *as = as_of(argc, argv, out_words);
    const struct init_persona *p = as ? by_name(as) : NULL;
    if (p)
        return p;
    *out_words = 0;
    return !as && argc > 0 ? by_basename(argv[0]) : NULL;
}

const struct init_persona *init_persona_of(int *argc, char **argv)
{
    int words;
    const struct init_persona *p = named(*argc, argv, &words);
    if (!p && *argc > 0) /* an unknown --as= is for its options to refuse */
        p = by_basename(argv[0]);
    *argc -= words;
    memmove(argv + 1, argv + 1 + words, sizeof(*argv) * (size_t)*argc);
    return p ? p : &init_own;
}

bool init_wanted(int argc, char *const *argv)
{
    int skip, at;
    const char *why;
    const struct init_persona *p = named(argc, argv, &skip);
    if (p && p != &init_own)
        return true;
    if (argc > 0 && strstr(base_of(argv[0]), "supervisord")) /* "--" ends the options there */
        return false;
    int end = init_own_options(argc - skip, argv + skip, NULL, &at, &why);
    return end > 1 && strcmp(argv[skip + end - 1], "--") == 0;
}
