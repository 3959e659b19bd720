/* Runs one of the small languages of the configuration over texts: lexdump
 * split|env|env-own|expand| size|int|octal|signal. Each line of standard input is a text in hex;
 * each line of output the result as JSON, or {"error": "..."}. */
#include "supervisor/conf/expand.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/value.h"
#include "supervisor/conf/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int do_split(struct arena *a, const char *text, struct str *out, struct err *e)
{
    const char **argv;
    size_t argc;
    if (words_split(a, text, &argv, &argc, e) < 0)
        return -1;
    str_putc(out, '[');
    for (size_t i = 0; i < argc; i++) {
        str_puts(out, i ? ", " : "");
        py_json(out, argv[i]);
    }
    str_putc(out, ']');
    return 0;
}

static int env_with(struct arena *a, const char *text, bool exact, struct str *out, struct err *e)
{
    struct env_list l;
    const char *dropped = NULL;
    bool extended = false;
    if (words_env(a, text, (struct env_lex_opts){.exact = exact}, &l, &dropped, &extended, e) < 0)
        return -1;
    str_putc(out, '{');
    for (size_t i = 0; i < l.n; i++) {
        str_puts(out, i ? ", " : "");
        py_json(out, l.v[i].key);
        str_puts(out, ": ");
        py_json(out, l.v[i].value);
    }
    str_putc(out, '}');
    return 0;
}

static int do_env(struct arena *a, const char *text, struct str *out, struct err *e)
{
    return env_with(a, text, true, out, e);
}

static int do_env_own(struct arena *a, const char *text, struct str *out, struct err *e)
{
    return env_with(a, text, false, out, e);
}

static int do_expand(struct arena *a, const char *text, struct str *out, struct err *e)
{
    (void)a;
    struct names names;
    struct str done = STR_INIT;
    names_init(&names, NULL);
    names_text(&names, "a", "text");
    names_text(&names, "b", "\xc3\xa9'%s\"\\\n");
    names_text(&names, "c", "");
    names_number(&names, "n", 5);
    names_number(&names, "m", -37);
    int r = expand(&done, text, "text", &names, (struct expand_opts){.exact = true}, e);
    if (r == 0)
        py_json(out, str_text(&done));
    str_fini(&done);
    names_fini(&names);
    return r;
}

static int number(int r, const int64_t *n, struct str *out)
{
    str_printf(out, "%" PRId64, *n);
    return r;
}

static int do_int(struct arena *a, const char *text, struct str *out, struct err *e)
{
    (void)a;
    int64_t n = 0;
    return number(val_integer(text, &n, e), &n, out);
}

static int do_size(struct arena *a, const char *text, struct str *out, struct err *e)
{
    (void)a;
    int64_t n = 0;
    return number(val_size(text, &n, e), &n, out);
}

static int do_octal(struct arena *a, const char *text, struct str *out, struct err *e)
{
    (void)a;
    int64_t n = 0;
    return number(val_octal(text, &n, e), &n, out);
}

static int do_signal(struct arena *a, const char *text, struct str *out, struct err *e)
{
    (void)a;
    int n = 0;
    int r = val_signal(text, &n, e);
    str_printf(out, "%d", n);
    return r;
}

static const struct mode {
    const char *name;
    int (*run)(struct arena *a, const char *text, struct str *out, struct err *e);
} modes[] = {{"split", do_split},   {"env", do_env},      {"env-own", do_env_own},
             {"expand", do_expand}, {"int", do_int},      {"size", do_size},
             {"octal", do_octal},   {"signal", do_signal}};

static void run_line(const struct mode *m, const char *hex)
{
    struct arena *a = arena_new();
    struct str out = STR_INIT, text = STR_INIT;
    struct err e;
    for (; hex[0] && hex[0] != '\n' && hex[1]; hex += 2) {
        char two[3] = {hex[0], hex[1], '\0'};
        str_putc(&text, (char)strtol(two, NULL, 16));
    }
    if (m->run(a, str_text(&text), &out, &e) < 0) {
        str_clear(&out);
        str_puts(&out, "{\"error\": ");
        py_json(&out, e.msg);
        str_putc(&out, '}');
    }
    puts(str_text(&out));
    fflush(stdout);
    str_fini(&out);
    str_fini(&text);
    arena_free(&a);
}

int main(int argc, char **argv)
{
    static char line[65536];
    for (size_t i = 0; argc == 2 && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(argv[1], modes[i].name) != 0)
            continue;
        while (fgets(line, sizeof(line), stdin))
            run_line(&modes[i], line);
        return 0;
    }
    fprintf(stderr, "usage: lexdump split|env|env-own|expand|int|size|octal|signal\n");
    return 64;
}
