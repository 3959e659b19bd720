/* Arenas, vectors, and the allocator that ends the program instead of returning NULL. */
#include "tests/unit/unit.h"

#include "supervisor/base/arena.h"
#include "supervisor/base/mem.h"
#include "supervisor/base/vec.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static void arena_blocks(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    char *blocks[2000];
    for (size_t i = 0; i < COUNT(blocks); i++) {
        size_t size = i % 97 + (i % 500 == 0 ? 10000 : 0);
        blocks[i] = arena_alloc(a, size);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        for (size_t k = 0; k < size; k++)
            assert_int_equal(blocks[i][k], 0);
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < COUNT(blocks); i++)
        for (size_t k = 0; k < i % 97; k++)
            assert_int_equal((unsigned char)blocks[i][k], i % 251);
    assert_true(arena_used(a) > 40000);
    arena_free(&a);
    assert_null(a);
    arena_free(&a);
}

static void arena_strings(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(arena_strdup(a, "hello"), "hello");
    assert_string_equal(arena_strndup(a, "hello", 3), "hel");
    assert_memory_equal(arena_memdup(a, "a\0b", 3), "a\0b", 3);
    assert_non_null(arena_memdup(a, NULL, 0));
    assert_string_equal(arena_printf(a, "%s=%d", "x", 7), "x=7");
    char *big = arena_printf(a, "%100000d", 1);
    assert_int_equal(strlen(big), 100000);
    arena_free(&a);
}

static void vectors(void **state)
{
    (void)state;
    VEC(int) v = VEC_INIT;
    for (int i = 0; i < 1000; i++)
        VEC_PUSH(&v, i * 3);
    assert_int_equal(v.n, 1000);
    VEC_EACH (&v, i)
        assert_int_equal(v.v[i], i * 3);
    VEC_FINI(&v);
    assert_null(v.v);
    assert_int_equal(v.n + v.cap, 0);
}

static void plain_memory(void **state)
{
    (void)state;
    char *p = mem_strdup("text");
    p = mem_realloc(p, 100);
    assert_string_equal(p, "text");
    free(p);
    p = mem_zalloc(50);
    for (int i = 0; i < 50; i++)
        assert_int_equal(p[i], 0);
    free(p);
    free(mem_alloc(0));
}

static void out_of_memory_ends_the_program(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        /* the sanitizer and cmocka have handlers of their own */
        sigaction(SIGABRT, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
        dup2(ends[1], 2);
        mem_die();
    }
    close(ends[1]);
    char text[64] = "";
    assert_int_equal(read(ends[0], text, sizeof(text) - 1), strlen("out of memory\n"));
    assert_string_equal(text, "out of memory\n");
    close(ends[0]);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

#define DEEP 65536

/* Uses much of the stack; where. */
static __attribute__((noinline)) uintptr_t go_deep(void)
{
    volatile char deep[DEEP];
    for (size_t i = 0; i < DEEP; i += 512)
        deep[i] = 1;
    return (uintptr_t)deep + DEEP / 2;
}

static bool is_resident(uintptr_t at)
{
    unsigned char there = 0;
    assert_int_equal(mincore((void *)(at & ~(uintptr_t)4095), 1, &there), 0);
    return there & 1;
}

static void trim_gives_the_stack_back(void **state)
{
    (void)state;
    char mine[64] = "what a caller has stays";
    uintptr_t at = go_deep();
    assert_true(is_resident(at));
    mem_trim();
    assert_false(is_resident(at));
    assert_string_equal(mine, "what a caller has stays");
}

/* KiB of code that are mapped */
static long mapped_code(void)
{
    FILE *f = fopen("/proc/self/smaps", "r");
    char line[512], perms[8] = "", path[256] = "";
    long sum = 0, rss;
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        if (sscanf(line, "%*x-%*x %7s %*s %*s %*s %255s", perms, path) == 2)
            continue;
        if (sscanf(line, "Rss: %ld", &rss) == 1 && strcmp(perms, "r-xp") == 0 && path[0] == '/')
            sum += rss;
    }
    fclose(f);
    return sum;
}

static void code_is_dropped_and_comes_back(void **state)
{
    (void)state;
    long before = mapped_code();
    mem_drop_code();
    long after = mapped_code();
    if (after >= before)
        fail_msg("%ld KiB of code before, %ld after", before, after);
    mem_trim();
    struct arena *a = arena_new(); /* and all still works */
    assert_string_equal(arena_printf(a, "%s", "x"), "x");
    arena_free(&a);
}

RUN(TEST(code_is_dropped_and_comes_back), TEST(arena_blocks), TEST(arena_strings), TEST(vectors),
    TEST(plain_memory), TEST(out_of_memory_ends_the_program), TEST(trim_gives_the_stack_back))
