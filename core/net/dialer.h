/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dialer.h - makes a TCP connection to a host that may have several addresses.
 *
 * The addresses are tried in turn without waiting for each other's time-out: the next attempt starts when one fails or
 * the stagger time has passed, and the first that stands wins (RFC 8305).
 */
#ifndef SLUICE_NET_DIALER_H
#define SLUICE_NET_DIALER_H

#include "net/address.h"
#include "net/loop.h"
#include "net/resolver.h"

typedef struct sluice_dialer sluice_dialer;

/* Called once from the loop: fd is a connected, non-blocking socket that is the callee's; or -1, and why. */
typedef void sluice_dialer_done(void *user, int fd, const sluice_address *peer, const sluice_error *error);

/* Only SLUICE_ENOMEM and SLUICE_EIO are told here. */
int sluice_dialer_new(sluice_dialer **out, sluice_loop *loop, const char *host, uint16_t port,
                      sluice_duration stagger_ns, sluice_dialer_done *done, void *user, sluice_error *error);
/* The same to addresses that are known already, at most SLUICE_RESOLVER_ADDRESSES, in this order.  label: who it is,
 * for sentences.  SLUICE_ENOMEM, SLUICE_EINVAL. */
int sluice_dialer_to(sluice_dialer **out, sluice_loop *loop, const char *label, const sluice_address *addresses,
                     size_t count, sluice_duration stagger_ns, sluice_dialer_done *done, void *user,
                     sluice_error *error);
/* Gives up what is under way; also needed after done; NULL is fine. */
void sluice_dialer_free(sluice_dialer *dialer);

#endif
