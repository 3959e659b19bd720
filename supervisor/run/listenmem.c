/* The memory of listeners: head, pools, listeners, events, then the text of these. */
#include "supervisor/run/listenmem.h"
#include "supervisor/base/fault.h"
#include "supervisor/base/fd.h"
#include "supervisor/core/units.h"
#include "supervisor/run/state.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC UINT64_C(0x31534e5453505553) /* "SUPSTNS1"; another form has another one */
#define UNIT 64u
#define PAGE 4096u
#define UP(n) (((n) + PAGE - 1) / PAGE * PAGE)
#define POOLS_AT PAGE
#define LISTENERS_AT UP(POOLS_AT + LISTENMEM_POOLS * sizeof(struct lm_pool))
#define EVENTS_AT UP(LISTENERS_AT + LISTENMEM_LISTENERS * sizeof(struct lm_listener))
#define TOLD_AT UP(EVENTS_AT + LISTENMEM_EVENTS * sizeof(struct lm_event))
#define TEXT_AT UP(TOLD_AT + STATE_SLOTS_MAX * sizeof(struct lm_told))
#define SIZE ((size_t)TEXT_AT + LISTENMEM_TEXT)
#define LEFT 1               /* serial of a record that nobody has asked for yet */
#define TRIM_FROM (1u << 20) /* so much text that was, and is not any more, goes back */

struct listenmem {
    int fd; /* -1: memory without a file */
    char *map;
    struct units units;
    uint32_t next_event; /* where the search for a free one begins */
    uint32_t top;        /* no unit from here on was touched since text was given back */
    uint32_t kept_units; /* of records */
    uint32_t left;       /* records that nobody has asked for yet */
    uint32_t next_left;  /* where the search for one begins */
};

struct lm_head *listenmem_head(const struct listenmem *m)
{
    return (struct lm_head *)(void *)m->map;
}

struct lm_pool *listenmem_pool(const struct listenmem *m, uint32_t i)
{
    return (struct lm_pool *)(void *)(m->map + POOLS_AT) + i;
}

struct lm_listener *listenmem_listener(const struct listenmem *m, uint32_t i)
{
    return (struct lm_listener *)(void *)(m->map + LISTENERS_AT) + i;
}

struct lm_event *listenmem_event(const struct listenmem *m, uint32_t i)
{
    return (struct lm_event *)(void *)(m->map + EVENTS_AT) + i;
}

struct lm_told *listenmem_told(const struct listenmem *m, uint32_t slot)
{
    return (struct lm_told *)(void *)(m->map + TOLD_AT) + slot;
}

static char *text_at(const struct listenmem *m, uint32_t unit)
{
    return m->map + TEXT_AT + (size_t)unit * UNIT;
}

const char *listenmem_text(const struct listenmem *m, const struct lm_event *ev)
{
    return text_at(m, ev->unit);
}

int listenmem_fd(const struct listenmem *m)
{
    return m->fd;
}

/* ---- the whole ---- */

static int map_it(struct listenmem *m, struct err *e)
{
    m->map = fd_map(m->fd, SIZE);
    if (!m->map)
        return err_errno(e, errno, "cannot map the memory of event listeners");
    if (!units_init(&m->units, LISTENMEM_TEXT / UNIT))
        return err_errno(e, ENOMEM, "cannot keep events");
    return 0;
}

static struct listenmem *alloc(int fd, struct err *e)
{
    struct listenmem *m = calloc(1, sizeof(*m));
    if (!m)
        err_errno(e, ENOMEM, "cannot keep events");
    else
        m->fd = fd;
    return m;
}

/* As with the state: where no file may be that long, there is none. */
struct listenmem *listenmem_new(bool with_file, struct err *e)
{
    int fd = with_file ? fd_memory("supd-events", true) : -1;
    if (fd >= 0 && ftruncate(fd, (off_t)SIZE) < 0)
        fd_close(&fd);
    struct listenmem *m = alloc(fd, e);
    if (!m || map_it(m, e) < 0) {
        if (!m)
            fd_close(&fd);
        listenmem_free(&m);
        return NULL;
    }
    *listenmem_head(m) = (struct lm_head){.magic = MAGIC, .size = SIZE};
    return m;
}

void listenmem_free(struct listenmem **mp)
{
    struct listenmem *m = *mp;
    *mp = NULL;
    if (!m)
        return;
    if (m->map)
        munmap(m->map, SIZE);
    fd_close(&m->fd);
    units_fini(&m->units);
    free(m);
}

