/* SPDX-License-Identifier: Apache-2.0 */
/*
 * scenario.h - what a scenario file says, as typed structs behind the public sluice_scenario.
 *
 * A part is one section.  Its struct is filled by the option table of its type, as every configuration is; `given` tells which
 * keys stand there, for events, whose keys mean a change only where they are given.
 */
#ifndef SLUICE_SIMULATE_SCENARIO_H
#define SLUICE_SIMULATE_SCENARIO_H

#include "plugin/option.h"

#include <sluice/simulate.h>

typedef enum sluice_part_type {
    SLUICE_PART_SIMULATION,
    SLUICE_PART_LINK,
    SLUICE_PART_FLOW,
    SLUICE_PART_COMPETITOR,
    SLUICE_PART_EVENT
} sluice_part_type;
#define SLUICE_PART_TYPES 5

enum { SLUICE_DROP_TAIL, SLUICE_CODEL };
enum { SLUICE_FORWARD, SLUICE_BACK, SLUICE_BOTH }; /* in the order of the tables' choices */
enum { SLUICE_RENO, SLUICE_CUBIC, SLUICE_BBR, SLUICE_STEADY };

typedef struct sluice_simulation_config {
    int64_t seed;
    sluice_duration duration, interval;
    sluice_duration from; /* judged from here on; 0: the second half */
    sluice_duration host_jitter;
} sluice_simulation_config;

typedef struct sluice_link_config {
    sluice_rate rate, back_rate;
    sluice_duration delay, back_delay;
    uint64_t queue, back_queue, queue_least, mark;
    double queue_bdp;
    int discipline;
    sluice_duration codel_target, codel_interval;
    bool ecn;
    double loss, back_loss, burst_start, burst_end, burst_loss, duplicate, reorder;
    sluice_duration jitter, reorder_delay;
    bool jitter_reorders;
    sluice_rate policer;
    uint64_t policer_burst;
    int64_t mtu;
} sluice_link_config;

typedef struct sluice_flow_config {
    char *congestion, *policy, *link, *set;
    sluice_duration start, stop, delay, stagger;
    sluice_rate rate, min_rate, source_rate;
    double weight;
    int direction;
    uint64_t bytes;
    int64_t count;
    bool ecn, rtt_known;
} sluice_flow_config;

typedef struct sluice_competitor_config {
    int kind;
    char *link;
    sluice_duration start, stop, delay, stagger;
    sluice_rate rate;
    int direction;
    uint64_t window;
    int64_t count;
    bool ecn;
} sluice_competitor_config;

typedef struct sluice_event_config {
    sluice_duration at;
    char *link, *flow;
    int direction;
    sluice_rate rate, min_rate, policer;
    double weight, loss;
    sluice_duration delay, jitter, outage;
    uint64_t queue;
} sluice_event_config;

typedef struct sluice_part {
    sluice_part_type type;
    char name[50];
    unsigned line; /* of its header */
    uint64_t given; /* a bit for each option of the table that the file or --set gives */
    union {
        sluice_simulation_config simulation;
        sluice_link_config link;
        sluice_flow_config flow;
        sluice_competitor_config competitor;
        sluice_event_config event;
    } config;
} sluice_part;

struct sluice_scenario {
    sluice *library;
    char *path;
    sluice_part *parts; /* in the file's order; the first is [simulation], whether it stands there or not */
    size_t count;
};

sluice_option_table sluice_part_options(sluice_part_type type);
const char *sluice_part_word(sluice_part_type type);
bool sluice_part_given(const sluice_part *part, const char *key);

/* As sluice_scenario_read, of text in memory; name stands for the file's. */
int sluice_scenario_parse(sluice *instance, const char *name, const char *text, sluice_scenario **out, sluice_error *error);

/* NULL: there is none. */
sluice_part *sluice_scenario_part(const sluice_scenario *scenario, sluice_part_type type, const char *name);

/* The links that a flow or competitor takes, in their order: at most `most`.  Returns how many there are. */
unsigned sluice_scenario_way(const sluice_scenario *scenario, const char *list, const sluice_part **out, unsigned most);

/* Cuts the next word out of a list with commas, as sluice_settings_list does. */
bool sluice_scenario_word(const char **list, char *word, size_t bytes);

#endif
