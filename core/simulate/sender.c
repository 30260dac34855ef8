/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/sender.h"

#include <sluice/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *sluice_sender_kind(const sluice_part *part)
{
    static const char *const kinds[] = {"reno", "cubic", "bbr", "steady"};

    if (part->type == SLUICE_PART_COMPETITOR)
        return kinds[part->config.competitor.kind];
    return part->config.flow.congestion ? part->config.flow.congestion
           : part->config.flow.policy   ? part->config.flow.policy
                                        : "fair";
}

static void count_arrival(sluice_sender *sender, const sluice_sim_packet *packet)
{
    sender->counts.arrived_bytes += packet->ip_bytes;
    sender->counts.arrived_packets++;
    sender->counts.marked_packets += packet->ecn == SLUICE_ECN_CE;
    sender->counts.queue_sum_ns += (double)packet->queued_ns;
}

/* ---- flows ---- */

static void flow_arrive(void *subject, sluice_sim_packet *packet)
{
    sluice_sender *sender = subject;

    count_arrival(sender, packet);
    sluice_sim_side_arrive(&sender->receiving, packet);
}

static void report_arrive(void *subject, sluice_sim_packet *packet)
{
    sluice_sender *sender = subject;

    sluice_sim_side_arrive(&sender->sending, packet);
}

/* "key=value" lines of the flow's own, over the configuration's. */
static int set_own(const sluice_instance *instance, const char *settings, sluice_error *error)
{
    sluice_option_table table = {instance->plugin->options, instance->plugin->option_count};
    char word[512];
    int status = SLUICE_OK;

    while (settings && *settings && !status) {
        size_t length = strcspn(settings, "\n"), key = strcspn(settings, "=\n");
        const sluice_option *option;

        snprintf(word, sizeof(word), "%.*s", (int)length, settings);
        settings += length + (settings[length] == '\n');
        if (key >= strlen(word))
            continue; /* The scenario was checked. */
        word[key] = '\0';
        option = sluice_option_find(table, word);
        /* The instance's config is const for its plugin; it has not been handed out yet. */
        if (option)
            status = sluice_option_set(option, (void *)(uintptr_t)instance->config, word + key + 1, false, error);
    }
    return status;
}

static int instances_make(sluice_sender *sender, sluice_instance *out[3], sluice_error *error)
{
    const sluice_flow_config *flow = &sender->part->config.flow;
    int status = sluice_instance_new(sender->library, SLUICE_TRANSPORT, "udp", &out[0], error);

    if (!status)
        status = sluice_instance_new(sender->library, SLUICE_TRANSPORT, "udp", &out[1], error);
    if (!status)
        status = sluice_instance_new(sender->library, SLUICE_CONGESTION, sluice_sender_kind(sender->part), &out[2], error);
    if (!status)
        status = set_own(out[2], flow->set, error);
    for (int i = 0; status && i < 3; i++)
        sluice_instance_free(out[i]);
    return status;
}

static void flow_begin(sluice_sender *sender)
{
    const sluice_flow_config *flow = &sender->part->config.flow;
    sluice_instance *made[3] = {NULL};
    sluice_error error = {0, ""};
    sluice_sim_side_setup setup = {.role = SLUICE_CLIENT,
                                   .limits = sender->limits,
                                   .route = &sender->out_route,
                                   .ecn = flow->ecn,
                                   .sends = true,
                                   .bytes = flow->bytes,
                                   .source_bps = flow->source_rate,
                                   .jitter_ns = sender->jitter_ns,
                                   .label = sender->label};

    if (instances_make(sender, made, &error)) {
        sluice_sim_fail(sender->simulation, "flow %s: %s", sender->name, error.text);
        return;
    }
    sender->made = true;
    if (flow->rtt_known)
        setup.rtt_ns = sluice_sim_route_delay(&sender->out_route) + sluice_sim_route_delay(&sender->back_route);
    setup.transport = made[0];
    setup.congestion = made[2];
    sluice_sim_side_init(&sender->sending, sender->simulation, &setup);
    setup.role = SLUICE_SERVER;
    setup.transport = made[1];
    setup.congestion = NULL;
    setup.route = &sender->back_route;
    setup.limits = (sluice_limits){0, 0, 1};
    setup.sends = false;
    setup.label = sender->label + 1;
    sluice_sim_side_init(&sender->receiving, sender->simulation, &setup);
}

