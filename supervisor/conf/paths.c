/* Paths as Supervisor treats them. */
#include "supervisor/conf/paths.h"

#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *home_of(struct arena *a, const struct path_env *env, const char *user)
{
    if (!*user && env->home)
        return env->home;
    const struct passwd *pw = *user ? getpwnam(user) : getpwuid(getuid());
    return pw ? arena_strdup(a, pw->pw_dir) : NULL;
}

const char *path_expand_user(struct arena *a, const struct path_env *env, const char *path)
{
    if (path[0] != '~' || env->checked)
        return path;
    size_t n = strcspn(path, "/");
    const char *home = home_of(a, env, arena_strndup(a, path + 1, n - 1));
    if (!home)
        return path;
    size_t len = strlen(home);
    while (len && home[len - 1] == '/')
        len--;
    const char *full = arena_printf(a, "%.*s%s", (int)len, home, path + n);
    return *full ? full : "/";
}

/* appends the parts of path to out[0..n), taking "." and ".." out; returns the new length */
static size_t add_parts(char *out, size_t n, size_t root, const char *path)
{
    while (*path) {
        size_t len = strcspn(path, "/");
        if (len == 2 && memcmp(path, "..", 2) == 0) {
            while (n > root && out[n - 1] != '/')
                n--;
            n -= n > root;
        } else if (len && !(len == 1 && *path == '.')) {
            if (n > root)
                out[n++] = '/';
            memcpy(out + n, path, len);
            n += len;
        }
        path += len + (path[len] == '/');
    }
    return n;
}

const char *path_join(struct arena *a, const char *folder, const char *path)
{
    size_t n = strlen(folder);
    if (path[0] == '/')
        return path;
    return arena_printf(a, "%s%s%s", folder, n && folder[n - 1] != '/' ? "/" : "", path);
}

const char *path_absolute(struct arena *a, const struct path_env *env, const char *path)
{
    const char *full = path_join(a, env->cwd, path);
    size_t root = full[0] == '/' && full[1] == '/' && full[2] != '/' ? 2 : 1;
    char *out = arena_alloc(a, strlen(full) + 2);
    memcpy(out, "//", root);
    size_t n = add_parts(out, root, root, full);
    out[n] = '\0';
    return out;
}

const char *path_dirname(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return "";
    size_t n = (size_t)(slash - path) + 1, all = n;
    while (n && path[n - 1] == '/')
        n--;
    return arena_strndup(a, path, n ? n : all);
}

static bool is_folder(struct arena *a, const struct path_env *env, const char *path)
{
    struct stat st;
    return stat(path_join(a, env->cwd, path), &st) == 0 && S_ISDIR(st.st_mode);
}

/* Descriptors by name, which nobody opens: there may be no /dev at all. */
static bool is_descriptor(const char *path)
{
    return strcmp(path, "/dev/stdout") == 0 || strcmp(path, "/dev/stderr") == 0 ||
           strncmp(path, "/dev/fd/", 8) == 0;
}

int path_in_folder(struct arena *a, const struct path_env *env, const char *text,
                   const char **out_path, struct err *e)
{
    *out_path = path_expand_user(a, env, text);
    const char *dir = path_dirname(a, *out_path);
    if (env->checked || !*dir || is_descriptor(*out_path) || is_folder(a, env, dir))
        return 0;
    return err_set(e,
                   "The directory named as part of the path %s does not exist (create %s, or "
                   "name another path)",
                   text, dir);
}

int path_folder(struct arena *a, const struct path_env *env, const char *text,
                const char **out_path, struct err *e)
{
    *out_path = path_expand_user(a, env, text);
    if (env->checked || (**out_path && is_folder(a, env, *out_path)))
        return 0;
    return err_set(e, "%s is not an existing directory", text);
}
