/* SPDX-License-Identifier: Apache-2.0 */
/*
 * watchers.h - the report of a transfer or server, with the report plugins that its settings name.
 */
#ifndef SLUICE_SESSION_WATCHERS_H
#define SLUICE_SESSION_WATCHERS_H

#include "session/report.h"
#include <sluice/sluice.h>

/* Which there are: plugins of a comma-separated list (NULL: none), and those that an option of its own asks for. */
typedef struct sluice_watchers_named {
    const char *list;
    bool json, management, manifest;
} sluice_watchers_named;

/* An application may have been compiled before all of the spec was there: what was there from the first is taken from it. */
sluice_report_spec sluice_watchers_spec(const sluice_report_spec *given);

/* event and user as of sluice_report_setup.  A manager is waited for first, for some seconds if need be. */
int sluice_watchers_open(sluice *library, const sluice_watchers_named *named, const sluice_report_spec *spec,
                         void (*event)(void *user, const sluice_event *event), void *user, sluice_report **out,
                         sluice_error *error);

#endif
