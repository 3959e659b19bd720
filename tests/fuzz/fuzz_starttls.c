/* Any bytes as a server's side before TLS, whole and byte by byte: both end alike. The first byte
 * chooses the protocol. */
#include "probes/judge/starttls.h"
#include "supervisor/base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Feeds pieces of n bytes; what a step's answer leaves over is thrown away, so a piece ends where
 * the exchange wants to send. */
static struct starttls_out talk(enum cert_starttls proto, const char *p, size_t size, size_t n)
{
    struct starttls s;
    struct starttls_out out;
    unsigned sent = 0;
    starttls_init(&s, proto, &out);
    for (size_t at = 0; at < size && out.next != STARTTLS_BEGIN && out.next != STARTTLS_FAIL;) {
        size_t now = size - at < n ? size - at : n;
        sent += out.next == STARTTLS_SEND;
        must(out.next != STARTTLS_SEND || (out.send && out.n > 0));
        starttls_feed(&s, p + at, now, &out);
        at += now;
    }
    must(sent <= 3);
    must(out.next != STARTTLS_FAIL ||
         text_utf8_valid(out.e.msg, strlen(out.e.msg)) == strlen(out.e.msg));
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum cert_starttls proto = (enum cert_starttls)(STARTTLS_SMTP + data[0] % STARTTLS_POSTGRES);
    struct starttls_out one = talk(proto, (const char *)data + 1, size - 1, 1);
    struct starttls_out two = talk(proto, (const char *)data + 1, size - 1, 1);
    must(one.next == two.next);
    talk(proto, (const char *)data + 1, size - 1, size);
    return 0;
}
