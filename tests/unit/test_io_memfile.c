/* Files kept in memory for libraries, and reads that hang: a call to open() below that waits plays
 * the disk that does not answer. */
#include "unit.h"

#include "supervisor/io/memfile.h"

#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <sys/syscall.h>

static struct loop *loop;
static struct files *files;
static struct memfiles *memfiles;
static char dir[32];
static atomic_bool stalled;
static atomic_int waiting;

/* Takes the place of libc's in this program. */
int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
    va_end(ap);
    waiting++;
    while (stalled && strncmp(path, dir, strlen(dir)) == 0)
        poll(NULL, 0, 1);
    waiting--;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

static int setup(void **state)
{
    struct err e;
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/memfile-XXXXXX");
    loop = loop_new(&e);
    files = files_new(loop, &e);
    memfiles = memfile_new(loop, files);
    return mkdtemp(dir) && loop && files ? 0 : -1;
}

static const char *path_of(int n)
{
    static char path[3][64];
    snprintf(path[n], sizeof(path[n]), "%s/%d", dir, n);
    return path[n];
}

static void let_go(void)
{
    stalled = false;
    for (int i = 0; i < 5000 && waiting; i++)
        poll(NULL, 0, 1);
    assert_int_equal(waiting, 0);
}

static int teardown(void **state)
{
    (void)state;
    let_go();
    memfile_free(&memfiles);
    files_free(&files);
    loop_free(&loop);
    for (int i = 0; i < 3; i++)
        unlink(path_of(i));
    return rmdir(dir);
}

