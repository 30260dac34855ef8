/* SPDX-License-Identifier: Apache-2.0 */
/*
 * line.h - the command line of a subcommand whose options are an option table, and the library made ready from it.
 *
 *     --name VALUE, --name=VALUE; a bool: --name, --no-name, --name=yes
 *     -r -q -v -0 -h -c VALUE, which may stand together; "--" ends options; options and operands may be mixed
 *
 * The runner's own options, which are in no table of settings: --config F, --set KIND.NAME.KEY=VALUE, --plugin-dir D, --help.
 */
#ifndef SLUICE_CLI_LINE_H
#define SLUICE_CLI_LINE_H

#include <sluice/sluice.h>

#define SLUICE_LINE_KEY 64 /* room for an option's key and its NUL */

typedef struct sluice_line_option {
    const sluice_option *option; /* in the table, or of the subcommand's own */
    const char *value;
} sluice_line_option;

/* Pointers go into argv. */
typedef struct sluice_line {
    const char *command;
    const struct sluice_help *grammar; /* what options there are */
    sluice_settings_table table;
    bool help;
    const char *config; /* NULL: none */
    const char **operands, **sets, **plugin_dirs;
    size_t operand_count, set_count, plugin_dir_count;
    sluice_line_option *options; /* in the order given */
    size_t option_count;
} sluice_line;

struct sluice_help;

/* Fills a line by what the subcommand takes.  EUSAGE with the nearest valid name for an option that is unknown; ENOMEM.  To
 * be ended by fini. */
int sluice_line_parse(sluice_line *line, const struct sluice_help *help, int argc, char **argv, sluice_error *error);
void sluice_line_fini(sluice_line *line);

/* The last value given for a key, "yes" or "no" of a bool; NULL: not given. */
const char *sluice_line_value(const sluice_line *line, const char *key);

/* Makes the library: directories of plugins, configuration, --set.  complain is told the errors of the INI file one by
 * one; then error is empty and the status ECONFIG. */
int sluice_line_library(const sluice_line *line, void (*complain)(const char *sentence), sluice **out,
                        sluice_error *error);

/* The settings of the configuration, or of a session of it (NULL: none), with the options of the line over them. */
int sluice_line_settings(const sluice_line *line, sluice *library, const char *session, sluice_settings **out,
                         sluice_error *error);

/* Edits (a letter more, less or another) that make one word, so many bytes, of the other; SLUICE_LINE_KEY when one is too long. */
unsigned sluice_line_distance(const char *from, size_t bytes, const char *to);

/* The key of an option: its name with '-' for '_'. */
void sluice_line_key(const sluice_option *option, char out[SLUICE_LINE_KEY]);

#endif
