/* CRC-32, reflected polynomial 0xEDB88320, by a table of nibbles: small, and fast enough for
 * records of a hundred bytes. */
#include "supervisor/base/crc.h"

static const uint32_t nibble[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

uint32_t crc32_add(uint32_t crc, const void *p, size_t n)
{
    const unsigned char *at = p;
    crc = ~crc;
    while (n--) {
        crc ^= *at++;
        crc = nibble[crc & 15] ^ (crc >> 4);
        crc = nibble[crc & 15] ^ (crc >> 4);
    }
    return ~crc;
}

uint32_t crc32_of(const void *p, size_t n)
{
    return crc32_add(0, p, n);
}
