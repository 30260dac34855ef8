/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/figures.h"

/* DESIGN: the payload share of an IP packet at an MTU of 1500 is 1432/1500 here; of TCP with time stamps 1448/1500. */
#define PAYLOAD_SHARE (1432.0 / 1500)
#define TCP_PAYLOAD_SHARE (1448.0 / 1500)

static double ratio(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

static double difference(uint64_t now, uint64_t then)
{
    return (double)(now - then);
}

static void count_line(sluice_line *line, sluice_time now)
{
    const sluice_sim_link_counts *counts = &line->link.counts;

    sluice_line_settle(line, now);
    line->counts = (sluice_line_counts){.entered_packets = counts->sent,
                                        .gone_packets = counts->dropped + counts->lost + counts->too_big,
                                        .marked_packets = counts->marked,
                                        .arrived_packets = counts->delivered,
                                        .served_bits = 8.0 * (double)counts->served_bytes,
                                        .capacity_bits = line->capacity_bits,
                                        .queue_byte_seconds = sluice_sim_link_queue_sum(&line->link)};
}

static void fill_line(const sluice_line *line, const sluice_line_counts *then, double seconds, sluice_figures *out)
{
    const sluice_line_counts *now = &line->counts;
    double bits = now->served_bits - then->served_bits, capacity = now->capacity_bits - then->capacity_bits;
    double entered = difference(now->entered_packets, then->entered_packets);

    out->rate_bps = bits / seconds;
    out->share = ratio(bits, capacity);
    out->queue_bytes = (now->queue_byte_seconds - then->queue_byte_seconds) / seconds;
    out->queue_ms = ratio(out->queue_bytes * 8e3, capacity / seconds);
    out->loss = ratio(difference(now->gone_packets, then->gone_packets), entered);
    out->marked = ratio(difference(now->marked_packets, then->marked_packets), entered);
    out->phase = line->link.setup.out ? "out" : "";
}

/* The bits that the narrowest link of a sender's way can bring through, in the interval or the judged time. */
static double way_bits(const sluice_run *run, const sluice_sender *sender, bool result)
{
    double least = 0;

    for (unsigned i = 0; i < sender->hops; i++) {
        for (size_t j = 0; j < run->line_count; j++) {
            const sluice_line *line = &run->lines[j];
            double bits = line->counts.capacity_bits - (result ? line->judged : line->last).capacity_bits;

            bits *= 1 - sluice_sim_link_loss(&line->link.setup);
            if (&line->link == sender->out[i] && bits > 0 && (least <= 0 || bits < least))
                least = bits;
        }
    }
    return least;
}

static void fill_sender(const sluice_run *run, const sluice_sender *sender, bool result, double seconds,
                        sluice_figures *out)
{
    const sluice_sender_counts *now = &sender->counts, *then = result ? &sender->judged : &sender->last;
    double sent = difference(now->sent_packets, then->sent_packets);
    double arrived = difference(now->arrived_packets, then->arrived_packets);
    double goodput = difference(now->goodput_bytes, then->goodput_bytes);
    double payload = sender->part->type == SLUICE_PART_FLOW ? PAYLOAD_SHARE : TCP_PAYLOAD_SHARE;

    out->rate_bps = difference(now->arrived_bytes, then->arrived_bytes) * 8 / seconds;
    out->goodput_bps = goodput * 8 / seconds;
    out->sent_bps = difference(now->sent_bytes, then->sent_bytes) * 8 / seconds;
    out->share = ratio(goodput * 8, way_bits(run, sender, result) * payload);
    out->rtt_ms = ratio(now->rtt_sum_ns - then->rtt_sum_ns, difference(now->rtt_count, then->rtt_count)) / 1e6;
    out->queue_ms = ratio(now->queue_sum_ns - then->queue_sum_ns, arrived) / 1e6;
    out->loss = ratio(difference(now->lost_packets, then->lost_packets), sent);
    out->resent = ratio(difference(now->resent_packets, then->resent_packets),
                        difference(now->data_packets, then->data_packets));
    out->redundant = ratio(difference(now->redundant_bytes, then->redundant_bytes), goodput);
    out->marked = ratio(difference(now->marked_packets, then->marked_packets), arrived);
}

void sluice_figures_tell(sluice_run *run, double from, double to, bool result)
{
    void (*tell)(void *, const sluice_figures *) = result ? run->calls->result : run->calls->interval;
    double seconds = to - from;
    unsigned track = 0;

    for (size_t i = 0; i < run->line_count; i++)
        count_line(&run->lines[i], run->simulation.now);
    for (size_t i = 0; i < run->sender_count; i++, track++) {
        sluice_sender *sender = &run->senders[i];
        sluice_figures out = {.size = sizeof(out), .track = track, .from = from, .to = to};
        sluice_sender_state state;

        sluice_sender_count(sender, &state);
        fill_sender(run, sender, result, seconds, &out);
        out.window_bytes = state.window_bytes;
        out.pacing_bps = state.pacing_bps;
        out.in_flight_bytes = state.in_flight_bytes;
        out.estimate_bps = state.estimate_bps;
        out.phase = state.phase;
        if (tell)
            tell(run->calls->user, &out);
        if (!result)
            sender->last = sender->counts;
    }
    for (size_t i = 0; i < run->line_count; i++) {
        sluice_line *line = &run->lines[i];
        sluice_figures out = {.size = sizeof(out), .track = track, .from = from, .to = to};

        if (line->part->config.link.rate == 0 && line->part->config.link.back_rate == 0)
            continue;
        fill_line(line, result ? &line->judged : &line->last, seconds, &out);
        if (tell)
            tell(run->calls->user, &out);
        track++;
    }
    for (size_t i = 0; !result && i < run->line_count; i++)
        run->lines[i].last = run->lines[i].counts;
}

void sluice_figures_judge(sluice_run *run)
{
    for (size_t i = 0; i < run->line_count; i++) {
        count_line(&run->lines[i], run->simulation.now);
        run->lines[i].judged = run->lines[i].counts;
    }
    for (size_t i = 0; i < run->sender_count; i++) {
        sluice_sender_state state;

        sluice_sender_count(&run->senders[i], &state);
        run->senders[i].judged = run->senders[i].counts;
    }
}
