/* tail, maintail: the end of a log, which supd-log sends over our connection. */
#include "supervisor/base/text.h"
#include "supervisor/cli/cmd.h"

#include <stdio.h>
#include <string.h>

#define TAIL_ARGS 8

static bool on_bytes(void *obj, const struct client_reply *r)
{
    (void)obj;
    if (r->kind != WIRE_BYTES)
        return true;
    fwrite(r->bytes, 1, r->nbytes, stdout);
    return fflush(stdout) == 0;
}

/* takes "-N", the number of bytes, out of the arguments; "" if there is none, NULL if it is wrong
 */
static const char *take_bytes(int *argc, char **argv, char *buf, size_t size)
{
    int64_t n;
    for (int i = 1; i < *argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1])
            continue;
        if (text_int(argv[i] + 1, 1, INT64_C(1) << 30, &n, NULL) < 0)
            return NULL;
        snprintf(buf, size, "bytes=%lld", (long long)n);
        memmove(argv + i, argv + i + 1, (size_t)(*argc - i) * sizeof(*argv));
        (*argc)--;
        return buf;
    }
    return "";
}

static int run(struct cli *c, int argc, char **argv, int min, int max)
{
    char bytes[32], follow[] = "follow=1", *args[TAIL_ARGS];
    const struct cli_command *cmd = cli_find(argv[0]);
    bool follows = cli_flag(&argc, argv, "-f");
    const char *n_bytes = take_bytes(&argc, argv, bytes, sizeof(bytes));
    bool known = argc < 3 || strcmp(argv[2], "stdout") == 0 || strcmp(argv[2], "stderr") == 0;
    if (!n_bytes || argc - 1 < min || argc - 1 > max || !known)
        return cli_usage(cmd);
    size_t n = 0;
    for (int i = 1; i < argc; i++)
        args[n++] = argv[i];
    if (*n_bytes)
        args[n++] = bytes;
    if (follows)
        args[n++] = follow;
    int exit = cli_connect(c);
    if (exit)
        return exit;
    c->client.hint = ", or supd-log, which sends the output, was started again; run it once more";
    exit = cli_call(c, cmd->name, args, n, on_bytes, NULL);
    if (c->connected) /* supd-log has it now, and closes it */
        client_close(&c->client);
    c->connected = false;
    return exit;
}

int cmd_tail(struct cli *c, int argc, char **argv)
{
    return run(c, argc, argv, 1, 2);
}

int cmd_maintail(struct cli *c, int argc, char **argv)
{
    return run(c, argc, argv, 0, 0);
}
