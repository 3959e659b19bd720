/* The command line of supervisorctl, over what its section of the configuration says. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/run/cmdline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cmdline_row rows[] = {
    {'c', "configuration", CMDLINE_VALUE, false},
    {'h', "help", CMDLINE_FLAG, false},
    {'?', "", CMDLINE_FLAG, false},
    {'i', "interactive", CMDLINE_FLAG, false},
    {'s', "serverurl", CMDLINE_VALUE, false},
    {'u', "username", CMDLINE_VALUE, false},
    {'p', "password", CMDLINE_VALUE, false},
    {'r', "history_file", CMDLINE_VALUE, false},
    {'\0', "as", CMDLINE_VALUE, true},
};

static const char usage_text[] =
    "supervisorctl -- controls the programs that a supervisord runs\n"
    "\n"
    "Usage: %s [options] [action [arguments]]\n"
    "\n"
    "Options:\n"
    "-c/--configuration FILENAME -- the configuration (looked for if not given)\n"
    "-h/--help -- print this and exit\n"
    "-i/--interactive -- ask before supervisord is ended or started anew\n"
    "-s/--serverurl URL -- where supervisord listens\n"
    "     (default \"http://localhost:9001\").\n"
    "-u/--username USERNAME -- the user name that the server wants\n"
    "-p/--password PASSWORD -- the password that it wants\n"
    "-r/--history_file FILENAME -- where the shell keeps its history\n"
    "\n"
    "action [arguments] -- see below\n"
    "\n"
    "An action is a command such as \"tail\" or \"stop\". Without one there is a shell that\n"
    "takes them. The action \"help\" lists them all.\n"
    "\n";

/* what the command line gave; NULL: nothing */
struct given {
    const char *file, *url, *user, *password, *history;
    bool help, interactive;
};

static int usage_error(const char *argv0, const char *what)
{
    fprintf(stderr, "Error: %s\nFor help, use %s -h\n", what, argv0);
    return SCTL_ARGS;
}

static bool is_url(const char *text)
{
    const char *p = text;
    while (isalnum((unsigned char)*p) || *p == '+' || *p == '-' || *p == '.')
        p++;
    return isalpha((unsigned char)text[0]) && *p == ':' && p[1] && !strchr("?#", p[1]);
}

static int bad_url(const char *argv0, const struct cmdline_word *w)
{
    struct str what = STR_INIT;
    str_printf(&what, "invalid value for %s ", w->given);
    py_repr(&what, w->text, false);
    str_puts(&what, ": value ");
    py_repr(&what, w->text, false);
    str_puts(&what, " is not a URL");
    int status = usage_error(argv0, str_text(&what));
    str_fini(&what);
    return status;
}

/* the place of an option's text in given; NULL: it has none */
static const char **place(struct given *g, char letter)
{
    switch (letter) {
    case 'c':
        return &g->file;
    case 's':
        return &g->url;
    case 'u':
        return &g->user;
    case 'p':
        return &g->password;
    case 'r':
        return &g->history;
    default:
        return NULL;
    }
}

/* -1, or the exit code */
static int take(struct given *g, const char *argv0, const struct cmdline_word *w)
{
    const char **text = place(g, w->row->letter);
    char what[64];
    if (w->row->letter == 'h' || w->row->letter == '?') {
        printf(usage_text, argv0);
        return SCTL_OK;
    }
    if (w->row->letter == 's' && !is_url(w->text))
        return bad_url(argv0, w);
    if ((text && *text) || (w->row->letter == 'i' && g->interactive)) {
        snprintf(what, sizeof(what), "conflicting command line option '%s'", w->given);
        return usage_error(argv0, what);
    }
    if (text)
        *text = w->text;
    g->interactive |= w->row->letter == 'i';
    return -1;
}

static int read_line(struct given *g, int argc, char **argv, int *out_rest)
{
    struct cmdline line;
    int status = -1;
    if (cmdline_read(rows, sizeof(rows) / sizeof(rows[0]), argc, argv, &line) < 0)
        status = usage_error(argv[0], str_text(&line.error));
    for (size_t i = 0; i < line.n && status < 0; i++)
        status = take(g, argv[0], &line.words[i]);
    *out_rest = line.rest;
    str_fini(&line.error);
    return status;
}

static const char *either(const char *given, const char *file)
{
    return given ? given : file;
}

int sctl_options(struct sctl *c, int argc, char **argv, int *out_rest)
{
    struct given g = {.file = NULL};
    struct err e;
    int status = read_line(&g, argc, argv, out_rest);
    if (status >= 0)
        return status;
    struct conf_request rq = {.path = g.file, .argv0 = argv[0], .environ = environ};
    if (ctlconf_read(&rq, &c->conf, &e) < 0)
        return usage_error(argv[0], e.msg);
    c->url = either(g.url, c->conf.serverurl);
    c->user = either(g.user, c->conf.username);
    c->password = either(g.password, c->conf.password);
    c->history_file = either(g.history, c->conf.history_file);
    c->prompt = c->conf.prompt;
    c->interactive = g.interactive || *out_rest == argc;
    return -1;
}
