/* The types of option rows: for each a parser, a printer and a JSON form. */
#include "supervisor/base/dur.h"
#include "supervisor/base/log.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/opt.h"
#include "supervisor/conf/pytext.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

struct opt_ops {
    const char *what;
    int (*parse)(const struct opt *o, struct opt_env *env, const char *text, void *field,
                 struct err *e);
    bool (*print)(const struct opt *o, const void *field, struct str *out);
    void (*json)(const struct opt *o, const void *field, struct str *out); /* NULL: print, quoted */
    bool flat; /* a number: its bytes are its value */
};

#define PARSER(name)                                                                               \
    static int parse_##name(const struct opt *o, struct opt_env *env, const char *text,            \
                            void *field, struct err *e)
#define PRINTER(name)                                                                              \
    static bool print_##name(const struct opt *o, const void *field, struct str *out)
#define JSON(name) static void json_##name(const struct opt *o, const void *field, struct str *out)
#define UNUSED (void)o

static int check_limits(const struct opt *o, int64_t n, struct err *e)
{
    if (!(o->lo || o->hi) || (n >= o->lo && n <= o->hi))
        return 0;
    return err_set(e, "%" PRId64 " is not between %" PRId64 " and %" PRId64, n, o->lo, o->hi);
}

PARSER(STRING)
{
    UNUSED;
    if ((o->flags & OPT_NOT_EMPTY) && !*text)
        return err_set(e, "is empty");
    *(const char **)field = arena_strdup(env->a, text);
    return 0;
}

PRINTER(STRING)
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

JSON(STRING)
{
    UNUSED;
    json_text(*(const char *const *)field, out);
}

PARSER(BOOLEAN)
{
    UNUSED;
    (void)env;
    return val_boolean(text, field, e);
}

PRINTER(BOOLEAN)
{
    UNUSED;
    str_puts(out, *(const bool *)field ? "true" : "false");
    return true;
}

JSON(BOOLEAN)
{
    print_BOOLEAN(o, field, out);
}

PARSER(INTEGER)
{
    (void)env;
    return val_integer(text, field, e) < 0 ? -1 : check_limits(o, *(int64_t *)field, e);
}

PRINTER(INTEGER)
{
    UNUSED;
    str_printf(out, "%" PRId64, *(const int64_t *)field);
    return true;
}

JSON(INTEGER)
{
    print_INTEGER(o, field, out);
}

PARSER(SIZE)
{
    (void)env;
    return val_size(text, field, e) < 0 ? -1 : check_limits(o, *(int64_t *)field, e);
}

PRINTER(SIZE)
{
    UNUSED;
    val_print_size(out, *(const int64_t *)field);
    return true;
}

JSON(SIZE)
{
    print_INTEGER(o, field, out);
}

PARSER(OCTAL)
{
    UNUSED;
    (void)env;
    struct octal_val *v = field;
    v->set = true;
    return val_octal(text, &v->v, e);
}

PRINTER(OCTAL)
{
    UNUSED;
    const struct octal_val *v = field;
    if (v->set)
        str_printf(out, "%s%03" PRIo64, v->v < 0 ? "-" : "", v->v < 0 ? -v->v : v->v);
    return v->set;
}

JSON(OCTAL)
{
    UNUSED;
    const struct octal_val *v = field;
    if (v->set)
        str_printf(out, "%" PRId64, v->v);
    else
        str_puts(out, "null");
}

PARSER(DURATION)
{
    (void)env;
    dur_t d;
    if (dur_parse(text, &d, e) < 0)
        return -1;
    *(int64_t *)field = d.ns;
    if (!(o->lo || o->hi) || (d.ns >= o->lo && d.ns <= o->hi))
        return 0;
    char lo[DUR_TEXT], hi[DUR_TEXT];
    return err_set(e, "%s is not between %s and %s", text,
                   dur_format((dur_t){o->lo}, lo, sizeof(lo)),
                   dur_format((dur_t){o->hi}, hi, sizeof(hi)));
}

PRINTER(DURATION)
{
    UNUSED;
    char buf[DUR_TEXT];
    int64_t ns = *(const int64_t *)field;
    if (ns < 0)
        return false;
    str_puts(out, dur_format((dur_t){ns}, buf, sizeof(buf)));
    return true;
}

