/* One option is one row: its name, type, place, default, limits, apply class and help. Parser,
 * unknown-key notes, text and JSON dump, man page and completion all read the row. */
#ifndef CONF_OPT_H
#define CONF_OPT_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"
#include "supervisor/base/str.h"
#include "supervisor/conf/gendiff.h"
#include "supervisor/conf/paths.h"
#include "supervisor/conf/users.h"
#include "supervisor/conf/value.h"
#include "supervisor/conf/words.h"
#include "supervisor/core/attrs.h"
#include "supervisor/core/exitcode.h"
#include "supervisor/core/ready.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Values that need more than a C scalar. */
struct octal_val {
    bool set;
    int64_t v;
};
struct codes_val {
    int32_t *v;
    size_t n;
};
struct logfile_val {
    uint8_t sink; /* enum gen_sink */
    bool syslog;  /* "syslog": the old way to say *_syslog=true */
    const char *path;
};
struct owner_val {
    const char *text; /* NULL: unset */
    int64_t uid, gid; /* gid -1: none named */
};
struct stops_val {
    const char *text; /* NULL: unset */
    struct gen_stop *v;
    size_t n;
};
struct fatal_val {
    uint8_t action; /* enum gen_on_fatal */
    int64_t retry_ns;
};
struct exit_code_val {
    const char *text; /* NULL: unset */
    struct exit_map *v;
    size_t n;
};
/* What the kernel may refuse; optional: the program starts without it then. */
struct rlimit_val {
    const char *text;    /* NULL: unset */
    uint64_t soft, hard; /* UINT64_MAX: unlimited; of a time nanoseconds */
    bool optional;
};
struct adjust_val {
    bool set, optional;
    int32_t n;
};
struct ionice_val {
    const char *text; /* NULL: unset */
    int32_t n;        /* as ioprio_set(2) takes it */
    bool optional;
};
struct cpus_val {
    const char *text; /* NULL: unset */
    uint64_t v[ATTRS_CPUS / 64];
    bool optional;
};
struct caps_val {
    const char *text; /* NULL: unset */
    uint64_t v;
    bool optional;
};
struct ready_val {
    const char *text; /* NULL: startsecs, the default */
    uint8_t kind;     /* enum ready_kind */
    int32_t number;   /* the descriptor of READY_FD */
    const char *arg;  /* what is behind the colon, or NULL */
};
struct bytes_val {
    const char *text; /* NULL: unset */
    int64_t n;
    bool optional;
};
struct profile_val {
    const char *text; /* NULL: unset */
    const char *path;
    bool optional;
};
struct flag_val {
    bool on, optional;
};
struct paths_val {
    const char *text;  /* NULL: unset */
    struct str_list l; /* absolute; a "-" before one: it need not be there */
    bool optional;
};
struct addr_val {
    const char *text; /* NULL: unset */
    const char *host;
    int port;
};

/* Type of a row, C type of its field. Each has a parser and printers in opt_types.c. */
#define OPT_TYPES(X)                                                                               \
    X(STRING, const char *)                                                                        \
    X(BOOLEAN, bool)                                                                               \
    X(INTEGER, int64_t)                                                                            \
    X(SIZE, int64_t)                                                                               \
    X(OCTAL, struct octal_val)                                                                     \
    X(DURATION, int64_t)                                                                           \
    X(PERCENT, int32_t)                                                                            \
    X(SHARE, int32_t)                                                                              \
    X(FACTOR, int32_t)                                                                             \
    X(WORD, uint8_t)                                                                               \
    X(AUTORESTART, uint8_t)                                                                        \
    X(SIGNAL, int)                                                                                 \
    X(EXITCODES, struct codes_val)                                                                 \
    X(USER, struct user_val)                                                                       \
    X(OWNER, struct owner_val)                                                                     \
    X(GROUPNAME, struct owner_val)                                                                 \
    X(LOGLEVEL, int)                                                                               \
    X(LOGFILE, struct logfile_val)                                                                 \
    X(PATH, const char *)                                                                          \
    X(FOLDER, const char *)                                                                        \
    X(LIST, struct str_list)                                                                       \
    X(ENVIRONMENT, struct env_list)                                                                \
    X(STOPS, struct stops_val)                                                                     \
    X(ONFATAL, struct fatal_val)                                                                   \
    X(EXITCODE, struct exit_code_val)                                                              \
    X(ADDRESS, struct addr_val)                                                                    \
    X(RLIMIT, struct rlimit_val)                                                                   \
    X(RLIMIT_SIZE, struct rlimit_val)                                                              \
    X(RLIMIT_TIME, struct rlimit_val)                                                              \
    X(ADJUST, struct adjust_val)                                                                   \
    X(IONICE, struct ionice_val)                                                                   \
    X(CPUS, struct cpus_val)                                                                       \
    X(CAPS, struct caps_val)                                                                       \
    X(READY, struct ready_val)                                                                     \
    X(BYTES, struct bytes_val)                                                                     \
    X(FLAG, struct flag_val)                                                                       \
    X(PATHS, struct paths_val)                                                                     \
    X(PROFILE, struct profile_val)