/* ---- competitors ---- */

static void tcp_arrived(void *user, const sluice_sim_packet *packet, bool first)
{
    sluice_sender *sender = user;

    count_arrival(sender, packet);
    if (first)
        sender->counts.goodput_bytes += SLUICE_SIM_TCP_PAYLOAD;
    else
        sender->counts.redundant_bytes += SLUICE_SIM_TCP_PAYLOAD;
}

static void competitor_init(sluice_sender *sender)
{
    static const sluice_sim_tcp_control *const controls[] = {&sluice_sim_tcp_reno, &sluice_sim_tcp_cubic, &sluice_sim_tcp_bbr,
                                                             NULL};
    const sluice_competitor_config *config = &sender->part->config.competitor;
    sluice_sim_random random = sluice_sim_random_make(sender->simulation->seed, sender->label + 2);
    /* A TCP answers within the kernel, where nothing is late; what differs from host to host is when it begins. */
    sluice_sim_tcp_setup setup = {.control = controls[config->kind],
                                  .out = sender->out,
                                  .back = sender->back,
                                  .out_count = sender->hops,
                                  .back_count = sender->hops,
                                  .own_ns = config->delay,
                                  .start = sender->start + sluice_sim_random_below(&random, 20 * sender->jitter_ns),
                                  .stop = sender->stop,
                                  .rate_bps = config->rate,
                                  .window_packets = config->window / SLUICE_SIM_TCP_PAYLOAD,
                                  .ecn = config->ecn,
                                  .arrived = tcp_arrived,
                                  .user = sender};

    sluice_sim_tcp_init(&sender->tcp, sender->simulation, &setup, sender->label);
}

/* ---- both ---- */

static void begin(void *subject, uint64_t argument)
{
    sluice_sender *sender = subject;

    (void)argument;
    if (sender->over)
        return;
    sender->begun = true;
    if (sender->part->type == SLUICE_PART_FLOW)
        flow_begin(sender);
}

static void end(void *subject, uint64_t argument)
{
    (void)argument;
    sluice_sender_stop(subject);
}

void sluice_sender_init(sluice_sender *sender, unsigned index, unsigned count, uint64_t label)
{
    const sluice_flow_config *flow = &sender->part->config.flow;
    const sluice_competitor_config *competitor = &sender->part->config.competitor;
    bool is_flow = sender->part->type == SLUICE_PART_FLOW;
    sluice_duration stagger = is_flow ? flow->stagger : competitor->stagger;
    sluice_duration stop = is_flow ? flow->stop : competitor->stop;

    if (count > 1)
        snprintf(sender->name, sizeof(sender->name), "%s.%u", sender->part->name, index + 1);
    else
        snprintf(sender->name, sizeof(sender->name), "%s", sender->part->name);
    sender->label = label;
    sender->start = SLUICE_SIM_START + (is_flow ? flow->start : competitor->start) + index * stagger;
    sender->stop = stop ? SLUICE_SIM_START + stop : 0;
    if (is_flow) {
        sender->limits = (sluice_limits){flow->rate, flow->min_rate, flow->weight};
        sluice_sim_route_init(&sender->out_route, sender->simulation, sender->out, sender->hops, flow->delay, flow_arrive,
                              sender);
        sluice_sim_route_init(&sender->back_route, sender->simulation, sender->back, sender->hops, flow->delay,
                              report_arrive, sender);
    } else {
        competitor_init(sender);
    }
    sluice_sim_at(sender->simulation, sender->start, begin, sender, 0);
    if (sender->stop)
        sluice_sim_at(sender->simulation, sender->stop, end, sender, 0);
}

