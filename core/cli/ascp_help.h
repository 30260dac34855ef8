/* SPDX-License-Identifier: Apache-2.0 */
/* ascp_help.h - the table of ascp's options as rows of `--help` and of the manual page. */
#ifndef SLUICE_CLI_ASCP_HELP_H
#define SLUICE_CLI_ASCP_HELP_H

#include "cli/help.h"

void sluice_ascp_help_each(void (*each)(void *user, const sluice_help_row *row), void *user);

#endif
