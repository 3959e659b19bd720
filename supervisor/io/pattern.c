/* Regular expressions by PCRE2. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "supervisor/io/pattern.h"

#include "supervisor/base/mem.h"

#include <pcre2.h>
#include <stdlib.h>

#define STEPS_MAX 1000000 /* of a match: about 10 ms */

struct pattern {
    pcre2_code *code;
    pcre2_match_data *data;
    pcre2_match_context *limits;
};

struct pattern *pattern_new(const char *text, struct err *e)
{
    int code;
    PCRE2_SIZE at;
    PCRE2_UCHAR why[160];
    pcre2_code *c = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                  &code, &at, NULL);
    if (!c) {
        pcre2_get_error_message(code, why, sizeof(why));
        err_set(e, "the pattern is wrong at its character %zu: %s", at + 1, (const char *)why);
        return NULL;
    }
    pcre2_jit_compile(c, PCRE2_JIT_COMPLETE); /* without it, it is slower */
    struct pattern *p = mem_zalloc(sizeof(*p));
    p->code = c;
    p->data = pcre2_match_data_create(1, NULL);
    p->limits = pcre2_match_context_create(NULL);
    if (!p->data || !p->limits)
        mem_die();
    pcre2_set_match_limit(p->limits, STEPS_MAX);
    return p;
}

int pattern_match(const struct pattern *p, const char *text, size_t n)
{
    int r = pcre2_match(p->code, (PCRE2_SPTR)text, n, 0, 0, p->data, p->limits);
    return r >= 0 ? 1 : r == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

void pattern_free(struct pattern **pp)
{
    struct pattern *p = *pp;
    if (!p)
        return;
    pcre2_code_free(p->code);
    pcre2_match_data_free(p->data);
    pcre2_match_context_free(p->limits);
    free(p);
    *pp = NULL;
}
