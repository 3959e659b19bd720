/* A typed growing array: `VEC(int) v = VEC_INIT; VEC_PUSH(&v, 3); VEC_EACH(&v, i) use(v.v[i]);`
 * Grows by mem_realloc, so pushing never fails (see mem.h). */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include "supervisor/base/mem.h"

#include <stddef.h>
#include <stdlib.h>

#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *v;                                                                                      \
        size_t n, cap;                                                                             \
    }
#define VEC_INIT                                                                                   \
    {                                                                                              \
        NULL, 0, 0                                                                                 \
    }
#define VEC_PUSH(vec, ...)                                                                         \
    do {                                                                                           \
        if ((vec)->n == (vec)->cap) {                                                              \
            (vec)->cap = (vec)->cap ? (vec)->cap * 2 : 8;                                          \
            (vec)->v = mem_realloc((vec)->v, (vec)->cap * sizeof(*(vec)->v));                      \
        }                                                                                          \
        (vec)->v[(vec)->n++] = (__VA_ARGS__);                                                      \
    } while (0)
#define VEC_FINI(vec)                                                                              \
    do {                                                                                           \
        free((vec)->v);                                                                            \
        (vec)->v = NULL;                                                                           \
        (vec)->n = (vec)->cap = 0;                                                                 \
    } while (0)
#define VEC_EACH(vec, i) for (size_t i = 0; i < (vec)->n; i++)

#endif
