/* HTTP Basic authentication, as Supervisor does it. Pure. */
#ifndef CORE_BASICAUTH_H
#define CORE_BASICAUTH_H

#include <stdbool.h>
#include <stddef.h>

#define BASICAUTH_SHA1_HEX 40u

struct basicauth {
    const char *username; /* "" or NULL: everybody may come in */
    const char *password; /* as it is, or "{SHA}" and the SHA-1 of it in lower case hex */
    /* Writes the SHA-1 of n bytes as lower case hex, and a NUL. False: it cannot. */
    bool (*sha1)(const void *p, size_t n, char hex[BASICAUTH_SHA1_HEX + 1]);
};

/* What the value of the header Authorization (NULL: there is none) deserves: 200 to come in, 401
 * to be asked, 400 for credentials that cannot be read. How long it takes does not depend on how
 * much of them is right. */
int basicauth_judge(const struct basicauth *want, const char *header);

#endif
