/* A flood of orphans: `flood` makes children that leave a child and end, as fast as it can, each of
 * which becomes a zombie of whoever reaps orphans, until a signal ends it. */
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    for (;;) {
        int pid = fork();
        if (pid == 0) {
            for (int i = 0; i < 8 && fork() > 0; i++)
                continue;
            _exit(0);
        }
        if (pid < 0)
            usleep(1000);
        else
            waitpid(pid, NULL, 0);
    }
}
