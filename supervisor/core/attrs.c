/* The names of what the kernel is told about a program. */
#include "supervisor/core/attrs.h"

#include <stddef.h>
#include <strings.h>
#include <sys/resource.h>

static const char *const names[ATTR_END] = {
    [RLIMIT_CPU] = "limit_cpu",
    [RLIMIT_FSIZE] = "limit_fsize",
    [RLIMIT_DATA] = "limit_data",
    [RLIMIT_STACK] = "limit_stack",
    [RLIMIT_CORE] = "limit_core",
    [RLIMIT_RSS] = "limit_rss",
    [RLIMIT_NPROC] = "limit_nproc",
    [RLIMIT_NOFILE] = "limit_nofile",
    [RLIMIT_MEMLOCK] = "limit_memlock",
    [RLIMIT_AS] = "limit_as",
    [RLIMIT_LOCKS] = "limit_locks",
    [RLIMIT_SIGPENDING] = "limit_sigpending",
    [RLIMIT_MSGQUEUE] = "limit_msgqueue",
    [RLIMIT_NICE] = "limit_nice",
    [RLIMIT_RTPRIO] = "limit_rtprio",
    [RLIMIT_RTTIME] = "limit_rttime",
    [ATTR_NICE] = "nice",
    [ATTR_IONICE] = "ionice",
    [ATTR_OOM] = "oom_score_adj",
    [ATTR_CPUS] = "cpu_affinity",
    [ATTR_CAPS] = "capabilities",
    [ATTR_AMBIENT] = "ambient_capabilities",
    [ATTR_NO_NEW_PRIVILEGES] = "no_new_privileges",
    [ATTR_DIE_WITH_SUPD] = "die_with_supd",
    [ATTR_MEMORY_HIGH] = "memory_high",
    [ATTR_MEMORY_MAX] = "memory_max",
    [ATTR_READ_ONLY] = "read_only_paths",
    [ATTR_PRIVATE_TMP] = "private_tmp",
    [ATTR_SECCOMP] = "seccomp",
};

/* in the order of their numbers, capabilities(7) */
static const char *const caps[] = {
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
};
enum { NCAPS = sizeof(caps) / sizeof(caps[0]) };

const char *attr_name(unsigned attr)
{
    return attr < ATTR_END ? names[attr] : NULL;
}

const char *attr_cap_name(unsigned cap)
{
    return cap < NCAPS ? caps[cap] : NULL;
}

int attr_cap_by_name(const char *name)
{
    if (strncasecmp(name, "cap_", 4) == 0)
        name += 4;
    for (int i = 0; i < NCAPS; i++) {
        if (strcasecmp(name, caps[i]) == 0)
            return i;
    }
    return -1;
}