enum opt_type {
#define X(name, ctype) OPT_##name,
    OPT_TYPES(X)
#undef X
        OPT_NTYPES
};

enum {
    OPT_PER_PROC = 1, /* expanded for each process: %(process_num)s and its environment= work */
    OPT_RAW = 2,      /* not expanded by the generic code */
    OPT_OURS = 4,     /* not an option of Supervisor */
    OPT_JSON = 8,     /* a member of the JSON dump */
    OPT_NO_HERE = 16, /* %(here)s is not available */
    OPT_SECRET = 32,  /* masked wherever an online form is shown */
    OPT_NOT_EMPTY = 64,
    OPT_SECRET_FILE = 128, /* "X_file": its content becomes the value of the row "X" */
    OPT_FILE = 256,        /* files that the agent reads; supd-log opens those that it may not */
};

struct family;

struct opt {
    const char *name;
    enum opt_type type;
    size_t offset;
    const char *def;      /* its default as text; NULL: unset */
    const char *def_note; /* what unset means, for the man page */
    int64_t lo, hi;       /* limits of a number; both 0: none */
    unsigned flags;
    enum gen_apply apply;     /* GEN_HOT: at once, GEN_RESTART: the process restarts; GEN_SAME:
                                 only when supd itself starts ("cold") */
    const char *const *words; /* OPT_WORD: NULL-terminated */
    const char *help;
    const char *aka;             /* words for it in other programs, for "did you mean" */
    const struct family *refers; /* its value names sections of that family (family.h) */
};

/* X-macro types by row name, so that a row whose field has another type does not compile. */
#define X(name, ctype) typedef ctype opt_ctype_##name;
OPT_TYPES(X)
#undef X
#define OPT_CHECK(st, field, ctype)                                                                \
    (0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((st *)0)->field), ctype) ? 1 : -1]))
/* A row: OPT(struct type, "name", field, TYPE, .def = ..., .help = ...) */
#define OPT(st, text, field, kind, ...)                                                            \
    {                                                                                              \
        .name = (text), .type = OPT_##kind,                                                        \
        .offset = offsetof(st, field) + OPT_CHECK(st, field, opt_ctype_##kind), __VA_ARGS__        \
    }

/* What parsing a value needs beside the text. */
struct opt_env {
    struct arena *a;
    struct path_env paths;
    bool exact;
    /* set by a parser that took something Supervisor refuses, or dropped a part */
    bool extended;
    const char *dropped;
};

/* Parses text into the field of obj. */
int opt_parse(const struct opt *o, struct opt_env *env, const char *text, void *obj, struct err *e);
/* Appends the value as text that parses again; false if it is unset or cannot be written. */
bool opt_print(const struct opt *o, const void *obj, struct str *out);
/* Appends the value as JSON. */
void opt_json(const struct opt *o, const void *obj, struct str *out);
/* The bytes of the field if they are all there is to the value (a number), else 0. */
size_t opt_flat(const struct opt *o);
/* What kind of value it is, for the man page: "boolean", "size", ... */
const char *opt_type_name(const struct opt *o);

#endif
