/* Signatures of webhooks (standardwebhooks.com, and GitHub's way). */
#include "alerts/sign.h"

#include "supervisor/base/b64.h"
#include "supervisor/io/hmac.h"

#include <stdio.h>
#include <string.h>

#define PREFIX "whsec_"
#define KEY_MAX 1024 /* the options' check knows it, too */

static bool put_code(const void *key, size_t key_len, const struct hmac_part *parts, size_t n,
                     struct str *out)
{
    uint8_t code[HMAC_BYTES];
    if (!hmac_sha256(key, key_len, parts, n, code))
        return false;
    b64_put(out, code, sizeof(code));
    return true;
}

/* " v1,CODE" with one key: the bytes behind whsec_, else the text itself */
static bool put_signature(const char *key, size_t n, const struct hmac_part *parts, size_t nparts,
                          struct str *out)
{
    uint8_t bytes[KEY_MAX];
    int64_t len = -1;
    str_puts(out, " v1,");
    if (n <= strlen(PREFIX) || strncmp(key, PREFIX, strlen(PREFIX)) != 0)
        return put_code(key, n, parts, nparts, out);
    len = b64_get(key + strlen(PREFIX), n - strlen(PREFIX), bytes, sizeof(bytes));
    bool ok = len > 0 && put_code(bytes, (size_t)len, parts, nparts, out);
    explicit_bzero(bytes, sizeof(bytes));
    return ok;
}

static bool put_hub(const char *key, size_t n, const struct str *body, struct str *out)
{
    uint8_t code[HMAC_BYTES];
    struct hmac_part part = {str_text(body), body->len};
    if (!hmac_sha256(key, n, &part, 1, code))
        return false;
    str_puts(out, "X-Hub-Signature-256: sha256=");
    for (size_t i = 0; i < sizeof(code); i++)
        str_printf(out, "%02x", code[i]);
    str_putc(out, '\n');
    return true;
}

bool sign_headers(const struct tell_message *m, wall_t now, struct str *out)
{
    char stamp[32];
    const char *keys = str_text(&m->sign_keys), *first = NULL;
    snprintf(stamp, sizeof(stamp), "%lld", (long long)(now.ns / 1000000000));
    const struct hmac_part parts[] = {{str_text(&m->sign_id), m->sign_id.len},
                                      {".", 1},
                                      {stamp, strlen(stamp)},
                                      {".", 1},
                                      {str_text(&m->body), m->body.len}};
    bool ok = true;
    str_printf(out,
               "webhook-id: %s\nwebhook-timestamp: %s\nwebhook-signature:", str_text(&m->sign_id),
               stamp);
    for (const char *p = keys; ok && *p; p += *p == '\n') {
        size_t n = strcspn(p, "\n");
        first = first || !n ? first : p;
        ok = !n || put_signature(p, n, parts, sizeof(parts) / sizeof(parts[0]), out);
        p += n;
    }
    str_putc(out, '\n');
    return ok && first && put_hub(first, strcspn(first, "\n"), &m->body, out);
}
