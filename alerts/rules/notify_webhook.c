/* type=webhook: rows and checks. */
#include "alerts/rules/notify_webhook.h"

#include "supervisor/base/b64.h"

#include <string.h>

#define O struct notify_webhook
static const struct opt rows[] = {
    NOTIFY_SECRET(O, "url", url, .def_note = "required", .aka = "address uri",
                  .help = "Where the notices are posted, http:// or https://. Redirects are not "
                          "followed. It is kept like a password, since many hold a token."),
    NOTIFY_SECRET_FILE(O, "url_file", url_file, .help = "A file with the URL."),
    NOTIFY_SECRET(O, "headers", headers, .def_note = "none",
                  .help = "More headers of the request, \"Name: value\", one a line."),
    NOTIFY_SECRET_FILE(O, "headers_file", headers_file, .help = "A file with the headers."),
    NOTIFY_SECRET(O, "secret", secret, .def_note = "none: requests are not signed",
                  .aka = "hmac key signature",
                  .help = "What requests are signed with (Standard Webhooks, and "
                          "X-Hub-Signature-256): whsec_ and base64, or any text of at least 16 "
                          "characters. While it is rotated, several, one a line, the new one "
                          "first: each gives a signature."),
    NOTIFY_SECRET_FILE(O, "secret_file", secret_file, .help = "A file with the secrets."),
    NOTIFY_ROW(O, "user", user, STRING, .def_note = "none", .aka = "username login",
               .help = "The user's name for basic authentication."),
    NOTIFY_SECRET(O, "password", password, .def_note = "none",
                  .help = "The password that belongs to user."),
    NOTIFY_SECRET_FILE(O, "password_file", password_file, .help = "A file with the password."),
    NOTIFY_SECRET(O, "bearer", bearer, .def_note = "none", .aka = "token bearer_token",
                  .help = "A token, sent as Authorization: Bearer."),
    NOTIFY_SECRET_FILE(O, "bearer_file", bearer_file, .aka = "token_file bearer_token_file",
                       .help = "A file with the token."),
    NOTIFY_NET_ROWS(O),
};
OPT_TABLE(rows_notify_webhook, rows);

#define KEY_MAX 1024

static bool check_secret(struct checker *k, const char *p, size_t n)
{
    uint8_t key[KEY_MAX];
    bool coded = n >= 6 && strncmp(p, "whsec_", 6) == 0;
    int64_t len = coded ? b64_get(p + 6, n - 6, key, sizeof(key)) : (int64_t)n;
    memset(key, 0, sizeof(key));
    if (len < 0)
        check_fail(k, "secret", "what follows whsec_ has to be base64");
    else if (len < 16)
        check_fail(k, "secret", "is too short to protect anything: at least 16 bytes");
    else if (len > KEY_MAX)
        check_fail(k, "secret", "is longer than %d bytes", KEY_MAX);
    else
        return true;
    return false;
}

static void check_secrets(struct checker *k, const char *text)
{
    for (bool good = true; *text && good;) {
        size_t n = strcspn(text, "\n");
        good = n == 0 || check_secret(k, text, n);
        text += n + (text[n] == '\n');
    }
}

static void check(struct checker *k)
{
    const struct notify_webhook *o = k->item->own;
    notify_check_url(k, "url", o->url, "http https");
    if (o->headers)
        notify_check_headers(k, "headers", o->headers);
    if (o->secret)
        check_secrets(k, o->secret);
    notify_check_auth(k, o->user, o->password, o->bearer);
    notify_check_net(k, &o->net);
}

const struct kind notify_kind_webhook = {
    .name = "webhook",
    .aka = "http https hook url",
    .help = "Posts JSON, signed if wanted, that receivers of Alertmanager's webhooks understand.",
    .rows = &rows_notify_webhook,
    .size = sizeof(struct notify_webhook),
    .check = check,
};
