/* What reload without a name shares with update. */
#ifndef CLI_CMD_UPDATE_H
#define CLI_CMD_UPDATE_H

#include "supervisor/cli/cli.h"

/* Has the configuration reloaded and applied; the exit code. */
int update_all(struct cli *c);

#endif
