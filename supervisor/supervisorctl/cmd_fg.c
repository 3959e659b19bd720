/* fg: what a process writes, and what is typed for it. */
#include "supervisor/supervisorctl/cmd.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNNING 20

struct fg {
    struct sctl *c;
    const char *name;
    struct sctl_stream out[2];
    struct str typed; /* not sent yet */
    bool over;        /* there is no more input */
};

static void leave(void)
{
    sctl_say("Exiting foreground");
}

static void say_killed(void)
{
    sctl_say("Process got killed");
    leave();
}

/* false when it is over, with *out_end */
static bool still_running(struct fg *f, enum sctl_end *out_end)
{
    json_t *info = sctl_value(f->c, "getProcessInfo", "[s]", f->name);
    bool running = info && sctl_number(info, "state") == RUNNING;
    *out_end = info ? SCTL_DONE : SCTL_RAISED;
    if (info && !running)
        say_killed();
    json_decref(info);
    return running;
}

static bool send(struct fg *f, const char *line, size_t n, enum sctl_end *out_end)
{
    struct sctl_reply r;
    struct str text = STR_INIT;
    str_put(&text, line, n);
    str_putc(&text, '\n');
    int got = sctl_call(f->c, &r, "sendProcessStdin", "[s,s]", f->name, str_text(&text));
    str_fini(&text);
    *out_end = got < 0 ? SCTL_RAISED : SCTL_DONE;
    bool sent = got == 0 && r.value;
    if (got == 0 && !sent && r.fault == XMLRPC_NOT_RUNNING) {
        say_killed();
    } else if (got == 0 && !sent) {
        sctl_error("<Fault %d: '%s'>", r.fault, r.text);
        leave();
    }
    if (got == 0)
        sctl_reply_fini(&r);
    return sent && still_running(f, out_end);
}

/* sends whole lines, and at the end of the input what is left; false when it is over */
static bool send_lines(struct fg *f, enum sctl_end *out_end)
{
    char *end;
    while (f->typed.len && (end = memchr(f->typed.s, '\n', f->typed.len))) {
        size_t n = (size_t)(end - f->typed.s);
        if (!send(f, f->typed.s, n, out_end))
            return false;
        str_drop(&f->typed, n + 1);
    }
    if (!f->over)
        return true;
    if (f->typed.len && !send(f, f->typed.s, f->typed.len, out_end))
        return false;
    leave();
    return false;
}

static void read_typed(struct fg *f)
{
    char buf[4096];
    ssize_t n = read(STDIN_FILENO, buf, sizeof(buf));
    if (n > 0)
        str_put(&f->typed, buf, (size_t)n);
    else if (n == 0 || errno != EINTR)
        f->over = true;
}

/* Waits for input or output; Ctrl-C is let through only here. False when it was typed. */
static bool wait_for_any(struct fg *f)
{
    struct pollfd p[3] = {{.fd = STDIN_FILENO, .events = POLLIN}};
    sigset_t all, before;
    for (size_t i = 0; i < 2; i++)
        p[i + 1] =
            (struct pollfd){.fd = f->out[i].http ? hcall_fd(f->out[i].http) : -1, .events = POLLIN};
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    bool on = !*f->c->stop && (ppoll(p, 3, NULL, &before) >= 0 || !*f->c->stop);
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (on && p[0].revents)
        read_typed(f);
    return on;
}

static enum sctl_end talk(struct fg *f)
{
    enum sctl_end end = SCTL_DONE;
    do {
        for (size_t i = 0; i < 2; i++)
            sctl_stream_print(f->c, &f->out[i], false);
        if (!wait_for_any(f)) {
            leave();
            return SCTL_DONE;
        }
    } while (send_lines(f, &end));
    for (size_t i = 0; i < 2; i++)
        sctl_stream_print(f->c, &f->out[i], false);
    if (end == SCTL_RAISED && f->c->error.stopped) {
        leave();
        return SCTL_DONE;
    }
    return end;
}

static enum sctl_end foreground(struct sctl *c, struct arena *a, const char *name)
{
    struct fg f = {.c = c, .name = name, .typed = STR_INIT};
    static const char *const channels[] = {"stdout", "stderr"};
    sctl_say("==> Press Ctrl-C to exit <==");
    sctl_catch(c, true);
    for (size_t i = 0; i < 2; i++)
        sctl_stream_open(c, &f.out[i], arena_printf(a, "/logtail/%s/%s", name, channels[i]));
    enum sctl_end end = talk(&f);
    for (size_t i = 0; i < 2; i++)
        sctl_stream_close(&f.out[i]);
    sctl_catch(c, false);
    str_fini(&f.typed);
    return end;
}

static enum sctl_end refuse(struct sctl *c, const char *what)
{
    sctl_error("%s", what);
    c->exit = SCTL_FAILED;
    return SCTL_DONE;
}

static enum sctl_end start(struct sctl *c, struct arena *a, const char *name)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (sctl_call(c, &r, "getProcessInfo", "[s]", name) < 0)
        return SCTL_RAISED;
    if (r.value && sctl_number(r.value, "state") != RUNNING)
        end = refuse(c, "process not running");
    else if (r.value)
        end = foreground(c, a, name);
    else if (r.fault == XMLRPC_BAD_NAME)
        end = refuse(c, "bad process name supplied");
    else
        sctl_error("<Fault %d: '%s'>", r.fault, r.text);
    sctl_reply_fini(&r);
    return end;
}

enum sctl_end sctl_do_fg(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    if (!*arg)
        return sctl_usage(c, "fg", SCTL_FAILED, "ERROR: no process name supplied");
    struct arena *a = arena_new();
    struct sctl_words_of words = sctl_split_words(a, arg);
    end = words.n > 1 ? refuse(c, "too many process names supplied") : start(c, a, words.v[0]);
    arena_free(&a);
    return end;
}
