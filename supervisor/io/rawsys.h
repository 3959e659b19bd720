/* System calls without libc: no errno, no cancellation, no lock. What a child that shares our
 * memory may use. All return the kernel's answer: >= 0, or -errno. */
#ifndef IO_RAWSYS_H
#define IO_RAWSYS_H

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* On every function that runs in such a child: no sanitizer, no profiler, and no loop turned into a
 * call of libc. */
#define RAW_CHILD __attribute__((no_sanitize("address", "undefined"), no_instrument_function))

#if defined(__x86_64__)
#define RAW_ASYNC 1 /* raw_clone works here */

RAW_CHILD static inline long raw_sys(long nr, long a, long b, long c, long d, long e)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    long ret;
    __asm__ volatile("syscall"
                     : "=a"(ret)
                     : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return ret;
}

/* clone or clone3 whose child starts in fn(arg) on the stack that the call names, and never
 * returns. */
static inline long raw_clone(long nr, long a, long b, long c, long d, long e, void (*fn)(void *),
                             void *arg)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register void (*r12)(void *) __asm__("r12") = fn;
    register void *r13 __asm__("r13") = arg;
    long ret;
    __asm__ volatile("syscall\n\t"
                     "test %%rax, %%rax\n\t"
                     "jnz 1f\n\t"
                     "xor %%ebp, %%ebp\n\t"
                     "mov %%r13, %%rdi\n\t"
                     "call *%%r12\n\t"
                     "hlt\n"
                     "1:"
                     : "=a"(ret)
                     : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r12), "r"(r13)
                     : "rcx", "r11", "memory", "cc");
    return ret;
}

#elif defined(__aarch64__)
#define RAW_ASYNC 1

RAW_CHILD static inline long raw_sys(long nr, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}

static inline long raw_clone(long nr, long a, long b, long c, long d, long e, void (*fn)(void *),
                             void *arg)
{
    register long x8 __asm__("x8") = nr;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register void (*x20)(void *) __asm__("x20") = fn;
    register void *x21 __asm__("x21") = arg;
    __asm__ volatile("svc #0\n\t"
                     "cbnz x0, 1f\n\t"
                     "mov x29, #0\n\t"
                     "mov x30, #0\n\t"
                     "mov x0, x21\n\t"
                     "blr x20\n\t"
                     "brk #0\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x20), "r"(x21)
                     : "memory", "cc");
    return x0;
}

#else
#define RAW_ASYNC 0 /* only fork: errno is the child's own there */

static inline long raw_sys(long nr, long a, long b, long c, long d, long e)
{
    long r = syscall(nr, a, b, c, d, e);
    return r < 0 ? -errno : r;
}
#endif

#define RAW_ARG(x) ((long)(x))
#define RAW0(nr) raw_sys(nr, 0, 0, 0, 0, 0)
#define RAW1(nr, a) raw_sys(nr, RAW_ARG(a), 0, 0, 0, 0)
#define RAW2(nr, a, b) raw_sys(nr, RAW_ARG(a), RAW_ARG(b), 0, 0, 0)
#define RAW3(nr, a, b, c) raw_sys(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), 0, 0)
#define RAW4(nr, a, b, c, d) raw_sys(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), 0)
#define RAW5(nr, a, b, c, d, e)                                                                    \
    raw_sys(nr, RAW_ARG(a), RAW_ARG(b), RAW_ARG(c), RAW_ARG(d), RAW_ARG(e))

#endif
