/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/link.h"

#include <sluice/packet.h>
#include <stdlib.h>
#include <string.h>

/* On a fast path thousands of packets wait, spread over memory: each is called for while the one before it is busy.  Its own
 * fields take two lines of the cache, the header and frames behind them one more.  A macro, as GCC drops calls of a function that
 * does nothing else. */
#ifdef __GNUC__
#define CALL_FOR(packet)                                                                                             \
    ((packet) ? (__builtin_prefetch(packet), __builtin_prefetch((const char *)(packet) + 64),                        \
                 __builtin_prefetch((const char *)(packet) + 128))                                                   \
              : (void)0)
#else
#define CALL_FOR(packet) ((void)0)
#endif

/* Packets of this size at most are kept for the next one: making them anew would be a good part of a run's time. */
#define KEPT_BYTES 2048u

sluice_sim_packet *sluice_sim_packet_new(sluice_sim *simulation, const void *data, uint32_t size)
{
    uint32_t room = size <= KEPT_BYTES ? KEPT_BYTES : size;
    sluice_sim_packet *packet = simulation->kept;

    if (room == KEPT_BYTES && packet)
        simulation->kept = packet->next;
    else
        packet = malloc(sizeof(*packet) + room);
    if (!packet) {
        sluice_sim_fail(simulation, "out of memory for a packet");
        return NULL;
    }
    memset(packet, 0, sizeof(*packet));
    packet->simulation = simulation;
    packet->size = size;
    packet->room = room;
    if (data)
        memcpy(packet->data, data, size);
    simulation->packets++;
    return packet;
}

void sluice_sim_packet_free(sluice_sim_packet *packet)
{
    if (!packet)
        return;
    packet->simulation->packets--;
    if (packet->room != KEPT_BYTES) {
        free(packet);
        return;
    }
    packet->next = packet->simulation->kept;
    packet->simulation->kept = packet;
}

void sluice_sim_link_init(sluice_sim_link *link, sluice_sim *simulation, const sluice_sim_link_setup *setup, uint64_t label)
{
    *link = (sluice_sim_link){
        .simulation = simulation, .setup = *setup, .policer_tokens = (double)setup->policer_bytes,
        .policer_at = simulation->now, .queue_noted = simulation->now, .mean_since = simulation->now};
    link->random = sluice_sim_random_make(simulation->seed, label);
}

static void row_free(sluice_sim_packet *packet)
{
    while (packet) {
        sluice_sim_packet *next = packet->next;

        sluice_sim_packet_free(packet);
        packet = next;
    }
}

void sluice_sim_link_fini(sluice_sim_link *link)
{
    row_free(link->first);
    row_free(link->wire_first);
    sluice_sim_packet_free(link->serving);
    link->serving = link->first = link->last = link->wire_first = link->wire_last = NULL;
}

static void leave(sluice_sim_link *link, sluice_sim_packet *packet)
{
    link->counts.held--;
    link->counts.held_bytes -= packet->ip_bytes;
}

static void drop(sluice_sim_link *link, sluice_sim_packet *packet)
{
    link->counts.dropped++;
    sluice_sim_packet_free(packet);
}

static void deliver(sluice_sim_link *link, sluice_sim_packet *packet)
{
    leave(link, packet);
    link->counts.delivered++;
    link->counts.delivered_bytes += packet->ip_bytes;
    link->counts.damaged += packet->damaged;
    sluice_sim_note(link->simulation, packet->number ^ link->simulation->now);
    packet->arrival(packet->subject, packet);
}

static void arrive(void *subject, uint64_t argument)
{
    deliver(subject, (sluice_sim_packet *)(uintptr_t)argument);
}

/* Those on the wire arrive in their order: one event for all of them keeps the heap small. */
static void arrive_in_order(void *subject, uint64_t argument)
{
    sluice_sim_link *link = subject;
    sluice_sim_packet *packet;

    (void)argument;
    while ((packet = link->wire_first) && packet->due <= link->simulation->now) {
        link->wire_first = packet->next;
        if (!link->wire_first)
            link->wire_last = NULL;
        packet->next = NULL;
        deliver(link, packet);
    }
    link->wire_runs = link->wire_first != NULL;
    if (link->wire_runs) {
        CALL_FOR(link->wire_first->next);
        sluice_sim_at(link->simulation, link->wire_first->due, arrive_in_order, link, 0);
    }
}

