/* The files that supd-log opens for supd-agent: which, and the socket on which they are asked for.
 */
#include "supervisor/base/fd.h"
#include "supervisor/run/logs_impl.h"

#include <errno.h>
#include <sys/socket.h>

/* Shut down, so that supd-log's thread for it ends. */
void logs_files_close(struct logs *g)
{
    if (g->files_sock >= 0)
        shutdown(g->files_sock, SHUT_RDWR);
    fd_close(&g->files_sock);
    fd_close(&g->files_list);
    g->tell_files = false;
}

int logs_files_open(struct logs *g, const void *list, size_t n, struct err *e)
{
    int ends[2];
    logs_files_close(g);
    int memory = fd_memory("supd-files", false);
    if (memory < 0 || fd_write_all(memory, list, n) < 0 ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        err_errno(e, errno, "cannot make a socket for the agent's files");
        fd_close(&memory);
        return -1;
    }
    fd_nonblock(ends[0], true); /* the agent's: a supd-log that does not read holds nobody up */
    g->files_sock = ends[1];
    g->files_list = memory;
    g->tell_files = true;
    loop_defer(g->loop, &g->pump);
    return ends[0];
}

void logfiles_fini(struct logs *g)
{
    fd_close(&g->files_sock);
    fd_close(&g->files_list);
}
