/* Signals as Python's signal module names them: that is the set of values stopsignal= accepts. */
#include "supervisor/conf/pytext.h"
#include "supervisor/conf/value.h"
#include "supervisor/base/text.h"

#include <signal.h>
#include <string.h>
#include <strings.h>

/* names that signal.h's own table does not give, or that are no signals but constants of the
 * module with the same prefix */
static const struct {
    const char *name;
    int number;
} extra[] = {
    {"CLD", SIGCHLD},      {"POLL", SIGIO}, {"IO", SIGIO},   {"IOT", SIGABRT}, {"PWR", SIGPWR},
    {"STKFLT", SIGSTKFLT}, {"RTMIN", 34},   {"RTMAX", 64},   {"_DFL", 0},      {"_IGN", 1},
    {"_BLOCK", 0},         {"_UNBLOCK", 1}, {"_SETMASK", 2},
};

static int number_of(const char *name)
{
    if (strncasecmp(name, "SIG", 3) == 0)
        name += 3;
    for (size_t i = 0; i < sizeof(extra) / sizeof(extra[0]); i++) {
        if (strcasecmp(name, extra[i].name) == 0)
            return extra[i].number;
    }
    for (int s = 1; s <= 31; s++) {
        const char *abbrev = sigabbrev_np(s);
        if (abbrev && strcasecmp(name, abbrev) == 0)
            return s;
    }
    return -1;
}

int val_signal(const char *text, int *out_sig, struct err *e)
{
    int64_t n;
    if (py_int(text, 10, &n) == PY_INT_OK) {
        if ((n < 0 || n > 31) && n != 34 && n != 64)
            return err_set(e, "value %s is not a valid signal number", text);
        *out_sig = (int)n;
        return 0;
    }
    char name[32] = "";
    const char *b = text, *end = text + strlen(text);
    py_strip(&b, &end);
    if ((size_t)(end - b) < sizeof(name))
        memcpy(name, b, (size_t)(end - b));
    *out_sig = number_of(name);
    if (*out_sig >= 0)
        return 0;
    return err_set(e, "value '%s' is not a valid signal name (as in TERM, QUIT, USR1)", text);
}
