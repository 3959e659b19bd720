/* Lines that mean something else than they seem to. What harms at run time is a warning of every
 * start; the rest is for who asks (--lint), with what Supervisor does and what is done here. */
#include "supervisor/conf/gen.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/section.h"
#include "supervisor/conf/words.h"

#include <stdlib.h>
#include <string.h>

#define SAME "the same"

void conf_trap(struct conf *c, struct pos at, const char *theirs, const char *ours, const char *fmt,
               ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *what = arena_vprintf(c->a, fmt, ap);
    va_end(ap);
    msgs_add(&c->m, MSG_TRAP, at, "%s\n    Supervisor: %s\n    supd: %s", what, theirs, ours);
}

/* ---- one key ---- */

/* What is left of a line has a quote that nothing closes: the comment began inside of it. */
static bool open_quote(const char *text)
{
    char quote = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '\\' && quote != '\'' && p[1])
            p++;
        else if (quote ? *p == quote : *p == '\'' || *p == '"')
            quote = quote ? 0 : *p;
    }
    return quote != 0;
}

static bool is_cut(const struct ini_key *k)
{
    return k->comment && open_quote(k->value);
}

static void trap_comment(struct conf *c, const struct ini_section *s, const struct ini_key *k)
{
    bool command = strcmp(k->name, "command") == 0;
    if (is_cut(k))
        conf_trap(c, k->at,
                  command ? "cuts the text there, and the program cannot be started"
                          : "cuts the text there",
                  "the same, and says so; write it without a blank before it",
                  "%s.%s: '%s...' stands in quotes, and is a comment all the same", s->name,
                  k->name, k->comment);
}

static void trap_backslash(struct conf *c, const struct ini_section *s, const struct ini_key *k)
{
    static const char ours[] = "the same, with a warning; leave the backslash out: an indented "
                               "line goes on without one";
    size_t n = strlen(k->value);
    bool inside = strstr(k->value, "\\\n"), last = n && k->value[n - 1] == '\\';
    if (!inside && !last)
        return;
    if (c->rq.lint)
        conf_trap(c, k->at,
                  inside ? "keeps both: the next word begins with a newline"
                         : "keeps it; the line behind is no part of this value",
                  ours, "%s.%s: a backslash before the end of a line", s->name, k->name);
    else
        conf_warn(c, k->at,
                  "%s.%s: a backslash before the end of a line %s; leave the backslash out",
                  s->name, k->name,
                  inside ? "puts a newline into the next argument" : "continues nothing");
}

static bool has_option(const struct sect_kind *kind, const char *name)
{
    size_t row;
    for (size_t t = 0; t < SECT_TABLES && kind->tables[t]; t++)
        if (rows_find(kind->tables[t], name, &row))
            return true;
    return false;
}

/* "command=x", then an indented "autostart=false": that is an argument of the command. */
static void trap_swallowed(struct conf *c, const struct ini_section *s,
                           const struct sect_kind *kind, const struct ini_key *k)
{
    for (const char *p = strchr(k->value, '\n'); p; p = strchr(p, '\n')) {
        const char *b = ++p, *e = p + strcspn(p, "=:\n");
        if (*e != '=' && *e != ':')
            continue;
        py_strip(&b, &e);
        char *name = arena_strndup(c->a, b, (size_t)(e - b));
        py_lower(name);
        if (has_option(kind, name))
            conf_trap(c, k->at, "takes it for a part of this value", SAME,
                      "%s.%s: its text goes on with '%s', for that line is indented deeper",
                      s->name, k->name, name);
    }
}

static void trap_again(struct conf *c, const struct ini_section *s, const struct ini_key *k)
{
    if (k->before.line)
        conf_trap(c, k->at, "takes the last one, without a word", SAME,
                  "%s.%s: was set at %s:%u before", s->name, k->name, k->before.file,
                  k->before.line);
}

static void trap_section(struct conf *c, const struct ini_section *s, const struct sect_kind *kind)
{
    if (c->rq.lint && s->again.line)
        conf_trap(c, s->again, "makes one section of both, of two equal options the last counts",
                  SAME, "[%s]: began at %s:%u before", s->name, s->at.file, s->at.line);
    VEC_EACH (&s->keys, i) {
        const struct ini_key *k = s->keys.v[i];
        if (!has_option(kind, k->name))
            continue;
        trap_backslash(c, s, k);
        if (!c->rq.lint)
            continue;
        trap_comment(c, s, k);
        trap_swallowed(c, s, kind, k);
        trap_again(c, s, k);
    }
}

/* ---- one program ---- */

static void warn_unparsable(struct conf *c, const struct prog *prog, const struct ini_key *k)
{
    const char **argv, *why = "";
    size_t argc;
    struct err e;
    if (c->rq.lint && is_cut(k)) /* that is said */
        return;
    if (words_split(c->a, prog->procs.v[0]->o.command, &argv, &argc, &e) == 0)
        return;
    if (is_cut(k))
        why = arena_printf(c->a,
                           " ('%s...' stands in quotes, but behind a blank, and so is a comment)",
                           k->comment);
    conf_warn(c, k->at, "%s.command: can't parse command '%s': %s%s", prog->section->name,
              prog->procs.v[0]->o.command, e.msg, why);
}

