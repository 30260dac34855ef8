/* SPDX-License-Identifier: Apache-2.0 */
/* run.h - a scenario at work: its links, senders and events in one virtual time. */
#ifndef SLUICE_SIMULATE_RUN_H
#define SLUICE_SIMULATE_RUN_H

#include "simulate/sender.h"

/* Since the start. */
typedef struct sluice_line_counts {
    uint64_t entered_packets, entered_bytes, gone_packets, marked_packets, arrived_packets;
    double served_bits, capacity_bits, queue_byte_seconds;
} sluice_line_counts;

/* One direction of a link. */
typedef struct sluice_line {
    const sluice_part *part;
    char name[64];
    sluice_sim_link link;
    double capacity_bits; /* that it could have carried until capacity_at */
    sluice_time capacity_at;
    sluice_line_counts counts, last, judged;
} sluice_line;

/* Something that happens once; an outage also ends. */
typedef struct sluice_occurrence {
    struct sluice_run *run;
    const sluice_part *part;
    char what[64];
} sluice_occurrence;

typedef struct sluice_run {
    const sluice_scenario *scenario;
    const sluice_simulation_config *config;
    const sluice_simulation_calls *calls;
    sluice_sim simulation;
    sluice_line *lines; /* two for each link: the way out, then the way back */
    sluice_sender *senders;
    sluice_occurrence *occurrences;
    size_t line_count, sender_count, occurrence_count;
} sluice_run;

/* The capacity that the line had until now goes into its sum. */
void sluice_line_settle(sluice_line *line, sluice_time now);

#endif
