/* The text dump: every section with every option, that reads back to the same configuration.
 *
 * Values are shown expanded, except for what differs between the processes of one section: there
 * %(process_num)s, %(group_name)s and the program's own ENV_ names stay. What cannot be written
 * down that way (say, an environment variable that holds " ;") stays as it was in the file. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/reader.h"
#include "supervisor/conf/family.h"

#include <string.h>

struct dump {
    struct conf *c;
    struct str *out;
    struct str line; /* one physical line in the making */
};

/* Appends text as the rest of the line that was begun with head; false if a reader would take it
 * for something else. A trailing comment sign keeps an odd ';' or '#' in the value. */
static bool put_line(struct dump *d, const char *head, const char *text, size_t n)
{
    static const char *const tails[] = {"", " #", " ;"};
    const char *b = text, *e = text + n;
    py_strip(&b, &e);
    if (b != text || e != text + n || memchr(text, '\r', n))
        return false;
    for (size_t i = 0; i < 3; i++) {
        str_clear(&d->line);
        str_puts(&d->line, head);
        str_put(&d->line, text, n);
        size_t want = d->line.len;
        str_puts(&d->line, tails[i]);
        size_t cut = reader_comment(d->line.s, d->line.len);
        if (cut == want || (i && cut == want + 1)) {
            str_put(d->out, d->line.s, d->line.len);
            str_putc(d->out, '\n');
            return true;
        }
    }
    return false;
}

/* "name=value" with its continuation lines; nothing and false if it cannot be written */
static bool put_value(struct dump *d, const char *name, const char *value)
{
    size_t mark = d->out->len;
    struct str head = STR_INIT;
    bool ok = true;
    str_printf(&head, "%s=", name);
    for (const char *p = value; ok; p++) {
        size_t n = strcspn(p, "\n");
        bool first = p == value;
        if (n || first)
            ok = put_line(d, first ? str_text(&head) : "  ", p, n);
        else
            str_putc(d->out, '\n');
        p += n;
        if (!*p)
            break;
    }
    str_fini(&head);
    if (!ok)
        d->out->len = mark;
    return ok;
}

static bool expand_kept(const char *text, const struct names *names, struct str *out)
{
    struct err e;
    return expand(out, text, "", names, (struct expand_opts){.kept = true}, &e) == 0;
}

static void double_percents(struct str *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '%')
            str_putc(out, '%');
        str_putc(out, *text);
    }
}

static bool is_text(const struct opt *o)
{
    return o->type == OPT_STRING || o->type == OPT_PATH || o->type == OPT_FOLDER ||
           o->type == OPT_LOGFILE || o->type == OPT_ENVIRONMENT;
}

static void canonical(const struct opt *o, const void *obj, struct str *out, bool *out_ok)
{
    struct str plain = STR_INIT;
    *out_ok = opt_print(o, obj, &plain);
    if (o->type == OPT_PERCENT || o->type == OPT_SHARE)
        str_puts(out, str_text(&plain));
    else
        double_percents(out, str_text(&plain));
    str_fini(&plain);
}

/* its name is checked as it is written, before it is expanded */
static bool is_process_name(const struct sect *x, size_t row)
{
    return x->t == &rows_program && strcmp(x->t->rows[row].name, "process_name") == 0;
}

/* The row's value, canonical where it is typed, else as its format comes out. */
static bool row_value(const struct sect *x, size_t row, const void *obj, const struct names *names,
                      struct str *out)
{
    const struct opt *o = &x->t->rows[row];
    const struct ini_key *k = x->keys[row];
    bool ok = true;
    bool unread = !((const struct opt_set *)obj)->has; /* no key is there, or no process */
    if (is_process_name(x, row) || (!k && o->def && (unread || (o->flags & OPT_RAW)))) {
        str_puts(out, k ? k->value : o->def);
        return true;
    }
    if (k && (unread || is_text(o) || (o->flags & OPT_PER_PROC))) {
        ok = expand_kept(k->value, names, out);
        if (!ok || unread || is_text(o) || strchr(str_text(out), '%'))
            return ok;
        str_clear(out);
    }
    canonical(o, obj, out, &ok);
    return ok;
}

