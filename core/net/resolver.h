/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolver.h - looks a host name up on a thread of its own, because getaddrinfo blocks for as long as it likes.
 */
#ifndef SLUICE_NET_RESOLVER_H
#define SLUICE_NET_RESOLVER_H

#include "net/address.h"
#include "net/loop.h"

#define SLUICE_RESOLVER_ADDRESSES 16

typedef struct sluice_resolver sluice_resolver;

/* Called once from the loop.  failed: 0, or what getaddrinfo said, as text in why.  The addresses come in the order in
 * which they should be tried: as the system prefers them, families taking turns (RFC 8305 section 4). */
typedef void sluice_resolver_done(void *user, int failed, const char *why, const sluice_address *addresses,
                                  size_t count);

/* That order, of what getaddrinfo gave; out has room for SLUICE_RESOLVER_ADDRESSES.  Returns how many there are. */
struct addrinfo;
size_t sluice_resolver_order(const struct addrinfo *list, uint16_t port, sluice_address *out);

/* SLUICE_ENOMEM; SLUICE_EIO: no thread to be had.  Numeric hosts need no thread. */
int sluice_resolver_new(sluice_resolver **out, sluice_loop *loop, const char *host, uint16_t port,
                        sluice_resolver_done *done, void *user, sluice_error *error);
/* Loop's thread.  done is not called any more.  Also needed after done; NULL is fine.  Never waits for the look-up. */
void sluice_resolver_free(sluice_resolver *resolver);

#endif
