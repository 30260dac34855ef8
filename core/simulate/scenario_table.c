/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of a scenario file: every key with its default, limits and help. */
#include "simulate/scenario.h"

#include <string.h>

static const sluice_option simulation_options[] = {
    SLUICE_OPTION_INT(sluice_simulation_config, seed, .def = "1", .min = "0",
                      .help = "All that is random follows from it: the same seed gives the same run."),
    SLUICE_OPTION_DURATION(sluice_simulation_config, duration, .def = "60s", .min = "1ms", .max = "24h", .unit = "s",
                           .help = "How long the run is, in virtual time."),
    SLUICE_OPTION_DURATION(sluice_simulation_config, interval, .def = "200ms", .min = "1ms", .max = "1h", .unit = "s",
                           .help = "Time between two figures of each flow and link."),
    SLUICE_OPTION_DURATION(sluice_simulation_config, from, .def = "0", .unit = "s",
                           .help = "The table is about the time from here to the end. 0: the second half of the run."),
    SLUICE_OPTION_DURATION(sluice_simulation_config, host_jitter, .def = "50us", .max = "1s", .unit = "us",
                           .help = "Each wake-up of a flow's hosts comes up to this late, evenly spread; so seeds differ also where "
                                   "no link is random. 0: never."),
};

static const sluice_option link_options[] = {
    SLUICE_OPTION_RATE(sluice_link_config, rate, .def = "0",
                       .help = "Capacity, in bits of IP packets. 0: no bottleneck and no queue."),
    SLUICE_OPTION_RATE(sluice_link_config, back_rate, .def = "0", .help = "Capacity of the way back. 0: as the way out."),
    SLUICE_OPTION_DURATION(sluice_link_config, delay, .def = "10ms", .max = "1h", .unit = "ms",
                           .help = "Of the wire, one way."),
    SLUICE_OPTION_DURATION(sluice_link_config, back_delay, .def = "0", .max = "1h", .unit = "ms",
                           .help = "Of the way back. 0: as the way out."),
    SLUICE_OPTION_SIZE(sluice_link_config, queue, .def = "0",
                       .help = "What may wait in bytes, beside the packet that is being sent. 0: by queue-bdp and queue-least."),
    SLUICE_OPTION_REAL(sluice_link_config, queue_bdp, .def = "1", .min = "0", .max = "1000", .unit = "bandwidth-delay products",
                       .help = "The queue as a multiple of capacity x (delay + back-delay)."),
    SLUICE_OPTION_SIZE(sluice_link_config, queue_least, .def = "30k", .help = "The queue holds as much at least."),
    SLUICE_OPTION_SIZE(sluice_link_config, back_queue, .def = "0", .help = "Queue of the way back. 0: as the way out."),
    SLUICE_OPTION_ENUM(sluice_link_config, discipline, .def = "drop-tail", .choices = "drop-tail|codel",
                       .help = "Who is dropped: what finds the queue full, or by CoDel (RFC 8289) what has waited too long as "
                               "well."),
    SLUICE_OPTION_DURATION(sluice_link_config, codel_target, .def = "5ms", .unit = "ms", .help = "CoDel's target."),
    SLUICE_OPTION_DURATION(sluice_link_config, codel_interval, .def = "100ms", .min = "1ms", .unit = "ms",
                           .help = "CoDel's interval."),
    SLUICE_OPTION_BOOL(sluice_link_config, ecn, .def = "no",
                       .help = "CoDel marks packets that can be marked (RFC 3168) rather than to drop them."),
    SLUICE_OPTION_SIZE(sluice_link_config, mark, .def = "0",
                       .help = "Packets that find more than this waiting are marked if they can be. 0: none."),
    SLUICE_OPTION_REAL(sluice_link_config, loss, .def = "0", .min = "0", .max = "1",
                       .help = "Chance of each packet to be lost behind the bottleneck; 0.01 is 1 %. Of the way out."),
    SLUICE_OPTION_REAL(sluice_link_config, back_loss, .def = "0", .min = "0", .max = "1", .help = "The same of the way back."),
    SLUICE_OPTION_REAL(sluice_link_config, burst_start, .def = "0", .min = "0", .max = "1",
                       .help = "Bursts of loss on the way out (Gilbert and Elliott): the chance, at each packet, that one begins."),
    SLUICE_OPTION_REAL(sluice_link_config, burst_end, .def = "0.1", .min = "0", .max = "1",
                       .help = "The chance, at each packet, that a burst ends."),
    SLUICE_OPTION_REAL(sluice_link_config, burst_loss, .def = "1", .min = "0", .max = "1", .help = "Loss inside of a burst."),
    SLUICE_OPTION_DURATION(sluice_link_config, jitter, .def = "0", .unit = "ms",
                           .help = "Each packet takes longer by up to this, evenly spread, both ways."),
    SLUICE_OPTION_BOOL(sluice_link_config, jitter_reorders, .def = "no",
                       .help = "With jitter packets overtake others; else they keep their order."),
    SLUICE_OPTION_REAL(sluice_link_config, reorder, .def = "0", .min = "0", .max = "1",
                       .help = "Chance of a packet on the way out to be held back by reorder-delay, so that others overtake it."),
    SLUICE_OPTION_DURATION(sluice_link_config, reorder_delay, .def = "1ms", .unit = "ms", .help = "See reorder."),
    SLUICE_OPTION_REAL(sluice_link_config, duplicate, .def = "0", .min = "0", .max = "1",
                       .help = "Chance of a packet on the way out to come twice."),
    SLUICE_OPTION_RATE(sluice_link_config, policer, .def = "0",
                       .help = "What exceeds this rate on the way out is dropped, not queued. 0: no policer."),
    SLUICE_OPTION_SIZE(sluice_link_config, policer_burst, .def = "64k", .min = "1500",
                       .help = "What the policer lets pass at once."),
    SLUICE_OPTION_INT(sluice_link_config, mtu, .def = "1500", .min = "576", .max = "65535", .unit = "bytes",
                      .help = "Largest IP packet that passes."),
};

