/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/endpoint.h"

#include "sim/application.h"
#include "sim/host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IP_BYTES 28u
#define SEAL_BYTES 16u
#define DEFAULT_WINDOW (UINT64_C(16) << 20)

/* ---- host ---- */

typedef union block {
    size_t bytes;
    max_align_t align;
} block;

static void *host_resize(const sluice_host *host, void *memory, size_t bytes)
{
    sim_endpoint *endpoint = host->owner;
    block *old = memory ? (block *)memory - 1 : NULL;
    size_t before = old ? old->bytes : 0;
    block *made;

    if (!bytes) {
        endpoint->memory_blocks -= old != NULL;
        endpoint->memory_bytes -= before;
        free(old);
        return NULL;
    }
    made = realloc(old, sizeof(*made) + bytes);
    if (!made)
        return NULL;
    made->bytes = bytes;
    if (!old)
        memset(made + 1, 0xa5, bytes); /* Fresh memory is not cleared: whoever relies on it shall notice. */
    endpoint->memory_blocks += old == NULL;
    endpoint->memory_bytes += bytes - before;
    if (endpoint->memory_bytes > endpoint->memory_most)
        endpoint->memory_most = endpoint->memory_bytes;
    return made + 1;
}

static void host_random(const sluice_host *host, void *out, size_t bytes)
{
    sim_endpoint *endpoint = host->owner;

    for (uint8_t *at = out; bytes; at++, bytes--)
        *at = (uint8_t)sluice_sim_random_next(&endpoint->random);
}

static SLUICE_PRINTF(3, 4) void host_log(const sluice_host *host, sluice_log_level level, const char *format, ...)
{
    const sim_endpoint *endpoint = host->owner;
    char text[500];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sluice_sim_say(endpoint->simulation, "%s log %d: %s", endpoint->setup.role == SLUICE_CLIENT ? "client" : "server", level,
            text);
}

static SLUICE_PRINTF(3, 4) int host_fail(const sluice_host *host, int status, const char *format, ...)
{
    const sim_endpoint *endpoint = host->owner;
    char text[500];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sluice_sim_say(endpoint->simulation, "fails: %s", text);
    return status;
}

/* ---- the seal: a keyed hash of everything that must arrive unchanged ---- */

static void seal_of(uint64_t direction, const sluice_packet *packet, uint8_t out[SEAL_BYTES])
{
    uint64_t hash[2] = {direction * 0x9e3779b97f4a7c15u + packet->number, packet->phase + packet->size};

    for (uint32_t at = 0; at < packet->size; at += 8) {
        uint64_t value = 0;
        uint32_t count = packet->size - at < 8 ? packet->size - at : 8;

        memcpy(&value, packet->data + at, count);
        hash[0] = (hash[0] ^ value) * 0xbf58476d1ce4e5b9u;
        hash[0] ^= hash[0] >> 31;
        hash[1] += hash[0];
    }
    memcpy(out, hash, SEAL_BYTES);
}

static void packet_seal(const sim_endpoint *endpoint, sluice_packet *packet)
{
    uint8_t seal[SEAL_BYTES];

    seal_of(sim_application_stream(endpoint), packet, seal);
    memcpy(packet->data + packet->size, seal, SEAL_BYTES);
    packet->size += SEAL_BYTES;
}

static void packet_open(sim_endpoint *endpoint, sluice_packet *packet)
{
    uint8_t seal[SEAL_BYTES];

    if (packet->status)
        return;
    if (packet->size < packet->header_bytes + SEAL_BYTES) {
        packet->status = SLUICE_EAUTH;
        return;
    }
    packet->size -= SEAL_BYTES;
    seal_of(sim_application_stream(endpoint->peer), packet, seal);
    if (memcmp(seal, packet->data + packet->size, SEAL_BYTES)) {
        packet->status = SLUICE_EAUTH;
        endpoint->forged++;
    }
}

