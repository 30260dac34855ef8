/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchers.h - the report of a transfer or server, with the report plugins that its settings name.
 */
#ifndef SLUICE_SESSION_WATCHERS_H
#define SLUICE_SESSION_WATCHERS_H

#include "session/report.h"
#include <sluice/sluice.h>

/* list: comma-separated plugin names (NULL: none); json adds the plugin of that name.  event and user as of
 * sluice_report_setup. */
int sluice_watchers_open(sluice *library, const char *list, bool json, const sluice_report_spec *spec,
                         void (*event)(void *user, const sluice_event *event), void *user, sluice_report **out,
                         sluice_error *error);

#endif
