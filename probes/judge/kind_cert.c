/* type=cert: the certificates of a server or in files, and how long they last. */
#include "probes/judge/cert.h"
#include "probes/judge/probe.h"
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"

#include <stdio.h>
#include <string.h>

#define SECOND INT64_C(1000000000)
#define INTERVAL_NS (3600 * SECOND)
#define CONFIRM_NS (60 * SECOND)
#define TIMEOUT_NS (10 * SECOND)

static const char *const words_starttls[] = {
    [STARTTLS_NONE] = "none",       [STARTTLS_SMTP] = "smtp", [STARTTLS_IMAP] = "imap",
    [STARTTLS_POP3] = "pop3",       [STARTTLS_FTP] = "ftp",   [STARTTLS_POSTGRES] = "postgres",
    [STARTTLS_POSTGRES + 1] = NULL,
};

#define P(text, field, kind, ...)                                                                  \
    OPT(struct cert_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
#define F(text, field, kind, ...)                                                                  \
    OPT(struct cert_opts, text, field, kind, .flags = OPT_OURS | OPT_FILE, .apply = GEN_HOT,       \
        __VA_ARGS__)
static const struct opt rows[] = {
    P("address", address, ADDRESS, .def_note = "none",
      .aka = "url host hostname domain domains server port",
      .help = "host:port of a server: its certificate is looked at, and the whole chain that it "
              "sends. The dates are told also when something else is wrong."),
    P("server_name", server_name, STRING, .def_note = "the host of address", .aka = "sni",
      .help = "The name that the server is asked for (SNI) and that its certificate must be for."),
    P("starttls", starttls, WORD, .words = words_starttls, .def = "none",
      .help = "The protocol in which the server is asked to begin TLS."),
    F("files", files, LIST, .def_note = "none", .aka = "file path paths cert certificate",
      .help = "PEM files, or patterns such as /etc/ssl/live/*/fullchain.pem: every certificate in "
              "them is looked at, and a private key in such a file must belong to its first "
              "certificate. Those that supd-agent's user may not read, as in a private folder, "
              "supd-log opens for it when supd is root, if nobody but root can change the folders "
              "on the way to them."),
    F("ca", ca, STRING, .def = "/etc/ssl/certs/ca-certificates.crt", .aka = "tls_ca ca_file",
      .help = "PEM file with the authorities that are trusted; read again each hour."),
    P("stages", stages_text, LIST, .def = "30d,14d,7d",
      .aka = "warn warning days expiry expires threshold",
      .help = "So long before its end a certificate enters stage 1, 2 and 3 (one or two times: "
              "stage 3, or 2 and 3). No longer than a third, a sixth and a twelfth of its life, "
              "and a day is given for grace, so that certificates of 90, 45 or 6 days whose "
              "renewal is on time enter none. A stage does not fail the probe."),
    F("check_served_file", served_file, STRING, .def_note = "none",
      .help = "PEM file whose first certificate the server must present: finds the certificate "
              "that was renewed on disk while the server still has the old one. Needs address."),
    F("key_file", key_file, STRING, .def_note = "none",
      .help = "PEM file with the private key that must belong to the certificate of "
              "check_served_file, or else of the first of files."),
    P("allow", allow_text, LIST, .def_note = "none", .aka = "ignore",
      .help = "Faults that are told but do not fail the probe, such as self_signed, "
              "unknown_issuer or hostname_mismatch."),
};
static OPT_TABLE(rows_cert, rows);

static void check_stages(struct checker *k, struct cert_opts *o)
{
    const struct str_list *l = &o->stages_text;
    if (l->n < 1 || l->n > CERT_STAGES || !*l->v[0]) {
        check_fail(k, "stages", "needs one to %d times, such as 30d,14d,7d", CERT_STAGES);
        return;
    }
    for (size_t i = 0; i < l->n; i++) {
        struct err e;
        dur_t d;
        int64_t *at = &o->stages.before[CERT_STAGES - l->n + i];
        if (dur_parse(l->v[i], &d, &e) < 0) {
            check_fail(k, "stages", "%s", e.msg);
            return;
        }
        *at = d.ns / 1000000000;
        if (!l->v[i][strspn(l->v[i], "0123456789.")])
            check_fail(k, "stages", "%s would be seconds; write %sd", l->v[i], l->v[i]);
        else if (*at < 60 || *at > INT64_C(3660) * 86400)
            check_fail(k, "stages", "%s is not between 1m and 3660d", l->v[i]);
        else if (i && *at >= at[-1])
            check_fail(k, "stages", "%s is not shorter than %s before it", l->v[i], l->v[i - 1]);
    }
}

static void check_allow(struct checker *k, struct cert_opts *o)
{
    for (size_t i = 0; i < o->allow_text.n; i++) {
        const char *word = o->allow_text.v[i];
        int e = *word ? cert_error_of(word) : -1;
        struct str all = STR_INIT;
        for (int n = 0; n < CERT_NERRORS; n++)
            str_printf(&all, "%s%s", n ? ", " : "", cert_error_text((enum cert_error)n));
        if (e < 0 && *word)
            check_fail(k, "allow", "'%s' is not one of %s", word, str_text(&all));
        else if (e >= 0)
            o->allowed |= 1u << e;
        str_fini(&all);
    }
}

/* [2001:db8::1] is how an address with colons is written before a port */
static void bare_host(struct checker *k, struct cert_opts *o)
{
    size_t n = o->address.text ? strlen(o->address.host) : 0;
    if (n > 2 && o->address.host[0] == '[' && o->address.host[n - 1] == ']')
        o->address.host = arena_strndup(k->c->a, o->address.host + 1, n - 2);
}

/* These are one file each. Not of the type PATH, whose folder must be there when the configuration
 * is read: certificates often come later. */
static void check_plain(struct checker *k, const char *option, const char *path)
{
    if (path && *path != '/')
        check_fail(k, option, "'%s' is no absolute path", path);
    else if (path && text_has_glob(path))
        check_fail(k, option, "'%s' may have none of * ? [", path);
}

/* Certificates change in days, and a handshake costs the server more than it costs us. */
static void defaults(struct checker *k)
{
    struct probe_opts *c = k->item->common;
    if (!check_given(k, "interval"))
        c->interval = INTERVAL_NS;
    if (!check_given(k, "confirm"))
        c->confirm = CONFIRM_NS < c->interval ? CONFIRM_NS : c->interval;
    if (!check_given(k, "timeout"))
        c->timeout = c->interval / 2 < TIMEOUT_NS ? c->interval / 2 : TIMEOUT_NS;
}

static void check(struct checker *k)
{
    struct cert_opts *o = k->item->own;
    check_plain(k, "ca", o->ca);
    check_plain(k, "check_served_file", o->served_file);
    check_plain(k, "key_file", o->key_file);
    bare_host(k, o);
    bool files = o->files.n && *o->files.v[0];
    if (!o->address.text && !files)
        check_fail(k, "address", "a certificate probe needs address=, files= or both");
    if (o->address.text && !*o->address.host)
        check_fail(k, "address", "a certificate probe needs a host, as in api.example:443");
    if (o->served_file && !o->address.text)
        check_fail(k, "check_served_file", "needs address=, the server that should present it");
    if (o->key_file && !o->served_file && !files)
        check_fail(k, "key_file", "needs check_served_file= or files=, the certificate's file");
    for (size_t i = 0; files && i < o->files.n; i++) {
        if (o->files.v[i][0] != '/')
            check_fail(k, "files", "'%s' is no absolute path", o->files.v[i]);
    }
    check_stages(k, o);
    check_allow(k, o);
    if (family_alerted(k->item, "probe") && !family_alerted(k->item, "cert"))
        check_hint(k, "type",
                   "an alert of type=probe tells that the certificate is wrong, not that it ends "
                   "soon; add one of type=cert");
}

const struct kind probe_kind_cert = {
    .name = "cert",
    .aka = "tls ssl certificate x509 certs",
    .help = "Certificates, of a server or in files: whether they are right, and how long they "
            "last. Looks each hour, and each minute after a failure, unless interval= and confirm= "
            "say otherwise; timeout= is 10s then.",
    .rows = &rows_cert,
    .size = sizeof(struct cert_opts),
    .defaults = defaults,
    .check = check,
};
