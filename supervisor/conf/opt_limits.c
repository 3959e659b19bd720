/* The types of what the kernel may refuse: limits, niceness, CPUs, capabilities. Each may end with
 * the word "optional". */
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/opt_ops.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

char *opt_without_optional(struct arena *a, const char *text, bool *out_optional)
{
    static const char word[] = "optional";
    char *s = arena_strdup(a, text);
    size_t n = strlen(s), m = sizeof(word) - 1;
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        s[--n] = '\0';
    *out_optional =
        n > m && strcasecmp(s + n - m, word) == 0 && (s[n - m - 1] == ' ' || s[n - m - 1] == '\t');
    if (*out_optional)
        s[n - m] = '\0';
    n = strlen(s);
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        s[--n] = '\0';
    return s + strspn(s, " \t");
}

static bool put_text(const char *text, struct str *out)
{
    str_puts(out, text ? text : "");
    return text;
}

/* ---- limits ---- */

static int one_count(const char *text, uint64_t *out, struct err *e)
{
    int64_t n;
    if (text_int(text, 0, INT64_MAX, &n, e) < 0)
        return -1;
    *out = (uint64_t)n;
    return 0;
}

static int one_size(const char *text, uint64_t *out, struct err *e)
{
    int64_t n;
    if (val_size(text, &n, e) < 0)
        return -1;
    if (n < 0)
        return err_set(e, "'%s' is below 0", text);
    *out = (uint64_t)n;
    return 0;
}

static int one_time(const char *text, uint64_t *out, struct err *e)
{
    dur_t d;
    if (dur_parse(text, &d, e) < 0)
        return -1;
    if (d.ns < 0)
        return err_set(e, "'%s' is below 0", text);
    *out = (uint64_t)d.ns;
    return 0;
}

typedef int one_limit(const char *text, uint64_t *out, struct err *e);

static int one(one_limit *parse, const char *text, uint64_t *out, struct err *e)
{
    *out = UINT64_MAX;
    if (strcasecmp(text, "unlimited") == 0 || strcasecmp(text, "infinity") == 0)
        return 0;
    return parse(text, out, e);
}

/* "N" is both, "SOFT:HARD" each */
static int parse_limit(one_limit *parse, struct opt_env *env, const char *text,
                       struct rlimit_val *v, struct err *e)
{
    v->text = arena_strdup(env->a, text);
    char *soft = opt_without_optional(env->a, text, &v->optional), *colon = strchr(soft, ':');
    if (colon)
        *colon = '\0';
    if (one(parse, soft, &v->soft, e) < 0)
        return -1;
    v->hard = v->soft;
    if (colon && one(parse, colon + 1, &v->hard, e) < 0)
        return -1;
    if (v->soft > v->hard)
        return err_set(e, "the soft limit %s is above the hard one, %s", soft, colon + 1);
    return 0;
}

PARSER(RLIMIT)
{
    UNUSED;
    return parse_limit(one_count, env, text, field, e);
}

PARSER(RLIMIT_SIZE)
{
    UNUSED;
    return parse_limit(one_size, env, text, field, e);
}

PARSER(RLIMIT_TIME)
{
    UNUSED;
    return parse_limit(one_time, env, text, field, e);
}

PRINTER(RLIMIT)
{
    UNUSED;
    return put_text(((const struct rlimit_val *)field)->text, out);
}

/* ---- numbers ---- */

PARSER(ADJUST)
{
    struct adjust_val *v = field;
    int64_t n;
    const char *number = opt_without_optional(env->a, text, &v->optional);
    if (text_int(number, o->lo, o->hi, &n, e) < 0)
        return -1;
    v->set = true;
    v->n = (int32_t)n;
    return 0;
}

PRINTER(ADJUST)
{
    UNUSED;
    const struct adjust_val *v = field;
    if (v->set)
        str_printf(out, "%d%s", v->n, v->optional ? " optional" : "");
    return v->set;
}

