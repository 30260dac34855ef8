/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port_parse(const char *text, const char *whole, uint16_t *port, sluice_error *error)
{
    unsigned long value = 0;
    size_t digits = 0;
    for (; isdigit((unsigned char)text[digits]) && digits < 5; digits++)
        value = value * 10 + (unsigned long)(text[digits] - '0');
    if (digits == 0 || text[digits] || value > UINT16_MAX)
        return sluice_fail(error, SLUICE_EINVAL, "%s: the port must be a number from 0 to 65535", whole);
    *port = (uint16_t)value;
    return SLUICE_OK;
}

static bool is_host_byte(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && !strchr("/@[]\\\"", c);
}

int sluice_address_split(const char *text, uint16_t default_port, char host[SLUICE_ADDRESS_HOST], uint16_t *port,
                         sluice_error *error)
{
    const char *from = text, *to, *port_text = NULL;
    if (*text == '[') {
        from++;
        to = strchr(from, ']');
        if (!to || to == from)
            return sluice_fail(error, SLUICE_EINVAL, "%s: expected [address] or [address]:port", text);
        if (to[1] == ':')
            port_text = to + 2;
        else if (to[1])
            return sluice_fail(error, SLUICE_EINVAL, "%s: only :port may follow the bracket", text);
    } else {
        const char *colon = strchr(text, ':');
        to = text + strlen(text);
        /* More than one colon outside brackets: an IPv6 address without a port. */
        if (colon && !strchr(colon + 1, ':')) {
            to = colon;
            port_text = colon + 1;
        }
    }
    size_t bytes = (size_t)(to - from);
    if (bytes == 0 && !port_text)
        return sluice_fail(error, SLUICE_EINVAL, "an address must not be empty");
    if (bytes >= SLUICE_ADDRESS_HOST)
        return sluice_fail(error, SLUICE_EINVAL, "the host name is longer than %d bytes", SLUICE_ADDRESS_HOST - 1);
    for (size_t at = 0; at < bytes; at++)
        if (!is_host_byte(from[at]))
            return sluice_fail(error, SLUICE_EINVAL, "%s: byte %zu cannot be part of a host name", text, at + 1);
    uint16_t number = default_port;
    if (port_text) {
        int status = port_parse(port_text, text, &number, error);
        if (status != SLUICE_OK)
            return status;
    }
    memcpy(host, from, bytes);
    host[bytes] = '\0';
    *port = number;
    return SLUICE_OK;
}

/* A scope is an interface's name, or its number (RFC 4007 section 11.2).  0: there is no such interface. */
static uint32_t scope_parse(const char *text)
{
    uint32_t number = if_nametoindex(text);
    char name[IF_NAMESIZE], *end;
    if (number || !isdigit((unsigned char)*text))
        return number;
    unsigned long value = strtoul(text, &end, 10);
    return !*end && value <= UINT32_MAX && if_indextoname((uint32_t)value, name) ? (uint32_t)value : 0;
}

int sluice_address_numeric(const char *host, uint16_t port, sluice_address *out)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        return sluice_address_take((const struct sockaddr *)&v4, sizeof(v4), out);

    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    char plain[INET6_ADDRSTRLEN];
    size_t bytes = strcspn(host, "%");
    if (bytes >= sizeof(plain))
        return SLUICE_EINVAL;
    memcpy(plain, host, bytes);
    plain[bytes] = '\0';
    if (strcmp(host, "*") != 0 && *host && inet_pton(AF_INET6, plain, &v6.sin6_addr) != 1)
        return SLUICE_EINVAL;
    if (host[bytes] == '%') {
        v6.sin6_scope_id = scope_parse(host + bytes + 1);
        if (!v6.sin6_scope_id)
            return SLUICE_EINVAL;
    }
    return sluice_address_take((const struct sockaddr *)&v6, sizeof(v6), out);
}

int sluice_address_take(const struct sockaddr *from, socklen_t bytes, sluice_address *out)
{
    sluice_address address;
    memset(&address, 0, sizeof(address));
    if (bytes >= sizeof(address.of.v4) && from->sa_family == AF_INET) {
        memcpy(&address.of.v4, from, sizeof(address.of.v4));
        memset(address.of.v4.sin_zero, 0, sizeof(address.of.v4.sin_zero));
    } else if (bytes >= sizeof(address.of.v6) && from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof(v6));
        if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
            address.of.v4.sin_family = AF_INET;
            address.of.v4.sin_port = v6.sin6_port;
            memcpy(&address.of.v4.sin_addr, v6.sin6_addr.s6_addr + 12, 4);
        } else {
            address.of.v6 = v6;
            address.of.v6.sin6_flowinfo = 0;
        }
    } else {
        return SLUICE_EINVAL;
    }
    *out = address;
    return SLUICE_OK;
}

