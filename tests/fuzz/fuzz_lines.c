/* ready=log: in the agent, over any expression and any text. The first line is the expression; the
 * rest is said once as a whole, and once in pieces of the sizes that its own bytes tell: what is
 * found has to be the same. */
#include "supervisor/agent/lines.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_found(void *obj, uint32_t key, uint32_t run, enum lines_found what)
{
    unsigned *said = obj;
    if (key != 1 || run != 1 || *said & (1u << what) || *said & (1u << LINES_FOUND))
        abort(); /* each once, and nothing after the line was found */
    *said |= 1u << what;
}

static unsigned read_as(const struct agentgen *g, const char *text, size_t n, bool in_pieces)
{
    unsigned said = 0;
    struct lines *l = lines_new(on_found, &said);
    lines_follow(l, g);
    struct text_piece p = {.program = "p", .process = "p", .key = 1, .run = 1};
    for (size_t at = 0; at < n; at += p.len) {
        size_t want = in_pieces ? (unsigned char)text[at] % 7 : n;
        p.text = text + at;
        p.len = want && want < n - at ? want : in_pieces ? 1 : n - at;
        lines_text(l, &p);
    }
    lines_free(&l);
    return said & (1u << LINES_FOUND);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\n', size);
    size_t n = end ? (size_t)(end - data) : size;
    char *expression = strndup((const char *)data, n);
    struct agent_pattern pattern = {.section = "program:p", .program = "p", .text = expression};
    struct agentgen g = {.patterns = &pattern, .npatterns = 1};
    const char *rest = (const char *)data + n + (end != NULL);
    size_t left = size - n - (end != NULL);
    if (expression && read_as(&g, rest, left, false) != read_as(&g, rest, left, true))
        abort();
    free(expression);
    return 0;
}