/* ---- the engine's calls: rate and events ---- */

/* What protocol.md says a packet takes on a byte channel: its length (4) and a TLS record (22) around it, in segments
 * of 1448 bytes with 52 bytes of headers. */
static uint32_t stream_bytes(uint32_t size)
{
    uint32_t stream = 4 + 22 + size;

    return stream + (stream / 1448 + (stream % 1448 != 0)) * 52;
}

static uint32_t largest_of(const sim_endpoint *endpoint)
{
    return endpoint->channel ? stream_bytes(SIM_BYTES_PACKET) : endpoint->setup.datagram_most + IP_BYTES;
}

static double burst_of(const sim_endpoint *endpoint, sluice_rate pacing_bps)
{
    double burst = (double)pacing_bps / 8 * 0.0005, least = 2.0 * largest_of(endpoint);

    burst = burst > 65536 ? 65536 : burst;
    return burst < least ? least : burst;
}

/* A burst that an earlier, higher rate allowed is no fault of a lower one. */
static void pacing_change(sim_endpoint *endpoint, const sluice_control *control)
{
    double burst = burst_of(endpoint, control->pacing_bps);

    if (control->pacing_bps != endpoint->control.pacing_bps && endpoint->owed > burst)
        endpoint->owed = burst;
    endpoint->control = *control;
}

static void sample_check(sim_endpoint *endpoint, const sluice_sample *sample)
{
    sluice_duration slack = endpoint->simulation->now - SLUICE_SIM_START;

    if (sample->now != endpoint->simulation->now || sample->srtt_ns > slack || sample->rtt_ns > slack ||
        sample->queue_ns > slack || sample->queue_min_ns > sample->queue_ns)
        sluice_sim_fail(endpoint->simulation, "a sample that cannot be: rtt %.3f ms, srtt %.3f ms, queue %.3f, least %.3f ms",
                 (double)sample->rtt_ns / 1e6, (double)sample->srtt_ns / 1e6, (double)sample->queue_ns / 1e6,
                 (double)sample->queue_min_ns / 1e6);
    if (endpoint->channel && (sample->lost_packets || sample->spurious_packets || sample->persistent))
        sluice_sim_fail(endpoint->simulation, "a sample tells of loss on a byte channel");
}

/* On a byte channel TCP or ssh controls the rate: there is the user's target, if any.  The window says nothing there.
 */
static void control_of_channel(const sim_endpoint *endpoint, sluice_control *control)
{
    *control = (sluice_control){.pacing_bps = endpoint->setup.limits.target_bps, .cwnd_bytes = 1};
}

static void call_sample(void *user, const sluice_sample *sample, sluice_control *control)
{
    sim_endpoint *endpoint = user;

    sample_check(endpoint, sample);
    if (endpoint->channel)
        control_of_channel(endpoint, control);
    else
        sluice_rate_sample(&endpoint->rate, sample, control);
    pacing_change(endpoint, control);
}

static void call_sent(void *user, sluice_time now, uint64_t bytes, uint64_t in_flight, sluice_control *control)
{
    sim_endpoint *endpoint = user;

    if (endpoint->channel)
        control_of_channel(endpoint, control);
    else
        sluice_rate_sent(&endpoint->rate, now, bytes, in_flight, control);
    pacing_change(endpoint, control);
}

static void call_restart(void *user, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    sim_endpoint *endpoint = user;

    if (endpoint->channel)
        control_of_channel(endpoint, control);
    else
        sluice_rate_restart(&endpoint->rate, now, idle_since, control);
    pacing_change(endpoint, control);
}

