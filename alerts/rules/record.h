/* How states are written down: a fixed, pointer-free struct behind a version, its size and a CRC.
 * A record that is damaged, or of another version, is refused as a whole. */
#ifndef ALERTS_RULES_RECORD_H
#define ALERTS_RULES_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RECORD_HEAD 12 /* bytes before the struct */

/* Writes the head and n bytes of `state` into buf, which has RECORD_HEAD + n bytes. Padding in the
 * struct must have been zeroed by whoever made it. */
void record_seal(void *buf, uint16_t kind, uint16_t version, const void *state, size_t n);
/* Takes the struct of n bytes out of a record of `size` bytes; false leaves *state as it was. */
bool record_open(const void *buf, size_t size, uint16_t kind, uint16_t version, void *state,
                 size_t n);

#endif
