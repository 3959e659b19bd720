/* supd's command line: Supervisor's options, which stand for those of [supervisord], and ours. */
#include "supervisor/run/options.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/libexec.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/show.h"
#include "supervisor/run/cmdline.h"
#include "supervisor/run/probe.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cmdline_row rows[] = {
    {'c', "configuration", CMDLINE_VALUE, false},
    {'n', "nodaemon", CMDLINE_FLAG, false},
    {'s', "silent", CMDLINE_FLAG, false},
    {'u', "user", CMDLINE_VALUE, false},
    {'m', "umask", CMDLINE_VALUE, false},
    {'d', "directory", CMDLINE_VALUE, false},
    {'l', "logfile", CMDLINE_VALUE, false},
    {'y', "logfile_maxbytes", CMDLINE_VALUE, false},
    {'z', "logfile_backups", CMDLINE_VALUE, false},
    {'e', "loglevel", CMDLINE_VALUE, false},
    {'j', "pidfile", CMDLINE_VALUE, false},
    {'i', "identifier", CMDLINE_VALUE, false},
    {'q', "childlogdir", CMDLINE_VALUE, false},
    {'k', "nocleanup", CMDLINE_FLAG, false},
    {'a', "minfds", CMDLINE_VALUE, false},
    {'\0', "minprocs", CMDLINE_VALUE, false},
    {'t', "strip_ansi", CMDLINE_FLAG, false},
    {'\0', "profile_options", CMDLINE_VALUE, false},
    {'h', "help", CMDLINE_FLAG, false},
    {'?', "", CMDLINE_FLAG, false},
    {'v', "version", CMDLINE_FLAG, false},
    {'\0', "check", CMDLINE_FLAG, true},
    {'\0', "lint", CMDLINE_FLAG, true},
    {'\0', "dump-config", CMDLINE_MAYBE, true},
    {'\0', "as", CMDLINE_VALUE, true},
    {'\0', "print-options", CMDLINE_FLAG, true},
    {'\0', "probe-state", CMDLINE_VALUE, true}, /* for supd itself: probe.h */
};
#define NROWS (sizeof(rows) / sizeof(rows[0]))

static const char usage_text[] =
    "supd -- keeps programs alive: starts, restarts, logs and stops them\n"
    "\n"
    "Usage: supd [OPTION...] [-c FILE] [--check | --lint | --dump-config[=json]]\n"
    "       supd [--single] [--setsid] [--grace DUR] [--verbose] -- COMMAND [ARG...]\n"
    "\n"
    "  -c, --configuration FILE  the configuration (default: supervisord.conf in the usual "
    "places)\n"
    "      --check               read the configuration, list what is wrong, exit 0 or 2\n"
    "      --lint                the same, and what Supervisor makes of each surprising line\n"
    "      --dump-config[=json]  print the configuration as it is understood, and exit\n"
    "      --as NAME             behave as supd (default) or supervisord\n"
    "  -v, --version             print the version and exit\n"
    "  -h, --help                print this and exit\n"
    "\n"
    "In the place of the same option of [supervisord]:\n";

static const char usage_end[] =
    "\n"
    "With -- it is a plain init: one command, no configuration, no helpers.\n"
    "While it runs, talk to it with supctl. See supd(8) and supd.conf(5).\n";

static const char supervisord_text[] =
    " [options]\n"
    "\n"
    "  -c, --configuration FILE  the configuration; without it supervisord.conf is looked for in "
    "the\n"
    "                            usual places\n"
    "  -v, --version             print the version of Supervisor that this stands for, and exit\n"
    "  -h, --help                print this and exit\n"
    "\n"
    "In the place of the same option of [supervisord]:\n";

