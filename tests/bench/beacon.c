/* A program to supervise, as small as it can be: `beacon BOARD ROW` writes the time and its pid to
 * its row of the board and then waits for a signal. The clock of a measured start is thus that of
 * the program itself, not of the supervisor or of the measuring script. */
#include "board.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    int fd = open(argv[1], O_WRONLY | O_CLOEXEC);
    struct board_row row = {.ns = board_now(), .pid = getpid()};
    if (fd < 0 || pwrite(fd, &row, sizeof(row), atol(argv[2]) * (off_t)sizeof(row)) != sizeof(row))
        return 1;
    close(fd);
    for (;;)
        pause();
}
