/* SPDX-License-Identifier: Apache-2.0 */
/*
 * complaints.h - what a child process writes to its stderr: passed on line by line as it comes, and the last lines
 * kept, because they say why it ended.
 *
 * However much comes, so much memory is used and no more, and the loop goes on in between.
 */
#ifndef SLUICE_NET_COMPLAINTS_H
#define SLUICE_NET_COMPLAINTS_H

#include "net/loop.h"

typedef struct sluice_complaints sluice_complaints;

/* fd is owned from here on, whatever comes of the call.  said (optional) is told of each line, which ends before its
 * newline, is cut at 511 bytes, and has '?' for control characters; it may free the complaints.  SLUICE_ENOMEM,
 * SLUICE_EIO. */
int sluice_complaints_new(sluice_complaints **out, sluice_loop *loop, int fd,
                          void (*said)(void *user, const char *line), void *user, sluice_error *error);
void sluice_complaints_free(sluice_complaints *complaints); /* NULL is fine */

/* Reads what is there (at most 64 KiB), the last line also without its newline.  False: the complaints were freed. */
bool sluice_complaints_drain(sluice_complaints *complaints);

/* The line that tells most: the last one by which ssh usually says why it failed, else the last one; "": none.  Valid
 * until the next line comes. */
const char *sluice_complaints_last(const sluice_complaints *complaints);

/* True: it says that the host let us not in, or is not the one that we know. */
bool sluice_complaints_is_denial(const char *line);

#endif