void sluice_sender_stop(sluice_sender *sender)
{
    sluice_sender_state state;

    if (sender->made && !sender->over)
        sluice_sender_count(sender, &state);
    sender->over = true;
    if (sender->part->type == SLUICE_PART_COMPETITOR)
        sluice_sim_tcp_stop(&sender->tcp);
    if (sender->made) {
        sluice_sim_side_stop(&sender->sending);
        sluice_sim_side_stop(&sender->receiving);
    }
}

void sluice_sender_fini(sluice_sender *sender)
{
    if (sender->part->type == SLUICE_PART_COMPETITOR) {
        sluice_sim_tcp_fini(&sender->tcp);
        return;
    }
    if (sender->made) {
        sluice_sim_side_fini(&sender->sending);
        sluice_sim_side_fini(&sender->receiving);
    }
    sluice_sim_route_fini(&sender->out_route);
    sluice_sim_route_fini(&sender->back_route);
}

void sluice_sender_limits(sluice_sender *sender, const sluice_limits *limits)
{
    sender->limits = *limits;
    if (sender->made)
        sluice_sim_side_limits(&sender->sending, limits);
}

static void count_flow(sluice_sender *sender, sluice_sender_state *state)
{
    sluice_sender_counts *counts = &sender->counts;
    sluice_sim_side *sending = &sender->sending;
    sluice_transport_statistics sent, received;
    sluice_congestion_view view;

    sluice_sim_side_statistics(sending, &sent);
    sluice_sim_side_statistics(&sender->receiving, &received);
    sluice_rate_view(&sending->rate, &view);
    counts->goodput_bytes = sender->receiving.delivered_bytes;
    counts->redundant_bytes = received.redundant_bytes;
    counts->sent_bytes = sending->wire_bytes;
    counts->sent_packets = sending->wire_packets;
    counts->lost_packets = sent.lost_packets;
    counts->resent_packets = sent.resent_packets;
    counts->data_packets = sent.data_packets_sent;
    counts->rtt_sum_ns = sending->rtt_sum_ns;
    counts->rtt_count = sending->rtt_count;
    *state = (sluice_sender_state){.window_bytes = (double)sending->control.cwnd_bytes,
                                   .pacing_bps = (double)sending->control.pacing_bps,
                                   .in_flight_bytes = (double)sent.in_flight_bytes,
                                   .estimate_bps = (double)view.estimate_bps,
                                   .phase = view.phase ? view.phase : ""};
}

static const char *phase_of(const sluice_sim_tcp *tcp)
{
    static const char *const bbr[] = {"startup", "drain", "probe-bw", "probe-rtt"};

    if (!tcp->setup.control)
        return "steady";
    if (tcp->state == SLUICE_SIM_TCP_LOSS)
        return "time-out";
    if (tcp->setup.control->governs)
        return bbr[tcp->own.bbr.mode];
    if (tcp->state == SLUICE_SIM_TCP_RECOVERY)
        return "recovery";
    return tcp->cwnd < tcp->ssthresh ? "slow-start" : "avoidance";
}

static void count_tcp(sluice_sender *sender, sluice_sender_state *state)
{
    sluice_sender_counts *counts = &sender->counts;
    const sluice_sim_tcp *tcp = &sender->tcp;
    double packet = SLUICE_SIM_TCP_IP_BYTES;

    counts->sent_bytes = tcp->sent_bytes;
    counts->sent_packets = counts->data_packets = tcp->sent_packets;
    counts->lost_packets = tcp->lost_packets;
    counts->resent_packets = tcp->resent_packets;
    counts->rtt_sum_ns = tcp->rtt_sum_ns;
    counts->rtt_count = tcp->rtt_count;
    *state = (sluice_sender_state){.window_bytes = tcp->setup.control ? tcp->cwnd * packet : 0,
                                   .pacing_bps = tcp->pacing_pps * packet * 8,
                                   .in_flight_bytes = (double)tcp->in_flight * packet,
                                   .phase = phase_of(tcp)};
}

void sluice_sender_count(sluice_sender *sender, sluice_sender_state *state)
{
    *state = (sluice_sender_state){.phase = ""};
    if (sender->part->type == SLUICE_PART_COMPETITOR && sender->begun)
        count_tcp(sender, state);
    else if (sender->made && !sender->over)
        count_flow(sender, state);
}