static bool is_shell(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return strcmp(name, "sh") == 0 || strcmp(name, "bash") == 0 || strcmp(name, "dash") == 0 ||
           strcmp(name, "zsh") == 0 || strcmp(name, "ash") == 0 || strcmp(name, "busybox") == 0;
}

static bool for_shells(const char *word, bool shell)
{
    static const char *const operators[] = {"&&", "||", "|", ">", ">>", "<", "&", "2>&1", ";"};
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (strcmp(word, operators[i]) == 0)
            return true;
    return !shell && (word[0] == '$' || word[0] == '`') && word[1];
}

static void trap_shell(struct conf *c, const struct prog *prog, struct pos at)
{
    const char **argv;
    size_t argc;
    if (words_split(c->a, prog->procs.v[0]->o.command, &argv, &argc, NULL) < 0 || !argc)
        return;
    for (size_t i = 1; i < argc; i++) {
        if (!for_shells(argv[i], is_shell(argv[0])))
            continue;
        conf_trap(c, at, "starts no shell: that is an argument of the program",
                  "the same; write sh -c '...'", "%s.command: '%s'", prog->section->name, argv[i]);
        return;
    }
}

static bool in_environment(const struct proc *p, const char *name)
{
    for (size_t i = 0; i < p->o.environment.n; i++)
        if (strcmp(p->o.environment.v[i].key, name) == 0)
            return true;
    return false;
}

static void trap_home(struct conf *c, const struct prog *prog)
{
    const struct ini_key *k = ini_get(&c->ini, prog->section, "user");
    bool set = prog->limits && prog->limits->set_home;
    if (k && prog->o.user.name && !set && !in_environment(prog->procs.v[0], "HOME"))
        conf_trap(c, k->at, "changes the user only: HOME, USER and LOGNAME stay supervisord's",
                  "the same, unless set_home=true", "%s.user: HOME is not that of %s",
                  prog->section->name, prog->o.user.name);
}

/* Descriptors and devices; what they are behind their names nobody knows here. */
static bool is_special(const char *path)
{
    return strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/proc/", 6) == 0;
}

static const char *log_path(const struct proc *p, unsigned i)
{
    const struct logfile_val *f = &p->o.log[i].file;
    return f->sink == GEN_SINK_FILE && f->path && *f->path ? f->path : NULL;
}

static const char *const channels[] = {"stdout_logfile", "stderr_logfile"};

static struct pos log_pos(struct conf *c, const struct prog *prog, unsigned i)
{
    const struct ini_key *k = ini_get(&c->ini, prog->section, channels[i]);
    return k ? k->at : pos_section(prog->section);
}

static void trap_device(struct conf *c, const struct prog *prog)
{
    for (unsigned i = 0; i < 2; i++) {
        const char *path = log_path(prog->procs.v[0], i);
        if (!path || !is_special(path) || strcmp(path, "/dev/null") == 0 ||
            prog->procs.v[0]->o.log[i].maxbytes <= 0)
            continue;
        conf_trap(c, log_pos(c, prog, i),
                  "tries to rotate it, and logs a traceback for each piece of output",
                  "never rotates what is not a file; for both: %s_maxbytes=0",
                  "%s.%s: %s has a size limit", prog->section->name, channels[i], path);
    }
}

/* ---- startsecs=0 ---- */

static const char spins_theirs[] =
    "starts it again at once whenever it ends, without a pause and without an end";

static bool spins(const struct prog *prog)
{
    const struct proc_opts *o = &prog->o;
    return o->startsecs <= 0 && o->autorestart != GEN_RESTART_NEVER && !o->retry_window &&
           !(prog->order && prog->order->type != 0);
}

static const char *when(const struct prog *prog)
{
    return prog->o.autorestart == GEN_RESTART_ALWAYS ? "autorestart=true"
                                                     : "autorestart=unexpected";
}

/* One line, however many there are: the lines of the start are part of what supd keeps. */
static void warn_spinning(struct conf *c)
{
    const struct prog *first = NULL;
    unsigned more = 0;
    VEC_EACH (&c->groups, i) {
        VEC_EACH (&c->groups.v[i]->progs, j) {
            const struct prog *prog = c->groups.v[i]->progs.v[j];
            if (spins(prog) && first)
                more++;
            else if (spins(prog))
                first = prog;
        }
    }
    if (!first)
        return;
    const struct ini_key *k = ini_get(&c->ini, first->section, "startsecs");
    const char *others = more ? arena_printf(c->a, ", and of %u more", more) : "";
    conf_warn(c, k ? k->at : pos_section(first->section),
              "%s.startsecs%s: 0 with %s: a program that fails is started again at once, without a "
              "pause and without an end (set startsecs=1, autorestart=false or retry_window=)",
              first->section->name, others, when(first));
}

