/* What the kernel is told about a program before its exec, beside user and descriptors: limits,
 * scheduling, capabilities. Plain values without pointers: made by the configuration, kept in a
 * generation, done by the steps of a new child. */
#ifndef CORE_ATTRS_H
#define CORE_ATTRS_H

#include <stdint.h>

#define ATTRS_LIMITS 16 /* the kernel's resources are numbered 0 to 15 */
#define ATTRS_CPUS 1024

/* Bits of set, optional and refused; bits 0 to 15 are the resource limits. */
enum attr {
    ATTR_NICE = ATTRS_LIMITS,
    ATTR_IONICE,
    ATTR_OOM,
    ATTR_CPUS,
    ATTR_CAPS,
    ATTR_AMBIENT,
    ATTR_NO_NEW_PRIVILEGES,
    ATTR_DIE_WITH_SUPD,
    ATTR_MEMORY_HIGH,
    ATTR_MEMORY_MAX,
    ATTR_READ_ONLY,
    ATTR_PRIVATE_TMP,
    ATTR_SECCOMP,
    ATTR_END,
};
#define ATTR_BIT(a) (UINT32_C(1) << (a))

struct attrs {
    uint32_t set;                    /* which of them are asked for */
    uint32_t optional;               /* which may be refused: the program starts without them */
    uint64_t limit[ATTRS_LIMITS][2]; /* soft, hard; all bits set: unlimited */
    int32_t nice;
    int32_t ionice; /* as ioprio_set(2) takes it: class << 13 | level */
    int32_t oom_score_adj;
    int32_t pad;
    uint64_t cpus[ATTRS_CPUS / 64]; /* bit n: CPU n */
    uint64_t caps, ambient;         /* bit n: capability n */
    /* What an older supd did not write; read only where its bit of set says so. */
    uint64_t memory_high, memory_max; /* bytes */
    uint32_t read_only, read_write;   /* places in its generation; 0: none */
    uint32_t filter, nfilter;         /* place and steps */
};

/* "nice", "limit_nofile": the option behind a bit. */
const char *attr_name(unsigned attr);
/* "net_bind_service", or NULL past the last that is known. */
const char *attr_cap_name(unsigned cap);
/* The number of a capability by its name, in any case, with or without "cap_"; -1: unknown. */
int attr_cap_by_name(const char *name);

#endif
