/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow.h - bytes through a descriptor that may keep one waiting: a pipe, a terminal, a socket, a device.  Shared by the
 * sources and sinks `stdio` and `command`.
 *
 * Every call waits until something can be done, or until the bell is rung.  Whether the descriptor is non-blocking is its
 * other users' affair (it may be the terminal's, or standard output of a whole pipeline): both kinds work, and the flag
 * stays as it is.
 */
#ifndef SLUICE_PLUGINS_FLOW_H
#define SLUICE_PLUGINS_FLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/* Ends waiting for good: once it was rung it stays so. */
typedef struct sluice_bell {
    int fd;
} sluice_bell;

int sluice_bell_init(sluice_bell *bell); /* 0 or an errno value */
void sluice_bell_fini(sluice_bell *bell);
void sluice_bell_ring(const sluice_bell *bell); /* any thread; does not block */
/* Waits for so long at most; true: it was rung. */
bool sluice_bell_wait(const sluice_bell *bell, int milliseconds);

/* These return bytes or a negative errno value; -ECANCELED when the bell was rung. */

/* What there is, at least a byte; 0 at the end. */
int64_t sluice_flow_read(int fd, const sluice_bell *bell, const struct iovec *buffers, int count);
/* All of it.  *done counts what was written, when it fails as well. */
int64_t sluice_flow_write(int fd, const sluice_bell *bell, const struct iovec *buffers, int count, uint64_t *done);

/* Opens a path to write, as the shell's `>` does it, and waits for the reader of a named pipe.  A descriptor or a negative
 * errno value; -ECANCELED when the bell was rung. */
int sluice_flow_create(const char *path, const sluice_bell *bell);

/* Room for a megabyte in a pipe, where the system allows that: fewer turns of both ends. */
void sluice_flow_widen(int fd);

#endif
