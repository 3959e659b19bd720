/* Going to the background. The process in the background has the configuration read first: whether
 * to stay in the foreground is written in it. The one that was started waits for the outcome. */
#include "supervisor/run/daemon.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/base/mono.h"
#include "supervisor/conf/conf.h"
#include "supervisor/run/reload.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAY 3 /* exit status: nodaemon=true */

static int say(const char *what)
{
    fprintf(stderr, "Error: cannot go to the background: %s: %s\n", what, strerror(errno));
    return 1;
}

/* What of the configuration matters here; in memory that the process that reads it shares. */
struct found {
    mode_t mask;
    bool has_directory;
    char path[PATH_MAX], directory[PATH_MAX];
};

static int keep_found(const struct conf *c, struct found *f)
{
    const char *directory = c->sup.directory;
    f->mask = (mode_t)c->sup.umask.v & 0777;
    f->has_directory = directory != NULL;
    int n = snprintf(f->path, sizeof(f->path), "%s", c->path);
    int m = snprintf(f->directory, sizeof(f->directory), "%s", directory ? directory : "");
    if (n < PATH_MAX && m < PATH_MAX)
        return 0;
    fprintf(stderr, "Error: a path of the configuration is longer than %d\n", PATH_MAX);
    return 2;
}

/* in a process of its own, which may crash or hang; 0: nodaemon is false */
static int read_conf(const struct sup_options *o, struct found *f)
{
    struct conf_request rq = {.path = o->config,
                              .as_supervisord = true,
                              .environ = o->environ,
                              .argv0 = o->argv[0],
                              .words = o->words,
                              .nwords = o->nwords};
    struct conf *c = conf_load(&rq);
    int status = conf_nerrors(c) ? 2 : c->sup.nodaemon ? STAY : keep_found(c, f);
    for (size_t i = 0; i < conf_nerrors(c); i++)
        fprintf(stderr, "%s%s\n", i ? "" : "Error: ", conf_error(c, i));
    if (status == 2)
        fprintf(stderr, "For help, use %s -h\n", o->argv[0]);
    conf_free(&c);
    return status;
}

/* The exit status of who reads; fd is at its end with him. */
static int wait_for_reader(pid_t pid, int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    mono_t end = mono_add(mono_now(), LOAD_LIMIT);
    int r, status = 0;
    do
        r = poll(&p, 1, (int)(mono_sub(end, mono_now()).ns / 1000000));
    while (r < 0 && errno == EINTR && !mono_reached(end, mono_now()));
    if (r <= 0) {
        fputs("Error: reading the configuration takes too long\n", stderr);
        kill(pid, SIGKILL); /* that may not help, so its end is not waited for */
        return 2;
    }
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return say("wait");
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "Error: reading the configuration was ended by signal %d\n", WTERMSIG(status));
    return 2;
}

static int run_reader(const struct sup_options *o, struct found *f)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return say("pipe");
    pid_t pid = fork();
    if (pid == 0) {
        fd_close(&(int){o->ready_fd}); /* who waits there waits for the other one */
        int status = read_conf(o, f);
        fflush(stderr);
        _exit(status);
    }
    close(ends[1]);
    int status = pid < 0 ? say("fork") : wait_for_reader(pid, ends[0]);
    close(ends[0]);
    return status;
}

/* nodaemon is false: umask= is set, and *o has what was read */
static int take_found(struct sup_options *o, const struct found *f)
{
    umask(f->mask);
    o->config = strdup(f->path); /* the working folder changes */
    if (!f->has_directory)
        return o->config ? 0 : say("memory");
    o->directory = strdup(f->directory);
    o->folder = getcwd(NULL, 0);
    return o->config && o->directory && o->folder ? 0 : say("memory");
}

/* 0, or an exit status */
static int ask_conf(struct sup_options *o)
{
    struct found *f =
        mmap(NULL, sizeof(*f), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (f == MAP_FAILED)
        return say("memory");
    int status = run_reader(o, f);
    if (status == 0)
        status = take_found(o, f);
    munmap(f, sizeof(*f));
    return status;
}

/* In the second process; its standard descriptors go, messages of the start still come through. */
static int detach(struct sup_options *o)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return say("/dev/null");
    o->message_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
    if (o->message_fd < 0 || setsid() < 0)
        return say("a session of its own");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            return say("/dev/null");
    close(null);
    return -1;
}

/* The exit status of the process in the background that did not come up. */
static int status_of(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return say("wait");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int wait_for(pid_t pid, int fd)
{
    char ready;
    ssize_t n;
    while ((n = read(fd, &ready, 1)) < 0 && errno == EINTR)
        ;
    close(fd);
    if (n == 1)
        return 0;
    int status = status_of(pid);
    return status == STAY ? -1 : status;
}

int daemon_enter(struct sup_options *o)
{
    int ends[2];
    o->message_fd = 2;
    o->ready_fd = -1;
    if (!o->as_supervisord || o->nodaemon || getpid() == 1)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return say("pipe");
    pid_t pid = fork();
    if (pid < 0)
        return say("fork");
    if (pid > 0) {
        close(ends[1]);
        return wait_for(pid, ends[0]);
    }
    close(ends[0]);
    o->ready_fd = ends[1];
    int status = ask_conf(o);
    return status ? status : detach(o);
}

void daemon_settle(const struct sup_options *o)
{
    if (o->ready_fd < 0)
        return;
    log_info("daemonizing the supervisord process");
    if (o->directory && chdir(o->directory) < 0)
        log_crit("can't chdir into '%s': %s", o->directory, strerror(errno));
    else if (o->directory)
        log_info("set current directory: '%s'", o->directory);
}

void daemon_ready(struct sup_options *o)
{
    if (o->ready_fd < 0)
        return;
    fd_write_all(o->ready_fd, "", 1);
    fd_close(&o->ready_fd);
    fd_close(&o->message_fd);
    o->message_fd = 2;
}
