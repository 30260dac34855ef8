/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's name stands in its arguments, which every user of the machine may read.  So whoever says it must be ours, too:
 * /proc/net/tcp has a line for the other end's socket, with its two addresses (in hex, as they lie in memory) and its user.
 */
#include "manager/peer.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct end {
    uint32_t address;
    unsigned port;
} end;

static bool end_of(int socket, int (*name)(int, struct sockaddr *, socklen_t *), end *out)
{
    struct sockaddr_in at = {.sin_family = AF_UNSPEC};
    socklen_t bytes = sizeof at;
    if (name(socket, (struct sockaddr *)&at, &bytes) != 0 || at.sin_family != AF_INET)
        return false;
    *out = (end){.address = at.sin_addr.s_addr, .port = ntohs(at.sin_port)};
    return true;
}

bool sluice_peer_is_ours(int socket)
{
    end here, there, local, remote;
    char line[512];
    unsigned user;
    bool ours = true, found = false;
    if (!end_of(socket, getsockname, &here) || !end_of(socket, getpeername, &there))
        return false; /* it has gone */
    FILE *list = fopen("/proc/net/tcp", "re");
    while (list != NULL && !found && fgets(line, sizeof line, list) != NULL) {
        if (sscanf(line, " %*d: %" SCNx32 ":%x %" SCNx32 ":%x %*x %*x:%*x %*x:%*x %*x %u", &local.address, &local.port,
                   &remote.address, &remote.port, &user) != 5)
            continue;
        found = local.address == there.address && local.port == there.port && remote.address == here.address &&
                remote.port == here.port;
        if (found)
            ours = user == geteuid();
    }
    if (list != NULL)
        fclose(list);
    return ours;
}
