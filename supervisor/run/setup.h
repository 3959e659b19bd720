/* Makes supd's parts as the configuration says: who we are, limits, logs, the control socket. */
#ifndef RUN_SETUP_H
#define RUN_SETUP_H

#include "supervisor/run/sup.h"

/* Lifts our own limit of file sizes as far as it goes, since it counts for the memory that we share
 * with children, too; programs and supd-log get back what we had. -1 and the reason when what is
 * left is not even enough for the least memory that supd-log can do with. */
int setup_file_size(struct sup *s, struct err *e);
/* [supervisord] user=, minfds, minprocs, and enough descriptors for the configuration; -1 and the
 * reason ("needs N, limit M"). */
int setup_identity(struct sup *s, struct err *e);
/* In the main log: that nobody said whom to run as; who we are now, what was raised, where the
 * control socket is if nobody would look there. */
void setup_say(const struct sup *s);
void setup_say_limits(const struct sup *s);
/* True if the limit of descriptors allows a pipe for every output of a generation, also for those
 * that go nowhere (NONE). */
bool setup_fits_all(const struct gen *g);
/* Descriptors that we hold for a process. */
uint64_t setup_fds_of(const struct gen_opts *o);
/* Sees to it that there are enough descriptors for a generation, and so many for other processes;
 * -1 and the reason ("needs N, limit M"). */
int setup_raise_fds(const struct gen *g, uint64_t others, struct err *e);
/* s->logs, not started. */
int setup_logs(struct sup *s, struct err *e);
/* The same with what another supd left: its memory, its socket. */
int setup_logs_again(struct sup *s, struct err *e);
int setup_ctl_again(struct sup *s, struct err *e);
/* The main log as the configuration in use says: where it goes, when it rotates, its level. */
void setup_main_log(struct sup *s);
/* s->ctl, listening. */
int setup_ctl(struct sup *s, struct err *e);
/* The path of a helper program beside our own binary or in [supd] libexec; -1 and the reason. */
int setup_program(const struct sup *s, const char *name, char *out_path, size_t size,
                  struct err *e);

#endif
