/* What the drivers of probes share: the loop and the ports that live as long as the agent. A driver
 * that needs one more port adds it here; whoever runs probes fills it in. */
#ifndef PROBES_ENV_H
#define PROBES_ENV_H

struct loop;
struct resolve;
struct http;
struct files;
struct memfiles;
struct trusts;

struct driver_env {
    struct loop *loop;
    struct resolve *resolve; /* names, from which every driver takes its addresses */
    struct http *http;
    struct files *files; /* files read without waiting for their disks */
    struct memfiles
        *memfiles; /* those that libraries open by a path; NULL: they open them themselves */
    struct trusts *trusts; /* certificate authorities, by the file they come from */
};

#endif
