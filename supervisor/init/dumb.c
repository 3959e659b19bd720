/* As dumb-init: a session for the child, signals to all of it, rewritten if asked; leaves when the
 * child does. */
#include "supervisor/init/persona.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},          {"version", no_argument, NULL, 'V'},
    {"verbose", no_argument, NULL, 'v'},       {"single-child", no_argument, NULL, 'c'},
    {"rewrite", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0},
};

static const char help_text[] =
    "supd as dumb-init: starts one command as a good PID 1 does, and ends as it ends\n"
    "\n"
    "Usage: %s [OPTION...] COMMAND [ARG...]\n"
    "\n"
    "  -c, --single-child   no session of its own for the command, and signals to it alone\n"
    "                       (DUMB_INIT_SETSID=0)\n"
    "  -r, --rewrite S:R    pass signal S on as R, 0: not at all; may be repeated\n"
    "  -v, --verbose        say on stderr what happens (DUMB_INIT_DEBUG=1)\n"
    "  -h, --help           print this\n"
    "  -V, --version        print the version\n";

struct reading {
    struct init_plan *plan;
    uint64_t rewritten; /* bit n-1: -r named signal n */
    const char *name;
};

static int read_rewrite(struct reading *r, const char *text)
{
    int from, to, end = 0;
    if (sscanf(text, "%d:%d%n", &from, &to, &end) != 2 || text[end] || from < 1 || from > 31 ||
        to < 0 || to > 31) {
        init_say(r->plan, INIT_FATAL,
                 "-r takes SIGNAL:SIGNAL, numbers from 1 to 31, or SIGNAL:0; not %s", text);
        return 1;
    }
    r->plan->becomes[from] = (uint8_t)to;
    r->rewritten |= 1ULL << (from - 1);
    return -1;
}

static int read_one(struct reading *r, int opt)
{
    switch (opt) {
    case 'c':
        r->plan->session = INIT_JOINED;
        return -1;
    case 'v':
        r->plan->told = INIT_DEBUG;
        return -1;
    case 'r':
        return read_rewrite(r, optarg);
    case 'h':
        fprintf(stderr, help_text, r->name);
        return 0;
    case 'V':
        fputs("dumb-init v" SUPD_VERSION "\n", stderr);
        return 0;
    default:
        return 1;
    }
}

static bool env_is(const char *name, const char *value)
{
    const char *set = getenv(name);
    return set && strcmp(set, value) == 0;
}

static void conclude(struct reading *r)
{
    struct init_plan *plan = r->plan;
    plan->to_group = plan->parting_term = plan->session == INIT_SETSID;
    if (plan->to_group)
        init_plan_stop_hard(plan, r->rewritten);
}

static int read_dumb(int argc, char **argv, struct init_plan *plan)
{
    struct reading r = {.plan = plan, .name = argc > 0 ? argv[0] : "dumb-init"};
    int opt, status = -1;
    plan->stops_with = plan->root_directory = true;
    plan->status_missing = plan->status_denied = plan->status_other = 2;
    plan->session = env_is("DUMB_INIT_SETSID", "0") ? INIT_JOINED : INIT_SETSID;
    if (env_is("DUMB_INIT_DEBUG", "1"))
        plan->told = INIT_DEBUG;
    while (status < 0 && (opt = getopt_long(argc, argv, "+hvVcr:", long_options, NULL)) != -1)
        status = read_one(&r, opt);
    if (status >= 0)
        return status;
    if (optind >= argc) {
        fprintf(stderr, "Usage: %s [OPTION...] COMMAND [ARG...]; %s -h lists the options\n", r.name,
                r.name);
        return 1;
    }
    conclude(&r);
    plan->argv = argv + optind;
    return -1;
}

static const char *const known[] = {"dumb-init", NULL};
const struct init_persona init_dumb = {
    .name = "dumb-init", .known = known, .open = "[dumb-init] ", .close = "", .read = read_dumb};