/* ---- I/O priority ---- */

static const struct {
    const char *name;
    int32_t class;
    bool levels;
} io_classes[] = {
    {"none", 0, false},
    {"realtime", 1, true},
    {"best-effort", 2, true},
    {"idle", 3, false},
};

PARSER(IONICE)
{
    UNUSED;
    struct ionice_val *v = field;
    int64_t level = 4; /* the kernel's own default of a class */
    v->text = arena_strdup(env->a, text);
    char *name = opt_without_optional(env->a, text, &v->optional), *colon = strchr(name, ':');
    if (colon) {
        *colon = '\0';
        if (text_int(colon + 1, 0, 7, &level, e) < 0)
            return err_prefix(e, "the level");
    }
    for (size_t i = 0; i < sizeof(io_classes) / sizeof(io_classes[0]); i++) {
        if (strcasecmp(name, io_classes[i].name) != 0)
            continue;
        if (colon && !io_classes[i].levels)
            return err_set(e, "%s has no levels", io_classes[i].name);
        v->n = io_classes[i].class << 13 | (io_classes[i].levels ? (int32_t)level : 0);
        return 0;
    }
    return err_set(e, "'%s' is not one of idle, best-effort[:0-7], realtime[:0-7], none", name);
}

PRINTER(IONICE)
{
    UNUSED;
    return put_text(((const struct ionice_val *)field)->text, out);
}

/* ---- CPUs ---- */

/* "3" or "0-3" */
static int parse_cpus(const char *text, uint64_t *v, struct err *e)
{
    char first[8] = "";
    const char *dash = strchr(text, '-');
    int64_t lo, hi;
    size_t n = dash ? (size_t)(dash - text) : strlen(text);
    if (n && n < sizeof(first))
        memcpy(first, text, n);
    if (text_int(first, 0, ATTRS_CPUS - 1, &lo, NULL) < 0 ||
        (dash && text_int(dash + 1, lo, ATTRS_CPUS - 1, &hi, NULL) < 0))
        return err_set(e, "'%s' is no CPU from 0 to %d, and no range such as 0-3", text,
                       ATTRS_CPUS - 1);
    for (int64_t i = lo; i <= (dash ? hi : lo); i++)
        v[i / 64] |= UINT64_C(1) << (i % 64);
    return 0;
}

PARSER(CPUS)
{
    UNUSED;
    struct cpus_val *v = field;
    memset(v->v, 0, sizeof(v->v));
    v->text = arena_strdup(env->a, text);
    struct str_list l = val_list(env->a, opt_without_optional(env->a, text, &v->optional));
    if (!l.n)
        return err_set(e, "it names no CPU; write numbers and ranges such as 0,2-3");
    for (size_t i = 0; i < l.n; i++) {
        if (parse_cpus(l.v[i], v->v, e) < 0)
            return -1;
    }
    return 0;
}

PRINTER(CPUS)
{
    UNUSED;
    return put_text(((const struct cpus_val *)field)->text, out);
}

/* ---- capabilities ---- */

PARSER(CAPS)
{
    UNUSED;
    struct caps_val *v = field;
    v->v = 0;
    v->text = arena_strdup(env->a, text);
    struct str_list l = val_list(env->a, opt_without_optional(env->a, text, &v->optional));
    if (l.n == 1 && strcasecmp(l.v[0], "none") == 0)
        return 0;
    if (!l.n)
        return err_set(e, "it names no capability; write none, or names such as "
                          "net_bind_service,chown");
    for (size_t i = 0; i < l.n; i++) {
        int cap = attr_cap_by_name(l.v[i]);
        if (cap < 0)
            return err_set(e, "'%s' is no capability of capabilities(7)", l.v[i]);
        v->v |= UINT64_C(1) << cap;
    }
    return 0;
}

PRINTER(CAPS)
{
    UNUSED;
    return put_text(((const struct caps_val *)field)->text, out);
}
