/* What `supd --check` and `supd --dump-config` do. */
#include "supervisor/conf/show.h"
#include "supervisor/base/fd.h"

#include <string.h>

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

static bool has_error(const struct conf *c, const char *text)
{
    for (size_t i = 0; i < conf_nerrors(c); i++)
        if (strcmp(conf_error(c, i), text) == 0)
            return true;
    return false;
}

/* What Supervisor alone does not take: found by deciding as it does. */
static size_t show_refused(const struct conf *ours, const struct conf_request *rq, struct str *out)
{
    struct conf_request exact = *rq;
    exact.exact = true;
    struct conf *theirs = conf_load(&exact);
    size_t n = 0;
    for (size_t i = 0; i < conf_nerrors(theirs); i++) {
        const char *error = conf_error(theirs, i);
        if (has_error(ours, error))
            continue;
        str_printf(out, "%s\n    Supervisor: refuses the whole configuration\n    supd: takes it\n",
                   error);
        n++;
    }
    conf_free(&theirs);
    return n;
}

/* 0: nothing is surprising; 1: something is; 2: it cannot be used. */
static int show_lint(const struct conf_request *rq, struct str *out, struct str *err)
{
    struct conf_request own = *rq;
    own.lint = true;
    struct conf *c = conf_load(&own);
    size_t traps = conf_ntraps(c), w = conf_nwarnings(c), n = conf_nnotes(c);
    show_errors(c, err);
    for (size_t i = 0; i < traps; i++)
        str_printf(out, "%s\n", conf_trap_text(c, i));
    traps += show_refused(c, &own, out);
    for (size_t i = 0; i < w; i++)
        str_printf(out, "warning: %s\n", conf_warning(c, i));
    for (size_t i = 0; i < n; i++)
        str_printf(out, "note: %s\n", conf_note(c, i));
    if (!conf_nerrors(c) && !(traps + w + n))
        str_puts(out, "nothing is surprising\n");
    int status = conf_nerrors(c) ? 2 : traps + w + n ? 1 : 0;
    conf_free(&c);
    return status;
}

int conf_show(const struct conf_request *rq, enum conf_show what, struct str *out, struct str *err)
{
    if (what == CONF_LINT)
        return show_lint(rq, out, err);
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
