/* Where the helper programs are. */
#include "supervisor/conf/libexec.h"

#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

void libexec_self(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    out[n > 0 ? n : 0] = '\0';
    const char *path = (const char *)getauxval(AT_EXECFN); /* without /proc */
    if (n <= 0 && path)
        snprintf(out, size, "%s", path);
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '\0';
}

int libexec_find(const char *self_dir, const char *libexec, const char *name, char *out_path,
                 size_t size, struct err *e)
{
    char installed[512]; /* seen from bin/, so that an installed tree may be moved */
    snprintf(installed, sizeof(installed), "%s/../libexec/supd", self_dir);
    const char *folders[] = {self_dir, libexec, installed, SUPD_LIBEXECDIR "/supd"};
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        if (!folders[i] || !folders[i][0])
            continue;
        int n = snprintf(out_path, size, "%s/%s", folders[i], name);
        if (n > 0 && (size_t)n < size && access(out_path, X_OK) == 0)
            return 0;
    }
    return err_set(e, "cannot find %s in %s%s%s, %s or %s; set [supd] libexec= to its folder", name,
                   self_dir, libexec ? ", " : "", libexec ? libexec : "", installed,
                   SUPD_LIBEXECDIR "/supd");
}
