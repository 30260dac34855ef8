/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_address.h - addresses as of `sluice copy`, taken apart: sluice://host[:port]/path, [user@]host:path, and all that is
 * on this machine.  Pure.
 */
#ifndef SLUICE_CLI_SHELL_ADDRESS_H
#define SLUICE_CLI_SHELL_ADDRESS_H

#include <sluice/status.h>
#include <sluice/types.h>

#define SLUICE_SHELL_HOST 256

typedef struct sluice_shell_address {
    bool remote, ssh;
    bool bare;                    /* remote, and no path stands behind the host: it is "." */
    char user[SLUICE_SHELL_HOST]; /* of ssh; "": none */
    char host[SLUICE_SHELL_HOST]; /* "": one of the ticket's addresses */
    uint16_t port;                /* 0: not said */
    char *path;                   /* decoded; of one here the text as it is */
} sluice_shell_address;

/* EUSAGE with a sentence; ENOMEM.  fini in any case. */
int sluice_shell_address_parse(sluice_shell_address *address, const char *text, sluice_error *error);
void sluice_shell_address_fini(sluice_shell_address *address);

/* Whether both are places on the same machine, reached the same way. */
bool sluice_shell_address_agree(const sluice_shell_address *a, const sluice_shell_address *b);

#endif
