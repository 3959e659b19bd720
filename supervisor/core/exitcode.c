/* The exit status of supd when a program ends it. */
#include "supervisor/core/exitcode.h"

#include <errno.h>
#include <sys/wait.h>

const char *const exit_on_words[] = {"never", "any", "all", "critical", NULL};

bool exit_ends_all(const struct exit_facts *f)
{
    if (f->fatal && f->on_fatal_exit)
        return true;
    switch (f->on) {
    case EXIT_ON_ANY:
        return true;
    case EXIT_ON_ALL:
        return !f->others_up;
    case EXIT_ON_CRITICAL:
        return f->critical;
    case EXIT_ON_NEVER:
        break;
    }
    return false;
}

static int of_spawn_error(int errnum)
{
    if (errnum == ENOENT || errnum == ELIBACC) /* the file, or the interpreter that it names */
        return 127;
    bool denied = errnum == EACCES || errnum == ELIBEXEC || errnum == ELIBSCN; /* io/spawn.h */
    return denied ? 126 : 1;
}

int exit_status_of(const struct proc_life *l, int spawn_errnum)
{
    if (l->state == PROC_FATAL && spawn_errnum)
        return of_spawn_error(spawn_errnum);
    if (!l->has_exit)
        return 1;
    if (WIFSIGNALED(l->exit_status))
        return -WTERMSIG(l->exit_status);
    int code = WEXITSTATUS(l->exit_status);
    return l->state == PROC_FATAL && code == 0 ? 1 : code;
}

int exit_as_code(int status)
{
    return status < 0 ? 128 - status : status;
}

int exit_mapped(const struct exit_map *v, size_t n, int status)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i].from == EXIT_FROM_ANY || v[i].from == exit_as_code(status))
            return v[i].to == EXIT_TO_OWN ? status : v[i].to;
    }
    return status;
}
