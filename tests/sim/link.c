/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/link.h"

#include <sluice/packet.h>
#include <stdlib.h>
#include <string.h>

sim_packet *sim_packet_new(sim *simulation, const void *data, uint32_t size)
{
    sim_packet *packet = malloc(sizeof(*packet) + size);

    if (!packet) {
        sim_fail(simulation, "out of memory for a packet");
        return NULL;
    }
    memset(packet, 0, sizeof(*packet));
    packet->simulation = simulation;
    packet->size = size;
    if (data)
        memcpy(packet->data, data, size);
    simulation->packets++;
    return packet;
}

void sim_packet_free(sim_packet *packet)
{
    if (!packet)
        return;
    packet->simulation->packets--;
    free(packet);
}

void sim_link_init(sim_link *link, sim *simulation, const sim_link_setup *setup, uint64_t label)
{
    *link = (sim_link){
        .simulation = simulation, .setup = *setup, .queue_noted = simulation->now, .mean_since = simulation->now};
    link->random = sim_random_make(simulation->seed, label);
}

void sim_link_fini(sim_link *link)
{
    while (link->first) {
        sim_packet *packet = link->first;

        link->first = packet->next;
        sim_packet_free(packet);
    }
    link->last = NULL;
}

static void leave(sim_link *link, sim_packet *packet)
{
    link->counts.held--;
    link->counts.held_bytes -= packet->ip_bytes;
}

static void arrive(void *subject, uint64_t argument)
{
    sim_link *link = subject;
    sim_packet *packet = (sim_packet *)(uintptr_t)argument;

    leave(link, packet);
    link->counts.delivered++;
    link->counts.delivered_bytes += packet->ip_bytes;
    link->counts.damaged += packet->damaged;
    sim_note(link->simulation, packet->number ^ link->simulation->now);
    packet->arrival(packet->subject, packet);
}

static bool lost_on_wire(sim_link *link)
{
    const sim_link_setup *setup = &link->setup;

    if (setup->burst_start > 0) {
        double turn = link->in_burst ? setup->burst_end : setup->burst_start;

        if (sim_random_chance(&link->random, turn))
            link->in_burst = !link->in_burst;
        if (link->in_burst && sim_random_chance(&link->random, setup->burst_loss))
            return true;
    }
    return sim_random_chance(&link->random, setup->loss);
}

static bool picked(const sim_link *link, const sim_packet *packet)
{
    return link->setup.picks && link->setup.picks(link->setup.picker, packet);
}

static void travel(sim_link *link, sim_packet *packet)
{
    const sim_link_setup *setup = &link->setup;
    sluice_time when = link->simulation->now + setup->delay_ns;
    bool overtaken = sim_random_chance(&link->random, setup->reorder);

    when += sim_random_below(&link->random, setup->jitter_ns);
    if (overtaken) {
        when += setup->reorder_ns;
    } else if (!setup->jitter_reorders) {
        if (when < link->last_arrival)
            when = link->last_arrival;
        link->last_arrival = when;
    }
    sim_at(link->simulation, when, arrive, link, (uint64_t)(uintptr_t)packet);
}

static void damage(sim_link *link, sim_packet *packet)
{
    packet->damaged = true;
    if (packet->size) {
        uint64_t bit = sim_random_below(&link->random, 8u * (uint64_t)packet->size);

        packet->data[bit / 8] = (uint8_t)(packet->data[bit / 8] ^ (1u << (bit % 8)));
    }
}

static void duplicate(sim_link *link, const sim_packet *packet)
{
    sim_packet *copy = sim_packet_new(link->simulation, packet->data, packet->size);

    if (!copy)
        return;
    copy->arrival = packet->arrival;
    copy->subject = packet->subject;
    copy->ip_bytes = packet->ip_bytes;
    copy->ecn = packet->ecn;
    copy->from = packet->from;
    copy->to = packet->to;
    copy->sent = packet->sent;
    copy->number = packet->number;
    link->counts.duplicated++;
    link->counts.held++;
    link->counts.held_bytes += copy->ip_bytes;
    travel(link, copy);
}

