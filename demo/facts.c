/* What the demo knows: supctl's answers, taken apart. */
#include "demo/facts.h"
#include "demo/answer.h"
#include "demo/run.h"
#include "demo/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define RETRIES 3     /* startretries of the program that cannot start */
#define FLOW_JOBS 100 /* this many jobs done are a throughput */
#define TABLE_MS 5000 /* supctl has to print its table within */
#define RATE_MS INT64_C(3000)

static const char broken[] = "mailer";

const char *facts_seen_text(enum seen what)
{
    static const char *const texts[] = {
        [SEEN_TABLE] = "table",
        [SEEN_RESTART] = "crashed worker back",
        [SEEN_LIMIT] = "retry limit reached",
        [SEEN_FLOW] = "throughput",
        [SEEN_RATE] = "error rate fired, resolved",
        [SEEN_SITE] = "probe's alert",
        [SEEN_CERTIFICATE] = "certificate's alert",
    };
    return texts[what];
}

bool facts_all_seen(const struct facts *f)
{
    for (int i = 0; i < SEEN_ALL; i++)
        if (!f->seen[i])
            return false;
    return true;
}

void facts_init(struct facts *f, const char *supctl, const char *folder, int64_t tick_ms)
{
    *f = (struct facts){.supctl = supctl, .tick_ms = tick_ms, .events_fd = -1};
    snprintf(f->spool, sizeof(f->spool), "%s/spool", folder);
    snprintf(f->notices, sizeof(f->notices), "%s/agent/notices", folder);
    alerts_init(&f->alerts, f->notices);
}

void facts_fini(struct facts *f)
{
    if (f->events_fd >= 0)
        close(f->events_fd);
    if (f->events_pid > 0) {
        kill(f->events_pid, SIGTERM);
        waitpid(f->events_pid, NULL, 0);
    }
    alerts_fini(&f->alerts);
    str_fini(&f->table);
    str_fini(&f->events);
}

