/* The sections and keys of one configuration as text, merged over all its files: the last value of
 * a key wins, keys of [DEFAULT] belong to every section. */
#ifndef CONF_INI_H
#define CONF_INI_H

#include "supervisor/base/arena.h"
#include "supervisor/base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* uthash's own function falls through its switch without saying so */
#define HASH_FUNCTION(key, len, hashv) ((hashv) = ini_hash((key), (len)))
uint32_t ini_hash(const void *key, size_t len);
#include <uthash.h>

/* Where something was written. */
struct pos {
    const char *file;
    unsigned line; /* 0: unknown */
};

struct ini_key {
    const char *name; /* lower case */
    const char *value;
    struct pos at;
    struct pos before;   /* where the same section had set it already; line 0: nowhere */
    const char *comment; /* the beginning of what was cut off its line as a comment, or NULL */
    bool guessed;        /* its line is wrong, and said to be; this is what was meant, perhaps */
    const char *id;      /* the section's number and the name: what the hash is over */
    UT_hash_handle hh;
};

struct item;

struct ini_section {
    const char *name;
    struct pos at;
    uint32_t number;
    bool touched;      /* is in the list of those below */
    struct pos again;  /* a second header of this name; line 0: none */
    struct item *item; /* what a family of sections made of it (family.h), or NULL */
    VEC(struct ini_key *) keys;
    UT_hash_handle hh;
};

struct ini {
    struct arena *a;
    VEC(struct ini_section *) sections; /* in order of first appearance, without [DEFAULT] */
    struct ini_section *by_name;
    struct ini_key *by_id;
    struct ini_section defaults;
    bool unclear; /* a part could not be read: what is missing may stand there */
    VEC(struct ini_section *) touched; /* since the last ini_expand_here() */
};

/* An empty one; texts live in the arena, which the caller keeps. */
void ini_init(struct ini *ini, struct arena *a);
void ini_fini(struct ini *ini);
/* The section of that name, made if it is new; "DEFAULT" gives the defaults. */
struct ini_section *ini_open(struct ini *ini, const char *name, size_t len, struct pos at);
/* NULL if there is none. */
struct ini_section *ini_find(const struct ini *ini, const char *name);
/* Sets a key to a value that is already in the arena. */
struct ini_key *ini_set(struct ini *ini, struct ini_section *s, const char *name, const char *value,
                        struct pos at);
/* The key in the section itself, else in [DEFAULT], else NULL. */
struct ini_key *ini_get(const struct ini *ini, const struct ini_section *s, const char *name);
/* Replaces the text %(here)s in all sections that were read since the last call. */
void ini_expand_here(struct ini *ini, const char *here);

#endif
