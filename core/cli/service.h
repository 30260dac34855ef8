/* SPDX-License-Identifier: Apache-2.0 */
/* service.h - a server in the foreground, from its start to its end: signals, reload, and what it says of itself. */
#ifndef SLUICE_CLI_SERVICE_H
#define SLUICE_CLI_SERVICE_H

#include "cli/offers.h"

/* Serves what the line says, and the stream `own` (NULL: none) beside those of the configuration.  Where it ends after one
 * stream or session, as standard input and output want it, and there is `own`, the exit status is that of its streams.
 * Returns the exit status; what fails is said on stderr. */
int sluice_service_run(const sluice_line *line, sluice *library, const sluice_offer *own);

#endif