PARSER(PERCENT)
{
    UNUSED;
    (void)env;
    return val_percent(text, field, e);
}

static void print_milli(int32_t milli, struct str *out)
{
    str_printf(out, "%d", milli / 1000);
    if (milli % 1000) {
        str_printf(out, ".%03d", milli % 1000);
        while (out->s[out->len - 1] == '0')
            out->s[--out->len] = '\0';
    }
}

PRINTER(PERCENT)
{
    UNUSED;
    int32_t milli = *(const int32_t *)field;
    str_printf(out, "%d", milli / 10);
    if (milli % 10)
        str_printf(out, ".%d", milli % 10);
    str_putc(out, '%');
    return true;
}

PARSER(FACTOR)
{
    UNUSED;
    (void)env;
    return val_factor(text, field, e);
}

PRINTER(FACTOR)
{
    UNUSED;
    int32_t milli = *(const int32_t *)field;
    if (milli)
        print_milli(milli, out);
    return milli;
}

PARSER(WORD)
{
    (void)env;
    return val_word(text, o->words, field, e);
}

PRINTER(WORD)
{
    str_puts(out, o->words[*(const uint8_t *)field]);
    return true;
}

PARSER(AUTORESTART)
{
    UNUSED;
    (void)env;
    return val_autorestart(text, field, e);
}

static const char *const restart_words[] = {[GEN_RESTART_NEVER] = "false",
                                            [GEN_RESTART_ALWAYS] = "true",
                                            [GEN_RESTART_UNEXPECTED] = "unexpected"};

PRINTER(AUTORESTART)
{
    UNUSED;
    str_puts(out, restart_words[*(const uint8_t *)field]);
    return true;
}

JSON(AUTORESTART)
{
    bool word = *(const uint8_t *)field == GEN_RESTART_UNEXPECTED;
    str_puts(out, word ? "\"" : "");
    print_AUTORESTART(o, field, out);
    str_puts(out, word ? "\"" : "");
}

PARSER(SIGNAL)
{
    UNUSED;
    (void)env;
    return val_signal(text, field, e);
}

PRINTER(SIGNAL)
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

JSON(SIGNAL)
{
    UNUSED;
    str_printf(out, "%d", *(const int *)field);
}

PARSER(EXITCODES)
{
    UNUSED;
    struct codes_val *v = field;
    return val_exitcodes(env->a, text, &v->v, &v->n, e);
}

PRINTER(EXITCODES)
{
    UNUSED;
    const struct codes_val *v = field;
    for (size_t i = 0; i < v->n; i++)
        str_printf(out, "%s%d", i ? "," : "", v->v[i]);
    return true;
}

JSON(EXITCODES)
{
    str_putc(out, '[');
    print_EXITCODES(o, field, out);
    str_putc(out, ']');
}

PARSER(USER)
{
    UNUSED;
    return user_find(env->a, text, field, e);
}

PRINTER(USER)
{
    UNUSED;
    const struct user_val *u = field;
    str_puts(out, u->name ? u->name : "");
    return u->name;
}

JSON(USER)
{
    UNUSED;
    const struct user_val *u = field;
    if (u->name)
        str_printf(out, "%" PRId64, u->uid);
    else
        str_puts(out, "null");
}

PARSER(OWNER)
{
    UNUSED;
    struct owner_val *v = field;
    v->text = arena_strdup(env->a, text);
    return user_group_find(text, &v->uid, &v->gid, e);
}

