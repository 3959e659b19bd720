/* Files of supd-log: rotation by rename, its steps done twice, cutting at a line, stale AUTO names,
 * spans, compressing, following. */
#include "unit.h"

#include "supervisor/logd/autofile.h"
#include "supervisor/logd/follow.h"
#include "supervisor/logd/gzip.h"
#include "supervisor/logd/logd.h"
#include "supervisor/logd/rotate.h"
#include "supervisor/logd/span.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/stat.h>
#include <zlib.h>

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[8][PATH_MAX];
    static int next;
    char *p = path[next++ % 8];
    snprintf(p, PATH_MAX, "%s/%s", folder, name);
    return p;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *get(const char *name)
{
    static char text[4][256];
    static int next;
    char *t = text[next++ % 4];
    FILE *f = fopen(in_folder(name), "r");
    if (!f)
        return "(none)";
    t[fread(t, 1, 255, f)] = '\0';
    fclose(f);
    return t;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/supd-logd-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    static const char *const names[] = {"w",   "w.1",    "w.2",    "w.3",
                                        "w.4", "w.1.gz", "w.2.gz", "w.3.gz"};
    for (size_t i = 0; i < COUNT(names); i++)
        unlink(in_folder(names[i]));
    return rmdir(folder);
}

static void rotate(int backups)
{
    volatile int32_t step = backups;
    struct err e;
    assert_int_equal(rotate_files(in_folder("w"), backups, &step, &e), 0);
    assert_int_equal(step, -1);
}

static void test_rotate(void **state)
{
    (void)state;
    put("w", "new");
    put("w.1", "one");
    put("w.3", "three");
    rotate(3);
    assert_string_equal(get("w"), "(none)");
    assert_string_equal(get("w.1"), "new");
    assert_string_equal(get("w.2"), "one");
    assert_string_equal(get("w.3"), "(none)");
    rotate(2);
    assert_string_equal(get("w.2"), "new");
    assert_string_equal(get("w.1"), "(none)");
}

static void test_rotate_with_compressed(void **state)
{
    (void)state;
    put("w", "new");
    put("w.1", "one");
    put("w.2.gz", "two");
    put("w.3.gz", "three");
    rotate(3);
    assert_string_equal(get("w.1"), "new");
    assert_string_equal(get("w.2"), "one");
    assert_string_equal(get("w.3.gz"), "two");
    assert_string_equal(get("w.2.gz"), "(none)");
}

/* A kill may come after a step and before it is noted: the step is done again. */
static void test_every_step_may_be_done_twice(void **state)
{
    (void)state;
    for (int32_t killed = 3; killed >= 0; killed--) {
        put("w", "0");
        put("w.1", "1");
        put("w.2", "2");
        put("w.3", "3");
        struct err e;
        volatile int32_t step = 3;
        while (step >= killed) {
            volatile int32_t one = step;
            /* only this step: those after it fail to run because the walk ends here */
            char from[PATH_MAX], to[PATH_MAX];
            rotate_name(from, sizeof(from), in_folder("w"), one, false);
            rotate_name(to, sizeof(to), in_folder("w"), one + 1, false);
            if (one == 3)
                unlink(from);
            else
                rename(from, to);
            step = one - 1;
        }
        step = killed; /* what was noted last */
        assert_int_equal(rotate_files(in_folder("w"), 3, &step, &e), 0);
        assert_string_equal(get("w"), "(none)");
        assert_string_equal(get("w.1"), "0");
        assert_string_equal(get("w.2"), "1");
        assert_string_equal(get("w.3"), "2");
    }
}

static void test_rotation_that_cannot_be(void **state)
{
    (void)state;
    struct err e;
    volatile int32_t step = 1;
    put("w", "x");
    assert_int_equal(mkdir(in_folder("w.1"), 0700), 0);
    put("w.1/f", "x");
    assert_int_equal(rotate_files(in_folder("w"), 1, &step, &e), -1);
    assert_non_null(strstr(e.msg, "cannot rename"));
    unlink(in_folder("w.1/f"));
    rmdir(in_folder("w.1"));
}

