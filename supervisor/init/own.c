/* Our own manner: signals to the whole group, and nothing left behind. */
#include "supervisor/init/persona.h"

#include "supervisor/base/dur.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_S = 5 };

static const char help_text[] =
    "supd -- COMMAND: starts one command as a good PID 1 does, and ends as it ends\n"
    "\n"
    "Usage: supd [OPTION...] -- COMMAND [ARG...]\n"
    "\n"
    "  --single       pass signals to the command alone, not to its whole process group\n"
    "  --setsid       give the command a session of its own\n"
    "  --grace DUR    what the command leaves behind gets TERM, and KILL after this (default 5s)\n"
    "  --verbose      say on stderr what happens; twice: every signal\n"
    "\n"
    "Exit status: the command's own, 128+N if signal N ended it, 127 if it is not found, 126 if "
    "it\n"
    "may not be run, 1 for anything else. See supd(8).\n";

static const char *set_single(struct init_plan *plan, const char *value)
{
    (void)value;
    plan->to_group = false;
    return NULL;
}

static const char *set_setsid(struct init_plan *plan, const char *value)
{
    (void)value;
    plan->session = INIT_SETSID;
    plan->follows_stops = false;
    return NULL;
}

static const char *set_grace(struct init_plan *plan, const char *value)
{
    if (dur_parse(value, &plan->grace, NULL) < 0 || plan->grace.ns < 0)
        return "takes a duration, as in 10s or 1m30s";
    return NULL;
}

static const char *set_verbose(struct init_plan *plan, const char *value)
{
    (void)value;
    plan->told = plan->told < INIT_DEBUG ? INIT_DEBUG : INIT_TRACE;
    return NULL;
}

static const struct row {
    const char *name;
    bool takes; /* a value, as --name VALUE or --name=VALUE */
    const char *(*set)(struct init_plan *plan, const char *value); /* NULL, or what is wrong */
} rows[] = {
    {"single", false, set_single},
    {"setsid", false, set_setsid},
    {"grace", true, set_grace},
    {"verbose", false, set_verbose},
};

static const struct row *row_of(const char *word)
{
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strlen(rows[i].name) == n && memcmp(rows[i].name, word, n) == 0 &&
            (rows[i].takes || !word[n]))
            return &rows[i];
    }
    return NULL;
}

int init_own_options(int argc, char *const *argv, struct init_plan *plan, int *out_at,
                     const char **out_why)
{
    int i;
    for (i = 1; i < argc && argv[i][0] == '-'; i++) {
        *out_at = i;
        if (strcmp(argv[i], "--") == 0)
            return i + 1;
        const struct row *row = strncmp(argv[i], "--", 2) == 0 ? row_of(argv[i] + 2) : NULL;
        const char *value = strchr(argv[i], '=');
        *out_why = "there is no such option";
        if (!row)
            return -1;
        *out_why = "takes a value";
        if (row->takes && !value && ++i == argc)
            return -1;
        *out_why = plan ? row->set(plan, value ? value + 1 : argv[i]) : NULL;
        if (*out_why)
            return -1;
    }
    return i;
}

static int asked(const char *word)
{
    if (strcmp(word, "-h") == 0 || strcmp(word, "--help") == 0)
        fputs(help_text, stdout);
    else if (strcmp(word, "--version") == 0)
        puts(SUPD_VERSION);
    else
        return -1;
    return 0;
}

static int read_own(int argc, char **argv, struct init_plan *plan)
{
    int at = 0;
    const char *why = NULL;
    plan->to_group = plan->stops_with = plan->follows_stops = plan->keeps_entry = true;
    plan->root_directory = plan->subreaper = plan->clears = true;
    plan->grace = DUR_S(GRACE_S);
    if (getpid() != 1)
        init_plan_stop_hard(plan, 0);
    int end = init_own_options(argc, argv, plan, &at, &why);
    if (end < 0) {
        if (asked(argv[at]) == 0)
            return 0;
        init_say(plan, INIT_FATAL, "%s: %s; supd(8) has the options of plain init", argv[at], why);
        return 1;
    }
    if (end >= argc) {
        init_say(plan, INIT_FATAL, "no command; usage: supd [OPTION...] -- COMMAND [ARG...]");
        return 1;
    }
    plan->argv = argv + end;
    return -1;
}

static const char *const known[] = {"supd-init", NULL};
const struct init_persona init_own = {
    .name = "supd", .known = known, .open = "supd: ", .close = "", .read = read_own};