static void call_event(void *user, const sluice_transport_event *event)
{
    sim_endpoint *endpoint = user;

    sluice_sim_say(endpoint->simulation, "%llu: event %d value %llu status %d %s",
            (unsigned long long)sim_application_stream(endpoint), (int)event->type, (unsigned long long)event->value,
            event->status, event->type == SLUICE_TRANSPORT_CLOSED ? event->reason : "");
    switch (event->type) {
    case SLUICE_TRANSPORT_READY:
        if (endpoint->ready)
            sluice_sim_fail(endpoint->simulation, "ready twice");
        endpoint->ready = true;
        break;
    case SLUICE_TRANSPORT_SILENT:
        if (endpoint->silent)
            sluice_sim_fail(endpoint->simulation, "silent twice");
        endpoint->silent = true;
        endpoint->silences++;
        break;
    case SLUICE_TRANSPORT_BACK:
        endpoint->silent = false;
        break;
    case SLUICE_TRANSPORT_PHASE:
        endpoint->phases++;
        if (endpoint->channel)
            sluice_sim_fail(endpoint->simulation, "keys change on a byte channel");
        break;
    case SLUICE_TRANSPORT_PATH:
        if (!endpoint->addressing)
            sluice_sim_fail(endpoint->simulation, "a path is adopted where there is one only");
        else
            endpoint->addressing->adopt(endpoint->addressing->subject, endpoint, (uint32_t)event->value);
        break;
    case SLUICE_TRANSPORT_CLOSED:
        if (endpoint->closed)
            sluice_sim_fail(endpoint->simulation, "closed twice");
        endpoint->closed = true;
        endpoint->closed_status = event->status;
        endpoint->closed_code = event->code;
        if (endpoint->setup.cargo)
            endpoint->setup.cargo->closed(endpoint->setup.cargo->subject, event->status, event->reason);
        break;
    default:
        break;
    }
}

/* ---- packets in ---- */

void sim_endpoint_take(sim_endpoint *endpoint, sluice_sim_packet *packet, sluice_time arrived)
{
    if (!endpoint->live) {
        sluice_sim_packet_free(packet);
        return;
    }
    if (endpoint->inbox_count == SLUICE_COUNT(endpoint->inbox))
        sim_endpoint_work(endpoint, UINT64_MAX);
    endpoint->inbox_came[endpoint->inbox_count] = arrived;
    endpoint->inbox[endpoint->inbox_count++] = packet;
}

void sim_endpoint_arrive(void *subject, sluice_sim_packet *packet)
{
    sim_endpoint *endpoint = subject;

    if (endpoint->live && endpoint->setup.host) {
        sim_host_arrive(endpoint->setup.host, endpoint, packet);
        return;
    }
    sim_endpoint_take(endpoint, packet, endpoint->simulation->now);
    if (endpoint->inbox_count > 0 && !endpoint->work_due) {
        endpoint->work_due = true;
        sluice_sim_at(endpoint->simulation, endpoint->simulation->now, sim_endpoint_work, endpoint, UINT64_MAX);
    }
}

/* Packets of one address, as the datagram channel gives them. */
static void take_run(sim_endpoint *endpoint, sluice_packet *packets, sluice_sim_packet **run, size_t count)
{
    const sim_addressing *addressing = endpoint->addressing;
    uint32_t path = addressing && !run[0]->plain ? addressing->path(addressing->subject, endpoint, run[0]) : 0;

    for (size_t i = 0; i < count; i++)
        packets[i].path = path;
    endpoint->ops->inspect(endpoint->transport.state, packets, count);
    for (size_t i = 0; i < count; i++) {
        if (!run[i]->plain)
            packet_open(endpoint, &packets[i]);
        if (run[i]->plain && packets[i].status)
            sluice_sim_fail(endpoint->simulation, "packet %llu of a byte channel is refused: %s",
                     (unsigned long long)run[i]->number, sluice_status_name(packets[i].status));
        if (addressing && !run[i]->plain && !packets[i].status)
            addressing->authentic(addressing->subject, endpoint, run[i]);
    }
    endpoint->ops->receive(endpoint->transport.state, endpoint->simulation->now, packets, count);
}

