/* SPDX-License-Identifier: Apache-2.0 */
/* conformance.h - what a control must stand. */
#ifndef SLUICE_SIMULATE_CONFORMANCE_H
#define SLUICE_SIMULATE_CONFORMANCE_H

#include <sluice/simulate.h>

/* Whether a control does not start without a target: it keeps a given rate. */
bool sluice_conformance_needs_rate(sluice *library, const char *name);

#endif
