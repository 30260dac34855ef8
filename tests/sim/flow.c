/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/flow.h"

#include <sluice/packet.h>
#include <stdlib.h>
#include <string.h>

enum { NONE, IN_FLIGHT, LOST, DELIVERED };

#define BURST_NS (SLUICE_MS / 2) /* DESIGN section 4: a burst is rate x 0.5 ms, at least 2 packets, at most 64 KB */
#define BURST_MOST 65536u
#define PTO_FIRST_NS (500 * SLUICE_MS)
#define PTO_MOST_NS (500 * SLUICE_MS) /* an outage is probed at least this often */

static void wake(void *subject, uint64_t argument);

static uint32_t packet_bytes(const sim_flow *flow)
{
    return flow->setup.packet_bytes ? flow->setup.packet_bytes : 1500;
}

static sim_flow_record *record_of(sim_flow *flow, uint64_t number)
{
    return &flow->records[number & (flow->record_count - 1)];
}

static bool records_grow(sim_flow *flow)
{
    uint64_t count = flow->record_count ? 2 * flow->record_count : 1024;
    sim_flow_record *records = calloc(count, sizeof(*records));

    if (!records) {
        sluice_sim_fail(flow->simulation, "out of memory for %llu records", (unsigned long long)count);
        return false;
    }
    for (uint64_t n = flow->oldest; n < flow->next; n++)
        records[n & (count - 1)] = *record_of(flow, n);
    free(flow->records);
    flow->records = records;
    flow->record_count = count;
    return true;
}

static void arm(sim_flow *flow, sluice_time when)
{
    if (flow->setup.host_jitter_ns)
        when += sluice_sim_random_below(&flow->random, flow->setup.host_jitter_ns);
    sluice_sim_at(flow->simulation, when, wake, flow, ++flow->timer);
}

/* ---- receiver ---- */

static void report_arrive(void *subject, sluice_sim_packet *packet);

static void report_send(void *subject, uint64_t argument)
{
    sim_flow *flow = subject;
    size_t count = 0, used = 0;
    sluice_sim_packet *packet;
    sim_flow_arrival *out;

    (void)argument;
    flow->report_due = false;
    for (int i = 0; i < SIM_FLOW_RECENT; i++)
        count += flow->arrival_count[i];
    packet = sluice_sim_packet_new(flow->simulation, NULL, (uint32_t)(8 + count * sizeof(*out)));
    if (!packet)
        return;
    uint64_t drops = flow->setup.receiver ? flow->setup.receiver->drops : 0;
    memcpy(packet->data, &drops, 8);
    out = (sim_flow_arrival *)(void *)(packet->data + 8);
    for (int i = SIM_FLOW_RECENT - 1; i >= 0; i--) {
        if (flow->arrival_count[i])
            memcpy(&out[used], flow->arrivals[i], flow->arrival_count[i] * sizeof(*out));
        used += flow->arrival_count[i];
    }
    sim_flow_arrival *last = flow->arrivals[SIM_FLOW_RECENT - 1];
    size_t room = flow->arrival_room[SIM_FLOW_RECENT - 1];

    for (int i = SIM_FLOW_RECENT - 1; i > 0; i--) {
        flow->arrivals[i] = flow->arrivals[i - 1];
        flow->arrival_room[i] = flow->arrival_room[i - 1];
        flow->arrival_count[i] = flow->arrival_count[i - 1];
    }
    flow->arrivals[0] = last;
    flow->arrival_room[0] = room;
    flow->arrival_count[0] = 0;
    packet->ip_bytes = 80;
    packet->arrival = report_arrive;
    packet->subject = flow;
    sluice_sim_link_send(flow->setup.back, packet);
}

/* At least four reports a round trip, at most one for 50 packets or so at high rates. */
static sluice_duration report_interval(const sim_flow *flow)
{
    sluice_duration interval = flow->srtt / 8;

    if (interval > 25 * SLUICE_MS || !flow->srtt)
        interval = flow->srtt ? 25 * SLUICE_MS : SLUICE_MS;
    return interval < SLUICE_MS / 10 ? SLUICE_MS / 10 : interval;
}

