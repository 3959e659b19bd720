/* The functions of one option type; shared by the files that hold the types. */
#ifndef CONF_OPT_OPS_H
#define CONF_OPT_OPS_H

#include "supervisor/conf/opt.h"

struct opt_ops {
    const char *what;
    int (*parse)(const struct opt *o, struct opt_env *env, const char *text, void *field,
                 struct err *e);
    bool (*print)(const struct opt *o, const void *field, struct str *out);
    void (*json)(const struct opt *o, const void *field, struct str *out); /* NULL: print, quoted */
    bool flat; /* a number: its bytes are its value */
};

#define PARSER(name)                                                                               \
    int parse_##name(const struct opt *o, struct opt_env *env, const char *text, void *field,      \
                     struct err *e)
#define PRINTER(name) bool print_##name(const struct opt *o, const void *field, struct str *out)
#define JSON(name) void json_##name(const struct opt *o, const void *field, struct str *out)
#define UNUSED (void)o

/* The text before a last word "optional", stripped; *out_optional: whether it was there. */
char *opt_without_optional(struct arena *a, const char *text, bool *out_optional);

PARSER(DURATION);
PRINTER(DURATION);
PARSER(PERCENT);
PRINTER(PERCENT);
PARSER(SHARE);
PRINTER(SHARE);
PARSER(FACTOR);
PRINTER(FACTOR);
PARSER(STOPS);
PRINTER(STOPS);
PARSER(ONFATAL);
PRINTER(ONFATAL);
PARSER(EXITCODE);
PRINTER(EXITCODE);
PARSER(RLIMIT);
PARSER(RLIMIT_SIZE);
PARSER(RLIMIT_TIME);
PRINTER(RLIMIT);
PARSER(ADJUST);
PRINTER(ADJUST);
PARSER(IONICE);
PRINTER(IONICE);
PARSER(CPUS);
PRINTER(CPUS);
PARSER(CAPS);
PRINTER(CAPS);
PARSER(READY);
PRINTER(READY);
PARSER(BYTES);
PRINTER(BYTES);
PARSER(FLAG);
PRINTER(FLAG);
PARSER(PATHS);
PRINTER(PATHS);
PARSER(PROFILE);
PRINTER(PROFILE);

#endif
