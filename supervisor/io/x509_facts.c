/* Certificates as plain facts: names, dates, keys, fingerprints. */
#include "supervisor/io/x509_facts.h"

#include "supervisor/base/str.h"
#include "supervisor/base/text.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

enum { NAME_MAX_BYTES = 512, NAMES_MAX_BYTES = 2048 };

/* CN first, UTF-8, control characters escaped */
#define NAME_FLAGS                                                                                 \
    ((ASN1_STRFLGS_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB) | XN_FLAG_SEP_CPLUS_SPC |       \
     XN_FLAG_FN_SN | XN_FLAG_DN_REV)

const char *x509_last_error(const char *fallback)
{
    unsigned long code = ERR_peek_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return text ? text : fallback;
}

int64_t x509_seconds(const ASN1_TIME *t)
{
    struct tm tm;
    if (!t || !ASN1_TIME_to_tm(t, &tm))
        return 0;
    return timegm(&tm);
}

/* ---- names ---- */

/* text from outside into the arena: bounded, whole UTF-8, no control characters */
static const char *clean(struct arena *a, const char *p, size_t n, size_t max)
{
    char *s = arena_strndup(a, p, n < max ? n : max);
    s[text_utf8_valid(s, strlen(s))] = '\0';
    for (char *c = s; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    return s;
}

static const char *name_text(const X509_NAME *name, struct arena *a)
{
    BIO *b = BIO_new(BIO_s_mem());
    char *p = NULL;
    const char *out = "";
    if (b && X509_NAME_print_ex(b, name, 0, NAME_FLAGS) >= 0) {
        long n = BIO_get_mem_data(b, &p);
        out = clean(a, n > 0 ? p : "", n > 0 ? (size_t)n : 0, NAME_MAX_BYTES);
    }
    BIO_free(b);
    return out;
}

static const char *common_name(const X509_NAME *name, const char *whole, struct arena *a)
{
    int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    const X509_NAME_ENTRY *e = at < 0 ? NULL : X509_NAME_get_entry(name, at);
    unsigned char *utf8 = NULL;
    int n = e ? ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(e)) : -1;
    const char *out = n < 0 ? whole : clean(a, (const char *)utf8, (size_t)n, NAME_MAX_BYTES);
    OPENSSL_free(utf8);
    return out;
}

static void put_address(struct str *s, const ASN1_OCTET_STRING *ip)
{
    char text[INET6_ADDRSTRLEN] = "";
    int n = ASN1_STRING_length(ip);
    if (n == 4 || n == 16)
        inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip), text, sizeof(text));
    str_puts(s, *text ? text : "?");
}

static void put_name(struct str *s, const GENERAL_NAME *g)
{
    if (g->type != GEN_DNS && g->type != GEN_IPADD && g->type != GEN_URI && g->type != GEN_EMAIL)
        return;
    if (s->len)
        str_puts(s, ", ");
    if (g->type == GEN_IPADD)
        put_address(s, g->d.iPAddress);
    else
        str_put(s, ASN1_STRING_get0_data(g->d.ia5), (size_t)ASN1_STRING_length(g->d.ia5));
}

static const char *alternative_names(X509 *x, struct arena *a)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    struct str s;
    str_init(&s, 0);
    for (int i = 0; i < sk_GENERAL_NAME_num(all) && s.len < NAMES_MAX_BYTES; i++)
        put_name(&s, sk_GENERAL_NAME_value(all, i));
    const char *out = clean(a, str_text(&s), s.len, NAMES_MAX_BYTES);
    str_fini(&s);
    GENERAL_NAMES_free(all);
    return out;
}

static const char *serial_text(X509 *x, struct arena *a)
{
    const ASN1_INTEGER *n = X509_get0_serialNumber(x);
    int len = ASN1_STRING_length(n);
    const unsigned char *p = ASN1_STRING_get0_data(n);
    struct str s;
    str_init(&s, 80);
    for (int i = 0; i < len; i++)
        str_printf(&s, "%02X", p[i]);
    const char *out = arena_strdup(a, str_text(&s));
    str_fini(&s);
    return out;
}

/* ---- keys and digests ---- */

static void key_facts(X509 *x, struct x509_cert *out)
{
    EVP_PKEY *k = X509_get0_pubkey(x);
    if (!k) /* a key of a kind that this library does not know */
        return;
    int id = EVP_PKEY_get_base_id(k);
    out->key_bits = EVP_PKEY_get_bits(k);
    if (id == EVP_PKEY_RSA || id == EVP_PKEY_RSA_PSS)
        out->key = X509_KEY_RSA;
    else if (id == EVP_PKEY_DSA)
        out->key = X509_KEY_DSA;
    else if (id == EVP_PKEY_EC)
        out->key = X509_KEY_EC;
    else if (id == EVP_PKEY_ED25519 || id == EVP_PKEY_ED448)
        out->key = X509_KEY_EDWARDS;
}

static bool weak_digest(X509 *x)
{
    int digest = NID_undef;
    X509_get_signature_info(x, &digest, NULL, NULL, NULL);
    return digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_md2 ||
           digest == NID_ripemd160;
}