/* A listener's group has a default of its own (-1), which a written priority would replace. */
static bool stays_unset(const struct sect *x, size_t row)
{
    return !x->keys[row] && x->t == &rows_program && x->s &&
           strncmp(x->s->name, "eventlistener:", 14) == 0 &&
           strcmp(x->t->rows[row].name, "priority") == 0;
}

static void put_row(struct dump *d, const struct sect *x, size_t row, const void *obj,
                    const struct names *names)
{
    const struct opt *o = &x->t->rows[row];
    const struct ini_key *k = x->keys[row];
    bool has = k || o->def || (((const struct opt_set *)obj)->has >> row & 1);
    struct str text = STR_INIT;
    bool done = has && !stays_unset(x, row) && row_value(x, row, obj, names, &text) &&
                put_value(d, o->name, str_text(&text));
    if (!done && (!k || !put_value(d, o->name, k->value)))
        str_printf(d->out, ";%s= (%s)\n", o->name,
                   o->def_note ? o->def_note
                   : o->def    ? o->def
                               : "unset");
    str_fini(&text);
}

static void put_rows(struct dump *d, const struct ini_section *s, const struct opt_table *t,
                     const void *obj, const struct names *names)
{
    struct sect x;
    sect_init(&x, d->c, s, t);
    for (size_t i = 0; i < t->n; i++)
        put_row(d, &x, i, obj, names);
}

static void put_header(struct dump *d, const char *name)
{
    str_printf(d->out, "%s[%s]\n", d->out->len ? "\n" : "", name);
}

/* the names of a program's keys; those that differ between its processes are marked to stay */
static void kept_names(struct conf *c, const struct prog *prog, struct names *names)
{
    names_init(names, &c->env);
    names_add(names, (struct name){.key = "here", .text = c->dir});
    names_add(names, (struct name){.key = "program_name", .text = prog->name});
    names_add(names, (struct name){.key = "host_node_name", .text = c->node});
    names_add(names, (struct name){.key = "group_name", .text = prog->group_name, .keep = true});
    names_add(names, (struct name){.key = "process_num", .keep = true});
    names_add(names, (struct name){.key = "numprocs", .number = prog->o.numprocs});
    VEC_EACH (&prog->procs, i) {
        const struct env_list *l = &prog->procs.v[i]->o.environment;
        if (i && l->v == prog->procs.v[0]->o.environment.v)
            break;
        for (size_t j = 0; j < l->n; j++) {
            const char *key = arena_printf(c->a, "ENV_%s", l->v[j].key);
            if (!names_find(names, key, strlen(key)) || names_find(&c->env, key, strlen(key)))
                names_add(names, (struct name){.key = key, .text = l->v[j].value, .keep = true});
        }
    }
}

static void put_program(struct dump *d, const struct prog *prog)
{
    static const struct limit_opts no_limits;
    static const struct order_opts no_order;
    static const struct hook_opts no_hooks;
    struct names names;
    struct proc_opts o = prog->procs.n ? prog->procs.v[0]->o : prog->o;
    kept_names(d->c, prog, &names);
    put_header(d, prog->section->name);
    put_rows(d, prog->section, &rows_program, &o, &names);
    put_rows(d, prog->section, &rows_limits, prog->limits ? prog->limits : &no_limits, &names);
    put_rows(d, prog->section, &rows_order, prog->order ? prog->order : &no_order, &names);
    const struct hook_opts *hooks = prog->procs.n ? prog->procs.v[0]->hooks : NULL;
    put_rows(d, prog->section, &rows_hooks, hooks ? hooks : &no_hooks, &names);
    if (prog->fcgi)
        put_rows(d, prog->section, &rows_fcgi, prog->fcgi, &names);
    names_fini(&names);
}

static void put_group(struct dump *d, const struct group *g)
{
    if (strncmp(g->section->name, "group:", 6) == 0) {
        put_header(d, g->section->name);
        put_rows(d, g->section, &rows_group, &g->o, &d->c->here);
        return;
    }
    if (!g->progs.n)
        return;
    struct names names;
    put_program(d, g->progs.v[0]);
    kept_names(d->c, g->progs.v[0], &names);
    if (g->kind == GEN_EVENTLISTENER)
        put_rows(d, g->section, &rows_listener, &g->listener, &names);
    names_fini(&names);
}

