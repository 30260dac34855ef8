/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server_stdio.c - a server for one client, over standard input and output: the far end of a session through ssh.
 *
 * The client has been authenticated by sshd and is the user that this program runs as.  Its UDP goes beside ssh, to the
 * first free port of the range that the client names.
 */
#include "net/pipe.h"
#include "session/guest.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* SSH_CONNECTION: the client's address and port, then ours.  Without it (another program than sshd has started us) there is
 * nobody to send to first, and the client must know by itself where we are. */
static void read_connection(sluice_server *server)
{
    char peer[64], local[64];
    const char *text = getenv("SSH_CONNECTION");
    sluice_address address;
    if (!text || sscanf(text, "%63s %*s %63s %*s", peer, local) != 2)
        return;
    (void)sluice_address_numeric(peer, 0, &server->ssh_peer);
    if (sluice_address_numeric(local, 0, &address) == SLUICE_OK)
        snprintf(server->ssh_local, sizeof server->ssh_local, "%s", local);
}

/* Copies of the descriptors, which belong to the whole program. */
static int copy_descriptors(sluice_pipe_setup *setup, sluice_error *error)
{
    setup->in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    setup->out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (setup->in >= 0 && setup->out >= 0)
        return SLUICE_OK;
    int status = sluice_fail(error, SLUICE_EIO, "standard input and output cannot be used: %s", strerror(errno));
    if (setup->in >= 0)
        close(setup->in);
    if (setup->out >= 0)
        close(setup->out);
    return status;
}

int sluice_server_stdio_open(sluice_server *server, sluice_error *error)
{
    char label[SLUICE_ADDRESS_TEXT + 16];
    sluice_pipe_setup setup = {.speaks_first = true, .label = label};
    sluice_channel *channel;
    read_connection(server);
    sluice_server_stdio_peer(server, label);
    int status = copy_descriptors(&setup, error);
    if (status == SLUICE_OK)
        status = sluice_pipe_new(&channel, server->loop, &setup, NULL, NULL, error);
    if (status != SLUICE_OK)
        return status;
    sluice_guest_accept(server, channel);
    return server->guests ? SLUICE_OK : sluice_fail(error, SLUICE_ENOMEM, "out of memory for a session");
}

void sluice_server_stdio_peer(const sluice_server *server, char out[SLUICE_ADDRESS_TEXT + 16])
{
    char host[SLUICE_ADDRESS_TEXT];
    if (sluice_address_is_none(&server->ssh_peer))
        snprintf(out, SLUICE_ADDRESS_TEXT + 16, "ssh client");
    else
        snprintf(out, SLUICE_ADDRESS_TEXT + 16, "ssh client at %s", sluice_address_host(&server->ssh_peer, host));
}

int sluice_server_udp(sluice_server *server, const sluice_hello_message *hello, sluice_error *error)
{
    sluice_datagram_setup setup = {.buffer_bytes = server->serve->udp_buffer,
                                   .segment_off = !server->serve->udp_offload,
                                   .coalesce_off = !server->serve->udp_offload};
    if (server->datagram)
        return SLUICE_OK;
    if (!hello->has_ports || hello->port_least == 0 || hello->port_most > 65535 || hello->port_least > hello->port_most)
        return sluice_fail(error, SLUICE_EPROTOCOL, "the client names no UDP ports");
    setup.sieve = true; /* which lanes need; strangers are few here */
    setup.port_least = (uint16_t)hello->port_least;
    setup.port_most = (uint16_t)hello->port_most;
    int status = sluice_datagram_new(&server->datagram, server->loop, &setup, error);
    if (status == SLUICE_ECONNECT)
        return sluice_fail(error, status, "no UDP port of %u-%u is free at the server: name others with --udp-ports",
                           (unsigned)setup.port_least, (unsigned)setup.port_most);
    if (status == SLUICE_OK)
        server->port = sluice_address_port(sluice_datagram_local(server->datagram));
    return status;
}
