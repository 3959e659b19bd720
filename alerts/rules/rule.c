/* The list of rules, by the kinds of alerts. */
#include "alerts/rules/rule.h"

static const struct rule *const rules[] = {
#define KIND(name) &rule_##name,
#include "alerts/rules/alert_kinds.def"
#undef KIND
};

const struct rule *rule_of(const struct kind *kind)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        if (rules[i]->kind == kind)
            return rules[i];
    }
    return NULL;
}
