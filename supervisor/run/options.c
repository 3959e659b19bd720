/* supd's command line. */
#include "supervisor/run/options.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/libexec.h"
#include "supervisor/conf/load.h"
#include "supervisor/conf/show.h"

#include "supervisor/run/probe.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { OPT_CHECK = 256, OPT_DUMP, OPT_AS, OPT_MAN, OPT_PROBE };

static const struct option long_options[] = {
    {"configuration", required_argument, NULL, 'c'},
    {"nodaemon", no_argument, NULL, 'n'},
    {"check", no_argument, NULL, OPT_CHECK},
    {"dump-config", optional_argument, NULL, OPT_DUMP},
    {"as", required_argument, NULL, OPT_AS},
    {"print-options", no_argument, NULL, OPT_MAN},
    {"probe-state", required_argument, NULL, OPT_PROBE}, /* for supd itself: probe.h */
    {"version", no_argument, NULL, 'v'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static const char usage_text[] =
    "supd -- keeps programs alive: starts, restarts, logs and stops them\n"
    "\n"
    "Usage: supd [-c FILE] [--check | --dump-config[=json]]\n"
    "       supd [--single] [--setsid] [--grace DUR] [--verbose] -- COMMAND [ARG...]\n"
    "\n"
    "  -c, --configuration FILE  the configuration (default: supervisord.conf in the usual "
    "places)\n"
    "  -n, --nodaemon            stay in the foreground; only supervisord does not\n"
    "      --check               read the configuration, list what is wrong, exit 0 or 2\n"
    "      --dump-config[=json]  print the configuration as it is understood, and exit\n"
    "      --as NAME             behave as supd (default) or supervisord\n"
    "  -v, --version             print the version and exit\n"
    "  -h, --help                print this and exit\n"
    "\n"
    "With -- it is a plain init: one command, no configuration, no helpers.\n"
    "While it runs, talk to it with supctl. See supd(8) and supd.conf(5).\n";

struct reading {
    struct options *out;
    const char *dump; /* "text", "json" */
    bool check, man;
    int status; /* >= 0: leave with it */
};

static int usage_error(const char *argv0, const char *option, const char *why)
{
    fprintf(stderr, "Error: %s: %s\nFor help, use %s -h\n", option, why, argv0);
    return 2;
}

static int read_dump(struct reading *r, const char *argv0, const char *kind)
{
    r->dump = kind ? kind : "text";
    if (strcmp(r->dump, "text") != 0 && strcmp(r->dump, "json") != 0)
        return usage_error(argv0, "--dump-config", "use text or json");
    return -1;
}

static int read_as(struct reading *r, const char *argv0, const char *name)
{
    r->out->sup.as_supervisord = strcmp(name, "supervisord") == 0;
    if (strcmp(name, "supd") != 0 && strcmp(name, "supervisord") != 0)
        return usage_error(argv0, "--as", "use supd or supervisord");
    return -1;
}

static int read_probe(const char *argv0, const char *number)
{
    int64_t fd;
    if (text_int(number, 3, INT32_MAX, &fd, NULL) < 0)
        return usage_error(argv0, "--probe-state", "it takes the number of a descriptor");
    return probe_state((int)fd);
}

static int read_one(struct reading *r, int opt, const char *argv0)
{
    switch (opt) {
    case 'c':
        r->out->sup.config = optarg;
        return -1;
    case 'n':
        r->out->sup.nodaemon = true;
        return -1;
    case OPT_CHECK:
        r->check = true;
        return -1;
    case OPT_DUMP:
        return read_dump(r, argv0, optarg);
    case OPT_AS:
        return read_as(r, argv0, optarg);
    case OPT_MAN:
        r->man = true;
        return -1;
    case OPT_PROBE:
        return read_probe(argv0, optarg);
    case 'v':
        puts(SUPD_VERSION);
        return 0;
    case 'h':
        fputs(usage_text, stdout);
        return 0;
    default:
        fprintf(stderr, "For help, use %s -h\n", argv0);
        return 2;
    }
}

static int print_rows(void)
{
    struct str rows = STR_INIT;
    conf_print_man_rows(&rows);
    fputs(str_text(&rows), stdout);
    str_fini(&rows);
    return 0;
}

static int show(const struct reading *r)
{
    char self_dir[256];
    struct conf_request rq = {.path = r->out->sup.config,
                              .as_supervisord = r->out->sup.as_supervisord,
                              .environ = environ,
                              .argv0 = r->out->sup.argv[0],
                              .self_dir = self_dir};
    libexec_self(self_dir, sizeof(self_dir));
    if (r->man)
        return print_rows();
    if (r->check)
        return conf_main_show(&rq, CONF_CHECK);
    return conf_main_show(&rq, strcmp(r->dump, "json") == 0 ? CONF_DUMP_JSON : CONF_DUMP_TEXT);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

int options_read(int argc, char **argv, struct options *out)
{
    struct reading r = {.out = out, .status = -1};
    const char *argv0 = argc > 0 ? argv[0] : "supd";
    *out = (struct options){
        .sup = {.argv = argv, .environ = environ, .ready_fd = -1, .message_fd = 2}};
    out->sup.as_supervisord = strcmp(base_name(argv0), "supervisord") == 0;
    int opt, status = -1;
    while (status < 0 && (opt = getopt_long(argc, argv, "+c:nvh", long_options, NULL)) != -1)
        status = read_one(&r, opt, argv0);
    if (status >= 0)
        return status;
    if (optind < argc)
        return usage_error(argv0, argv[optind],
                           "positional arguments are not supported; to run one command as a plain "
                           "init, write: supd -- COMMAND");
    return r.check || r.dump || r.man ? show(&r) : -1;
}
