/* SPDX-License-Identifier: Apache-2.0 */
/*
 * diagnosis.h - from what was seen of a way and of both hosts to findings, each with its remedy.
 *
 * Pure: facts in, findings out, in a fixed order.  The thresholds stand at the top of the files, each with its reason.
 */
#ifndef SLUICE_SESSION_DIAGNOSIS_H
#define SLUICE_SESSION_DIAGNOSIS_H

#include "net/reach.h"
#include "session/probe.h"
#include <sluice/doctor.h>

#define SLUICE_DIAGNOSIS_OPTIONS 128

typedef struct sluice_diagnosis {
    void (*found)(void *user, const sluice_finding *finding);
    void *user;
    const char *server; /* host:port, or what ssh is given */
    const char *host;   /* of it alone, for commands */
    bool by_ssh;
    const char *udp_ports;  /* of the ssh way: the range */
    sluice_rate target_bps; /* asked for; 0: none */
    unsigned counts[SLUICE_FINDING_LEVELS];
    char options[SLUICE_DIAGNOSIS_OPTIONS]; /* of copy, that are called for */
} sluice_diagnosis;

/* ---- on the way there ---- */

void sluice_diagnose_name(sluice_diagnosis *diagnosis, const char *host, const sluice_address *addresses, size_t count,
                          sluice_duration took_ns);
void sluice_diagnose_no_name(sluice_diagnosis *diagnosis, const char *host, const char *why);
/* Returns how many addresses stand. */
size_t sluice_diagnose_tcp(sluice_diagnosis *diagnosis, const sluice_reach_result *results, size_t count);
/* Of a ticket that was read, or (status) could not be. */
void sluice_diagnose_ticket(sluice_diagnosis *diagnosis, const sluice_ticket *ticket, uint64_t now_s);
void sluice_diagnose_no_ticket(sluice_diagnosis *diagnosis, const sluice_error *why);

/* ---- the set-up: of the first probe ---- */

void sluice_diagnose_welcome(sluice_diagnosis *diagnosis, const sluice_probe *probe);
/* What ssh itself said. */
void sluice_diagnose_ssh_line(sluice_diagnosis *diagnosis, const char *line);
/* It was not welcomed. */
void sluice_diagnose_no_welcome(sluice_diagnosis *diagnosis, const sluice_probe *probe, const sluice_error *why);
/* What a probe with a welcome was refused, or how it failed; UDP is diagnose_udp's affair. */
void sluice_diagnose_failure(sluice_diagnosis *diagnosis, const sluice_probe *probe, const sluice_error *why);

/* Neither way has shown anything. */
void sluice_diagnose_nothing(sluice_diagnosis *diagnosis);

/* ---- the path and the hosts ---- */

void sluice_diagnose_udp(sluice_diagnosis *diagnosis, const sluice_probe *probe);

/* Either probe may be NULL: it was not made, or has shown nothing. */
void sluice_diagnose_path(sluice_diagnosis *diagnosis, const sluice_probe *pull, const sluice_probe *push);

/* here: this side's disk, below that place; the rest is the probes'. */
void sluice_diagnose_hosts(sluice_diagnosis *diagnosis, const sluice_probe *pull, const sluice_probe *push,
                           const sluice_facts *disk_here, const char *place);

#endif
