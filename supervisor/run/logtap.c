/* Who gets the text of streams: the sockets of the taps, which streams they take, and which run of
 * a program wrote what. The shared memory is the truth; supd-log is told to look. */
#include "supervisor/base/fd.h"
#include "supervisor/core/tap.h"
#include "supervisor/run/logs_impl.h"

#include <errno.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define LOOKS 64 /* until two of them agree */

static struct logshm_side *side_of(const struct log_stream *s)
{
    return logshm_side(logs_of(s)->mem.h, s->slot);
}

/* ---- sockets ---- */

static void untap(struct log_stream *s, enum logs_tap which)
{
    if (!logs_shared(s)->sided || !side_of(s)->taps[which].key)
        return;
    side_of(s)->taps[which].key = 0;
    logchan_tell(s, TELL_UPDATE);
}

static void set_socket(struct logs *g, enum logs_tap which, int fd)
{
    int32_t *mine = &g->mem.h->tap_fds[which];
    if (*mine <= 0 && fd < 0)
        return;
    struct log_stream *s;
    for (uint32_t i = 0; i < g->mem.h->nstreams; i++)
        if ((s = logs_stream(g, i)))
            untap(s, which);
    if (*mine > 0)
        fd_close(mine);
    *mine = fd > 0 ? fd : 0;
    g->tell_taps = (uint8_t)(g->tell_taps | 1u << which);
    loop_defer(g->loop, &g->pump);
}

