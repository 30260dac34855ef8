/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/channel.h"

void sim_channel_init(sim_channel *channel, sluice_sim *simulation, const sim_channel_setup *setup)
{
    *channel = (sim_channel){.simulation = simulation, .setup = *setup};
}

static void push(sluice_sim_packet **first, sluice_sim_packet **last, sluice_sim_packet *packet)
{
    packet->next = NULL;
    if (*last)
        (*last)->next = packet;
    else
        *first = packet;
    *last = packet;
}

static sluice_sim_packet *pop(sluice_sim_packet **first, sluice_sim_packet **last)
{
    sluice_sim_packet *packet = *first;

    *first = packet->next;
    if (!*first)
        *last = NULL;
    packet->next = NULL;
    return packet;
}

static void arrive(void *subject, uint64_t argument)
{
    sim_channel *channel = subject;
    sluice_sim_packet *packet;

    (void)argument;
    if (!channel->wire)
        return; /* It was cut in the meantime. */
    packet = pop(&channel->wire, &channel->wire_last);
    channel->held--;
    channel->delivered++;
    sluice_sim_note(channel->simulation, packet->number ^ channel->simulation->now);
    packet->arrival(packet->subject, packet);
}

static void depart(void *subject, uint64_t argument);

static void serve(sim_channel *channel)
{
    double seconds = (double)channel->first->ip_bytes * 8 / (double)channel->setup.rate_bps;

    sluice_sim_at(channel->simulation, channel->simulation->now + (sluice_duration)(seconds * 1e9), depart, channel, 0);
}

static void depart(void *subject, uint64_t argument)
{
    sim_channel *channel = subject;
    sluice_sim_packet *packet;

    (void)argument;
    if (!channel->first)
        return; /* It was cut in the meantime. */
    packet = pop(&channel->first, &channel->last);
    channel->queued_bytes -= packet->ip_bytes;
    push(&channel->wire, &channel->wire_last, packet);
    sluice_sim_at(channel->simulation, channel->simulation->now + channel->setup.delay_ns, arrive, channel, 0);
    if (channel->first)
        serve(channel);
    if (channel->wanted && channel->queued_bytes < channel->setup.queue_bytes && channel->writable) {
        channel->wanted = false;
        sluice_sim_at(channel->simulation, channel->simulation->now, channel->writable, channel->subject, UINT64_MAX);
    }
}

bool sim_channel_room(sim_channel *channel)
{
    if (!channel->out && channel->queued_bytes < channel->setup.queue_bytes)
        return true;
    channel->wanted = true;
    return false;
}

void sim_channel_send(sim_channel *channel, sluice_sim_packet *packet)
{
    channel->sent++;
    if (channel->out) {
        channel->cut++;
        sluice_sim_packet_free(packet);
        return;
    }
    channel->held++;
    channel->queued_bytes += packet->ip_bytes;
    if (channel->queued_bytes > channel->queue_most_bytes)
        channel->queue_most_bytes = channel->queued_bytes;
    push(&channel->first, &channel->last, packet);
    if (channel->first == packet)
        serve(channel);
}

void sim_channel_cut(sim_channel *channel)
{
    channel->out = true;
    channel->cut += channel->held;
    channel->held = 0;
    channel->queued_bytes = 0;
    while (channel->first)
        sluice_sim_packet_free(pop(&channel->first, &channel->last));
    while (channel->wire)
        sluice_sim_packet_free(pop(&channel->wire, &channel->wire_last));
}

void sim_channel_fini(sim_channel *channel)
{
    sim_channel_cut(channel);
}

void sim_channel_check(sim_channel *channel)
{
    if (channel->sent != channel->delivered + channel->cut + channel->held)
        sluice_sim_fail(channel->simulation, "channel: %llu sent are not %llu delivered, %llu cut, %llu held",
                 (unsigned long long)channel->sent, (unsigned long long)channel->delivered,
                 (unsigned long long)channel->cut, (unsigned long long)channel->held);
}
