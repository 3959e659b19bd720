/* What changes between two generations: pure comparison, no I/O. */
#ifndef CONF_GENDIFF_H
#define CONF_GENDIFF_H

#include "supervisor/conf/gen.h"

/* Supervisor's rule (supervisor-compat 15.3): true if the two groups differ in name, kind, priority
 * or any option of any process. */
bool gen_group_differs(const struct gen *a, const struct gen_group *ga, const struct gen *b,
                       const struct gen_group *gb);

/* What has to happen to a running process so that it follows its new record, by the apply class of
 * the options that differ. */
enum gen_apply { GEN_SAME, GEN_HOT, GEN_RESTART };
enum gen_apply gen_proc_differs(const struct gen *a, const struct gen_proc *pa, const struct gen *b,
                                const struct gen_proc *pb);

#endif
