/* [metric:N] type=lines: lines of a program's output. */
#include "alerts/rules/metric.h"

#include <string.h>

static const char *const words_stream[] = {
    [METRIC_BOTH] = "both", [METRIC_STDOUT] = "stdout", [METRIC_STDERR] = "stderr", NULL};

#define R(text, field, kind, ...)                                                                  \
    OPT(struct metric_lines, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    R("program", program, STRING, .def_note = "required", .aka = "service process",
      .help = "The program, or group of programs, whose lines are counted."),
    R("total", total, STRING, .def_note = "all lines", .aka = "pattern regex match lines count",
      .help = "A regular expression (PCRE2, UTF-8): the lines that count at all. A percent "
              "sign is written twice."),
    R("errors", errors, STRING, .def_note = "none", .aka = "error failed failures",
      .help = "A regular expression: the lines that are errors; they count as part of the total, "
              "whether they match total= or not."),
    R("stream", stream, WORD, .words = words_stream, .def = "both",
      .help = "Which output is looked at."),
};
OPT_TABLE(rows_metric_lines, rows);

/* what a program with redirect_stderr= writes there comes out as its stdout */
static void check_stderr(struct checker *k, const char *name)
{
    VEC_EACH (&k->c->groups, i) {
        const struct group *g = k->c->groups.v[i];
        VEC_EACH (&g->progs, j) {
            const struct prog *p = g->progs.v[j];
            if ((strcmp(g->name, name) == 0 || strcmp(p->name, name) == 0) && p->o.redirect_stderr)
                check_warn(k, "stream",
                           "[program:%s] has redirect_stderr=true, so it has no stderr: no line is "
                           "ever counted; write stream=stdout",
                           p->name);
        }
    }
}

static void check(struct checker *k)
{
    const struct metric_lines *o = k->item->own;
    if (check_required(k, "program", o->program))
        check_program(k, "program", o->program);
    if (o->total && !*o->total)
        check_fail(k, "total", "is empty; leave it away to count all lines");
    if (o->errors && !*o->errors)
        check_fail(k, "errors", "is empty, which would match every line");
    if (o->stream == METRIC_STDERR && o->program)
        check_stderr(k, o->program);
}

const struct kind metric_kind_lines = {
    .name = "lines",
    .aka = "log logs line regex pattern output",
    .help = "Counts lines of a program's output; lines are cut at 16 KiB. Text that the agent did "
            "not get makes the windows unknown, not smaller.",
    .rows = &rows_metric_lines,
    .size = sizeof(struct metric_lines),
    .check = check,
};
