/* The [supervisord] section, and what its absent values mean. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *temp_folder(struct conf *c)
{
    static const char *const places[] = {"/tmp", "/var/tmp", "/usr/tmp"};
    static const char *const vars[] = {"ENV_TMPDIR", "ENV_TEMP", "ENV_TMP"};
    for (size_t i = 0; i < 3; i++) {
        const struct name *n = names_find(&c->env, vars[i], strlen(vars[i]));
        if (n && *n->text && access(n->text, W_OK | X_OK) == 0)
            return path_absolute(c->a, &c->paths, n->text);
    }
    for (size_t i = 0; i < 3; i++) {
        if (access(places[i], W_OK | X_OK) == 0)
            return places[i];
    }
    return c->paths.cwd;
}

/* Supervisor expands this value twice, the second time with host_node_name; here it is expanded
 * once, and a %% that is left collapses, so that both spellings work. */
static const char *expand_environment(struct conf *c, struct sect *x, const struct ini_key *k)
{
    struct names more;
    struct err e;
    struct str out = STR_INIT;
    names_init(&more, &c->env);
    names_add(&more, (struct name){.key = "here", .text = c->dir});
    const char *text = k->value;
    if (c->rq.exact)
        text = sect_expand(x, k, text, &more);
    names_add(&more, (struct name){.key = "host_node_name", .text = c->node});
    if (text && expand(&out, text, "environment", &more,
                       (struct expand_opts){.exact = c->rq.exact, .own_first = true}, &e) < 0) {
        conf_fail(c, k->at, "supervisord.environment: %s", e.msg);
        text = NULL;
    }
    const char *done = text ? arena_strdup(c->a, str_text(&out)) : NULL;
    str_fini(&out);
    names_fini(&more);
    return done;
}

static void collapse_percents(char *s)
{
    char *to = s;
    for (const char *from = s; *from; from++) {
        *to++ = *from;
        from += from[0] == '%' && from[1] == '%';
    }
    *to = '\0';
}

static void load_environment(struct conf *c, struct sect *x)
{
    size_t row = sect_index(&rows_supervisord, "environment");
    const struct ini_key *k = x->keys[row];
    struct ini_key key;
    if (k) {
        key = *k;
        key.value = expand_environment(c, x, k);
        if (!key.value)
            return;
        if (!c->rq.exact && strchr(k->value, '%'))
            collapse_percents((char *)(uintptr_t)key.value);
        x->keys[row] = &key;
    }
    sect_row(x, row, &c->sup, &c->here);
    x->keys[row] = k;
    for (size_t i = 0; i < c->sup.environment.n; i++)
        names_text(&c->env, arena_printf(c->a, "ENV_%s", c->sup.environment.v[i].key),
                   c->sup.environment.v[i].value);
}

/* Supervisor checks these before it looks for a file, so that they come first. */
static void take_word(struct conf *c, const struct conf_word *w)
{
    size_t row;
    struct err e;
    struct opt_env env = {.a = c->a, .paths = c->paths, .exact = c->rq.exact};
    const struct opt *o = rows_find(&rows_supervisord, w->option, &row);
    if (o && opt_parse(o, &env, w->text, &c->sup, &e) == 0) {
        c->sup.set.has |= UINT64_C(1) << row;
        return;
    }
    struct str value = STR_INIT;
    py_repr(&value, w->text, false);
    if (o && o->type == OPT_USER)
        conf_fail(c, ((struct pos){NULL, 0}), "%s", e.msg);
    else
        conf_fail(c, ((struct pos){NULL, 0}), "invalid value for %s %s: %s", w->given,
                  str_text(&value), o ? e.msg : "there is no such option");
    str_fini(&value);
}

static void fill_defaults(struct conf *c)
{
    struct sup_opts *s = &c->sup;
    bool files = c->rq.as_supervisord || c->rq.exact;
    if (!s->logfile && files)
        s->logfile = "supervisord.log";
    if (!s->pidfile && files)
        s->pidfile = "supervisord.pid";
    if (!s->childlogdir)
        s->childlogdir = temp_folder(c);
}

void load_supervisord(struct conf *c)
{
    struct sect x;
    const struct ini_section *s = ini_find(&c->ini, "supervisord");
    if (!s) {
        struct pos at = {c->path, 0};
        conf_fail(c, at, ".ini file does not include supervisord section (add [supervisord])");
    }
    sect_init(&x, c, s, &rows_supervisord);
    sect_convert(&x, &c->sup, &c->here, OPT_RAW, 0);
    load_environment(c, &x);
    for (size_t i = 0; i < c->rq.nwords; i++)
        take_word(c, &c->rq.words[i]);
    fill_defaults(c);
}
