/* The agent's generation, written in the load child and read in the agent. */
#include "supervisor/conf/agentgen.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/words.h"

#include <stdlib.h>
#include <string.h>

/* ---- writing ---- */

static void put_field(struct str *out, const char *text, char end)
{
    text_escape(out, text ? text : "", text ? strlen(text) : 0, false);
    str_putc(out, end);
}

/* An option as the agent gets it. A file with a secret is replaced by its content, which stands in
 * the row that the file is the twin of. */
static void put_row(struct str *out, const struct opt *o, const void *obj, size_t row,
                    unsigned line)
{
    const struct opt_set *set = obj;
    struct str value = STR_INIT;
    bool has = (set->has >> row & 1) || (o->flags & OPT_SECRET);
    if (!(o->flags & OPT_SECRET_FILE) && o->type != OPT_USER && has && opt_print(o, obj, &value)) {
        put_field(out, o->name, '\t');
        str_printf(out, "%u\t", line);
        put_field(out, str_text(&value), '\n');
    }
    str_fini(&value);
}

/* s: where the lines of the options are; NULL: without them */
static void put_rows(struct str *out, const struct opt_table *t, const void *obj,
                     const struct conf *c, const struct ini_section *s)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct ini_key *k = s ? ini_get(&c->ini, s, t->rows[i].name) : NULL;
        put_row(out, &t->rows[i], obj, i, k ? k->at.line : s ? s->at.line : 0);
    }
}

static void put_section(struct str *out, const char *name, struct pos at)
{
    str_putc(out, '[');
    put_field(out, name, '\t');
    put_field(out, at.file, '\t');
    str_printf(out, "%u\n", at.line);
}

static void put_process(struct str *out, const struct group *g, const struct proc *p)
{
    str_putc(out, '+');
    put_field(out, g->name, '\t');
    put_field(out, p->name, '\t');
    put_field(out, p->prog->name, '\t');
    const char *comma = "";
    VEC_EACH (&p->prog->deps, i) {
        const struct dep *d = &p->prog->deps.v[i];
        for (size_t j = 0; d->hard && j < d->group->progs.n; j++) {
            if (d->prog && d->prog != d->group->progs.v[j])
                continue;
            str_printf(out, "%s%s", comma, d->group->progs.v[j]->name);
            comma = ",";
        }
    }
    str_putc(out, '\n');
}

/* ready=log: of the programs of a group */
static void put_patterns(struct str *out, const struct conf *c, const struct group *g)
{
    VEC_EACH (&g->progs, i) {
        const struct prog *p = g->progs.v[i];
        if (!p->order || p->order->ready.kind != READY_LOG)
            continue;
        const struct ini_key *k = ini_get(&c->ini, p->section, "ready");
        struct pos at = k ? k->at : p->section->at;
        str_putc(out, '~');
        put_field(out, p->section->name, '\t');
        put_field(out, at.file, '\t');
        str_printf(out, "%u\t", at.line);
        put_field(out, p->order->ready.arg, '\n');
    }
}

/* The names that requests to it may be for, "" for all. A page that a browser shows must not get to
 * one without a password by having its own name lead here. */
static void put_hosts(struct str *out, const struct server *sv)
{
    const struct str_list *names = &sv->o.allowed_hosts;
    if (names->n ? strcmp(names->v[0], "*") == 0 : !sv->loopback || sv->o.username)
        return;
    str_putc(out, '\t');
    text_escape(out, sv->o.port.host, strlen(sv->o.port.host), false);
    for (size_t i = 0; i < names->n; i++) {
        str_putc(out, ',');
        text_escape(out, names->v[i], strlen(names->v[i]), false);
    }
}

static void put_servers(struct str *out, const struct conf *c)
{
    if (c->servers.n) {
        str_putc(out, '!');
        put_field(out, c->sup.identifier, '\n');
    }
    VEC_EACH (&c->servers, i) {
        const struct server *sv = c->servers.v[i];
        str_putc(out, '@');
        put_field(out, conf_server_url_of(c, sv), '\t');
        put_field(out, sv->section->name, '\t');
        put_field(out, sv->o.username, '\t');
        text_escape(out, sv->o.password ? sv->o.password : "",
                    sv->o.password ? strlen(sv->o.password) : 0, false);
        put_hosts(out, sv);
        str_putc(out, '\n');
    }
}

