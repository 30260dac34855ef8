/* SPDX-License-Identifier: Apache-2.0 */
/* settings_table.h - the rows behind settings.h: each long option of copy and serve and each key of a ticket or stream, once. */
#ifndef SLUICE_PLUGIN_SETTINGS_TABLE_H
#define SLUICE_PLUGIN_SETTINGS_TABLE_H

#include "plugin/settings.h"

/* Rows that users give anywhere come first; then those of [session NAME] alone; then those that no user gives. */
typedef struct sluice_settings_rows {
    const sluice_option *options;
    size_t public_count, session_count, count;
} sluice_settings_rows;

sluice_settings_rows sluice_settings_rows_of(sluice_settings_table table);

/* Checks what an option's type cannot: names, lists of words, fingerprints.  canonical: the value as it is kept. */
int sluice_settings_value_check(const sluice_option *option, const char *value, sluice_text *canonical,
                                sluice_error *error);

/* A word of --preserve as its flag; 0 for "none"; -1 if it is no such word. */
int sluice_settings_preserve_flag(const char *word);

#endif
