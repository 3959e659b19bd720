/* The sockets of [fcgi-program:x]: made before the first process of a program starts, given to each
 * of them as descriptor 0, closed when the last one is down for good. They are made by a helper
 * (binding.h), so that a start may have to wait for one; they outlive supd in a memory of their
 * own, which exists only once a program has such a socket. */
#ifndef RUN_FCGI_H
#define RUN_FCGI_H

#include "supervisor/run/procs.h"

struct fcgi;

enum fcgi_start {
    FCGI_GO,   /* it has none, or it is there */
    FCGI_WAIT, /* it is being made; its start is queued again then, or fails */
    FCGI_FAIL, /* there can be none: fcgi_explain */
};

/* Its start is due. */
enum fcgi_start fcgi_lets_start(struct proc *p);
/* The socket that it is given; 0: none. */
int fcgi_socket(const struct proc *p);
/* Appends why it could not be made; nothing where it could. */
void fcgi_explain(const struct proc *p, char *buf, size_t size);
/* A process is down, or gone: its socket may not be needed any more. */
void fcgi_moved(struct sup *s);

/* Makes those of the generation in use before anything starts, so that what is wrong with them ends
 * the start. done(s, why): why is NULL when all is well; called at once where there are none. */
typedef void fcgi_tried_fn(struct sup *s, const struct err *why);
void fcgi_boot(struct sup *s, fcgi_tried_fn *done);
/* Tries those of a group that an update has added or changed; what is wrong is told of the group
 * (reload_complain), and the update is not over before. */
void fcgi_try(struct sup *s, const struct live_gen *gen, const char *group);
/* Sockets are being made. */
bool fcgi_busy(const struct sup *s);

/* 0 if fcgi_go_on could go on from this descriptor (0: there is none), else -1 and the reason. */
int fcgi_check(int fd, struct err *e);
/* Those that another supd left. 0, or -1 and the reason. */
int fcgi_go_on(struct sup *s, struct err *e);
void fcgi_free(struct sup *s);
/* Calls fn for each descriptor that has to survive an exec; safe in a signal handler. */
void fcgi_each_fd(const struct fcgi *f, void (*fn)(int fd));

#endif