int listenmem_check(int fd, struct err *e)
{
    struct lm_head head;
    struct stat st;
    bool sound = fd > 0 && fstat(fd, &st) == 0 && (size_t)st.st_size == SIZE &&
                 pread(fd, &head, sizeof(head), 0) == sizeof(head) && head.magic == MAGIC &&
                 head.size == SIZE;
    return sound || !fd ? 0 : err_set(e, "the memory of event listeners has another form");
}

/* Two descriptors of this type; what is there of them. */
static bool are_ends(const int32_t ends[2], mode_t type, struct stat out[2])
{
    return ends[0] > 2 && ends[1] > 2 && ends[0] != ends[1] && fstat(ends[0], &out[0]) == 0 &&
           fstat(ends[1], &out[1]) == 0 && (out[0].st_mode & S_IFMT) == type &&
           (out[1].st_mode & S_IFMT) == type;
}

static bool is_pipe(const int32_t ends[2])
{
    struct stat st[2];
    return are_ends(ends, S_IFIFO, st) && st[0].st_ino == st[1].st_ino &&
           st[0].st_dev == st[1].st_dev;
}

static bool is_text_socket(const int32_t ends[2])
{
    struct stat st[2];
    return are_ends(ends, S_IFSOCK, st);
}

bool listenmem_take_text(int fd, uint32_t image, int32_t out[2])
{
    struct lm_head head;
    struct err e;
    if (fd <= 0 || listenmem_check(fd, &e) < 0 ||
        pread(fd, &head, sizeof(head), 0) != sizeof(head) || head.text_image + 1 != image ||
        !is_text_socket(head.text_fds) ||
        pwrite(fd, &image, sizeof(image), offsetof(struct lm_head, text_image)) < 0)
        return false;
    memcpy(out, head.text_fds, sizeof(head.text_fds));
    return true;
}

/* What it says is believed where most of it is right. */
void listenmem_discard(int fd)
{
    struct lm_head head = {0};
    ssize_t n = pread(fd, &head, sizeof(head), 0);
    if (n == sizeof(head) && head.size == SIZE && is_pipe(head.stage)) {
        close(head.stage[0]);
        close(head.stage[1]);
    }
    if (n == sizeof(head) && head.size == SIZE && head.magic != MAGIC &&
        is_text_socket(head.text_fds)) { /* nobody has taken it */
        close(head.text_fds[0]);
        close(head.text_fds[1]);
    }
    close(fd);
}

static uint32_t units_of(uint32_t len)
{
    return (len + UNIT - 1) / UNIT;
}

/* An event that is not whole never was one. */
static void claim_events(struct listenmem *m)
{
    for (uint32_t i = 0; i < listenmem_head(m)->nevents; i++) {
        struct lm_event *ev = listenmem_event(m, i);
        if (ev->used && (ev->pool > LISTENMEM_KEPT || !ev->len ||
                         !units_claim(&m->units, ev->unit, units_of(ev->len))))
            ev->used = 0;
        if (!ev->used || ev->pool != LISTENMEM_KEPT)
            continue;
        ev->serial = LEFT;
        m->kept_units += units_of(ev->len);
        m->left++;
    }
}

static bool is_sound(const struct listenmem *m)
{
    const struct lm_head *h = listenmem_head(m);
    bool sound = h->nlisteners <= LISTENMEM_LISTENERS && h->nevents <= LISTENMEM_EVENTS;
    for (uint32_t i = 0; sound && i < h->nlisteners; i++) {
        const struct lm_listener *l = listenmem_listener(m, i);
        sound = l->aim <= LISTENMEM_READ && l->copied <= LISTENMEM_READ &&
                l->event <= LISTENMEM_EVENTS && l->machine.nline <= LISTENER_LINE &&
                l->next.nline <= LISTENER_LINE;
    }
    return sound;
}

/* The pages of these units that hold nothing else. */
static void give_back(const struct listenmem *m, uint32_t unit, uint32_t n)
{
    size_t from = UP((size_t)unit * UNIT), to = ((size_t)unit + n) * UNIT / PAGE * PAGE;
    if (to > from)
        madvise(m->map + TEXT_AT + from, to - from, MADV_REMOVE);
}

/* The pages of text that was go back to the system once none is left. */
static void trim(struct listenmem *m)
{
    bool used;
    if (m->units.used != m->kept_units || (size_t)m->top * UNIT < TRIM_FROM)
        return;
    for (uint32_t at = 0, n; at < m->top; at += n) {
        n = units_alike(&m->units, at, m->top, &used);
        if (!used)
            give_back(m, at, n);
    }
    m->top = 0;
}