static void trap_spinning(struct conf *c, const struct prog *prog)
{
    const struct ini_key *k = ini_get(&c->ini, prog->section, "startsecs");
    if (spins(prog))
        conf_trap(c, k ? k->at : pos_section(prog->section), spins_theirs,
                  "the same; startsecs=1 or retry_window= puts an end to it",
                  "%s.startsecs: 0 with %s", prog->section->name, when(prog));
}

/* ---- one file for several ---- */

struct user {
    const char *path;
    const struct proc *p;
    unsigned channel;
    size_t number;
};

static int by_path(const void *a, const void *b)
{
    const struct user *x = a, *y = b;
    int d = strcmp(x->path, y->path);
    return d ? d : (x->number > y->number) - (x->number < y->number);
}

static struct user *log_users(struct conf *c, size_t *out_n)
{
    struct user *v = arena_alloc(c->a, (2 * c->nprocs + 1) * sizeof(*v));
    size_t n = 0;
    VEC_EACH (&c->groups, i) {
        VEC_EACH (&c->groups.v[i]->procs, j) {
            const struct proc *p = c->groups.v[i]->procs.v[j];
            for (unsigned k = 0; k < 2; k++) {
                const char *path = log_path(p, k);
                if (path && !is_special(path))
                    v[n] = (struct user){path, p, k, n}, n++;
            }
        }
    }
    qsort(v, n, sizeof(*v), by_path);
    *out_n = n;
    return v;
}

/* v[0..n) have one file; n > 1. */
static void shared_log(struct conf *c, const struct user *v, size_t n)
{
    const struct user *other = NULL;
    for (size_t i = 1; i < n && !other; i++)
        if (v[i].p->prog->section != v->p->prog->section)
            other = &v[i];
    const struct user *at = other ? other : &v[1];
    const struct prog *prog = at->p->prog;
    struct pos pos = log_pos(c, prog, at->channel);
    if (c->rq.lint)
        conf_trap(
            c, pos, "each of them rotates it by itself, and writes into files that another moved",
            "whole lines from all, and one rotation", "%s.%s: %zu outputs go to %s, also %s.%s",
            prog->section->name, channels[at->channel], n, v->path, v->p->prog->section->name,
            channels[v->channel]);
    else if (other)
        conf_warn(
            c, pos,
            "%s.%s: %s is the log of %s, too: lines of both are mixed, and the sizes of one of "
            "them count",
            prog->section->name, channels[at->channel], v->path, v->p->prog->section->name);
}

static void trap_logs(struct conf *c)
{
    size_t n;
    const struct user *v = log_users(c, &n);
    for (size_t i = 0, same; i < n; i += same) {
        for (same = 1; i + same < n && strcmp(v[i].path, v[i + same].path) == 0;)
            same++;
        if (same > 1)
            shared_log(c, v + i, same);
    }
}

/* ---- [supervisord] ---- */

static void trap_daemon(struct conf *c)
{
    static const char *const keys[] = {"umask", "directory"};
    const struct ini_section *s = ini_find(&c->ini, "supervisord");
    for (size_t i = 0; s && c->sup.nodaemon && i < 2; i++) {
        const struct ini_key *k = ini_get(&c->ini, s, keys[i]);
        if (k)
            conf_trap(c, k->at, "uses it only when it goes to the background", SAME,
                      "supervisord.%s: has no effect with nodaemon=true", k->name);
    }
    if (s && !c->sup.nodaemon)
        conf_trap(c, s->at,
                  "goes to the background; as the first process of a container it ends that",
                  "stays in the foreground as PID 1, and always unless it is called supervisord",
                  "supervisord.nodaemon: is not true");
}

static void trap_program(struct conf *c, const struct prog *prog)
{
    const struct ini_key *k = ini_get(&c->ini, prog->section, "command");
    if (!prog->procs.n || !k)
        return;
    warn_unparsable(c, prog, k);
    if (!c->rq.lint)
        return;
    trap_shell(c, prog, k->at);
    trap_home(c, prog);
    trap_device(c, prog);
    trap_spinning(c, prog);
}

void conf_traps(struct conf *c)
{
    VEC_EACH (&c->ini.sections, i) {
        const struct sect_kind *kind = sect_kind_of(c->ini.sections.v[i]->name);
        if (kind && !kind->ours && !kind->free_keys)
            trap_section(c, c->ini.sections.v[i], kind);
    }
    VEC_EACH (&c->groups, i)
        VEC_EACH (&c->groups.v[i]->progs, j)
            trap_program(c, c->groups.v[i]->progs.v[j]);
    trap_logs(c);
    if (c->rq.lint)
        trap_daemon(c);
    else
        warn_spinning(c);
}
