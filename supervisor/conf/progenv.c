/* Where a program's environment comes from beside environment=: files, passwd, and with env_clear
 * only a part of our own. */
#include "supervisor/conf/envfile.h"
#include "supervisor/conf/section.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

struct source {
    struct conf *c;
    struct prog *prog;
    struct sect x;
};

static struct pos at_key(const struct source *s, const char *name)
{
    return sect_pos(&s->x, sect_index(&rows_limits, name));
}

static const char *our_own(void *arg, const char *key, size_t n)
{
    const struct conf *c = arg;
    for (char *const *p = c->rq.environ; p && *p; p++) {
        if (strncmp(*p, key, n) == 0 && (*p)[n] == '=')
            return *p + n + 1;
    }
    return NULL;
}

static void read_env_file(struct source *s, const char *path)
{
    struct conf *c = s->c;
    struct str text = STR_INIT;
    bool may_be_missing = *path == '-';
    struct envfile_request rq = {
        .format = s->prog->limits->env_file_format, .lookup = our_own, .arg = c};
    path = path_join(c->a, c->dir, path_expand_user(c->a, &c->paths, path + may_be_missing));
    if (conf_slurp(path, &text) < 0) {
        if (errno != ENOENT || !may_be_missing)
            conf_fail(c, at_key(s, "env_file"), "%s.env_file: cannot read %s: %s",
                      s->prog->section->name, path,
                      errno == EINVAL ? "it is no regular file" : strerror(errno));
        return;
    }
    unsigned line;
    struct err e;
    if (envfile_parse(c->a, str_text(&text), text.len, &rq, &s->prog->env_files, &line, &e) < 0)
        conf_fail(c, at_key(s, "env_file"), "%s.env_file: %s:%u: %s", s->prog->section->name, path,
                  line, e.msg);
    str_fini(&text);
}

static void set_home(struct source *s)
{
    struct user_home home;
    const struct user_val *u = &s->prog->o.user;
    if (!u->name) {
        conf_fail(s->c, at_key(s, "set_home"), "%s.set_home: there is no user= whose home it is",
                  s->prog->section->name);
    } else if (user_home(s->c->a, u->uid, &home) < 0) {
        conf_fail(s->c, at_key(s, "set_home"), "%s.set_home: user %s is not in passwd",
                  s->prog->section->name, u->name);
    } else {
        envfile_set(s->c->a, &s->prog->env_files, "HOME", home.home);
        envfile_set(s->c->a, &s->prog->env_files, "USER", home.name);
        envfile_set(s->c->a, &s->prog->env_files, "LOGNAME", home.name);
        envfile_set(s->c->a, &s->prog->env_files, "SHELL", home.shell);
    }
}

static bool passes(const struct limit_opts *o, const char *key)
{
    /* by these we and it know each other */
    if (strncmp(key, "SUPD_", 5) == 0 || strncmp(key, "SUPERVISOR_", 11) == 0)
        return true;
    for (size_t i = 0; i < o->env_pass.n; i++) {
        if (fnmatch(o->env_pass.v[i], key, 0) == 0)
            return true;
    }
    return false;
}

static void pass_ours(struct source *s)
{
    struct conf *c = s->c;
    const char *url = conf_server_url(c);
    for (char *const *p = c->rq.environ; p && *p; p++) {
        const char *eq = strchr(*p, '=');
        const char *key = eq && eq > *p ? arena_strndup(c->a, *p, (size_t)(eq - *p)) : NULL;
        if (key && passes(s->prog->limits, key))
            envfile_set(c->a, &s->prog->env_passed, key, eq + 1);
    }
    envfile_set(c->a, &s->prog->env_passed, "SUPERVISOR_ENABLED", "1");
    if (url)
        envfile_set(c->a, &s->prog->env_passed, "SUPERVISOR_SERVER_URL", url);
}

void load_prog_env(struct conf *c, struct prog *prog)
{
    const struct limit_opts *o = prog->limits;
    struct source s = {.c = c, .prog = prog};
    sect_init(&s.x, c, prog->section, &rows_limits);
    if (o->set_home)
        set_home(&s);
    for (size_t i = 0; i < o->env_file.n; i++)
        read_env_file(&s, o->env_file.v[i]);
    if (o->env_clear)
        pass_ours(&s);
    else if (o->env_pass.n)
        conf_fail(c, at_key(&s, "env_pass"),
                  "%s.env_pass: has no effect without env_clear=true: everything is passed",
                  prog->section->name);
}

bool prog_env_clear(const struct prog *prog)
{
    return prog->limits && prog->limits->env_clear;
}
