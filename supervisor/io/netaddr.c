/* Internet addresses as values and as text. */
#include "supervisor/io/netaddr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* the number of the interface behind '%'; 0: there is none of that name */
static unsigned zone_index(const char *zone)
{
    return zone ? if_nametoindex(zone + 1) : 0;
}

bool netaddr_parse(const char *text, unsigned port, struct netaddr *out)
{
    char buf[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
    size_t n = strlen(text);
    if (n > 1 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n >= sizeof(buf))
        return false;
    memcpy(buf, text, n);
    buf[n] = '\0';
    char *zone = strchr(buf, '%');
    unsigned index = zone_index(zone);
    if (zone)
        *zone = '\0';
    memset(out, 0, sizeof(*out));
    if (!zone && inet_pton(AF_INET, buf, &out->in.sin_addr) == 1) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons((uint16_t)port);
        out->len = sizeof(out->in);
        return true;
    }
    if (inet_pton(AF_INET6, buf, &out->in6.sin6_addr) != 1)
        return false;
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_port = htons((uint16_t)port);
    out->in6.sin6_scope_id = index;
    out->len = sizeof(out->in6);
    return true;
}

bool netaddr_from(const struct sockaddr *sa, unsigned port, struct netaddr *out)
{
    memset(out, 0, sizeof(*out));
    if (sa->sa_family == AF_INET) {
        memcpy(&out->in, sa, sizeof(out->in));
        out->in.sin_port = htons((uint16_t)port);
        out->len = sizeof(out->in);
    } else if (sa->sa_family == AF_INET6) {
        memcpy(&out->in6, sa, sizeof(out->in6));
        out->in6.sin6_port = htons((uint16_t)port);
        out->len = sizeof(out->in6);
    }
    return out->len > 0;
}

int netaddr_family(const struct netaddr *a)
{
    return !a->len ? 0 : a->sa.sa_family == AF_INET6 ? 6 : 4;
}

const char *netaddr_host(const struct netaddr *a, char *buf, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    if (a->len && a->sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->in6.sin6_addr, text, sizeof(text));
    else if (a->len)
        inet_ntop(AF_INET, &a->in.sin_addr, text, sizeof(text));
    if (a->len && a->sa.sa_family == AF_INET6 && a->in6.sin6_scope_id)
        snprintf(buf, size, "%s%%%u", text, (unsigned)a->in6.sin6_scope_id);
    else
        snprintf(buf, size, "%s", text);
    return buf;
}

const char *netaddr_text(const struct netaddr *a, char *buf, size_t size)
{
    char host[NETADDR_TEXT];
    netaddr_host(a, host, sizeof(host));
    if (a->len && a->sa.sa_family == AF_INET6)
        snprintf(buf, size, "[%s]:%u", host, ntohs(a->in6.sin6_port));
    else
        snprintf(buf, size, "%s:%u", host, a->len ? ntohs(a->in.sin_port) : 0);
    return buf;
}

uint32_t netaddr_hash(const struct netaddr *a)
{
    const uint8_t *p = a->sa.sa_family == AF_INET ? (const uint8_t *)&a->in.sin_addr
                                                  : (const uint8_t *)&a->in6.sin6_addr;
    size_t n = a->sa.sa_family == AF_INET ? 4 : 16;
    uint32_t h = 2166136261u;
    if (!netaddr_family(a))
        return 0;
    if (n == 16 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
        p += 12;
        n = 4;
    }
    for (; n; n--)
        h = (h ^ *p++) * 16777619u;
    return h;
}

bool netaddr_link_local(const struct netaddr *a)
{
    if (netaddr_family(a) != 6)
        return ntohl(a->in.sin_addr.s_addr) >> 16 == 0xa9fe;
    const struct in6_addr *in6 = &a->in6.sin6_addr;
    return IN6_IS_ADDR_LINKLOCAL(in6) ||
           (IN6_IS_ADDR_V4MAPPED(in6) && in6->s6_addr[12] == 169 && in6->s6_addr[13] == 254);
}