PRINTER(OWNER)
{
    UNUSED;
    const struct owner_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

JSON(OWNER)
{
    UNUSED;
    const struct owner_val *v = field;
    str_printf(out, "[%" PRId64 ", %" PRId64 "]", v->text ? v->uid : -1, v->text ? v->gid : -1);
}

PARSER(GROUPNAME)
{
    UNUSED;
    struct owner_val *v = field;
    v->text = arena_strdup(env->a, text);
    v->uid = -1;
    return unix_group_find(text, &v->gid, e);
}

PARSER(LOGLEVEL)
{
    UNUSED;
    (void)env;
    return val_loglevel(text, field, e);
}

PRINTER(LOGLEVEL)
{
    UNUSED;
    str_puts(out, log_level_name((enum log_level) * (const int *)field));
    return true;
}

JSON(LOGLEVEL)
{
    json_SIGNAL(o, field, out);
}

PARSER(LOGFILE)
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

PRINTER(LOGFILE)
{
    UNUSED;
    const struct logfile_val *v = field;
    str_puts(out, v->syslog                  ? "syslog"
                  : v->sink == GEN_SINK_AUTO ? "AUTO"
                  : v->sink == GEN_SINK_NONE ? "NONE"
                                             : v->path);
    return true;
}

JSON(LOGFILE)
{
    UNUSED;
    const struct logfile_val *v = field;
    json_text(v->sink == GEN_SINK_AUTO ? "AUTO" : v->sink == GEN_SINK_FILE ? v->path : NULL, out);
}

PARSER(PATH)
{
    UNUSED;
    return path_in_folder(env->a, &env->paths, text, field, e);
}

PARSER(FOLDER)
{
    UNUSED;
    return path_folder(env->a, &env->paths, text, field, e);
}

PARSER(LIST)
{
    UNUSED;
    (void)e;
    *(struct str_list *)field = val_list(env->a, text);
    return 0;
}

PRINTER(LIST)
{
    UNUSED;
    const struct str_list *l = field;
    for (size_t i = 0; i < l->n; i++)
        str_printf(out, "%s%s", i ? "," : "", l->v[i]);
    return true;
}

PARSER(ENVIRONMENT)
{
    UNUSED;
    return words_env(env->a, text, (struct env_lex_opts){.exact = env->exact}, field, &env->dropped,
                     &env->extended, e);
}

PRINTER(ENVIRONMENT)
{
    UNUSED;
    return words_env_print(out, field);
}

JSON(ENVIRONMENT)
{
    UNUSED;
    const struct env_list *l = field;
    str_putc(out, '{');
    for (size_t i = 0; i < l->n; i++) {
        str_puts(out, i ? ", " : "");
        py_json(out, l->v[i].key);
        str_puts(out, ": ");
        py_json(out, l->v[i].value);
    }
    str_putc(out, '}');
}

/* one "TERM:10s" of stopsignals=; a wait is wanted for all but the last */
static int parse_stop(const char *text, bool last, struct gen_stop *out, struct err *e)
{
    const char *colon = strchr(text, ':');
    char name[32] = "";
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n < sizeof(name))
        memcpy(name, text, n);
    int sig;
    dur_t d = DUR_S(10);
    if (val_signal(name, &sig, e) < 0)
        return -1;
    if (sig < 1)
        return err_set(e, "%s is no signal that stops a process", name);
    if (colon && dur_parse(colon + 1, &d, e) < 0)
        return err_prefix(e, "the wait after %s", name);
    if (!colon && !last)
        return err_set(e, "%s has no wait; write %s:10s", name, name);
    *out = (struct gen_stop){.sig = sig, .wait_ns = d.ns};
    return 0;
}

PARSER(STOPS)
{
    UNUSED;
    struct stops_val *v = field;
    struct str_list l = val_list(env->a, text);
    v->text = arena_strdup(env->a, text);
    v->v = arena_alloc(env->a, l.n * sizeof(*v->v));
    v->n = l.n;
    if (!l.n || l.n > 16)
        return err_set(e, "'%s' is not a list of 1 to 16 signals such as TERM:10s,INT:5s,KILL",
                       text);
    for (size_t i = 0; i < l.n; i++) {
        if (parse_stop(l.v[i], i + 1 == l.n, &v->v[i], e) < 0)
            return -1;
    }
    return 0;
}