static void take_inbox(sim_endpoint *endpoint)
{
    sluice_packet packets[SLUICE_COUNT(endpoint->inbox)];
    size_t count = endpoint->inbox_count;

    for (size_t i = 0; i < count; i++) {
        sluice_sim_packet *packet = endpoint->inbox[i];

        packets[i] = (sluice_packet){.data = packet->data,
                                     .size = packet->size,
                                     .capacity = packet->size,
                                     .ecn = packet->ecn,
                                     .received = endpoint->inbox_came[i]};
    }
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && endpoint->inbox[to]->from == endpoint->inbox[from]->from; to++)
            continue;
        take_run(endpoint, packets + from, endpoint->inbox + from, to - from);
    }
    for (size_t i = 0; i < count; i++)
        sluice_sim_packet_free(endpoint->inbox[i]);
    endpoint->inbox_count = 0;
}

/* ---- packets out ---- */

static void check_numbers(sim_endpoint *endpoint, const sluice_packet *packet)
{
    if (endpoint->any_sent && packet->number <= endpoint->last_number)
        sluice_sim_fail(endpoint->simulation, "packet number %llu after %llu", (unsigned long long)packet->number,
                 (unsigned long long)endpoint->last_number);
    if (packet->phase < endpoint->last_phase || packet->phase > endpoint->last_phase + 1)
        sluice_sim_fail(endpoint->simulation, "phase %u after %u", packet->phase, endpoint->last_phase);
    endpoint->any_sent = true;
    endpoint->last_number = packet->number;
    endpoint->last_phase = packet->phase;
}

/* Any window of time carries at most pacing x t and one burst (DESIGN section 4), one burst of catch-up after a stall,
 * and the few packets that are not paced: reports, path probes, and probes after a time-out. */
static void check_pacing(sim_endpoint *endpoint, uint64_t bytes)
{
    sluice_time now = endpoint->simulation->now;
    double rate = (double)endpoint->control.pacing_bps / 8, burst = burst_of(endpoint, endpoint->control.pacing_bps);
    double largest = largest_of(endpoint);

    if (!endpoint->control.pacing_bps) {
        endpoint->owed = 0;
        endpoint->owed_at = now;
        return;
    }
    endpoint->owed -= rate * (double)(now - endpoint->owed_at) / 1e9;
    endpoint->owed_at = now;
    if (endpoint->owed < 0)
        endpoint->owed = 0;
    endpoint->owed += (double)bytes;
    if (endpoint->owed > 2 * burst + 4 * largest)
        sluice_sim_fail(endpoint->simulation, "%.0f bytes are sent ahead of a pacing of %.3f Mbit/s (burst %.0f)",
                 endpoint->owed, rate * 8e-6, burst);
}

static bool refuses(sim_endpoint *endpoint, const sluice_packet *packets, size_t count)
{
    uint32_t mtu = endpoint->setup.local_mtu;

    for (size_t i = 0; i < count; i++)
        if (mtu && packets[i].size + IP_BYTES > mtu)
            return true;
    return count > 1 && sluice_sim_random_chance(&endpoint->random, endpoint->setup.refusal);
}

static void batch_send(sim_endpoint *endpoint, sluice_packet *packets, size_t count)
{
    if (refuses(endpoint, packets, count)) {
        endpoint->refusals++;
        endpoint->ops->too_big(endpoint->transport.state, endpoint->simulation->now, packets, count);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        sluice_sim_packet *packet = sluice_sim_packet_new(endpoint->simulation, packets[i].data, packets[i].size);

        if (!packet)
            return;
        packet->number = packets[i].number;
        packet->ip_bytes = packets[i].size + IP_BYTES;
        packet->ecn = endpoint->setup.ecn ? SLUICE_ECN_ECT0 : SLUICE_ECN_NONE;
        packet->arrival = sim_endpoint_arrive;
        packet->subject = endpoint->peer;
        if (endpoint->addressing)
            endpoint->addressing->address(endpoint->addressing->subject, endpoint, packets[i].path, packet);
        check_pacing(endpoint, packet->ip_bytes);
        if (!endpoint->first_sent && (packets[i].flags & SLUICE_PACKET_DATA))
            endpoint->first_sent = endpoint->simulation->now;
        if (endpoint->setup.host)
            endpoint->setup.host->sent++;
        sluice_sim_link_send(endpoint->setup.out, packet);
    }
}

