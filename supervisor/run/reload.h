/* Configuration while running: load in a forked child with a deadline, compare, apply the
 * difference. A bad file changes nothing. */
#ifndef RUN_RELOAD_H
#define RUN_RELOAD_H

#include "supervisor/base/str.h"
#include "supervisor/run/sup.h"

/* What takes longer hangs. */
#define LOAD_LIMIT DUR_S(60)

/* The end of a load: gen is the new generation (the callee takes the reference), or NULL; errors
 * and warnings: lines of text, also when it succeeded (warnings). */
typedef void load_fn(void *obj, struct live_gen *gen, const char *report);

/* Forks the load child. Only one at a time: a second call fails with "busy". */
int reload_load(struct sup *s, load_fn *fn, void *obj, struct err *e);

enum reload_kind { RELOAD_ADDED, RELOAD_CHANGED, RELOAD_REMOVED };
/* The difference between what runs and gen by groups, within each kind by priority and name.
 * 0, or -1 when there is no memory. */
int reload_diff(struct sup *s, const struct live_gen *gen,
                void (*fn)(void *obj, enum reload_kind kind, const char *group), void *obj,
                struct err *e);

/* Applies s->pending (it must be set) to the named groups, or to all (names NULL); also while an
 * earlier change is still on its way, which then comes to rest with this one. Returns the number of
 * groups touched; done(obj) is called once all of it came to rest (at once if nothing changed).
 * what: told of each step: "added", "updated", "stopped", "removed". */
typedef void reload_what_fn(void *obj, const char *group, const char *what);
int reload_apply(struct sup *s, char *const *names, size_t nnames, reload_what_fn *what,
                 loop_fn *done, void *obj, struct err *e);
/* Forgets the callbacks of an apply (its client is gone); the work goes on. */
void reload_forget(struct sup *s, void *obj);

/* Says, and tells those who wait for the changes under way, what could not be done for a group. */
void reload_complain(struct sup *s, const char *group, const char *why);

/* Goes on with a change that another supd left half done, as the processes and groups say. */
int reload_go_on(struct sup *s, struct err *e);
/* Configuration changes under way: is there one; look whether it came to rest. */
bool reload_applying(const struct sup *s);
void reload_settle(struct sup *s);

/* HUP and `reload`: load, and if it is good apply all; errors go to the log. While a load is under
 * way, or at boot, it is done once that is over: the file may have changed since it was read. */
void reload_all(struct sup *s);
/* Applies what is pending to all groups, and says so; force: all restart. -1 was said, too. */
int reload_pending(struct sup *s, bool force);
/* What is pending takes the place of what ran, and is started: everything is down
 * (shutdown_restart). */
void reload_restarted(struct sup *s);
/* Does what reload_all had to put off, if it can be done by now. */
void reload_resume(struct sup *s);
/* Lets go of what is under way; the callbacks are not called. */
void reload_fini(struct sup *s);

#endif
