/* The last lines of a program's output. */
#include "supervisor/cli/last_lines.h"
#include "supervisor/base/str.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <string.h>

#define LINES_MAX 10
#define BYTES "4096"

static bool on_bytes(void *obj, const struct client_reply *r)
{
    if (r->kind == WIRE_BYTES)
        str_put(obj, r->bytes, r->nbytes);
    return true;
}

/* tail takes a connection of its own with it */
static void fetch(const struct cli *c, const char *name, const char *stream, struct str *out)
{
    struct err e;
    struct client cl;
    char bytes[] = "bytes=" BYTES;
    char *args[] = {(char *)(uintptr_t)name, (char *)(uintptr_t)stream, bytes};
    if (client_open(&cl, c->socket, "", &e) < 0)
        return;
    client_call(&cl, "tail", args, 3, on_bytes, out, &e);
    client_close(&cl);
}

/* where the last lines begin */
static const char *last_part(const char *text, size_t n)
{
    const char *p = text + n;
    int lines = 0;
    if (p > text && p[-1] == '\n')
        p--;
    while (p > text && (p[-1] != '\n' || ++lines < LINES_MAX))
        p--;
    return p;
}

static void print_lines(const char *name, const char *stream, const struct str *text)
{
    struct str line = STR_INIT;
    fprintf(stderr, "-- last output of %s (%s):\n", name, stream);
    for (const char *p = last_part(text->s, text->len); *p;) {
        size_t n = strcspn(p, "\n");
        struct str raw = STR_INIT;
        str_put(&raw, p, n);
        str_clear(&line);
        show_clean(&line, str_text(&raw));
        fprintf(stderr, "   %s\n", str_text(&line));
        str_fini(&raw);
        p += n + (p[n] == '\n');
    }
    str_fini(&line);
}

void last_lines(struct cli *c, const char *name)
{
    static const char *const streams[] = {"stderr", "stdout"};
    struct str texts[2] = {STR_INIT, STR_INIT};
    for (size_t i = 0; i < 2; i++)
        fetch(c, name, streams[i], &texts[i]);
    bool same = texts[0].len == texts[1].len && /* redirect_stderr */
                memcmp(str_text(&texts[0]), str_text(&texts[1]), texts[0].len) == 0;
    for (size_t i = same; i < 2; i++)
        if (texts[i].len)
            print_lines(name, streams[i], &texts[i]);
    for (size_t i = 0; i < 2; i++)
        str_fini(&texts[i]);
}
