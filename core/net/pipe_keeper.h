/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe_keeper.h - between a channel over pipes and who made the process at their other end; for core/net's own files.
 */
#ifndef SLUICE_NET_PIPE_KEEPER_H
#define SLUICE_NET_PIPE_KEEPER_H

#include "net/pipe.h"

#define SLUICE_PIPE_NOISE_TEXT 100

typedef struct sluice_pipe_keeper {
    /* The pipes are closed, with what is known here.  True: the keeper looks for a better reason, and calls
     * sluice_pipe_end.  by_peer: the other end closed them. */
    bool (*ended)(void *user, const sluice_error *error, bool by_peer);
    /* The channel is about to be freed. */
    void (*left)(void *user);
} sluice_pipe_keeper;

void sluice_pipe_keep(sluice_channel *channel, const sluice_pipe_keeper *keeper, void *user);
/* Tells the owner, who may free the channel. */
void sluice_pipe_end(sluice_channel *channel, const sluice_error *error);
/* The peer's end will say no more, though somebody holds it open. */
void sluice_pipe_cut(sluice_channel *channel);

bool sluice_pipe_has_spoken(const sluice_channel *channel);
/* What came in place of the marker, printable and cut; "": nothing.  Returns out. */
const char *sluice_pipe_noise(const sluice_channel *channel, char out[SLUICE_PIPE_NOISE_TEXT]);

#endif