static void make(int n, const char *text)
{
    FILE *f = fopen(path_of(n), "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* ---- asking ---- */

struct asked {
    struct memfile_query *q;
    int answers;
    char error[300];
};

static void on_memfile(void *obj, const char *error)
{
    struct asked *a = obj;
    a->answers++;
    snprintf(a->error, sizeof(a->error), "%s", error ? error : "");
    loop_stop(loop);
}

static void stop(struct loop *l)
{
    loop_stop(l);
}

/* Lets the loop run until something is answered, or for so long. */
static void run(int ms)
{
    struct loop_timer timer;
    LOOP_TIMER(&timer, loop, stop, loop);
    loop_timer_at(&timer, mono_add(mono_now(), DUR_MS(ms)));
    loop_run(loop);
    loop_timer_stop(&timer);
}

static void ask(struct asked *a, const char *one, const char *two)
{
    const char *const paths[MEMFILE_PATHS] = {one, NULL, two};
    *a = (struct asked){0};
    loop_refresh(loop);
    a->q = memfile_start(memfiles, paths, on_memfile, a);
    assert_int_equal(a->answers, 0); /* never from inside */
}

static void ask_well(struct asked *a, const char *one, const char *two)
{
    ask(a, one, two);
    run(20000);
    assert_int_equal(a->answers, 1);
    assert_string_equal(a->error, "");
}

static void reads(const char *path, const char *want)
{
    char text[64] = "";
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_string_equal(text, want);
}

/* ---- tests ---- */

static void a_file_is_found_in_memory(void **state)
{
    (void)state;
    struct asked a, b;
    make(0, "zero");
    make(1, "one");
    ask_well(&a, path_of(0), path_of(1));
    assert_null(memfile_path(a.q, 1));
    assert_string_not_equal(memfile_path(a.q, 0), path_of(0));
    reads(memfile_path(a.q, 0), "zero");
    reads(memfile_path(a.q, 2), "one");
    assert_null(memfile_waits(a.q));
    ask_well(&b, path_of(0), NULL);
    assert_string_equal(memfile_path(b.q, 0), memfile_path(a.q, 0));
    memfile_end(&a.q);
    memfile_end(&a.q);
    reads(memfile_path(b.q, 0), "zero");
    memfile_end(&b.q);
}

static void what_changed_gets_another_path(void **state)
{
    (void)state;
    struct asked a, b;
    make(0, "zero");
    ask_well(&a, path_of(0), NULL);
    make(0, "nil!");
    memfile_refresh(memfiles);
    ask_well(&b, path_of(0), NULL); /* as it was, and is read behind its back */
    reads(memfile_path(b.q, 0), "zero");
    memfile_end(&b.q);
    run(300);
    ask_well(&b, path_of(0), NULL);
    reads(memfile_path(b.q, 0), "nil!");
    assert_string_not_equal(memfile_path(a.q, 0), memfile_path(b.q, 0));
    reads(memfile_path(a.q, 0), "zero"); /* whoever began with the old one ends with it */
    memfile_end(&a.q);
    memfile_end(&b.q);
}

static void what_is_not_there_is_said_and_tried_again(void **state)
{
    (void)state;
    struct asked a;
    make(0, "zero");
    ask(&a, path_of(0), path_of(1));
    run(20000);
    assert_int_equal(a.answers, 1);
    assert_non_null(strstr(a.error, "/1: No such file or directory"));
    memfile_end(&a.q);
    make(1, "one");
    ask_well(&a, path_of(0), path_of(1));
    reads(memfile_path(a.q, 2), "one");
    memfile_end(&a.q);
}

static int made, freed;

static void *make_copy(const char *text, size_t n)
{
    made++;
    return n == 4 ? strndup(text, n) : NULL;
}

static void free_copy(void *text)
{
    freed++;
    free(text);
}

static void what_is_made_of_it_is_made_once(void **state)
{
    (void)state;
    static const struct memfile_maker maker = {make_copy, free_copy};
    struct asked a, b;
    make(0, "zero");
    make(1, "one");
    ask_well(&a, path_of(0), path_of(1));
    ask_well(&b, path_of(0), NULL);
    assert_string_equal(memfile_made(a.q, 0, &maker), "zero");
    assert_ptr_equal(memfile_made(b.q, 0, &maker), memfile_made(a.q, 0, &maker));
    assert_null(memfile_made(a.q, 1, &maker));
    assert_null(memfile_made(a.q, 2, &maker)); /* cannot be made: not tried again */
    assert_null(memfile_made(a.q, 2, &maker));
    assert_int_equal(made, 2);
    memfile_end(&a.q);
    memfile_end(&b.q);
    assert_int_equal(freed, 0);
    make(0, "nil!");
    memfile_refresh(memfiles);
    ask_well(&a, path_of(0), NULL);
    memfile_end(&a.q);
    run(300);
    assert_int_equal(freed, 1);
}

static void a_disk_that_hangs_takes_nothing_away(void **state)
{
    (void)state;
    struct asked a, b;
    make(0, "zero");
    make(1, "one");
    ask_well(&a, path_of(0), NULL);
    memfile_end(&a.q);
    stalled = true;
    memfile_refresh(memfiles);
    ask_well(&a, path_of(0), NULL);
    reads(memfile_path(a.q, 0), "zero");
    ask(&b, path_of(0), path_of(1));
    run(100);
    assert_int_equal(b.answers, 0);
    assert_string_equal(memfile_waits(b.q), path_of(1));
    memfile_end(&b.q);
    memfile_end(&a.q);
    ask(&b, NULL, path_of(1));
    run(50);
    assert_int_equal(waiting, 2); /* one thread a file, however often it is asked for */
    stalled = false;
    run(20000);
    assert_int_equal(b.answers, 1);
    assert_string_equal(b.error, "");
    memfile_end(&b.q);
}

/* ---- files ---- */

static char got[300];

static void on_got(void *obj, const struct files_got *g, size_t n)
{
    (void)obj, (void)n;
    snprintf(got, sizeof(got), "%s", g->text ? g->text : g->error);
    loop_stop(loop);
}

static struct files_read *read_file(const char *path)
{
    got[0] = '\0';
    return files_start(&(struct files_request){
        .files = files, .patterns = (const char *[]){path}, .n = 1, .done = on_got});
}

static void a_read_that_hangs_costs_one_thread(void **state)
{
    (void)state;
    make(0, "zero");
    make(1, "one");
    stalled = true;
    struct files_read *r = read_file(path_of(0));
    run(2100);
    files_end(&r);
    for (int i = 0; i < 3; i++) {
        r = read_file(path_of(0));
        run(2000);
        files_end(&r);
        assert_non_null(strstr(got, "its disk does not answer"));
    }
    assert_int_equal(waiting, 1);
    let_go();
    r = read_file(path_of(1));
    run(2000);
    assert_string_equal(got, "one");
    files_end(&r);
    for (int i = 0; i < 100 && strcmp(got, "zero") != 0;
         i++) { /* the thread may be on its way out */
        r = read_file(path_of(0));
        run(2000);
        files_end(&r);
    }
    assert_string_equal(got, "zero");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_file_is_found_in_memory),
        T(what_changed_gets_another_path),
        T(what_is_not_there_is_said_and_tried_again),
        T(what_is_made_of_it_is_made_once),
        T(a_disk_that_hangs_takes_nothing_away),
        T(a_read_that_hangs_costs_one_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
