/* Loads a configuration and prints it: confdump check|text|json FILE [as-supervisord]. */
#include "supervisor/conf/show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: confdump check|text|json FILE [as-supervisord]\n");
        return 64;
    }
    struct conf_request rq = {.path = argv[2], .environ = environ, .as_supervisord = argc > 3};
    enum conf_show what = strcmp(argv[1], "json") == 0   ? CONF_DUMP_JSON
                          : strcmp(argv[1], "text") == 0 ? CONF_DUMP_TEXT
                                                         : CONF_CHECK;
    return conf_main_show(&rq, what);
}