#define WAY                                                                                                              \
    "Names of the links that it takes, in their order, with commas between; its packets back take them the other way. By "  \
    "default the only one."
#define STAGGER "Of several: how much later than the one before each starts."

static const sluice_option flow_options[] = {
    SLUICE_OPTION_STRING(sluice_flow_config, congestion, .help = "The congestion plugin; fair by default."),
    SLUICE_OPTION_STRING(sluice_flow_config, policy, .help = "The plugin of that name: another word for congestion."),
    SLUICE_OPTION_STRING(sluice_flow_config, link, .help = WAY),
    SLUICE_OPTION_STRING(sluice_flow_config, set, .flags = SLUICE_OPTION_REPEAT,
                         .help = "An option of this flow's plugin, as KEY=VALUE; stronger than the section [congestion NAME]. May be "
                                 "given several times."),
    SLUICE_OPTION_DURATION(sluice_flow_config, start, .def = "0", .unit = "s", .help = "When it starts."),
    SLUICE_OPTION_DURATION(sluice_flow_config, stop, .def = "0", .unit = "s", .help = "When it stops. 0: never."),
    SLUICE_OPTION_RATE(sluice_flow_config, rate, .def = "0", .help = "Target. 0: none."),
    SLUICE_OPTION_RATE(sluice_flow_config, min_rate, .def = "0", .help = "Minimum. 0: none."),
    SLUICE_OPTION_RATE(sluice_flow_config, source_rate, .def = "0",
                       .help = "The source gives no more than this. 0: whatever is asked for."),
    SLUICE_OPTION_REAL(sluice_flow_config, weight, .def = "1", .min = "0.001", .max = "1000",
                       .help = "Share against other flows of the same control."),
    SLUICE_OPTION_ENUM(sluice_flow_config, direction, .def = "forward", .choices = "forward|back",
                       .help = "Whether its data takes the way out, or the way back."),
    SLUICE_OPTION_DURATION(sluice_flow_config, delay, .def = "0", .unit = "ms",
                           .help = "Of wires of its own, one each way: its rtt is longer by twice as much."),
    SLUICE_OPTION_SIZE(sluice_flow_config, bytes, .def = "0", .help = "How much it sends. 0: without end."),
    SLUICE_OPTION_INT(sluice_flow_config, count, .def = "1", .min = "1", .max = "1000", .help = "So many of them."),
    SLUICE_OPTION_DURATION(sluice_flow_config, stagger, .def = "0", .unit = "s", .help = STAGGER),
    SLUICE_OPTION_BOOL(sluice_flow_config, ecn, .def = "yes", .help = "Its packets can be marked."),
    SLUICE_OPTION_BOOL(sluice_flow_config, rtt_known, .def = "yes",
                       .help = "It knows the rtt at its start, as by a set-up connection."),
};

