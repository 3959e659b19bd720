/* The demo's queue: a folder in which a job is a file, and its place says what is done with it.
 *
 *   new/JOB.N          waits; N workers died on it before
 *   work/WORKER/JOB.N  is being worked on
 *   aside/JOB.N        was taken out after two workers had died on it
 *   done.WORKER, failed.WORKER, made
 *                      ledgers: one line of SPOOL_LINE bytes for each job
 *
 * A job moves by rename(), so two workers never get the same one and none is lost when a worker
 * dies. */
#ifndef DEMO_SPOOL_H
#define DEMO_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_NAME 64  /* room for the name of a job, "00000042.0" */
#define SPOOL_LINE 18  /* bytes of a ledger's line */
#define SPOOL_DEATHS 2 /* this many dead workers, and a job is set aside */

/* Goes into the spool folder and makes its parts. 0, or -1 after a message on stderr that starts
 * with the program's name. */
int spool_enter(const char *program, const char *folder);
/* How many files wait in a folder ("new"), the first of them by name in out_first (empty if there
 * is none, or if out_first is NULL). -1: no such folder. */
int spool_look(const char *folder, char out_first[SPOOL_NAME]);
/* Adds a line to a ledger; 0 or -1 with errno. */
int spool_note(const char *ledger, unsigned job, uint32_t sum);
/* How many lines a ledger has. */
int64_t spool_count(const char *ledger);
/* The number of a job and how many workers died on it; false if that is no job. */
bool spool_parse(const char *name, unsigned *out_job, unsigned *out_deaths);

#endif
