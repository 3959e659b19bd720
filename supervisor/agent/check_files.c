/* Checks of the files that probes and notifiers read: certificates and keys. Whether the agent's
 * user may open them is known only to who runs as that user. */
#include "supervisor/agent/check_files.h"
#include "supervisor/base/fd.h"
#include "supervisor/base/text.h"
#include "supervisor/io/pem.h"
#include "supervisor/io/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX ((size_t)2 << 20)

struct look {
    const struct item *it;
    const char *option;
    bool helped;
    check_files_fn *fn;
    void *obj;
};

static void say(const struct look *l, bool warning, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void say(const struct look *l, bool warning, const char *fmt, ...)
{
    struct str s = STR_INIT;
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    str_printf(&s, "%s: %s", l->option, text);
    l->fn(l->obj, warning, l->it, str_text(&s));
    str_fini(&s);
}

/* "user nobody", "user 1000" */
static const char *who(char *buf, size_t size)
{
    const struct passwd *p = getpwuid(geteuid());
    if (p)
        snprintf(buf, size, "user %s", p->pw_name);
    else
        snprintf(buf, size, "user %ld", (long)geteuid());
    return buf;
}

static void say_error(const struct look *l, const char *what, const char *path, int error)
{
    char user[300];
    if (error == ENOENT || error == ENOTDIR)
        say(l, true, "there is no %s", path);
    else if (error == EACCES && l->helped)
        return; /* what supd-log opens in its place the verdict will say */
    else if (error == EACCES)
        say(l, false,
            "supd-agent, as %s, may not %s %s (it has the rights of [agent] user= and groups=)",
            who(user, sizeof(user)), what, path);
    else
        say(l, false, "supd-agent cannot %s %s: %s", what, path, strerrordesc_np(error));
}

/* The whole file; NULL if something was said about it. */
static char *slurp(const struct look *l, const char *path, size_t *out_n)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    char *text = NULL;
    if (fd < 0)
        say_error(l, "open", path, errno);
    else if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        say(l, false, "%s is no regular file", path);
    else if ((size_t)st.st_size > FILE_MAX)
        say(l, false, "%s is larger than %zu bytes", path, FILE_MAX);
    else {
        text = mem_zalloc((size_t)st.st_size + 1);
        ssize_t n = read(fd, text, (size_t)st.st_size);
        *out_n = n > 0 ? (size_t)n : 0;
        if (n < 0) {
            say_error(l, "read", path, errno);
            free(text);
            text = NULL;
        }
    }
    fd_close(&fd);
    return text;
}

static void drop(char *text, size_t n)
{
    if (text)
        explicit_bzero(text, n); /* it may be a key */
    free(text);
}

/* ---- what should be in it ---- */

static void look_ca(const struct look *l, const char *path, const char *text, size_t n)
{
    struct err e;
    struct tls_trust *t = tls_trust_new(text, n, &e);
    if (!t)
        say(l, false, "%s: %s", path, e.msg);
    tls_trust_free(&t);
}

static void look_cert(const struct look *l, const char *path, const char *text, size_t n)
{
    struct err e;
    struct x509_file file;
    struct arena *a = arena_new();
    if (pem_read(text, n, a, &file, &e) < 0)
        say(l, false, "%s: %s", path, e.msg);
    arena_free(&a);
}

static const char *string_of(const struct item *it, const char *option)
{
    const struct opt_table *t = it->kind->rows;
    for (size_t i = 0; i < t->n; i++) {
        const struct opt *o = &t->rows[i];
        if (strcmp(o->name, option) == 0 && (o->type == OPT_STRING || o->type == OPT_PATH))
            return *(const char *const *)((const char *)it->own + o->offset);
    }
    return NULL;
}

/* tls_key=, or tls_cert= where that is not given, against the certificate. */
static void look_key(const struct look *l, const char *path, const char *text, size_t n)
{
    struct err e;
    size_t ncert;
    struct look other = *l;
    const char *cert = string_of(l->it, "tls_cert");
    other.option = "tls_cert";
    char *certs = cert ? slurp(&other, cert, &ncert) : NULL;
    int r = certs ? pem_key_matches(text, n, certs, ncert, &e) : 1;
    if (r < 0)
        say(l, false, "%s: %s", path, e.msg);
    else if (r == 0)
        say(l, false, "%s does not belong to the certificate in %s", path, cert);
    drop(certs, certs ? ncert : 0);
}

static void look_nothing(const struct look *l, const char *path, const char *text, size_t n)
{
    (void)l, (void)path, (void)text, (void)n;
}

/* ---- which ---- */

typedef void look_fn(const struct look *l, const char *path, const char *text, size_t n);

static const struct row {
    const char *option;
    look_fn *fn;
    bool later; /* what is not there, is what it is about */
} rows[] = {
    {"tls_ca", look_ca, false},
    {"ca", look_ca, false},
    {"tls_cert", look_cert, false},
    {"tls_key", look_key, false},
    {"files", look_nothing, true},
    {"key_file", look_nothing, true},
    {"check_served_file", look_nothing, true},
};

static void look_at(const struct look *l, const struct row *row, const char *path)
{
    size_t n = 0;
    if (row->later && access(path, F_OK) < 0 && errno != EACCES)
        return;
    char *text = slurp(l, path, &n);
    if (text)
        row->fn(l, path, text, n);
    drop(text, n);
}

static void look_at_pattern(const struct look *l, const struct row *row, const char *pattern)
{
    glob_t found = {0};
    if (!text_has_glob(pattern)) {
        look_at(l, row, pattern);
        return;
    }
    errno = 0;
    int r = glob(pattern, GLOB_NOESCAPE | GLOB_ERR, NULL, &found);
    if (r == GLOB_ABORTED && errno == EACCES)
        say_error(l, "look for", pattern, EACCES);
    for (size_t i = 0; r == 0 && i < found.gl_pathc; i++)
        look_at(l, row, found.gl_pathv[i]);
    globfree(&found);
}

static void look_at_option(struct look *l, const struct row *row)
{
    const struct opt_table *t = l->it->kind->rows;
    const char *one = string_of(l->it, row->option);
    l->option = row->option;
    if (one)
        look_at_pattern(l, row, one);
    for (size_t i = 0; i < t->n; i++) {
        const struct opt *o = &t->rows[i];
        if (o->type != OPT_LIST || strcmp(o->name, row->option) != 0)
            continue;
        const struct str_list *list =
            (const struct str_list *)(const void *)((const char *)l->it->own + o->offset);
        for (size_t j = 0; j < list->n; j++)
            look_at_pattern(l, row, list->v[j]);
    }
}

void check_files(const struct agentgen *g, bool helped, check_files_fn *fn, void *obj)
{
    VEC_EACH (&g->conf->items, i) {
        struct look l = {.it = g->conf->items.v[i], .helped = helped, .fn = fn, .obj = obj};
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
            look_at_option(&l, &rows[j]);
    }
}
