/* Finds the capture marks of Supervisor's protocol in a program's output, however it was cut into
 * reads (supervisor-compat, section 13.4). Pure. */
#ifndef CORE_CAPTURE_H
#define CORE_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURE_BEGIN_MARK "<!--XSUPERVISOR:BEGIN-->"
#define CAPTURE_END_MARK "<!--XSUPERVISOR:END-->"

/* Where the scan is; zeroed at the start of a program's run. */
struct capture {
    bool on;         /* between the marks */
    uint8_t matched; /* the last so many bytes may be the beginning of a mark */
};

enum capture_kind {
    CAPTURE_PLAIN, /* text outside: belongs in the log */
    CAPTURE_DATA,  /* text between the marks */
    CAPTURE_BEGIN, /* the first mark is complete */
    CAPTURE_END,   /* the second one is */
    CAPTURE_HELD,  /* nothing is certain before more comes */
};

struct capture_piece {
    enum capture_kind kind;
    const char *text; /* PLAIN, DATA: into what was given, or what was held back before */
    size_t len;
};

/* Looks at p[0..n), n above 0, and gives the first piece of it. Returns how many of the n bytes
 * that used up; 0 is possible (a piece that was held back comes first), never twice in a row. */
size_t capture_next(struct capture *c, const char *p, size_t n, struct capture_piece *out);
/* No more will come: gives what is held back; false if that is nothing. */
bool capture_flush(struct capture *c, struct capture_piece *out);

#endif
