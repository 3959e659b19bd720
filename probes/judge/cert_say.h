/* The words of a certificate's verdict: found faults, sorted by their weight, joined to a sentence.
 */
#ifndef PROBES_JUDGE_CERT_SAY_H
#define PROBES_JUDGE_CERT_SAY_H

#include "probes/judge/cert.h"
#include "supervisor/base/str.h"

/* "2027-01-31 08:00 UTC" of Unix seconds; returns buf. */
#define CERT_DATE 40
const char *cert_date(int64_t seconds, char *buf, size_t size);
/* "12 days", "1 day", "5 hours", "3 minutes" of seconds >= 0; returns buf. */
const char *cert_span(int64_t seconds, char *buf, size_t size);

/* One fault, or a note (error < 0), with its sentence. */
#define CERT_FOUND_MAX 24
struct cert_found {
    int error; /* enum cert_error, or CERT_NOTE... */
    char text[320];
};
enum { CERT_NOTE_STAGE = CERT_NERRORS, CERT_NOTE }; /* sorted behind all faults */

struct cert_findings {
    struct cert_found found[CERT_FOUND_MAX]; /* sorted, the worst first */
    size_t n, left_out;
    uint32_t errors;
};

/* Adds one at its place; what finds no room is counted, the least first. */
void cert_found(struct cert_findings *f, int error, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Joins the sentences, the faults that are allowed behind the others. */
void cert_say(const struct cert_findings *f, uint32_t allowed, struct str *out);

#endif
