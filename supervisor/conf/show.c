/* What `supd --check` and `supd --dump-config` do. */
#include "supervisor/conf/show.h"

#include <stdio.h>

static void print_errors(const struct conf *c)
{
    for (size_t i = 0; i < conf_nerrors(c); i++)
        fprintf(stderr, "Error: %s\n", conf_error(c, i));
}

static void print_check(const struct conf *c)
{
    size_t e = conf_nerrors(c), w = conf_nwarnings(c), n = conf_nnotes(c);
    for (size_t i = 0; i < w; i++)
        printf("warning: %s\n", conf_warning(c, i));
    for (size_t i = 0; i < n; i++)
        printf("note: %s\n", conf_note(c, i));
    if (!e)
        printf("the configuration is good: %zu warning%s, %zu note%s\n", w, w == 1 ? "" : "s", n,
               n == 1 ? "" : "s");
}

static int print_dump(const struct conf *c, enum conf_show what)
{
    struct str out = STR_INIT;
    if (what == CONF_DUMP_JSON)
        conf_dump_json(c, &out);
    else
        conf_dump_text(c, &out);
    bool ok = fwrite(str_text(&out), 1, out.len, stdout) == out.len && fflush(stdout) == 0;
    str_fini(&out);
    if (!ok)
        perror("Error: cannot write the configuration");
    return ok ? 0 : 1;
}

int conf_main_show(const struct conf_request *rq, enum conf_show what)
{
    struct conf_request own = *rq;
    own.exact = rq->exact || what == CONF_DUMP_JSON;
    struct conf *c = conf_load(&own);
    int status = conf_nerrors(c) ? 2 : 0;
    print_errors(c);
    if (what == CONF_CHECK)
        print_check(c);
    else if ((!status || what == CONF_DUMP_JSON) && print_dump(c, what))
        status = 1;
    conf_free(&c);
    return status;
}
