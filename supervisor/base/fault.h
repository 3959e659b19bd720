/* Places where a build for tests (SUPD_FAULTS) faults for real: each N-th time that supd comes by
 * one of them, N from SUPD_FAULT_EVERY ("7", or "1-9": each image draws its own). In every other
 * build they are nothing. */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#ifdef SUPD_FAULTS
/* From now on, in this process alone. */
void fault_begin(void);
void fault_point(const char *file, int line);
#define FAULT_POINT() fault_point(__FILE_NAME__, __LINE__)
#else
#define fault_begin() ((void)0)
#define FAULT_POINT() ((void)0)
#endif

#endif