static void check_batch(sim_endpoint *endpoint, const sluice_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (packets[i].size + SEAL_BYTES > endpoint->setup.datagram_most || packets[i].header_bytes > packets[i].size)
            sluice_sim_fail(endpoint->simulation, "packet of %u bytes, header %u, seal %u; at most %u", packets[i].size,
                     packets[i].header_bytes, SEAL_BYTES, endpoint->setup.datagram_most);
        if (i && packets[i].size > packets[0].size)
            sluice_sim_fail(endpoint->simulation, "packets of a batch grow from %u to %u", packets[0].size, packets[i].size);
        if (i + 1 < count && packets[i].size != packets[0].size)
            sluice_sim_fail(endpoint->simulation, "packet %zu of %zu has %u bytes, the first %u", i, count, packets[i].size,
                     packets[0].size);
        if ((packets[i].flags & SLUICE_PACKET_ALONE) && count > 1)
            sluice_sim_fail(endpoint->simulation, "a path probe travels with others");
        check_numbers(endpoint, &packets[i]);
    }
}

/* The channel takes whatever the engine has made. */
static size_t batch_make_bytes(sim_endpoint *endpoint)
{
    sluice_packet packets[SIM_BATCH_BYTES];
    size_t count;

    if (!sim_channel_room(endpoint->channel))
        return 0;
    for (size_t i = 0; i < SIM_BATCH_BYTES; i++)
        packets[i] = (sluice_packet){.data = endpoint->buffers + i * SLUICE_PACKET_MAX, .capacity = SIM_BYTES_PACKET};
    count = endpoint->ops->produce(endpoint->transport.state, endpoint->simulation->now, packets, SIM_BATCH_BYTES);
    for (size_t i = 0; i < count; i++) {
        sluice_sim_packet *packet = sluice_sim_packet_new(endpoint->simulation, packets[i].data, packets[i].size);

        if (!packet)
            return 0;
        if (packets[i].size > SIM_BYTES_PACKET || (packets[i].flags & SLUICE_PACKET_ALONE) || packets[i].path)
            sluice_sim_fail(endpoint->simulation, "packet of %u bytes, flags %u, path %u on a byte channel", packets[i].size,
                     packets[i].flags, packets[i].path);
        check_numbers(endpoint, &packets[i]);
        packet->number = packets[i].number;
        packet->ip_bytes = stream_bytes(packets[i].size);
        packet->plain = true;
        packet->arrival = sim_endpoint_arrive;
        packet->subject = endpoint->peer;
        check_pacing(endpoint, packet->ip_bytes);
        if (!endpoint->first_sent && (packets[i].flags & SLUICE_PACKET_DATA))
            endpoint->first_sent = endpoint->simulation->now;
        sim_channel_send(endpoint->channel, packet);
    }
    return count;
}

static size_t batch_make(sim_endpoint *endpoint)
{
    sluice_packet packets[SIM_BATCH];
    size_t count;

    if (endpoint->channel)
        return batch_make_bytes(endpoint);

    for (size_t i = 0; i < SIM_BATCH; i++)
        packets[i] = (sluice_packet){.data = endpoint->buffers + i * SLUICE_PACKET_MAX, .capacity = SLUICE_PACKET_MAX};
    count = endpoint->ops->produce(endpoint->transport.state, endpoint->simulation->now, packets, SIM_BATCH);
    check_batch(endpoint, packets, count);
    for (size_t i = 0; i < count; i++)
        packet_seal(endpoint, &packets[i]);
    batch_send(endpoint, packets, count);
    return count;
}

