/* supd-agent: started by supd with its channel as descriptor 3; watches and tells, unprivileged. */
#include "supervisor/agent/agent.h"
#include "supervisor/base/log.h"
#include "supervisor/core/hand.h"
#include "supervisor/rpc/rpc.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>

static int usage(int status)
{
    fputs("usage: supd-agent\n\nStarted by supd, which gives it its channel as descriptor 3; it is "
          "of no use alone.\n",
          status ? stderr : stdout);
    return status;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("supd-agent " SUPD_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage(0);
    if (argc >= 2 && strcmp(argv[1], "--check") == 0) /* "helped": supd-log is root */
        return agent_check(HAND_CHANNEL_FD, argc > 2 && strcmp(argv[2], "helped") == 0);
    if (argc > 1 || fcntl(HAND_CHANNEL_FD, F_GETFD) < 0 || fcntl(HAND_FD, F_GETFD) < 0)
        return usage(2);
    fcntl(HAND_CHANNEL_FD, F_SETFD, FD_CLOEXEC);
    fcntl(HAND_FD, F_SETFD, FD_CLOEXEC);
    mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* a large answer is given back when it was sent */
    log_ident("supd-agent: ");
    return agent_run(&rpc_server);
}
