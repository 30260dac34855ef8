/* SPDX-License-Identifier: Apache-2.0 */
/* streaming.h - what send and recv have in common: a stream to or from a server, or, with --listen, a server of one. */
#ifndef SLUICE_CLI_STREAMING_H
#define SLUICE_CLI_STREAMING_H

#include "cli/undertaking.h"

/* The exit status of the process. */
int sluice_streaming_run(const sluice_help *help, int argc, char **argv);

#endif
