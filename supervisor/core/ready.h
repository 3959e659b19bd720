/* The words of order and readiness: what kind of program it is, what makes it ready, and what one
 * program waits for of another. */
#ifndef CORE_READY_H
#define CORE_READY_H

/* type= of a program */
enum prog_type {
    PROG_SERVICE, /* runs until it is stopped */
    PROG_ONESHOT, /* done when it exits with success, once per start */
    PROG_SETUP,   /* the same, and tried again when it fails */
};

/* ready= of a program: how it becomes known that it is up */
enum ready_kind {
    READY_STARTSECS, /* it stayed up for startsecs */
    READY_NOTIFY,    /* READY=1 to $NOTIFY_SOCKET */
    READY_FD,        /* a newline on a descriptor; the number is the argument */
    READY_PIDFILE,   /* a path */
    READY_LOG,       /* a pattern that a line of its output matches */
    READY_PROBE,     /* the name of a probe */
    READY_COMMAND,   /* a command that exits with 0 */
    READY_NKINDS
};

/* What one program waits for of another. */
enum order_when {
    ORDER_STARTED, /* it has a process, or had one that is done */
    ORDER_READY,   /* it is RUNNING and ready, or done */
    ORDER_DONE,    /* a oneshot or setup: it exited with success */
};

#endif
