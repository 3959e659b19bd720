/* supctl's command line and its surroundings. */
#include "supervisor/cli/options.h"
#include "supervisor/cli/cmd.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* A terminal takes colours unless NO_COLOR says no; CLICOLOR_FORCE is for tests and pagers. */
static void look_at_terminal(struct cli *c)
{
    struct winsize ws;
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM"), *force = getenv("CLICOLOR_FORCE");
    bool tty = isatty(STDOUT_FILENO);
    if (tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0)
        c->width = ws.ws_col;
    c->screen = tty && term && *term && strcmp(term, "dumb") != 0;
    c->colour = (c->screen && !(no && *no)) || (force && *force && *force != '0');
}

static void find_socket(struct cli *c, const char *given)
{
    struct sockpath_in in = {
        .given = given,
        .env_socket = getenv("SUPD_SOCKET"),
        .runtime_dir = getenv("XDG_RUNTIME_DIR"),
        .uid = geteuid(),
    };
    c->from = sockpath(&in, c->socket, sizeof(c->socket));
}

static int print_help(struct cli *c)
{
    char *argv[] = {(char *)(uintptr_t) "help", NULL};
    return -1 - cmd_help(c, 1, argv);
}

static int usage(void)
{
    fputs("try: supctl --help\n", stderr);
    return -1 - CLI_USAGE;
}

int cli_options(int argc, char **argv, struct cli *c)
{
    static const struct option longs[] = {
        {"socket", required_argument, NULL, 's'},   {"json", no_argument, NULL, 'j'},
        {"print-commands", no_argument, NULL, 'P'}, {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},        {NULL, 0, NULL, 0},
    };
    const char *given = NULL;
    bool help = false;
    int o;
    *c = (struct cli){.client = {.fd = -1}};
    while ((o = getopt_long(argc, argv, "+s:h", longs, NULL)) != -1) {
        if (o == 's')
            given = optarg;
        else if (o == 'j')
            c->json = true;
        else if (o == 'h')
            help = true;
        else if (o == 'V')
            return printf("supctl %s\n", SUPD_VERSION) < 0 ? -1 - CLI_FAILED : -1;
        else if (o == 'P')
            return -1 - cli_print_commands();
        else
            return usage();
    }
    signal(SIGPIPE, SIG_DFL);
    find_socket(c, given);
    look_at_terminal(c);
    return help ? print_help(c) : optind;
}

int cli_finish(struct cli *c, int status)
{
    if (c->connected)
        client_close(&c->client);
    if (fflush(stdout) == 0)
        return status;
    cli_complain("cannot write to standard output: %s", strerror(errno));
    return status == CLI_OK ? CLI_FAILED : status;
}
