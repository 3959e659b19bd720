/* Tells in lines on stdout what a program finds and gets: `sigtale` first says "start pid=N pgid=N
 * sid=N fg=N mask=HEX ignored=HEX cwd=PATH", then for each signal that reaches it "signal N code=N
 * value=N", and exits with status 9 at the first USR2. `sigtale fork` has a child that does the
 * same, in its group, and says "member". `sigtale escape` has a child in a session of its own that
 * ignores TERM. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t ignored(void)
{
    uint64_t bits = 0;
    for (int sig = 1; sig <= 64; sig++) {
        struct sigaction sa;
        if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
            bits |= 1ULL << (sig - 1);
    }
    return bits;
}

static uint64_t blocked(void)
{
    sigset_t set;
    uint64_t bits = 0;
    sigprocmask(SIG_BLOCK, NULL, &set);
    for (int sig = 1; sig <= 64; sig++)
        bits |= sigismember(&set, sig) > 0 ? 1ULL << (sig - 1) : 0;
    return bits;
}

static void block_all(void)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

static void tell(const char *who)
{
    char cwd[512];
    uint64_t mask = blocked(), ign = ignored();
    block_all();
    printf("%s pid=%d pgid=%d sid=%d fg=%d mask=%llx ignored=%llx cwd=%s\n", who, getpid(),
           getpgrp(), getsid(0), tcgetpgrp(0), (unsigned long long)mask, (unsigned long long)ign,
           getcwd(cwd, sizeof(cwd)) ? cwd : "-");
    sigset_t all;
    siginfo_t si;
    sigfillset(&all);
    for (;;) {
        int sig = sigwaitinfo(&all, &si);
        if (sig > 0)
            printf("%s-signal %d code=%d value=%d\n", who, sig, si.si_code,
                   si.si_code == SI_QUEUE ? si.si_value.sival_int : 0);
        if (sig == SIGUSR2)
            exit(9);
    }
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(how, "fork") == 0 && fork() == 0)
        tell("member");
    if (strcmp(how, "escape") == 0 && fork() == 0) {
        setsid();
        tell("escaped");
    }
    tell("start");
}
