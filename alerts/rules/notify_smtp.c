/* type=smtp: rows and checks. */
#include "alerts/rules/notify_smtp.h"

#include <string.h>

#define ADDRESS_MAX 254 /* RFC 5321, 4.5.3.1.3 without the brackets */

static const char *const words_starttls[] = {"required", "offered", "never", NULL};

#define O struct notify_smtp
static const struct opt rows[] = {
    NOTIFY_ROW(O, "url", url, STRING, .def_note = "required",
               .aka = "server host smarthost address relay",
               .help = "The server that takes the mail: smtp://host:587, or smtps://host:465 for "
                       "TLS from the first byte."),
    NOTIFY_ROW(O, "from", from, STRING, .def_note = "required",
               .help = "The sender, an address or Name <address>."),
    NOTIFY_ROW(O, "to", to, LIST, .def_note = "required", .aka = "recipients email",
               .help = "The addresses that get the mail, comma separated. What at least one of "
                       "them gets is delivered."),
    NOTIFY_ROW(O, "starttls", starttls, WORD, .words = words_starttls, .def = "required",
               .help = "Of smtp://: required sends nothing without TLS; offered uses TLS if the "
                       "server has it; never is for a server on this host."),
    NOTIFY_ROW(O, "user", user, STRING, .def_note = "none", .aka = "username login",
               .help = "The user's name for the server; it goes over TLS only."),
    NOTIFY_SECRET(O, "password", password, .def_note = "none",
                  .help = "The password that belongs to user."),
    NOTIFY_SECRET_FILE(O, "password_file", password_file, .help = "A file with the password."),
    NOTIFY_TLS_ROWS(O),
};
OPT_TABLE(rows_notify_smtp, rows);

/* The characters of an address without quotes; what an address may be beyond this nobody uses, and
 * a mail server's parser may see as more than one. */
static bool is_address(const char *p, size_t n)
{
    const char *at = memchr(p, '@', n);
    if (!at || at == p || at == p + n - 1 || n > ADDRESS_MAX || *p == '-')
        return false;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] <= ' ' || p[i] == 0x7f || strchr("<>()[]\\,;:\"", p[i]))
            return false;
    }
    return !memchr(at + 1, '@', (size_t)(p + n - at - 1));
}

const char *smtp_address(const char *text, size_t *out_len)
{
    const char *open = strrchr(text, '<'), *p = open ? open + 1 : text;
    size_t n = strcspn(p, ">");
    if (open ? strcmp(p + n, ">") != 0 : p[n] != '\0')
        return NULL;
    *out_len = n;
    return is_address(p, n) ? p : NULL;
}

static void check_addresses(struct checker *k, const struct notify_smtp *o)
{
    size_t n;
    if (!o->from)
        check_fail(k, "from", "is missing: whose mail is it?");
    else if (strpbrk(o->from, "\r\n"))
        check_fail(k, "from", "has more than one line");
    else if (!smtp_address(o->from, &n))
        check_fail(k, "from", "'%s' is no mail address", o->from);
    if (o->to.n == 0)
        check_fail(k, "to", "is missing: who gets the mail?");
    for (size_t i = 0; i < o->to.n; i++) {
        if (!is_address(o->to.v[i], strlen(o->to.v[i])))
            check_fail(k, "to", "'%s' is no mail address", o->to.v[i]);
    }
}

static void check(struct checker *k)
{
    const struct notify_smtp *o = k->item->own;
    notify_check_url(k, "url", o->url, "smtp smtps");
    check_addresses(k, o);
    notify_check_auth(k, o->user, o->password, NULL);
    if (o->user && o->url && strncmp(o->url, "smtp:", 5) == 0 &&
        o->starttls != SMTP_STARTTLS_REQUIRED)
        check_fail(k, "starttls", "a password goes over TLS only: required, or smtps://");
}

const struct kind notify_kind_smtp = {
    .name = "smtp",
    .aka = "mail email e-mail sendmail",
    .help = "Sends mail through a server that relays it.",
    .rows = &rows_notify_smtp,
    .size = sizeof(struct notify_smtp),
    .check = check,
};