static void wire(sim_link *link, sim_packet *packet)
{
    if (lost_on_wire(link) || picked(link, packet)) {
        leave(link, packet);
        link->counts.lost++;
        sim_packet_free(packet);
        return;
    }
    if (sim_random_chance(&link->random, link->setup.duplicate))
        duplicate(link, packet);
    if (sim_random_chance(&link->random, link->setup.corrupt))
        damage(link, packet);
    travel(link, packet);
}

static void note_queue(sim_link *link)
{
    sluice_time now = link->simulation->now;

    link->queue_byte_seconds += (double)link->queued_bytes * (double)(now - link->queue_noted) / 1e9;
    link->queue_noted = now;
}

static void depart(void *subject, uint64_t argument);

static void serve(sim_link *link)
{
    double seconds = link->setup.rate_bps ? (double)link->first->ip_bytes * 8 / (double)link->setup.rate_bps : 0;

    sim_at(link->simulation, link->simulation->now + (sluice_duration)(seconds * 1e9), depart, link, 0);
}

static void depart(void *subject, uint64_t argument)
{
    sim_link *link = subject;
    sim_packet *packet = link->first;

    (void)argument;
    note_queue(link);
    link->queued_bytes -= packet->ip_bytes;
    link->first = packet->next;
    if (link->first)
        serve(link);
    else
        link->last = NULL;
    packet->next = NULL;
    wire(link, packet);
}

static bool refused(sim_link *link, const sim_packet *packet)
{
    const sim_link_setup *setup = &link->setup;

    if (setup->mtu && packet->ip_bytes > setup->mtu) {
        link->counts.too_big++;
        return true;
    }
    if (setup->out || (setup->rate_bps && link->first &&
                       link->queued_bytes - link->first->ip_bytes + packet->ip_bytes > setup->queue_bytes)) {
        link->counts.dropped++;
        return true;
    }
    return false;
}

void sim_link_send(sim_link *link, sim_packet *packet)
{
    link->counts.sent++;
    packet->sent = link->simulation->now;
    if (refused(link, packet)) {
        sim_packet_free(packet);
        return;
    }
    link->counts.held++;
    link->counts.held_bytes += packet->ip_bytes;
    if (link->setup.mark_bytes && link->queued_bytes > link->setup.mark_bytes && packet->ecn != SLUICE_ECN_NONE) {
        packet->ecn = SLUICE_ECN_CE;
        link->counts.marked++;
    }
    note_queue(link);
    packet->next = NULL;
    if (!link->setup.rate_bps && !link->first) {
        wire(link, packet);
        return;
    }
    link->queued_bytes += packet->ip_bytes;
    if (link->queued_bytes > link->counts.queue_most_bytes)
        link->counts.queue_most_bytes = link->queued_bytes;
    if (link->last)
        link->last->next = packet;
    link->last = packet;
    if (!link->first) {
        link->first = packet;
        serve(link);
    }
}

double sim_link_queue_mean(sim_link *link)
{
    double seconds, mean;

    note_queue(link);
    seconds = (double)(link->simulation->now - link->mean_since) / 1e9;
    mean = seconds > 0 ? link->queue_byte_seconds / seconds : 0;
    link->queue_byte_seconds = 0;
    link->mean_since = link->simulation->now;
    return mean;
}

void sim_link_check(sim_link *link)
{
    const sim_link_counts *counts = &link->counts;

    if (counts->sent + counts->duplicated !=
        counts->delivered + counts->lost + counts->dropped + counts->too_big + counts->held)
        sim_fail(link->simulation, "link: %llu sent and %llu copies are not %llu delivered, %llu lost, %llu held",
                 (unsigned long long)counts->sent, (unsigned long long)counts->duplicated,
                 (unsigned long long)counts->delivered,
                 (unsigned long long)(counts->lost + counts->dropped + counts->too_big),
                 (unsigned long long)counts->held);
}
