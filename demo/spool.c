/* The demo's queue in a folder. */
#include "demo/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int spool_enter(const char *program, const char *folder)
{
    static const char *const parts[] = {"new", "work", "aside"};
    if (chdir(folder) < 0) {
        dprintf(2, "%s: cannot go to the spool folder %s: %s\n", program, folder, strerror(errno));
        return -1;
    }
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (mkdir(parts[i], 0755) < 0 && errno != EEXIST) {
            dprintf(2, "%s: cannot make %s/%s: %s\n", program, folder, parts[i], strerror(errno));
            return -1;
        }
    return 0;
}

int spool_look(const char *folder, char out_first[SPOOL_NAME])
{
    DIR *dir = opendir(folder);
    struct dirent *d;
    int n = 0;
    if (out_first)
        out_first[0] = '\0';
    if (!dir)
        return -1;
    while ((d = readdir(dir))) {
        size_t len = strlen(d->d_name);
        if (d->d_name[0] == '.' || len >= SPOOL_NAME)
            continue;
        n++;
        if (out_first && (!out_first[0] || strcmp(d->d_name, out_first) < 0))
            memcpy(out_first, d->d_name, len + 1);
    }
    closedir(dir);
    return n;
}

int spool_note(const char *ledger, unsigned job, uint32_t sum)
{
    char line[SPOOL_LINE + 1];
    int n = snprintf(line, sizeof(line), "%08u %08x\n", job % 100000000, sum);
    int fd = open(ledger, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return -1;
    ssize_t put = write(fd, line, (size_t)n);
    close(fd);
    return put == n ? 0 : -1;
}

int64_t spool_count(const char *ledger)
{
    struct stat st;
    return stat(ledger, &st) < 0 ? 0 : (int64_t)st.st_size / SPOOL_LINE;
}

bool spool_parse(const char *name, unsigned *out_job, unsigned *out_deaths)
{
    return sscanf(name, "%8u.%1u", out_job, out_deaths) == 2;
}
