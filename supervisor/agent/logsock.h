/* The logs of programs and of supd itself, as the agent gets at them: supd has supd-log open the
 * file and hand it over. Only while the configuration has a server ([unix_http_server],
 * [inet_http_server]). */
#ifndef AGENT_LOGSOCK_H
#define AGENT_LOGSOCK_H

#include "supervisor/agent/program.h"

struct logsocks;

/* fd >= 0: what was asked for, it belongs to the callee. -1: code is a word of the control protocol
 * (BAD_NAME: no such process; NO_FILE: it has no such log, or there is no file yet; BUSY, FAILED),
 * text a sentence. */
typedef void logsock_fn(void *obj, int fd, const char *code, const char *text);

/* Asks for a log: name is that of a process ("web", "group:web"), or NULL for supd's own log;
 * channel "stdout" or "stderr". Calls fn(obj, ...) once, never from inside this call. False: there
 * is too much asked already. */

/* A read-only descriptor of the file as it is now, a regular one. What the program wrote before is
 * in it. */
bool logsock_file(struct agent_program *a, const char *name, const char *channel, logsock_fn *fn,
                  void *obj);
/* A socket on which supd-log sends the last so many bytes of it, and then all that comes: as the
 * control protocol's tail does, "t bytes N" and N bytes and a newline, as often as needed. It ends
 * when the log is gone, or "t error ...". */
bool logsock_follow(struct agent_program *a, const char *name, const char *channel, int64_t bytes,
                    logsock_fn *fn, void *obj);
/* Who asked with this obj does not want to know any more. */
void logsock_forget(struct agent_program *a, const void *obj);

/* From the hand: the socket of a request. It belongs to the callee. */
void logsock_take(struct agent_program *a, const char *ref, int fd);
void logsocks_free(struct agent_program *a);

#endif
