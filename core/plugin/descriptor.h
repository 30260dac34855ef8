/* SPDX-License-Identifier: Apache-2.0 */
/* descriptor.h - checks a plugin's descriptor and takes it over in the core's own layout. */
#ifndef SLUICE_PLUGIN_DESCRIPTOR_H
#define SLUICE_PLUGIN_DESCRIPTOR_H

#include "plugin/registry.h"

/* The ABI of a kind that this core speaks, its name and the size of its operations. */
uint32_t sluice_kind_abi(sluice_kind kind);

/* Checks `raw` whole: ABI first, since it protects the rest; then kind and name, which the file's name has
 * promised; option table; required operations.  On success module->descriptor, ops and options are filled, to be
 * freed by sluice_descriptor_fini.  SLUICE_EPLUGIN with the reason alone: the caller knows the file. */
int sluice_descriptor_take(const sluice_plugin *raw, sluice_kind kind, const char *name, sluice_module *module,
                           sluice_error *error);
void sluice_descriptor_fini(sluice_module *module);

#endif