PRINTER(STOPS)
{
    UNUSED;
    const struct stops_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

PARSER(ONFATAL)
{
    UNUSED;
    (void)env;
    struct fatal_val *v = field;
    *v = (struct fatal_val){.action = GEN_FATAL_NOTHING};
    if (strcasecmp(text, "nothing") == 0)
        return 0;
    if (strcasecmp(text, "exit") == 0) {
        v->action = GEN_FATAL_EXIT;
        return 0;
    }
    dur_t d;
    if (strncasecmp(text, "retry:", 6) != 0)
        return err_set(e, "'%s' is not one of nothing, exit, retry:DURATION", text);
    if (dur_parse(text + 6, &d, e) < 0)
        return -1;
    if (d.ns <= 0)
        return err_set(e, "retry:%s: the wait has to be longer than 0", text + 6);
    *v = (struct fatal_val){.action = GEN_FATAL_RETRY, .retry_ns = d.ns};
    return 0;
}

PRINTER(ONFATAL)
{
    UNUSED;
    static const char *const words[] = {"nothing", "exit", "retry:"};
    const struct fatal_val *v = field;
    char buf[DUR_TEXT];
    str_puts(out, words[v->action]);
    if (v->action == GEN_FATAL_RETRY)
        str_puts(out, dur_format((dur_t){v->retry_ns}, buf, sizeof(buf)));
    return true;
}

PARSER(ADDRESS)
{
    UNUSED;
    struct addr_val *v = field;
    v->text = arena_strdup(env->a, text);
    return val_inet(env->a, text, &v->host, &v->port, e);
}

PRINTER(ADDRESS)
{
    UNUSED;
    const struct addr_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

static const struct opt_ops ops[OPT_NTYPES] = {
    [OPT_STRING] = {"text", parse_STRING, print_STRING, json_STRING},
    [OPT_BOOLEAN] = {"boolean", parse_BOOLEAN, print_BOOLEAN, json_BOOLEAN, true},
    [OPT_INTEGER] = {"number", parse_INTEGER, print_INTEGER, json_INTEGER, true},
    [OPT_SIZE] = {"size", parse_SIZE, print_SIZE, json_SIZE, true},
    [OPT_OCTAL] = {"octal", parse_OCTAL, print_OCTAL, json_OCTAL},
    [OPT_DURATION] = {"duration", parse_DURATION, print_DURATION, NULL, true},
    [OPT_PERCENT] = {"percentage", parse_PERCENT, print_PERCENT, NULL, true},
    [OPT_FACTOR] = {"factor", parse_FACTOR, print_FACTOR, NULL, true},
    [OPT_WORD] = {"word", parse_WORD, print_WORD, NULL, true},
    [OPT_AUTORESTART] = {"boolean or unexpected", parse_AUTORESTART, print_AUTORESTART,
                         json_AUTORESTART, true},
    [OPT_SIGNAL] = {"signal", parse_SIGNAL, print_SIGNAL, json_SIGNAL, true},
    [OPT_EXITCODES] = {"exit codes", parse_EXITCODES, print_EXITCODES, json_EXITCODES},
    [OPT_USER] = {"user", parse_USER, print_USER, json_USER},
    [OPT_OWNER] = {"user[:group]", parse_OWNER, print_OWNER, json_OWNER},
    [OPT_GROUPNAME] = {"group", parse_GROUPNAME, print_OWNER, json_OWNER},
    [OPT_LOGLEVEL] = {"log level", parse_LOGLEVEL, print_LOGLEVEL, json_LOGLEVEL, true},
    [OPT_LOGFILE] = {"path, AUTO, NONE or syslog", parse_LOGFILE, print_LOGFILE, json_LOGFILE},
    [OPT_PATH] = {"path", parse_PATH, print_STRING, json_STRING},
    [OPT_FOLDER] = {"folder", parse_FOLDER, print_STRING, json_STRING},
    [OPT_LIST] = {"list", parse_LIST, print_LIST, NULL},
    [OPT_ENVIRONMENT] = {"KEY=\"value\",...", parse_ENVIRONMENT, print_ENVIRONMENT,
                         json_ENVIRONMENT},
    [OPT_STOPS] = {"SIGNAL:wait,...", parse_STOPS, print_STOPS, NULL},
    [OPT_ONFATAL] = {"nothing, exit or retry:duration", parse_ONFATAL, print_ONFATAL, NULL},
    [OPT_ADDRESS] = {"[host:]port", parse_ADDRESS, print_ADDRESS, NULL},
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
