/* [notify:N]: the rows that all kinds share, and the list of kinds. */
#include "alerts/rules/notify.h"

#define A(text, field, kind, ...)                                                                  \
    OPT(struct notify_opts, text, field, kind, .flags = OPT_OURS, .apply = GEN_HOT, __VA_ARGS__)
static const struct opt rows[] = {
    A("type", type, STRING, .def_note = "required", .help = "How it is sent."),
};
OPT_TABLE(rows_notify, rows);

#define KIND(name) extern const struct kind notify_kind_##name;
#include "alerts/rules/notify_kinds.def"
#undef KIND

static const struct kind *const kinds[] = {
#define KIND(name) &notify_kind_##name,
#include "alerts/rules/notify_kinds.def"
#undef KIND
    NULL,
};

const struct family family_notify = {
    .section = "notify",
    .rows = &rows_notify,
    .size = sizeof(struct notify_opts),
    .kinds = kinds,
    .nkinds = sizeof(kinds) / sizeof(kinds[0]) - 1,
};
