/* SPDX-License-Identifier: Apache-2.0 */
/* default.h - the manager that a process shares with itself. */
#ifndef SLUICE_MANAGER_DEFAULT_H
#define SLUICE_MANAGER_DEFAULT_H

#include <sluice/manager.h>

/* True: this one is to be freed; false: it is the shared one, and others still use it. */
bool sluice_default_release(const sluice_manager *manager);

#endif
