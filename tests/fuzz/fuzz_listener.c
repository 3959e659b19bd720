/* What an event listener says on its standard output, cut anywhere. Whatever comes: the machine
 * goes on, in order, keeps to its limits, and the cuts do not matter. */
#include "supervisor/core/listener.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
    if (!truth)
        abort();
}

/* What came of it, in short. */
struct sum {
    uint64_t words;
    bool has;
};

static void take(struct listener *l, enum listener_word w, struct sum *s)
{
    must(!(w == LISTENER_DONE || w == LISTENER_REJECTED) || s->has);
    must(w != LISTENER_IS_READY || l->state == LISTENER_READY);
    must(w != LISTENER_BAD || l->state == LISTENER_UNKNOWN);
    must(l->nline <= LISTENER_LINE && (!l->in_result || l->got < l->length));
    if (w != LISTENER_NOTHING)
        s->words = s->words * 31 + (uint64_t)w;
    s->has &= w == LISTENER_NOTHING || w == LISTENER_IS_READY;
    if (w == LISTENER_IS_READY) {
        listener_send(l);
        s->has = true;
    }
    must(s->has == (l->state == LISTENER_BUSY));
}

static struct sum run(const char *p, size_t n, size_t part)
{
    struct listener l;
    struct sum s = {0, false};
    listener_init(&l);
    for (size_t from = 0; from < n; from += part) {
        size_t end = part < n - from ? from + part : n;
        for (size_t at = from; at < end;) {
            enum listener_word w;
            size_t used = listener_feed(&l, p + at, end - at, &w);
            must(used > 0 && used <= end - at);
            at += used;
            take(&l, w, &s);
        }
    }
    s.words = s.words * 31 + l.state;
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *p = (const char *)data + 1;
    struct sum whole = run(p, size - 1, size);
    struct sum bytes = run(p, size - 1, 1);
    struct sum parts = run(p, size - 1, 1u + data[0] % 16u);
    must(whole.words == bytes.words && whole.words == parts.words);
    return 0;
}
