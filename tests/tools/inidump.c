/* Reads the file named by each line of standard input with the configuration reader and prints its
 * sections and keys as one line of JSON: a list of [section, [[key, value], ...]], [DEFAULT] first,
 * or "error". */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *slurp(const char *path, size_t *out_n)
{
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        exit(1);
    }
    char *text = malloc(1 << 20);
    *out_n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void print_section(struct str *out, const struct ini_section *s)
{
    str_puts(out, out->len > 1 ? ", [" : "[");
    py_json(out, s->name);
    str_puts(out, ", [");
    VEC_EACH (&s->keys, i) {
        str_puts(out, i ? ", [" : "[");
        py_json(out, s->keys.v[i]->name);
        str_puts(out, ", ");
        py_json(out, s->keys.v[i]->value);
        str_printf(out, ", %u]", s->keys.v[i]->at.line);
    }
    str_puts(out, "]]");
}

static void print_file(const char *path)
{
    struct arena *a = arena_new();
    struct msgs m;
    struct ini ini;
    struct str out = STR_INIT;
    size_t n;
    char *text = slurp(path, &n);
    msgs_init(&m, a);
    ini_init(&ini, a);
    if (reader_text(&ini, &m, path, text, n, (struct reader_opts){.exact = true})) {
        str_putc(&out, '[');
        print_section(&out, &ini.defaults);
        VEC_EACH (&ini.sections, i)
            print_section(&out, ini.sections.v[i]);
        str_putc(&out, ']');
    } else {
        str_puts(&out, "\"error\"");
    }
    puts(str_text(&out));
    str_fini(&out);
    free(text);
    ini_fini(&ini);
    msgs_fini(&m);
    arena_free(&a);
}

int main(void)
{
    char path[4096];
    while (fgets(path, sizeof(path), stdin)) {
        path[strcspn(path, "\n")] = '\0';
        print_file(path);
        fflush(stdout);
    }
    return 0;
}
