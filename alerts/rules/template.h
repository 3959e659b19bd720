/* Templates of what people read: summary= and description= of [alert:N]. A field stands in double
 * braces: `{{name}}: {{value}} of {{limit}} since {{since}}`; `{{labels.team}}` is a label. Which
 * fields there are is one table (template.c). */
#ifndef ALERTS_RULES_TEMPLATE_H
#define ALERTS_RULES_TEMPLATE_H

#include "alerts/rules/evaluation.h"
#include "supervisor/base/mono.h"
#include "supervisor/base/str.h"
#include "supervisor/conf/value.h"

/* Strings may be NULL, which is shown as nothing. */
struct template_facts {
    const char *name, *program, *severity, *runbook, *dashboard;
    const char *text; /* what the evaluation added */
    bool dated;       /* text needs no {{since}} behind it */
    double value, limit;
    enum eval_unit unit;
    uint64_t n, k;
    dur_t window;                  /* 0: none */
    wall_t since;                  /* when the condition began to hold */
    dur_t age;                     /* since then */
    const struct str_list *labels; /* NAME=VALUE each */
};

/* Characters of a summary, the ellipsis of a cut one included. */
#define SUMMARY_CHARS 120

/* The summary of an alert that gives none: value, limit and since, or the evaluation's own words.
 */
const char *template_default(const struct template_facts *f);
/* 0, or -1 and the reason: an open brace without its end, a field that does not exist (with a
 * suggestion), a label that is none of labels. */
int template_check(const char *text, const struct str_list *labels, struct err *e);
/* Appends the text with its fields filled in; what is no field stays as it is. */
void template_fill(const char *text, const struct template_facts *f, struct str *out);
/* The same as one line (control characters become blanks) of at most `chars` characters of valid
 * UTF-8; a longer one ends in an ellipsis. */
void template_line(const char *text, const struct template_facts *f, size_t chars, struct str *out);
/* "2026-12-04 09:30 UTC" of Unix seconds. */
void template_stamp(int64_t seconds, struct str *out);
/* Since when something is so that has lasted so long: "09:30 UTC", with the date when that is not
 * of the last day. */
void template_since(wall_t since, dur_t age, struct str *out);
/* The value of label `name` in a list of NAME=VALUE, or NULL. */
const char *label_value(const struct str_list *labels, const char *name, size_t n);

#endif
