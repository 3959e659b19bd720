/* The handlers of supctl's commands, one for each row of commands.def. */
#ifndef CLI_CMD_H
#define CLI_CMD_H

#include "supervisor/cli/cli.h"

#define COMMAND(name_, min_, max_, words_, hidden_, options_, args_, help_, more_)                 \
    cli_fn cmd_##name_;
#include "supervisor/cli/commands.def"
#undef COMMAND

#endif
