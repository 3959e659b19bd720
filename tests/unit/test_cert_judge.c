/* The judge of certificates on made-up facts: what no real server shows on demand. */
#include "tests/unit/cert_fix.h"

#include "probes/judge/cert_say.h"
#include "supervisor/base/rng.h"

#include <time.h>

static void a_good_one(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    struct verdict v = judge(&o, &c);
    assert_int_equal(v.status, VERDICT_OK);
    assert_string_equal(v.detail, "api:443: api ends in 60 days, on 2027-03-16 08:00 UTC (issuer "
                                  "R11)");
    assert_int_equal(v.cert.next_stage, NOW + 31 * DAY);
}

/* the leaf is new, but its issuer's certificate ends soon */
static void of_a_chain_the_one_that_ends_first_decides(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    c.sent[1].not_before = NOW - 1000 * DAY;
    c.sent[1].not_after = NOW + 5 * DAY;
    c.sent[1].fingerprint[0] = 7;
    struct verdict v = judge(&o, &c);
    assert_int_equal(v.status, VERDICT_OK);
    assert_int_equal(v.cert.stage, 3);
    assert_int_equal(v.cert.stage_fingerprint[0], 7);
    assert_int_equal(v.cert.stage_not_before, NOW - 1000 * DAY);
    assert_int_equal(v.cert.stage_not_after, NOW + 5 * DAY);
    assert_int_equal(v.cert.not_after, NOW + 60 * DAY);
    must_say(&v, "api:443: R11 ends in 5 days");
}

static void revoked_by_path_or_by_staple(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    c.staple = X509_STAPLE_REVOKED;
    struct verdict v = judge(&o, &c);
    assert_string_equal(v.subreason, "revoked");
    must_say(&v, "as its OCSP staple says");
    c = chain();
    fault(&c, X509_FAULT_REVOKED, 0, "certificate revoked");
    v = judge(&o, &c);
    assert_string_equal(v.subreason, "revoked");
}

static void other_faults_keep_the_librarys_words(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    fault(&c, X509_FAULT_OTHER, 0, "unsuitable certificate purpose");
    fault(&c, X509_FAULT_OTHER, 1, "twice");
    struct verdict v = judge(&o, &c);
    assert_string_equal(v.subreason, "invalid");
    must_say(&v, "unsuitable certificate purpose");
    c = chain();
    fault(&c, X509_FAULT_SIGNATURE, 0, "certificate signature failure");
    v = judge(&o, &c);
    must_say(&v, "certificate signature failure");
}

/* the root is not sent: what the library found there is all we have */
static void an_expired_root_above_what_was_sent(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    fault(&c, X509_FAULT_EXPIRED, 2, "certificate has expired");
    struct verdict v = judge(&o, &c);
    assert_string_equal(v.subreason, "invalid");
    must_say(&v, "certificate has expired above R11");
    c = chain();
    fault(&c, X509_FAULT_EXPIRED, 0, "certificate has expired");
    fault(&c, X509_FAULT_STRENGTH, 0, "EE certificate key too weak");
    assert_int_equal(judge(&o, &c).status, VERDICT_OK); /* by our clock and rules it has not */
}

static void a_root_may_be_old_fashioned(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    c.sent[1].self_signed = c.sent[1].weak_digest = true;
    c.sent[1].key_bits = 1024;
    assert_int_equal(judge(&o, &c).status, VERDICT_OK);
    c.sent[1].self_signed = false;
    struct verdict v = judge(&o, &c);
    assert_int_equal(v.cert.errors, 1u << CERT_WEAK_KEY | 1u << CERT_WEAK_SIG);
    assert_string_equal(v.subreason, "weak_key");
}

static void dates_that_cannot_be_read(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    c.n = 1;
    c.sent[0].not_after = 0;
    struct verdict v = judge(&o, &c);
    assert_string_equal(v.subreason, "unreadable");
    assert_int_equal(v.cert.stage, 0);
}

