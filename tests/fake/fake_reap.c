/* The twin of io/reap.h on the simulated machine; a batch is sometimes shorter than asked for. */
#include "supervisor/io/reap.h"

#include "tests/fake/fake.h"

int reap_stopped(int pid)
{
    (void)pid;
    return 0;
}

bool reap_any_stopped(void)
{
    return false;
}

/* who died is said only now and then: signals coalesce */
bool reap_child(const struct reap_ops *ops, void *obj, int pid)
{
    int status;
    return fake_zombie(&status) == pid && reap_children(ops, obj, 1);
}

bool reap_children(const struct reap_ops *ops, void *obj, unsigned max)
{
    if (rng_below(&fake_rng, 4) == 0)
        max = 1;
    for (unsigned n = 0; n < max; n++) {
        int status, pid = fake_zombie(&status);
        if (!pid)
            return false;
        if (ops->peeked)
            ops->peeked(obj, pid, status);
        fake_reaped(pid);
        if (ops->reaped)
            ops->reaped(obj, pid, status);
    }
    return true;
}

enum reap_child reap_look(int pid)
{
    int status;
    return pid > 0 && fake_zombie(&status) == pid ? REAP_DEAD : pid > 0 ? REAP_ALIVE : REAP_GONE;
}
