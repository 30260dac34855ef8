/* SPDX-License-Identifier: Apache-2.0 */
/*
 * text.h - a string that grows.
 *
 * Running out of memory is remembered, not returned: add as much as is needed and ask once at the end.
 */
#ifndef SLUICE_BASE_TEXT_H
#define SLUICE_BASE_TEXT_H

#include <sluice/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed: empty. */
typedef struct sluice_text {
    char *bytes;   /* NUL-terminated when anything was added; else NULL */
    size_t length; /* without the NUL */
    size_t capacity;
    bool failed; /* memory ran out; what was added since is lost */
} sluice_text;

void sluice_text_fini(sluice_text *text);

/* Empties it and keeps its memory. */
void sluice_text_clear(sluice_text *text);

void sluice_text_add(sluice_text *text, const char *string);
void sluice_text_add_bytes(sluice_text *text, const void *bytes, size_t count);
void sluice_text_addf(sluice_text *text, const char *format, ...) SLUICE_PRINTF(2, 3);

/* What was added, "" if nothing was.  Valid until the next change. */
const char *sluice_text_string(const sluice_text *text);

/* Hands the string over, to be freed by free(); NULL when memory ran out.  The text is empty afterwards. */
char *sluice_text_take(sluice_text *text);

#endif
