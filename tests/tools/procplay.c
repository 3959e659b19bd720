/* Plays scripts on the process machine, for the comparison with another supervisor.
 *
 * Input, a script: "new STARTSECS_MS STARTRETRIES RESTART STOPWAIT_MS EXITCODES", then a line for
 * each tick of 100 ms: "-", "start", "stop", "shutdown", "exit N", "sig N" or "fail" (no start
 * succeeds until "heal"). Output: a line for each tick: state, counter, starts, KILLs so far. */
#include "supervisor/core/proc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK DUR_MS(100)

struct player {
    struct proc_policy p;
    struct proc_life l;
    struct proc_out o;
    uint32_t codes[8];
    mono_t now;
    int next_pid;
    unsigned kills;
    bool failing;
};

static void feed(struct player *x, struct proc_in in);

/* the spawn that the machine ordered */
static void spawn(struct player *x)
{
    if (x->failing)
        feed(x, (struct proc_in){.event = PROC_EV_CANNOT});
    else
        feed(x, (struct proc_in){.event = PROC_EV_SPAWNED, .pid = x->next_pid++});
}

static void feed(struct player *x, struct proc_in in)
{
    in.now = x->now;
    proc_step(&x->p, &x->l, &in, &x->o);
    x->kills += x->o.signal == SIGKILL;
    if (x->o.spawn)
        spawn(x);
}

static bool script_begin(struct player *x, char *line)
{
    long startsecs, retries, restart, stopwait;
    int at;
    if (sscanf(line, "new %ld %ld %ld %ld %n", &startsecs, &retries, &restart, &stopwait, &at) != 4)
        return false;
    *x = (struct player){.now = {1000000000000}, .next_pid = 100};
    proc_init(&x->l);
    x->p =
        (struct proc_policy){.startsecs = DUR_MS(startsecs),
                             .startretries = (int)retries,
                             .autorestart = (enum proc_restart)restart,
                             .stops = {{SIGTERM, DUR_MS(stopwait)}},
                             .nstops = 1,
                             .stopwait = DUR_MS(stopwait),
                             /* a little late, for a wait that must be over and not only reached */
                             .backoff = DUR_MS(1001)};
    for (char *code = line + at; *code; code += strcspn(code, ",") + (strchr(code, ',') != NULL)) {
        unsigned long n = strtoul(code, NULL, 10);
        x->codes[n / 32 % 8] |= 1u << n % 32;
    }
    return true;
}

static void play(struct player *x, const char *line)
{
    static const struct {
        const char *word;
        enum proc_event event;
    } rows[] = {{"start", PROC_EV_START}, {"stop", PROC_EV_STOP}, {"shutdown", PROC_EV_SHUTDOWN}};
    int n = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(line, rows[i].word) == 0)
            feed(x, (struct proc_in){.event = rows[i].event});
    if (sscanf(line, "exit %d", &n) == 1)
        feed(x, (struct proc_in){.event = PROC_EV_EXITED, .status = n << 8});
    if (sscanf(line, "sig %d", &n) == 1)
        feed(x, (struct proc_in){.event = PROC_EV_EXITED, .status = n});
    if (strcmp(line, "fail") == 0 || strcmp(line, "heal") == 0)
        x->failing = line[0] == 'f';
}

static void tick(struct player *x, const char *line)
{
    x->now = mono_add(x->now, TICK);
    x->p.exitcodes = x->codes;
    uint64_t starts = x->l.starts;
    play(x, line);
    /* one look at the clock in a tick, and none at what was started just now */
    if (x->l.starts == starts && mono_reached(proc_next(&x->l), x->now))
        feed(x, (struct proc_in){.event = PROC_EV_TIMER});
    printf("%d %u %llu %u\n", x->l.state, (unsigned)x->l.tries, (unsigned long long)x->l.starts,
           x->kills);
}

int main(void)
{
    static struct player x;
    char line[200];
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (!script_begin(&x, line))
            tick(&x, line);
    }
    return 0;
}
