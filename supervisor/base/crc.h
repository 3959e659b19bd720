/* CRC-32 (IEEE 802.3), for records in shared memory. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const void *p, size_t n);
/* Goes on from the CRC of what came before; 0 to begin. */
uint32_t crc32_add(uint32_t crc, const void *p, size_t n);

#endif