static bool socket_overflows(sim_receiver *receiver, sluice_time now)
{
    sluice_duration each;

    if (!receiver || !receiver->pps)
        return false;
    each = SLUICE_SECOND / receiver->pps;
    if (receiver->free_at < now)
        receiver->free_at = now;
    if (receiver->free_at - now > each * receiver->queue) {
        receiver->drops++;
        return true;
    }
    receiver->free_at += each;
    return false;
}

static void data_arrive(void *subject, sluice_sim_packet *packet)
{
    sim_flow *flow = subject;
    sluice_time now = flow->simulation->now;
    size_t count = flow->arrival_count[0];

    if (!packet->damaged && !socket_overflows(flow->setup.receiver, now)) {
        if (count == flow->arrival_room[0]) {
            size_t room = count ? 2 * count : 64;
            sim_flow_arrival *grown = realloc(flow->arrivals[0], room * sizeof(*grown));

            if (!grown) {
                sluice_sim_fail(flow->simulation, "out of memory for arrivals");
                sluice_sim_packet_free(packet);
                return;
            }
            flow->arrivals[0] = grown;
            flow->arrival_room[0] = room;
        }
        flow->arrivals[0][flow->arrival_count[0]++] =
            (sim_flow_arrival){packet->number, now, packet->ecn == SLUICE_ECN_CE};
        if (!flow->report_due) {
            sluice_time at = now + report_interval(flow);

            if (flow->setup.host_jitter_ns)
                at += sluice_sim_random_below(&flow->random, flow->setup.host_jitter_ns);
            flow->report_due = true;
            sluice_sim_at(flow->simulation, at, report_send, flow, 0);
        }
    }
    sluice_sim_packet_free(packet);
}

/* ---- sender: what a report tells ---- */

typedef struct news {
    sluice_sample sample;
    sim_flow_record newest;
    sluice_time newest_arrival;
    sluice_duration delay_least;
    bool any;
} news;

static void acknowledge(sim_flow *flow, const sim_flow_arrival *arrival, sluice_time report_made, news *out)
{
    sim_flow_record *record;
    sluice_duration delay;

    if (arrival->number < flow->oldest || arrival->number >= flow->next)
        return;
    record = record_of(flow, arrival->number);
    if (record->state == DELIVERED || record->state == NONE)
        return;
    if (record->state == LOST) {
        out->sample.spurious_packets++;
        flow->spurious_packets++;
    } else {
        flow->in_flight -= packet_bytes(flow);
    }
    record->state = DELIVERED;
    flow->delivered += packet_bytes(flow);
    flow->delivered_packets++;
    out->sample.acked_packets++;
    out->sample.acked_bytes += packet_bytes(flow);
    out->sample.ce_packets += arrival->marked;
    delay = arrival->at - record->sent;
    if (!out->any || delay < out->delay_least)
        out->delay_least = delay;
    if (!out->any || record->sent >= out->newest.sent) {
        out->newest = *record;
        out->newest_arrival = arrival->at;
        if (arrival->number >= flow->round_end)
            out->sample.round_start = true;
    }
    out->any = true;
    (void)report_made;
}

static sluice_duration least_note(sim_flow_least *least, sluice_time now, sluice_duration value)
{
    sluice_time second = now / SLUICE_SECOND;
    sluice_duration found = value;

    if (!least->second || second >= least->second + SIM_FLOW_SLOTS)
        least->second = second > SIM_FLOW_SLOTS ? second - SIM_FLOW_SLOTS : 0;
    while (least->second < second)
        least->slot[++least->second % SIM_FLOW_SLOTS] = SLUICE_NEVER;
    if (value < least->slot[second % SIM_FLOW_SLOTS])
        least->slot[second % SIM_FLOW_SLOTS] = value;
    for (int i = 0; i < SIM_FLOW_SLOTS; i++)
        found = least->slot[i] < found ? least->slot[i] : found;
    return found;
}

