/* SPDX-License-Identifier: Apache-2.0 */
/* haul.h - one stream of a client, from the connection to its one line on failure, as send, recv and run need it. */
#ifndef SLUICE_CLI_HAUL_H
#define SLUICE_CLI_HAUL_H

#include "cli/order.h"

typedef struct sluice_haul {
    bool push;           /* the place is a source, else a sink */
    const char *place;   /* as of sluice_stream_pour */
    const char *address; /* of the server */
    const char *stream;  /* its name; NULL: the one in the address */
} sluice_haul;

/* Returns the exit status.  settings: of table TRANSFER; name: of the INI's session, or NULL.  What fails is said on stderr. */
int sluice_haul_run(sluice_orders *orders, const sluice_settings *settings, const char *name, const sluice_haul *haul);

#endif
