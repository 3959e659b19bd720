/* What only the agent's libraries can judge (does a pattern compile?) is asked of supd-agent
 * itself: it runs for a moment, as its own user, on the generation that it would get. */
#include "supervisor/base/fd.h"
#include "supervisor/base/mono.h"
#include "supervisor/conf/agentgen.h"
#include "supervisor/conf/libexec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK_LIMIT DUR_S(20)
#define REPORT_MAX (1u << 20)
#define GEN_FD 3

/* What needs the agent, for messages about the check itself. */
static struct pos needed_at(const struct conf *c)
{
    return c->items.n ? c->items.v[0]->at : c->log_reader->section->at;
}

static const char *needed_by(const struct conf *c)
{
    return c->items.n ? c->items.v[0]->section : c->log_reader->section->name;
}

/* The groups that the agent will have: its user's, and those of groups=. */
static int take_groups(const struct conf *c, gid_t gid)
{
    const struct agent_opts *o = &c->agent;
    size_t n = 0;
    gid_t *gids = arena_alloc(c->a, (o->user.ngroups + o->groups.n + 1) * sizeof(*gids));
    gids[n++] = gid;
    for (size_t i = 0; i < o->user.ngroups; i++)
        gids[n++] = (gid_t)o->user.groups[i];
    for (size_t i = 0; i < o->groups.n; i++)
        gids[n++] = (gid_t)o->gids[i];
    return (int)syscall(SYS_setgroups, n, gids); /* <grp.h> has a struct group of its own */
}

static void become(const struct conf *c)
{
    const struct agent_opts *o = &c->agent;
    uid_t uid = o->user.name ? (uid_t)o->user.uid : 65534;
    gid_t gid = o->user.name ? (gid_t)o->user.gid : 65534;
    if (geteuid() == 0 && (take_groups(c, gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0))
        _exit(126);
}

/* Nobody is left to read its report when the load child is killed, at the end of its time; then
 * this ends, too. Changing the user takes the request back, so that it comes after. */
static void end_with(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(126);
}

/* supd stays root, and with it supd-log: it opens for the agent what that may not. */
static bool is_helped(const struct conf *c)
{
    return geteuid() == 0 && !c->sup.user.name;
}

static void run(const struct conf *c, const char *program, int gen, int out, pid_t parent)
{
    char *argv[] = {(char *)(uintptr_t) "supd-agent", (char *)(uintptr_t) "--check",
                    is_helped(c) ? (char *)(uintptr_t) "helped" : NULL, NULL};
    char path[4096], *env[] = {NULL, NULL};
    if (getenv("PATH") && snprintf(path, sizeof(path), "PATH=%s", getenv("PATH")) < 4096)
        env[0] = path; /* commands are looked for where the agent will look */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int image = open(program, O_PATH | O_CLOEXEC); /* its folder may be closed to the other user */
    int high = fcntl(gen, F_DUPFD_CLOEXEC, GEN_FD + 1);
    if (high < 0 || dup2(out, 1) < 0 || dup2(high, GEN_FD) < 0)
        _exit(126);
    become(c);
    end_with(parent);
    execveat(image, "", argv, env, AT_EMPTY_PATH);
    execve(program, argv, env);
    _exit(127);
}

/* Reads to the end, or until the time is over: false. */
static bool read_report(int fd, mono_t end, struct str *out)
{
    char buf[4096];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = mono_sub(end, mono_now()).ns / 1000000;
        if (left <= 0 || (poll(&p, 1, (int)left) < 0 && errno != EINTR))
            return false;
        ssize_t n = p.revents ? read(fd, buf, sizeof(buf)) : -1;
        if (n == 0)
            return true;
        if (n > 0)
            str_put(out, buf, (size_t)n);
    }
}

/* Cuts the text at the first end, which is replaced; the rest, or NULL. */
static char *cut(char *text, char end)
{
    char *at = text ? strchr(text, end) : NULL;
    if (!at)
        return NULL;
    *at = '\0';
    return at + 1;
}

static void take_line(struct conf *c, char *line)
{
    char *file = cut(line, '\t'), *number = cut(file, '\t'), *text = cut(number, '\t');
    if (!text)
        return;
    struct pos at = {file, (unsigned)strtoul(number, NULL, 10)};
    msgs_add(&c->m, strcmp(line, "error") == 0 ? MSG_ERROR : MSG_WARNING, at, "%s", text);
}

static void take_report(struct conf *c, struct str *report)
{
    char *line = arena_strdup(c->a, str_text(report)), *next;
    for (; (next = cut(line, '\n')); line = next)
        take_line(c, line);
}

/* One that does not end by itself is killed; false if not even that helps: it waits for a disk. */
static bool reap(int pid, mono_t limit, int *out_status)
{
    mono_t end = mono_min(limit, mono_add(mono_now(), DUR_S(2)));
    for (int tries = 0; tries < 2; tries++) {
        while (!mono_reached(end, mono_now())) {
            int r = waitpid(pid, out_status, WNOHANG);
            if (r != 0 && !(r < 0 && errno == EINTR))
                return r == pid;
            poll(NULL, 0, 5);
        }
        kill(pid, SIGKILL);
        end = mono_add(mono_now(), DUR_S(2));
    }
    return false;
}

/* The child's end, its report and what went wrong with the check itself. */
static void wait_for(struct conf *c, int pid, int fd)
{
    struct str report;
    int status = 0;
    str_init(&report, REPORT_MAX);
    mono_t limit = mono_add(mono_now(), CHECK_LIMIT);
    bool whole = read_report(fd, limit, &report);
    if (!whole)
        kill(pid, SIGKILL);
    if (!reap(pid, limit, &status)) {
        conf_fail(c, needed_at(c), "supd-agent does not end after its check");
        str_fini(&report);
        return;
    }
    if (whole && WIFEXITED(status) && WEXITSTATUS(status) == 0)
        take_report(c, &report);
    else
        conf_fail(c, needed_at(c), "supd-agent could not check the configuration (%s %d)",
                  WIFSIGNALED(status) ? "ended by signal" : "exit status",
                  WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    str_fini(&report);
}

static int spawn(struct conf *c, const char *program, const struct str *text, int *out_fd)
{
    int gen = fd_memory("supd-check", false), p[2] = {-1, -1}, pid = -1;
    pid_t parent = getpid();
    if (gen >= 0 && fd_write_all(gen, str_text(text), text->len) == 0 && pipe2(p, O_CLOEXEC) == 0)
        pid = fork();
    if (pid == 0)
        run(c, program, gen, p[1], parent);
    if (pid < 0) {
        conf_fail(c, needed_at(c), "cannot run supd-agent: %s", strerror(errno));
        fd_close(&p[0]);
    }
    fd_close(&p[1]);
    fd_close(&gen);
    *out_fd = p[0];
    return pid;
}

void agentcheck(struct conf *c)
{
    char program[512];
    struct err e;
    struct str text = STR_INIT;
    int fd = -1, pid = -1;
    /* what is right is checked beside what is wrong, unless nobody knows by which agent */
    if ((!c->items.n && !c->log_reader) || !c->rq.self_dir || c->rq.exact || c->ours_wrong)
        return;
    agentgen_write(c, &text);
    if (libexec_find(c->rq.self_dir, c->supd.libexec, "supd-agent", program, sizeof(program), &e) <
        0)
        conf_fail(c, needed_at(c), "[%s] needs supd-agent: %s", needed_by(c), e.msg);
    else
        pid = spawn(c, program, &text, &fd);
    if (pid > 0)
        wait_for(c, pid, fd);
    fd_close(&fd);
    str_fini(&text);
}