static void measure_rtt(sim_flow *flow, sluice_duration rtt)
{
    if (!flow->srtt) {
        flow->srtt = rtt;
        flow->rttvar = rtt / 2;
    } else {
        sluice_duration off = rtt > flow->srtt ? rtt - flow->srtt : flow->srtt - rtt;

        flow->rttvar = (3 * flow->rttvar + off) / 4;
        flow->srtt = (7 * flow->srtt + rtt) / 8;
    }
    flow->min_rtt = least_note(&flow->least_rtt, flow->simulation->now, rtt);
}

static void measure_rate(sim_flow *flow, const news *got, sluice_sample *sample)
{
    const sim_flow_record *newest = &got->newest;
    sluice_time now = flow->simulation->now;
    sluice_duration sending = newest->sent - newest->first_sent, acking = now - newest->delivered_time;
    sluice_duration interval = sending > acking ? sending : acking;

    flow->first_sent = newest->sent;
    flow->delivered_time = now;
    if (!interval || interval < flow->min_rtt / 2)
        return;
    sample->delivery_interval_ns = interval;
    sample->delivery_rate_bps =
        (sluice_rate)((double)(flow->delivered - newest->delivered) * 8 / ((double)interval / 1e9));
    sample->app_limited = newest->app_limited;
}

static void detect_losses(sim_flow *flow, sluice_sample *sample)
{
    sluice_duration window = flow->min_rtt / 4;

    if (window < SLUICE_MS)
        window = SLUICE_MS;
    for (; flow->doubtful < flow->next; flow->doubtful++) {
        sim_flow_record *record = record_of(flow, flow->doubtful);

        if (record->state != IN_FLIGHT)
            continue;
        if (record->sent + window >= flow->newest_sent)
            break;
        record->state = LOST;
        flow->in_flight -= packet_bytes(flow);
        sample->lost_packets++;
        sample->lost_bytes += packet_bytes(flow);
        flow->lost_packets++;
    }
    /* Records are kept for half a second after the loss, so that late arrivals are seen as spurious. */
    while (flow->oldest < flow->next) {
        sim_flow_record *record = record_of(flow, flow->oldest);

        if (record->state == IN_FLIGHT ||
            (record->state == LOST && record->sent + flow->srtt + SLUICE_SECOND / 2 > flow->simulation->now))
            break;
        record->state = NONE;
        flow->oldest++;
        if (flow->doubtful < flow->oldest)
            flow->doubtful = flow->oldest;
    }
}

static void finish_sample(sim_flow *flow, sluice_sample *sample)
{
    sample->size = sizeof(*sample);
    sample->now = flow->simulation->now;
    sample->delivered_bytes = flow->delivered;
    sample->in_flight_bytes = flow->in_flight;
    sample->round = flow->round;
    sample->srtt_ns = flow->srtt;
    sample->rttvar_ns = flow->rttvar;
    sample->min_rtt_ns = flow->min_rtt;
    sample->packet_bytes = packet_bytes(flow);
    sluice_rate_sample(&flow->rate, sample, &flow->control);
}

