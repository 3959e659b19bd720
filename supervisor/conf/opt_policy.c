/* The types of our own options: durations, percentages, stop sequences, what follows FATAL. */
#include "supervisor/base/text.h"
#include "supervisor/base/dur.h"
#include "supervisor/conf/opt_ops.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

PARSER(DURATION)
{
    (void)env;
    dur_t d;
    if (dur_parse(text, &d, e) < 0)
        return -1;
    *(int64_t *)field = d.ns;
    if (!(o->lo || o->hi) || (d.ns >= o->lo && d.ns <= o->hi))
        return 0;
    char lo[DUR_TEXT], hi[DUR_TEXT];
    bool bare = !text[strspn(text, "0123456789.")];
    return err_set(
        e, "%s%s is not between %s and %s", text, bare ? " (without a unit: seconds)" : "",
        dur_format((dur_t){o->lo}, lo, sizeof(lo)), dur_format((dur_t){o->hi}, hi, sizeof(hi)));
}

PRINTER(DURATION)
{
    UNUSED;
    char buf[DUR_TEXT];
    int64_t ns = *(const int64_t *)field;
    if (ns < 0)
        return false;
    str_puts(out, dur_format((dur_t){ns}, buf, sizeof(buf)));
    return true;
}

PARSER(PERCENT)
{
    UNUSED;
    (void)env;
    return val_percent(text, field, e);
}

static void print_milli(int32_t milli, struct str *out)
{
    str_printf(out, "%d", milli / 1000);
    if (milli % 1000) {
        str_printf(out, ".%03d", milli % 1000);
        while (out->s[out->len - 1] == '0')
            out->s[--out->len] = '\0';
    }
}

PRINTER(PERCENT)
{
    UNUSED;
    int32_t milli = *(const int32_t *)field;
    str_printf(out, "%d", milli / 10);
    if (milli % 10)
        str_printf(out, ".%d", milli % 10);
    str_putc(out, '%');
    return true;
}

/* parts of a million as a percentage with up to four decimals */
static const char *share_text(int64_t ppm, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%d.%04d", (int)(ppm / 10000), (int)(ppm % 10000));
    while (buf[n - 1] == '0')
        n--;
    snprintf(buf + (buf[n - 1] == '.' ? n - 1 : n), 2, "%%");
    return buf;
}

PARSER(SHARE)
{
    (void)env;
    char lo[24], hi[24];
    int32_t *ppm = field;
    if (val_share(text, ppm, e) < 0)
        return -1;
    if (!(o->lo || o->hi) || (*ppm >= o->lo && *ppm <= o->hi))
        return 0;
    return err_set(e, "%s is not between %s and %s", text, share_text(o->lo, lo, sizeof(lo)),
                   share_text(o->hi, hi, sizeof(hi)));
}

PRINTER(SHARE)
{
    UNUSED;
    char buf[24];
    str_puts(out, share_text(*(const int32_t *)field, buf, sizeof(buf)));
    return true;
}

PARSER(FACTOR)
{
    UNUSED;
    (void)env;
    return val_factor(text, field, e);
}

PRINTER(FACTOR)
{
    UNUSED;
    int32_t milli = *(const int32_t *)field;
    if (milli)
        print_milli(milli, out);
    return milli;
}

/* one "TERM:10s" of stopsignals=; a wait is wanted for all but the last */
static int parse_stop(const char *text, bool last, struct gen_stop *out, struct err *e)
{
    const char *colon = strchr(text, ':');
    char name[32] = "";
    size_t n = colon ? (size_t)(colon - text) : strlen(text);
    if (n < sizeof(name))
        memcpy(name, text, n);
    int sig;
    dur_t d = DUR_S(10);
    /* more than Supervisor knows: RTMIN+3, which tells an init in a container to go down */
    if (val_signal(name, &sig, e) < 0 && (sig = text_signal_number(name)) < SIGRTMIN)
        return -1;
    if (sig < 1)
        return err_set(e, "%s is no signal that stops a process", name);
    if (colon && dur_parse(colon + 1, &d, e) < 0)
        return err_prefix(e, "the wait after %s", name);
    if (!colon && !last)
        return err_set(e, "%s has no wait; write %s:10s", name, name);
    *out = (struct gen_stop){.sig = sig, .wait_ns = d.ns};
    return 0;
}