static void put_on_wire(sluice_sim_link *link, sluice_sim_packet *packet)
{
    if (link->wire_last && packet->due < link->wire_last->due) {
        sluice_sim_at(link->simulation, packet->due, arrive, link, (uint64_t)(uintptr_t)packet);
        return;
    }
    packet->next = NULL;
    if (link->wire_last)
        link->wire_last->next = packet;
    else
        link->wire_first = packet;
    link->wire_last = packet;
    if (!link->wire_runs) {
        link->wire_runs = true;
        sluice_sim_at(link->simulation, packet->due, arrive_in_order, link, 0);
    }
}

static bool lost_on_wire(sluice_sim_link *link)
{
    const sluice_sim_link_setup *setup = &link->setup;

    if (setup->burst_start > 0) {
        double turn = link->in_burst ? setup->burst_end : setup->burst_start;

        if (sluice_sim_random_chance(&link->random, turn))
            link->in_burst = !link->in_burst;
        if (link->in_burst && sluice_sim_random_chance(&link->random, setup->burst_loss))
            return true;
    }
    return sluice_sim_random_chance(&link->random, setup->loss);
}

static bool picked(const sluice_sim_link *link, const sluice_sim_packet *packet)
{
    return link->setup.picks && link->setup.picks(link->setup.picker, packet);
}

static void travel(sluice_sim_link *link, sluice_sim_packet *packet)
{
    const sluice_sim_link_setup *setup = &link->setup;
    sluice_time when = link->simulation->now + setup->delay_ns;
    bool overtaken = sluice_sim_random_chance(&link->random, setup->reorder);

    when += sluice_sim_random_below(&link->random, setup->jitter_ns);
    if (overtaken) {
        when += setup->reorder_ns;
    } else if (!setup->jitter_reorders) {
        if (when < link->last_arrival)
            when = link->last_arrival;
        link->last_arrival = when;
    }
    packet->due = when;
    put_on_wire(link, packet);
}

static void damage(sluice_sim_link *link, sluice_sim_packet *packet)
{
    packet->damaged = true;
    if (packet->size) {
        uint64_t bit = sluice_sim_random_below(&link->random, 8u * (uint64_t)packet->size);

        packet->data[bit / 8] = (uint8_t)(packet->data[bit / 8] ^ (1u << (bit % 8)));
    }
}

static void duplicate(sluice_sim_link *link, const sluice_sim_packet *packet)
{
    sluice_sim_packet *copy = sluice_sim_packet_new(link->simulation, packet->data, packet->size);
    uint32_t room;

    if (!copy)
        return;
    room = copy->room;
    *copy = *packet; /* all but the data, which is no member of an assignment */
    copy->room = room;
    copy->next = NULL;
    link->counts.duplicated++;
    link->counts.held++;
    link->counts.held_bytes += copy->ip_bytes;
    travel(link, copy);
}

static void wire(sluice_sim_link *link, sluice_sim_packet *packet)
{
    if (lost_on_wire(link) || picked(link, packet)) {
        leave(link, packet);
        link->counts.lost++;
        sluice_sim_packet_free(packet);
        return;
    }
    if (sluice_sim_random_chance(&link->random, link->setup.duplicate))
        duplicate(link, packet);
    if (sluice_sim_random_chance(&link->random, link->setup.corrupt))
        damage(link, packet);
    travel(link, packet);
}

static void note_queue(sluice_sim_link *link)
{
    sluice_time now = link->simulation->now;

    link->queue_byte_seconds += (double)link->queued_bytes * (double)(now - link->queue_noted) / 1e9;
    link->queue_noted = now;
}

static void depart(void *subject, uint64_t argument);

static void mark(sluice_sim_link *link, sluice_sim_packet *packet)
{
    packet->ecn = SLUICE_ECN_CE;
    link->counts.marked++;
}

/* Takes the next packet out of the queue that CoDel lets through; NULL: there is none. */
static sluice_sim_packet *take_next(sluice_sim_link *link)
{
    const sluice_sim_link_setup *setup = &link->setup;
    sluice_sim_packet *packet;

    while ((packet = link->first)) {
        sluice_time now = link->simulation->now;
        bool bad;

        link->first = packet->next;
        if (!link->first)
            link->last = NULL;
        packet->next = NULL;
        bad = setup->codel.interval_ns && sluice_codel_drops(&link->codel, &setup->codel, now, now - packet->sent,
                                                             link->queued_bytes - packet->ip_bytes);
        if (!bad)
            return packet;
        if (setup->ecn && packet->ecn != SLUICE_ECN_NONE) {
            mark(link, packet);
            return packet;
        }
        link->queued_bytes -= packet->ip_bytes;
        leave(link, packet);
        drop(link, packet);
    }
    sluice_codel_empty(&link->codel);
    return NULL;
}

