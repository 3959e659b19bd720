/* What of an HTTP request is read by our own code: its credentials, its host, its codes, its forms.
 * The first
 * byte says how long the user name is; who gives the right credentials comes in, whatever they are,
 * and nobody else does. */
#include "supervisor/base/b64.h"
#include "supervisor/core/basicauth.h"
#include "supervisor/core/origin.h"
#include "supervisor/core/urlform.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static bool no_sha1(const void *p, size_t n, char hex[BASICAUTH_SHA1_HEX + 1])
{
    (void)p, (void)n;
    memset(hex, '0', BASICAUTH_SHA1_HEX);
    hex[BASICAUTH_SHA1_HEX] = '\0';
    return true;
}

static char *copy(const uint8_t *data, size_t n)
{
    char *p = malloc(n + 1);
    must(p);
    memcpy(p, data, n);
    p[n] = '\0';
    return p;
}

/* The credentials as a client that knows them sends them. */
static void come_in(const struct basicauth *want)
{
    struct str plain = STR_INIT, header = STR_INIT;
    str_printf(&plain, "%s:%s", want->username, want->password);
    str_puts(&header, "Basic ");
    b64_put(&header, str_text(&plain), plain.len);
    bool able = !strchr(want->username, ':') && strncmp(want->password, "{SHA}", 5) != 0 &&
                plain.len < 3000;
    if (able)
        must(basicauth_judge(want, str_text(&header)) == 200);
    str_fini(&plain);
    str_fini(&header);
}

static void decode(char *text, size_t n)
{
    struct str out = STR_INIT;
    urlform_get(text, n, "action", &out);
    must(out.len <= n);
    str_fini(&out);
    size_t had = strlen(text), len = url_decode(text);
    must(len <= had && strlen(text) == len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    size_t n = size - 1, user_n = data[0] < n ? data[0] : n;
    char *user = copy(data + 1, user_n), *rest = copy(data + 1 + user_n, n - user_n);
    const struct basicauth want = {user, "secret", no_sha1}, hashed = {user, "{SHA}x", no_sha1};
    int status = basicauth_judge(&want, rest);
    must(status == 200 || status == 400 || status == 401);
    must(!*user == (status == 200) || strncasecmp(rest, "basic ", 6) == 0);
    must(!*user || basicauth_judge(&hashed, rest) != 200);
    if (*user) {
        come_in(&(struct basicauth){user, rest, no_sha1});
        come_in(&want);
    }
    must(origin_is_ours(rest, "*") && origin_is_ours(user, "*"));
    if (origin_is_ours(rest, user) && !origin_is_ours(rest, ""))
        must(*user);
    decode(rest, n - user_n);
    free(user);
    free(rest);
    return 0;
}
