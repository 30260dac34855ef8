/* SPDX-License-Identifier: Apache-2.0 */
/* library.h - the object that applications hold: one configuration, its plugins, its log. */
#ifndef SLUICE_PLUGIN_LIBRARY_H
#define SLUICE_PLUGIN_LIBRARY_H

#include "base/log.h"
#include "plugin/configuration.h"
#include "plugin/registry.h"
#include <sluice/sluice.h>

struct sluice {
    sluice_log log;
    bool level_given; /* by sluice_log_level_set, which is stronger than the file */
    sluice_registry *registry;
    sluice_configuration configuration;
};

/* What rooms above log to.  Any thread. */
sluice_log *sluice_library_log(sluice *library);

#endif
