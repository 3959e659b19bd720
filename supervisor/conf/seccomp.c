/* Reads a profile and gives its rules to libseccomp. That is opened by name: PID 1 links nothing
 * but libc, and only the load child of a configuration with seccomp= ever needs it. */
#include "supervisor/conf/seccomp.h"

#include "supervisor/base/fd.h"
#include "supervisor/base/text.h"
#include "supervisor/base/vec.h"
#include "supervisor/conf/jsonread.h"
#include "supervisor/core/attrs.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define LIBRARY "libseccomp.so.2"

/* As the library has them: its interface is fixed by that number. */
struct compare {
    unsigned arg;
    int op;
    uint64_t a, b;
};
struct library {
    void *(*init)(uint32_t action);
    void (*release)(void *ctx);
    uint32_t (*arch_named)(const char *name);
    int (*arch_add)(void *ctx, uint32_t arch);
    int (*call_named)(const char *name);
    int (*rule_add)(void *ctx, uint32_t action, int call, unsigned n, const struct compare *v);
    int (*export)(const void *ctx, int fd);
};

static const struct {
    const char *name;
    size_t at;
} symbols[] = {
    {"seccomp_init", offsetof(struct library, init)},
    {"seccomp_release", offsetof(struct library, release)},
    {"seccomp_arch_resolve_name", offsetof(struct library, arch_named)},
    {"seccomp_arch_add", offsetof(struct library, arch_add)},
    {"seccomp_syscall_resolve_name", offsetof(struct library, call_named)},
    {"seccomp_rule_add_array", offsetof(struct library, rule_add)},
    {"seccomp_export_bpf", offsetof(struct library, export)},
};

static int open_library(struct library *lib, struct err *e)
{
    void *so = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!so)
        return err_set(e, "it needs " LIBRARY ", which is not there (Debian: libseccomp2)");
    for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
        void *p = dlsym(so, symbols[i].name);
        if (!p)
            return err_set(e, LIBRARY " has no %s", symbols[i].name);
        memcpy((char *)lib + symbols[i].at, &p, sizeof(p));
    }
    return 0;
}

int seccomp_library(struct err *e)
{
    struct library lib;
    return open_library(&lib, e);
}

/* One compilation. */
struct work {
    struct arena *a;
    struct library lib;
    void *ctx;
    uint64_t caps;
    uint32_t fallback; /* the default action */
    struct str *unknown;
    unsigned line; /* where the fault is */
    struct err *e;
};

/* what is wrong: "about: text" */
static int fault(struct work *w, const struct json *at, const char *about, const char *text)
{
    w->line = at ? at->line : w->line;
    return err_set(w->e, "%s: %s", about, text);
}

/* ---- words of a profile ---- */

struct word {
    const char *name;
    uint32_t value;
};

static const struct word actions[] = {
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE},
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS},
};
static const struct word operators[] = {
    {"SCMP_CMP_NE", 1}, {"SCMP_CMP_LT", 2}, {"SCMP_CMP_LE", 3},        {"SCMP_CMP_EQ", 4},
    {"SCMP_CMP_GE", 5}, {"SCMP_CMP_GT", 6}, {"SCMP_CMP_MASKED_EQ", 7},
};
#define COUNT(v) (sizeof(v) / sizeof((v)[0]))

#if defined(__x86_64__)
#define ARCH "SCMP_ARCH_X86_64"
#define GOARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "SCMP_ARCH_AARCH64"
#define GOARCH "arm64"
#else
#define ARCH ""
#define GOARCH ""
#endif

static bool find_word(const struct word *v, size_t n, const char *name, uint32_t *out)
{
    for (size_t i = 0; name && i < n; i++) {
        if (strcmp(v[i].name, name) != 0)
            continue;
        *out = v[i].value;
        return true;
    }
    return false;
}

/* The action that member key of v names, with its errno from another member. */
static int read_action(struct work *w, const struct json *v, const char *key, const char *errno_key,
                       uint32_t *out)
{
    const char *name = json_text_of(v, key);
    const struct json *at = json_get(v, key), *number = json_get(v, errno_key);
    uint64_t n = EPERM;
    if (!name)
        return fault(w, v, key, "it is missing");
    if (strcmp(name, "SCMP_ACT_NOTIFY") == 0)
        return fault(w, at, name, "nobody is there to be notified");
    if (!find_word(actions, COUNT(actions), name, out))
        return fault(w, at, name, "this is no action, as SCMP_ACT_ERRNO is one");
    if (number && (!json_uint(number, &n) || n > 4095))
        return fault(w, number, errno_key, "this is no errno");
    if (*out == SECCOMP_RET_ERRNO || *out == SECCOMP_RET_TRACE)
        *out |= (uint32_t)n;
    return 0;
}

