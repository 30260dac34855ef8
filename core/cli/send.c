/* SPDX-License-Identifier: Apache-2.0 */
/* sluice send: a stream from standard input, or a source, to another machine. */
#include "cli/command.h"
#include "cli/streaming.h"

int sluice_command_send(int argc, char **argv)
{
    return sluice_streaming_run(&sluice_help_send, argc, argv);
}