static void arm(sim_endpoint *endpoint)
{
    sluice_time wake = endpoint->ops->next_wake(endpoint->transport.state);

    if (endpoint->channel && endpoint->channel->wanted)
        return; /* It goes on when there is room. */
    if (wake <= endpoint->simulation->now) {
        sluice_sim_fail(endpoint->simulation, "%llu: the engine asks to be woken %llu ns ago, but has nothing to do",
                 (unsigned long long)sim_application_stream(endpoint),
                 (unsigned long long)(endpoint->simulation->now - wake));
        return;
    }
    if (wake == SLUICE_NEVER || wake == endpoint->timer_at)
        return;
    endpoint->timer_at = wake;
    sluice_sim_at(endpoint->simulation, wake, sim_endpoint_work, endpoint, ++endpoint->timer);
}

/* argument: the timer that fired, UINT64_MAX for other reasons. */
void sim_endpoint_work(void *subject, uint64_t argument)
{
    sim_endpoint *endpoint = subject;
    unsigned batches = 0;

    if (argument == UINT64_MAX)
        endpoint->work_due = false;
    else if (argument != endpoint->timer)
        return;
    else
        endpoint->timer_at = 0;
    if (!endpoint->live)
        return;
    if (endpoint->setup.host && !endpoint->setup.host->in_turn) {
        sim_host_wake(endpoint->setup.host, endpoint);
        return;
    }
    if (endpoint->inbox_count)
        take_inbox(endpoint);
    while (!endpoint->simulation->failed && batch_make(endpoint))
        if (++batches > 100000)
            sluice_sim_fail(endpoint->simulation, "the engine produces without end");
    if (!endpoint->simulation->failed)
        arm(endpoint);
}

/* ---- life ---- */

static sluice_transport_calls calls_made(void)
{
    sluice_transport_calls calls = {
        .size = sizeof(calls), .sample = call_sample, .sent = call_sent, .restart = call_restart, .event = call_event};

    sim_application_calls(&calls);
    return calls;
}

static bool objects_make(sim_endpoint *endpoint)
{
    size_t count = endpoint->setup.object_count;

    endpoint->objects = calloc(count ? count : 1, sizeof(*endpoint->objects));
    if (!endpoint->objects)
        return false;
    endpoint->object_count = count;
    for (size_t i = 0; i < count; i++) {
        sim_object *object = &endpoint->objects[i];

        object->setup = endpoint->setup.objects[i];
        if (!sim_receipt_init(&object->delivered, object->setup.bytes) ||
            !sim_receipt_init(&object->acked, object->setup.bytes))
            return false;
    }
    if (count)
        endpoint->objects[0].opened = endpoint->objects[0].open = true;
    return true;
}

static void defaults(sim_endpoint_setup *setup)
{
    setup->receive_bytes = setup->receive_bytes ? setup->receive_bytes : DEFAULT_WINDOW;
    setup->ordered_bytes = setup->ordered_bytes ? setup->ordered_bytes : DEFAULT_WINDOW / 4;
    setup->in_flight_most = setup->in_flight_most ? setup->in_flight_most : UINT64_C(256) << 20;
    setup->timeout = setup->timeout ? setup->timeout : 60 * SLUICE_SECOND;
    setup->datagram_most = setup->datagram_most ? setup->datagram_most : 1472;
    setup->datagram_least = setup->datagram_least ? setup->datagram_least : 1200;
    setup->limits.weight = setup->limits.weight > 0 ? setup->limits.weight : 1;
}

static int congestion_start(sim_endpoint *endpoint, sluice_duration rtt, sluice_error *error)
{
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = endpoint->simulation->now,
                                     .limits = endpoint->setup.limits,
                                     .packet_bytes = 1228,
                                     .min_rtt_ns = rtt,
                                     .srtt_ns = rtt};

    return sluice_rate_init(&endpoint->rate, endpoint->setup.congestion, endpoint->congestion.state,
                            endpoint->congestion.config, &start, &endpoint->control, error);
}

