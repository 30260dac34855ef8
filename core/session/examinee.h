/* SPDX-License-Identifier: Apache-2.0 */
/*
 * examinee.h - who is to be examined, from what the user wrote: anything that copy takes as its remote side, without a
 * path as well.
 *
 *     sluice://[host[:port]]        a running server; without a host, of the ticket
 *     host  host:port  [v6]:port    the same
 *     [user@]host:  user@host       through ssh: what has an '@', or a colon that no port number follows.  A path
 * behind the [user@]host:path              colon is of no interest
 */
#ifndef SLUICE_SESSION_EXAMINEE_H
#define SLUICE_SESSION_EXAMINEE_H

#include "session/operands.h"

typedef struct sluice_examinee {
    sluice_operands server; /* target, host and port are set, nothing is owned */
    bool by_ssh;
} sluice_examinee;

/* SLUICE_EUSAGE with a sentence. */
int sluice_examinee_read(sluice_examinee *out, const char *text, sluice_error *error);

#define SLUICE_EXAMINEE_TEXT (SLUICE_ADDRESS_HOST + 32)

/* host:port, or what ssh is given: for sentences. */
void sluice_examinee_label(const sluice_examinee *examinee, char out[SLUICE_EXAMINEE_TEXT]);
/* As the beginning of an operand of copy. */
void sluice_examinee_operand(const sluice_examinee *examinee, char out[SLUICE_EXAMINEE_TEXT]);

#endif
