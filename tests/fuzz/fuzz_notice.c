/* Saved notices: any bytes are read or refused; what was read is written so that it reads the same.
 */
#include "alerts/payload/noticetext.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct notice_copy *c = notice_read((const char *)data, size, NULL);
    struct str once = STR_INIT, twice = STR_INIT;
    if (!c)
        return 0;
    notice_write(&c->n, &once);
    notice_copy_free(&c);
    c = notice_read(str_text(&once), once.len, NULL);
    if (c) {
        notice_write(&c->n, &twice);
        if (once.len != twice.len || memcmp(str_text(&once), str_text(&twice), once.len) != 0)
            abort();
    } else if (once.len <= NOTICETEXT_MAX) {
        abort();
    }
    notice_copy_free(&c);
    str_fini(&once);
    str_fini(&twice);
    return 0;
}
