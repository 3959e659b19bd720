/* One attempt of a notifier: `notify FILE KIND [NAME=TEXT...]` sends a notice of that kind through
 * the only [notify:N] of the configuration and prints "delivered", "retry" or "permanent", the
 * milliseconds to wait, and the verdict's text. NAME: id key alert severity summary description
 * reason was; starts and ends are seconds before now, repeat=N sends N alerts as one batch. */
#include "alerts/send.h"
#include "supervisor/base/log.h"
#include "supervisor/conf/load.h"
#include "supervisor/io/exec_out.h"
#include "supervisor/io/http_out.h"
#include "supervisor/io/mail_out.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BATCH 64

static const char *const kinds[NOTICE_KINDS] = {
    "firing", "update", "reminder", "resolved", "brief", "ack", "flapping", "digest", "test"};

static void on_done(void *obj, const struct tell_verdict *v)
{
    static const char *const words[] = {"delivered", "retry", "permanent"};
    printf("%s\n%lld\n%s\n", words[v->result], (long long)(v->retry_after.ns / 1000000), v->text);
    loop_stop(obj);
}

static wall_t ago(const char *seconds)
{
    return (wall_t){wall_now().ns - (int64_t)(strtod(seconds, NULL) * 1e9)};
}

static bool set_text(struct notice *n, const char *name, size_t len, const char *value)
{
    const struct {
        const char *name, **text;
    } all[] = {{"id", &n->id},           {"key", &n->key},
               {"alert", &n->alert},     {"severity", &n->severity},
               {"summary", &n->summary}, {"description", &n->description},
               {"reason", &n->reason},   {"was", &n->was}};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (strlen(all[i].name) == len && strncmp(all[i].name, name, len) == 0) {
            *all[i].text = value;
            return true;
        }
    }
    return false;
}

static size_t set_notice(struct notice *n, char **args)
{
    size_t repeat = 1;
    for (; *args; args++) {
        const char *value = strchr(*args, '=');
        if (!value)
            continue;
        size_t len = (size_t)(value++ - *args);
        if (strncmp(*args, "starts=", 7) == 0)
            n->starts = ago(value);
        else if (strncmp(*args, "ends=", 5) == 0)
            n->ends = ago(value);
        else if (strncmp(*args, "repeat=", 7) == 0)
            repeat = strtoul(value, NULL, 10) % (BATCH + 1);
        else if (!set_text(n, *args, len, value))
            fprintf(stderr, "notify: what is %s?\n", *args);
    }
    return repeat;
}

static struct notice notice_of(const char *kind)
{
    struct notice n = {.id = "msg_1",
                       .key = "key-1",
                       .alert = "api-latency",
                       .severity = "page",
                       .was = "",
                       .summary = "p95 812 ms (limit 300)",
                       .description = "",
                       .reason = "p95(5m) = 812 > 300",
                       .runbook = "https://wiki.example/runbook",
                       .dashboard = "",
                       .program = "api",
                       .host = "web-1",
                       .ack = "supctl alerts ack key-1",
                       .starts = ago("60"),
                       .at = wall_now()};
    while (n.kind + 1 < NOTICE_KINDS && strcmp(kinds[n.kind], kind) != 0)
        n.kind++;
    return n;
}

static void attempt(struct send_env *env, const struct item *it, const struct notice *n,
                    size_t count)
{
    struct notice copies[BATCH];
    char names[BATCH][64];
    const struct notice *v[BATCH];
    for (size_t i = 0; i < count; i++) {
        copies[i] = *n;
        snprintf(names[i], sizeof(names[i]), "%.20s-%zu", n->alert, i);
        copies[i].alert = i ? names[i] : n->alert;
        v[i] = &copies[i];
    }
    struct send_request rq = {
        .env = env, .item = it, .notices = v, .n = count, .done = on_done, .obj = env->loop};
    send_start(&rq);
    loop_run(env->loop);
}

/* Threads of mail are on their own to the end; what they hold is no leak. At most ten seconds. */
static void wait_for_threads(void)
{
    for (int i = 0; i < 1000; i++) {
        struct stat st;
        if (stat("/proc/self/task", &st) < 0 || st.st_nlink <= 3) /* ., .. and one thread */
            return;
        poll(NULL, 0, 10);
    }
}

static int with_conf(struct conf *c, char **argv)
{
    struct err e = {0};
    struct loop *l = loop_new(&e);
    struct resolve *r = l ? resolve_new(l, NULL, &e) : NULL;
    struct send_env env = {.loop = l};
    struct notice n = notice_of(argv[2]);
    size_t count = set_notice(&n, argv + 3);
    if (r) {
        env.http = http_new(l, r, &e);
        env.mail = mail_new(l, r, &e);
        env.exec = exec_new(l, NULL);
    }
    if (env.http && env.mail && c->items.n && count)
        attempt(&env, c->items.v[0], &n, count);
    else
        fprintf(stderr, "notify: nothing to send: %s\n", e.msg);
    exec_free(&env.exec);
    mail_free(&env.mail);
    http_free(&env.http);
    resolve_free(&r);
    loop_free(&l);
    wait_for_threads();
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct conf_request rq = {.path = argv[1], .cwd = "/", .environ = environ, .node_name = "node"};
    struct conf *c = conf_load(&rq);
    signal(SIGPIPE, SIG_IGN);
    log_setup(2, LVL_DEBUG, false);
    for (size_t i = 0; i < conf_nerrors(c); i++)
        fprintf(stderr, "%s\n", conf_error(c, i));
    int r = conf_nerrors(c) ? 1 : with_conf(c, argv);
    conf_free(&c);
    return r;
}