static const char supervisord_end[] =
    "\n"
    "This is supd by the name of supervisord: it has these, too.\n"
    "  --check  --lint           read the configuration, list what is wrong or surprising, and "
    "exit\n"
    "  --dump-config[=json]      print the configuration as it is understood, and exit\n"
    "  --as NAME                 behave as supd or supervisord\n"
    "While it runs, talk to it with supervisorctl or supctl. See supd(8) and supd.conf(5).\n";

struct reading {
    struct options *out;
    const char *argv0;
    const char *dump; /* "text", "json" */
    bool check, lint, man;
};

static int usage_error(const char *argv0, const char *what)
{
    fprintf(stderr, "Error: %s\nFor help, use %s -h\n", what, argv0);
    return 2;
}

static int bad_value(const struct reading *r, const struct cmdline_word *w, const char *why)
{
    char what[128];
    snprintf(what, sizeof(what), "%s: %s", w->given, why);
    return usage_error(r->argv0, what);
}

static int print(void (*fn)(struct str *out))
{
    struct str text = STR_INIT;
    fn(&text);
    fputs(str_text(&text), stdout);
    str_fini(&text);
    return 0;
}

static void put_own_rows(struct str *out)
{
    for (size_t i = 0; i < NROWS; i++) {
        const char *help = conf_help("supervisord", rows[i].name);
        char letter[] = {'-', rows[i].letter, ',', '\0'}, left[40];
        if (!help)
            continue;
        snprintf(left, sizeof(left), "--%s%s", rows[i].name,
                 rows[i].takes == CMDLINE_VALUE ? " VALUE" : "");
        str_printf(out, "  %-3s %-24s %s\n", rows[i].letter ? letter : "", left, help);
    }
}

static int print_help(const struct reading *r)
{
    struct str text = STR_INIT;
    bool ours = !r->out->sup.as_supervisord;
    if (!ours)
        str_printf(&text,
                   "supervisord -- keeps a set of programs running, in the background\n\nUsage: %s",
                   r->argv0);
    str_puts(&text, ours ? usage_text : supervisord_text);
    put_own_rows(&text);
    str_puts(&text, ours ? usage_end : supervisord_end);
    fputs(str_text(&text), stdout);
    str_fini(&text);
    return 0;
}

static int read_dump(struct reading *r, const struct cmdline_word *w)
{
    r->dump = w->text ? w->text : "text";
    if (strcmp(r->dump, "text") != 0 && strcmp(r->dump, "json") != 0)
        return bad_value(r, w, "use text or json");
    return -1;
}

static int read_as(struct reading *r, const struct cmdline_word *w)
{
    r->out->sup.as_supervisord = strcmp(w->text, "supervisord") == 0;
    if (strcmp(w->text, "supd") != 0 && strcmp(w->text, "supervisord") != 0)
        return bad_value(r, w, "use supd or supervisord");
    return -1;
}

static int read_probe(struct reading *r, const struct cmdline_word *w)
{
    int64_t fd;
    if (text_int(w->text, 3, INT32_MAX, &fd, NULL) < 0)
        return bad_value(r, w, "it takes the number of a descriptor");
    return probe_state((int)fd);
}

static int print_version(const struct reading *r)
{
    puts(r->out->sup.as_supervisord ? SUPERVISOR_VERSION : SUPD_VERSION);
    return 0;
}

/* An option of [supervisord]. */
static int read_own(struct reading *r, const struct cmdline_word *w)
{
    struct options *o = r->out;
    if (strcmp(w->row->name, "profile_options") == 0)
        return -1; /* there is no Python to profile */
    o->words[o->sup.nwords] =
        (struct conf_word){.option = w->row->name, .text = w->text ? w->text : "true"};
    snprintf(o->words[o->sup.nwords].given, sizeof(w->given), "%s", w->given);
    o->sup.nwords++;
    o->sup.nodaemon |= w->row->letter == 'n';
    return -1;
}

