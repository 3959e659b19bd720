/* What was heard of a stream: a record that is replaced by another one when it has to grow. */
#include "supervisor/run/heard.h"
#include "supervisor/base/fault.h"
#include "supervisor/core/tap.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_MIN 256u
#define ROOM_REST 4096u      /* more is given back when a capture has ended */
#define LIMIT_MAX (1u << 30) /* so that no sum here is too large for its type */

static char *text_of(struct heard_record *r)
{
    return (char *)(r + 1);
}

/* ---- where it lies ---- */

static uint64_t number_of(const struct heard *h)
{
    return (uint64_t)h->key << 32 | h->slot;
}

static bool reserve(struct heard *h, struct listenmem *mem, uint32_t room)
{
    uint32_t size = (uint32_t)sizeof(struct heard_record) + room;
    h->mem = mem;
    if (mem) {
        int64_t i = listenmem_keep(mem, number_of(h), size);
        h->event = i < 0 ? 0 : (uint32_t)i;
        h->record = i < 0 ? NULL : listenmem_record(mem, h->event);
    } else {
        h->record = malloc(size);
    }
    return h->record;
}

void heard_close(struct heard *h)
{
    if (h->record && h->mem)
        listenmem_event_free(h->mem, h->event);
    else
        free(h->record);
    *h = (struct heard){0};
}

/* Another record with as much of the text as is named, in the place of this one. */
static bool replace(struct heard *h, struct listenmem *mem, uint32_t room, uint32_t keep)
{
    struct heard next = {.slot = h->slot, .key = h->key};
    if (!reserve(&next, mem, room))
        return false;
    struct heard_at now = heard_now(h);
    if (keep)
        memcpy(text_of(next.record), text_of(h->record) + now.start + now.len - keep, keep);
    now.start = 0;
    now.len = keep;
    *next.record = (struct heard_record){.room = room, .at = {now}};
    if (mem && mem == h->mem)
        listenmem_keep_instead(mem, next.event, h->event);
    else if (mem)
        listenmem_keep_now(mem, next.event);
    if (mem != h->mem || !mem)
        heard_close(h);
    *h = next;
    return true;
}

static bool is_sound(const struct heard *h)
{
    const struct heard_record *r = h->record;
    uint32_t len = listenmem_event(h->mem, h->event)->len;
    if (len < sizeof(*r) || r->room != len - sizeof(*r) || r->cur > 1)
        return false;
    const struct heard_at *at = &r->at[r->cur];
    return at->start <= r->room && at->len <= r->room - at->start;
}

static bool take_over(struct heard *h, struct listenmem *mem)
{
    int64_t i = mem ? listenmem_kept(mem, number_of(h)) : -1;
    if (i < 0)
        return false;
    h->mem = mem;
    h->event = (uint32_t)i;
    h->record = listenmem_record(mem, h->event);
    if (is_sound(h))
        return true;
    listenmem_event_free(mem, h->event);
    h->record = NULL;
    return false;
}

bool heard_open(struct heard *h, struct listenmem *mem, uint32_t slot, uint32_t key)
{
    *h = (struct heard){.slot = slot, .key = key};
    if (take_over(h, mem))
        return true;
    if (!reserve(h, mem, 0))
        return false;
    *h->record = (struct heard_record){0};
    if (mem)
        listenmem_keep_now(mem, h->event);
    return true;
}

bool heard_move(struct heard *h, struct listenmem *mem)
{
    return h->mem == mem || replace(h, mem, h->record->room, heard_now(h).len);
}

/* ---- what it says ---- */

struct heard_at heard_now(const struct heard *h)
{
    return h->record->at[h->record->cur];
}

const char *heard_text(const struct heard *h, const struct heard_at *at)
{
    return text_of(h->record) + at->start;
}

/* Beyond the limit there is room for half as much again: the front goes now and then. */
static uint32_t room_for(uint32_t n, uint32_t limit)
{
    uint32_t most = limit + limit / 2 + TAP_TEXT, room = n < ROOM_MIN / 2 ? ROOM_MIN : 2 * n;
    room = room < most ? room : most;
    return room > n ? room : n;
}

static bool make_room(struct heard *h, struct heard_at *next, uint32_t n, uint32_t limit)
{
    uint32_t keep = next->len < limit ? next->len : limit;
    if (n <= h->record->room && next->start + next->len <= h->record->room - n)
        return true;
    if (!replace(h, h->mem, room_for(keep + n, limit), keep))
        return false;
    next->start = 0;
    next->len = keep;
    return true;
}

void heard_put(struct heard *h, struct heard_at *next, const char *text, size_t n, size_t limit)
{
    uint32_t most = limit < LIMIT_MAX ? (uint32_t)limit : LIMIT_MAX;
    if (!next->len)
        next->start = 0;
    if (!n)
        return;
    if (n > TAP_TEXT || !make_room(h, next, (uint32_t)n, most)) {
        next->unheard += n;
        return;
    }
    memcpy(text_of(h->record) + next->start + next->len, text, n);
    next->len += (uint32_t)n;
}

void heard_commit(struct heard *h, const struct heard_at *next)
{
    struct heard_record *r = h->record;
    uint32_t other = !r->cur;
    FAULT_POINT();
    r->at[other] = *next;
    LISTENMEM_ORDER();
    r->cur = other;
    LISTENMEM_ORDER();
    FAULT_POINT();
    if (!next->len && r->room > ROOM_REST)
        replace(h, h->mem, 0, 0);
}
