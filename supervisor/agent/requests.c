/* The table of requests that supd forwards. */
#include "supervisor/agent/program.h"

#include <string.h>

#define MANY 65535

enum who { READER, ADMIN };

static const struct request {
    const char *name;
    enum who who;
    size_t min, max;
    const char *args, *help;
    request_fn *fn;
} requests[] = {
#define REQUEST(name_, who_, min_, max_, args_, help_)                                             \
    {#name_, (who_), (min_), (max_), (args_), (help_), request_##name_},
#include "supervisor/agent/requests.def"
#undef REQUEST
};
#define NREQUESTS (sizeof(requests) / sizeof(requests[0]))

static void refuse_unknown(struct agent_program *a, const struct channel_req *rq)
{
    struct str text = STR_INIT;
    str_puts(&text, "no such request to the agent; known are: ");
    for (size_t i = 0; i < NREQUESTS; i++)
        str_printf(&text, "%s%s", i ? ", " : "", requests[i].name);
    channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, str_text(&text));
    str_fini(&text);
}

static void refuse_usage(struct agent_program *a, const struct channel_req *rq,
                         const struct request *r)
{
    struct str text = STR_INIT;
    str_printf(&text, "usage: agent %s%s%s", r->name, *r->args ? " " : "", r->args);
    channel_error(a->channel, rq->ref, WIRE_BAD_REQUEST, str_text(&text));
    str_fini(&text);
}

void requests_do(struct agent_program *a, const struct channel_req *rq, char *const *args, size_t n)
{
    for (size_t i = 0; i < NREQUESTS; i++) {
        const struct request *r = &requests[i];
        if (strcmp(r->name, rq->verb) != 0)
            continue;
        if (r->who == ADMIN && !rq->admin)
            channel_error(a->channel, rq->ref, WIRE_DENIED,
                          "only root and supd's own user may do this");
        else if (n < r->min || n > r->max)
            refuse_usage(a, rq, r);
        else
            r->fn(a, rq, args, n);
        return;
    }
    refuse_unknown(a, rq);
}