void listenmem_event_free(struct listenmem *m, uint32_t i)
{
    struct lm_event *ev = listenmem_event(m, i);
    if (!ev->used)
        return;
    ev->used = 0;
    LISTENMEM_ORDER();
    units_give(&m->units, ev->unit, units_of(ev->len));
    if (ev->pool == LISTENMEM_KEPT)
        m->kept_units -= units_of(ev->len);
    m->next_event = i < m->next_event ? i : m->next_event;
    trim(m);
}

static bool is_left(const struct lm_event *ev)
{
    return ev->used && ev->pool == LISTENMEM_KEPT && ev->serial == LEFT;
}

static void free_left(struct listenmem *m, uint32_t i)
{
    listenmem_event_free(m, i);
    m->left--;
}

/* Two of one number: one was to take the other's place. */
static void finish_successor(struct listenmem *m)
{
    struct lm_head *h = listenmem_head(m);
    uint32_t next = h->successor - 1;
    h->successor = 0;
    if (next >= h->nevents || !is_left(listenmem_event(m, next)))
        return;
    for (uint32_t i = 0; i < h->nevents; i++)
        if (i != next && is_left(listenmem_event(m, i)) &&
            listenmem_event(m, i)->pool_serial == listenmem_event(m, next)->pool_serial)
            free_left(m, i);
}

struct listenmem *listenmem_open(int fd, struct err *e)
{
    if (listenmem_check(fd, e) < 0)
        return NULL;
    struct listenmem *m = alloc(fd, e);
    if (!m)
        return NULL;
    if (map_it(m, e) < 0 ||
        (!is_sound(m) && err_set(e, "the memory of event listeners is damaged"))) {
        m->fd = -1; /* the caller's */
        listenmem_free(&m);
        return NULL;
    }
    claim_events(m);
    m->top = LISTENMEM_TEXT / UNIT; /* nobody knows */
    finish_successor(m);
    return m;
}

void listenmem_each_fd(const struct listenmem *m, void (*fn)(int fd))
{
    if (!m || m->fd < 0)
        return;
    const struct lm_head *h = listenmem_head(m);
    fn(m->fd);
    for (int i = 0; i < 2; i++)
        if (h->stage[i] > 0)
            fn(h->stage[i]);
    for (int i = 0; i < 2; i++)
        if (h->text_fds[i] > 0)
            fn(h->text_fds[i]);
    for (uint32_t i = 0; i < h->nlisteners; i++)
        if (listenmem_listener(m, i)->out_fd > 0)
            fn(listenmem_listener(m, i)->out_fd);
}

/* ---- pools ---- */

