/* The types of what a program is confined by. Each may end with the word "optional". */
#include "supervisor/conf/opt_ops.h"

PARSER(BYTES)
{
    UNUSED;
    struct bytes_val *v = field;
    v->text = arena_strdup(env->a, text);
    const char *size = opt_without_optional(env->a, text, &v->optional);
    if (val_size(size, &v->n, e) < 0)
        return -1;
    return v->n > 0 ? 0 : err_set(e, "'%s' is not above 0", size);
}

PRINTER(BYTES)
{
    UNUSED;
    const struct bytes_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

PARSER(FLAG)
{
    UNUSED;
    struct flag_val *v = field;
    return val_boolean(opt_without_optional(env->a, text, &v->optional), &v->on, e);
}

PRINTER(FLAG)
{
    UNUSED;
    const struct flag_val *v = field;
    str_printf(out, "%s%s", v->on ? "true" : "false", v->optional ? " optional" : "");
    return true;
}

PARSER(PATHS)
{
    UNUSED;
    struct paths_val *v = field;
    v->text = arena_strdup(env->a, text);
    v->l = val_list(env->a, opt_without_optional(env->a, text, &v->optional));
    if (!v->l.n)
        return err_set(e, "it names no path");
    for (size_t i = 0; i < v->l.n; i++) {
        const char *path = v->l.v[i];
        bool may_be_missing = *path == '-';
        path += may_be_missing;
        if (!*path)
            return err_set(e, "there is no path behind the -");
        path = path_expand_user(env->a, &env->paths, path);
        if (*path != '/')
            return err_set(e, "'%s' is not absolute", path);
        path = path_absolute(env->a, &env->paths, path);
        v->l.v[i] = arena_printf(env->a, "%s%s", may_be_missing ? "-" : "", path);
    }
    return 0;
}

PRINTER(PATHS)
{
    UNUSED;
    const struct paths_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

PARSER(PROFILE)
{
    UNUSED;
    struct profile_val *v = field;
    v->text = arena_strdup(env->a, text);
    v->path = opt_without_optional(env->a, text, &v->optional);
    return *v->path ? 0 : err_set(e, "it names no file");
}

PRINTER(PROFILE)
{
    UNUSED;
    const struct profile_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}
