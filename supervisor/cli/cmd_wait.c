/* wait: returns when processes are ready, done, started or stopped, or when they cannot be. */
#include "supervisor/base/dur.h"
#include "supervisor/base/mem.h"
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on_row(void *obj, const struct client_reply *r)
{
    int *worst = obj;
    if (r->kind == WIRE_RECORD && !show_outcome(r, NULL))
        *worst = cli_worst(*worst, cli_exit_of(reply_text(r, "code")));
    return true;
}

/* Takes "--timeout T" or "--timeout=T" out of the arguments; NULL: it is not there. */
static const char *take_timeout(int *argc, char **argv)
{
    static const char name[] = "--timeout";
    for (int i = 1; i < *argc; i++) {
        if (strncmp(argv[i], name, sizeof(name) - 1) != 0)
            continue;
        const char *text = argv[i][sizeof(name) - 1] == '=' ? argv[i] + sizeof(name) : NULL;
        bool apart = !argv[i][sizeof(name) - 1];
        if (apart)
            text = i + 1 < *argc ? argv[i + 1] : "";
        if (!text)
            continue;
        int gone = apart && i + 1 < *argc ? 2 : 1;
        memmove(argv + i, argv + i + gone, (size_t)(*argc - i - gone + 1) * sizeof(*argv));
        *argc -= gone;
        return text;
    }
    return NULL;
}

int cmd_wait(struct cli *c, int argc, char **argv)
{
    int worst = CLI_OK;
    struct err e;
    dur_t limit;
    char option[48];
    const char *timeout = take_timeout(&argc, argv);
    if (timeout && dur_parse(timeout, &limit, &e) < 0) {
        cli_complain("--timeout: %s", e.msg);
        return CLI_USAGE;
    }
    if (argc < 2)
        return cli_usage(cli_find(argv[0]));
    char **args = mem_alloc(((size_t)argc + 1) * sizeof(*args));
    size_t n = 0;
    for (int i = 1; i < argc; i++)
        args[n++] = argv[i];
    snprintf(option, sizeof(option), "timeout_ms=%" PRId64, timeout ? limit.ns / 1000000 : 0);
    if (timeout)
        args[n++] = option;
    int exit = cli_call(c, "wait", args, n, on_row, &worst);
    free(args);
    return exit ? exit : worst;
}
