/* tail, maintail: the end of a log, or all that comes to it. */
#include "supervisor/supervisorctl/cmd.h"
#include "supervisor/conf/pytext.h"

#include <string.h>

#define DEFAULT_BYTES 1600

static enum sctl_end refuse(struct sctl *c, const char *what, const char *arg)
{
    sctl_say("Error: %s%s", what, arg);
    c->exit = SCTL_FAILED;
    return SCTL_DONE;
}

static enum sctl_end follow(struct sctl *c, const char *path)
{
    struct sctl_stream s;
    sctl_say("==> Press Ctrl-C to exit <==");
    sctl_catch(c, true);
    bool more = sctl_stream_open(c, &s, path);
    while (more)
        more = sctl_stream_print(c, &s, true);
    sctl_stream_close(&s);
    if (*c->stop)
        sctl_say("%s", "");
    sctl_catch(c, false);
    return SCTL_DONE;
}

/* "-N" or "-f" */
struct amount {
    bool follow;
    int64_t bytes;
};

static bool read_amount(const char *text, struct amount *out)
{
    *out = (struct amount){.follow = strcmp(text, "-f") == 0};
    return out->follow || py_int(text + 1, 10, &out->bytes) != PY_INT_INVALID;
}

/* The end of a log; bytes as XML-RPC's integers have them. */
static enum sctl_end show(struct sctl *c, const char *method, const char *name, int64_t bytes)
{
    struct sctl_reply r;
    enum sctl_end end = SCTL_DONE;
    if (bytes > INT32_MAX || bytes < -INT32_MAX)
        return sctl_raise(c, "OverflowError", "int exceeds XML-RPC limits");
    int got = name ? sctl_call(c, &r, method, "[s,I,i]", name, (json_int_t)-bytes, 0)
                   : sctl_call(c, &r, method, "[I,i]", (json_int_t)-bytes, 0);
    if (got < 0)
        return SCTL_RAISED;
    const char *who = name ? name : "supervisord";
    if (r.value)
        sctl_say("%s", json_string_value(r.value) ? json_string_value(r.value) : "");
    else if (r.fault == XMLRPC_NO_FILE)
        sctl_say("%s: ERROR (no log file)", who);
    else if (r.fault == XMLRPC_FAILED)
        sctl_say("%s: ERROR (unknown error reading log)", who);
    else if (r.fault == XMLRPC_BAD_NAME && name)
        sctl_say("%s: ERROR (no such process name)", who);
    else
        end = sctl_raise_fault(c, &r);
    if (!r.value)
        c->exit = SCTL_FAILED;
    sctl_reply_fini(&r);
    return end;
}

static enum sctl_end bad_channel(struct sctl *c, const char *channel)
{
    struct str quoted = STR_INIT;
    py_repr(&quoted, channel, false);
    enum sctl_end end = refuse(c, "bad channel ", str_text(&quoted));
    str_fini(&quoted);
    return end;
}

static enum sctl_end tail(struct sctl *c, struct arena *a, char **words, size_t n)
{
    struct amount amount = {.bytes = DEFAULT_BYTES};
    const char *bad = NULL, *channel = "stdout";
    if (words[0][0] == '-') {
        bad = read_amount(words[0], &amount) ? NULL : words[0];
        words++;
        n--;
    }
    if (n == 0)
        return refuse(c, "tail requires process name", "");
    if (n > 1) {
        char *given = words[n - 1];
        py_lower(given);
        channel = given;
    }
    if (strcmp(channel, "stdout") != 0 && strcmp(channel, "stderr") != 0)
        return bad_channel(c, channel);
    if (bad)
        return refuse(c, "bad argument ", bad);
    if (amount.follow)
        return follow(c, arena_printf(a, "/logtail/%s/%s", words[0], channel));
    bool out = strcmp(channel, "stdout") == 0;
    return show(c, out ? "readProcessStdoutLog" : "readProcessStderrLog", words[0], amount.bytes);
}

enum sctl_end sctl_do_tail(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    if (!sctl_up(c, &end))
        return end;
    struct arena *a = arena_new();
    struct sctl_words_of words = sctl_split_words(a, arg);
    if (words.n < 1 || words.n > 3)
        end = sctl_usage(c, "tail", SCTL_FAILED,
                         words.n ? "Error: too many arguments" : "Error: too few arguments");
    else
        end = tail(c, a, words.v, words.n);
    arena_free(&a);
    return end;
}

enum sctl_end sctl_do_maintail(struct sctl *c, const char *arg)
{
    enum sctl_end end;
    struct amount amount = {.bytes = DEFAULT_BYTES};
    if (!sctl_up(c, &end))
        return end;
    if (arg[strcspn(arg, " \t\n\r\v\f")])
        return sctl_usage(c, "maintail", SCTL_FAILED, "Error: too many arguments");
    if (*arg && (*arg != '-' || !read_amount(arg, &amount)))
        return refuse(c, "bad argument ", arg);
    if (amount.follow)
        return follow(c, "/mainlogtail");
    return show(c, "readLog", NULL, amount.bytes);
}
