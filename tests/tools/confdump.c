/* Loads configurations and prints them, for tests: confdump check|text|json FILE [as-supervisord],
 * or confdump batch: for each folder named on standard input, the JSON of its supervisord.conf on
 * one line. */
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

static int batch(void)
{
    char folder[4096];
    while (fgets(folder, sizeof(folder), stdin)) {
        folder[strcspn(folder, "\n")] = '\0';
        if (chdir(folder) < 0) {
            perror(folder);
            return 1;
        }
        struct conf_request rq = {.path = "supervisord.conf", .environ = environ, .exact = true};
        struct conf *c = conf_load(&rq);
        print_line(c);
        conf_free(&c);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "batch") == 0)
        return batch();
    if (argc < 3) {
        fprintf(stderr, "usage: confdump check|text|json FILE [as-supervisord], confdump batch\n");
        return 64;
    }
    struct conf_request rq = {.path = argv[2], .environ = environ, .as_supervisord = argc > 3};
    enum conf_show what = strcmp(argv[1], "json") == 0   ? CONF_DUMP_JSON
                          : strcmp(argv[1], "text") == 0 ? CONF_DUMP_TEXT
                                                         : CONF_CHECK;
    return conf_main_show(&rq, what);
}
