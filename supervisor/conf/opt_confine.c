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
