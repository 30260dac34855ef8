/* SPDX-License-Identifier: Apache-2.0 */
/*
 * option.h - values in and out of a config struct, by an option table.
 *
 * A table describes a struct; the struct's strings belong to it (malloc).  A key is the option's name with '_'
 * written '-'.  All of these: any thread, as long as nobody else uses the same config.
 */
#ifndef SLUICE_PLUGIN_OPTION_H
#define SLUICE_PLUGIN_OPTION_H

#include "base/text.h"
#include <sluice/option.h>
#include <sluice/status.h>

typedef struct sluice_option_table {
    const sluice_option *options;
    size_t count;
} sluice_option_table;

#define SLUICE_OPTION_KEY_BYTES 50 /* with its NUL; inih cuts longer names */

/* Our own tables and those of plugins are checked before use: names, types, offsets within config_size, and that
 * every default, minimum and maximum is a valid value.  SLUICE_EPLUGIN. */
int sluice_option_table_check(sluice_option_table table, size_t config_size, sluice_error *error);

void sluice_option_key(const sluice_option *option, char out[SLUICE_OPTION_KEY_BYTES]);

/* NULL if there is none. */
const sluice_option *sluice_option_find(sluice_option_table table, const char *key);

/* The key that the user may have meant: least edit distance, at most a third of its length and never more than 3.
 * False if none is near. */
bool sluice_option_nearest(sluice_option_table table, const char *key, char out[SLUICE_OPTION_KEY_BYTES]);

/* The same for any row of words: keeps the best so far in `best` (""; distance UINT_MAX at the start). */
typedef struct sluice_nearest {
    char word[256];
    unsigned distance;
} sluice_nearest;
#define SLUICE_NEAREST_START {"", ~0u}
void sluice_nearest_try(sluice_nearest *nearest, const char *wanted, const char *word);
bool sluice_nearest_found(const sluice_nearest *nearest);

/* "; did you mean 'x'?" or "". */
void sluice_nearest_add(const sluice_nearest *nearest, sluice_text *out);

/* Sets the defaults; config is zeroed before.  Defaults were checked, so only SLUICE_ENOMEM. */
int sluice_option_defaults(sluice_option_table table, void *config, sluice_error *error);

/* Sets a field from text.  append: of REPEAT options, joins the value to those before by a newline; else replaces.
 * SLUICE_EINVAL with "key: why"; config is untouched then. */
int sluice_option_set(const sluice_option *option, void *config, const char *value, bool append, sluice_error *error);

/* Adds the value as text that sluice_option_set takes; secrets as "(secret)".  False: a string that is not set. */
bool sluice_option_print(const sluice_option *option, const void *config, sluice_text *out);

/* The name of an ENUM's value: static as the option's choices are, not NUL-terminated. */
const char *sluice_option_choice(const sluice_option *option, int value, size_t *length);

bool sluice_option_is_string(const sluice_option *option);

/* Frees the strings (secrets are wiped) and zeroes the fields. */
void sluice_option_fini(sluice_option_table table, void *config);

#endif
