/* The names that a format may use. */
#include "supervisor/conf/expand.h"

#include <stdlib.h>
#include <string.h>

void names_init(struct names *n, const struct names *base)
{
    *n = (struct names){.base = base};
}

void names_fini(struct names *n)
{
    VEC_FINI(&n->own);
    VEC_FINI(&n->index);
}

static int key_cmp(const char *key, size_t len, const char *other)
{
    int c = strncmp(key, other, len);
    return c ? c : -(other[len] != '\0');
}

/* the place in the index where the key is, or would be */
static size_t index_place(const struct names *n, const char *key, size_t len)
{
    size_t lo = 0, hi = n->index.n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (key_cmp(key, len, n->own.v[n->index.v[mid]].key) > 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static struct name *own_find(const struct names *n, const char *key, size_t len)
{
    if (n->index.n) {
        size_t at = index_place(n, key, len);
        struct name *hit = at < n->index.n ? &n->own.v[n->index.v[at]] : NULL;
        return hit && key_cmp(key, len, hit->key) == 0 ? hit : NULL;
    }
    VEC_EACH (&n->own, i) {
        if (key_cmp(key, len, n->own.v[i].key) == 0)
            return &n->own.v[i];
    }
    return NULL;
}

void names_add(struct names *n, struct name name)
{
    size_t at = n->index.n ? index_place(n, name.key, strlen(name.key)) : 0;
    VEC_PUSH(&n->own, name);
    if (!n->index.n)
        return;
    VEC_PUSH(&n->index, 0);
    memmove(&n->index.v[at + 1], &n->index.v[at], (n->index.n - 1 - at) * sizeof(n->index.v[0]));
    n->index.v[at] = (uint32_t)(n->own.n - 1);
}

static void set(struct names *n, struct name name)
{
    struct name *old = own_find(n, name.key, strlen(name.key));
    if (!old) {
        names_add(n, name);
        return;
    }
    old->text = name.text;
    old->number = name.number;
}

void names_text(struct names *n, const char *key, const char *text)
{
    set(n, (struct name){.key = key, .text = text});
}

void names_number(struct names *n, const char *key, int64_t number)
{
    set(n, (struct name){.key = key, .number = number});
}

static int by_key(const void *a, const void *b, void *arg)
{
    const struct names *n = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int c = strcmp(n->own.v[x].key, n->own.v[y].key);
    return c ? c : (x > y) - (x < y);
}

void names_index(struct names *n)
{
    n->index.n = 0;
    VEC_EACH (&n->own, i)
        VEC_PUSH(&n->index, (uint32_t)i);
    if (n->index.n)
        qsort_r(n->index.v, n->index.n, sizeof(n->index.v[0]), by_key, n);
}

const struct name *names_find(const struct names *n, const char *key, size_t len)
{
    for (; n; n = n->base) {
        const struct name *hit = own_find(n, key, len);
        if (hit)
            return hit;
    }
    return NULL;
}
