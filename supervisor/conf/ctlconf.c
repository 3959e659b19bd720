/* [supervisorctl], as supervisorctl itself reads it. */
#include "supervisor/conf/ctlconf.h"
#include "supervisor/conf/section.h"

#include <string.h>

#define UNIX "unix://"

static int take_error(const struct conf *c, struct err *e)
{
    err_set(e, "%s", c->m.list[MSG_ERROR].v[0].text);
    return -1;
}

static const char *full_path(struct conf *c, const char *path)
{
    return path_absolute(c->a, &c->paths, path_expand_user(c->a, &c->paths, path));
}

static const char *full_url(struct conf *c, const char *url)
{
    if (strncmp(url, UNIX, sizeof(UNIX) - 1) != 0)
        return url;
    return arena_printf(c->a, UNIX "%s", full_path(c, url + sizeof(UNIX) - 1));
}

static void take(struct conf *c, struct ctlconf *out)
{
    const struct ctl_opts *o = &c->ctl;
    bool history = o->history_file && *o->history_file;
    out->serverurl = full_url(c, o->serverurl);
    out->username = o->username;
    out->password = o->password;
    out->prompt = o->prompt;
    out->history_file = history ? full_path(c, o->history_file) : NULL;
}

static int read_section(struct conf *c, struct ctlconf *out, struct err *e)
{
    struct sect x;
    const struct ini_section *s = ini_find(&c->ini, "supervisorctl");
    if (!s)
        return err_set(e, ".ini file does not include supervisorctl section");
    sect_init(&x, c, s, &rows_ctl);
    sect_convert(&x, &c->ctl, &c->here, 0, 0);
    if (c->m.list[MSG_ERROR].n)
        return take_error(c, e);
    take(c, out);
    return 0;
}

/* The defaults of the rows, for where no file is. */
static void take_defaults(struct conf *c, struct ctlconf *out)
{
    struct sect x;
    sect_init(&x, c, NULL, &rows_ctl);
    sect_convert(&x, &c->ctl, &c->here, 0, 0);
    take(c, out);
}

int ctlconf_read(const struct conf_request *rq, struct ctlconf *out, struct err *e)
{
    struct conf *c = conf_begin(rq);
    *out = (struct ctlconf){.conf = c};
    if (!c->path) {
        take_defaults(c, out);
        return 0;
    }
    if (!conf_read_main(c) || c->m.list[MSG_ERROR].n)
        return take_error(c, e);
    return read_section(c, out, e);
}

void ctlconf_fini(struct ctlconf *c)
{
    if (c->conf)
        conf_end(&c->conf);
}
