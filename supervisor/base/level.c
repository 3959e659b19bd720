/* The levels of log lines. */
#include "supervisor/base/level.h"

#include <stddef.h>
#include <string.h>

static const struct {
    enum log_level level;
    const char *word, *name;
} levels[] = {
    {LVL_CRITICAL, "CRIT", "critical"}, {LVL_ERROR, "ERRO", "error"}, {LVL_WARN, "WARN", "warn"},
    {LVL_INFO, "INFO", "info"},         {LVL_DEBUG, "DEBG", "debug"}, {LVL_TRACE, "TRAC", "trace"},
    {LVL_BLATHER, "BLAT", "blather"},
};
#define NLEVELS (sizeof(levels) / sizeof(levels[0]))

int log_level_by_name(const char *name)
{
    for (size_t i = 0; i < NLEVELS; i++)
        if (strcmp(levels[i].name, name) == 0)
            return (int)levels[i].level;
    return -1;
}

static size_t level_row(enum log_level level)
{
    for (size_t i = 0; i < NLEVELS; i++)
        if (levels[i].level == level)
            return i;
    return 3;
}

const char *log_level_name(enum log_level level)
{
    return levels[level_row(level)].name;
}

const char *log_level_word(enum log_level level)
{
    return levels[level_row(level)].word;
}
