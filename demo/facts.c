/* What the demo knows: supctl's answers, taken apart. */
#include "demo/facts.h"
#include "demo/run.h"
#include "demo/spool.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 4
#define RETRIES 3      /* startretries of the program that cannot start */
#define FLOW_JOBS 100  /* this many jobs done are a throughput */
#define ANSWER_MS 5000 /* supctl has to answer within */
#define RATE_MS INT64_C(3000)

static const char broken[] = "mailer";

const char *facts_seen_text(enum seen what)
{
    static const char *const texts[] = {
        [SEEN_TABLE] = "status table",
        [SEEN_RESTART] = "crashed worker back",
        [SEEN_LIMIT] = "retry limit reached",
        [SEEN_FLOW] = "throughput",
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

void facts_init(struct facts *f, const char *supctl, const char *spool, int64_t tick_ms)
{
    *f = (struct facts){.supctl = supctl, .spool = spool, .tick_ms = tick_ms, .events_fd = -1};
}

void facts_fini(struct facts *f)
{
    if (f->events_fd >= 0)
        close(f->events_fd);
    if (f->events_pid > 0) {
        kill(f->events_pid, SIGTERM);
        waitpid(f->events_pid, NULL, 0);
    }
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

static const char *text_of(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));
    return s ? s : "";
}

static int64_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

/* ---- status ---- */

static void take_record(struct facts *f, const json_t *r)
{
    struct program *p = find(f, text_of(r, "name"));
    if (!p)
        return;
    const char *error = text_of(r, "spawnerr");
    snprintf(p->state, sizeof(p->state), "%s", text_of(r, "state"));
    snprintf(p->reason, sizeof(p->reason), "%s", *error ? error : text_of(r, "exit"));
    p->pid = number_of(r, "pid");
    p->restarts = number_of(r, "restarts");
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

/* the exit status of `supctl status` tells of programs that are down, which is no failure here */
static bool status_json(struct facts *f)
{
    const char *const argv[] = {f->supctl, "status", "--json", NULL};
    struct str out = STR_INIT;
    size_t i;
    json_t *record, *all = NULL;
    if (run_output(argv, ANSWER_MS, &out) >= 0)
        all = json_loads(str_text(&out), 0, NULL);
    json_array_foreach(all, i, record) take_record(f, record);
    bool good = json_array_size(all) > 0;
    json_decref(all);
    str_fini(&out);
    return good;
}

bool facts_status(struct facts *f)
{
    const char *const argv[] = {f->supctl, "status", NULL};
    str_clear(&f->table);
    if (!status_json(f) || run_output(argv, ANSWER_MS, &f->table) < 0)
        return false;
    judge_status(f);
    return true;
}

/* ---- events ---- */

static void on_exit_event(struct facts *f, struct program *p, const json_t *ev)
{
    snprintf(p->exit, sizeof(p->exit), "%s", text_of(ev, "status"));
    p->died_pid = (int)number_of(ev, "pid");
    (void)f;
}

static void on_spawned_event(struct facts *f, struct program *p, const json_t *ev)
{
    int64_t pid = number_of(ev, "pid");
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
    const char *to = text_of(ev, "to"), *why = text_of(ev, "why");
    if (strcmp(p->name, broken) == 0 && number_of(ev, "tries") > f->attempts)
        f->attempts = number_of(ev, "tries");
    if (strcmp(to, "BACKOFF") == 0) {
        note(f, 'w', "%s %s, attempt %" PRId64 ": %s", p->name, why, number_of(ev, "tries"),
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
    struct program *p = find(f, text_of(ev, "name"));
    for (size_t i = 0; p && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (strcmp(text_of(ev, "type"), rows[i].type) == 0)
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

static const char *in_spool(const struct facts *f, char buf[256], const char *name)
{
    snprintf(buf, 256, "%s/%s", f->spool, name);
    return buf;
}

static int64_t count_done(const struct facts *f)
{
    char path[256], ledger[32];
    int64_t n = 0;
    for (unsigned i = 0; i < WORKERS; i++) {
        snprintf(ledger, sizeof(ledger), "done.worker-%u", i);
        n += spool_count(in_spool(f, path, ledger));
    }
    return n;
}

void facts_queue(struct facts *f)
{
    char path[256];
    int64_t before = f->done;
    f->done = count_done(f);
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
