/* type=command: a program that gets the notice as JSON. */
#include "alerts/payload/tell_judge.h"
#include "alerts/payload/tell_json.h"
#include "alerts/payload/tell_text.h"
#include "alerts/rules/notify_command.h"

#include <string.h>

extern const struct kind notify_kind_command;
extern const struct teller tell_command;

/* sysexits.h */
#define CODE_FIRST 64
#define CODE_AGAIN 75
#define CODE_LAST 78

static void put_env(struct str *out, const char *name, const char *value)
{
    str_printf(out, "%s=", name);
    tell_put_line(out, value, 1024);
    str_putc(out, '\n');
}

static void put_args(struct str *out, const char *command)
{
    struct arena *a = arena_new();
    const char **argv;
    size_t argc = 0;
    if (words_split(a, command, &argv, &argc, NULL) == 0) {
        for (size_t i = 0; i < argc; i++)
            str_put(out, argv[i], strlen(argv[i]) + 1);
    }
    arena_free(&a);
}

static void build(const struct item *it, const struct notice *const *v, size_t count, wall_t now,
                  struct tell_message *out)
{
    const struct notify_command *o = it->own;
    const struct notice *n = v[0];
    (void)count, (void)now;
    out->way = TELL_COMMAND;
    put_args(&out->args, o->command);
    put_env(&out->headers, "SUPD_NOTICE", tell_kind(n));
    put_env(&out->headers, "SUPD_STATUS", tell_is_over(n) ? "resolved" : "firing");
    put_env(&out->headers, "SUPD_ID", n->id);
    put_env(&out->headers, "SUPD_KEY", n->key);
    put_env(&out->headers, "SUPD_ALERT", n->alert);
    put_env(&out->headers, "SUPD_SEVERITY", n->severity);
    put_env(&out->headers, "SUPD_SUMMARY", n->summary);
    tell_json_put(&out->body, tell_json_notice(n));
    str_putc(&out->body, '\n');
}

static void judge(const struct item *it, const struct tell_answer *a, struct tell_verdict *out)
{
    (void)it;
    if (a->error) {
        tell_verdict_set(out, TELL_RETRY, "%.120s", a->error);
    } else if (a->code == 0) {
        tell_verdict_set(out, TELL_DELIVERED, "exit 0");
        return;
    } else {
        bool never = a->code >= CODE_FIRST && a->code <= CODE_LAST && a->code != CODE_AGAIN;
        tell_verdict_set(out, never ? TELL_PERMANENT : TELL_RETRY, "exit %d", a->code);
    }
    tell_verdict_add(out, a->body, a->body_len);
}

const struct teller tell_command = {
    .kind = &notify_kind_command,
    .build = build,
    .judge = judge,
    .rate = 60,
    .burst = 10,
};
