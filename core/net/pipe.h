/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe.h - a message channel over a pair of descriptors: the server's end of a session through ssh.
 *
 * The first thing on the way from the server to the client is SLUICE_PIPE_MARKER; what comes before it is noise of the
 * remote shell, of which the client skips up to SLUICE_PIPE_NOISE bytes.
 */
#ifndef SLUICE_NET_PIPE_H
#define SLUICE_NET_PIPE_H

#include "net/channel.h"

#define SLUICE_PIPE_NOISE 65536
#define SLUICE_PIPE_MARKER_BYTES 24
extern const uint8_t sluice_pipe_marker[SLUICE_PIPE_MARKER_BYTES]; /* "\nsluice1 " and bytes that no text has */

typedef struct sluice_pipe_setup {
    int in, out;       /* descriptors; made non-blocking; owned by the channel from here on, whatever comes of the call;
                          may be the same (a socket) */
    bool speaks_first; /* the server's end: sends the marker at once, and is ready; else it waits for the marker */
    sluice_duration timeout_ns; /* until the marker came; 0: never mind */
    const char *label;          /* for sentences: "ssh host"; copied */
} sluice_pipe_setup;

/* SLUICE_ENOMEM, SLUICE_EIO (the descriptors cannot be watched). */
int sluice_pipe_new(sluice_channel **out, sluice_loop *loop, const sluice_pipe_setup *setup,
                    const sluice_channel_calls *calls, void *user, sluice_error *error);

#endif
