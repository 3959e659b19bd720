/* What servers and commands answer, on any bytes: the first byte chooses the notifier, the next two
 * the status, then a flag for a transport error, the header Retry-After up to a newline, the body.
 * Whatever comes, the verdict is one of three, waits at most a day, and is one line of UTF-8
 * without the secret. */
#include "alerts/payload/tell.h"
#include "supervisor/base/text.h"
#include "supervisor/conf/load.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conf_text[] = "[supd]\n[supervisord]\n"
                                "[notify:a]\ntype=webhook\nurl=https://x.example/s3cr3tpath\n"
                                "[notify:b]\ntype=slack\nurl=https://x.example/s3cr3tpath\n"
                                "[notify:c]\ntype=pagerduty\n"
                                "routing_key=s3cr3tpaths3cr3tpaths3cr3tpathxx\n"
                                "[notify:d]\ntype=alertmanager\nurls=http://a\n"
                                "[notify:e]\ntype=smtp\nurl=smtp://m\nfrom=a@b\nto=c@d\n"
                                "[notify:f]\ntype=command\ncommand=x\n"
                                "[notify:g]\ntype=log\n";

static struct conf *conf;

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check(const struct tell_verdict *v)
{
    size_t n = strnlen(v->text, sizeof(v->text));
    must(v->result <= TELL_PERMANENT);
    must(n < sizeof(v->text) && !memchr(v->text, '\n', n));
    must(v->retry_after.ns >= 0 && v->retry_after.ns <= DUR_S(86400).ns);
    must(v->result == TELL_RETRY || v->retry_after.ns == 0);
    must(text_utf8_valid(v->text, n) == n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *no_environ[] = {NULL};
    struct conf_request rq = {.path = "/t.conf",
                              .cwd = "/",
                              .environ = no_environ,
                              .text = conf_text,
                              .text_len = sizeof(conf_text) - 1,
                              .node_name = "n"};
    if (!conf)
        conf = conf_load(&rq);
    must(conf_nerrors(conf) == 0 && conf->items.n == family_notify.nkinds); /* every notifier */
    if (size < 4)
        return 0;
    const struct item *it = conf->items.v[data[0] % conf->items.n];
    const char *p = (const char *)data + 4, *end = memchr(p, '\n', size - 4);
    size_t head = end ? (size_t)(end - p) : 0;
    struct str retry = STR_INIT;
    struct tell_verdict v = {0};
    str_put(&retry, p, head);
    struct tell_answer a = {.error = data[3] & 1 ? "the connection broke" : NULL,
                            .code = (data[1] << 8 | data[2]) % 1000,
                            .retry_after = data[3] & 2 ? str_text(&retry) : NULL,
                            .body = p + head,
                            .body_len = size - 4 - head,
                            .now = {INT64_C(1795456800) * 1000000000}};
    tell_judge(it, &a, &v);
    check(&v);
    if (strcmp(it->kind->name, "webhook") == 0 || strcmp(it->kind->name, "slack") == 0)
        must(!strstr(v.text, "/s3cr3tpath"));
    if (strcmp(it->kind->name, "pagerduty") == 0)
        must(!strstr(v.text, "s3cr3tpaths3cr3tpaths3cr3tpathxx"));
    str_fini(&retry);
    return 0;
}
