/* upgrade: another binary in supd's place; says so once the new one answers. */
#include "supervisor/cli/cmd.h"
#include "supervisor/cli/json.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRIES 100
#define PAUSE_MS 100

struct upgrading {
    struct cli *cli;
    bool begun;         /* supd has found the binary good */
    int failed;         /* the exit code of a refusal */
    long long upgrades; /* before; then what the new one says */
    char pid[24], version[64];
};

static bool on_answer(void *obj, const struct client_reply *r)
{
    struct upgrading *u = obj;
    if (r->kind == WIRE_RECORD) {
        u->begun = true;
        u->upgrades = reply_int(r, "upgrades", 0);
    } else if (r->kind == WIRE_ERROR) {
        u->failed = cli_exit_of(r->code);
        cli_complain("%s", r->text);
    }
    return true;
}

static bool on_version(void *obj, const struct client_reply *r)
{
    struct upgrading *u = obj;
    if (r->kind == WIRE_OK) {
        u->upgrades = reply_int(r, "upgrades", -1);
        snprintf(u->pid, sizeof(u->pid), "%s", reply_text(r, "pid"));
        snprintf(u->version, sizeof(u->version), "%s", reply_text(r, "version"));
    }
    return true;
}

/* Asks the one that answers now who it is; false: nobody does. */
static bool ask_version(struct upgrading *u)
{
    struct err e;
    struct client c;
    if (client_open(&c, u->cli->socket, "", &e) < 0)
        return false;
    bool ok = client_call(&c, "version", NULL, 0, on_version, u, &e) == 0;
    client_close(&c);
    return ok;
}

static int wait_for_new(struct upgrading *u)
{
    long long before = u->upgrades;
    for (int i = 0; i < TRIES; i++) {
        if (ask_version(u) && u->upgrades != before)
            break;
        poll(NULL, 0, PAUSE_MS);
    }
    if (u->upgrades == before) {
        cli_complain("the new supd does not answer; its log says more");
        return CLI_FAILED;
    }
    printf("supd %s goes on, pid %s; the programs did not notice\n", u->version, u->pid);
    return CLI_OK;
}

int cmd_upgrade(struct cli *c, int argc, char **argv)
{
    struct upgrading u = {.cli = c};
    struct err e;
    char *path = argc > 1 ? realpath(argv[1], NULL) : NULL;
    if (argc > 1 && !path) {
        cli_complain("%s: %s", argv[1], strerror(errno));
        return CLI_FAILED;
    }
    int code = cli_connect(c);
    int r = code ? 1 : client_call(&c->client, "upgrade", &path, path ? 1 : 0, on_answer, &u, &e);
    free(path);
    client_close(&c->client); /* it ends with the old one */
    c->connected = false;
    if (code || u.failed)
        return code ? code : u.failed;
    if (!u.begun) {
        cli_complain("%s", r < 0 ? e.msg : "supd gave no answer");
        return CLI_FAILED;
    }
    return wait_for_new(&u);
}
