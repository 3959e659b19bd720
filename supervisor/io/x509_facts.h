/* Certificates of OpenSSL as plain facts; for the ports of this folder. */
#ifndef IO_X509_FACTS_H
#define IO_X509_FACTS_H

#include "supervisor/base/arena.h"
#include "supervisor/core/x509.h"

#include <openssl/x509.h>

/* All that one certificate says; texts go to the arena. in_path and issuer_near stay false. */
void x509_facts(X509 *x, struct arena *a, struct x509_cert *out);
/* An ASN.1 time in Unix seconds, exact for every year; 0 if it cannot be read. */
int64_t x509_seconds(const ASN1_TIME *t);
/* The chain as sent, the leaf first, with what the path that was built from it says. faults and the
 * names stay as they are; path may be NULL. */
void x509_chain_facts(STACK_OF(X509) * sent, STACK_OF(X509) * path, struct arena *a,
                      struct x509_chain *out);
/* True if a certificate whose issuer is nowhere belongs to an authority that is known all the same:
 * it says where its issuer can be fetched, or who signed its issuer, and that one is trusted. */
bool x509_issuer_near(X509 *x, X509_STORE *trusted);
/* The library's code of a verification error as a fault. */
enum x509_fault x509_fault_of(int code);
/* The reason of the oldest error that OpenSSL noted in this thread, or fallback; forgets them all.
 */
const char *x509_last_error(const char *fallback);

#endif