static void serve(sluice_sim_link *link)
{
    sluice_sim_packet *packet = take_next(link);
    double seconds;

    link->serving = packet;
    if (!packet)
        return;
    CALL_FOR(link->first);
    packet->queued_ns += link->simulation->now - packet->sent;
    seconds = link->setup.rate_bps ? (double)packet->ip_bytes * 8 / (double)link->setup.rate_bps : 0;
    sluice_sim_at(link->simulation, link->simulation->now + (sluice_duration)(seconds * 1e9), depart, link, 0);
}

static void depart(void *subject, uint64_t argument)
{
    sluice_sim_link *link = subject;
    sluice_sim_packet *packet = link->serving;

    (void)argument;
    note_queue(link);
    link->queued_bytes -= packet->ip_bytes;
    link->counts.served_bytes += packet->ip_bytes;
    serve(link);
    wire(link, packet);
}

/* A token bucket: what finds too few tokens is dropped, and takes none. */
static bool policed(sluice_sim_link *link, const sluice_sim_packet *packet)
{
    const sluice_sim_link_setup *setup = &link->setup;
    sluice_time now = link->simulation->now;

    if (!setup->policer_bps)
        return false;
    link->policer_tokens += (double)setup->policer_bps / 8 * (double)(now - link->policer_at) / 1e9;
    if (link->policer_tokens > (double)setup->policer_bytes)
        link->policer_tokens = (double)setup->policer_bytes;
    link->policer_at = now;
    if (link->policer_tokens < packet->ip_bytes)
        return true;
    link->policer_tokens -= packet->ip_bytes;
    return false;
}

static bool queue_full(const sluice_sim_link *link, const sluice_sim_packet *packet)
{
    const sluice_sim_link_setup *setup = &link->setup;

    return setup->rate_bps && link->serving &&
           link->queued_bytes - link->serving->ip_bytes + packet->ip_bytes > setup->queue_bytes;
}

static bool refused(sluice_sim_link *link, sluice_sim_packet *packet)
{
    if (link->setup.mtu && packet->ip_bytes > link->setup.mtu) {
        link->counts.too_big++;
        sluice_sim_packet_free(packet);
        return true;
    }
    if (link->setup.out || policed(link, packet) || queue_full(link, packet)) {
        drop(link, packet);
        return true;
    }
    return false;
}

void sluice_sim_link_send(sluice_sim_link *link, sluice_sim_packet *packet)
{
    link->counts.sent++;
    packet->sent = link->simulation->now;
    if (refused(link, packet))
        return;
    link->counts.held++;
    link->counts.held_bytes += packet->ip_bytes;
    if (link->setup.mark_bytes && link->queued_bytes > link->setup.mark_bytes && packet->ecn != SLUICE_ECN_NONE)
        mark(link, packet);
    packet->next = NULL;
    if (!link->setup.rate_bps && !link->serving) {
        wire(link, packet);
        return;
    }
    note_queue(link);
    link->queued_bytes += packet->ip_bytes;
    if (link->queued_bytes > link->counts.queue_most_bytes)
        link->counts.queue_most_bytes = link->queued_bytes;
    if (link->last)
        link->last->next = packet;
    else
        link->first = packet;
    link->last = packet;
    if (!link->serving)
        serve(link);
}

double sluice_sim_link_queue_mean(sluice_sim_link *link)
{
    double seconds, mean;

    note_queue(link);
    seconds = (double)(link->simulation->now - link->mean_since) / 1e9;
    mean = seconds > 0 ? link->queue_byte_seconds / seconds : 0;
    link->queue_byte_seconds = 0;
    link->mean_since = link->simulation->now;
    return mean;
}

double sluice_sim_link_queue_sum(sluice_sim_link *link)
{
    note_queue(link);
    return link->queue_byte_seconds;
}

double sluice_sim_link_loss(const sluice_sim_link_setup *setup)
{
    double bursts = 0;

    if (setup->burst_start > 0)
        bursts = setup->burst_loss * setup->burst_start / (setup->burst_start + setup->burst_end);
    return 1 - (1 - bursts) * (1 - setup->loss);
}

void sluice_sim_link_check(sluice_sim_link *link)
{
    const sluice_sim_link_counts *counts = &link->counts;

    if (counts->sent + counts->duplicated !=
        counts->delivered + counts->lost + counts->dropped + counts->too_big + counts->held)
        sluice_sim_fail(link->simulation, "link: %llu sent and %llu copies are not %llu delivered, %llu lost, %llu held",
                 (unsigned long long)counts->sent, (unsigned long long)counts->duplicated,
                 (unsigned long long)counts->delivered,
                 (unsigned long long)(counts->lost + counts->dropped + counts->too_big),
                 (unsigned long long)counts->held);
}