/* ---- which rules apply here ---- */

static bool holds(const struct json *list, const char *text)
{
    for (const struct json *v = list ? list->first : NULL; v; v = v->next) {
        if (v->kind == JSON_TEXT && strcmp(v->text, text) == 0)
            return true;
    }
    return false;
}

static bool has_cap(const struct work *w, const struct json *v)
{
    int cap = v->kind == JSON_TEXT ? attr_cap_by_name(v->text) : -1;
    return cap >= 0 && (w->caps >> cap & 1);
}

/* "4.8": whether the kernel is that new */
static bool kernel_is(const char *least)
{
    struct utsname u;
    unsigned want[2] = {0}, have[2] = {0};
    if (sscanf(least, "%u.%u", &want[0], &want[1]) < 1 || uname(&u) < 0 ||
        sscanf(u.release, "%u.%u", &have[0], &have[1]) < 1)
        return false;
    return have[0] != want[0] ? have[0] > want[0] : have[1] >= want[1];
}

static bool included(const struct work *w, const struct json *in)
{
    const struct json *caps = json_get(in, "caps"), *arches = json_get(in, "arches");
    const char *kernel = json_text_of(in, "minKernel");
    for (const struct json *v = caps ? caps->first : NULL; v; v = v->next) {
        if (!has_cap(w, v))
            return false;
    }
    if (arches && arches->first && !holds(arches, GOARCH))
        return false;
    return !kernel || kernel_is(kernel);
}

static bool excluded(const struct work *w, const struct json *ex)
{
    const struct json *caps = json_get(ex, "caps");
    const char *kernel = json_text_of(ex, "minKernel");
    for (const struct json *v = caps ? caps->first : NULL; v; v = v->next) {
        if (has_cap(w, v))
            return true;
    }
    return holds(json_get(ex, "arches"), GOARCH) || (kernel && kernel_is(kernel));
}

/* ---- rules ---- */

enum { ARGS_MAX = 6 };

static int read_arg(struct work *w, const struct json *v, struct compare *out)
{
    uint64_t index = ARGS_MAX;
    uint32_t op;
    const struct json *two = json_get(v, "valueTwo");
    *out = (struct compare){0};
    if (!json_uint(json_get(v, "index"), &index) || index >= ARGS_MAX ||
        !json_uint(json_get(v, "value"), &out->a) || (two && !json_uint(two, &out->b)))
        return fault(w, v, "args", "an index from 0 to 5 and whole numbers are wanted");
    if (!find_word(operators, COUNT(operators), json_text_of(v, "op"), &op))
        return fault(w, v, "args", "there is no op, as SCMP_CMP_EQ is one");
    out->arg = (unsigned)index;
    out->op = (int)op;
    return 0;
}

static int add_rule(struct work *w, const struct json *at, const char *name, uint32_t action,
                    const struct compare *args, unsigned n)
{
    int call = w->lib.call_named(name);
    if (call == -1) {
        str_printf(w->unknown, "%s%s", w->unknown->len ? ", " : "", name);
        return 0;
    }
    int r = w->lib.rule_add(w->ctx, action, call, n, args);
    if (r == -EINVAL || r == -EEXIST)
        return fault(w, at, name, "this contradicts another rule");
    return r < 0 ? fault(w, at, name, "libseccomp refuses the rule") : 0;
}

/* Several comparisons of one argument are alternatives, as the runtimes have it; of different ones
 * all have to hold. */
static int add_with_args(struct work *w, const struct json *at, const char *name, uint32_t action,
                         const struct compare *v, unsigned n)
{
    bool twice = false;
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < i; k++)
            twice |= v[i].arg == v[k].arg;
    }
    if (!twice)
        return add_rule(w, at, name, action, v, n);
    for (unsigned i = 0; i < n; i++) {
        if (add_rule(w, at, name, action, v + i, 1) < 0)
            return -1;
    }
    return 0;
}

static int read_rule(struct work *w, const struct json *v)
{
    struct compare args[ARGS_MAX];
    unsigned n = 0;
    uint32_t action;
    const struct json *names = json_get(v, "names"), *list = json_get(v, "args");
    const char *name = json_text_of(v, "name");
    if (!included(w, json_get(v, "includes")) || excluded(w, json_get(v, "excludes")))
        return 0;
    if (read_action(w, v, "action", "errnoRet", &action) < 0)
        return -1;
    if (action == w->fallback)
        return 0;
    for (const struct json *one = list ? list->first : NULL; one; one = one->next) {
        if (n == ARGS_MAX)
            return fault(w, one, "args", "there are more than 6");
        if (read_arg(w, one, &args[n++]) < 0)
            return -1;
    }
    if (name && add_with_args(w, v, name, action, args, n) < 0)
        return -1;
    for (const struct json *one = names ? names->first : NULL; one; one = one->next) {
        if (one->kind != JSON_TEXT || add_with_args(w, one, one->text, action, args, n) < 0)
            return one->kind == JSON_TEXT ? -1 : fault(w, one, "names", "texts are wanted");
    }
    return name || names ? 0 : fault(w, v, "names", "it is missing");
}

