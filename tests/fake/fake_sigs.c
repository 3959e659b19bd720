/* The twin of io/sigs.h: signals come from the test and from the simulated kernel, SIGCHLD first,
 * and one that is pending twice comes once. Whose end it is, SIGCHLD says only now and then. */
#include "supervisor/io/sigs.h"

#include "tests/fake/fake.h"

#include <string.h>

static sigs_fn *sigs_to;
static void *sigs_obj;
static uint64_t pending;

void sigs_block(struct sigs_entry *out_entry)
{
    memset(out_entry, 0, sizeof(*out_entry));
}

int sigs_open(struct loop *l, sigs_fn *fn, void *obj, struct err *e)
{
    (void)l, (void)e;
    sigs_to = fn;
    sigs_obj = obj;
    return 0;
}

void sigs_close(void)
{
    sigs_to = NULL;
}

void sigs_restore(const struct sigs_entry *entry)
{
    (void)entry;
}

void fake_sigs_reset(void)
{
    pending = 0;
}

void fake_signal(int signo)
{
    pending |= UINT64_C(1) << signo;
}

bool fake_sigs_pending(void)
{
    return pending != 0;
}

static int who_died(void)
{
    int status;
    return rng_below(&fake_rng, 2) ? fake_zombie(&status) : 0;
}

static void deliver(int signo)
{
    struct sigs_info info = {.signo = signo, .code = SI_USER, .pid = 1};
    uint64_t bit = UINT64_C(1) << signo;
    if (!(pending & bit))
        return;
    if (signo == SIGCHLD)
        info.pid = pending == bit ? who_died() : 0;
    pending &= ~bit;
    if (sigs_to)
        sigs_to(sigs_obj, &info);
}

void fake_sigs_deliver(void)
{
    deliver(SIGCHLD);
    for (int signo = 1; signo < 64; signo++)
        deliver(signo);
}
