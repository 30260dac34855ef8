/* SPDX-License-Identifier: Apache-2.0 */
/* The word that the user may have meant. */
#include "plugin/option.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define WORD_MOST 63 /* longer words are not worth guessing at */

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned m = a < b ? a : b;
    return m < c ? m : c;
}

/* Levenshtein's distance, with the exchange of two neighbours as one step. */
static unsigned distance(const char *a, const char *b)
{
    size_t a_length = strlen(a), b_length = strlen(b);
    unsigned rows[3][WORD_MOST + 1];
    unsigned *before = rows[0], *above = rows[1], *row = rows[2];
    if (a_length > WORD_MOST || b_length > WORD_MOST)
        return UINT_MAX;
    for (size_t j = 0; j <= b_length; j++)
        above[j] = before[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = least(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
        unsigned *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[b_length];
}

void sluice_nearest_try(sluice_nearest *nearest, const char *wanted, const char *word)
{
    unsigned steps = distance(wanted, word);
    size_t longer = strlen(wanted) > strlen(word) ? strlen(wanted) : strlen(word);
    unsigned most = longer < 3 ? 1 : (unsigned)(longer / 3 < 3 ? longer / 3 : 3);
    if (steps > most || steps >= nearest->distance)
        return;
    nearest->distance = steps;
    snprintf(nearest->word, sizeof(nearest->word), "%s", word);
}

bool sluice_nearest_found(const sluice_nearest *nearest)
{
    return nearest->distance != UINT_MAX;
}

void sluice_nearest_add(const sluice_nearest *nearest, sluice_text *out)
{
    if (sluice_nearest_found(nearest))
        sluice_text_addf(out, "; did you mean '%s'?", nearest->word);
}