socklen_t sluice_address_give(const sluice_address *address, int family, struct sockaddr_in6 *out)
{
    memset(out, 0, sizeof(*out));
    if (address->of.any.sa_family == AF_INET && family == AF_INET) {
        memcpy(out, &address->of.v4, sizeof(address->of.v4));
        return sizeof(address->of.v4);
    }
    if (family != AF_INET6)
        return 0;
    if (address->of.any.sa_family == AF_INET6) {
        *out = address->of.v6;
        return sizeof(*out);
    }
    if (address->of.any.sa_family != AF_INET)
        return 0;
    out->sin6_family = AF_INET6;
    out->sin6_port = address->of.v4.sin_port;
    out->sin6_addr.s6_addr[10] = out->sin6_addr.s6_addr[11] = 0xff;
    memcpy(out->sin6_addr.s6_addr + 12, &address->of.v4.sin_addr, 4);
    return sizeof(*out);
}

const char *sluice_address_host(const sluice_address *address, char out[SLUICE_ADDRESS_TEXT])
{
    char plain[INET6_ADDRSTRLEN], scope[IF_NAMESIZE];
    if (address->of.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &address->of.v4.sin_addr, out, SLUICE_ADDRESS_TEXT);
    } else if (address->of.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &address->of.v6.sin6_addr, plain, sizeof(plain));
        if (address->of.v6.sin6_scope_id && if_indextoname(address->of.v6.sin6_scope_id, scope))
            snprintf(out, SLUICE_ADDRESS_TEXT, "%s%%%s", plain, scope);
        else if (address->of.v6.sin6_scope_id) /* its interface is gone */
            snprintf(out, SLUICE_ADDRESS_TEXT, "%s%%%u", plain, (unsigned)address->of.v6.sin6_scope_id);
        else
            snprintf(out, SLUICE_ADDRESS_TEXT, "%s", plain);
    } else {
        snprintf(out, SLUICE_ADDRESS_TEXT, "none");
    }
    return out;
}

const char *sluice_address_text(const sluice_address *address, char out[SLUICE_ADDRESS_TEXT])
{
    char host[SLUICE_ADDRESS_TEXT];
    sluice_address_host(address, host);
    if (sluice_address_is_none(address))
        snprintf(out, SLUICE_ADDRESS_TEXT, "none");
    else if (address->of.any.sa_family == AF_INET6)
        snprintf(out, SLUICE_ADDRESS_TEXT, "[%.70s]:%u", host, sluice_address_port(address));
    else
        snprintf(out, SLUICE_ADDRESS_TEXT, "%.70s:%u", host, sluice_address_port(address));
    return out;
}

/* The port lies at the same place in both families. */
uint16_t sluice_address_port(const sluice_address *address)
{
    return ntohs(address->of.v4.sin_port);
}

void sluice_address_port_set(sluice_address *address, uint16_t port)
{
    address->of.v4.sin_port = htons(port);
}

bool sluice_address_is_none(const sluice_address *address)
{
    return address->of.any.sa_family == AF_UNSPEC;
}

bool sluice_address_is_any(const sluice_address *address)
{
    if (address->of.any.sa_family == AF_INET)
        return address->of.v4.sin_addr.s_addr == htonl(INADDR_ANY);
    return address->of.any.sa_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&address->of.v6.sin6_addr);
}

bool sluice_address_is_loopback(const sluice_address *address)
{
    if (address->of.any.sa_family == AF_INET)
        return ntohl(address->of.v4.sin_addr.s_addr) >> 24 == 127;
    return address->of.any.sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&address->of.v6.sin6_addr);
}

bool sluice_address_same_host(const sluice_address *a, const sluice_address *b)
{
    if (a->of.any.sa_family != b->of.any.sa_family)
        return false;
    if (a->of.any.sa_family == AF_INET)
        return a->of.v4.sin_addr.s_addr == b->of.v4.sin_addr.s_addr;
    if (a->of.any.sa_family == AF_INET6)
        return IN6_ARE_ADDR_EQUAL(&a->of.v6.sin6_addr, &b->of.v6.sin6_addr)
            && a->of.v6.sin6_scope_id == b->of.v6.sin6_scope_id;
    return true;
}

bool sluice_address_equal(const sluice_address *a, const sluice_address *b)
{
    return a->of.v4.sin_port == b->of.v4.sin_port && sluice_address_same_host(a, b);
}

uint32_t sluice_address_header_bytes(const sluice_address *address)
{
    return address->of.any.sa_family == AF_INET6 ? 48 : 28;
}
