/* type=command: rows and checks. */
#include "alerts/rules/notify_command.h"

#define O struct notify_command
static const struct opt rows[] = {
    NOTIFY_ROW(O, "command", command, STRING, .def_note = "required", .aka = "cmd exec script",
               .help = "The program and its arguments, split like command= of a program, without a "
                       "shell. It runs as the agent's user and gets the notice as JSON on its "
                       "standard input. Exit 0: delivered; 64 to 78 except 75: never try again; "
                       "all else is tried again."),
};
OPT_TABLE(rows_notify_command, rows);

static void check(struct checker *k)
{
    const struct notify_command *o = k->item->own;
    const char **argv;
    size_t argc = 0;
    struct err e;
    if (!o->command)
        check_fail(k, "command", "is missing: what is to be run?");
    else if (words_split(k->c->a, o->command, &argv, &argc, &e) < 0)
        check_fail(k, "command", "%s", e.msg);
    else if (argc == 0)
        check_fail(k, "command", "is empty");
}

const struct kind notify_kind_command = {
    .name = "command",
    .aka = "exec script shell program",
    .help = "Runs a program, with the notice on its standard input.",
    .rows = &rows_notify_command,
    .size = sizeof(struct notify_command),
    .check = check,
};