static struct span span_of(const char *a, const char *b, const char *c)
{
    const char *const parts[] = {a, b, c};
    struct span s = {.n = 3};
    for (int i = 0; i < 3; i++) {
        s.iov[i] = (struct iovec){(void *)(uintptr_t)parts[i], strlen(parts[i])};
        s.len += strlen(parts[i]);
    }
    return s;
}

static void test_span(void **state)
{
    (void)state;
    struct span s = span_of("ab\nc", "de", "f\ngh");
    char text[16] = "";
    assert_int_equal(span_last_line(&s), 8);
    assert_int_equal(span_next_line(&s, 0), 3);
    assert_int_equal(span_next_line(&s, 2), 3);
    assert_int_equal(span_next_line(&s, 3), 8);
    assert_int_equal(span_next_line(&s, 8), 0);
    assert_int_equal(span_count_lines(&s), 2);
    assert_int_equal(span_byte(&s, s.len - 1), 'h');
    span_skip(&s, 5);
    span_copy(&s, text);
    assert_memory_equal(text, "ef\ngh", 5);
    span_cut(&s, 2);
    assert_int_equal(s.len, 2);
    assert_int_equal(span_byte(&s, s.len - 1), 'f');
    assert_int_equal(span_last_line(&s), 0);
    span_skip(&s, 2);
    assert_int_equal(s.n, 0);
    s = span_of("ab", "cd", "ef");
    span_cut(&s, 4);
    assert_int_equal(s.n, 2);
    span_cut(&s, 4);
    assert_int_equal(s.len, 4);
}

static size_t next_line(const void *obj, size_t from)
{
    return span_next_line(obj, from);
}

static void test_cut_for_rotation(void **state)
{
    (void)state;
    struct span s = span_of("aaaa\n", "bbbb\n", "cccc");
    assert_int_equal(rotate_cut(14, 100, next_line, &s), 14);
    assert_int_equal(rotate_cut(14, 14, next_line, &s), 14);
    assert_int_equal(rotate_cut(14, 5, next_line, &s), 5);
    assert_int_equal(rotate_cut(14, 6, next_line, &s), 10);
    assert_int_equal(rotate_cut(14, 0, next_line, &s), 5);
    assert_int_equal(rotate_cut(14, -7, next_line, &s), 5);
    assert_int_equal(rotate_cut(14, 12, next_line, &s), 14);
}

static void test_stale_auto_names(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "web-stdout---supervisor-abcdefgh.log",
        "w---supervisor-x.log",
        "web-stdout---supervisor-abcdefgh.log.1",
        "web-stdout---supervisor-abcdefgh.log.9999",
        "web-stdout---supervisor-abcdefgh.log12",
        "web-stdout---supervisor-abcdefgh.log.",
        "a b---supervisor-x.log",
        "x---other---supervisor-x.log",
        "w---supervisor-x.log.log",
        "web-stdout---supervisor-abcdefgh.log.1.gz",
    };
    static const char *const no[] = {
        "---supervisor-x.log",
        "w---supervisor-.log",
        "w---supervisor-x y.log",
        "w---supervisorx.log",
        "w---supervisor-x.log.12345",
        "w---supervisor-x.logs",
        "w---supervisor-x",
        "web.log",
        "",
        "w--supervisor-x.log",
        "w---Supervisor-x.log",
    };
    for (size_t i = 0; i < COUNT(yes); i++)
        if (!autofile_matches(yes[i], "supervisor"))
            fail_msg("%s", yes[i]);
    for (size_t i = 0; i < COUNT(no); i++)
        if (autofile_matches(no[i], "supervisor"))
            fail_msg("%s", no[i]);
}

static void test_gzip(void **state)
{
    (void)state;
    struct err e;
    char text[64] = "";
    put("w.1", "to be compressed");
    int fd = open(in_folder("w.1"), O_RDONLY);
    assert_int_equal(gzip_file(fd, in_folder("w.1.gz"), &e), 0);
    close(fd);
    gzFile gz = gzopen(in_folder("w.1.gz"), "rb");
    assert_int_equal(gzread(gz, text, sizeof(text)), 16);
    assert_string_equal(text, "to be compressed");
    gzclose(gz);
    fd = open(in_folder("w.1"), O_RDONLY);
    assert_int_equal(gzip_file(fd, in_folder("no/such"), &e), -1);
    assert_non_null(strstr(e.msg, "cannot open"));
    close(fd);
}

