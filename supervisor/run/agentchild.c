/* What the new child does until it is supd-agent. */
#include "supervisor/run/agentchild.h"
#include "supervisor/base/fd.h"
#include "supervisor/core/hand.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STATE_DIR_MS 500

/* the agent's user; 65534 where the configuration names none */
static void become(const struct sup *s)
{
    const struct gen *g = s->gen->gen;
    const struct gen_supd *d = &g->supd;
    gid_t gid = d->agent_gid < 0 ? 65534 : (gid_t)d->agent_gid;
    uid_t uid = d->agent_uid < 0 ? 65534 : (uid_t)d->agent_uid;
    if (geteuid() != 0)
        return;
    if (setgroups(d->nagent_groups, gen_at(g, d->agent_groups)) < 0 || setgid(gid) < 0 ||
        setuid(uid) < 0)
        _exit(126);
}

/* What the agent needs of our environment; the rest may hold what it must not know. */
static bool env_passes(const char *pair)
{
    static const char *const names[] = {"PATH=", "TZ=", "LANG=", "LC_ALL=", "LC_TIME="};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strncmp(pair, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static void close_others(void)
{
    if (close_range(HAND_FD + 1, ~0u, 0) == 0)
        return;
    for (int fd = HAND_FD + 1; fd < 65536; fd++)
        close(fd);
}

/* Makes the agent's folder, for its user alone. One that is there stays as it is: if the agent
 * cannot write to it, the agent says so. */
static void make_state_dir(const struct sup *s)
{
    const struct gen *g = s->gen->gen;
    const char *path = gen_str(g, g->supd.agent_state_dir);
    if (!path || mkdir(path, 0700) < 0 || geteuid() != 0)
        return;
    uid_t uid = g->supd.agent_uid < 0 ? 65534 : (uid_t)g->supd.agent_uid;
    gid_t gid = g->supd.agent_gid < 0 ? 65534 : (gid_t)g->supd.agent_gid;
    if (chown(path, uid, gid) < 0)
        rmdir(path);
}

/* By a process of its own, for whose disk the agent does not wait; if it does not answer, the agent
 * finds that out by itself. supd reaps it. */
static void make_state_dir_soon(const struct sup *s)
{
    int done[2], status;
    if (pipe2(done, O_CLOEXEC) < 0)
        return;
    int pid = fork();
    if (pid == 0) {
        if (fork() == 0)
            make_state_dir(s);
        _exit(0);
    }
    close(done[1]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    poll(&(struct pollfd){.fd = done[0], .events = POLLIN}, 1, STATE_DIR_MS);
    close(done[0]);
}

/* Both ends into their places; first out of each other's way. */
static int place_fds(int channel, int handed)
{
    int high = fcntl(handed, F_DUPFD_CLOEXEC, HAND_FD + 1);
    if (high < 0 || dup2(channel, HAND_CHANNEL_FD) < 0 || dup2(high, HAND_FD) < 0)
        return -1;
    fd_cloexec(HAND_CHANNEL_FD, false);
    return fd_cloexec(HAND_FD, false);
}

static void put_limits(const struct sup *s, char *buf, size_t size)
{
    snprintf(
        buf, size, HAND_LIMITS_ENV "=%llu %llu %llu %llu",
        (unsigned long long)s->child_nofile.rlim_cur, (unsigned long long)s->child_nofile.rlim_max,
        (unsigned long long)s->child_fsize.rlim_cur, (unsigned long long)s->child_fsize.rlim_max);
}

/* In the child: only 0-2, the channel, the hand and the program itself stay open. The program is
 * opened before the user changes: its folder may be closed to that user. */
void agent_child(const struct sup *s, const char *program, int channel, int handed)
{
    char *argv[] = {(char *)(uintptr_t) "supd-agent", NULL}, *env[9] = {NULL};
    char limits[128];
    size_t n = 0;
    put_limits(s, limits, sizeof(limits));
    env[n++] = limits;
    for (char **pp = environ; *pp && n < 8; pp++)
        if (env_passes(*pp))
            env[n++] = *pp;
    setsid();
    if (place_fds(channel, handed) < 0)
        _exit(126);
    close_others();
    make_state_dir_soon(s);
    int fd = open(program, O_PATH | O_CLOEXEC);
    become(s);
    sigs_restore(&s->entry);
    execveat(fd, "", argv, env, AT_EMPTY_PATH);
    execve(program, argv, env);
    _exit(127);
}
