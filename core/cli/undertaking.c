/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/undertaking.h"

#include "cli/screen.h"

int sluice_undertaking_run(const sluice_undertaking *undertaking, int argc, char **argv)
{
    sluice_error error = {0};
    sluice_line line;
    sluice *library = NULL;
    int exit_status, status = sluice_line_parse(&line, undertaking->help, argc, argv, &error);
    if (status == SLUICE_OK && line.help) {
        sluice_line_fini(&line);
        return sluice_help_print(undertaking->help);
    }
    if (status == SLUICE_OK)
        status = undertaking->check(&line, &error);
    if (status == SLUICE_OK)
        status = sluice_line_library(&line, sluice_screen_complain, &library, &error);
    if (status == SLUICE_OK)
        exit_status = undertaking->run(&line, library);
    else
        exit_status = sluice_screen_fail(NULL, status, &error);
    sluice_free(library);
    sluice_line_fini(&line);
    return exit_status;
}
