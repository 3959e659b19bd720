/* Each fault of a certificate has its name and its sentence. */
#include "tests/unit/cert_fix.h"

static void expired(struct x509_chain *c)
{
    c->sent[0].not_after = NOW - 3 * DAY;
}
static void not_yet(struct x509_chain *c)
{
    c->sent[0].not_before = NOW + 2 * DAY;
}
static void another_name(struct x509_chain *c)
{
    c->host_ok = false;
    c->sent[0].names = "shop, www";
}
static void no_names(struct x509_chain *c)
{
    c->host_ok = false;
    c->sent[0].names = "";
}
static void by_itself(struct x509_chain *c)
{
    c->n = 1;
    c->sent[0].self_signed = true;
    fault(c, X509_FAULT_SELF_SIGNED, 0, "self-signed certificate");
}
static void private_root(struct x509_chain *c)
{
    c->sent[1].self_signed = true;
    fault(c, X509_FAULT_SELF_SIGNED_ROOT, 1, "self-signed certificate in certificate chain");
}
static void no_issuer(struct x509_chain *c)
{
    fault(c, X509_FAULT_NO_ISSUER, 1, "unable to get local issuer certificate");
}
static void a_link_missing(struct x509_chain *c)
{
    c->n = 1;
    c->sent[0].issuer_near = true;
    fault(c, X509_FAULT_NO_ISSUER, 0, "unable to get local issuer certificate");
}
static void short_rsa(struct x509_chain *c)
{
    c->sent[0].key_bits = 1024;
}
static void short_ec(struct x509_chain *c)
{
    c->sent[1].key = X509_KEY_EC;
    c->sent[1].key_bits = 160;
}
static void short_dsa(struct x509_chain *c)
{
    c->sent[0].key = X509_KEY_DSA;
    c->sent[0].key_bits = 1024;
}
static void old_digest(struct x509_chain *c)
{
    c->sent[0].weak_digest = true;
    c->sent[0].signature = "sha1WithRSAEncryption";
}
static void old_extra(struct x509_chain *c)
{
    c->sent[1].in_path = false;
    c->sent[1].not_after = NOW - DAY;
}

static const struct {
    void (*make)(struct x509_chain *c);
    const char *name; /* NULL: no fault */
    const char *says;
} rows[] = {
    {expired, "expired", "the certificate api expired 3 days ago, on 2027-01-12"},
    {not_yet, "not_yet_valid", "the certificate api is not valid before 2027-01-17"},
    {not_yet, "not_yet_valid", "check the clocks of this host and of its issuer R11"},
    {another_name, "hostname_mismatch", "the certificate is for shop, www, not for api"},
    {no_names, "hostname_mismatch", "has no alternative names, and so is not for api"},
    {by_itself, "self_signed", "the certificate api is signed by itself and by no authority"},
    {private_root, "unknown_issuer", "the chain ends in R11, which /ca.pem does not have"},
    {no_issuer, "unknown_issuer", "R11 is signed by Root, which the server does not send and"},
    {a_link_missing, "incomplete_chain",
     "does not send the intermediate certificate R11, which signed api: give it the full chain"},
    {short_rsa, "weak_key", "the key of api has 1024 bits, RSA needs 2048"},
    {short_ec, "weak_key", "the key of R11 has 160 bits, EC needs 224"},
    {short_dsa, "weak_key", "the key of api has 1024 bits, DSA needs 2048"},
    {old_digest, "weak_sig", "api is signed with sha1WithRSAEncryption, which clients refuse"},
    {old_extra, NULL, "sends R11, which expired on 2027-01-14"},
};

static void each_has_its_name_and_sentence(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct x509_chain c = chain();
        rows[i].make(&c);
        struct verdict v = judge(&o, &c);
        assert_int_equal(v.status, rows[i].name ? VERDICT_FAIL : VERDICT_OK);
        assert_string_equal(v.subreason, rows[i].name ? rows[i].name : "");
        must_say(&v, rows[i].says);
    }
}

static struct verdict judge_files(const struct cert_input *in)
{
    struct cert_opts o = opts();
    struct verdict v;
    verdict_init(&v);
    cert_judge(&o, in, &v);
    return v;
}

static void a_file_that_is_no_good(void **state)
{
    (void)state;
    struct x509_cert one = cert("a", "b");
    struct cert_file f = {.path = "/a.pem",
                          .error = "cannot open /a.pem: No such file or directory"};
    struct cert_input in = {.files = &f, .nfiles = 1, .now = NOW};
    struct verdict v = judge_files(&in);
    assert_string_equal(v.subreason, "unreadable");
    must_say(&v, "cannot open /a.pem");
    f = (struct cert_file){.path = "/a.pem",
                           .pem = {.certs = &one, .n = 1, .bad = 2, .error = "no end"}};
    v = judge_files(&in);
    assert_string_equal(v.subreason, "unreadable");
    must_say(&v, "/a.pem: 2 of its blocks cannot be read: no end");
    f.pem.bad = 0;
    f.pem.has_key = true;
    v = judge_files(&in);
    assert_string_equal(v.subreason, "key_mismatch");
    must_say(&v, "the private key in it does not belong to its first certificate");
}

static void what_is_served_and_what_is_there(void **state)
{
    (void)state;
    struct x509_chain c = chain();
    struct x509_cert there = c.sent[0];
    struct cert_file f = {.path = "/a.pem", .pem = {.certs = &there, .n = 1}};
    struct cert_input in = {.chain = &c, .peer = "api:443", .served = &f, .now = NOW};
    assert_int_equal(judge_files(&in).status, VERDICT_OK);
    there.fingerprint[0] = 1;
    there.not_before = NOW - DAY;
    there.not_after = NOW + 89 * DAY;
    struct verdict v = judge_files(&in);
    assert_string_equal(v.subreason, "served_ne_file");
    must_say(&v, "api:443 has not loaded the renewed /a.pem: reload the server");
    there.not_before = NOW - 300 * DAY;
    v = judge_files(&in);
    assert_string_equal(v.subreason, "served_ne_file");
    must_say(&v, "presents another certificate");
    f.error = "cannot open /a.pem: Permission denied";
    v = judge_files(&in);
    must_say(&v, "cannot open /a.pem: Permission denied");
}

RUN(TEST(each_has_its_name_and_sentence), TEST(a_file_that_is_no_good),
    TEST(what_is_served_and_what_is_there))