/* Who reads asks its own end how much the other one holds: text.c. */
static void tell_size(int reader, int writer)
{
    int size = 0;
    socklen_t len = sizeof(size);
    getsockopt(writer, SOL_SOCKET, SO_SNDBUF, &size, &len);
    size /= 2; /* the kernel doubles what it is told */
    if (setsockopt(reader, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(reader, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

int logs_tap_open(struct logs *g, enum logs_tap which, struct err *e)
{
    int ends[2], size = TAP_SNDBUF;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return err_errno(e, errno, "cannot make a socket for the text of programs");
    if (setsockopt(ends[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    tell_size(ends[0], ends[1]);
    shutdown(ends[0], SHUT_WR);
    set_socket(g, which, ends[1]);
    return ends[0];
}

void logs_tap_close(struct logs *g, enum logs_tap which)
{
    set_socket(g, which, -1);
}

void logtap_fini(struct logs *g)
{
    for (uint32_t i = 0; g->mem.h && i < LOGSHM_TAPS; i++)
        if (g->mem.h->tap_fds[i] > 0)
            fd_close(&g->mem.h->tap_fds[i]);
}

int logs_tap_end(const struct logs *g, enum logs_tap which)
{
    return g->mem.h->tap_fds[which];
}

void logtap_forget(struct logs *g, int kept)
{
    struct log_stream *s;
    bool goes_on = kept > 0 && g->mem.h->tap_fds[LOGSHM_TAP_SUPD] == kept;
    for (uint32_t i = 0; i < LOGSHM_TAPS; i++)
        if (i != LOGSHM_TAP_SUPD || !goes_on)
            g->mem.h->tap_fds[i] = 0;
    for (uint32_t i = 0; i < g->mem.h->used; i++) {
        if (!(s = logs_stream(g, i)) || !logs_shared(s)->sided)
            continue;
        for (uint32_t which = 0; which < LOGSHM_TAPS; which++) {
            struct logshm_tap *t = &side_of(s)->taps[which];
            g->tap_keys = t->key > g->tap_keys ? t->key : g->tap_keys;
            g->tap_keys = t->taken > g->tap_keys ? t->taken : g->tap_keys;
            if (which != LOGSHM_TAP_SUPD || !goes_on)
                t->key = 0;
        }
    }
}

/* ---- streams ---- */

static bool is_sided(const struct log_stream *s)
{
    return logs_shared(s)->sided;
}

/* The run under way wrote all that came so far, as far as anybody knows. */
static void set_sided(struct log_stream *s, int pid)
{
    logs_shared(s)->sided = 1;
    if (side_of(s)->nruns)
        return;
    logs_run_begins(s);
    side_of(s)->runs[0].from = 0;
    logs_run_is(s, pid);
}

void logs_tap_set(struct log_stream *s, enum logs_tap which, unsigned wants, int pid)
{
    if (wants == logs_tap_wants(s, which))
        return;
    if (wants == 0) {
        untap(s, which);
        return;
    }
    set_sided(s, pid);
    struct logshm_tap *t = &side_of(s)->taps[which];
    t->wants = wants;
    if (++logs_of(s)->tap_keys == 0)
        logs_of(s)->tap_keys = 1;
    __atomic_store_n(&t->key, logs_of(s)->tap_keys, __ATOMIC_RELEASE);
    logchan_tell(s, TELL_UPDATE);
}

unsigned logs_tap_wants(const struct log_stream *s, enum logs_tap which)
{
    return logs_tap_key(s, which) ? side_of(s)->taps[which].wants : 0;
}

uint32_t logs_slot(const struct log_stream *s)
{
    return s->slot;
}

uint32_t logs_tap_key(const struct log_stream *s, enum logs_tap which)
{
    return is_sided(s) ? side_of(s)->taps[which].key : 0;
}

/* ---- runs ---- */

/* What supd-log says about a stream at one moment. */
struct moment {
    uint64_t taken, announced;
};

static struct moment look(const struct log_stream *s)
{
    const struct logshm_side *side = side_of(s);
    if (!(__atomic_load_n(&logs_shared(s)->flags, __ATOMIC_ACQUIRE) & LOGSHM_USED))
        return (struct moment){0, 0};
    const struct logshm_progress *p = logshm_progress(logs_of(s)->mem.h, s->slot);
    uint64_t taken = __atomic_load_n(&side->taken, __ATOMIC_ACQUIRE);
    uint64_t bytes = __atomic_load_n(&p->bytes, __ATOMIC_ACQUIRE);
    return (struct moment){taken > bytes ? taken : bytes,
                           __atomic_load_n(&side->announced, __ATOMIC_ACQUIRE)};
}

/* How many bytes were ever put into the pipe. A read() of supd-log takes exactly what it announced:
 * it has taken place if the pipe holds less than that. */
static uint64_t bytes_so_far(const struct log_stream *s)
{
    struct moment before, after;
    uint64_t waiting = 0;
    int i = 0;
    do {
        int n = 0;
        before = look(s);
        ioctl(logs_shared(s)->fd, FIONREAD, &n);
        waiting = n > 0 ? (uint64_t)n : 0;
        after = look(s);
    } while ((after.taken != before.taken || after.announced != before.announced) && ++i < LOOKS);
    return after.taken + waiting + (waiting < after.announced ? after.announced : 0);
}

void logs_began(struct log_stream *s)
{
    struct logshm_stream *r = logs_shared(s);
    if (r->kind != LOGSHM_FILE && r->kind != LOGSHM_AUTO)
        return;
    r->runs = true;
    r->run++;
    logchan_tell(s, TELL_RUN);
}

void logs_ended(struct log_stream *s)
{
    logs_shared(s)->runs = false;
}

void logs_run_begins(struct log_stream *s)
{
    if (!is_sided(s))
        return;
    struct logshm_side *side = side_of(s);
    struct logshm_run *newest = &side->runs[(side->nruns - 1) % LOGSHM_RUNS];
    if (side->nruns && !newest->pid) { /* it came to nothing */
        newest->from = bytes_so_far(s);
        return;
    }
    struct logshm_run *run = &side->runs[side->nruns % LOGSHM_RUNS];
    *run = (struct logshm_run){.from = bytes_so_far(s), .number = side->nruns + 1};
    __atomic_store_n(&side->nruns, side->nruns + 1, __ATOMIC_RELEASE);
}

void logs_run_is(struct log_stream *s, int pid)
{
    if (!is_sided(s) || !side_of(s)->nruns)
        return;
    struct logshm_side *side = side_of(s);
    __atomic_store_n(&side->runs[(side->nruns - 1) % LOGSHM_RUNS].pid, pid, __ATOMIC_RELEASE);
}

int logs_run_pid(const struct log_stream *s, uint32_t number)
{
    for (uint32_t i = 0; is_sided(s) && i < LOGSHM_RUNS; i++)
        if (side_of(s)->runs[i].number == number)
            return side_of(s)->runs[i].pid;
    return 0;
}
