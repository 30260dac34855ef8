/* SPDX-License-Identifier: Apache-2.0 */
/* instance.h - a plugin's state and configuration, filled from its option table's defaults and "key=value" texts. */
#ifndef SLUICE_SIM_INSTANCE_H
#define SLUICE_SIM_INSTANCE_H

#include <sluice/plugin.h>

typedef struct sim_instance {
    const sluice_plugin *plugin;
    void *state;
    void *config;
} sim_instance;

/* settings: NULL or "key=value key=value"; string types are not handled.  Fails with ECONFIG or ENOMEM. */
int sim_instance_init(sim_instance *instance, const sluice_plugin *plugin, const char *settings);
void sim_instance_fini(sim_instance *instance);

#endif
