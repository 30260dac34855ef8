/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ascp_input.h - standard input of which exactly so many bytes are meant, as stdio:///NAME?SIZE says it.
 *
 * A thread stands between the real standard input and descriptor 0: it hands over that many bytes and then the end.  When
 * the input is too short no end comes, so that what there is of it is never taken for the whole.
 */
#ifndef SLUICE_CLI_ASCP_INPUT_H
#define SLUICE_CLI_ASCP_INPUT_H

#include <pthread.h>
#include <sluice/sluice.h>

typedef struct sluice_ascp_input {
    pthread_t thread;
    bool running;
    int real, to, stop;   /* the real input; the end of the pipe that is written to; an eventfd */
    uint64_t size, moved; /* moved: to be read after end only */
    bool short_of_it;     /* likewise: the input ended, or failed, too early */
    void (*ended_early)(void *user);
    void *user;
} sluice_ascp_input;

/* Descriptor 0 is another one from here on.  ended_early is called on the thread, once, if it comes to that.  EIO. */
int sluice_ascp_input_begin(sluice_ascp_input *input, uint64_t size, void (*ended_early)(void *user), void *user,
                            sluice_error *error);
/* Safe on a zeroed struct. */
void sluice_ascp_input_end(sluice_ascp_input *input);

#endif
