/* What the two files of the life of an alert share. */
#ifndef ALERTS_RULES_LIFE_IMPL_H
#define ALERTS_RULES_LIFE_IMPL_H

#include "alerts/rules/life.h"

/* Appends an action; the number of them is bounded by the machine. */
struct life_action *life_act(struct life_out *out, enum life_action_kind kind);
/* What was lost in an earlier episode holds nothing back in this one. */
void life_forget_losses(struct life *l);
/* Something was told to some channel, or is owed to it. */
bool life_any_channel(const struct life *l);
/* A channel's answer: LIFE_DELIVERED, LIFE_LOST. */
void life_answer(struct life *l, const struct life_event *ev, wall_t now, struct life_out *out);

#endif
