/* Users and groups through NSS. */
#include "supervisor/conf/users.h"
#include "supervisor/conf/pytext.h"

#include <grp.h>
#include <pwd.h>
#include <string.h>

static const struct passwd *find(const char *text, struct err *e)
{
    int64_t uid;
    bool number = py_int(text, 10, &uid) != PY_INT_INVALID;
    const struct passwd *pw = !number                                 ? getpwnam(text)
                              : uid >= 0 && uid < (int64_t)UINT32_MAX ? getpwuid((uid_t)uid)
                                                                      : NULL;
    if (!pw)
        err_set(e,
                number ? "Invalid user id %s (no such user in passwd)"
                       : "Invalid user name %s (no such user in passwd)",
                text);
    return pw;
}

static void load_groups(struct arena *a, const struct passwd *pw, struct user_val *out)
{
    gid_t few[64], *list = few;
    int n = 64;
    if (getgrouplist(pw->pw_name, pw->pw_gid, list, &n) < 0) {
        list = arena_alloc(a, (size_t)n * sizeof(*list));
        if (getgrouplist(pw->pw_name, pw->pw_gid, list, &n) < 0)
            n = 0;
    }
    out->groups = arena_memdup(a, list, (size_t)n * sizeof(*list));
    out->ngroups = (uint32_t)n;
}

int user_find(struct arena *a, const char *text, struct user_val *out, struct err *e)
{
    const struct passwd *pw = find(text, e);
    if (!pw)
        return -1;
    *out = (struct user_val){.name = arena_strdup(a, text), .uid = pw->pw_uid, .gid = pw->pw_gid};
    load_groups(a, pw, out);
    return 0;
}

int user_home(struct arena *a, int64_t uid, struct user_home *out)
{
    const struct passwd *pw = uid >= 0 && uid < (int64_t)UINT32_MAX ? getpwuid((uid_t)uid) : NULL;
    if (!pw)
        return -1;
    *out = (struct user_home){.name = arena_strdup(a, pw->pw_name),
                              .home = arena_strdup(a, pw->pw_dir),
                              .shell = arena_strdup(a, pw->pw_shell)};
    return 0;
}

int unix_group_find(const char *text, int64_t *out_gid, struct err *e)
{
    int64_t gid;
    bool number = py_int(text, 10, &gid) != PY_INT_INVALID;
    const struct group *gr = !number                                 ? getgrnam(text)
                             : gid >= 0 && gid < (int64_t)UINT32_MAX ? getgrgid((gid_t)gid)
                                                                     : NULL;
    if (!gr)
        return err_set(e,
                       number ? "Invalid group id %s (no such group)"
                              : "Invalid group name %s (no such group)",
                       text);
    *out_gid = gr->gr_gid;
    return 0;
}

int user_group_find(const char *text, int64_t *out_uid, int64_t *out_gid, struct err *e)
{
    const char *colon = strchr(text, ':');
    char user[256];
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n >= sizeof(user))
        return err_set(e, "Invalid user:group definition %s", text);
    memcpy(user, text, n);
    user[n] = '\0';
    const struct passwd *pw = find(user, e);
    if (!pw)
        return err_prefix(e, "Invalid user:group definition %s", text);
    *out_uid = pw->pw_uid;
    *out_gid = -1;
    return colon && unix_group_find(colon + 1, out_gid, e) < 0
               ? err_prefix(e, "Invalid user:group definition %s", text)
               : 0;
}
