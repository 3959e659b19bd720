/* Files read by threads: what comes back, what is given up, and what hangs. */
#include "unit.h"

#include "supervisor/io/files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

static struct loop *loop;
static struct files *files;
static char dir[32];

static int setup(void **state)
{
    struct err e;
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/files-XXXXXX");
    loop = loop_new(&e);
    files = files_new(loop, &e);
    return mkdtemp(dir) && loop && files ? 0 : -1;
}

static int teardown(void **state)
{
    char path[300];
    (void)state;
    files_free(&files);
    loop_free(&loop);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%d.txt", dir, i);
        unlink(path);
    }
    return rmdir(dir);
}

static const char *make(int n, const char *text, size_t len)
{
    static char path[300];
    snprintf(path, sizeof(path), "%s/%d.txt", dir, n);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* what an answer was */
struct seen {
    size_t n;
    char text[4][200];
};

static void note(void *obj, const struct files_got *got, size_t n)
{
    struct seen *s = obj;
    s->n = n;
    for (size_t i = 0; i < n && i < 4; i++)
        snprintf(s->text[i], sizeof(s->text[i]), "%s", got[i].text ? got[i].text : got[i].error);
    loop_stop(loop);
}

static void late(struct loop *l)
{
    loop_stop(l);
}

static struct seen ask(const char *const *patterns, size_t n)
{
    struct seen s = {.n = 0};
    struct loop_timer timer;
    LOOP_TIMER(&timer, loop, late, loop);
    loop_timer_at(&timer, mono_add(mono_now(), DUR_S(20)));
    struct files_read *r = files_start(&(struct files_request){
        .files = files, .patterns = patterns, .n = n, .done = note, .obj = &s});
    loop_run(loop);
    loop_timer_stop(&timer);
    files_end(&r);
    return s;
}

static void files_and_patterns(void **state)
{
    (void)state;
    char pattern[300], none[300];
    make(0, "zero", 4);
    make(1, "", 0);
    make(2, "two", 3);
    snprintf(pattern, sizeof(pattern), "%s/*.txt", dir);
    snprintf(none, sizeof(none), "%s/none", dir);
    struct seen s = ask((const char *[]){pattern, none}, 2);
    assert_int_equal(s.n, 4);
    assert_string_equal(s.text[0], "zero");
    assert_string_equal(s.text[1], "");
    assert_string_equal(s.text[2], "two");
    assert_non_null(strstr(s.text[3], "/none: No such file or directory"));
    s = ask((const char *[]){"/dev/zero", dir}, 2);
    assert_string_equal(s.text[0], "/dev/zero is no regular file");
    assert_non_null(strstr(s.text[1], "is no regular file"));
}

static void too_large_and_from_proc(void **state)
{
    (void)state;
    const char *path = make(0, "x", 1);
    assert_int_equal(truncate(path, (off_t)FILES_BYTES + 1), 0);
    assert_non_null(strstr(ask(&path, 1).text[0], "is larger than"));
    const char *proc = "/proc/self/comm"; /* says that its size is 0 */
    assert_true(strlen(ask(&proc, 1).text[0]) > 0);
}

static void never(void *obj, const struct files_got *got, size_t n)
{
    (void)obj;
    (void)got;
    (void)n;
    fail_msg("an ended request was answered");
}

/* at any moment: before the thread runs, while it reads, when it is done but not yet told */
static void ended_requests_are_not_answered(void **state)
{
    (void)state;
    const char *path = make(0, "zero", 4);
    for (int i = 0; i < 300; i++) {
        struct files_read *r = files_start(
            &(struct files_request){.files = files, .patterns = &path, .n = 1, .done = never});
        if (i % 3 == 0)
            poll(NULL, 0, 1);
        files_end(&r);
        assert_null(r);
    }
    struct seen s = ask(&path, 1);
    assert_int_equal(s.n, 1);
}

static void count(void *obj, const struct files_got *got, size_t n)
{
    size_t *left = obj;
    assert_int_equal(n, 1);
    if (!got[0].text)
        fail_msg("%s", got[0].error);
    if (--*left == 0)
        loop_stop(loop);
}

/* More than there are threads: the others wait for one, also when some are ended meanwhile. */
static void many_at_once(void **state)
{
    (void)state;
    enum { MANY = 200 };
    static char big[FILES_BYTES];
    struct files_read *r[MANY];
    const char *path = make(0, big, sizeof(big));
    size_t left = MANY - MANY / 10;
    for (size_t i = 0; i < MANY; i++)
        r[i] = files_start(&(struct files_request){
            .files = files, .patterns = &path, .n = 1, .done = count, .obj = &left});
    for (size_t i = 0; i < MANY; i += 10)
        files_end(&r[i]);
    struct loop_timer timer;
    LOOP_TIMER(&timer, loop, late, loop);
    loop_timer_at(&timer, mono_add(mono_now(), DUR_S(60)));
    loop_run(loop);
    loop_timer_stop(&timer);
    for (size_t i = 0; i < MANY; i++)
        files_end(&r[i]);
    assert_int_equal(left, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(files_and_patterns), TEST(too_large_and_from_proc),
                                       TEST(ended_requests_are_not_answered), TEST(many_at_once)};
    return cmocka_run_group_tests(tests, setup, teardown);
}