/* sections with keys of any name: all that they have, as it was written */
static void put_plugin(struct dump *d, const struct ini_section *s)
{
    put_header(d, s->name);
    VEC_EACH (&d->c->ini.defaults.keys, i) {
        const struct ini_key *k = d->c->ini.defaults.keys.v[i];
        if (ini_get(&d->c->ini, s, k->name) == k)
            put_value(d, k->name, k->value);
    }
    VEC_EACH (&s->keys, i)
        put_value(d, s->keys.v[i]->name, s->keys.v[i]->value);
}

/* What each section came to, by the section's number. */
struct parsed {
    const struct group *group;
    const struct prog *prog; /* of a program that only groups name */
    const struct server *server;
    const struct item *item;
};

static struct parsed *index_parsed(const struct conf *c)
{
    struct parsed *v = arena_alloc(c->a, (c->ini.sections.n + 1) * sizeof(*v));
    VEC_EACH (&c->groups, i) {
        const struct group *g = c->groups.v[i];
        v[g->section->number].group = g;
        VEC_EACH (&g->progs, j)
            v[g->progs.v[j]->section->number].prog = g->progs.v[j];
    }
    VEC_EACH (&c->servers, i)
        v[c->servers.v[i]->section->number].server = c->servers.v[i];
    VEC_EACH (&c->items, i)
        v[ini_find(&c->ini, c->items.v[i]->section)->number].item = c->items.v[i];
    return v;
}

/* what [supervisord] may use; its own environment= is not among it, but in c->env by now */
static void supervisord_names(struct conf *c, struct names *names)
{
    names_init(names, &c->env);
    names_add(names, (struct name){.key = "here", .text = c->dir});
    names_add(names, (struct name){.key = "host_node_name", .text = c->node});
    for (size_t i = 0; i < c->sup.environment.n; i++)
        names_add(names,
                  (struct name){.key = arena_printf(c->a, "ENV_%s", c->sup.environment.v[i].key),
                                .text = "",
                                .keep = true});
}

static void put_own(struct dump *d, const struct ini_section *s, const char *name)
{
    struct conf *c = d->c;
    const struct {
        const char *name;
        const struct opt_table *t;
        const void *obj;
    } own[] = {{"supervisord", &rows_supervisord, &c->sup},
               {"supervisorctl", &rows_ctl, &c->ctl},
               {"supd", &rows_supd, &c->supd},
               {"agent", &rows_agent, &c->agent}};
    struct names names;
    supervisord_names(c, &names);
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(name, own[i].name) != 0)
            continue;
        put_header(d, name);
        put_rows(d, s, own[i].t, own[i].obj, i ? &c->here : &names);
    }
    names_fini(&names);
}

static void put_item(struct dump *d, const struct ini_section *s, const struct item *it)
{
    put_header(d, s->name);
    put_rows(d, s, it->family->rows, it->common, &d->c->here);
    put_rows(d, s, it->kind->rows, it->own, &d->c->here);
}

static void put_section(struct dump *d, const struct ini_section *s, const struct parsed *p)
{
    if (p->item) {
        put_item(d, s, p->item);
    } else if (p->server) {
        put_header(d, s->name);
        put_rows(d, s, p->server->unix_socket ? &rows_unix_server : &rows_inet_server,
                 &p->server->o, p->server->unix_socket ? &d->c->here : &d->c->env);
    } else if (p->group) {
        put_group(d, p->group);
    } else if (p->prog) {
        put_program(d, p->prog);
    } else if (sect_kind_of(s->name) && sect_kind_of(s->name)->free_keys) {
        put_plugin(d, s);
    } else {
        put_own(d, s, s->name);
    }
}

void conf_dump_text(const struct conf *c, struct str *out)
{
    struct dump d = {.c = (struct conf *)(uintptr_t)c, .out = out};
    struct parsed *parsed = index_parsed(c);
    VEC_EACH (&c->ini.sections, i)
        put_section(&d, c->ini.sections.v[i], &parsed[c->ini.sections.v[i]->number]);
    if (!ini_find(&c->ini, "supd"))
        put_own(&d, NULL, "supd");
    str_fini(&d.line);
}
