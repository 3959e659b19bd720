/* The types of option rows: for each a parser, a printer and a JSON form. */
#include "supervisor/base/level.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/opt_ops.h"
#include "supervisor/conf/pytext.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

static int check_limits(const struct opt *o, int64_t n, struct err *e)
{
    if (!(o->lo || o->hi) || (n >= o->lo && n <= o->hi))
        return 0;
    return err_set(e, "%" PRId64 " is not between %" PRId64 " and %" PRId64, n, o->lo, o->hi);
}

static PARSER(STRING)
{
    UNUSED;
    if ((o->flags & OPT_NOT_EMPTY) && !*text)
        return err_set(e, "is empty");
    *(const char **)field = arena_strdup(env->a, text);
    return 0;
}

static PRINTER(STRING)
{
    UNUSED;
    const char *s = *(const char *const *)field;
    str_puts(out, s ? s : "");
    return s;
}

static void json_text(const char *s, struct str *out)
{
    if (s)
        py_json(out, s);
    else
        str_puts(out, "null");
}

static JSON(STRING)
{
    UNUSED;
    json_text(*(const char *const *)field, out);
}

static PARSER(BOOLEAN)
{
    UNUSED;
    (void)env;
    return val_boolean(text, field, e);
}

static PRINTER(BOOLEAN)
{
    UNUSED;
    str_puts(out, *(const bool *)field ? "true" : "false");
    return true;
}

static JSON(BOOLEAN)
{
    print_BOOLEAN(o, field, out);
}

static PARSER(INTEGER)
{
    (void)env;
    return val_integer(text, field, e) < 0 ? -1 : check_limits(o, *(int64_t *)field, e);
}

static PRINTER(INTEGER)
{
    UNUSED;
    str_printf(out, "%" PRId64, *(const int64_t *)field);
    return true;
}

static JSON(INTEGER)
{
    print_INTEGER(o, field, out);
}

static PARSER(SIZE)
{
    (void)env;
    return val_size(text, field, e) < 0 ? -1 : check_limits(o, *(int64_t *)field, e);
}

static PRINTER(SIZE)
{
    UNUSED;
    val_print_size(out, *(const int64_t *)field);
    return true;
}

static JSON(SIZE)
{
    print_INTEGER(o, field, out);
}

static PARSER(OCTAL)
{
    UNUSED;
    (void)env;
    struct octal_val *v = field;
    v->set = true;
    return val_octal(text, &v->v, e);
}

static PRINTER(OCTAL)
{
    UNUSED;
    const struct octal_val *v = field;
    if (v->set)
        str_printf(out, "%s%03" PRIo64, v->v < 0 ? "-" : "", v->v < 0 ? -v->v : v->v);
    return v->set;
}

static JSON(OCTAL)
{
    UNUSED;
    const struct octal_val *v = field;
    if (v->set)
        str_printf(out, "%" PRId64, v->v);
    else
        str_puts(out, "null");
}

static PARSER(WORD)
{
    (void)env;
    return val_word(text, o->words, field, e);
}

static PRINTER(WORD)
{
    str_puts(out, o->words[*(const uint8_t *)field]);
    return true;
}

static PARSER(AUTORESTART)
{
    UNUSED;
    (void)env;
    return val_autorestart(text, field, e);
}

static const char *const restart_words[] = {[GEN_RESTART_NEVER] = "false",
                                            [GEN_RESTART_ALWAYS] = "true",
                                            [GEN_RESTART_UNEXPECTED] = "unexpected"};

static PRINTER(AUTORESTART)
{
    UNUSED;
    str_puts(out, restart_words[*(const uint8_t *)field]);
    return true;
}

static JSON(AUTORESTART)
{
    bool word = *(const uint8_t *)field == GEN_RESTART_UNEXPECTED;
    str_puts(out, word ? "\"" : "");
    print_AUTORESTART(o, field, out);
    str_puts(out, word ? "\"" : "");
}