/* A dead disk holds its own files up, and nobody else's. */
static void renaming_one_path_holds_up_no_other(void **state)
{
    (void)state;
    struct gzips *g = gzips_new();
    struct gzips_hold dead, other;
    char path[32];
    gzips_lock(g, &dead, "/dead/w.log");
    alarm(20);
    for (int i = 0; i < 500; i++) {
        snprintf(path, sizeof(path), "/fine/%d.log", i);
        gzips_lock(g, &other, path);
        gzips_unlock(g, &other);
    }
    alarm(0);
    gzips_unlock(g, &dead);
    free(g);
}

static int threads_with(int policy)
{
    DIR *dir = opendir("/proc/self/task");
    struct dirent *entry;
    int n = 0;
    while ((entry = readdir(dir)))
        n += atoi(entry->d_name) && sched_getscheduler(atoi(entry->d_name)) == policy;
    closedir(dir);
    return n;
}

/* So many lines are compressed; true if that was seen to be done as it should. */
static bool compresses_at_idle(struct logd *d, int lines)
{
    struct stat st;
    bool seen = false;
    int usual = threads_with(SCHED_OTHER);
    FILE *f = fopen(in_folder("w.1"), "w");
    for (int i = 0; i < lines; i++)
        fprintf(f, "%d\n", i ^ 7919);
    fclose(f);
    gzips_add(d, in_folder("w"), 1);
    while (stat(in_folder("w.1"), &st) == 0) {
        seen |= threads_with(SCHED_IDLE) == 1 && threads_with(SCHED_OTHER) == usual + 1;
        poll(NULL, 0, 1);
    }
    assert_int_equal(stat(in_folder("w.1.gz"), &st), 0);
    while (threads_with(SCHED_OTHER) > usual)
        poll(NULL, 0, 1);
    return seen;
}

/* Only what compresses is at idle priority: it holds nothing that a log's writer waits for. */
static void compressing_is_idle_renaming_is_not(void **state)
{
    (void)state;
    struct logd d = {.gzips = gzips_new()};
    int lines = 1 << 15;
    alarm(300);
    while (lines < 1 << 22 && !compresses_at_idle(&d, lines))
        lines *= 2;
    alarm(0);
    assert_true(lines < 1 << 22);
    free(d.gzips);
}

static void expect_next(struct follow *f, const char *want)
{
    char text[256];
    size_t n = 0;
    ssize_t got;
    while ((got = follow_read(f, text + n, 3)) > 0)
        n += (size_t)got;
    text[n] = '\0';
    assert_string_equal(text, want);
}

static void append(const char *name, const char *text)
{
    FILE *f = fopen(in_folder(name), "a");
    fputs(text, f);
    fclose(f);
}

static void test_follow(void **state)
{
    (void)state;
    struct follow f;
    put("w", "0123456789");
    assert_int_equal(follow_open(&f, in_folder("w"), 3, 4, false), 1);
    expect_next(&f, "6789");
    append("w", "ab");
    rotate(3);
    append("w", "cd");
    rotate(3);
    append("w", "ef");
    expect_next(&f, "abcdef");
    put("w", ""); /* truncated in place */
    append("w", "g");
    expect_next(&f, "g");
    unlink(in_folder("w"));
    expect_next(&f, "");
    put("w", "h");
    expect_next(&f, "h");
    follow_close(&f);
    assert_int_equal(follow_open(&f, in_folder("later"), 3, 4, false), 1);
    expect_next(&f, "");
    follow_close(&f);
    assert_int_equal(follow_open(&f, "/dev/null", 3, 4, false), 0);
    follow_close(&f);
}

#define IN_FOLDER(fn) cmocka_unit_test_setup_teardown(fn, make_folder, remove_folder)

RUN(IN_FOLDER(test_rotate), IN_FOLDER(test_rotate_with_compressed),
    IN_FOLDER(test_every_step_may_be_done_twice), IN_FOLDER(test_rotation_that_cannot_be),
    IN_FOLDER(test_gzip), TEST(renaming_one_path_holds_up_no_other),
    IN_FOLDER(compressing_is_idle_renaming_is_not), IN_FOLDER(test_follow), TEST(test_span),
    TEST(test_cut_for_rotation), TEST(test_stale_auto_names))