static const sluice_option competitor_options[] = {
    SLUICE_OPTION_ENUM(sluice_competitor_config, kind, .def = "cubic", .choices = "reno|cubic|bbr|steady",
                       .help = "A TCP with that congestion control, as Linux has it; or packets at a fixed rate, whatever becomes "
                               "of them."),
    SLUICE_OPTION_STRING(sluice_competitor_config, link, .help = WAY),
    SLUICE_OPTION_DURATION(sluice_competitor_config, start, .def = "0", .unit = "s", .help = "When it starts."),
    SLUICE_OPTION_DURATION(sluice_competitor_config, stop, .def = "0", .unit = "s", .help = "When it stops. 0: never."),
    SLUICE_OPTION_RATE(sluice_competitor_config, rate, .def = "0", .help = "Of steady."),
    SLUICE_OPTION_ENUM(sluice_competitor_config, direction, .def = "forward", .choices = "forward|back",
                       .help = "Whether its data takes the way out, or the way back."),
    SLUICE_OPTION_DURATION(sluice_competitor_config, delay, .def = "0", .unit = "ms",
                           .help = "Of wires of its own, one each way."),
    SLUICE_OPTION_SIZE(sluice_competitor_config, window, .def = "0", .help = "The receiver's window. 0: any."),
    SLUICE_OPTION_INT(sluice_competitor_config, count, .def = "1", .min = "1", .max = "1000", .help = "So many of them."),
    SLUICE_OPTION_DURATION(sluice_competitor_config, stagger, .def = "0", .unit = "s", .help = STAGGER),
    SLUICE_OPTION_BOOL(sluice_competitor_config, ecn, .def = "no", .help = "Its packets can be marked."),
};

static const sluice_option event_options[] = {
    SLUICE_OPTION_DURATION(sluice_event_config, at, .def = "0", .unit = "s", .help = "When it happens."),
    SLUICE_OPTION_STRING(sluice_event_config, link, .help = "The link that changes; by default the only one."),
    SLUICE_OPTION_STRING(sluice_event_config, flow, .help = "The flow that changes, in place of a link."),
    SLUICE_OPTION_ENUM(sluice_event_config, direction, .def = "forward", .choices = "forward|back|both",
                       .help = "Which way of the link; an outage takes both unless one is given."),
    SLUICE_OPTION_RATE(sluice_event_config, rate, .help = "The new capacity of the link, or target of the flow."),
    SLUICE_OPTION_RATE(sluice_event_config, min_rate, .help = "The new minimum of the flow."),
    SLUICE_OPTION_REAL(sluice_event_config, weight, .min = "0.001", .max = "1000", .help = "The new weight of the flow."),
    SLUICE_OPTION_DURATION(sluice_event_config, delay, .unit = "ms", .help = "The new delay of the link."),
    SLUICE_OPTION_REAL(sluice_event_config, loss, .min = "0", .max = "1", .help = "The new loss of the link."),
    SLUICE_OPTION_DURATION(sluice_event_config, jitter, .unit = "ms", .help = "The new jitter of the link."),
    SLUICE_OPTION_SIZE(sluice_event_config, queue, .help = "The new queue of the link."),
    SLUICE_OPTION_RATE(sluice_event_config, policer, .help = "The new rate of the link's policer; 0: none."),
    SLUICE_OPTION_DURATION(sluice_event_config, outage, .unit = "s", .help = "So long the link loses all that enters it."),
};

static const char *const words[SLUICE_PART_TYPES] = {"simulation", "link", "flow", "competitor", "event"};

sluice_option_table sluice_part_options(sluice_part_type type)
{
    switch (type) {
    case SLUICE_PART_SIMULATION:
        return (sluice_option_table){simulation_options, SLUICE_COUNT(simulation_options)};
    case SLUICE_PART_LINK:
        return (sluice_option_table){link_options, SLUICE_COUNT(link_options)};
    case SLUICE_PART_FLOW:
        return (sluice_option_table){flow_options, SLUICE_COUNT(flow_options)};
    case SLUICE_PART_COMPETITOR:
        return (sluice_option_table){competitor_options, SLUICE_COUNT(competitor_options)};
    case SLUICE_PART_EVENT:
        break;
    }
    return (sluice_option_table){event_options, SLUICE_COUNT(event_options)};
}

const char *sluice_part_word(sluice_part_type type)
{
    return words[type];
}

const sluice_option *sluice_scenario_options(const char *section, size_t *count)
{
    for (int type = 0; type < SLUICE_PART_TYPES; type++) {
        if (strcmp(words[type], section) == 0) {
            sluice_option_table table = sluice_part_options((sluice_part_type)type);
            *count = table.count;
            return table.options;
        }
    }
    return NULL;
}