static PARSER(SIGNAL)
{
    UNUSED;
    (void)env;
    return val_signal(text, field, e);
}

static PRINTER(SIGNAL)
{
    UNUSED;
    char buf[24];
    int sig = *(const int *)field;
    const char *name = text_signal_name(sig, buf, sizeof(buf));
    if (sig > 0 && sig < 32 && strncmp(name, "SIG", 3) == 0)
        str_puts(out, name + 3);
    else
        str_printf(out, "%d", sig);
    return true;
}

static JSON(SIGNAL)
{
    UNUSED;
    str_printf(out, "%d", *(const int *)field);
}

static PARSER(EXITCODES)
{
    UNUSED;
    struct codes_val *v = field;
    return val_exitcodes(env->a, text, &v->v, &v->n, e);
}

static PRINTER(EXITCODES)
{
    UNUSED;
    const struct codes_val *v = field;
    for (size_t i = 0; i < v->n; i++)
        str_printf(out, "%s%d", i ? "," : "", v->v[i]);
    return true;
}

static JSON(EXITCODES)
{
    str_putc(out, '[');
    print_EXITCODES(o, field, out);
    str_putc(out, ']');
}

/* A number that passwd does not know is its own group, too: images without passwd, and platforms
 * that choose a uid. */
static PARSER(USER)
{
    UNUSED;
    struct user_val *u = field;
    int64_t uid;
    if (user_find(env->a, text, u, e) == 0)
        return 0;
    if (env->exact || text_int(text, 0, UINT32_MAX - 1, &uid, NULL) < 0)
        return -1;
    uint32_t group = (uint32_t)uid;
    *u = (struct user_val){.name = arena_strdup(env->a, text),
                           .uid = uid,
                           .gid = uid,
                           .groups = arena_memdup(env->a, &group, sizeof(group)),
                           .ngroups = 1};
    return 0;
}

static PRINTER(USER)
{
    UNUSED;
    const struct user_val *u = field;
    str_puts(out, u->name ? u->name : "");
    return u->name;
}

static JSON(USER)
{
    UNUSED;
    const struct user_val *u = field;
    if (u->name)
        str_printf(out, "%" PRId64, u->uid);
    else
        str_puts(out, "null");
}

static PARSER(OWNER)
{
    UNUSED;
    struct owner_val *v = field;
    v->text = arena_strdup(env->a, text);
    return user_group_find(text, &v->uid, &v->gid, e);
}