PARSER(STOPS)
{
    UNUSED;
    struct stops_val *v = field;
    struct str_list l = val_list(env->a, text);
    v->text = arena_strdup(env->a, text);
    v->v = arena_alloc(env->a, l.n * sizeof(*v->v));
    v->n = l.n;
    if (!l.n || l.n > 16)
        return err_set(e, "'%s' is not a list of 1 to 16 signals such as TERM:10s,INT:5s,KILL",
                       text);
    for (size_t i = 0; i < l.n; i++) {
        if (parse_stop(l.v[i], i + 1 == l.n, &v->v[i], e) < 0)
            return -1;
    }
    return 0;
}

PRINTER(STOPS)
{
    UNUSED;
    const struct stops_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}

PARSER(ONFATAL)
{
    UNUSED;
    (void)env;
    struct fatal_val *v = field;
    *v = (struct fatal_val){.action = GEN_FATAL_NOTHING};
    if (strcasecmp(text, "nothing") == 0)
        return 0;
    if (strcasecmp(text, "exit") == 0) {
        v->action = GEN_FATAL_EXIT;
        return 0;
    }
    dur_t d;
    if (strncasecmp(text, "retry:", 6) != 0)
        return err_set(e, "'%s' is not one of nothing, exit, retry:DURATION", text);
    if (dur_parse(text + 6, &d, e) < 0)
        return -1;
    if (d.ns <= 0)
        return err_set(e, "retry:%s: the wait has to be longer than 0", text + 6);
    *v = (struct fatal_val){.action = GEN_FATAL_RETRY, .retry_ns = d.ns};
    return 0;
}

PRINTER(ONFATAL)
{
    UNUSED;
    static const char *const words[] = {"nothing", "exit", "retry:"};
    const struct fatal_val *v = field;
    char buf[DUR_TEXT];
    str_puts(out, words[v->action]);
    if (v->action == GEN_FATAL_RETRY)
        str_puts(out, dur_format((dur_t){v->retry_ns}, buf, sizeof(buf)));
    return true;
}

/* a status from 0 to 255, or a signal, which stands for 128 and its number */
static int parse_status(const char *text, int16_t *out, struct err *e)
{
    int64_t n;
    int sig;
    if (text_int(text, 0, 255, &n, NULL) == 0)
        *out = (int16_t)n;
    else if (text[0] >= 'A' && val_signal(text, &sig, NULL) == 0 && sig > 0)
        *out = (int16_t)(128 + sig);
    else
        return err_set(e, "'%s' is no exit status from 0 to 255 and no signal", text);
    return 0;
}

static int parse_to(const char *text, int16_t *out, struct err *e)
{
    *out = EXIT_TO_OWN;
    return strcasecmp(text, "own") == 0 ? 0 : parse_status(text, out, e);
}

/* one "143:0", "TERM:0" or "*:1" of exit_code= */
static int parse_exit_row(char *text, struct exit_map *out, struct err *e)
{
    char *colon = strchr(text, ':');
    if (!colon)
        return err_set(e, "'%s' is not FROM:TO, as in 143:0", text);
    *colon = '\0';
    out->from = EXIT_FROM_ANY;
    if (strcmp(text, "*") != 0 && parse_status(text, &out->from, e) < 0)
        return -1;
    return parse_to(colon + 1, &out->to, e);
}

PARSER(EXITCODE)
{
    UNUSED;
    struct exit_code_val *v = field;
    struct str_list l = val_list(env->a, text);
    v->text = arena_strdup(env->a, text);
    v->v = arena_alloc(env->a, (l.n + 1) * sizeof(*v->v));
    v->n = l.n;
    if (!l.n)
        return err_set(e, "use own, a number from 0 to 255, or a list such as 143:0,*:1");
    if (l.n == 1 && !strchr(l.v[0], ':')) {
        v->v[0].from = EXIT_FROM_ANY;
        return parse_to(l.v[0], &v->v[0].to, e);
    }
    for (size_t i = 0; i < l.n; i++) {
        if (parse_exit_row(arena_strdup(env->a, l.v[i]), &v->v[i], e) < 0)
            return -1;
    }
    return 0;
}

PRINTER(EXITCODE)
{
    UNUSED;
    const struct exit_code_val *v = field;
    str_puts(out, v->text ? v->text : "");
    return v->text;
}