static void report_arrive(void *subject, sluice_sim_packet *packet)
{
    sim_flow *flow = subject;
    const sim_flow_arrival *arrivals = (const sim_flow_arrival *)(const void *)(packet->data + 8);
    size_t count = (packet->size - 8) / sizeof(*arrivals);
    news got = {.any = false};
    uint64_t drops;

    memcpy(&drops, packet->data, 8);
    for (size_t i = 0; i < count; i++)
        acknowledge(flow, &arrivals[i], packet->sent, &got);
    flow->last_heard = flow->simulation->now;
    flow->probes = 0;
    if (drops > flow->socket_drops_told) {
        got.sample.receiver_drop_packets = drops - flow->socket_drops_told;
        flow->socket_drops_told = drops;
    }
    if (got.any) {
        sluice_duration delay = got.newest_arrival - got.newest.sent;

        if (got.newest.sent > flow->newest_sent)
            flow->newest_sent = got.newest.sent;
        got.sample.rtt_ns = flow->simulation->now - got.newest.sent - (packet->sent - got.newest_arrival);
        measure_rtt(flow, got.sample.rtt_ns);
        measure_rate(flow, &got, &got.sample);
        flow->base_delay = least_note(&flow->least_delay, flow->simulation->now, got.delay_least);
        got.sample.queue_valid = true;
        got.sample.queue_ns = delay - flow->base_delay;
        got.sample.queue_min_ns = got.delay_least - flow->base_delay;
        got.sample.queue_base_ns = (int64_t)flow->base_delay - 12345678; /* the clocks do not agree */
        got.sample.prior_in_flight_bytes = got.newest.prior_in_flight;
        if (got.sample.round_start) {
            flow->round++;
            flow->round_end = flow->next;
        }
        detect_losses(flow, &got.sample);
        finish_sample(flow, &got.sample);
    }
    sluice_sim_packet_free(packet);
    if (flow->active)
        arm(flow, flow->simulation->now);
}

/* ---- sender: packets out ---- */

static void packet_send(sim_flow *flow)
{
    sluice_sim_packet *packet;
    sim_flow_record *record;
    sluice_time now = flow->simulation->now;

    if (flow->next - flow->oldest + 1 >= flow->record_count && !records_grow(flow))
        return;
    packet = sluice_sim_packet_new(flow->simulation, NULL, 0);
    if (!packet)
        return;
    if (!flow->in_flight) {
        flow->first_sent = now;
        flow->delivered_time = now;
    }
    packet->number = flow->next;
    packet->ip_bytes = packet_bytes(flow);
    packet->ecn = SLUICE_ECN_ECT0;
    packet->arrival = data_arrive;
    packet->subject = flow;
    record = record_of(flow, flow->next++);
    *record = (sim_flow_record){.sent = now,
                                .delivered_time = flow->delivered_time,
                                .first_sent = flow->first_sent,
                                .delivered = flow->delivered,
                                .state = IN_FLIGHT,
                                .app_limited = flow->app_limited_until > flow->delivered};
    flow->in_flight += packet_bytes(flow);
    record->prior_in_flight = flow->in_flight;
    flow->sent_packets++;
    flow->sent_bytes += packet_bytes(flow);
    flow->source_sent += packet_bytes(flow);
    sluice_sim_link_send(flow->setup.forward, packet);
}

static void probe_timeout(sim_flow *flow)
{
    sluice_sample sample = {.persistent = true};
    sluice_duration pto = flow->srtt ? flow->srtt + 4 * flow->rttvar + 50 * SLUICE_MS : PTO_FIRST_NS;

    for (unsigned i = 0; i < flow->probes && pto < PTO_MOST_NS; i++)
        pto *= 2;
    if (!flow->in_flight || flow->simulation->now < flow->last_heard + pto)
        return;
    flow->last_heard = flow->simulation->now;
    flow->probes++;
    finish_sample(flow, &sample);
    packet_send(flow);
}

static bool source_empty(sim_flow *flow)
{
    double written;

    if (!flow->setup.source_bps)
        return false;
    written = (double)flow->setup.source_bps / 8 * (double)(flow->simulation->now - flow->setup.start) / 1e9;
    return (double)(flow->source_sent + packet_bytes(flow)) > written;
}

