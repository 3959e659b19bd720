/* Output whose every byte follows from its offset: `pattern write SEED BYTES RATE CHUNK` writes it
 * (RATE in MiB/s, 0: as fast as it goes), `pattern check SEED FILE...` reads the files one after
 * the other and says where they differ. One byte in seven of 32 is 0xFF, as binary output has. */
#include "supervisor/base/fd.h"
#include "supervisor/base/mono.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_MAX (1 << 20)

static unsigned char byte_at(uint64_t seed, uint64_t off)
{
    if ((off >> 5) % 7 == 0)
        return 0xFF;
    uint64_t x = (off >> 3) * UINT64_C(0x9E3779B97F4A7C15) + seed;
    return (unsigned char)(x >> (8 + (off & 7) * 6));
}

static void wait_until(mono_t t)
{
    struct timespec ts = {.tv_sec = t.ns / 1000000000, .tv_nsec = t.ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
        continue;
}

static int write_pattern(uint64_t seed, uint64_t bytes, uint64_t rate, uint64_t chunk)
{
    static unsigned char buf[CHUNK_MAX];
    mono_t start = mono_now();
    chunk = chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    for (uint64_t off = 0; off < bytes;) {
        uint64_t n = bytes - off < chunk ? bytes - off : chunk;
        for (uint64_t i = 0; i < n; i++)
            buf[i] = byte_at(seed, off + i);
        if (fd_write_all(1, buf, (size_t)n) < 0)
            return 1;
        off += n;
        if (rate)
            wait_until(mono_add(start, (dur_t){(int64_t)(off * 1000 / rate * 1000000 >> 20)}));
    }
    return 0;
}

static bool check_bytes(uint64_t seed, uint64_t off, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] == byte_at(seed, off + i))
            continue;
        printf("differs at offset %llu: %02x, expected %02x\n", (unsigned long long)(off + i), p[i],
               byte_at(seed, off + i));
        return false;
    }
    return true;
}

static int check_files(uint64_t seed, char **files, int nfiles)
{
    static unsigned char buf[CHUNK_MAX];
    uint64_t off = 0;
    for (int i = 0; i < nfiles; i++) {
        int fd = open(files[i], O_RDONLY);
        ssize_t n;
        while ((n = read(fd, buf, sizeof(buf))) > 0) {
            if (!check_bytes(seed, off, buf, (size_t)n)) {
                printf("in %s\n", files[i]);
                return 1;
            }
            off += (uint64_t)n;
        }
        close(fd);
    }
    printf("good %llu\n", (unsigned long long)off);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "write") == 0)
        return write_pattern(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                             strtoull(argv[4], NULL, 10), strtoull(argv[5], NULL, 10));
    if (argc > 3 && strcmp(argv[1], "check") == 0)
        return check_files(strtoull(argv[2], NULL, 10), argv + 3, argc - 3);
    fputs("usage: pattern write SEED BYTES RATE CHUNK | check SEED FILE...\n", stderr);
    return 2;
}
