/* Checks of the notifiers that speak HTTP or SMTP. */
#include "alerts/rules/notify_net.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool has_bad_bytes(const char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f)
            return true;
    }
    return false;
}

/* true if the n bytes before "://" are one of the words */
static bool scheme_in(const char *text, size_t n, const char *schemes)
{
    for (const char *p = schemes; *p; p += strspn(p, " ")) {
        size_t len = strcspn(p, " ");
        if (len == n && strncmp(p, text, n) == 0)
            return true;
        p += len;
    }
    return false;
}

static bool is_link_local(const char *host)
{
    return strncmp(host, "169.254.", 8) == 0 ||
           (strncasecmp(host, "[fe", 3) == 0 && strchr("89abAB", host[3]) && host[3]);
}

/* the port behind the host's n bytes, if there is one: 1 to 65535 */
static bool bad_port(const char *host, size_t n)
{
    const char *close = memchr(host, ']', n), *from = close ? close : host;
    const char *colon = memchr(from, ':', (size_t)(host + n - from));
    size_t digits = colon ? strspn(colon + 1, "0123456789") : 0;
    long port = colon ? strtol(colon + 1, NULL, 10) : 1;
    return colon && (colon + 1 + digits != host + n || port < 1 || port > 65535);
}

static void check_host(struct checker *k, const char *option, const char *host, const char *url)
{
    size_t n = strcspn(host, "/?#");
    if (memchr(host, '@', n))
        check_fail(k, option, "holds a user's name; write user= and password_file=");
    else if (n == 0 || *host == ':')
        check_fail(k, option, "has no host");
    else if (bad_port(host, n))
        check_fail(k, option, "has a port that is none");
    else if (is_link_local(host))
        check_fail(k, option, "goes to a link-local address, where nobody waits for alerts");
    else if (has_bad_bytes(url))
        check_fail(k, option, "has a blank or a control character; write %%%%20 for a blank");
}

void notify_check_url(struct checker *k, const char *option, const char *text, const char *schemes)
{
    const char *p = text ? strstr(text, "://") : NULL;
    const char *second = strchr(schemes, ' ');
    int first = (int)(second ? second - schemes : (long)strlen(schemes));
    if (!text || !*text)
        check_fail(k, option, "is missing: where is it to be sent?");
    else if (!p || !scheme_in(text, (size_t)(p - text), schemes))
        check_fail(k, option, "has to begin with %.*s://%s%s%s", first, schemes,
                   second ? " or " : "", second ? second + 1 : "", second ? "://" : "");
    else
        check_host(k, option, p + 3, text);
}

static const char *const ours[] = {"Content-Length",    "Content-Type",       "Host",
                                   "Transfer-Encoding", "webhook-id",         "webhook-timestamp",
                                   "webhook-signature", "X-Hub-Signature-256"};

static const char *ours_of(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
        if (strlen(ours[i]) == n && strncasecmp(ours[i], name, n) == 0)
            return ours[i];
    }
    return NULL;
}

static bool bad_value(const char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)p[i] < ' ' && p[i] != '\t')
            return true;
    }
    return false;
}

void notify_check_headers(struct checker *k, const char *option, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n"), name = strcspn(text, ":\n");
        const char *own = ours_of(text, name);
        if (n && (name == n || name == 0 || memchr(text, ' ', name) || bad_value(text, n))) {
            check_fail(k, option, "each line has to be \"Name: value\"");
            return;
        }
        if (own) {
            check_fail(k, option, "%s is set by supd", own);
            return;
        }
        text += n + (text[n] == '\n');
    }
}

void notify_check_auth(struct checker *k, const char *user, const char *password,
                       const char *bearer)
{
    if (user && bearer)
        check_fail(k, "bearer", "user= and bearer= exclude each other");
    if (password && !user)
        check_fail(k, "password", "needs user=");
    if (user && has_bad_bytes(user))
        check_fail(k, "user", "has a blank or a control character");
    if (bearer && has_bad_bytes(bearer))
        check_fail(k, "bearer", "has a blank or a control character");
}

void notify_check_net(struct checker *k, const struct notify_net *net)
{
    if (net->proxy)
        notify_check_url(k, "proxy", net->proxy, "http");
}
