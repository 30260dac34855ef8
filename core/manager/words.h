/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - policies, states and names as words.  Pure. */
#ifndef SLUICE_MANAGER_WORDS_H
#define SLUICE_MANAGER_WORDS_H

#include <sluice/types.h>

/* One of fixed, high, fair, low. */
bool sluice_words_policy(const char *word);
/* A policy as messages say it: Adaptive and Priority.  NULL for a word that is none. */
const char *sluice_words_adaptive(const char *policy);
unsigned sluice_words_priority(const char *policy);
/* And back.  "": adaptive is none of the three words. */
const char *sluice_words_policy_of(const char *adaptive, uint64_t priority);

/* A relative name without ".." that stays below where it begins. */
bool sluice_words_below(const char *name);

#endif
