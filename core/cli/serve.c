/* SPDX-License-Identifier: Apache-2.0 */
/* sluice serve: a server in the foreground, of files and of the streams that its configuration names. */
#include "cli/command.h"
#include "cli/help.h"
#include "cli/service.h"
#include "cli/undertaking.h"

static int serve(const sluice_line *line, sluice *library)
{
    return sluice_service_run(line, library, NULL);
}

static int check_line(sluice_line *line, sluice_error *error)
{
    if (line->operand_count > 0)
        return sluice_fail(error, SLUICE_EUSAGE, "%s: serve takes options only; the directory is --root DIR",
                           line->operands[0]);
    return SLUICE_OK;
}

int sluice_command_serve(int argc, char **argv)
{
    static const sluice_undertaking undertaking = {
        .help = &sluice_help_serve, .check = check_line, .run = serve};
    return sluice_undertaking_run(&undertaking, argc, argv);
}
