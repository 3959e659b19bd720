/* Finds and ends processes that outlived their supervisor or their program. */
#include "supervisor/run/leftovers.h"
#include "supervisor/base/crc.h"
#include "supervisor/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define FOUND_MAX 4096
#define ENVIRON_MAX (8 << 20) /* our mark comes last, and may stand behind a lot */

struct found {
    int pid;
    unsigned long long start;
    bool end; /* its program has orphans=kill */
};

static ssize_t read_file(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t n = 0;
    ssize_t r;
    while (n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)r;
    close(fd);
    buf[n] = '\0';
    return (ssize_t)n;
}

/* start time in clock ticks since boot (field 22 of /proc/PID/stat), 0 if there is no such process
 */
static unsigned long long start_time(int pid)
{
    char path[64], buf[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    if (read_file(path, buf, sizeof(buf)) <= 0)
        return 0;
    char *p = strrchr(buf, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

void leftovers_mark(struct sup *s)
{
    const char *config = s->opt.config ? s->opt.config : "";
    snprintf(s->mark, sizeof(s->mark), "%d.%llu.%08x", s->pid, start_time(s->pid),
             crc32_of(config, strlen(config)));
}

static const char *env_value(const char *env, size_t n, const char *key)
{
    size_t k = strlen(key);
    for (const char *p = env; p < env + n; p += strlen(p) + 1)
        if (strncmp(p, key, k) == 0 && p[k] == '=')
            return p + k + 1;
    return NULL;
}

/* true if the supervisor that a mark names still runs */
static bool mark_alive(const char *mark)
{
    char *dot;
    long pid = strtol(mark, &dot, 10);
    if (pid <= 0 || *dot != '.')
        return true; /* not a mark of ours: leave it alone */
    unsigned long long start = strtoull(dot + 1, NULL, 10);
    return start == 0 || start_time((int)pid) == start;
}

/* the same configuration, another supervisor? The last field of a mark says which configuration. */
static bool mark_of_ours(const char *mark, const char *own_mark)
{
    const char *a = strrchr(mark, '.'), *b = strrchr(own_mark, '.');
    return a && b && strcmp(a, b) == 0 && strcmp(mark, own_mark) != 0;
}

/* what the configuration says of the program that a leftover belonged to */
static bool is_to_end(const struct sup *s, const char *group, const char *name)
{
    const struct gen *g = s->gen->gen;
    const struct gen_group *groups = gen_groups(g);
    for (uint32_t i = 0; group && name && i < g->nprocs; i++) {
        const struct gen_proc *p = gen_procs(g) + i;
        if (strcmp(gen_str(g, p->name), name) == 0 &&
            strcmp(gen_str(g, groups[p->group].name), group) == 0)
            return gen_opts(g, p)->orphans_kill;
    }
    return !s->opt.as_supervisord;
}

/* fills out_f and reports it if pid is a leftover */
static bool is_leftover(const struct sup *s, int pid, char *env, struct found *out_f)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    ssize_t n = read_file(path, env, ENVIRON_MAX);
    const char *mark = n > 0 ? env_value(env, (size_t)n, "SUPD_MARK") : NULL;
    if (!mark || !mark_of_ours(mark, s->mark) || mark_alive(mark))
        return false;
    const char *name = env_value(env, (size_t)n, "SUPERVISOR_PROCESS_NAME");
    const char *group = env_value(env, (size_t)n, "SUPERVISOR_GROUP_NAME");
    *out_f = (struct found){pid, start_time(pid), is_to_end(s, group, name)};
    log_warn("pid %d is left from a supervisor that is gone (program %s:%s), %s", pid,
             group ? group : "?", name ? name : "?", out_f->end ? "ending it" : "leaving it alone");
    return true;
}

static bool is_ancestor(int pid)
{
    char path[64], buf[1024];
    for (int p = getpid(), depth = 0; p > 1 && depth < 64; depth++) {
        if (p == pid)
            return true;
        snprintf(path, sizeof(path), "/proc/%d/stat", p);
        char *paren = read_file(path, buf, sizeof(buf)) > 0 ? strrchr(buf, ')') : NULL;
        p = paren && strlen(paren) > 4 ? (int)strtol(paren + 4, NULL, 10) : 0;
    }
    return false;
}

static int find(const struct sup *s, struct found *found)
{
    DIR *proc = opendir("/proc");
    char *env = malloc(ENVIRON_MAX);
    int n = 0;
    struct dirent *d;
    while (proc && env && n < FOUND_MAX && (d = readdir(proc))) {
        int pid = (int)strtol(d->d_name, NULL, 10);
        if (pid > 1 && !is_ancestor(pid) && is_leftover(s, pid, env, &found[n]))
            n++;
    }
    free(env);
    if (proc)
        closedir(proc);
    return n;
}

/* signals those that still are who they were; returns how many */
static int signal_all(const struct found *found, int n, int sig)
{
    int alive = 0;
    for (int i = 0; i < n; i++)
        if (found[i].end && found[i].start && start_time(found[i].pid) == found[i].start &&
            kill(found[i].pid, sig) == 0)
            alive++;
    return alive;
}

static int wait_gone(const struct found *found, int n, int ms)
{
    int alive = signal_all(found, n, 0);
    for (int waited = 0; alive && waited < ms; waited += 20) {
        poll(NULL, 0, 20);
        alive = signal_all(found, n, 0);
    }
    return alive;
}

int leftovers_sweep(const struct sup *s)
{
    struct found *found = malloc(FOUND_MAX * sizeof(*found));
    if (!found)
        return 0;
    int n = find(s, found);
    if (n) {
        signal_all(found, n, SIGTERM);
        signal_all(found, n, SIGCONT);
        if (wait_gone(found, n, 5000)) {
            signal_all(found, n, SIGKILL);
            wait_gone(found, n, 2000);
        }
    }
    free(found);
    return n;
}

static bool reap_all(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

/* true if a child of ours may outlive us: its program has orphans=keep */
static bool is_kept(const struct sup *s, int pid, char *env)
{
    char path[64];
    if (!s->gen)
        return false;
    snprintf(path, sizeof(path), "/proc/%d/environ", pid);
    ssize_t n = read_file(path, env, ENVIRON_MAX);
    const char *mark = n > 0 ? env_value(env, (size_t)n, "SUPD_MARK") : NULL;
    if (!mark || strcmp(mark, s->mark) != 0)
        return s->opt.as_supervisord;
    return !is_to_end(s, env_value(env, (size_t)n, "SUPERVISOR_GROUP_NAME"),
                      env_value(env, (size_t)n, "SUPERVISOR_PROCESS_NAME"));
}

/* KILLs our own children (orphans that came to us as their subreaper) but those that may stay;
 * false if there was nothing to do */
static bool kill_children(const struct sup *s, char *env)
{
    char path[64], buf[8192];
    bool any = false;
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", s->pid, s->pid);
    if (read_file(path, buf, sizeof(buf)) <= 0)
        return false;
    for (char *p = buf; *p;) {
        char *end;
        long child = strtol(p, &end, 10);
        if (end == p || *end != ' ') /* the last one may be cut, and be another's number then */
            return any || *p;
        if (child > 1 && !is_kept(s, (int)child, env))
            any = kill((int)child, SIGKILL) == 0 || any;
        p = end + strspn(end, " ");
    }
    return any;
}

void leftovers_kill(struct sup *s)
{
    char *env = s->is_init ? NULL : malloc(ENVIRON_MAX);
    for (int i = 0; i < 100 && !reap_all(); i++) {
        if (s->is_init)
            kill(-1, SIGKILL);
        else if (!s->is_subreaper || !env || !kill_children(s, env))
            break;
        poll(NULL, 0, i < 10 ? 1 : 10);
    }
    free(env);
}
