/* Reads a configuration in a child, which hands back a generation. */
#include "supervisor/base/dur.h"
#include "supervisor/base/fd.h"
#include "supervisor/conf/conf.h"
#include "supervisor/conf/load.h"
#include "supervisor/run/helper.h"
#include "supervisor/run/leftovers.h"
#include "supervisor/run/reload_impl.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_MAX (64u * 1024)

struct load {
    struct sup *sup;
    load_fn *fn;
    void *obj;
    int gen_fd, report_fd;
};

/* The first load finds the file that the mark is about; supd learns it by the generation. */
static void make_mark(struct sup *s, const struct conf_request *rq)
{
    struct conf *c = conf_begin(rq);
    if (c->path)
        leftovers_mark(s, c->path);
    conf_end(&c);
}

/* in the load child */
static int load_child(struct load *ld)
{
    struct sup *s = ld->sup;
    signal(SIGXFSZ, SIG_IGN); /* a limit of file sizes is an error with words */
    struct conf_request rq = {.path = s->opt.config,
                              .as_supervisord = s->opt.as_supervisord,
                              .argv0 = s->opt.argv[0],
                              .words = s->opt.words,
                              .nwords = s->opt.nwords,
                              .cwd = s->opt.folder,
                              .before = s->gen ? s->gen->gen : NULL,
                              .self_dir = s->self_dir};
    if (!s->mark[0])
        make_mark(s, &rq);
    setenv("SUPD_MARK", s->mark, 1);
    rq.environ = environ;
    struct conf *c = conf_load(&rq);
    struct str report;
    str_init(&report, REPORT_MAX);
    for (size_t i = 0; i < conf_nerrors(c); i++)
        str_printf(&report, "%s\n", conf_error(c, i));
    struct err e;
    int bad = conf_nerrors(c) > 0;
    if (!bad && conf_write_gen(c, ld->gen_fd, &e) < 0) {
        str_printf(&report, "%s\n", e.msg);
        bad = 1;
    }
    if (!bad)
        conf_say_cold(c, ld->gen_fd);
    for (size_t i = 0; !bad && i < conf_nwarnings(c); i++)
        str_printf(&report, "%s\n", conf_warning(c, i));
    fd_write_all(ld->report_fd, str_text(&report), report.len);
    return bad ? 2 : 0;
}

static char *read_report(int fd)
{
    char *text = malloc(REPORT_MAX + 1);
    ssize_t n = text ? pread(fd, text, REPORT_MAX, 0) : 0;
    if (text)
        text[n > 0 ? n : 0] = '\0';
    return text;
}

static struct live_gen *take_result(struct load *ld, int status, struct err *e)
{
    char limit[DUR_TEXT];
    if (status == HELPER_LATE)
        err_set(e,
                "reading the configuration took more than %s and was given up: is a file or a "
                "folder of it on a disk that does not answer?\n",
                dur_format(LOAD_LIMIT, limit, sizeof(limit)));
    else if (WIFSIGNALED(status))
        err_set(e, "reading the configuration was ended by signal %d\n", WTERMSIG(status));
    if (status != 0)
        return NULL;
    int fd = ld->gen_fd;
    ld->gen_fd = -1;
    return live_gen_new(ld->sup, fd, e);
}

static void load_done(struct load *ld, int status)
{
    struct sup *s = ld->sup;
    struct err e = {0};
    char *report = read_report(ld->report_fd);
    struct live_gen *gen = take_result(ld, status, &e);
    load_fn *fn = ld->fn;
    void *obj = ld->obj;
    fd_close(&ld->gen_fd);
    fd_close(&ld->report_fd);
    free(ld);
    s->load = NULL;
    if (fn)
        fn(obj, gen, e.msg[0] || !report ? e.msg : report);
    else
        live_gen_unref(&gen);
    free(report);
    reload_resume(s);
}

int reload_load(struct sup *s, load_fn *fn, void *obj, struct err *e)
{
    if (s->load)
        return err_set(e, "the configuration is being read already; try again in a moment");
    struct load *ld = malloc(sizeof(*ld));
    if (!ld)
        return err_errno(e, ENOMEM, "cannot read the configuration");
    *ld = (struct load){s, fn, obj, fd_memory("supd-gen", true), fd_memory("supd-report", false)};
    int pid = -1;
    if (ld->gen_fd < 0 || ld->report_fd < 0)
        err_errno(e, errno, "cannot make memory for the configuration");
    else
        pid = helper_run(s, (helper_child_fn *)load_child, (helper_done_fn *)load_done, ld,
                         LOAD_LIMIT, e);
    if (pid >= 0) {
        s->load = ld;
        return 0;
    }
    fd_close(&ld->gen_fd);
    fd_close(&ld->report_fd);
    free(ld);
    return -1;
}

void load_forget(struct sup *s, const void *obj)
{
    if (s->load && s->load->obj == obj)
        s->load->fn = NULL;
}

void load_fini(struct sup *s)
{
    if (!s->load)
        return;
    fd_close(&s->load->gen_fd);
    fd_close(&s->load->report_fd);
    free(s->load);
    s->load = NULL;
}
