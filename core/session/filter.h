/* SPDX-License-Identifier: Apache-2.0 */
/*
 * filter.h - --exclude and --include with the meaning that rsync(1) gives to patterns ("FILTER RULES", "PATTERN
 * MATCHING RULES"):
 *
 *   the first rule that matches decides; what matches none is wanted
 *   a leading '/' ties the pattern to the top of the transfer, else it is matched against the end of the name
 *   a trailing '/' matches directories only
 *   '*' any run but of '/', '**' any run, '?' one byte but '/', [...] a class; '\' takes the next byte as it is when
 *   the pattern has a wildcard
 *   a pattern with a '/' (not counting a trailing one) or '**' is matched against the whole name, else against its
 *   last component
 *   "dir/" followed by three stars matches the directory and all that is in it
 *
 * Any thread; no state.
 */
#ifndef SLUICE_SESSION_FILTER_H
#define SLUICE_SESSION_FILTER_H

#include "session/request.h"

bool sluice_filter_match(const char *pattern, const char *name, bool directory);
/* request as user: fits sluice_source_spec.wanted. */
bool sluice_filter_wanted(void *request, const char *name, bool directory);

/* Whether an entry is left out by its time of modification.  Directories never are, nor what has no time. */
bool sluice_filter_untimely(const sluice_request *request, const sluice_entry *entry);

#endif
