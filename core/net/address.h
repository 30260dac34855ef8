/* SPDX-License-Identifier: Apache-2.0 */
/*
 * address.h - internet addresses as text and as socket addresses.
 *
 * An address is kept in its plain form: an IPv4 address is AF_INET, never an IPv4-mapped IPv6 address, so that two
 * addresses of one peer compare equal however it was heard of.  A zeroed address is "none".  Any thread.
 */
#ifndef SLUICE_NET_ADDRESS_H
#define SLUICE_NET_ADDRESS_H

#include <netinet/in.h>
#include <sluice/status.h>
#include <sluice/types.h>
#include <sys/socket.h>

#define SLUICE_ADDRESS_TEXT 80  /* room for "[v6%scope]:port" and its NUL */
#define SLUICE_ADDRESS_HOST 256 /* room for a host name and its NUL */

typedef struct sluice_address {
    union {
        struct sockaddr any; /* sa_family 0: none */
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } of;
} sluice_address;

/* "host", "host:port", "[v6]", "[v6]:port", "v6" (more than one colon, no port) and ":port" (empty host) become host
 * and port; default_port where none is given.  SLUICE_EINVAL with a sentence: empty or overlong host, port not in 0 to
 * 65535, unbalanced brackets, bytes that no host has (blanks, '/', '@', controls). */
int sluice_address_split(const char *text, uint16_t default_port, char host[SLUICE_ADDRESS_HOST], uint16_t *port,
                         sluice_error *error);

/* A numeric host ("127.0.0.1", "::1", "fe80::1%eth0", "fe80::1%2"; "" and "*" are [::]) becomes an address, without any
 * look-up.  SLUICE_EINVAL: not numeric. */
int sluice_address_numeric(const char *host, uint16_t port, sluice_address *out);

/* From what the kernel gave; IPv4-mapped becomes IPv4.  SLUICE_EINVAL: another family, or too short. */
int sluice_address_take(const struct sockaddr *from, socklen_t bytes, sluice_address *out);

/* For the kernel, for a socket of the family: on AF_INET6 sockets an IPv4 address becomes IPv4-mapped.  Returns the
 * length, or 0 if the address cannot be said in that family. */
socklen_t sluice_address_give(const sluice_address *address, int family, struct sockaddr_in6 *out);

/* "192.0.2.1:33001" or "[2001:db8::1]:33001"; "none".  Returns out. */
const char *sluice_address_text(const sluice_address *address, char out[SLUICE_ADDRESS_TEXT]);
/* The same without the port and the brackets. */
const char *sluice_address_host(const sluice_address *address, char out[SLUICE_ADDRESS_TEXT]);

uint16_t sluice_address_port(const sluice_address *address);
void sluice_address_port_set(sluice_address *address, uint16_t port);

bool sluice_address_is_none(const sluice_address *address);
bool sluice_address_is_any(const sluice_address *address);      /* 0.0.0.0 or :: */
bool sluice_address_is_loopback(const sluice_address *address); /* 127.0.0.0/8 or ::1 */
bool sluice_address_equal(const sluice_address *a, const sluice_address *b); /* family, address, scope and port */
bool sluice_address_same_host(const sluice_address *a, const sluice_address *b); /* the same without the port */

/* Bytes of IP and UDP header in front of a datagram to or from there: 28 or 48. */
uint32_t sluice_address_header_bytes(const sluice_address *address);

#endif
