/* What reload.c and reload_load.c share. */
#ifndef RUN_RELOAD_IMPL_H
#define RUN_RELOAD_IMPL_H

#include "supervisor/run/reload.h"

/* The load under way: forgets a callback with this obj; lets go of it. */
void load_forget(struct sup *s, const void *obj);
void load_fini(struct sup *s);

#endif
