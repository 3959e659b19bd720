/* Regular expressions, and the literal that is looked for before them: the first line of the input
 * is the expression, the rest the text. With and without the literal the answer has to be the same.
 */
#include "supervisor/io/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1, 0, or -1 where a limit was reached */
static int plain_match(const char *pattern, const char *text, size_t n)
{
    int code;
    PCRE2_SIZE offset;
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                  &code, &offset, NULL);
    if (!c)
        abort();                              /* it did compile before */
    pcre2_jit_compile(c, PCRE2_JIT_COMPLETE); /* without it PCRE2 takes broken UTF-8 otherwise */
    pcre2_match_data *d = pcre2_match_data_create(1, NULL);
    pcre2_match_context *x = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(x, 20000);
    pcre2_set_heap_limit(x, 1024);
    int r = pcre2_match(c, (PCRE2_SPTR)text, n, 0, 0, d, x);
    pcre2_match_context_free(x);
    pcre2_match_data_free(d);
    pcre2_code_free(c);
    return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nl = size && size < 4096 ? memchr(data, '\n', size) : NULL;
    char pattern[128];
    size_t n = nl ? (size_t)(nl - data) : 0;
    if (!nl || n >= sizeof(pattern))
        return 0;
    memcpy(pattern, data, n);
    pattern[n] = '\0';
    struct pattern *p = pattern_new(pattern, NULL);
    if (!p)
        return 0;
    const char *text = (const char *)nl + 1;
    size_t len = size - n - 1;
    int want = plain_match(pattern, text, len);
    int got = pattern_match(p, text, len);
    if (want >= 0 && got >= 0 && got != want)
        abort();
    pattern_free(&p);
    return 0;
}
