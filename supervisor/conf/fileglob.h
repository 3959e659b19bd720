/* File name patterns as Python's glob.glob knows them. */
#ifndef CONF_FILEGLOB_H
#define CONF_FILEGLOB_H

#include "supervisor/conf/value.h"

/* A place that could not be looked at, so that what matches there is not known. */
struct fileglob_blind {
    const char *path; /* NULL: there is none */
    int error;        /* errno */
};

/* The existing paths that match, sorted by their bytes; * ? [a-z] [!a-z], no escapes, and a leading
 * dot only where the pattern has it. A pattern without these is itself, if something is there.
 * out_blind gets the first place that is there and could not be looked at. */
struct str_list fileglob(struct arena *a, const char *pattern, struct fileglob_blind *out_blind);
/* One name against one pattern. */
bool fileglob_match(const char *pattern, const char *name);

#endif
