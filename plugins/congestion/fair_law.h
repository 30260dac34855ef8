/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fair_law.h - the control that fair, high and low are: one law, told how to use it.  fair_law.c says how it works.
 *
 * Each of the three has an option table of its own, with its own defaults, and calls what follows from its operations.
 * Contracts are those of congestion.h.
 */
#ifndef CONGESTION_FAIR_LAW_H
#define CONGESTION_FAIR_LAW_H

#include "contention.h"
#include "delay_base.h"
#include "fair_loss.h"
#include "fair_start.h"

#include <sluice/congestion.h>

#define FAIR_LAW_PLATEAU 10 /* BBR's window for the greatest delivery rate, in round trips */

typedef struct fair_law_config {
    sluice_duration target_queue, epoch, slot, yield_interval;
    double gain, step_most, growth, headroom;
    int64_t initial_packets;
    sluice_rate initial_rate;
} fair_law_config;

/* The option table's rows; target and start are the defaults of target-queue and growth. */
#define FAIR_LAW_OPTIONS(target, start) \
    SLUICE_OPTION_DURATION(fair_law_config, target_queue, .def = target, .min = "100us", .max = "1s", \
                           .help = "Queueing delay that a flow of 100 Mbit/s aims to keep standing; other rates aim at " \
                                   "it times the fourth root of 100 Mbit/s over their rate."), \
    SLUICE_OPTION_REAL(fair_law_config, gain, .def = "0.3", .min = "0.01", .max = "1", \
                       .help = "Part of the difference between wanted and standing queue that one round corrects."), \
    SLUICE_OPTION_REAL(fair_law_config, step_most, .def = "0.1", .min = "0.01", .max = "1", \
                       .help = "Most that the window grows in one round, as a part of it."), \
    SLUICE_OPTION_REAL(fair_law_config, growth, .def = start, .min = "1.1", .max = "4", \
                       .help = "Growth per round trip while the capacity is not known yet."), \
    SLUICE_OPTION_REAL(fair_law_config, headroom, .def = "0.1", .min = "0.01", .max = "1", \
                       .help = "How far the pacing rate may lie above the highest delivery rate seen."), \
    SLUICE_OPTION_DURATION(fair_law_config, epoch, .def = "5ms", .min = "100us", .max = "1s", \
                           .help = "Shortest time to judge queue and rate by, where the round trip is shorter."), \
    SLUICE_OPTION_DURATION(fair_law_config, slot, .def = "10ms", .min = "100us", .max = "1s", \
                           .help = "Time of which the least queueing delay counts; jitter shorter than this is not " \
                                   "taken for a queue."), \
    SLUICE_OPTION_DURATION(fair_law_config, yield_interval, .def = "5s", .min = "100ms", .max = "10min", \
                           .help = "After this long without an empty queue (or 50 round trips, if longer) the flow " \
                                   "empties its part of it for a round trip."), \
    SLUICE_OPTION_INT(fair_law_config, initial_packets, .def = "32", .min = "2", .max = "1000", .unit = "packets", \
                      .help = "Sent in the first round trip."), \
    SLUICE_OPTION_RATE(fair_law_config, initial_rate, .def = "2m", .min = "0", .max = "1g", \
                       .help = "Or so fast, where that is more: on long paths few packets are a very low rate.")

/* How one policy uses the law. */
typedef struct fair_law_manner {
    double weight; /* that the lane's own is multiplied by */
    bool yields;   /* a queue that is not its own drives it away */
} fair_law_manner;

typedef enum fair_law_phase { FAIR_LAW_STARTUP, FAIR_LAW_STEADY, FAIR_LAW_YIELD, FAIR_LAW_CONTEND } fair_law_phase;

/* What came in since `began`: a round trip, or config.epoch if that is longer. */
typedef struct fair_law_epoch {
    sluice_time began;
    uint64_t round, delivered;           /* when it began */
    double acked, lost, drops, marked, limited; /* packets; limited: with app_limited */
    double sent, in_flight;              /* bytes; the most in flight that a packet met */
    double pacing_least;                 /* bit/s, the least answered in it */
    bool rated, used;                    /* a rate was measured; the window was filled */
} fair_law_epoch;

typedef struct fair_law {
    fair_law_config config;
    fair_law_manner manner;
    sluice_limits limits; /* with the manner's weight */
    fair_law_phase phase;
    double packet_bytes, srtt, min_rtt; /* s */
    double window, in_flight;           /* bytes; the most in flight in the last epoch */
    double rate, smooth_rate;           /* bit/s delivered: in the last epoch, over about eight */
    double plateau[FAIR_LAW_PLATEAU];
    unsigned plateau_at;
    fair_law_epoch epoch;
    unsigned skip; /* epochs in which the law rests, as they show the past */

    /* Queue: the mean over the epoch's slots of the least delay in each. */
    sluice_time slot_began;
    double slot_acked, slot_lost, slot_least, slots, slots_sum;
    double queue_mean; /* s, over many epochs */

    /* The law's velocity. */
    double velocity;
    int direction;
    unsigned same, idle; /* epochs in one direction; epochs without a queue */
    double idle_rate;

    /* Yielding. */
    double crowd; /* s: far too long a queue that the last epoch met; 0: none */
    double crowd_most, crowd_cut; /* s: the longest since, and what the flow took back of it */
    double empty_queue, yield_window;
    sluice_time empty_at, yield_until, yield_shows; /* yield_shows: what comes in then was sent in it */
    double long_least; /* s, the least queue of a dip */

    fair_start start;
    fair_loss loss;
    delay_base base;
    contention contention;
} fair_law;

int fair_law_init(fair_law *fair, const fair_law_config *config, const fair_law_manner *manner,
                  const sluice_congestion_start *start, sluice_control *control);
void fair_law_sample(void *fair, const sluice_sample *sample, sluice_control *control);
void fair_law_sent(void *fair, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control);
void fair_law_limits(void *fair, sluice_time now, const sluice_limits *limits, sluice_control *control);
void fair_law_view(const void *fair, sluice_congestion_view *out);

#endif
