/* An internet address with its port, as a plain value. */
#ifndef IO_NETADDR_H
#define IO_NETADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct netaddr {
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    };
    socklen_t len; /* 0: none */
};

/* "192.0.2.1", "2001:db8::1", also in brackets and with a %zone; false if text is no address. */
bool netaddr_parse(const char *text, unsigned port, struct netaddr *out);
/* From a sockaddr of AF_INET or AF_INET6; false for others. */
bool netaddr_from(const struct sockaddr *sa, unsigned port, struct netaddr *out);
/* 4 or 6; 0 for none */
int netaddr_family(const struct netaddr *a);
/* FNV-1a, 32 bits, of the address without its port: the same for the same place; 0 for none */
uint32_t netaddr_hash(const struct netaddr *a);
/* 169.254.0.0/16, also mapped, or fe80::/10 */
bool netaddr_link_local(const struct netaddr *a);
/* "192.0.2.1:80", "[2001:db8::1]:80"; netaddr_host without the port (and the brackets). buf of at
 * least NETADDR_TEXT bytes; returns buf. */
#define NETADDR_TEXT 80
const char *netaddr_text(const struct netaddr *a, char *buf, size_t size);
const char *netaddr_host(const struct netaddr *a, char *buf, size_t size);

#endif
