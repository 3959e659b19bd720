/* Event listeners: the pools that keep events for them, who is sent what, and what they answer
 * (supervisor-compat, section 13). A struct listeners exists only while there is a group of them;
 * everything here does nothing where there is none. */
#ifndef RUN_LISTENERS_H
#define RUN_LISTENERS_H

#include "supervisor/core/eventtype.h"
#include "supervisor/run/ctl.h"
#include "supervisor/run/procs.h"

struct listeners;
struct listenmem;
struct spawn_request;

/* ---- groups and processes ---- */

/* A group is there, or follows a new configuration, of this generation: if it is one of listeners,
 * it gets events from now on. 0, or -1 and the reason. */
int listeners_follow(struct sup *s, struct group *g, const struct gen *gen,
                     const struct gen_group *conf, struct err *e);
/* The group goes away: so do its events. */
void listeners_remove(struct sup *s, const struct group *g);
/* The process is about to be started: its standard output comes to us. rq->fds[1] is for the child,
 * and the caller closes it. 0 or an errno; nothing for a process that is no listener. */
int listeners_prepare(struct proc *p, struct spawn_request *rq);
/* Its state has changed: it may get events. */
void listeners_moved(struct proc *p);
/* Its instance has ended, or there was none: what it said last is heard, what it had goes back. */
void listeners_ended(struct proc *p);
/* Its instance has another pid now. */
void listeners_renumber(struct proc *p);
/* The process object is about to be freed. */
void listeners_forget(struct proc *p);
void listeners_free(struct sup *s);
/* What the process writes to this channel is printed on our standard output from now on, or not any
 * more, as the pools want it (result_handler=supervisor_stdout:event_handler). */
void listeners_print(const struct proc *p, int channel);

/* ---- events ---- */

/* An event is being written to it: what else goes to its standard input has to wait. */
bool listeners_writes(const struct proc *p);
/* True if somebody wants one of these types (bits). */
bool listeners_want(const struct sup *s, uint32_t types);
/* An event with this payload. */
void listeners_tell(struct sup *s, enum event_type type, const char *payload, size_t n);
/* The same with the payload that Supervisor gives it. */
void listeners_tell_state(struct proc *p, const struct proc_change *c, bool expected);
void listeners_tell_log(struct proc *p, int channel, int pid, const char *text, size_t n);
void listeners_tell_captured(struct proc *p, int channel, int pid, const char *text, size_t n);
/* What is told next comes of this message of a tap (its key, its end). If another supd was about to
 * tell just that, those that it had told are left out. Then: of none. */
void listeners_about(struct sup *s, uint32_t key, uint64_t at);
void listeners_about_nothing(struct sup *s);
/* The same message is about to be told, of this instance: after a fault its start comes before. */
void listeners_before_text(struct proc *p, int pid, uint32_t key, uint64_t at);
void listeners_tell_group(struct sup *s, const char *name, bool added);
void listeners_tell_remote(struct sup *s, const char *type, const char *data);

/* ---- life ---- */

/* True while listeners of groups of this priority, which are about to be stopped, have not got all
 * that there is for them; for two seconds at most. The end of a turn comes once that has changed.
 */
bool listeners_hold(struct sup *s, int32_t priority);
/* All of them are down, and begin anew: their serials, and without what they missed meanwhile. */
void listeners_begin(struct sup *s);
/* Goes on with what another supd left; after the groups and the logs. 0, or -1 and the reason. */
int listeners_revive(struct sup *s, struct err *e);
/* Where they keep what must survive; NULL: there are none. */
struct listenmem *listeners_memory(const struct sup *s);
/* The socket that text of programs comes through, for a successor: our end, supd-log's. */
void listeners_note_text(struct sup *s, int fd, int end);
/* Calls fn for each descriptor that has to survive an exec; safe in a signal handler. */
void listeners_each_fd(const struct sup *s, void (*fn)(int fd));
/* Answers with a record for each listener. */
void listeners_list(struct sup *s, struct ctl_req *rq);

#endif
