/* SPDX-License-Identifier: Apache-2.0 */
/*
 * figures.h - names and quantities as people read them.
 *
 * Names of files and sentences of peers hold any byte.  On a terminal a control byte could do harm or forge a line, so it is
 * written as an escape.  No locale has a say in numbers.
 */
#ifndef SLUICE_CLI_FIGURES_H
#define SLUICE_CLI_FIGURES_H

#include <sluice/types.h>

#define SLUICE_FIGURE 32 /* room for a quantity or a duration and its NUL */

/* Reads one character of UTF-8 (RFC 3629) at text, which ends with a NUL.  Returns its bytes and sets *valid; where it is
 * none, returns how many bytes one U+FFFD stands for (Unicode 15, section 3.9, maximal subpart).  At least 1. */
size_t sluice_figures_decode(const char *text, uint32_t *character, bool *valid);

/* Writes text into out with what moves the cursor, ends a line or turns the writing direction round, backslashes, and bytes
 * that are not UTF-8 as \xNN (newline \n, tab \t, backslash \\).  What does not fit in size bytes or in `columns` columns
 * ends in "..." (characters beyond ASCII are taken for two columns wide).  size is at least 8.  Returns the columns. */
size_t sluice_figures_name(char *out, size_t size, size_t columns, const char *text);

/* "812 Mbit/s", "1.23 GB": three digits and a decimal prefix.  SLUICE_UNKNOWN: "?". */
const char *sluice_figures_quantity(char out[SLUICE_FIGURE], uint64_t value, const char *unit);

/* "3.81 s", "4:07 min", "2:04:07 h".  SLUICE_UNKNOWN: "?". */
const char *sluice_figures_duration(char out[SLUICE_FIGURE], sluice_duration ns);

#endif
