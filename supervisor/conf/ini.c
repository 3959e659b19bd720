/* The merged sections and keys. One hash over all keys (section number and name) instead of one for
 * each section: ten thousand small tables would cost more than what they hold. */
#include "supervisor/conf/ini.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/str.h"

#include <string.h>

uint32_t ini_hash(const void *key, size_t len)
{
    const unsigned char *c = key;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ c[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(h ^ h >> 32);
}

void ini_init(struct ini *ini, struct arena *a)
{
    *ini = (struct ini){.a = a, .defaults = {.name = "DEFAULT"}};
}

void ini_fini(struct ini *ini)
{
    HASH_CLEAR(hh, ini->by_id);
    HASH_CLEAR(hh, ini->by_name);
    VEC_EACH (&ini->sections, i)
        VEC_FINI(&ini->sections.v[i]->keys);
    VEC_FINI(&ini->sections);
    VEC_FINI(&ini->defaults.keys);
    VEC_FINI(&ini->touched);
}

static struct ini_section *find_n(const struct ini *ini, const char *name, size_t len)
{
    struct ini_section *s;
    HASH_FIND(hh, ini->by_name, name, (unsigned)len, s);
    return s;
}

struct ini_section *ini_find(const struct ini *ini, const char *name)
{
    return find_n(ini, name, strlen(name));
}

static void touch(struct ini *ini, struct ini_section *s)
{
    if (!s->touched && s != &ini->defaults)
        VEC_PUSH(&ini->touched, s);
    s->touched = true;
}

struct ini_section *ini_open(struct ini *ini, const char *name, size_t len, struct pos at)
{
    if (len == 7 && memcmp(name, "DEFAULT", 7) == 0)
        return &ini->defaults;
    struct ini_section *s = find_n(ini, name, len);
    if (s) {
        s->again = at;
        touch(ini, s);
        return s;
    }
    s = arena_alloc(ini->a, sizeof(*s));
    s->name = arena_strndup(ini->a, name, len);
    s->at = at;
    touch(ini, s);
    VEC_PUSH(&ini->sections, s);
    s->number = (uint32_t)ini->sections.n;
    HASH_ADD_KEYPTR(hh, ini->by_name, s->name, (unsigned)len, s);
    return s;
}

#define ID_MAX 256

/* the hash key: 4 bytes of the section's number, then the name; in buf where it fits */
static char *make_id(char *buf, struct arena *a, const struct ini_section *s, const char *name,
                     size_t *out_len)
{
    size_t n = strlen(name);
    *out_len = sizeof(s->number) + n;
    char *id = *out_len <= ID_MAX && buf ? buf : arena_alloc(a, *out_len + 1);
    memcpy(id, &s->number, sizeof(s->number));
    memcpy(id + sizeof(s->number), name, n);
    return id;
}

static struct ini_key *own_key(const struct ini *ini, const struct ini_section *s, const char *name)
{
    char buf[ID_MAX];
    size_t len;
    const char *id = make_id(buf, ini->a, s, name, &len);
    struct ini_key *k;
    HASH_FIND(hh, ini->by_id, id, (unsigned)len, k);
    return k;
}

struct ini_key *ini_set(struct ini *ini, struct ini_section *s, const char *name, const char *value,
                        struct pos at)
{
    struct ini_key *k = own_key(ini, s, name);
    if (!k) {
        k = arena_alloc(ini->a, sizeof(*k));
        k->name = arena_strdup(ini->a, name);
        size_t len;
        k->id = make_id(NULL, ini->a, s, name, &len);
        HASH_ADD_KEYPTR(hh, ini->by_id, k->id, (unsigned)len, k);
        VEC_PUSH(&s->keys, k);
    } else {
        k->before = k->at;
        k->comment = NULL;
        k->guessed = false;
    }
    k->value = value;
    k->at = at;
    touch(ini, s);
    return k;
}

struct ini_key *ini_get(const struct ini *ini, const struct ini_section *s, const char *name)
{
    struct ini_key *k = own_key(ini, s, name);
    return k || !ini->defaults.keys.n ? k : own_key(ini, &ini->defaults, name);
}

#define HERE "%(here)s"

static const char *replace_here(struct arena *a, const char *value, const char *here)
{
    struct str s = STR_INIT;
    for (const char *hit; (hit = strstr(value, HERE)); value = hit + strlen(HERE)) {
        str_put(&s, value, (size_t)(hit - value));
        str_puts(&s, here);
    }
    str_puts(&s, value);
    const char *done = arena_strdup(a, str_text(&s));
    str_fini(&s);
    return done;
}

static void expand_section(struct ini *ini, struct ini_section *s, const char *here)
{
    VEC_EACH (&s->keys, i) {
        struct ini_key *k = s->keys.v[i];
        if (strstr(k->value, HERE))
            k->value = replace_here(ini->a, k->value, here);
    }
    VEC_EACH (&ini->defaults.keys, i) {
        const struct ini_key *d = ini->defaults.keys.v[i];
        if (strstr(d->value, HERE) && !own_key(ini, s, d->name))
            ini_set(ini, s, d->name, replace_here(ini->a, d->value, here), d->at);
    }
}

void ini_expand_here(struct ini *ini, const char *here)
{
    /* what was read before holds no %(here)s any more, unless [DEFAULT] brought a new one */
    if (ini->defaults.touched)
        VEC_EACH (&ini->sections, i)
            expand_section(ini, ini->sections.v[i], here);
    for (size_t i = 0; i < ini->touched.n; i++) {
        if (!ini->defaults.touched)
            expand_section(ini, ini->touched.v[i], here);
        ini->touched.v[i]->touched = false;
    }
    ini->touched.n = 0;
    ini->defaults.touched = false;
}
