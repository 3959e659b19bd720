/* Whether commands are there, as a forked child finds out. */
#include "supervisor/run/precheck.h"
#include "supervisor/run/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define LIMIT DUR_S(2) /* then it is tried without */

/* Lies in memory that the child shares. */
struct precheck {
    struct proc *const *procs; /* for the child alone */
    size_t n, size;
    precheck_fn *done;
    void *obj;
    struct spawn_cell cells[];
};

/* 0 or what is wrong with it, as an exec would say. */
static int look_at(int dir, const char *path)
{
    struct stat st;
    if (fstatat(dir, path, &st, 0) < 0)
        return errno == ENOTDIR ? ENOTDIR : ENOENT;
    if (S_ISDIR(st.st_mode))
        return EISDIR;
    if (!(st.st_mode & 0111))
        return EACCES;
    return faccessat(dir, path, X_OK, 0) < 0 ? SPAWN_NOT_PERMITTED : 0;
}

/* As in the walk of a start, one that can be executed is enough; else the first that is there
 * tells. */
static void look_for(const struct proc *p, int dir, struct spawn_cell *cell)
{
    const struct gen *g = p->gen->gen;
    const goff *paths = gen_at(g, p->conf->candidates);
    int32_t found = 0, why = ENOENT;
    for (uint32_t i = 0; i < p->conf->ncandidates; i++) {
        int errnum = look_at(dir, gen_str(g, paths[i]));
        if (!errnum)
            return;
        if (why == ENOENT && errnum != ENOENT && errnum != ENOTDIR) {
            found = (int32_t)i;
            why = errnum;
        }
    }
    cell->candidate = found;
    cell->errnum = why;
    __atomic_store_n(&cell->step, (int32_t)SPAWN_EXEC, __ATOMIC_RELEASE);
}

/* What a closed folder means the start will say. */
static void check(const struct proc *p, struct spawn_cell *cell)
{
    const char *folder = gen_str(p->gen->gen, proc_opts(p)->directory);
    int dir = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : AT_FDCWD;
    if (folder && dir < 0)
        return;
    look_for(p, dir, cell);
    if (folder)
        close(dir);
}

static int run_child(void *obj)
{
    struct precheck *c = obj;
    for (size_t i = 0; i < c->n; i++)
        check(c->procs[i], &c->cells[i]);
    return 0;
}

/* Late, or killed: what it has seen counts. */
static void is_done(void *obj, int status)
{
    struct precheck *c = obj;
    (void)status;
    c->done(c->obj);
}

struct precheck *precheck_start(struct sup *s, struct proc *const *procs, size_t n,
                                precheck_fn *done, void *obj)
{
    struct err e;
    size_t size = sizeof(struct precheck) + n * sizeof(struct spawn_cell);
    struct precheck *c =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c == MAP_FAILED)
        return NULL;
    *c = (struct precheck){.procs = procs, .n = n, .size = size, .done = done, .obj = obj};
    if (helper_run(s, run_child, is_done, c, LIMIT, &e) >= 0)
        return c;
    munmap(c, size);
    return NULL;
}

void precheck_free(struct sup *s, struct precheck **cp)
{
    struct precheck *c = *cp;
    *cp = NULL;
    if (!c)
        return;
    helper_forget(s, c);
    munmap(c, c->size);
}

const char *precheck_fault(const struct precheck *c, size_t i, const struct proc *p, char *buf,
                           size_t size)
{
    return launch_fault_seen(p, c ? &c->cells[i] : NULL, buf, size);
}
