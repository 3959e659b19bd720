/* [alert:N]: the rows that all kinds share, and the list of kinds. */
#include "alerts/rules/alert.h"

#define A(text, field, kind, ...)                                                                  \
    OPT(struct alert_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    A("type", type, STRING, .def_note = "required", .help = "What the condition is about."),
};
OPT_TABLE(rows_alert, rows);

#define KIND(name) extern const struct kind alert_kind_##name;
#include "alerts/rules/alert_kinds.def"
#undef KIND

static const struct kind *const kinds[] = {
#define KIND(name) &alert_kind_##name,
#include "alerts/rules/alert_kinds.def"
#undef KIND
    NULL,
};

const struct family family_alert = {
    .section = "alert",
    .rows = &rows_alert,
    .size = sizeof(struct alert_opts),
    .kinds = kinds,
    .nkinds = sizeof(kinds) / sizeof(kinds[0]) - 1,
};
