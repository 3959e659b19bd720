/* What supd itself does with a file. */
#include "supervisor/cli/exec_supd.h"
#include "supervisor/cli/cli.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int exec_supd(const char *option, const char *file)
{
    char path[4096];
    const char *words[] = {"supd", option, "-c", file, NULL};
    char *argv[sizeof(words) / sizeof(words[0])];
    memcpy(argv, words, sizeof(argv));
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof("supd"));
    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    fflush(stdout);
    if (slash) {
        memcpy(slash + 1, "supd", sizeof("supd"));
        execv(path, argv);
    }
    execvp("supd", argv);
    cli_complain("cannot find supd: %s", strerror(errno));
    return CLI_FAILED;
}