static bool signed_by_itself(X509 *x)
{
    return (X509_get_extension_flags(x) & EXFLAG_SS) != 0;
}

void x509_facts(X509 *x, struct arena *a, struct x509_cert *out)
{
    const X509_NAME *subject = X509_get_subject_name(x), *issuer = X509_get_issuer_name(x);
    *out = (struct x509_cert){.subject = name_text(subject, a), .issuer = name_text(issuer, a)};
    out->subject_cn = common_name(subject, out->subject, a);
    out->issuer_cn = common_name(issuer, out->issuer, a);
    out->names = alternative_names(x, a);
    out->serial = serial_text(x, a);
    out->signature = arena_strdup(a, OBJ_nid2ln(X509_get_signature_nid(x)));
    out->not_before = x509_seconds(X509_get0_notBefore(x));
    out->not_after = x509_seconds(X509_get0_notAfter(x));
    X509_digest(x, EVP_sha256(), out->fingerprint, NULL);
    key_facts(x, out);
    out->self_signed = signed_by_itself(x);
    out->weak_digest = weak_digest(x);
    ERR_clear_error(); /* what this library cannot read of it is a fact, not our error */
}

/* ---- chains ---- */

static bool holds(STACK_OF(X509) * path, const X509 *x)
{
    for (int i = 0; i < sk_X509_num(path); i++) {
        if (X509_cmp(sk_X509_value(path, i), x) == 0)
            return true;
    }
    return false;
}

static int64_t earliest_end(STACK_OF(X509) * path)
{
    int64_t least = 0;
    for (int i = 0; i < sk_X509_num(path); i++) {
        int64_t end = x509_seconds(X509_get0_notAfter(sk_X509_value(path, i)));
        if (!least || end < least)
            least = end;
    }
    return least;
}

void x509_chain_facts(STACK_OF(X509) * sent, STACK_OF(X509) * path, struct arena *a,
                      struct x509_chain *out)
{
    int n = sk_X509_num(sent);
    for (int i = 0; i < n && i < X509_SENT_MAX; i++) {
        x509_facts(sk_X509_value(sent, i), a, &out->sent[i]);
        out->sent[i].in_path = i == 0 || holds(path, sk_X509_value(sent, i));
        out->n++;
    }
    out->left_out = n > X509_SENT_MAX ? (size_t)(n - X509_SENT_MAX) : 0;
    out->path_not_after = out->nfaults || !path ? 0 : earliest_end(path);
}

static bool is_trusted_name(const X509_NAME *name, X509_STORE *trusted)
{
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_OBJECT *o = NULL;
    if (ctx && X509_STORE_CTX_init(ctx, trusted, NULL, NULL))
        o = X509_STORE_CTX_get_obj_by_subject(ctx, X509_LU_X509, name);
    bool found = o != NULL;
    X509_OBJECT_free(o);
    X509_STORE_CTX_free(ctx);
    return found;
}

static bool says_where_issuer_is(X509 *x)
{
    AUTHORITY_INFO_ACCESS *info = X509_get_ext_d2i(x, NID_info_access, NULL, NULL);
    bool found = false;
    for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(info); i++)
        found =
            found || OBJ_obj2nid(sk_ACCESS_DESCRIPTION_value(info, i)->method) == NID_ad_ca_issuers;
    AUTHORITY_INFO_ACCESS_free(info);
    return found;
}

bool x509_issuer_near(X509 *x, X509_STORE *trusted)
{
    if (says_where_issuer_is(x))
        return true;
    AUTHORITY_KEYID *id = X509_get_ext_d2i(x, NID_authority_key_identifier, NULL, NULL);
    bool found = false;
    for (int i = 0; id && i < sk_GENERAL_NAME_num(id->issuer); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(id->issuer, i);
        found = found || (g->type == GEN_DIRNAME && is_trusted_name(g->d.directoryName, trusted));
    }
    AUTHORITY_KEYID_free(id);
    ERR_clear_error();
    return found;
}

enum x509_fault x509_fault_of(int code)
{
    static const struct {
        int code;
        enum x509_fault fault;
    } map[] = {
        {X509_V_ERR_CERT_HAS_EXPIRED, X509_FAULT_EXPIRED},
        {X509_V_ERR_CERT_NOT_YET_VALID, X509_FAULT_NOT_YET},
        {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_FAULT_SELF_SIGNED},
        {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_FAULT_SELF_SIGNED_ROOT},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_FAULT_NO_ISSUER},
        {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_FAULT_NO_ISSUER},
        {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_FAULT_NO_ISSUER},
        {X509_V_ERR_CERT_SIGNATURE_FAILURE, X509_FAULT_SIGNATURE},
        {X509_V_ERR_EE_KEY_TOO_SMALL, X509_FAULT_STRENGTH},
        {X509_V_ERR_CA_KEY_TOO_SMALL, X509_FAULT_STRENGTH},
        {X509_V_ERR_CA_MD_TOO_WEAK, X509_FAULT_STRENGTH},
        {X509_V_ERR_CERT_REVOKED, X509_FAULT_REVOKED},
    };
    for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
        if (map[i].code == code)
            return map[i].fault;
    }
    return X509_FAULT_OTHER;
}