static int read_ours(struct reading *r, const struct cmdline_word *w)
{
    const char *name = w->row->name;
    if (strcmp(name, "check") == 0)
        r->check = true;
    else if (strcmp(name, "lint") == 0)
        r->lint = true;
    else if (strcmp(name, "print-options") == 0)
        r->man = true;
    else if (strcmp(name, "dump-config") == 0)
        return read_dump(r, w);
    else if (strcmp(name, "probe-state") == 0)
        return read_probe(r, w);
    return -1; /* --as was read first */
}

static int read_one(struct reading *r, const struct cmdline_word *w)
{
    switch (w->row->letter) {
    case 'c':
        r->out->sup.config = w->text;
        return -1;
    case 'v':
        return print_version(r);
    case 'h':
    case '?':
        return print_help(r);
    default:
        return w->row->ours ? read_ours(r, w) : read_own(r, w);
    }
}

static int show(const struct reading *r)
{
    char self_dir[256];
    const struct sup_options *o = &r->out->sup;
    struct conf_request rq = {.path = o->config,
                              .as_supervisord = o->as_supervisord,
                              .environ = environ,
                              .argv0 = o->argv[0],
                              .words = o->words,
                              .nwords = o->nwords,
                              .self_dir = self_dir};
    libexec_self(self_dir, sizeof(self_dir));
    if (r->man)
        return print(conf_print_man_rows);
    if (r->check || r->lint)
        return conf_main_show(&rq, r->lint ? CONF_LINT : CONF_CHECK);
    return conf_main_show(&rq, strcmp(r->dump, "json") == 0 ? CONF_DUMP_JSON : CONF_DUMP_TEXT);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What is left over, as Supervisor lists it; who wanted a plain init learns how. */
static int positional(const struct reading *r, int argc, char *const *argv, int rest)
{
    struct str text = STR_INIT;
    str_puts(&text, "positional arguments are not supported: [");
    for (int i = rest; i < argc; i++) {
        str_puts(&text, i > rest ? ", " : "");
        py_repr(&text, argv[i], false);
    }
    str_puts(&text, "]; to run one command as a plain init, write: supd -- COMMAND");
    int status = usage_error(r->argv0, str_text(&text));
    str_fini(&text);
    return status;
}

/* The name decides what some of the others mean. */
static int read_name(struct reading *r, const struct cmdline *line)
{
    for (size_t i = 0; i < line->n; i++)
        if (strcmp(line->words[i].row->name, "as") == 0)
            return read_as(r, &line->words[i]);
    return -1;
}

static bool seen_before(const struct cmdline *line, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (line->words[i].row == line->words[at].row)
            return true;
    return false;
}

static int read_words(struct reading *r, const struct cmdline *line)
{
    int status = read_name(r, line);
    for (size_t i = 0; i < line->n && status < 0; i++) {
        char what[64];
        snprintf(what, sizeof(what), "conflicting command line option '%s'", line->words[i].given);
        status = seen_before(line, i) ? usage_error(r->argv0, what) : read_one(r, &line->words[i]);
    }
    return status;
}

int options_read(int argc, char **argv, struct options *out)
{
    struct reading r = {.out = out, .argv0 = argc > 0 ? argv[0] : "supd"};
    struct cmdline line;
    if (strcmp(base_name(r.argv0), "echo_supervisord_conf") == 0)
        return print(conf_print_sample);
    *out = (struct options){
        .sup = {.argv = argv, .environ = environ, .ready_fd = -1, .message_fd = 2}};
    out->sup.words = out->words;
    out->sup.as_supervisord = strcmp(base_name(r.argv0), "supervisord") == 0;
    int status;
    if (cmdline_read(rows, NROWS, argc, argv, &line) < 0)
        status = usage_error(r.argv0, str_text(&line.error));
    else if (line.rest < argc)
        status = positional(&r, argc, argv, line.rest);
    else
        status = read_words(&r, &line);
    str_fini(&line.error);
    if (status >= 0)
        return status;
    return r.check || r.lint || r.dump || r.man ? show(&r) : -1;
}
