/* SPDX-License-Identifier: Apache-2.0 */
/* report_card.h - a congestion plugin on the paths that it will meet: short scenarios, each with what is to be reached. */
#ifndef SLUICE_SIMULATE_REPORT_CARD_H
#define SLUICE_SIMULATE_REPORT_CARD_H

#include <sluice/simulate.h>

/* Tells one verdict for each row.  needs_rate: it does not start without a target, so that only rows with one are tried.  Errors
 * are those of the simulator, not of the plugin. */
int sluice_report_card(sluice *instance, const char *name, bool needs_rate,
                       void (*each)(void *user, const sluice_verdict *verdict), void *user, sluice_error *error);

#endif
