/* What `supd --check` and `supd --dump-config` do. */
#include "supervisor/conf/show.h"
#include "supervisor/base/fd.h"

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void show_errors(const struct conf *c, struct str *err)
{
    for (size_t i = 0; i < conf_nerrors(c); i++)
        str_printf(err, "Error: %s\n", conf_error(c, i));
}

static void show_check(const struct conf *c, struct str *out)
{
    size_t w = conf_nwarnings(c), n = conf_nnotes(c);
    for (size_t i = 0; i < w; i++)
        str_printf(out, "warning: %s\n", conf_warning(c, i));
    for (size_t i = 0; i < n; i++)
        str_printf(out, "note: %s\n", conf_note(c, i));
    if (!conf_nerrors(c))
        str_printf(out, "the configuration is good: %zu warning%s, %zu note%s\n", w, plural(w), n,
                   plural(n));
}

/* The JSON is Supervisor's view; that we would take the file ourselves is worth a line. */
static void tell_difference(const struct conf_request *rq, struct str *err)
{
    struct conf *c = conf_load(rq);
    if (!conf_nerrors(c))
        str_puts(err,
                 "note: supd itself takes this file; the JSON form shows what Supervisor 4.2.5 "
                 "makes of it\n");
    conf_free(&c);
}

int conf_show(const struct conf_request *rq, enum conf_show what, struct str *out, struct str *err)
{
    struct conf_request own = *rq;
    own.exact = rq->exact || what == CONF_DUMP_JSON;
    struct conf *c = conf_load(&own);
    int status = conf_nerrors(c) ? 2 : 0;
    show_errors(c, err);
    if (what == CONF_CHECK)
        show_check(c, out);
    else if (what == CONF_DUMP_JSON)
        conf_dump_json(c, out);
    else if (!status)
        conf_dump_text(c, out);
    conf_free(&c);
    if (status && own.exact && !rq->exact)
        tell_difference(rq, err);
    return status;
}

int conf_main_show(const struct conf_request *rq, enum conf_show what)
{
    struct str out = STR_INIT, err = STR_INIT;
    int status = conf_show(rq, what, &out, &err);
    bool ok = fd_write_all(2, str_text(&err), err.len) == 0 &&
              fd_write_all(1, str_text(&out), out.len) == 0;
    str_fini(&out);
    str_fini(&err);
    return ok ? status : 1;
}