/* ---- the profile ---- */

/* "SCMP_ARCH_X86": the library has it as "x86". One that it does not know is none of this machine.
 */
static int add_arch(struct work *w, const struct json *v)
{
    static const char prefix[] = "SCMP_ARCH_";
    char name[24];
    size_t n = 0, m = sizeof(prefix) - 1;
    if (v->kind != JSON_TEXT || strncmp(v->text, prefix, m) != 0)
        return fault(w, v, "architectures", "a text such as SCMP_ARCH_X86 is wanted");
    for (const char *p = v->text + m; *p && n < sizeof(name) - 1; p++)
        name[n++] = (char)(*p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p);
    name[n] = '\0';
    uint32_t arch = w->lib.arch_named(name);
    int r = arch ? w->lib.arch_add(w->ctx, arch) : 0;
    return r < 0 && r != -EEXIST && r != -EDOM ? fault(w, v, v->text, "libseccomp refuses it") : 0;
}

static int add_arches(struct work *w, const struct json *list)
{
    for (const struct json *v = list ? list->first : NULL; v; v = v->next) {
        if (add_arch(w, v) < 0)
            return -1;
    }
    return 0;
}

/* Either a list, or a map from each machine to what else runs there. */
static int read_arches(struct work *w, const struct json *top)
{
    const struct json *map = json_get(top, "archMap");
    if (add_arches(w, json_get(top, "architectures")) < 0)
        return -1;
    for (const struct json *v = map ? map->first : NULL; v; v = v->next) {
        const char *name = json_text_of(v, "architecture");
        if (name && strcmp(name, ARCH) == 0 && add_arches(w, json_get(v, "subArchitectures")) < 0)
            return -1;
    }
    return 0;
}

static int read_profile(struct work *w, const struct json *top)
{
    const struct json *rules = json_get(top, "syscalls");
    if (top->kind != JSON_OBJECT)
        return fault(w, top, "this is no profile", "an object is wanted");
    if (read_action(w, top, "defaultAction", "defaultErrnoRet", &w->fallback) < 0)
        return -1;
    w->ctx = w->lib.init(w->fallback);
    if (!w->ctx)
        return fault(w, top, "defaultAction", "libseccomp refuses it");
    if (read_arches(w, top) < 0)
        return -1;
    if (rules && rules->kind != JSON_LIST)
        return fault(w, rules, "syscalls", "a list is wanted");
    for (const struct json *v = rules ? rules->first : NULL; v; v = v->next) {
        if (read_rule(w, v) < 0)
            return -1;
    }
    return 0;
}

static int take_code(struct work *w, struct seccomp_filter *out)
{
    int fd = fd_memory("seccomp", false);
    if (fd < 0)
        return err_errno(w->e, errno, "no memory for the filter");
    int r = w->lib.export(w->ctx, fd);
    off_t size = r < 0 ? 0 : lseek(fd, 0, SEEK_END);
    char *code = arena_alloc(w->a, size > 0 ? (size_t)size : 1);
    if (r < 0 || size <= 0 || pread(fd, code, (size_t)size, 0) != size)
        r = err_set(w->e, "libseccomp cannot make a filter of it");
    else if ((size_t)size / sizeof(struct sock_filter) > BPF_MAXINSNS)
        r = err_set(w->e, "its filter is longer than the %d steps that the kernel takes",
                    BPF_MAXINSNS);
    *out = (struct seccomp_filter){code, (size_t)size / sizeof(struct sock_filter)};
    close(fd);
    return r < 0 ? -1 : 0;
}

int seccomp_compile(struct arena *a, const struct seccomp_request *rq, struct seccomp_filter *out,
                    struct str *unknown, unsigned *out_line, struct err *e)
{
    struct work w = {.a = a, .caps = rq->caps, .unknown = unknown, .e = e};
    const struct json *top = json_read(a, rq->text, rq->n, out_line, e);
    if (!top)
        return -1;
    *out_line = 0;
    if (open_library(&w.lib, e) < 0)
        return -1;
    int r = read_profile(&w, top);
    *out_line = w.line;
    if (r == 0)
        r = take_code(&w, out);
    if (w.ctx)
        w.lib.release(w.ctx);
    return r;
}