static PRINTER(OWNER)
{
    UNUSED;
    const struct owner_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

static PARSER(GROUPNAME)
{
    UNUSED;
    struct owner_val *v = field;
    v->text = arena_strdup(env->a, text);
    v->uid = -1;
    return unix_group_find(text, &v->gid, e);
}

static PARSER(LOGLEVEL)
{
    UNUSED;
    (void)env;
    return val_loglevel(text, field, e);
}

static PRINTER(LOGLEVEL)
{
    UNUSED;
    str_puts(out, log_level_name((enum log_level) * (const int *)field));
    return true;
}

static JSON(LOGLEVEL)
{
    json_SIGNAL(o, field, out);
}

static PARSER(LOGFILE)
{
    UNUSED;
    struct logfile_val *v = field;
    *v = (struct logfile_val){.sink = GEN_SINK_NONE};
    if (strcasecmp(text, "none") == 0 || strcasecmp(text, "off") == 0)
        return 0;
    if (strcasecmp(text, "auto") == 0) {
        v->sink = GEN_SINK_AUTO;
        return 0;
    }
    if (strcasecmp(text, "syslog") == 0) {
        v->syslog = true;
        return 0;
    }
    v->sink = GEN_SINK_FILE;
    return path_in_folder(env->a, &env->paths, text, &v->path, e);
}

static PRINTER(LOGFILE)
{
    UNUSED;
    const struct logfile_val *v = field;
    str_puts(out, v->syslog                  ? "syslog"
                  : v->sink == GEN_SINK_AUTO ? "AUTO"
                  : v->sink == GEN_SINK_NONE ? "NONE"
                                             : v->path);
    return true;
}

static JSON(LOGFILE)
{
    UNUSED;
    const struct logfile_val *v = field;
    json_text(v->sink == GEN_SINK_AUTO ? "AUTO" : v->sink == GEN_SINK_FILE ? v->path : NULL, out);
}

static PARSER(PATH)
{
    UNUSED;
    return path_in_folder(env->a, &env->paths, text, field, e);
}

static PARSER(FOLDER)
{
    UNUSED;
    return path_folder(env->a, &env->paths, text, field, e);
}

static PARSER(LIST)
{
    UNUSED;
    (void)e;
    *(struct str_list *)field = val_list(env->a, text);
    return 0;
}

static PRINTER(LIST)
{
    UNUSED;
    const struct str_list *l = field;
    for (size_t i = 0; i < l->n; i++)
        str_printf(out, "%s%s", i ? "," : "", l->v[i]);
    return true;
}

static PARSER(ENVIRONMENT)
{
    UNUSED;
    return words_env(env->a, text, (struct env_lex_opts){.exact = env->exact}, field, &env->dropped,
                     &env->extended, e);
}

/* its text form is its format, which the dump has; there is no other */
static PRINTER(ENVIRONMENT)
{
    UNUSED;
    (void)field;
    (void)out;
    return false;
}

static PARSER(ADDRESS)
{
    struct addr_val *v = field;
    v->text = arena_strdup(env->a, text);
    bool ours = o->flags & OPT_OURS;
    if (ours && strstr(text, "://"))
        return err_set(e, "'%s' is a URL; write host:port, as in www.example.org:443", text);
    if (ours && strchr(text, ','))
        return err_set(e, "'%s' is more than one address; each needs a section of its own", text);
    if (ours && *text && !strchr(text, ':') && text[strspn(text, "0123456789")])
        return err_set(e, "'%s' has no port; write it behind the host, as in %s:443", text, text);
    return val_inet(env->a, text, &v->host, &v->port, e);
}

static PRINTER(ADDRESS)
{
    UNUSED;
    const struct addr_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

static const struct opt_ops ops[OPT_NTYPES] = {
    [OPT_STRING] = {"text", parse_STRING, print_STRING, json_STRING, false},
    [OPT_BOOLEAN] = {"boolean", parse_BOOLEAN, print_BOOLEAN, json_BOOLEAN, true},
    [OPT_INTEGER] = {"integer", parse_INTEGER, print_INTEGER, json_INTEGER, true},
    [OPT_SIZE] = {"size", parse_SIZE, print_SIZE, json_SIZE, true},
    [OPT_OCTAL] = {"octal", parse_OCTAL, print_OCTAL, json_OCTAL, false},
    [OPT_DURATION] = {"duration", parse_DURATION, print_DURATION, NULL, true},
    [OPT_PERCENT] = {"percent", parse_PERCENT, print_PERCENT, NULL, true},
    [OPT_SHARE] = {"percent", parse_SHARE, print_SHARE, NULL, true},
    [OPT_FACTOR] = {"factor", parse_FACTOR, print_FACTOR, NULL, true},
    [OPT_WORD] = {"word", parse_WORD, print_WORD, NULL, true},
    [OPT_AUTORESTART] = {"boolean or unexpected", parse_AUTORESTART, print_AUTORESTART,
                         json_AUTORESTART, true},
    [OPT_SIGNAL] = {"signal", parse_SIGNAL, print_SIGNAL, json_SIGNAL, true},
    [OPT_EXITCODES] = {"exit codes", parse_EXITCODES, print_EXITCODES, json_EXITCODES, false},
    [OPT_USER] = {"user", parse_USER, print_USER, json_USER, false},
    [OPT_OWNER] = {"user[:group]", parse_OWNER, print_OWNER, NULL, false},
    [OPT_GROUPNAME] = {"group", parse_GROUPNAME, print_OWNER, NULL, false},
    [OPT_LOGLEVEL] = {"log level", parse_LOGLEVEL, print_LOGLEVEL, json_LOGLEVEL, true},
    [OPT_LOGFILE] = {"path, AUTO, NONE or syslog", parse_LOGFILE, print_LOGFILE, json_LOGFILE,
                     false},
    [OPT_PATH] = {"path", parse_PATH, print_STRING, json_STRING, false},
    [OPT_FOLDER] = {"folder", parse_FOLDER, print_STRING, json_STRING, false},
    [OPT_LIST] = {"list", parse_LIST, print_LIST, NULL, false},
    [OPT_ENVIRONMENT] = {"KEY=\"value\",...", parse_ENVIRONMENT, print_ENVIRONMENT, NULL, false},
    [OPT_STOPS] = {"SIGNAL:wait,...", parse_STOPS, print_STOPS, NULL, false},
    [OPT_EXITCODE] = {"own, a number, or FROM:TO,...", parse_EXITCODE, print_EXITCODE, NULL, false},
    [OPT_ONFATAL] = {"nothing, exit or retry:duration", parse_ONFATAL, print_ONFATAL, NULL, false},
    [OPT_RLIMIT] = {"limit or soft:hard", parse_RLIMIT, print_RLIMIT, NULL, false},
    [OPT_RLIMIT_SIZE] = {"size or soft:hard", parse_RLIMIT_SIZE, print_RLIMIT, NULL, false},
    [OPT_RLIMIT_TIME] = {"duration or soft:hard", parse_RLIMIT_TIME, print_RLIMIT, NULL, false},
    [OPT_ADJUST] = {"integer", parse_ADJUST, print_ADJUST, NULL, false},
    [OPT_IONICE] = {"class[:level]", parse_IONICE, print_IONICE, NULL, false},
    [OPT_CPUS] = {"list of CPUs", parse_CPUS, print_CPUS, NULL, false},
    [OPT_CAPS] = {"list of capabilities", parse_CAPS, print_CAPS, NULL, false},
    [OPT_READY] = {"kind[:argument]", parse_READY, print_READY, NULL, false},
    [OPT_FLAG] = {"boolean", parse_FLAG, print_FLAG, NULL, false},
    [OPT_PATHS] = {"list of paths", parse_PATHS, print_PATHS, NULL, false},
    [OPT_PROFILE] = {"file", parse_PROFILE, print_PROFILE, NULL, false},
    [OPT_BYTES] = {"size", parse_BYTES, print_BYTES, NULL, false},
    [OPT_ADDRESS] = {"[host:]port", parse_ADDRESS, print_ADDRESS, NULL, false},
};

int opt_parse(const struct opt *o, struct opt_env *env, const char *text, void *obj, struct err *e)
{
    return ops[o->type].parse(o, env, text, (char *)obj + o->offset, e);
}

bool opt_print(const struct opt *o, const void *obj, struct str *out)
{
    return ops[o->type].print(o, (const char *)obj + o->offset, out);
}

void opt_json(const struct opt *o, const void *obj, struct str *out)
{
    const void *field = (const char *)obj + o->offset;
    if (ops[o->type].json) {
        ops[o->type].json(o, field, out);
        return;
    }
    struct str text = STR_INIT;
    bool set = ops[o->type].print(o, field, &text);
    json_text(set ? str_text(&text) : NULL, out);
    str_fini(&text);
}

const char *opt_type_name(const struct opt *o)
{
    return ops[o->type].what;
}

size_t opt_flat(const struct opt *o)
{
    static const size_t sizes[OPT_NTYPES] = {
#define X(name, ctype) [OPT_##name] = sizeof(ctype),
        OPT_TYPES(X)
#undef X
    };
    return ops[o->type].flat ? sizes[o->type] : 0;
}