static void the_worst_names_it_and_allowed_ones_do_not(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct x509_chain c = chain();
    c.host_ok = false;
    c.sent[0].not_after = NOW - 1;
    fault(&c, X509_FAULT_SELF_SIGNED, 0, "self-signed certificate");
    struct verdict v = judge(&o, &c);
    assert_string_equal(v.subreason, "expired");
    o.allowed = 1u << CERT_EXPIRED;
    v = judge(&o, &c);
    assert_string_equal(v.subreason, "hostname_mismatch");
    assert_true(v.cert.errors & 1u << CERT_EXPIRED);
    o.allowed |= 1u << CERT_HOSTNAME | 1u << CERT_SELF_SIGNED;
    v = judge(&o, &c);
    assert_int_equal(v.status, VERDICT_OK);
    assert_int_equal(v.cert.stage, CERT_STAGE_ENDED);
    must_say(&v, "allowed: api:443: the certificate api expired");
}

static void a_file_we_may_not_read_says_nothing_about_it(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct verdict v;
    struct x509_cert one = cert("a", "b");
    struct cert_file f[] = {
        {.path = "/k/a.pem", .error = "cannot open /k/a.pem: Permission denied", .denied = true},
        {.path = "/k/b.pem", .pem = {.certs = &one, .n = 1}}};
    verdict_init(&v);
    cert_judge(&o, &(struct cert_input){.files = f, .nfiles = 2, .now = NOW}, &v);
    assert_int_equal(v.status, VERDICT_UNKNOWN);
    assert_int_equal(v.reason, REASON_INTERNAL);
    must_say(&v, "Permission denied; [agent] groups= can give access");
    one.not_after = NOW - DAY; /* but an expired one beside it does */
    verdict_init(&v);
    cert_judge(&o, &(struct cert_input){.files = f, .nfiles = 2, .now = NOW}, &v);
    assert_int_equal(v.status, VERDICT_FAIL);
    assert_string_equal(v.subreason, "expired");
}

static void more_than_a_detail_holds(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct verdict v;
    struct x509_cert certs[40];
    for (size_t i = 0; i < COUNT(certs); i++) {
        certs[i] = cert("\xc3\xa9\xc3\xa9\xc3\xa9", "b");
        certs[i].key_bits = i == 30 ? 2048 : 1024;
        certs[i].not_after = i == 30 ? NOW - DAY : NOW + DAY;
    }
    struct cert_file f = {.path = "/many.pem", .pem = {.certs = certs, .n = COUNT(certs)}};
    verdict_init(&v);
    cert_judge(&o, &(struct cert_input){.files = &f, .nfiles = 1, .now = NOW}, &v);
    assert_string_equal(v.subreason, "expired"); /* it came last, and stands first */
    assert_non_null(strstr(v.detail, "40 certificates in 1 file; /many.pem: the certificate"));
    assert_true(strlen(v.detail) < VERDICT_DETAIL);
}

static void findings_are_sorted_and_bounded(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    for (int round = 0; round < 2000; round++) {
        struct cert_findings f = {.n = 0};
        size_t made = rng_next(&r) % 60, least[CERT_NOTE + 1] = {0};
        for (size_t i = 0; i < made; i++) {
            int e = (int)(rng_next(&r) % (CERT_NOTE + 1));
            least[e]++;
            cert_found(&f, e, "%d", e);
        }
        assert_int_equal(f.n + f.left_out, made);
        size_t at = 0;
        for (int e = 0; e <= CERT_NOTE; e++) { /* the worst of all that came, in their order */
            for (size_t i = 0; i < least[e] && at < f.n; i++)
                assert_int_equal(f.found[at++].error, e);
        }
    }
}

static void dates_as_the_c_library_writes_them(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 9);
    for (int i = 0; i < 200000; i++) {
        char want[CERT_DATE], got[CERT_DATE];
        struct tm tm;
        time_t t = (time_t)(rng_next(&r) % UINT64_C(260000000000)) - 60000000000;
        if (i < 4)
            t = (time_t[]){0, -1, 253402300799, 951782399}[i];
        gmtime_r(&t, &tm);
        size_t n = strftime(want, sizeof(want), "-%m-%d %H:%M UTC", &tm);
        snprintf(got, sizeof(got), "%04d", tm.tm_year + 1900);
        memmove(want + strlen(got), want, n + 1);
        memcpy(want, got, strlen(got));
        assert_string_equal(cert_date(t, got, sizeof(got)), want);
    }
}

