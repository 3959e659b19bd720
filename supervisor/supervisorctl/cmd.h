/* The handlers of supervisorctl's commands, one for each row of commands.def, and what some of them
 * share. */
#ifndef SUPERVISORCTL_CMD_H
#define SUPERVISORCTL_CMD_H

#include "supervisor/base/arena.h"
#include "supervisor/supervisorctl/sctl.h"

#define COMMAND(name_, words_, help_) sctl_fn sctl_do_##name_;
#include "supervisor/supervisorctl/commands.def"
#undef COMMAND

/* "ERROR: what" */
void sctl_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
