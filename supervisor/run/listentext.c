/* Events made of text: each once, although supd may be replaced while it tells them. */
#include "supervisor/base/fault.h"
#include "supervisor/core/eventtext.h"
#include "supervisor/run/listeners_impl.h"

static bool is_about(const struct listeners *x, uint32_t key, uint64_t at)
{
    const struct lm_head *h = listenmem_head(x->mem);
    return h->text_key == key && h->text_at == at;
}

void listeners_about(struct sup *s, uint32_t key, uint64_t at)
{
    struct listeners *x = s->listeners;
    if (!listeners_want(s, EVENT_TEXT))
        return;
    x->again = is_about(x, key, at);
    if (x->again)
        return;
    struct lm_head *h = listenmem_head(x->mem);
    h->text_key = 0;
    LISTENMEM_ORDER();
    h->text_at = at;
    h->text_serial = h->serial;
    LISTENMEM_ORDER();
    h->text_key = key;
    LISTENMEM_ORDER();
    FAULT_POINT();
}

void listeners_about_nothing(struct sup *s)
{
    if (s->listeners)
        s->listeners->again = false;
}

/* If it was told already, all before it was, too. */
void listeners_before_text(struct proc *p, int pid, uint32_t key, uint64_t at)
{
    struct listeners *x = proc_sup(p)->listeners;
    if (!x || !x->catching_up || is_about(x, key, at))
        return;
    if (pid == proc_life(p)->pid && listenmem_told(x->mem, p->slot)->pid != pid)
        listentold_one(x, p);
}

struct listenmem *listeners_memory(const struct sup *s)
{
    return s->listeners ? s->listeners->mem : NULL;
}

void listeners_note_text(struct sup *s, int fd, int end)
{
    if (!s->listeners)
        return;
    struct lm_head *h = listenmem_head(s->listeners->mem);
    h->text_fds[0] = h->text_fds[1] = 0;
    LISTENMEM_ORDER();
    h->text_image = state_image(s->state);
    h->text_fds[1] = end;
    LISTENMEM_ORDER();
    h->text_fds[0] = fd;
}

uint64_t listeners_next_serial(uint64_t serial)
{
    return serial < EVENT_SERIAL_MAX ? serial + 1 : 0;
}

/* Counted on, if it was kept and the count was not. */
static void count_on(uint64_t *count, uint64_t serial)
{
    if (*count <= serial)
        *count = listeners_next_serial(serial);
}

void listeners_count_all(struct listeners *x)
{
    struct lm_head *h = listenmem_head(x->mem);
    for (uint32_t i = 0; i < h->nevents; i++) {
        const struct lm_event *ev = listenmem_event(x->mem, i);
        if (ev->used && ev->pool < LISTENMEM_POOLS) {
            count_on(&h->serial, ev->serial);
            count_on(&listenmem_pool(x->mem, ev->pool)->serial, ev->pool_serial);
        }
    }
    if (h->text_key && h->serial == h->text_serial)
        h->serial = listeners_next_serial(h->serial);
}
