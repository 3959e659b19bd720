/* Small texts from outside: escapes, globs, numbers, durations, signal names, UTF-8. Beside not
 * crashing, what is escaped has to come back, and a duration's printed form has to mean the same.
 */
#include "supervisor/base/dur.h"
#include "supervisor/base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

static void escapes(const char *p, size_t n)
{
    struct str s = STR_INIT;
    text_escape(&s, p, n, n & 1);
    must(text_unescape(s.s ? s.s : (char[1]){0}, s.len) == (int64_t)n);
    must(n == 0 || memcmp(s.s, p, n) == 0);
    str_clear(&s);
    str_put(&s, p, n);
    must(text_unescape(s.s, s.len) <= (int64_t)n);
    str_fini(&s);
}

static void durations(const char *text)
{
    dur_t d, back;
    char buf[DUR_TEXT];
    if (dur_parse(text, &d, NULL) < 0)
        return;
    must(d.ns >= 0 && d.ns <= DUR_MAX.ns);
    must(dur_parse(dur_format(d, buf, sizeof(buf)), &back, NULL) == 0 && back.ns == d.ns);
    dur_human(d, buf, sizeof(buf));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    escapes(text, size);
    durations(text);
    must(text_utf8_valid(text, size) <= size);
    int64_t n;
    if (text_int(text, -1000, 1000, &n, NULL) == 0)
        must(n >= -1000 && n <= 1000);
    must(text_signal_number(text) < 128);
    char *bar = strchr(text, '|');
    if (bar) {
        *bar = '\0';
        text_glob(text, bar + 1);
        text_distance(text, bar + 1, 3);
        must(text_distance(text, text, 3) == (strlen(text) > 64 ? 4u : 0u));
    }
    free(text);
    return 0;
}
