/* SPDX-License-Identifier: Apache-2.0 */
/* peer.h - who is at the other end of a connection within this machine. */
#ifndef SLUICE_MANAGER_PEER_H
#define SLUICE_MANAGER_PEER_H

#include <stdbool.h>

/* Whether the process at the other end of a TCP connection over IPv4's loopback runs as our user, as the kernel lists it.
 * True where the kernel lists nothing. */
bool sluice_peer_is_ours(int socket);

#endif
