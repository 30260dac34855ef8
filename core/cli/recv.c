/* SPDX-License-Identifier: Apache-2.0 */
/* sluice recv: a stream from another machine to standard output, or a sink. */
#include "cli/command.h"
#include "cli/streaming.h"

int sluice_command_recv(int argc, char **argv)
{
    return sluice_streaming_run(&sluice_help_recv, argc, argv);
}
