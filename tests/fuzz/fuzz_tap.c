/* Any bytes as a program's output: the capture marks are found alike however it is cut. And any
 * bytes as a message of a tap: it is refused, or lies within what was given. */
#include "supervisor/base/str.h"
#include "supervisor/core/capture.h"
#include "supervisor/core/tap.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void feed(struct capture *c, const char *p, size_t n, struct str *out)
{
    while (n) {
        struct capture_piece piece;
        size_t used = capture_next(c, p, n, &piece);
        must(used <= n && (used || piece.len));
        str_putc(out, "ld{}"[piece.kind == CAPTURE_HELD ? 0 : piece.kind]);
        out->len -= piece.kind < CAPTURE_BEGIN || piece.kind == CAPTURE_HELD;
        for (size_t i = 0; piece.kind < CAPTURE_BEGIN && i < piece.len; i++) {
            str_putc(out, piece.kind == CAPTURE_DATA ? 'd' : 'l');
            str_putc(out, piece.text[i]);
        }
        p += used;
        n -= used;
    }
}

static void as_output(const char *p, size_t n)
{
    struct str whole = STR_INIT, cut = STR_INIT;
    struct capture a = {0}, b = {0};
    size_t piece = n ? 1u + (uint8_t)p[0] % 31 : 1;
    feed(&a, p, n, &whole);
    for (size_t at = 0; at < n; at += piece)
        feed(&b, p + at, n - at < piece ? n - at : piece, &cut);
    must(a.on == b.on && a.matched == b.matched && whole.len == cut.len);
    must(!whole.len || memcmp(whole.s, cut.s, whole.len) == 0);
    str_fini(&whole);
    str_fini(&cut);
}

static void as_message(const char *p, size_t n)
{
    struct tap_head h;
    struct tap_join j = {.at = n ? (uint8_t)p[n - 1] : 0};
    const char *text;
    uint64_t skipped;
    if (!tap_read(p, n, &h, &text) || !tap_join(&j, &h, &text, &skipped))
        return;
    must(text >= p && text + h.len <= p + n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = malloc(size + 1);
    must(copy);
    memcpy(copy, data, size);
    as_output(copy, size);
    as_message(copy, size);
    free(copy);
    return 0;
}
