/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - a command that a user has written, as the words that a program is started with.  No shell sees it.
 */
#ifndef SLUICE_NET_WORDS_H
#define SLUICE_NET_WORDS_H

#include <sluice/status.h>
#include <stdbool.h>
#include <stddef.h>

/* Zeroed: empty.  Running out of memory is remembered, not returned. */
typedef struct sluice_words {
    char **list; /* ends with NULL when there is a word */
    size_t count;
    bool failed;
} sluice_words;

/* Cut at blanks; '...' and "..." keep blanks, also in the midst of a word, and have no other meaning than that; so has
 * a backslash none.  SLUICE_EUSAGE: no word, or a quote that does not end; SLUICE_ENOMEM. */
int sluice_words_split(sluice_words *words, const char *command, sluice_error *error);
void sluice_words_add(sluice_words *words, const char *word); /* copied */
void sluice_words_fini(sluice_words *words);

#endif
