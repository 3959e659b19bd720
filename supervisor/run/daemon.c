/* Going to the background. The process in the background reads the configuration first: whether to
 * stay in the foreground is written in it. The one that was started waits for the outcome. */
#include "supervisor/run/daemon.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/log.h"
#include "supervisor/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STAY 3 /* exit status of the second process: nodaemon=true */

static int say(const char *what)
{
    fprintf(stderr, "Error: cannot go to the background: %s: %s\n", what, strerror(errno));
    return 1;
}

/* -1: nodaemon is false, *o has what was read, and umask= is set; else an exit status */
static int read_conf(struct sup_options *o)
{
    struct conf_request rq = {
        .path = o->config, .as_supervisord = true, .environ = o->environ, .argv0 = o->argv[0]};
    struct conf *c = conf_load(&rq);
    int status = conf_nerrors(c) ? 2 : c->sup.nodaemon ? STAY : -1;
    for (size_t i = 0; i < conf_nerrors(c); i++)
        fprintf(stderr, "%s%s\n", i ? "" : "Error: ", conf_error(c, i));
    if (status == 2)
        fprintf(stderr, "For help, use %s -h\n", o->argv[0]);
    if (status < 0) {
        umask((mode_t)c->sup.umask.v & 0777);
        o->config = strdup(c->path); /* the working folder changes */
        o->directory = c->sup.directory ? strdup(c->sup.directory) : NULL;
        if (!o->config || (c->sup.directory && !o->directory))
            status = say("not enough memory");
    }
    conf_free(&c);
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
    int status = read_conf(o);
    return status >= 0 ? status : detach(o);
}

void daemon_ready(struct sup_options *o)
{
    if (o->ready_fd < 0)
        return;
    if (o->directory && chdir(o->directory) < 0)
        log_error("cannot go to directory=%s: %s", o->directory, strerror(errno));
    fd_write_all(o->ready_fd, "", 1);
    fd_close(&o->ready_fd);
    fd_close(&o->message_fd);
    o->message_fd = 2;
}
