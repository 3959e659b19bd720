/* The variables of commands beside processes. */
#include "supervisor/run/errand_env.h"
#include "supervisor/base/text.h"
#include "supervisor/core/proc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#define VALUE_MAX 512

void errand_name(const struct gen *g, const struct gen_proc *c, char *buf, size_t size)
{
    const char *group = gen_str(g, gen_groups(g)[c->group].name), *name = gen_str(g, c->name);
    if (strcmp(group, name) == 0)
        snprintf(buf, size, "%s", name);
    else
        snprintf(buf, size, "%s:%s", group, name);
}

static void put(struct str *out, const char *key, const char *value)
{
    str_puts(out, key);
    str_putc(out, '=');
    str_puts(out, value);
    str_putc(out, '\0');
}

static void put_number(struct str *out, const char *key, int64_t value)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, value);
    put(out, key, text);
}

/* The code, or the signal without SIG: the other one is empty. */
static void put_exit(struct str *out, const struct state_errand *rec)
{
    char name[24], code[8] = "";
    struct str text = STR_INIT;
    const char *sig =
        WIFSIGNALED(rec->status) ? text_signal_name(WTERMSIG(rec->status), name, sizeof(name)) : "";
    if (WIFEXITED(rec->status))
        snprintf(code, sizeof(code), "%d", WEXITSTATUS(rec->status));
    proc_status_text(&text, rec->status);
    put(out, "SUPD_EXIT_STATUS", str_text(&text));
    put(out, "SUPD_EXIT_CODE", code);
    put(out, "SUPD_EXIT_SIGNAL", strncmp(sig, "SIG", 3) == 0 ? sig + 3 : sig);
    put(out, "SUPD_EXIT_EXPECTED", rec->expected ? "1" : "0");
    str_fini(&text);
}

void errand_env(const struct gen *g, const struct gen_proc *c, const struct state_errand *rec,
                struct str *out)
{
    char name[VALUE_MAX];
    const char *program = strchr(gen_str(g, c->section), ':');
    errand_name(g, c, name, sizeof(name));
    put(out, "SUPD_COMMAND", gen_command_name(rec->which));
    put(out, "SUPD_NAME", name);
    put(out, "SUPD_PROGRAM", program ? program + 1 : "");
    put_number(out, "SUPD_PID", rec->pid);
    put(out, "SUPD_STATE", proc_state_name((enum proc_state)rec->state));
    put(out, "SUPD_REASON", proc_why_text((enum proc_why)rec->why));
    put_number(out, "SUPD_STARTS", rec->starts);
    put_number(out, "SUPD_RESTARTS", rec->restarts);
    put_number(out, "SUPD_TRIES", rec->tries);
    if (rec->has_exit)
        put_exit(out, rec);
}
