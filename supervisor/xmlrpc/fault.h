/* Supervisor's fault codes, as its clients know them. */
#ifndef XMLRPC_FAULT_H
#define XMLRPC_FAULT_H

#define XMLRPC_FAULTS(X)                                                                           \
    X(UNKNOWN_METHOD, 1)                                                                           \
    X(INCORRECT_PARAMETERS, 2)                                                                     \
    X(BAD_ARGUMENTS, 3)                                                                            \
    X(SIGNATURE_UNSUPPORTED, 4)                                                                    \
    X(SHUTDOWN_STATE, 6)                                                                           \
    X(BAD_NAME, 10)                                                                                \
    X(BAD_SIGNAL, 11)                                                                              \
    X(NO_FILE, 20)                                                                                 \
    X(NOT_EXECUTABLE, 21)                                                                          \
    X(FAILED, 30)                                                                                  \
    X(ABNORMAL_TERMINATION, 40)                                                                    \
    X(SPAWN_ERROR, 50)                                                                             \
    X(ALREADY_STARTED, 60)                                                                         \
    X(NOT_RUNNING, 70)                                                                             \
    X(SUCCESS, 80)                                                                                 \
    X(ALREADY_ADDED, 90)                                                                           \
    X(STILL_RUNNING, 91)                                                                           \
    X(CANT_REREAD, 92)

enum xmlrpc_fault {
#define XMLRPC_ENUM(name, code) XMLRPC_##name = code,
    XMLRPC_FAULTS(XMLRPC_ENUM)
#undef XMLRPC_ENUM
};

/* "BAD_NAME"; "UNKNOWN" for a code that is none of these. */
const char *xmlrpc_fault_name(int code);

#endif
