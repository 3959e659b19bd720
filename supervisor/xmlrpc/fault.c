/* Supervisor's fault codes. */
#include "supervisor/xmlrpc/fault.h"

#include <stddef.h>

static const struct {
    int code;
    const char *name;
} faults[] = {
#define XMLRPC_ROW(name_, code_) {code_, #name_},
    XMLRPC_FAULTS(XMLRPC_ROW)
#undef XMLRPC_ROW
};

const char *xmlrpc_fault_name(int code)
{
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
        if (faults[i].code == code)
            return faults[i].name;
    return "UNKNOWN";
}