static void endpoint_init(sim_endpoint *endpoint, sluice_sim *simulation, const sim_endpoint_setup *setup)
{
    *endpoint = (sim_endpoint){.simulation = simulation,
                               .setup = *setup,
                               .ops = setup->transport->ops,
                               .calls = calls_made(),
                               .owed_at = simulation->now};
    if (setup->cargo)
        setup->cargo->calls(&endpoint->calls);
    defaults(&endpoint->setup);
    endpoint->random = sluice_sim_random_make(simulation->seed, 100u + (uint64_t)setup->role);
    endpoint->host = (sluice_host){.size = sizeof(sluice_host),
                                   .owner = endpoint,
                                   .log = host_log,
                                   .fail = host_fail,
                                   .resize = host_resize,
                                   .random = host_random};
    endpoint->buffers = malloc(SIM_BATCH_BYTES * (size_t)SLUICE_PACKET_MAX);
    if (!endpoint->buffers || !objects_make(endpoint) ||
        sim_instance_init(&endpoint->transport, setup->transport, setup->transport_settings) ||
        sim_instance_init(&endpoint->congestion, setup->congestion, setup->congestion_settings))
        sluice_sim_fail(simulation, "the endpoint's set-up fails");
}

static void channel_take(sim_endpoint *endpoint, sim_channel *channel)
{
    endpoint->channel = channel;
    channel->writable = sim_endpoint_work;
    channel->subject = endpoint;
}

void sim_endpoint_move(sim_endpoint *endpoint, sim_channel *channel)
{
    sluice_transport_statistics before, after;
    sluice_control control;

    if (!endpoint->live)
        return;
    sim_endpoint_statistics(endpoint, &before);
    endpoint->moves++;
    endpoint->moves_in_flight += before.in_flight_bytes > 0;
    channel_take(endpoint, channel);
    if (endpoint->ops->move(endpoint->transport.state, endpoint->simulation->now, SIM_BYTES_PACKET))
        sluice_sim_fail(endpoint->simulation, "the move fails");
    control_of_channel(endpoint, &control);
    pacing_change(endpoint, &control);
    endpoint->ops->control(endpoint->transport.state, endpoint->simulation->now, &control);
    sim_endpoint_statistics(endpoint, &after);
    if (after.in_flight_bytes || after.lost_packets != before.lost_packets || after.datagram_bytes != SIM_BYTES_PACKET)
        sluice_sim_fail(endpoint->simulation, "after a move %llu bytes are in flight, %llu lost",
                 (unsigned long long)after.in_flight_bytes,
                 (unsigned long long)(after.lost_packets - before.lost_packets));
    sluice_sim_say(endpoint->simulation, "%llu: moved", (unsigned long long)sim_application_stream(endpoint));
    sim_endpoint_work(endpoint, UINT64_MAX);
}