void agentgen_write(const struct conf *c, struct str *out)
{
    if (!conf_needs_agent(c))
        return;
    put_section(out, "agent", (struct pos){c->path, 0});
    put_rows(out, &rows_agent, &c->agent, c, NULL);
    VEC_EACH (&c->items, i) {
        const struct item *it = c->items.v[i];
        if (it->wrong)
            continue;
        put_section(out, it->section, it->at);
        const struct ini_section *s = ini_find(&c->ini, it->section);
        put_rows(out, it->family->rows, it->common, c, s);
        put_rows(out, it->kind->rows, it->own, c, s);
    }
    put_servers(out, c);
    VEC_EACH (&c->groups, i) {
        const struct group *g = c->groups.v[i];
        VEC_EACH (&g->procs, j)
            put_process(out, g, g->procs.v[j]);
        put_patterns(out, c, g);
    }
}

/* ---- reading ---- */

struct agent_reader {
    struct agentgen *g;
    struct conf *c;
    struct ini_section *section;
    VEC(struct agent_proc) procs;
    VEC(struct agent_pattern) patterns;
    VEC(struct agent_http) servers;
};

/* The next field of *p, unescaped, in the arena; NULL if there is none or it is malformed. */
static const char *next_field(struct agent_reader *r, char **p, char end)
{
    char *text = *p, *stop = text ? strchr(text, end) : NULL;
    if (!stop && end)
        return NULL;
    size_t n = stop ? (size_t)(stop - text) : strlen(text);
    char *copy = arena_strndup(r->c->a, text, n);
    int64_t len = text_unescape(copy, n);
    if (len < 0)
        return NULL;
    copy[len] = '\0';
    *p = stop ? stop + 1 : NULL;
    return copy;
}

static bool take_section(struct agent_reader *r, char *line)
{
    const char *name = next_field(r, &line, '\t'), *file = next_field(r, &line, '\t');
    if (!name || !file)
        return false;
    struct pos at = {file, (unsigned)strtoul(line, NULL, 10)};
    r->section = ini_open(&r->c->ini, name, strlen(name), at);
    return true;
}

static bool take_process(struct agent_reader *r, char *line)
{
    struct agent_proc p = {.group = next_field(r, &line, '\t')};
    p.name = next_field(r, &line, '\t');
    p.program = next_field(r, &line, '\t');
    if (!p.group || !p.name || !p.program || !line)
        return false;
    p.depends = val_list(r->c->a, line);
    VEC_PUSH(&r->procs, p);
    return true;
}

static bool take_pattern(struct agent_reader *r, char *line)
{
    struct agent_pattern p = {.section = next_field(r, &line, '\t')};
    p.at.file = next_field(r, &line, '\t');
    const char *number = p.at.file ? next_field(r, &line, '\t') : NULL;
    p.text = number ? next_field(r, &line, 0) : NULL;
    const char *colon = p.section ? strchr(p.section, ':') : NULL;
    if (!colon || !p.text)
        return false;
    p.program = colon + 1;
    p.at.line = (unsigned)strtoul(number, NULL, 10);
    VEC_PUSH(&r->patterns, p);
    return true;
}

static bool take_server(struct agent_reader *r, char *line)
{
    struct agent_http h = {.key = next_field(r, &line, '\t')};
    h.section = h.key ? next_field(r, &line, '\t') : NULL;
    h.username = h.section ? next_field(r, &line, '\t') : NULL;
    bool hosts = h.username && strchr(line, '\t');
    h.password = h.username ? next_field(r, &line, hosts ? '\t' : 0) : NULL;
    h.hosts = hosts && h.password ? next_field(r, &line, 0) : NULL;
    if (!h.password || (hosts && !h.hosts))
        return false;
    VEC_PUSH(&r->servers, h);
    return true;
}

static bool take_option(struct agent_reader *r, char *line)
{
    const char *key = next_field(r, &line, '\t'), *at = key ? next_field(r, &line, '\t') : NULL;
    const char *value = at ? next_field(r, &line, 0) : NULL;
    if (!value || !r->section)
        return false;
    struct pos pos = {r->section->at.file, (unsigned)strtoul(at, NULL, 10)};
    ini_set(&r->c->ini, r->section, key, value, pos);
    return true;
}

