/* SPDX-License-Identifier: Apache-2.0 */
/* report_card.h - `sluice simulate --report-card`: the table of goals, on as many processes as there are processors. */
#ifndef SLUICE_CLI_REPORT_CARD_H
#define SLUICE_CLI_REPORT_CARD_H

#include "cli/line.h"

/* name: of the congestion plugin.  SLUICE_EFAILED when a goal was missed, or a case could not be run. */
int sluice_report_card_run(const sluice_line *line, sluice *library, const char *name, sluice_error *error);

#endif
