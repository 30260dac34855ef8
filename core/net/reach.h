/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reach.h - tries every address of a host by TCP, all at once, and tells of each what became of it.
 *
 * A dialer is content with the first one that stands; this is for who wants to know about the others.  Nothing is sent;
 * what stands is closed.
 */
#ifndef SLUICE_NET_REACH_H
#define SLUICE_NET_REACH_H

#include "net/address.h"
#include "net/loop.h"

#define SLUICE_REACH_ADDRESSES 16

typedef struct sluice_reach sluice_reach;

typedef struct sluice_reach_result {
    sluice_address address;
    int errnum; /* 0: a connection stood; ETIMEDOUT: nothing answered in time; else what the system said */
    sluice_duration took_ns;
} sluice_reach_result;

/* Called once from the loop; the results are gone when the call returns. */
typedef void sluice_reach_done(void *user, const sluice_reach_result *results, size_t count);

/* Addresses have their port; count is 1 to SLUICE_REACH_ADDRESSES.  SLUICE_ENOMEM. */
int sluice_reach_new(sluice_reach **out, sluice_loop *loop, const sluice_address *addresses, size_t count,
                     sluice_duration patience_ns, sluice_reach_done *done, void *user, sluice_error *error);
void sluice_reach_free(sluice_reach *reach); /* gives up what is under way; NULL is fine */

#endif