static void spans(void **state)
{
    (void)state;
    static const struct {
        int64_t s;
        const char *text;
    } rows[] = {{0, "0 seconds"},     {1, "1 second"},         {90, "1 minute"},
                {7200, "2 hours"},    {36 * 3600, "36 hours"}, {2 * DAY, "2 days"},
                {90 * DAY, "90 days"}};
    char buf[CERT_DATE];
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_string_equal(cert_span(rows[i].s, buf, sizeof(buf)), rows[i].text);
}

static void words_of_errors(void **state)
{
    (void)state;
    for (int i = 0; i < CERT_NERRORS; i++)
        assert_int_equal(cert_error_of(cert_error_text((enum cert_error)i)), i);
    assert_int_equal(cert_error_of("nothing"), -1);
    struct cert_opts o = opts();
    assert_string_equal(cert_host(&o), "api");
    o.server_name = "other";
    assert_string_equal(cert_host(&o), "other");
}

static void keys_and_notes(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct verdict v;
    struct x509_cert one = cert("a", "b");
    struct cert_file f = {.path = "/a.pem", .pem = {.certs = &one, .n = 1, .has_key = true}};
    o.key_file = "/a.key";
    struct cert_input in = {.files = &f, .nfiles = 1, .now = NOW, .key = CERT_KEY_UNKNOWN};
    in.key_error = "/a.key: the key is encrypted and cannot be compared";
    f.pem.key_locked = true;
    verdict_init(&v);
    cert_judge(&o, &in, &v);
    assert_int_equal(v.status, VERDICT_OK); /* told, but no fault */
    must_say(&v, in.key_error);
    f.pem.key_locked = false;
    in.key = CERT_KEY_DIFFERS;
    verdict_init(&v);
    cert_judge(&o, &in, &v);
    assert_string_equal(v.subreason, "key_mismatch");
    must_say(&v, "the private key /a.key does not belong to the certificate");
}

static void all_that_were_looked_at_are_listed(void **state)
{
    (void)state;
    struct cert_opts o = opts();
    struct verdict v;
    struct arena *a = arena_new();
    struct x509_chain c = chain();
    struct x509_cert in_file[] = {cert("a", "b"), cert("dated by nobody", "b")};
    struct cert_file files[] = {{.path = "/a.pem", .pem = {.certs = in_file, .n = 2}},
                                {.path = "/b.pem", .error = "cannot open /b.pem"}};
    struct cert_input in = {
        .chain = &c, .peer = "api:443", .files = files, .nfiles = 1, .now = NOW, .a = a};
    c.n = 3;
    c.sent[2] = cert("an extra one", "?");
    c.sent[2].in_path = false;
    c.sent[1].fingerprint[0] = 9;
    in_file[1].not_after = 0;
    verdict_init(&v);
    cert_judge(&o, &in, &v);
    assert_int_equal(v.ncerts, 3);
    assert_string_equal(v.certs[0].subject, "api");
    assert_string_equal(v.certs[0].where, "api:443");
    assert_string_equal(v.certs[1].subject, "R11");
    assert_int_equal(v.certs[1].fingerprint[0], 9);
    assert_string_equal(v.certs[2].where, "/a.pem");
    assert_int_equal(v.certs[2].not_after, in_file[0].not_after);
    assert_false(v.certs_partial);
    in.nfiles = 2; /* one that cannot be read: there may be more */
    verdict_init(&v);
    cert_judge(&o, &in, &v);
    assert_int_equal(v.ncerts, 3);
    assert_true(v.certs_partial);
    in.nfiles = 1;
    files[0].pem.bad = 1; /* a part of one */
    files[0].pem.error = "bad base64 decode";
    verdict_init(&v);
    cert_judge(&o, &in, &v);
    assert_true(v.certs_partial);
    arena_free(&a);
}

RUN(TEST(a_good_one), TEST(of_a_chain_the_one_that_ends_first_decides),
    TEST(revoked_by_path_or_by_staple), TEST(other_faults_keep_the_librarys_words),
    TEST(an_expired_root_above_what_was_sent), TEST(a_root_may_be_old_fashioned),
    TEST(dates_that_cannot_be_read), TEST(the_worst_names_it_and_allowed_ones_do_not),
    TEST(a_file_we_may_not_read_says_nothing_about_it), TEST(more_than_a_detail_holds),
    TEST(findings_are_sorted_and_bounded), TEST(dates_as_the_c_library_writes_them), TEST(spans),
    TEST(words_of_errors), TEST(keys_and_notes), TEST(all_that_were_looked_at_are_listed))
