/* Users and groups through NSS. Runs in the load child: it may block. */
#ifndef CONF_USERS_H
#define CONF_USERS_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"

#include <stddef.h>
#include <stdint.h>

struct user_val {
    const char *name; /* as written; NULL: unset */
    int64_t uid, gid;
    uint32_t *groups; /* the primary first, then those that list the user */
    uint32_t ngroups;
};

/* A name or a number that must be in passwd. */
int user_find(struct arena *a, const char *text, struct user_val *out, struct err *e);
/* What passwd has of a user beside the numbers. 0, or -1: there is no such user. */
struct user_home {
    const char *name, *home, *shell;
};
int user_home(struct arena *a, int64_t uid, struct user_home *out);
/* "user" or "user:group"; *out_gid is -1 without a group. */
int user_group_find(const char *text, int64_t *out_uid, int64_t *out_gid, struct err *e);
/* A group's name or number. */
int unix_group_find(const char *text, int64_t *out_gid, struct err *e);

#endif
