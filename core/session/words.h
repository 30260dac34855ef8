/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - figures as people read them: three digits and a unit. */
#ifndef SLUICE_SESSION_WORDS_H
#define SLUICE_SESSION_WORDS_H

#include <sluice/types.h>

typedef struct sluice_words {
    char text[32];
} sluice_words;

sluice_words sluice_words_rate(sluice_rate bps);    /* "941 Mbit/s" */
sluice_words sluice_words_time(sluice_duration ns); /* "12.3 ms" */
sluice_words sluice_words_bytes(uint64_t bytes);    /* "208 KiB" */

#endif
