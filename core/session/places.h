/* SPDX-License-Identifier: Apache-2.0 */
/*
 * places.h - where the UDP socket of a server behind ssh may be reached: its addresses, as far as this side can tell.
 *
 * Names in an ssh command need not mean anything to the resolver: they may be aliases, or lie behind a jump host.  So more than
 * one answer is gathered: the host that ssh itself would connect to, by its configuration, or the one that the user names.
 * The server's own idea comes with its welcome.  All are tried at once by the session.
 *
 * Everything belongs to the loop's thread.
 */
#ifndef SLUICE_SESSION_PLACES_H
#define SLUICE_SESSION_PLACES_H

#include "net/address.h"
#include "net/loop.h"

#define SLUICE_PLACES 6 /* kept at most */

typedef struct sluice_places sluice_places;

/* host: as the user names it; NULL: asks ssh.  settled is called once from the loop, when no more will come. */
int sluice_places_new(sluice_places **out, sluice_loop *loop, const char *host, const char *ssh, const char *target,
                      void (*settled)(void *user), void *user, sluice_error *error);
void sluice_places_free(sluice_places *places); /* NULL is fine */

/* Those that are known so far, without ports, each once. */
const sluice_address *sluice_places_known(const sluice_places *places, size_t *count);
bool sluice_places_settled(const sluice_places *places);
/* One more, such as the one of the welcome; not if the user has named the host. */
void sluice_places_add(sluice_places *places, const sluice_address *address);

#endif