static void note(struct facts *f, char level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void note(struct facts *f, char level, const char *fmt, ...)
{
    struct note *n = &f->notes[f->nnotes++ % FACTS_NOTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(n->text, sizeof(n->text), fmt, ap);
    va_end(ap);
    n->level = level;
    n->at = mono_now();
}

static struct program *find(struct facts *f, const char *name)
{
    for (unsigned i = 0; i < f->nprograms; i++)
        if (strcmp(f->programs[i].name, name) == 0)
            return &f->programs[i];
    if (f->nprograms == FACTS_PROGRAMS)
        return NULL;
    struct program *p = &f->programs[f->nprograms++];
    *p = (struct program){0};
    snprintf(p->name, sizeof(p->name), "%s", name);
    return p;
}

/* ---- status ---- */

static void take_record(struct facts *f, const json_t *r)
{
    struct program *p = find(f, answer_text(r, "name"));
    if (!p)
        return;
    const char *error = answer_text(r, "spawnerr"), *exit = answer_text(r, "exit");
    bool quick = strncmp(error, "Exited too quickly", 18) == 0; /* which is why, and not how */
    snprintf(p->state, sizeof(p->state), "%s", answer_text(r, "state"));
    snprintf(p->reason, sizeof(p->reason), "%s", *error && !(quick && *exit) ? error : exit);
    p->pid = answer_number(r, "pid");
    p->restarts = answer_number(r, "restarts");
}

static bool is_worker(const struct program *p)
{
    return strncmp(p->name, "worker:", 7) == 0;
}

static void judge_status(struct facts *f)
{
    int up = 0;
    bool limit = false, restarted = false;
    for (unsigned i = 0; i < f->nprograms; i++) {
        const struct program *p = &f->programs[i];
        up += is_worker(p) && strcmp(p->state, "RUNNING") == 0 && p->pid > 0;
        restarted |= is_worker(p) && p->restarts > 0;
        limit |= strcmp(p->name, broken) == 0 && strcmp(p->state, "FATAL") == 0;
    }
    f->seen[SEEN_TABLE] |= up == WORKERS && f->table.len > 0;
    f->seen[SEEN_RESTART] |= restarted && f->restart_event;
    f->seen[SEEN_LIMIT] |= limit && f->fatal_event && f->attempts == RETRIES + 1;
}

static bool status_json(struct facts *f)
{
    const char *const argv[] = {f->supctl, "status", "--json", NULL};
    size_t i;
    json_t *record, *all = answer_json(argv);
    json_array_foreach(all, i, record) take_record(f, record);
    bool good = json_array_size(all) > 0;
    json_decref(all);
    return good;
}

bool facts_status(struct facts *f)
{
    const char *const argv[] = {f->supctl, "status", NULL};
    str_clear(&f->table);
    if (!status_json(f) || run_output(argv, TABLE_MS, &f->table) < 0)
        return false;
    judge_status(f);
    return true;
}

/* ---- events ---- */

static void on_exit_event(struct facts *f, struct program *p, const json_t *ev)
{
    snprintf(p->exit, sizeof(p->exit), "%s", answer_text(ev, "status"));
    p->died_pid = (int)answer_number(ev, "pid");
    (void)f;
}

static void on_spawned_event(struct facts *f, struct program *p, const json_t *ev)
{
    int64_t pid = answer_number(ev, "pid");
    if (!p->exit[0])
        return;
    note(f, 'w', "%s (pid %d) %s; started again as pid %" PRId64, p->name, p->died_pid, p->exit,
         pid);
    if (is_worker(p) && pid != p->died_pid && strncmp(p->exit, "terminated by ", 14) == 0)
        f->restart_event = true;
    p->exit[0] = '\0';
}

static void on_state_event(struct facts *f, struct program *p, const json_t *ev)
{
    const char *to = answer_text(ev, "to"), *why = answer_text(ev, "why");
    if (strcmp(p->name, broken) == 0 && answer_number(ev, "tries") > f->attempts)
        f->attempts = answer_number(ev, "tries");
    if (strcmp(to, "BACKOFF") == 0) {
        note(f, 'w', "%s %s, attempt %" PRId64 ": %s", p->name, why, answer_number(ev, "tries"),
             p->reason);
    } else if (strcmp(to, "FATAL") == 0) {
        f->fatal_event |= strcmp(p->name, broken) == 0;
        note(f, 'b', "%s is FATAL: %s", p->name, why);
    }
}

static void take_event(struct facts *f, const json_t *ev)
{
    static const struct {
        const char *type;
        void (*fn)(struct facts *f, struct program *p, const json_t *ev);
    } rows[] = {{"exit", on_exit_event}, {"spawned", on_spawned_event}, {"state", on_state_event}};
    struct program *p = find(f, answer_text(ev, "name"));
    for (size_t i = 0; p && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(answer_text(ev, "type"), rows[i].type) == 0)
            rows[i].fn(f, p, ev);
}

int facts_listen(struct facts *f)
{
    const char *const argv[] = {f->supctl, "events", "--json", NULL};
    f->events_pid = run_piped(argv, &f->events_fd);
    return f->events_pid < 0 ? -1 : 0;
}

bool facts_events(struct facts *f)
{
    char buf[4096], *end;
    ssize_t n = read(f->events_fd, buf, sizeof(buf));
    if (n <= 0)
        return n < 0 && errno == EINTR;
    str_put(&f->events, buf, (size_t)n);
    facts_status(f); /* the reasons that the events' sentences name */
    while (f->events.len && (end = memchr(f->events.s, '\n', f->events.len))) {
        json_t *ev = json_loadb(f->events.s, (size_t)(end - f->events.s), 0, NULL);
        if (ev)
            take_event(f, ev);
        json_decref(ev);
        str_drop(&f->events, (size_t)(end - f->events.s) + 1);
    }
    judge_status(f);
    return true;
}

/* ---- the queue ---- */

static const char *in_spool(const struct facts *f, char buf[FACTS_PATH + 64], const char *name)
{
    snprintf(buf, FACTS_PATH + 64, "%s/%s", f->spool, name);
    return buf;
}

/* what the workers noted in their ledgers of that kind */
static int64_t count(const struct facts *f, const char *kind)
{
    char path[FACTS_PATH + 64], ledger[32];
    int64_t n = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        snprintf(ledger, sizeof(ledger), "%s.worker-%u", kind, i);
        n += spool_count(in_spool(f, path, ledger));
    }
    return n;
}

void facts_queue(struct facts *f)
{
    char path[FACTS_PATH + 64];
    int64_t before = f->done;
    f->done = count(f, "done");
    f->failed = count(f, "failed");
    f->waiting = spool_look(in_spool(f, path, "new"), NULL);
    f->aside = spool_look(in_spool(f, path, "aside"), NULL);
    memmove(f->ticks, f->ticks + 1, sizeof(f->ticks) - sizeof(f->ticks[0]));
    f->ticks[FACTS_TICKS - 1] = f->done - before;
    f->seen[SEEN_FLOW] |= f->done >= FLOW_JOBS && f->seen[SEEN_RESTART] && facts_rate(f) > 1;
}

double facts_rate(const struct facts *f)
{
    int64_t n = RATE_MS / f->tick_ms, sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += f->ticks[FACTS_TICKS - 1 - i];
    return (double)sum * 1000 / (double)(n * f->tick_ms);
}

/* ---- alerts ---- */

/* of the notice: firing, update, resolved, ... */
static void on_notice(void *obj, const struct alert *a, const json_t *notice)
{
    bool over = strcmp(answer_text(notice, "status"), "resolved") == 0;
    note(obj, over ? 'g' : 'b', "alert %s %s (%s): %s; runbook: %s", a->name,
         answer_text(notice, "kind"), a->severity, a->summary, a->runbook);
}

void facts_alerts(struct facts *f)
{
    alerts_states(&f->alerts, f->supctl);
    alerts_notices(&f->alerts, on_notice, f);
    const struct alert *rate = alerts_find(&f->alerts, "error-rate"),
                       *site = alerts_find(&f->alerts, "site-down"),
                       *certificate = alerts_find(&f->alerts, "certificate");
    f->seen[SEEN_RATE] |= rate && rate->fired && rate->resolved;
    f->seen[SEEN_SITE] |= site && site->fired;
    f->seen[SEEN_CERTIFICATE] |= certificate && certificate->warned;
}
