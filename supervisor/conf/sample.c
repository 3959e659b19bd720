/* A configuration to begin with, as echo_supervisord_conf prints one: every option of Supervisor's
 * sections with what it is for, from the option rows. What runs is what Supervisor's own sample
 * has, by the same names and values, so that scripts that edit that one can edit this. */
#include "supervisor/conf/section.h"
#include "supervisor/conf/show.h"

#include <string.h>

/* A section of the sample. */
struct part {
    const char *kind, *header;
    bool runs; /* else all of it is a comment */
};

static const struct part parts[] = {
    {"unix_http_server", "unix_http_server", true},
    {"inet_http_server", "inet_http_server", false},
    {"supervisord", "supervisord", true},
    {"rpcinterface", "rpcinterface:supervisor", true},
    {"supervisorctl", "supervisorctl", true},
    {"program", "program:theprogramname", false},
    {"fcgi-program", "fcgi-program:thefcgiprogramname", false},
    {"eventlistener", "eventlistener:theeventlistenername", false},
    {"group", "group:thegroupname", false},
    {"include", "include", false},
};

/* A value that is not the default, or stands there without being a comment. */
struct value {
    const char *kind, *option, *text;
    bool runs;
};

static const struct value values[] = {
    {"unix_http_server", "file", "/tmp/supervisor.sock", true},
    {"unix_http_server", "chown", "nobody:nogroup", false},
    {"unix_http_server", "username", "user", false},
    {"unix_http_server", "password", "123", false},
    {"inet_http_server", "port", "127.0.0.1:9001", false},
    {"inet_http_server", "username", "user", false},
    {"inet_http_server", "password", "123", false},
    {"supervisord", "logfile", "/tmp/supervisord.log", true},
    {"supervisord", "logfile_maxbytes", "50MB", true},
    {"supervisord", "logfile_backups", "10", true},
    {"supervisord", "loglevel", "info", true},
    {"supervisord", "pidfile", "/tmp/supervisord.pid", true},
    {"supervisord", "nodaemon", "false", true},
    {"supervisord", "silent", "false", true},
    {"supervisord", "minfds", "1024", true},
    {"supervisord", "minprocs", "200", true},
    {"supervisord", "childlogdir", "/tmp", false},
    {"supervisord", "user", "supervisord", false},
    {"supervisord", "directory", "/tmp", false},
    {"supervisord", "environment", "KEY=\"value\"", false},
    {"supervisorctl", "serverurl", "unix:///tmp/supervisor.sock", true},
    {"supervisorctl", "username", "user", false},
    {"supervisorctl", "password", "123", false},
    {"supervisorctl", "history_file", "~/.sc_history", false},
    {"program", "command", "/bin/cat", false},
    {"program", "directory", "/tmp", false},
    {"program", "user", "www-data", false},
    {"program", "umask", "022", false},
    {"program", "killasgroup", "false", false},
    {"program", "environment", "A=\"1\",B=\"2\"", false},
    {"program", "serverurl", "AUTO", false},
    {"fcgi-program", "command", "/usr/bin/example.fcgi", false},
    {"fcgi-program", "socket", "unix:///var/run/%(program_name)s.sock", false},
    {"fcgi-program", "socket_backlog", "4096", false},
    {"fcgi-program", "socket_owner", "www-data", false},
    {"fcgi-program", "socket_mode", "0700", false},
    {"eventlistener", "command", "/bin/eventlistener", false},
    {"eventlistener", "priority", "-1", false},
    {"eventlistener", "events", "PROCESS_STATE_EXITED,TICK_60", false},
    {"group", "programs", "progname1,progname2", false},
    {"include", "files ", "relative/directory/*.ini", false},
};

static const char head_text[] =
    "; A configuration of Supervisor's form, to begin with. A line that begins with a semicolon is "
    "a\n"
    "; comment: take it away to set the option. What an option says nothing about has its "
    "default.\n"
    ";\n"
    ";  - A comment behind a value needs a blank before its semicolon, and begins there in "
    "quotes,\n"
    ";    too: sh -c 'a ; b' ends behind the a. Write sh -c 'a; b'.\n"
    ";  - An indented line goes on with the value above it.\n"
    ";  - Variables of the environment are written %(ENV_HOME)s; ~ and $HOME are not replaced in\n"
    ";    commands. A percent sign is written %%.\n"
    ";  - Files in /tmp suit a first try. Afterwards let the sockets and logs be where others "
    "cannot\n"
    ";    write, and where nobody tidies up.\n";

static const struct value *find_value(const char *kind, const char *option)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        size_t n = strcspn(values[i].option, " ");
        if (strcmp(values[i].kind, kind) == 0 && strlen(option) == n &&
            strncmp(values[i].option, option, n) == 0)
            return &values[i];
    }
    return NULL;
}

/* Those that run a program have a program's values. */
static const struct value *value_of(const struct part *p, const char *option)
{
    const struct value *v = find_value(p->kind, option);
    return v || p->runs ? v : find_value("program", option);
}

static void put_option(struct str *out, const struct part *p, const struct opt *o)
{
    const struct value *v = value_of(p, o->name);
    const char *text = v ? v->text : o->def ? o->def : "";
    bool spaced = v && strchr(v->option, ' ');
    size_t at = out->len;
    str_printf(out, "%s%s%s%s", p->runs && v && v->runs ? "" : ";", o->name, spaced ? " = " : "=",
               text);
    for (size_t n = out->len - at; n < 34; n++)
        str_putc(out, ' ');
    str_printf(out, " ; %s", o->help);
    if (!v && !o->def && o->def_note)
        str_printf(out, " Default: %s.", o->def_note);
    str_putc(out, '\n');
}

static void put_table(struct str *out, const struct part *p, const struct opt_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (!(t->rows[i].flags & OPT_OURS))
            put_option(out, p, &t->rows[i]);
}

static void put_part(struct str *out, const struct part *p)
{
    const struct sect_kind *k = sect_kind_of(p->header);
    if (!k->tables[0]) /* only [rpcinterface:x] */
        str_printf(out,
                   "\n; Supervisor needs this section for supervisorctl; here it is always so.\n"
                   "[%s]\nsupervisor.rpcinterface_factory = "
                   "supervisor.rpcinterface:make_main_rpcinterface\n",
                   p->header);
    else
        str_printf(out, "\n; [%s%s] %s\n%s[%s]\n", k->name, k->named ? ":NAME" : "", k->help,
                   p->runs ? "" : ";", p->header);
    for (size_t t = 0; t < SECT_TABLES && k->tables[t]; t++)
        put_table(out, p, k->tables[t]);
}

void conf_print_sample(struct str *out)
{
    str_puts(out, head_text);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        put_part(out, &parts[i]);
}
