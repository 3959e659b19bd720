/* What the demo knows of alerts. */
#include "demo/alerts.h"
#include "demo/answer.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void alerts_init(struct alerts *a, const char *path)
{
    *a = (struct alerts){.path = path, .fd = -1};
}

void alerts_fini(struct alerts *a)
{
    if (a->fd >= 0)
        close(a->fd);
    a->fd = -1;
    str_fini(&a->bytes);
}

const struct alert *alerts_find(const struct alerts *a, const char *name)
{
    for (unsigned i = 0; i < a->n; i++)
        if (strcmp(a->v[i].name, name) == 0)
            return &a->v[i];
    return NULL;
}

/* the same, or a new one; NULL if there are too many */
static struct alert *get(struct alerts *a, const char *name)
{
    const struct alert *old = alerts_find(a, name);
    if (old)
        return &a->v[old - a->v];
    if (!*name || a->n == ALERTS)
        return NULL;
    struct alert *new = &a->v[a->n++];
    *new = (struct alert){0};
    snprintf(new->name, sizeof(new->name), "%s", name);
    return new;
}

void alerts_states(struct alerts *a, const char *supctl)
{
    const char *const argv[] = {supctl, "alerts", "--json", NULL};
    size_t i;
    json_t *record, *all = answer_json(argv);
    json_array_foreach(all, i, record)
    {
        struct alert *one = get(a, answer_text(record, "name"));
        if (one)
            snprintf(one->state, sizeof(one->state), "%s", answer_text(record, "state"));
    }
    json_decref(all);
}

static void take(struct alerts *a, const json_t *notice, alerts_told_fn *told, void *obj)
{
    struct alert *one = get(a, answer_text(notice, "alert"));
    const char *status = answer_text(notice, "status");
    if (!one)
        return;
    snprintf(one->severity, sizeof(one->severity), "%s", answer_text(notice, "severity"));
    snprintf(one->summary, sizeof(one->summary), "%s", answer_text(notice, "summary"));
    snprintf(one->runbook, sizeof(one->runbook), "%s", answer_text(notice, "runbook"));
    bool linked = strncmp(one->runbook, "https://", 8) == 0;
    bool firing = linked && strcmp(status, "firing") == 0;
    one->fired |= firing;
    one->warned |= firing && strcmp(one->severity, "warning") == 0;
    one->resolved |= linked && one->fired && strcmp(status, "resolved") == 0;
    told(obj, one, notice);
}

void alerts_notices(struct alerts *a, alerts_told_fn *told, void *obj)
{
    char buf[4096], *end;
    ssize_t n;
    if (a->fd < 0)
        a->fd = open(a->path, O_RDONLY | O_CLOEXEC);
    while (a->fd >= 0 && (n = read(a->fd, buf, sizeof(buf))) > 0)
        str_put(&a->bytes, buf, (size_t)n);
    while (a->bytes.len && (end = memchr(a->bytes.s, '\n', a->bytes.len))) {
        json_t *notice = json_loadb(a->bytes.s, (size_t)(end - a->bytes.s), 0, NULL);
        if (notice)
            take(a, notice, told, obj);
        json_decref(notice);
        str_drop(&a->bytes, (size_t)(end - a->bytes.s) + 1);
    }
}
