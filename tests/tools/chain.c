/* A chain that nobody can hold: `chain FILE` leaves its session, makes FILE, ignores what can be
 * ignored, and then each process forks the next one and ends at once, until something ends it. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    setsid();
    for (int sig = 1; sig < 32; sig++)
        signal(sig, SIG_IGN);
    int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT, 0644) : -1;
    if (fd < 0)
        return 1;
    close(fd);
    for (;;) {
        int pid = fork();
        if (pid > 0)
            _exit(0);
        if (pid == 0)
            setsid();
    }
}
