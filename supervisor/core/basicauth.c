/* HTTP Basic authentication. */
#include "supervisor/core/basicauth.h"
#include "supervisor/base/b64.h"

#include <string.h>
#include <strings.h>

#define CREDENTIALS_MAX 4096u
#define SHA_MARK "{SHA}"

/* Looks at all of what is wanted, whatever is given. */
static bool same(const char *want, const char *given, size_t n)
{
    size_t len = strlen(want);
    unsigned char differ = len != n;
    for (size_t i = 0; i < len; i++)
        differ |= (unsigned char)(want[i] ^ (i < n ? given[i] : 0));
    return !differ;
}

static bool password_fits(const struct basicauth *want, const char *given, size_t n)
{
    char hex[BASICAUTH_SHA1_HEX + 1];
    const char *password = want->password ? want->password : "";
    if (strncmp(password, SHA_MARK, strlen(SHA_MARK)) != 0)
        return same(password, given, n);
    return want->sha1(given, n, hex) && same(password + strlen(SHA_MARK), hex, strlen(hex));
}

/* The credentials behind "Basic ", or NULL. */
static const char *credentials(const char *header, size_t *out_n)
{
    size_t word = strcspn(header, " ");
    if (word != 5 || strncasecmp(header, "basic", 5) != 0 || !header[word])
        return NULL;
    header += word + strspn(header + word, " ");
    *out_n = strcspn(header, " \t\r\n");
    return header;
}

int basicauth_judge(const struct basicauth *want, const char *header)
{
    unsigned char text[CREDENTIALS_MAX];
    size_t n = 0;
    if (!want->username || !*want->username)
        return 200;
    const char *given = header ? credentials(header, &n) : NULL;
    if (!given || n > CREDENTIALS_MAX)
        return 401;
    int64_t len = n ? b64_get(given, n, text, sizeof(text)) : -1;
    if (len < 0)
        return 400;
    const char *user = (const char *)text, *colon = memchr(text, ':', (size_t)len);
    if (!colon)
        return 401;
    size_t rest = (size_t)len - (size_t)(colon + 1 - user);
    bool known = same(want->username, user, (size_t)(colon - user));
    bool fits = password_fits(want, colon + 1, rest);
    return known && fits ? 200 : 401;
}
