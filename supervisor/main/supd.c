/* supd: PID 1 that keeps queue workers alive. The main only reads the command line. */
#include "supervisor/base/fd.h"
#include "supervisor/init/init.h"
#include "supervisor/init/pidproxy.h"
#include "supervisor/run/daemon.h"
#include "supervisor/run/exitpol.h"
#include "supervisor/run/keeper.h"
#include "supervisor/run/options.h"
#include "supervisor/run/reexec.h"
#include "supervisor/run/resume.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

static int run(struct sup *s, int (*fn)(struct sup *s))
{
    int status = fn(s);
    sup_fini(s);
    return exitpol_leave(status);
}

/* In the place of another supd, whose start the arguments tell of. */
static int go_on(int argc, char **argv, int fd)
{
    static struct options opt;
    static struct sup sup;
    struct sigs_entry entry;
    struct err e = {0};
    sigs_block(&entry);
    struct state *state = state_open(fd, &e);
    if (state && state_kept(state)->pid != getpid())
        err_set(&e, "its pid is %d", state_kept(state)->pid);
    if (!state || e.msg[0] || options_read(argc, argv, &opt) >= 0) {
        fprintf(stderr, "Error: cannot go on in the place of another supd: %s\n", e.msg);
        return 1;
    }
    state_finish(state);
    if (keeper_needed(state))
        return keeper_run(state, "supd crashed too often");
    if (resume(&sup, &opt.sup, state, &e) < 0)
        return keeper_run(state, e.msg);
    return run(&sup, sup_run_again);
}

int main(int argc, char **argv)
{
    struct err e;
    static struct options opt; /* its strings stay to the end */
    static struct sup sup;     /* its stack is of no use to a handler of faults */
    if (pidproxy_wanted(argc, argv))
        return pidproxy_main(argc, argv);
    if (init_wanted(argc, argv))
        return init_main(argc, argv);
    /* what a large answer took goes back to the system, and does not raise the bar for the next */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    mallopt(M_TOP_PAD, 16 * 1024);
    int state = reexec_wanted();
    if (state >= 0)
        return go_on(argc, argv, state);
    if (fd_fill_012() < 0)
        return 1;
    int status = options_read(argc, argv, &opt);
    if (status >= 0)
        return status;
    if ((status = daemon_enter(&opt.sup)) >= 0)
        return status;
    if (sup_init(&sup, &opt.sup, &e) < 0) {
        fprintf(stderr, "Error: %s\n", e.msg);
        return 1;
    }
    return run(&sup, sup_run);
}
