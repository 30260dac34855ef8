/* SPDX-License-Identifier: Apache-2.0 */
/* inspection.h - the command line of the subcommands that only look: `check` and `plugins`. */
#ifndef SLUICE_CLI_INSPECTION_H
#define SLUICE_CLI_INSPECTION_H

#include <sluice/sluice.h>

typedef struct sluice_inspection {
    bool help, sample;
    const char *operand; /* NULL: none */
    const char **plugin_dirs, **sets; /* of argc entries each */
    size_t plugin_dir_count, set_count;
} sluice_inspection;

/* Pointers go into argv.  takes_sample: whether --sample and --set are options.  EUSAGE, ENOMEM.  To be ended by
 * fini in any case. */
int sluice_inspection_parse(sluice_inspection *inspection, int argc, char **argv, bool takes_sample,
                            sluice_error *error);
void sluice_inspection_fini(sluice_inspection *inspection);

/* The library with all directories of plugins: --plugin-dir, then SLUICE_PLUGIN_PATH, then the built-in one. */
int sluice_inspection_library(const sluice_inspection *inspection, sluice **out, sluice_error *error);

#endif
