/* The agent's generation: all that supd-agent may know of the configuration, as text. It holds the
 * sections of the families and of [agent], every value expanded and canonical, and the names of the
 * processes: no command, no environment. supd passes it in a memfd; the agent reads it with the
 * same rows that the load child checked it by.
 *
 *   [SECTION<TAB>FILE<TAB>LINE       a section begins
 *   KEY<TAB>LINE<TAB>VALUE           one of its options
 *   @KEY<TAB>SECTION<TAB>USERNAME<TAB>PASSWORD[<TAB>HOSTS]    a server; KEY: what its socket is
 *                                    called (core/hand.h)
 *   !IDENTIFIER                      [supervisord] identifier=, before the servers
 *   +GROUP<TAB>PROCESS<TAB>PROGRAM<TAB>DEPENDS    a process; DEPENDS: comma separated programs
 *   ~SECTION<TAB>FILE<TAB>LINE<TAB>REGEX          ready=log: of a program, and where it stands
 *
 * All fields are escaped as on the control socket (text_escape). */
#ifndef CONF_AGENTGEN_H
#define CONF_AGENTGEN_H

#include "supervisor/conf/family.h"

/* Appends the generation of a conf without errors; nothing if no section needs the agent. */
void agentgen_write(const struct conf *c, struct str *out);

/* Has supd-agent check what the load child cannot, when it is needed and nothing else is wrong
 * (agentcheck.c); what it finds goes to the conf's errors and warnings. */
void agentcheck(struct conf *c);

/* A process as the agent knows it. */
struct agent_proc {
    const char *group, *name, *program;
    struct str_list depends; /* programs that it depends on */
};

/* A line of the program's output that this matches makes it ready. */
struct agent_pattern {
    const char *section, *program; /* "program:web", "web" */
    const char *text;
    struct pos at;
};

/* A server of Supervisor's, as the agent knows it. */
struct agent_http {
    const char *key, *section;
    const char *username, *password; /* username "": everybody may come in */
    const char *hosts;               /* names that requests may be for (core/origin.h); NULL: any */
};

/* What the agent reads back. */
struct agentgen {
    struct conf *conf; /* its items, and [agent] in conf->agent */
    const struct agent_proc *procs;
    size_t nprocs;
    const struct agent_pattern *patterns;
    size_t npatterns;
    const struct agent_http *servers;
    size_t nservers;
    const char *identifier; /* NULL without servers */
};

/* Reads n bytes of text, which stay the caller's. NULL and the reason; the caller frees the result.
 */
struct agentgen *agentgen_read(const char *text, size_t n, struct err *e);
void agentgen_free(struct agentgen **g);
/* The item [family:name], or NULL. */
const struct item *agentgen_item(const struct agentgen *g, const struct family *f,
                                 const char *name);
/* True if both items have the same options with the same values: nothing has to change. */
bool item_same(const struct item *a, const struct item *b);
/* A number that is the same for the same kind and options, also in another agent. */
uint64_t item_mark(const struct item *it);

#endif