static void wake(void *subject, uint64_t argument)
{
    sim_flow *flow = subject;
    sluice_time now = flow->simulation->now, next = now + 10 * SLUICE_MS;
    uint64_t burst = 0, burst_most, before = flow->sent_bytes;

    if (argument != flow->timer || !flow->active)
        return;
    if (flow->setup.stop && now >= flow->setup.stop) {
        flow->active = false;
        return;
    }
    probe_timeout(flow);
    burst_most = (uint64_t)((double)flow->control.pacing_bps / 8 * (double)BURST_NS / 1e9);
    if (burst_most < 2u * packet_bytes(flow))
        burst_most = 2u * packet_bytes(flow);
    if (burst_most > BURST_MOST || !flow->control.pacing_bps)
        burst_most = BURST_MOST;
    while (now >= flow->pace_at && burst + packet_bytes(flow) <= burst_most) {
        if (flow->control.cwnd_bytes && flow->in_flight + packet_bytes(flow) > flow->control.cwnd_bytes)
            break;
        if (source_empty(flow)) {
            flow->app_limited_until = flow->delivered + flow->in_flight;
            next = now + SLUICE_MS;
            break;
        }
        packet_send(flow);
        burst += packet_bytes(flow);
    }
    if (burst && flow->control.pacing_bps) {
        sluice_duration owed = (sluice_duration)((double)burst * 8e9 / (double)flow->control.pacing_bps);
        sluice_duration late = now - flow->pace_at;

        /* A wake-up that came late may catch up at most one burst; what is lost beyond is the sender's CPU. */
        if (flow->waits_for_pacer && late > 2 * BURST_NS)
            flow->app_limited_until = flow->delivered + flow->in_flight;
        flow->pace_at = late < BURST_NS ? flow->pace_at + owed : now + owed - (owed < BURST_NS ? owed : BURST_NS);
    }
    if (flow->sent_bytes > before)
        sluice_rate_sent(&flow->rate, now, flow->sent_bytes - before, flow->in_flight, &flow->control);
    if (burst)
        next = flow->pace_at > now ? flow->pace_at : now + 1;
    else if (flow->pace_at > now)
        next = flow->pace_at;
    flow->waits_for_pacer = flow->pace_at > now;
    arm(flow, next);
}

static void flow_start(void *subject, uint64_t argument)
{
    sim_flow *flow = subject;
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = flow->simulation->now,
                                     .limits = flow->setup.limits,
                                     .packet_bytes = packet_bytes(flow)};
    sluice_error error = {0, ""};

    (void)argument;
    if (flow->setup.rtt_known)
        start.min_rtt_ns = start.srtt_ns = flow->setup.forward->setup.delay_ns + flow->setup.back->setup.delay_ns;
    if (start.limits.weight <= 0)
        start.limits.weight = 1;
    if (sluice_rate_init(&flow->rate, flow->setup.plugin, flow->instance.state, flow->instance.config, &start,
                         &flow->control, &error)) {
        sluice_sim_fail(flow->simulation, "%s", error.text);
        return;
    }
    flow->active = true;
    flow->last_heard = flow->pace_at = flow->simulation->now;
    arm(flow, flow->simulation->now);
}

void sim_flow_init(sim_flow *flow, sluice_sim *simulation, const sim_flow_setup *setup, uint64_t label)
{
    *flow = (sim_flow){.simulation = simulation, .setup = *setup};
    flow->random = sluice_sim_random_make(simulation->seed, label);
    if (sim_instance_init(&flow->instance, setup->plugin, setup->settings)) {
        sluice_sim_fail(simulation, "%s does not start with \"%s\"", setup->plugin->name,
                 setup->settings ? setup->settings : "");
        return;
    }
    if (!records_grow(flow))
        return;
    if (flow->setup.start < simulation->now)
        flow->setup.start = simulation->now;
    for (int i = 0; i < SIM_FLOW_SLOTS; i++)
        flow->least_rtt.slot[i] = flow->least_delay.slot[i] = SLUICE_NEVER;
    sluice_sim_at(simulation, flow->setup.start, flow_start, flow, 0);
}

void sim_flow_stop(sim_flow *flow)
{
    flow->active = false;
}

void sim_flow_fini(sim_flow *flow)
{
    sim_instance_fini(&flow->instance);
    free(flow->records);
    flow->records = NULL;
    for (int i = 0; i < SIM_FLOW_RECENT; i++) {
        free(flow->arrivals[i]);
        flow->arrivals[i] = NULL;
    }
}
