/* The nearest of several names to a word that is none of them, for "did you mean". */
#ifndef BASE_NEAR_H
#define BASE_NEAR_H

struct near {
    const char *word, *best; /* best: NULL while none is near */
    unsigned least;
};

/* Up to two letters may differ, of a short word one. The strings are kept, not copied. */
struct near near_start(const char *word);
void near_try(struct near *n, const char *name);

#endif
