/* The levels of log lines: their numbers and names. */
#ifndef BASE_LEVEL_H
#define BASE_LEVEL_H

/* Supervisor's levels, with its numbers (supervisor-compat, section 4). */
enum log_level {
    LVL_BLATHER = 3,
    LVL_TRACE = 5,
    LVL_DEBUG = 10,
    LVL_INFO = 20,
    LVL_WARN = 30,
    LVL_ERROR = 40,
    LVL_CRITICAL = 50,
};

/* The level's number by its name (critical error warn info debug trace blather), or -1. */
int log_level_by_name(const char *name);
const char *log_level_name(enum log_level level);
/* The four capitals that stand in a log line: "INFO". */
const char *log_level_word(enum log_level level);

#endif