static bool take_line(struct agent_reader *r, char *line)
{
    if (line[0] == '[')
        return take_section(r, line + 1);
    if (line[0] == '~')
        return take_pattern(r, line + 1);
    if (line[0] == '@')
        return take_server(r, line + 1);
    if (line[0] == '!') {
        line++;
        return (r->g->identifier = next_field(r, &line, 0)) != NULL;
    }
    return line[0] == '+' ? take_process(r, line + 1) : take_option(r, line);
}

static bool take_lines(struct agent_reader *r, const char *text, size_t n, struct err *e)
{
    for (unsigned number = 1; n > 0; number++) {
        const char *end = memchr(text, '\n', n);
        size_t len = end ? (size_t)(end - text) : n;
        if (!end || !take_line(r, arena_strndup(r->c->a, text, len))) {
            err_set(e, "the agent's generation is damaged at its line %u", number);
            return false;
        }
        text += len + 1;
        n -= len + 1;
    }
    return true;
}

static struct conf *plain_conf(void)
{
    struct arena *a = arena_new();
    struct conf *c = arena_alloc(a, sizeof(*c));
    c->a = a;
    c->plain = true;
    msgs_init(&c->m, a);
    ini_init(&c->ini, a);
    names_init(&c->env, NULL);
    names_init(&c->here, &c->env);
    c->paths.cwd = "/";
    c->paths.checked = true;
    return c;
}

struct agentgen *agentgen_read(const char *text, size_t n, struct err *e)
{
    struct conf *c = plain_conf();
    struct agentgen *g = arena_alloc(c->a, sizeof(*g));
    struct agent_reader r = {.g = g, .c = c};
    *g = (struct agentgen){.conf = c};
    bool ok = take_lines(&r, text, n, e);
    if (ok) {
        load_agent_opts(c);
        load_families(c);
        ok = !conf_nerrors(c);
        if (!ok)
            err_set(e, "the agent's generation: %s", conf_error(c, 0));
    }
    g->procs = arena_memdup(c->a, r.procs.v, r.procs.n * sizeof(*r.procs.v));
    g->nprocs = r.procs.n;
    g->patterns = arena_memdup(c->a, r.patterns.v, r.patterns.n * sizeof(*r.patterns.v));
    g->npatterns = r.patterns.n;
    VEC_FINI(&r.procs);
    VEC_FINI(&r.patterns);
    g->servers = arena_memdup(c->a, r.servers.v, r.servers.n * sizeof(*r.servers.v));
    g->nservers = r.servers.n;
    VEC_FINI(&r.servers);
    if (!ok)
        agentgen_free(&g);
    return g;
}

void agentgen_free(struct agentgen **gp)
{
    struct conf *c = *gp ? (*gp)->conf : NULL;
    *gp = NULL; /* it lies in the conf's arena */
    conf_free(&c);
}

const struct item *agentgen_item(const struct agentgen *g, const struct family *f, const char *name)
{
    return family_item(g->conf, f, name);
}

uint64_t item_mark(const struct item *it)
{
    struct str s = STR_INIT;
    str_printf(&s, "%s\n", it->kind->name);
    put_rows(&s, it->family->rows, it->common, NULL, NULL);
    put_rows(&s, it->kind->rows, it->own, NULL, NULL);
    uint64_t h = UINT64_C(14695981039346656037); /* FNV-1a */
    for (size_t i = 0; i < s.len; i++)
        h = (h ^ (unsigned char)s.s[i]) * UINT64_C(1099511628211);
    str_fini(&s);
    return h;
}

bool item_same(const struct item *a, const struct item *b)
{
    struct str x = STR_INIT, y = STR_INIT;
    bool same = a->kind == b->kind;
    if (same) {
        put_rows(&x, a->family->rows, a->common, NULL, NULL);
        put_rows(&x, a->kind->rows, a->own, NULL, NULL);
        put_rows(&y, b->family->rows, b->common, NULL, NULL);
        put_rows(&y, b->kind->rows, b->own, NULL, NULL);
        same = x.len == y.len && memcmp(str_text(&x), str_text(&y), x.len) == 0;
    }
    str_fini(&x);
    str_fini(&y);
    return same;
}
