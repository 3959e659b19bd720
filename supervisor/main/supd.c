/* supd: PID 1 that keeps queue workers alive. The main only reads the command line. */
#include "supervisor/base/fd.h"
#include "supervisor/init/init.h"
#include "supervisor/run/daemon.h"
#include "supervisor/run/exitpol.h"
#include "supervisor/run/options.h"
#include "supervisor/run/sup.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct err e;
    static struct options opt; /* its strings stay to the end */
    struct sup sup;
    if (init_wanted(argc, argv))
        return init_main(argc, argv);
    /* what a large answer took goes back to the system, and does not raise the bar for the next */
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    mallopt(M_TOP_PAD, 16 * 1024);
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
    status = sup_run(&sup);
    sup_fini(&sup);
    return exitpol_leave(status);
}
