/* The JSON reader of profiles: whatever comes, it reads or refuses it, and what it refuses it says
 * why. */
#include "supervisor/conf/jsonread.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const struct json *v)
{
    uint64_t n;
    for (const struct json *m = v->first; m; m = m->next) {
        if (v->kind == JSON_OBJECT && !m->key)
            abort();
        walk(m);
    }
    if ((v->kind == JSON_TEXT || v->kind == JSON_NUMBER) && !v->text)
        abort();
    json_uint(v, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    char *text = arena_strndup(a, size ? (const char *)data : "", size);
    unsigned line = 0;
    struct err e = {.msg = ""};
    const struct json *v = json_read(a, text, size, &line, &e);
    if (v)
        walk(v);
    else if (!*e.msg || !line)
        abort();
    arena_free(&a);
    return 0;
}
