/* The configuration's text: the main file, then what its [include] names. */
#include "supervisor/conf/fileglob.h"
#include "supervisor/conf/gen.h"
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/reader.h"
#include "supervisor/conf/section.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Far beyond any configuration; what is longer is the wrong file. */
#define FILE_MAX ((size_t)256 << 20)

static int read_all(int fd, struct str *out)
{
    char buf[65536];
    ssize_t n;
    while ((n = read(fd, buf, sizeof(buf))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        str_put(out, buf, (size_t)n);
        if (out->failed) {
            errno = EFBIG;
            return -1;
        }
    }
    return 0;
}

/* The whole file; -1 with errno. Only the main file may be a pipe: a pipe in a folder of includes
 * would hang the load. */
static int slurp(const char *path, bool main_file, struct str *out)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (main_file ? 0 : O_NONBLOCK));
    if (fd < 0)
        return -1;
    if (!main_file && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return -1;
    }
    str_init(out, FILE_MAX);
    int r = read_all(fd, out), saved = errno;
    close(fd);
    errno = saved;
    if (r < 0)
        str_fini(out);
    return r;
}

int conf_slurp(const char *path, struct str *out)
{
    return slurp(path, false, out);
}

static void read_text(struct conf *c, const char *file, const char *text, size_t n)
{
    msgs_file(&c->m, file);
    reader_text(&c->ini, &c->m, file, text, n, (struct reader_opts){.exact = c->rq.exact});
}

bool conf_read_main(struct conf *c)
{
    struct str text = STR_INIT;
    if (c->rq.text) {
        read_text(c, c->path, c->rq.text, c->rq.text_len);
        return true;
    }
    if (slurp(c->path, true, &text) < 0) {
        conf_fail(c, ((struct pos){NULL, 0}), "could not %s config file %s: %s",
                  errno == ENOENT ? "find" : "read", c->path, strerror(errno));
        return false;
    }
    read_text(c, c->path, str_text(&text), text.len);
    str_fini(&text);
    return true;
}

static const char included[] = "Included extra file \"";

/* Is the path, or something in a folder of this path, part of what runs? */
static bool runs_from(const struct gen *before, const char *path)
{
    size_t n = strlen(path), head = sizeof(included) - 1;
    const goff *v = before ? gen_at(before, before->warnings) : NULL;
    for (uint32_t i = 0; before && i < before->nwarnings; i++) {
        const char *text = strchr(gen_str(before, v[i]), '\t') + 1;
        if (strncmp(text, included, head) == 0 && strncmp(text + head, path, n) == 0 &&
            (text[head + n] == '"' || text[head + n] == '/'))
            return true;
    }
    return false;
}

/* Supervisor goes on without it and says nothing; but what is taken for gone would be stopped. */
static void cannot_read(struct conf *c, const char *path, int error, struct pos at)
{
    if (runs_from(c->rq.before, path))
        conf_fail(c, at,
                  "include.files: cannot read %s, which was read before: %s (its programs run; to "
                  "have them removed, remove the file)",
                  path, strerror(error));
    else
        conf_warn(c, at, "include.files: cannot read %s, it is skipped: %s", path, strerror(error));
}

static void read_included(struct conf *c, const char *file, struct pos at)
{
    struct str text = STR_INIT;
    file = arena_strdup(c->a, file);
    int error = slurp(file, false, &text) < 0 ? errno : 0;
    if (!error || error == EISDIR || error == EINVAL)
        msgs_add(&c->m, MSG_INFO, (struct pos){NULL, 0}, "%s%s\" during parsing", included, file);
    if (error == EISDIR || error == EINVAL)
        conf_hint(c, at, "include.files: %s is skipped: %s", file,
                  error == EISDIR ? strerror(error) : "It is no regular file");
    else if (error == ENOENT)
        conf_warn(c, at, "include.files: %s is skipped: it is a link to nothing", file);
    else if (error)
        cannot_read(c, file, error, at);
    else
        read_text(c, file, str_text(&text), text.len);
    str_fini(&text);
    ini_expand_here(&c->ini, path_absolute(c->a, &c->paths, path_dirname(c->a, file)));
}

static void read_pattern(struct conf *c, const char *pattern, struct pos at)
{
    pattern = path_join(c->a, c->dir, pattern);
    struct fileglob_blind blind;
    struct str_list found = fileglob(c->a, pattern, &blind);
    if (blind.path)
        cannot_read(c, blind.path, blind.error, at);
    if (!found.n)
        conf_warn(c, at, "No file matches via include \"%s\"", pattern);
    for (size_t i = 0; i < found.n; i++)
        read_included(c, found.v[i], at);
}

static void read_patterns(struct conf *c, const char *files, struct pos at)
{
    const char *end = files + strlen(files);
    while (files < end) {
        const char *p = files;
        while (p < end && !py_space_at(p, end))
            p++;
        if (p > files)
            read_pattern(c, arena_strndup(c->a, files, (size_t)(p - files)), at);
        files = p + (p < end ? py_space_at(p, end) : 0);
    }
}

static void read_includes(struct conf *c, const struct ini_section *s)
{
    struct names names;
    struct sect x = {.c = c, .s = s};
    ini_expand_here(&c->ini, c->dir);
    const struct ini_key *k = ini_get(&c->ini, s, "files");
    if (!k) {
        conf_fail(c, pos_section(s),
                  ".ini file has [include] section, but no files setting "
                  "(add files = conf.d/*.conf)");
        return;
    }
    names_init(&names, &c->env);
    names_add(&names, (struct name){.key = "here", .text = c->dir});
    names_add(&names, (struct name){.key = "host_node_name", .text = c->node});
    const char *files = sect_expand(&x, k, k->value, &names);
    names_fini(&names);
    if (files)
        read_patterns(c, arena_strdup(c->a, files), k->at);
    else
        c->ini.unclear = true;
}

bool conf_read_files(struct conf *c)
{
    if (!conf_read_main(c))
        return false;
    const struct ini_section *include = ini_find(&c->ini, "include");
    if (include && c->rq.text)
        conf_hint(c, pos_section(include), "[include] is not followed for a text in memory");
    else if (include)
        read_includes(c, include);
    return true;
}
