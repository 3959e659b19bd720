/* Messages of the sd_notify protocol. Whatever comes: what is kept is in its limits, and the status
 * is valid UTF-8 without a control character. */
#include "supervisor/core/sdnotify.h"

#include "supervisor/base/text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static void check_text(const char *text, size_t room)
{
    size_t n = strnlen(text, room);
    must(n < room && text_utf8_valid(text, n) == n);
    for (size_t i = 0; i < n; i++)
        must((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sdn_msg m;
    struct err e;
    char small[8];
    int r = sdn_parse((const char *)data, size, &m, &e);
    must(r == 0 || (r == -1 && m.said == 0 && e.msg[0]));
    must(!(m.said & SDN_MAINPID) || m.mainpid > 1);
    must(m.watchdog.ns >= 0 && m.extend.ns >= 0 && m.monotonic.ns >= 0);
    check_text(m.status, sizeof(m.status));
    sdn_text((const char *)data, size, small, sizeof(small));
    check_text(small, sizeof(small));
    return 0;
}
