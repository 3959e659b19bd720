/* Loads configurations and prints them, for tests: confdump check|text|json FILE [as-supervisord],
 * or for each folder named on standard input: confdump batch: the JSON of its supervisord.conf on
 * one line; confdump batch-roundtrip: whether its canonical text reads back to the same. */
#include "supervisor/conf/show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void print_line(const struct conf *c)
{
    struct str out = STR_INIT;
    conf_dump_json(c, &out);
    for (size_t i = 0; i < out.len; i++)
        putchar(out.s[i] == '\n' ? ' ' : out.s[i]);
    putchar('\n');
    fflush(stdout);
    str_fini(&out);
}

/* the JSON as this program itself reads the configuration, and the canonical text */
static void own_forms(const struct conf *c, struct str *json, struct str *text)
{
    conf_dump_json(c, json);
    conf_dump_text(c, text);
}

static void complain(const char *what, const struct str *a, const struct str *b)
{
    fprintf(stderr, "--- %s\n%s\n--- read back\n%s\n", what, str_text(a), str_text(b));
    printf("%s differs\n", what);
}

/* dumps the text, reads it back, and compares everything; "same", or what differs */
static void round_trip(const struct conf_request *rq)
{
    struct str json[2] = {STR_INIT, STR_INIT}, text[2] = {STR_INIT, STR_INIT};
    struct conf *c = conf_load(rq);
    if (conf_nerrors(c)) {
        printf("error\n");
        conf_free(&c);
        return;
    }
    own_forms(c, &json[0], &text[0]);
    struct conf_request again = *rq;
    again.text = str_text(&text[0]);
    again.text_len = text[0].len;
    struct conf *back = conf_load(&again);
    own_forms(back, &json[1], &text[1]);
    for (size_t i = 0; i < conf_nerrors(back); i++)
        fprintf(stderr, "%s\n", conf_error(back, i));
    const char *j0 = strstr(str_text(&json[0]), "\"groups\""),
               *j1 = strstr(str_text(&json[1]), "\"groups\"");
    const char *w0 = strstr(j0, "\"warnings\""), *w1 = strstr(j1, "\"warnings\"");
    const char *s0 = strstr(w0, "\"servers\""), *s1 = strstr(w1, "\"servers\"");
    if (w0 - j0 != w1 - j1 || strncmp(j0, j1, (size_t)(w0 - j0)) != 0 || strcmp(s0, s1) != 0)
        complain("json", &json[0], &json[1]);
    else if (strcmp(str_text(&text[0]), str_text(&text[1])) != 0)
        complain("text", &text[0], &text[1]);
    else
        printf("same\n");
    conf_free(&c);
    conf_free(&back);
    for (int i = 0; i < 2; i++) {
        str_fini(&json[i]);
        str_fini(&text[i]);
    }
}

static void view(const struct conf_request *rq)
{
    struct conf_request own = *rq;
    own.exact = true;
    struct conf *c = conf_load(&own);
    print_line(c);
    conf_free(&c);
}

static int batch(void (*one)(const struct conf_request *))
{
    char folder[4096];
    while (fgets(folder, sizeof(folder), stdin)) {
        folder[strcspn(folder, "\n")] = '\0';
        if (chdir(folder) < 0) {
            perror(folder);
            return 1;
        }
        struct conf_request rq = {.path = "supervisord.conf", .environ = environ};
        one(&rq);
        fflush(stdout);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "batch") == 0)
        return batch(view);
    if (argc == 2 && strcmp(argv[1], "batch-roundtrip") == 0)
        return batch(round_trip);
    if (argc < 3) {
        fprintf(stderr, "usage: confdump check|text|json FILE [as-supervisord], confdump batch, "
                        "confdump batch-roundtrip\n");
        return 64;
    }
    struct conf_request rq = {.path = argv[2], .environ = environ, .as_supervisord = argc > 3};
    enum conf_show what = strcmp(argv[1], "json") == 0   ? CONF_DUMP_JSON
                          : strcmp(argv[1], "text") == 0 ? CONF_DUMP_TEXT
                                                         : CONF_CHECK;
    return conf_main_show(&rq, what);
}
