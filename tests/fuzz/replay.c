/* Stands in for libFuzzer where there is only gcc: runs a fuzz target over every file of the seed
 * folders on its command line, each in a heap block of its exact size, so that ASAN sees a read
 * past the end. No seeds, or a seed that cannot be read, is a failure. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) < 0) {
        fprintf(stderr, "cannot read the seed %s: %s\n", path, strerror(errno));
        return -1;
    }
    size_t size = (size_t)ftell(f);
    rewind(f);
    uint8_t *data = malloc(size ? size : 1);
    size_t n = data ? fread(data, 1, size, f) : 0;
    fclose(f);
    if (n == size)
        LLVMFuzzerTestOneInput(data, size);
    else
        fprintf(stderr, "cannot read the seed %s: short read\n", path);
    free(data);
    return n == size ? 0 : -1;
}

static int is_seed(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* the number of seeds replayed, or -1 */
static int replay_folder(const char *folder)
{
    struct dirent **entries;
    int n = scandir(folder, &entries, is_seed, alphasort), failed = 0;
    if (n < 0) {
        fprintf(stderr, "cannot list the seeds in %s: %s\n", folder, strerror(errno));
        return -1;
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (!failed)
            failed = replay_file(path);
        free(entries[i]);
    }
    free(entries);
    return failed ? -1 : n;
}

int main(int argc, char **argv)
{
    int total = 0;
    for (int i = 1; i < argc; i++) {
        int n = replay_folder(argv[i]);
        if (n < 0)
            return 1;
        total += n;
    }
    printf("%d seeds replayed\n", total);
    if (total == 0)
        fprintf(stderr, "no seeds: a fuzz target needs at least one file under tests/fuzz/seeds\n");
    return total == 0;
}
