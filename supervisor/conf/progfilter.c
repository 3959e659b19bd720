/* seccomp= of a program: its file, compiled for what the program may be. */
#include "supervisor/conf/seccomp.h"
#include "supervisor/conf/section.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>

/* What it can ever have: as its capabilities= say, else what we ourselves can. */
static uint64_t caps_of(const struct limit_opts *o)
{
    uint64_t all = 0;
    if (o->caps.text)
        return o->caps.v;
    for (unsigned cap = 0; cap < 64; cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            all |= UINT64_C(1) << cap;
    }
    return all;
}

static void compile(struct conf *c, struct prog *prog, struct pos at, const char *path,
                    const struct str *text)
{
    struct seccomp_request rq = {str_text(text), text->len, caps_of(prog->limits)};
    struct str unknown = STR_INIT;
    const char *name = prog->section->name;
    unsigned line;
    struct err e;
    if (seccomp_compile(c->a, &rq, &prog->filter, &unknown, &line, &e) == 0) {
        if (unknown.len)
            conf_hint(c, at, "%s.seccomp: %s names system calls that libseccomp does not know: %s",
                      name, path, str_text(&unknown));
    } else if (line) {
        conf_fail(c, at, "%s.seccomp: %s:%u: %s", name, path, line, e.msg);
    } else {
        conf_fail(c, at, "%s.seccomp: %s: %s", name, path, e.msg);
    }
    str_fini(&unknown);
}

void load_prog_filter(struct conf *c, struct prog *prog, struct pos at)
{
    const struct profile_val *v = &prog->limits->seccomp;
    struct str text = STR_INIT;
    struct err e;
    if (!v->text)
        return;
    const char *path = path_join(c->a, c->dir, path_expand_user(c->a, &c->paths, v->path));
    if (conf_slurp(path, &text) < 0) {
        conf_fail(c, at, "%s.seccomp: cannot read %s: %s", prog->section->name, path,
                  errno == EINVAL ? "it is no regular file" : strerror(errno));
        return;
    }
    if (v->optional && seccomp_library(&e) < 0)
        conf_warn(c, at, "%s.seccomp: there is no filter: %s", prog->section->name, e.msg);
    else
        compile(c, prog, at, path, &text);
    str_fini(&text);
}