static void endpoint_start(sim_endpoint *endpoint, sluice_duration rtt)
{
    const sim_endpoint_setup *setup = &endpoint->setup, *peer = &endpoint->peer->setup;
    sluice_error error = {0, ""};
    sluice_transport_setup out = {.size = sizeof(out),
                                  .role = setup->role,
                                  .now = endpoint->simulation->now,
                                  .local_id = 0x100 + (uint64_t)setup->role,
                                  .remote_id = 0x100 + (uint64_t)peer->role,
                                  .seal_bytes = SEAL_BYTES,
                                  .ip_bytes = IP_BYTES,
                                  .datagram_least = setup->datagram_least,
                                  .datagram_most = setup->datagram_most,
                                  .address_validated = true,
                                  .packets_per_phase = setup->packets_per_phase,
                                  .receive_bytes = setup->receive_bytes,
                                  .ordered_bytes = setup->ordered_bytes,
                                  .peer_receive_bytes = peer->receive_bytes,
                                  .peer_ordered_bytes = peer->ordered_bytes,
                                  .in_flight_most = setup->in_flight_most,
                                  .timeout_ns = setup->timeout,
                                  .keepalive_ns = 15 * SLUICE_SECOND,
                                  .initial_rtt_ns = rtt,
                                  .calls = &endpoint->calls,
                                  .user = endpoint};

    if (congestion_start(endpoint, rtt, &error)) {
        sluice_sim_fail(endpoint->simulation, "%s", error.text);
        return;
    }
    if (setup->channel) {
        channel_take(endpoint, setup->channel);
        out.seal_bytes = 0;
        out.datagram_most = SIM_BYTES_PACKET;
        control_of_channel(endpoint, &endpoint->control);
    }
    out.control = endpoint->control;
    if (endpoint->ops->init(endpoint->transport.state, endpoint->transport.config, &endpoint->host, &out)) {
        sluice_sim_fail(endpoint->simulation, "the transport does not start");
        return;
    }
    endpoint->live = endpoint->started = true;
    for (size_t i = 0; i < endpoint->object_count; i++)
        if (endpoint->objects[i].setup.bytes || i)
            sluice_sim_at(endpoint->simulation, endpoint->simulation->now + endpoint->objects[i].setup.start,
                   sim_application_step, endpoint, i);
    sluice_sim_at(endpoint->simulation, endpoint->simulation->now, sim_endpoint_work, endpoint, UINT64_MAX);
}

static sluice_duration delay_of(const sim_endpoint_setup *setup)
{
    return setup->out ? setup->out->setup.delay_ns : setup->channel->setup.delay_ns;
}

void sim_endpoint_pair(sim_endpoint *client, sim_endpoint *server, sluice_sim *simulation,
                       const sim_endpoint_setup *client_setup, const sim_endpoint_setup *server_setup, bool rtt_known)
{
    sluice_duration rtt = delay_of(client_setup) + delay_of(server_setup);

    endpoint_init(client, simulation, client_setup);
    endpoint_init(server, simulation, server_setup);
    client->peer = server;
    server->peer = client;
    if (!simulation->failed)
        endpoint_start(client, rtt_known ? rtt : 0);
    if (!simulation->failed)
        endpoint_start(server, rtt_known ? rtt : 0);
}

void sim_endpoint_fini(sim_endpoint *endpoint)
{
    endpoint->live = false;
    for (size_t i = 0; i < endpoint->inbox_count; i++)
        sluice_sim_packet_free(endpoint->inbox[i]);
    endpoint->inbox_count = 0;
    if (endpoint->started)
        endpoint->ops->fini(endpoint->transport.state);
    if (endpoint->memory_blocks)
        sluice_sim_fail(endpoint->simulation, "the engine leaves %zu blocks, %zu bytes", endpoint->memory_blocks,
                 endpoint->memory_bytes);
    for (size_t i = 0; i < endpoint->object_count; i++) {
        sim_receipt_fini(&endpoint->objects[i].delivered);
        sim_receipt_fini(&endpoint->objects[i].acked);
    }
    free(endpoint->objects);
    free(endpoint->buffers);
    sim_instance_fini(&endpoint->transport);
    sim_instance_fini(&endpoint->congestion);
    endpoint->objects = NULL;
    endpoint->object_count = 0;
    endpoint->buffers = NULL;
}

void sim_endpoint_close(sim_endpoint *endpoint, uint64_t code, const char *reason)
{
    endpoint->ops->close(endpoint->transport.state, endpoint->simulation->now, code, reason);
    sim_endpoint_work(endpoint, UINT64_MAX);
}

void sim_endpoint_statistics(const sim_endpoint *endpoint, sluice_transport_statistics *out)
{
    *out = (sluice_transport_statistics){.size = sizeof(*out)};
    endpoint->ops->statistics(endpoint->transport.state, endpoint->simulation->now, out);
}
