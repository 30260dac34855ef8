/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shell_words.h - a line of the shell as words.
 *
 * Blanks separate words.  '...' holds what it likes; "..." too, but for \" and \\; elsewhere a backslash takes the next
 * character as it is.  A # at the beginning of a word makes a comment of the rest.  Nothing is expanded: a name with a
 * star in it is that name.  Pure.
 */
#ifndef SLUICE_CLI_SHELL_WORDS_H
#define SLUICE_CLI_SHELL_WORDS_H

#include <sluice/status.h>
#include <sluice/types.h>

typedef struct sluice_shell_words {
    char **list; /* count of them, then NULL */
    size_t count;
    char *text; /* what they lie in */

    /* How the line ends, for what completes it: */
    bool within;  /* in its last word, not behind it */
    size_t start; /* where that word begins in the line; the line's length if not within */
    char quote;   /* ' or " if one is open; 0 */
    bool escape;  /* a backslash is its end, with nothing to take */
} sluice_shell_words;

/* EUSAGE: a quote is not closed, or the line ends in a backslash; the words are there all the same.  ENOMEM: they are not.
 * fini in any case. */
int sluice_shell_words_split(sluice_shell_words *words, const char *line, sluice_error *error);
void sluice_shell_words_fini(sluice_shell_words *words);

/* Writes text as it has to stand in a line to be (the rest of) one word: within this quote, or with backslashes if it is
 * 0.  Returns its bytes, which may be more than fit. */
size_t sluice_shell_words_quote(char *out, size_t size, const char *text, char quote);

/* Whether the line goes on in the next one, in place of the backslash that it ends in. */
bool sluice_shell_words_continue(const char *line);

#endif
