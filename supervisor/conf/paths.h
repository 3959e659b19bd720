/* Paths as Supervisor treats them: ~ expanded, made absolute, normalised. */
#ifndef CONF_PATHS_H
#define CONF_PATHS_H

#include "supervisor/base/arena.h"
#include "supervisor/base/err.h"

#include <stdbool.h>

struct path_env {
    const char *home; /* $HOME, or NULL: the user's entry in passwd */
    const char *cwd;
    /* Values were expanded and checked before, by somebody who may look at paths: here they are
     * taken as they are. Who reads a generation would wait for the disk, or may not go there. */
    bool checked;
};

/* "~/x" and "~user/x"; another path as it is. In the arena. */
const char *path_expand_user(struct arena *a, const struct path_env *env, const char *path);
/* The path as seen from a folder; an absolute one stays. */
const char *path_join(struct arena *a, const char *folder, const char *path);
/* Absolute, without ".", ".." and double slashes (two at the start stay, as POSIX has it). */
const char *path_absolute(struct arena *a, const struct path_env *env, const char *path);
/* The folder part, "" if there is none. */
const char *path_dirname(struct arena *a, const char *path);
/* ~ expanded; the folder it is in (existing_dirpath), or the folder itself (existing_directory),
 * has to exist, seen from cwd. */
int path_in_folder(struct arena *a, const struct path_env *env, const char *text,
                   const char **out_path, struct err *e);
int path_folder(struct arena *a, const struct path_env *env, const char *text,
                const char **out_path, struct err *e);

#endif
