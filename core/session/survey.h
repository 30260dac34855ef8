/* SPDX-License-Identifier: Apache-2.0 */
/*
 * survey.h - gathers the facts of this host.
 */
#ifndef SLUICE_SESSION_SURVEY_H
#define SLUICE_SESSION_SURVEY_H

#include "net/datagram.h"
#include "session/facts.h"
#include "session/suite.h"

/* What the system says: cores, limits, the clock of the day.  Quick; any thread. */
void sluice_survey_system(sluice_facts *facts);
/* What this socket got; its loop's thread. */
void sluice_survey_socket(sluice_facts *facts, const sluice_datagram *datagram);
void sluice_survey_suite(sluice_facts *facts, const sluice_suite *suite);
/* Measures the disk below a directory, which may take 2 s.  NULL: not at all, because of why_not. */
void sluice_survey_disk(sluice_facts *facts, const char *directory, const char *why_not);

#endif
