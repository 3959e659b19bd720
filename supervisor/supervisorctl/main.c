/* supctl called as supervisorctl. */
#include "supervisor/supervisorctl/sctl.h"
#include "supervisor/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define NAME "supervisorctl"
#define AS "--as="

/* ---- Ctrl-C ---- */

static volatile sig_atomic_t stop;

static void on_interrupt(int sig)
{
    (void)sig;
    stop = 1;
}

void sctl_catch(struct sctl *c, bool on)
{
    struct sigaction act = {.sa_handler = SIG_DFL};
    stop = 0;
    if (c->shell)
        return;
    if (on)
        act.sa_handler = on_interrupt;
    sigaction(SIGINT, &act, NULL);
}

/* ---- asking ---- */

/* a line without its end; NULL where there is none, which the caller frees */
static char *line_of(FILE *f)
{
    char *line = NULL;
    size_t cap = 0;
    if (getline(&line, &cap, f) < 0) {
        free(line);
        return NULL;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return line;
}

char *sctl_ask(const char *prompt)
{
    fputs(prompt, stdout);
    fflush(stdout);
    return line_of(stdin);
}

char *sctl_ask_hidden(const char *prompt)
{
    struct termios before, silent;
    FILE *tty = fopen("/dev/tty", "r+e");
    FILE *in = tty ? tty : stdin, *out = tty ? tty : stderr;
    bool off = tcgetattr(fileno(in), &before) == 0;
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    if (off)
        tcsetattr(fileno(in), TCSAFLUSH, &silent);
    fputs(prompt, out);
    fflush(out);
    char *line = line_of(in);
    if (off)
        tcsetattr(fileno(in), TCSAFLUSH, &before);
    if (tty) {
        fputc('\n', tty);
        fclose(tty);
    }
    return line;
}

/* ---- the program ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

bool sctl_wanted(int argc, char **argv)
{
    return argc > 0 &&
           (strcmp(base_name(argv[0]), NAME) == 0 || (argc > 1 && strcmp(argv[1], AS NAME) == 0));
}

static char *joined(char **words, int n)
{
    struct str line = STR_INIT;
    for (int i = 0; i < n; i++)
        str_printf(&line, "%s%s", i ? " " : "", words[i]);
    return str_take(&line);
}

static void run_words(struct sctl *c, char **words, int n)
{
    char *line = joined(words, n);
    sctl_run(c, line);
    free(line);
}

static void fini(struct sctl *c)
{
    hcall_free(&c->http);
    json_decref(c->infos);
    str_fini(&c->error.text);
    free(c->url_kept);
    free(c->user_kept);
    free(c->password_kept);
    ctlconf_fini(&c->conf);
}

int sctl_main(int argc, char **argv)
{
    struct sctl c = {.stop = &stop};
    int rest = 0;
    signal(SIGPIPE, SIG_DFL);
    int status = sctl_options(&c, argc, argv, &rest);
    if (status < 0 && rest < argc) {
        run_words(&c, argv + rest, argc - rest);
        status = c.exit;
    } else if (status < 0) {
        sctl_shell(&c);
        status = SCTL_OK;
    }
    fini(&c);
    return status;
}
