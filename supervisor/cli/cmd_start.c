/* start, stop, restart: one line for each process; for one that failed, its last output, too. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/last_lines.h"
#include "supervisor/cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "supervisor/base/mem.h"

struct outcome {
    const char *done; /* "started" */
    int exit;
    char **failed; /* processes whose last lines are of interest */
    size_t nfailed;
};

/* exit codes of single processes, where they are not those of the protocol's words */
static int exit_of(const char *code)
{
    if (strcmp(code, "NOT_RUNNING") == 0)
        return CLI_OK; /* as in Supervisor: what was asked for is so already */
    return cli_exit_of(code);
}

static void note_failed(struct outcome *o, const char *name)
{
    o->failed = mem_realloc(o->failed, (o->nfailed + 1) * sizeof(*o->failed));
    o->failed[o->nfailed++] = mem_strdup(name);
}

static bool on_row(void *obj, const struct client_reply *r)
{
    struct outcome *o = obj;
    struct str line = STR_INIT;
    const char *name = reply_text(r, "name"), *code = reply_text(r, "code");
    if (r->kind != WIRE_RECORD)
        return true;
    show_clean(&line, name);
    if (strcmp(code, "OK") == 0) {
        printf("%s: %s\n", str_text(&line), o->done);
    } else {
        str_puts(&line, ": ERROR (");
        show_clean(&line, reply_text(r, "text"));
        int exit = exit_of(code);
        fflush(stdout);
        fprintf(exit ? stderr : stdout, "%s)\n", str_text(&line));
        o->exit = cli_worst(o->exit, exit);
        if (exit == CLI_DOWN)
            note_failed(o, name);
    }
    fflush(stdout);
    str_fini(&line);
    return true;
}

static int run(struct cli *c, const char *verb, const char *done, int argc, char **argv)
{
    struct outcome o = {.done = done};
    int exit = cli_call(c, verb, argv + 1, (size_t)argc - 1, on_row, &o);
    for (size_t i = 0; i < o.nfailed; i++) {
        last_lines(c, o.failed[i]);
        free(o.failed[i]);
    }
    free(o.failed);
    return exit ? exit : o.exit;
}

int cmd_start(struct cli *c, int argc, char **argv)
{
    return run(c, "start", "started", argc, argv);
}

int cmd_stop(struct cli *c, int argc, char **argv)
{
    return run(c, "stop", "stopped", argc, argv);
}

int cmd_restart(struct cli *c, int argc, char **argv)
{
    return run(c, "restart", "restarted", argc, argv);
}
