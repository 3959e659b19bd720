/* File name patterns as Python's glob.glob knows them. */
#ifndef CONF_FILEGLOB_H
#define CONF_FILEGLOB_H

#include "supervisor/conf/value.h"

/* The existing paths that match, sorted by their bytes; * ? [a-z] [!a-z], no escapes, and a leading
 * dot only where the pattern has it. A pattern without these is itself, if something is there. */
struct str_list fileglob(struct arena *a, const char *pattern);
/* One name against one pattern. */
bool fileglob_match(const char *pattern, const char *name);

#endif
