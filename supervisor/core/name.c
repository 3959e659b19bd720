/* Names of processes as people write them. */
#include "supervisor/core/name.h"
#include "supervisor/base/text.h"

#include <string.h>

void name_put(struct str *out, const char *group, const char *process)
{
    str_puts(out, group);
    if (strcmp(group, process) == 0)
        return;
    str_putc(out, ':');
    str_puts(out, process);
}

bool name_exact(const char *pattern, const char *group, const char *process)
{
    size_t n = strlen(group);
    if (strcmp(pattern, group) == 0)
        return strcmp(group, process) == 0;
    return strncmp(pattern, group, n) == 0 && pattern[n] == ':' &&
           strcmp(pattern + n + 1, process) == 0;
}

/* "GROUP:PROCESS" with globs on either side; colon points into pattern */
static bool match_sides(const char *pattern, const char *colon, const char *group,
                        const char *process)
{
    char left[256];
    size_t n = (size_t)(colon - pattern);
    if (n >= sizeof(left))
        return false;
    memcpy(left, pattern, n);
    left[n] = '\0';
    return text_glob(left, group) && text_glob(colon[1] ? colon + 1 : "*", process);
}

bool name_match(const char *pattern, const char *group, const char *process)
{
    if (strcmp(pattern, "all") == 0 || name_exact(pattern, group, process))
        return true;
    const char *colon = strchr(pattern, ':');
    if (colon)
        return match_sides(pattern, colon, group, process);
    if (!text_has_glob(pattern))
        return strcmp(pattern, group) == 0;
    return text_glob(pattern, group) || text_glob(pattern, process);
}
