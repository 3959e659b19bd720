/* [metric:N] type=exits: exits and restarts of a program. */
#include "alerts/rules/metric.h"

static const char *const words_of[] = {
    [METRIC_EXITS] = "exits", [METRIC_RESTARTS] = "restarts", NULL};

#define R(text, field, kind, ...)                                                                  \
    OPT(struct metric_exits, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("program", program, STRING, .def_note = "required", .aka = "service process",
      .help = "The program, or group of programs, whose exits are counted."),
    R("of", of, WORD, .words = words_of, .def = "exits",
      .help = "exits: every exit; an unexpected one (exitcodes=) is an error. restarts: every "
              "start that supd made by itself after an exit; one after an unexpected exit is an "
              "error."),
};
OPT_TABLE(rows_metric_exits, rows);

static void check(struct checker *k)
{
    const struct metric_exits *o = k->item->own;
    if (check_required(k, "program", o->program))
        check_program(k, "program", o->program);
}

const struct kind metric_kind_exits = {
    .name = "exits",
    .aka = "exit restarts crashes process",
    .help = "Counts a program's exits or restarts.",
    .rows = &rows_metric_exits,
    .size = sizeof(struct metric_exits),
    .check = check,
};
