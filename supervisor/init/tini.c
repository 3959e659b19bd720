/* As tini: signals to the child alone unless asked, no subreaper unless asked, leaves when the
 * child does. */
#include "supervisor/init/persona.h"

#include "supervisor/base/text.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help_text[] =
    "supd as tini: starts one command as a good PID 1 does, and ends as it ends\n"
    "\n"
    "Usage: %s [OPTION...] COMMAND -- [ARG...], or %s --version\n"
    "\n"
    "  -g         pass signals to the command's process group (TINI_KILL_PROCESS_GROUP)\n"
    "  -s         become a subreaper when not PID 1 (TINI_SUBREAPER)\n"
    "  -p SIGNAL  send this signal to us when the parent dies, as in SIGKILL\n"
    "  -e STATUS  this exit status of the command becomes 0; may be repeated\n"
    "  -w         name every orphan that is reaped\n"
    "  -v         say more; up to three times (TINI_VERBOSITY, default 1)\n"
    "  -l         name the licence\n"
    "  -h         print this\n";

static void usage(FILE *to, const char *name)
{
    fprintf(to, help_text, name, name);
}

static int read_status(struct init_plan *plan, const char *text)
{
    int64_t n;
    if (text_int(text, 0, 255, &n, NULL) < 0) {
        init_say(plan, INIT_FATAL, "-e takes an exit status from 0 to 255, not %s", text);
        return 1;
    }
    plan->success[n / 8] = (uint8_t)(plan->success[n / 8] | 1u << n % 8);
    return -1;
}

static int read_parent_death(struct init_plan *plan, const char *name)
{
    for (int sig = 1; sig <= 31; sig++) {
        const char *abbrev = sigabbrev_np(sig);
        if (abbrev && strncmp(name, "SIG", 3) == 0 && strcmp(name + 3, abbrev) == 0) {
            plan->parent_death = sig;
            return -1;
        }
    }
    init_say(plan, INIT_FATAL, "-p takes the name of a signal, as in SIGTERM, not %s", name);
    return 1;
}

static int read_flag(struct init_plan *plan, int opt)
{
    if (opt == 'g')
        plan->to_group = true;
    else if (opt == 's')
        plan->subreaper = true;
    else if (opt == 'w')
        plan->tells_reaped = true;
    else if (opt == 'v' && plan->told < INIT_TRACE)
        plan->told++;
    return -1;
}

static int read_one(struct init_plan *plan, int opt, const char *name)
{
    switch (opt) {
    case 'e':
        return read_status(plan, optarg);
    case 'p':
        return read_parent_death(plan, optarg);
    case 'h':
        usage(stdout, name);
        return 0;
    case 'l':
        puts("MIT; see the file LICENSE of supd");
        return 0;
    case '?':
        usage(stderr, name);
        return 1;
    default:
        return read_flag(plan, opt);
    }
}

static void read_environment(struct init_plan *plan)
{
    const char *level = getenv("TINI_VERBOSITY");
    plan->to_group = getenv("TINI_KILL_PROCESS_GROUP") != NULL;
    plan->subreaper = getenv("TINI_SUBREAPER") != NULL;
    int64_t n;
    if (level && text_int(level, INT32_MIN, INT32_MAX, &n, NULL) == 0)
        plan->told = n < INIT_FATAL ? INIT_FATAL : n > INIT_TRACE ? INIT_TRACE : (enum init_level)n;
}

static int read_tini(int argc, char **argv, struct init_plan *plan)
{
    int opt, status = -1;
    const char *name = argc > 0 ? argv[0] : "tini";
    plan->keeps_entry = plan->warns_no_reaper = true;
    plan->becomes[SIGTTIN] = plan->becomes[SIGTTOU] = 0;
    read_environment(plan);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("tini version " SUPD_VERSION);
        return 0;
    }
    while (status < 0 && (opt = getopt(argc, argv, "+hlvwgsp:e:")) != -1)
        status = read_one(plan, opt, name);
    if (status < 0 && optind >= argc) {
        usage(stderr, name);
        status = 1;
    }
    plan->argv = argv + optind;
    return status;
}

static const char *const known[] = {"tini", "tini-static", "docker-init", NULL};
const struct init_persona init_tini = {.name = "tini",
                                       .known = known,
                                       .open = "[",
                                       .close = " tini] ",
                                       .tells_level = true,
                                       .read = read_tini};
