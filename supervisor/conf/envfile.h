/* Files of variables: the two formats in use. Pure: text in, pairs out. */
#ifndef CONF_ENVFILE_H
#define CONF_ENVFILE_H

#include "supervisor/conf/words.h"

/* ENVFILE_SYSTEMD, as systemd.exec(5) has it for EnvironmentFile=: KEY=value, the value in single
 * or double quotes or in none, a backslash before the line's end goes on in the next one; lines
 * that begin with # or ; are comments. ENVFILE_DOCKER, as docker's --env-file: KEY=value with the
 * value as it stands, quotes and all; KEY alone takes the value that we have, or is left out; lines
 * that begin with # are comments. */
enum envfile_format { ENVFILE_SYSTEMD, ENVFILE_DOCKER };

/* Our own environment, for KEY alone: the value of the first n bytes at key, or NULL. */
typedef const char *envfile_lookup(void *arg, const char *key, size_t n);

struct envfile_request {
    enum envfile_format format;
    envfile_lookup *lookup;
    void *arg;
};

/* Appends the pairs of n bytes of text to *out, in the arena; a later pair replaces an earlier one
 * of its key. 0, or -1 with the line and the reason. */
int envfile_parse(struct arena *a, const char *text, size_t n, const struct envfile_request *rq,
                  struct env_list *out, unsigned *out_line, struct err *e);

/* Sets a variable of the list, in its place if it has one, else at the end. The strings are kept,
 * not copied; the list grows in the arena and is changed by this alone. */
void envfile_set(struct arena *a, struct env_list *l, const char *key, const char *value);

#endif