static uint64_t digest(const char *name)
{
    uint64_t d = UINT64_C(0xcbf29ce484222325);
    for (; *name; name++)
        d = (d ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
    return d ? d : 1;
}

int64_t listenmem_pool_take(struct listenmem *m, const char *name)
{
    uint64_t want = digest(name);
    int64_t free_one = -1;
    for (uint32_t i = LISTENMEM_POOLS; i-- > 0;) {
        uint64_t has = listenmem_pool(m, i)->name;
        if (has == want)
            return i;
        free_one = has ? free_one : i;
    }
    if (free_one < 0)
        return -1;
    struct lm_pool *p = listenmem_pool(m, (uint32_t)free_one);
    p->serial = 0;
    LISTENMEM_ORDER();
    p->name = want;
    return free_one;
}

void listenmem_pool_free(struct listenmem *m, uint32_t i)
{
    for (uint32_t at = 0; at < listenmem_head(m)->nevents; at++)
        if (listenmem_event(m, at)->used && listenmem_event(m, at)->pool == i)
            listenmem_event_free(m, at);
    listenmem_pool(m, i)->name = 0;
}

/* ---- listeners ---- */

int64_t listenmem_listener_find(const struct listenmem *m, uint32_t slot)
{
    for (uint32_t i = 0; i < listenmem_head(m)->nlisteners; i++)
        if (listenmem_listener(m, i)->slot == slot + 1)
            return i;
    return -1;
}

int64_t listenmem_listener_take(struct listenmem *m, uint32_t slot)
{
    struct lm_head *h = listenmem_head(m);
    uint32_t i = 0;
    while (i < h->nlisteners && listenmem_listener(m, i)->slot)
        i++;
    if (i == LISTENMEM_LISTENERS)
        return -1;
    struct lm_listener *l = listenmem_listener(m, i);
    memset(l, 0, sizeof(*l));
    listener_init(&l->machine);
    LISTENMEM_ORDER();
    l->slot = slot + 1;
    LISTENMEM_ORDER();
    if (i == h->nlisteners)
        h->nlisteners++;
    return i;
}

/* The event goes first: it is nobody's once it does not count. */
void listenmem_apply(struct listenmem *m, struct lm_listener *l)
{
    FAULT_POINT();
    if (l->outcome == LISTENER_DONE && l->event)
        listenmem_event_free(m, l->event - 1);
    LISTENMEM_ORDER();
    FAULT_POINT();
    if (l->outcome != LISTENER_NOTHING)
        l->event = 0;
    LISTENMEM_ORDER();
    l->machine = l->next;
    l->fed = 1;
    LISTENMEM_ORDER();
    FAULT_POINT();
    l->step = 0;
}

/* ---- events ---- */

static int64_t free_event(struct listenmem *m)
{
    struct lm_head *h = listenmem_head(m);
    for (uint32_t n = 0; n < LISTENMEM_EVENTS; n++) {
        uint32_t i = m->next_event;
        m->next_event = i + 1 < LISTENMEM_EVENTS ? i + 1 : 0;
        if (!listenmem_event(m, i)->used) {
            h->nevents = i < h->nevents ? h->nevents : i + 1;
            return i;
        }
    }
    return -1;
}

/* A place for an event that does not count yet. */
static int64_t reserve(struct listenmem *m, const struct lm_event *ev)
{
    int64_t unit = units_take(&m->units, units_of(ev->len));
    int64_t i = unit < 0 ? -1 : free_event(m);
    if (i < 0) {
        if (unit >= 0)
            units_give(&m->units, (uint32_t)unit, units_of(ev->len));
        return -1;
    }
    uint32_t end = (uint32_t)unit + units_of(ev->len);
    m->top = end > m->top ? end : m->top;
    struct lm_event *to = listenmem_event(m, (uint32_t)i);
    *to = *ev;
    to->unit = (uint32_t)unit;
    to->used = 0;
    return i;
}

static void use(struct listenmem *m, uint32_t i)
{
    LISTENMEM_ORDER();
    FAULT_POINT();
    listenmem_event(m, i)->used = 1;
    FAULT_POINT();
}

int64_t listenmem_event_add(struct listenmem *m, const struct lm_event *ev, const char *text)
{
    int64_t i = reserve(m, ev);
    if (i < 0)
        return -1;
    memcpy(text_at(m, listenmem_event(m, (uint32_t)i)->unit), text, ev->len);
    use(m, (uint32_t)i);
    return i;
}

/* ---- records that are no events ---- */

int64_t listenmem_keep(struct listenmem *m, uint64_t number, uint32_t len)
{
    struct lm_event ev = {.pool = LISTENMEM_KEPT, .len = len, .pool_serial = number};
    return reserve(m, &ev);
}

void listenmem_keep_now(struct listenmem *m, uint32_t i)
{
    m->kept_units += units_of(listenmem_event(m, i)->len);
    use(m, i);
}

void *listenmem_record(const struct listenmem *m, uint32_t i)
{
    return text_at(m, listenmem_event(m, i)->unit);
}

void listenmem_keep_instead(struct listenmem *m, uint32_t i, uint32_t before)
{
    struct lm_head *h = listenmem_head(m);
    h->successor = i + 1;
    LISTENMEM_ORDER();
    listenmem_keep_now(m, i);
    listenmem_event_free(m, before);
    LISTENMEM_ORDER();
    h->successor = 0;
}

int64_t listenmem_kept(struct listenmem *m, uint64_t number)
{
    uint32_t all = listenmem_head(m)->nevents;
    for (uint32_t n = 0; m->left && n < all; n++) {
        uint32_t i = (m->next_left + n) % all;
        struct lm_event *ev = listenmem_event(m, i);
        if (!is_left(ev) || ev->pool_serial != number)
            continue;
        ev->serial = 0;
        m->left--;
        m->next_left = i + 1;
        return i;
    }
    return -1;
}

void listenmem_kept_sweep(struct listenmem *m)
{
    for (uint32_t i = 0; m->left && i < listenmem_head(m)->nevents; i++)
        if (is_left(listenmem_event(m, i)))
            free_left(m, i);
}
