/* What the child leaves behind. */
#include "supervisor/init/left.h"

#include "supervisor/base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { DEPTH = 1000 }; /* a chain of parents is no longer, or changed while we followed it */

static bool tell(struct left *l, int pid)
{
    for (unsigned i = 0; i < l->ntold; i++) {
        if (l->told[i] == pid)
            return false;
    }
    if (l->ntold < LEFT_MAX)
        l->told[l->ntold++] = pid;
    return true;
}

/* The parent in /proc/PID/stat: the second field after the name, which is in parentheses and may
 * hold anything. */
static int parent_of(int pid)
{
    char path[64], text[512];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    const char *end = strrchr(text, ')');
    int parent;
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

static bool descends(int pid)
{
    int self = getpid();
    for (int i = 0; i < DEPTH && pid > 1 && pid != self; i++)
        pid = parent_of(pid);
    return pid == self;
}

static void signal_descendants(struct left *l)
{
    DIR *proc = opendir("/proc");
    const struct dirent *d;
    while (proc && (d = readdir(proc))) {
        int64_t pid;
        if (text_int(d->d_name, 2, INT32_MAX, &pid, NULL) == 0 && pid != getpid() &&
            descends((int)pid) && tell(l, (int)pid))
            kill((int)pid, l->signo);
    }
    if (proc)
        closedir(proc);
}

void left_signal(struct left *l, int signo)
{
    bool first = l->signo != signo;
    if (first) {
        l->signo = signo;
        l->ntold = 0;
    }
    if (l->is_init) {
        if (first || signo == SIGKILL)
            kill(-1, signo);
        return;
    }
    if (first || signo == SIGKILL)
        kill(-l->pgid, signo);
    signal_descendants(l);
}

bool left_group_lives(const struct left *l)
{
    return kill(-l->pgid, 0) == 0 || errno == EPERM;
}
