/* The table of verbs, made from verbs.def. */
#include "supervisor/run/verbs.h"
#include "supervisor/run/verb.h"

static const struct ctl_verb rows[] = {
#define VERB(name_, roles_, min_, max_, args_, help_)                                              \
    {.name = #name_,                                                                               \
     .fn = verb_##name_,                                                                           \
     .roles = (roles_),                                                                            \
     .min = (min_),                                                                                \
     .max = (max_),                                                                                \
     .args = (args_),                                                                              \
     .help = (help_)},
#include "supervisor/run/verbs.def"
#undef VERB
};

const struct ctl_verb *verbs_all(size_t *out_n)
{
    *out_n = sizeof(rows) / sizeof(rows[0]);
    return rows;
}
