/* What comes before the first line of a configuration is read: where it is, and what it may name.
 */
#include "supervisor/conf/conf.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* relative to the folder above the program's, then to the working one */
static const char *const search[] = {
    "%s/../etc/supervisord.conf", "%s/../supervisord.conf", "supervisord.conf",
    "etc/supervisord.conf",       "/etc/supervisord.conf",  "/etc/supervisor/supervisord.conf"};

/* The program's own path: as it was called, or where PATH has it. */
static const char *program_path(struct conf *c)
{
    const char *name = c->rq.argv0;
    if (!name || strchr(name, '/'))
        return name;
    const struct name *path = names_find(&c->env, "ENV_PATH", 8);
    for (const char *p = path ? path->text : ""; *p;) {
        size_t n = strcspn(p, ":");
        const char *full = arena_printf(c->a, "%.*s/%s", (int)n, p, name);
        if (n && access(full, X_OK) == 0)
            return full;
        p += n + (p[n] == ':');
    }
    return NULL;
}

static const char *place(struct conf *c, const char *pattern, const char *program)
{
    if (pattern[0] != '%')
        return pattern;
    return arena_printf(c->a, "%s%s", path_dirname(c->a, program), pattern + 2);
}

/* Whoever may write to the folder where root happens to be decides what root runs. */
static void warn_found_here(struct conf *c, const char *pattern, const char *path)
{
    if (pattern[0] != '%' && pattern[0] != '/' && geteuid() == 0)
        conf_warn(c, ((struct pos){NULL, 0}),
                  "running as root, and the configuration was found in the working folder (%s); "
                  "name it with -c and an absolute path",
                  path);
}

static const char *search_path(struct conf *c)
{
    struct str tried = STR_INIT;
    const char *found = NULL, *program = program_path(c);
    for (size_t i = 0; i < sizeof(search) / sizeof(search[0]) && !found; i++) {
        if (search[i][0] == '%' && !program)
            continue;
        const char *p = path_absolute(c->a, &c->paths, place(c, search[i], program));
        if (access(p, F_OK) == 0)
            warn_found_here(c, search[i], found = p);
        str_printf(&tried, "%s%s", tried.len ? ", " : "", p);
    }
    if (!found)
        conf_fail(c, ((struct pos){NULL, 0}),
                  "No config file found at default paths (%s); use the -c option to specify a "
                  "config file at a different path",
                  str_text(&tried));
    str_fini(&tried);
    return found;
}

static void load_environ(struct conf *c)
{
    names_init(&c->env, NULL);
    for (char *const *p = c->rq.environ; p && *p; p++) {
        const char *eq = strchr(*p, '=');
        if (eq && eq > *p)
            names_add(&c->env,
                      (struct name){.key = arena_printf(c->a, "ENV_%.*s", (int)(eq - *p), *p),
                                    .text = eq + 1});
    }
    names_index(&c->env);
    const struct name *home = names_find(&c->env, "ENV_HOME", 8);
    c->paths.home = home ? home->text : NULL;
}

static const char *node_name(struct conf *c)
{
    struct utsname u;
    if (c->rq.node_name)
        return c->rq.node_name;
    return uname(&u) == 0 ? arena_strdup(c->a, u.nodename) : "localhost";
}

static const char *working_folder(struct conf *c)
{
    char *cwd = c->rq.cwd ? NULL : getcwd(NULL, 0);
    const char *kept = c->rq.cwd ? c->rq.cwd : arena_strdup(c->a, cwd ? cwd : "/");
    free(cwd);
    return kept;
}

struct conf *conf_begin(const struct conf_request *rq)
{
    struct arena *a = arena_new();
    struct conf *c = arena_alloc(a, sizeof(*c));
    c->a = a;
    c->rq = *rq;
    msgs_init(&c->m, a);
    ini_init(&c->ini, a);
    c->paths.cwd = working_folder(c);
    load_environ(c);
    names_init(&c->here, &c->env);
    c->node = node_name(c);
    const char *path = rq->path ? rq->path : search_path(c);
    if (!path)
        return c;
    c->path = path_absolute(a, &c->paths, path);
    c->dir = path_absolute(a, &c->paths, path_dirname(a, c->path));
    names_add(&c->here, (struct name){.key = "here", .text = c->dir});
    return c;
}

void conf_end(struct conf **c)
{
    struct conf *x = *c;
    names_fini(&x->env);
    names_fini(&x->here);
    ini_fini(&x->ini);
    msgs_fini(&x->m);
    struct arena *a = x->a;
    *c = NULL;
    arena_free(&a);
}
