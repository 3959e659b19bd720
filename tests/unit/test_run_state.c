/* The state memfd: what was committed is what is read, whatever half of a commit a crash leaves. */
#include "supervisor/run/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct state *make(void)
{
    struct err e = {0};
    struct state *s = state_new(&e);
    assert_non_null(s);
    return s;
}

static void test_new_slot_is_a_process_that_never_ran(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    int64_t slot = state_slot_new(s, &e);
    assert_true(slot >= 0);
    const struct state_rec *rec = state_get(s, (uint32_t)slot);
    assert_int_equal(rec->life.state, PROC_STOPPED);
    assert_int_equal(rec->life.starts, 0);
    state_free(&s);
    assert_null(s);
}

static void test_last_commit_is_read_back(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    uint32_t slot = (uint32_t)state_slot_new(s, &e);
    for (int i = 1; i < 1000; i++) {
        struct state_rec rec = {.phase = STATE_IDLE, .proc_index = (uint32_t)i};
        rec.life.pid = i;
        state_put(s, slot, &rec);
        assert_true(state_good(s, slot));
        assert_int_equal(state_get(s, slot)->life.pid, i);
        assert_int_equal(state_get(s, slot)->proc_index, i);
    }
    state_free(&s);
}

static void test_slots_keep_apart_and_are_used_again(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    uint32_t slots[500];
    for (int i = 0; i < 500; i++) {
        struct state_rec rec = {.proc_index = (uint32_t)i};
        slots[i] = (uint32_t)state_slot_new(s, &e);
        state_put(s, slots[i], &rec);
    }
    for (int i = 0; i < 500; i++)
        assert_int_equal(state_get(s, slots[i])->proc_index, i);
    state_slot_free(s, slots[7]);
    assert_int_equal(state_slot_new(s, &e), slots[7]);
    assert_int_equal(state_get(s, slots[7])->proc_index, 0);
    assert_int_equal(state_get(s, slots[8])->proc_index, 8);
    state_free(&s);
}

static void test_cells_stay_where_they_are_when_the_state_grows(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    uint32_t first = (uint32_t)state_slot_new(s, &e);
    struct spawn_cell *cell = state_cell(s, first);
    cell->pid = 4711;
    for (int i = 0; i < 3000; i++)
        assert_true(state_slot_new(s, &e) >= 0);
    assert_ptr_equal(state_cell(s, first), cell);
    assert_int_equal(cell->pid, 4711);
    state_free(&s);
}

static void test_another_mapping_sees_the_same(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    uint32_t slot = (uint32_t)state_slot_new(s, &e);
    struct state_rec rec = {.proc_index = 0x5ca1ab1e};
    state_put(s, slot, &rec);
    struct stat st;
    assert_int_equal(fstat(state_fd(s), &st), 0);
    char *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, state_fd(s), 0);
    assert_true(map != MAP_FAILED);
    uint32_t want = 0x5ca1ab1e;
    assert_non_null(memmem(map, (size_t)st.st_size, &want, sizeof(want)));
    munmap(map, (size_t)st.st_size);
    state_free(&s);
}

static void test_a_spoiled_record_is_noticed(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    uint32_t slot = (uint32_t)state_slot_new(s, &e);
    struct state_rec rec = {.proc_index = 1};
    state_put(s, slot, &rec);
    assert_true(state_good(s, slot));
    struct state_rec *newest = (struct state_rec *)(uintptr_t)state_get(s, slot);
    newest->life.pid ^= 1;
    assert_false(state_good(s, slot));
    state_free(&s);
}

/* A record whose parts all say the same number. */
static struct state_rec rec_of(uint32_t i)
{
    struct state_rec rec = {.phase = i, .proc_index = i, .peek_pid = (int32_t)i};
    rec.life.starts = rec.life.exits = i;
    rec.life.stop_wall.ns = i;
    return rec;
}

static void commit_under_watch(struct state *s, const uint32_t *slots)
{
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(1);
    raise(SIGSTOP);
    for (uint32_t i = 2; i < 6; i++) {
        struct state_rec rec = rec_of(i);
        state_put(s, slots[i % 2], &rec);
    }
    _exit(0);
}

/* As a crash at this moment would leave it: the record before or the one after, never a mixture. */
static void check_slot(const struct state *s, uint32_t slot, uint32_t *last)
{
    assert_true(state_good(s, slot));
    const struct state_rec *rec = state_get(s, slot);
    struct state_rec want = rec_of(rec->phase);
    assert_memory_equal(rec, &want, sizeof(want));
    assert_true(rec->phase >= *last);
    *last = rec->phase;
}

static void test_a_crash_at_any_instruction_leaves_every_record_whole(void **ctx)
{
    (void)ctx;
    struct state *s = make();
    struct err e;
    uint32_t slots[2], last[2] = {0, 1};
    for (uint32_t i = 0; i < 2; i++) {
        struct state_rec rec = rec_of(i);
        slots[i] = (uint32_t)state_slot_new(s, &e);
        state_put(s, slots[i], &rec);
    }
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        commit_under_watch(s, slots);
    int status, steps = 0;
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        check_slot(s, slots[0], &last[0]);
        check_slot(s, slots[1], &last[1]);
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
        steps++;
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(steps > 500);
    assert_int_equal(last[0], 4);
    assert_int_equal(last[1], 5);
    state_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_slot_is_a_process_that_never_ran),
        cmocka_unit_test(test_last_commit_is_read_back),
        cmocka_unit_test(test_slots_keep_apart_and_are_used_again),
        cmocka_unit_test(test_cells_stay_where_they_are_when_the_state_grows),
        cmocka_unit_test(test_another_mapping_sees_the_same),
        cmocka_unit_test(test_a_spoiled_record_is_noticed),
        cmocka_unit_test(test_a_crash_at_any_instruction_leaves_every_record_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
