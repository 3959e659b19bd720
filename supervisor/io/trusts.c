/* The cache of certificate authorities: one entry a file. */
#include "supervisor/io/trusts.h"

#include "supervisor/base/vec.h"

#include <string.h>

struct entry {
    char *path;
    struct tls_trust *trust;
    mono_t until;
};

struct trusts {
    VEC(struct entry) all;
};

struct trusts *trusts_new(void)
{
    return mem_zalloc(sizeof(struct trusts));
}

void trusts_free(struct trusts **t)
{
    if (!*t)
        return;
    VEC_EACH (&(*t)->all, i) {
        free((*t)->all.v[i].path);
        tls_trust_free(&(*t)->all.v[i].trust);
    }
    VEC_FINI(&(*t)->all);
    free(*t);
    *t = NULL;
}

static struct entry *find(struct trusts *t, const char *path)
{
    VEC_EACH (&t->all, i) {
        if (strcmp(t->all.v[i].path, path) == 0)
            return &t->all.v[i];
    }
    return NULL;
}

struct tls_trust *trusts_get(struct trusts *t, const char *path, mono_t now)
{
    struct entry *e = find(t, path);
    return e && !mono_reached(e->until, now) ? e->trust : NULL;
}

struct tls_trust *trusts_put(struct trusts *t, const char *path, const char *text, size_t n,
                             mono_t now, struct err *e)
{
    struct tls_trust *fresh = tls_trust_new(text, n, e);
    struct entry *at = find(t, path);
    if (!fresh)
        return NULL;
    if (!at) {
        VEC_PUSH(&t->all, (struct entry){.path = mem_strdup(path)});
        at = &t->all.v[t->all.n - 1];
    }
    tls_trust_free(&at->trust);
    at->trust = fresh;
    at->until = mono_add(now, DUR_S(3600));
    return fresh;
}
