/* SPDX-License-Identifier: Apache-2.0 */
/*
 * telling.h - what the files of a diagnosis share: how a finding is told.
 *
 * diagnosis.c has the way there, set-up and UDP; diagnosis_path.c round trip, loss, packet size and rate;
 * diagnosis_hosts.c what both hosts are like.
 */
#ifndef SLUICE_SESSION_TELLING_H
#define SLUICE_SESSION_TELLING_H

#include "session/diagnosis.h"

#define SLUICE_AT_PATH "path"
#define SLUICE_AT_HERE "here"
#define SLUICE_AT_THERE "there"

/* Fewer packets say nothing of a share: gates of this project count over 100 000, but two seconds of a slow line have
 * no more than some hundreds. */
#define SLUICE_PACKETS_LEAST 200
#define SLUICE_LOSS_NOTE 0.001 /* a good line loses less than one of a thousand, and so does a good socket */

typedef struct sluice_sentence {
    char bytes[900];
} sluice_sentence;

sluice_sentence sluice_say(const char *format, ...) SLUICE_PRINTF(1, 2);

/* Counts it, and hands it on; what is good has no remedy. */
void sluice_tell(sluice_diagnosis *diagnosis, sluice_finding_level level, const char *topic, const char *where,
                 sluice_sentence sentence, sluice_sentence remedy);
void sluice_tell_good(sluice_diagnosis *diagnosis, const char *topic, const char *where, sluice_sentence sentence);

/* Its data went as datagrams to the end; NULL: it did not. */
static inline bool sluice_by_udp(const sluice_probe *probe)
{
    return probe && probe->live && !probe->moved;
}

static inline double sluice_share(uint64_t part, uint64_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

#endif
