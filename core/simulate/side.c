/* SPDX-License-Identifier: Apache-2.0 */
#include "simulate/side.h"

#include <sluice/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECT 1 /* the one that carries the bytes; 0 is the control stream, which has nothing to say here */
#define DATAGRAM_MOST 1472u
#define DATAGRAM_LEAST 1200u
#define RECEIVE_BYTES (UINT64_C(1) << 40) /* credit is no matter of congestion: there is always some */
#define ORDERED_BYTES (UINT64_C(1) << 20)
#define IN_FLIGHT_MOST (UINT64_C(1) << 30)
#define ENDLESS (UINT64_C(1) << 50)
#define SOURCE_STEP_NS SLUICE_MS
#define BATCHES_MOST 100000

static void work(void *subject, uint64_t argument);

/* ---- the host ---- */

static void *host_resize(const sluice_host *host, void *memory, size_t bytes)
{
    (void)host;
    if (!bytes) {
        free(memory);
        return NULL;
    }
    return realloc(memory, bytes);
}

static void host_random(const sluice_host *host, void *out, size_t bytes)
{
    sluice_sim_side *side = host->owner;

    for (uint8_t *at = out; bytes; at++, bytes--)
        *at = (uint8_t)sluice_sim_random_next(&side->random);
}

static SLUICE_PRINTF(3, 4) void host_log(const sluice_host *host, sluice_log_level level, const char *format, ...)
{
    (void)host;
    (void)level;
    (void)format;
}

static SLUICE_PRINTF(3, 4) int host_fail(const sluice_host *host, int status, const char *format, ...)
{
    sluice_sim_side *side = host->owner;
    char text[500];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    sluice_sim_fail(side->simulation, "the transport fails: %s", text);
    return status;
}

/* ---- the engine's calls ---- */

static size_t call_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    size_t bytes = 0;

    (void)user;
    (void)id;
    (void)offset;
    for (int i = 0; i < count; i++)
        bytes += buffers[i].iov_len;
    return bytes;
}

static void call_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_sim_side *side = user;

    if (id == OBJECT)
        side->acked_bytes += to - from;
}

static void call_completed(void *user, sluice_object_id id)
{
    sluice_sim_side *side = user;

    if (id == OBJECT)
        side->completed_at = side->simulation->now;
}

static int call_opened(void *user, sluice_object_id id, unsigned flags)
{
    (void)user;
    (void)id;
    (void)flags;
    return SLUICE_OK;
}

static void call_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_sim_side *side = user;

    (void)offset;
    (void)data;
    if (id == OBJECT)
        side->delivered_bytes += bytes;
}

static void call_ended(void *user, sluice_object_id id, uint64_t size)
{
    (void)user;
    (void)id;
    (void)size;
}

static void call_code(void *user, sluice_object_id id, uint64_t code)
{
    (void)user;
    (void)id;
    (void)code;
}

static void call_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    (void)user;
    (void)id;
    (void)from;
    (void)to;
}

static void call_sample(void *user, const sluice_sample *sample, sluice_control *control)
{
    sluice_sim_side *side = user;

    side->samples++;
    if (sample->rtt_ns) {
        side->rtt_sum_ns += (double)sample->rtt_ns;
        side->rtt_count++;
    }
    if (sample->queue_valid) {
        side->queue_sum_ns += (double)sample->queue_ns;
        side->queue_count++;
    }
    sluice_rate_sample(&side->rate, sample, control);
    side->control = *control;
}

static void call_sent(void *user, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control)
{
    sluice_sim_side *side = user;

    sluice_rate_sent(&side->rate, now, bytes, in_flight_bytes, control);
    side->control = *control;
}

static void call_restart(void *user, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    sluice_sim_side *side = user;

    sluice_rate_restart(&side->rate, now, idle_since, control);
    side->control = *control;
}

static void call_event(void *user, const sluice_transport_event *event)
{
    sluice_sim_side *side = user;

    if (event->type != SLUICE_TRANSPORT_CLOSED || side->closed)
        return;
    side->closed = true;
    side->closed_status = event->status;
    snprintf(side->reason, sizeof(side->reason), "%s", event->reason);
}

/* ---- packets ---- */

static sluice_duration late(sluice_sim_side *side)
{
    return sluice_sim_random_below(&side->random, side->jitter_ns);
}

static void work_soon(sluice_sim_side *side)
{
    if (side->work_due)
        return;
    side->work_due = true;
    sluice_sim_at(side->simulation, side->simulation->now + late(side), work, side, UINT64_MAX);
}

void sluice_sim_side_arrive(void *subject, sluice_sim_packet *packet)
{
    sluice_sim_side *side = subject;

    if (!side->live) {
        sluice_sim_packet_free(packet);
        return;
    }
    if (side->inbox_count == SLUICE_COUNT(side->inbox))
        work(side, UINT64_MAX);
    packet->due = side->simulation->now; /* the kernel's time stamp, whenever the engine gets it */
    side->inbox[side->inbox_count++] = packet;
    work_soon(side);
}

static void take_inbox(sluice_sim_side *side)
{
    sluice_packet packets[SLUICE_COUNT(side->inbox)];
    size_t count = side->inbox_count;

    for (size_t i = 0; i < count; i++) {
        sluice_sim_packet *packet = side->inbox[i];

        packets[i] = (sluice_packet){.data = packet->data,
                                     .size = packet->size,
                                     .capacity = packet->size,
                                     .ecn = packet->ecn,
                                     .received = packet->due};
    }
    side->ops->inspect(side->transport->state, packets, count);
    for (size_t i = 0; i < count; i++) {
        /* What damage does to a sealed packet is always the same: it does not open. */
        if (side->inbox[i]->damaged)
            packets[i].status = SLUICE_EAUTH;
        if (packets[i].status == SLUICE_OK)
            packets[i].size -= SLUICE_SIM_SEAL_BYTES;
    }
    side->ops->receive(side->transport->state, side->simulation->now, packets, count);
    for (size_t i = 0; i < count; i++)
        sluice_sim_packet_free(side->inbox[i]);
    side->inbox_count = 0;
}

/* Gives the engine packets to write into, in place of those that have left. */
static bool spares_fill(sluice_sim_side *side)
{
    for (size_t i = 0; i < side->taken; i++) {
        side->spare[i] = sluice_sim_packet_new(side->simulation, NULL, DATAGRAM_MOST);
        if (!side->spare[i])
            return false;
        side->batch[i] = (sluice_packet){.data = side->spare[i]->data, .capacity = DATAGRAM_MOST};
    }
    side->taken = 0;
    return true;
}

static size_t batch_send(sluice_sim_side *side)
{
    size_t count;

    if (!spares_fill(side))
        return 0;
    count = side->ops->produce(side->transport->state, side->simulation->now, side->batch, SLUICE_SIM_BATCH);
    side->taken = count;
    for (size_t i = 0; i < count; i++) {
        sluice_sim_packet *packet = side->spare[i];
        const sluice_packet *made = &side->batch[i];

        side->spare[i] = NULL;
        packet->size = made->size + SLUICE_SIM_SEAL_BYTES;
        packet->number = made->number;
        packet->ip_bytes = packet->size + SLUICE_SIM_IP_BYTES;
        packet->ecn = side->ecn ? SLUICE_ECN_ECT0 : SLUICE_ECN_NONE;
        side->wire_bytes += packet->ip_bytes;
        side->wire_packets++;
        if (!side->first_data_sent && (made->flags & SLUICE_PACKET_DATA))
            side->first_data_sent = side->simulation->now;
        sluice_sim_route_send(side->route, packet);
    }
    return count;
}

/* An event that comes too early is cheaper than one for each change of mind: it waits on. */
static void arm(sluice_sim_side *side)
{
    if (side->wake_at == SLUICE_NEVER || (side->timer_for && side->timer_for <= side->wake_at))
        return;
    side->timer_for = side->wake_at > side->simulation->now ? side->wake_at : side->simulation->now + 1;
    sluice_sim_at(side->simulation, side->timer_for + late(side), work, side, ++side->timer);
}

/* The engine is asked for packets only when it says that it has some: most of what comes changes nothing at once. */
static void send_all(sluice_sim_side *side)
{
    unsigned batches = 0;

    for (;;) {
        side->wake_at = side->ops->next_wake(side->transport->state);
        if (side->simulation->failed || side->wake_at > side->simulation->now || !batch_send(side))
            return;
        if (++batches > BATCHES_MOST)
            sluice_sim_fail(side->simulation, "the transport produces without end");
    }
}

/* argument: the timer that fired, UINT64_MAX for other reasons. */
static void work(void *subject, uint64_t argument)
{
    sluice_sim_side *side = subject;

    if (argument == UINT64_MAX)
        side->work_due = false;
    else if (argument != side->timer)
        return;
    else
        side->timer_for = 0;
    if (!side->live)
        return;
    if (side->inbox_count)
        take_inbox(side);
    if (argument == UINT64_MAX || side->wake_at <= side->simulation->now)
        send_all(side);
    arm(side);
}

/* ---- the object ---- */

static void offer(void *subject, uint64_t argument)
{
    sluice_sim_side *side = subject;
    uint64_t end = side->bytes ? side->bytes : ENDLESS, upto = end;

    (void)argument;
    if (!side->live)
        return;
    if (side->source_bps) {
        upto = side->offered + (uint64_t)((double)side->source_bps / 8 * SOURCE_STEP_NS / 1e9);
        upto = upto < end ? upto : end;
    }
    if (upto > side->offered && side->ops->offer(side->transport->state, OBJECT, side->offered, upto)) {
        sluice_sim_fail(side->simulation, "the transport takes no more bytes");
        return;
    }
    side->offered = upto;
    if (upto < end)
        sluice_sim_at(side->simulation, side->simulation->now + SOURCE_STEP_NS, offer, side, 0);
    else if (side->bytes)
        side->ops->finish(side->transport->state, OBJECT, end);
    work_soon(side);
}

/* ---- life ---- */

static int rate_start(sluice_sim_side *side, const sluice_sim_side_setup *setup, sluice_error *error)
{
    sluice_congestion_start start = {.size = sizeof(start),
                                     .now = side->simulation->now,
                                     .limits = setup->limits,
                                     .packet_bytes = DATAGRAM_LEAST + SLUICE_SIM_IP_BYTES,
                                     .min_rtt_ns = setup->rtt_ns,
                                     .srtt_ns = setup->rtt_ns};

    if (!side->congestion) {
        sluice_rate_plain(&side->rate, &setup->limits, &side->control);
        return SLUICE_OK;
    }
    return sluice_rate_init(&side->rate, side->congestion->plugin, side->congestion->state, side->congestion->config,
                            &start, &side->control, error);
}

static int engine_start(sluice_sim_side *side, const sluice_sim_side_setup *setup)
{
    sluice_transport_setup out = {.size = sizeof(out),
                                  .role = setup->role,
                                  .now = side->simulation->now,
                                  .local_id = 0x100 + (uint64_t)setup->role,
                                  .remote_id = 0x101 - (uint64_t)setup->role,
                                  .seal_bytes = SLUICE_SIM_SEAL_BYTES,
                                  .ip_bytes = SLUICE_SIM_IP_BYTES,
                                  .datagram_least = DATAGRAM_LEAST,
                                  .datagram_most = DATAGRAM_MOST,
                                  .address_validated = true,
                                  .receive_bytes = RECEIVE_BYTES,
                                  .ordered_bytes = ORDERED_BYTES,
                                  .peer_receive_bytes = RECEIVE_BYTES,
                                  .peer_ordered_bytes = ORDERED_BYTES,
                                  .in_flight_most = IN_FLIGHT_MOST,
                                  .timeout_ns = 60 * SLUICE_SECOND,
                                  .keepalive_ns = 15 * SLUICE_SECOND,
                                  .initial_rtt_ns = setup->rtt_ns,
                                  .control = side->control,
                                  .calls = &side->calls,
                                  .user = side};

    return side->ops->init(side->transport->state, side->transport->config, &side->host, &out);
}

void sluice_sim_side_init(sluice_sim_side *side, sluice_sim *simulation, const sluice_sim_side_setup *setup)
{
    sluice_error error = {0, ""};

    *side = (sluice_sim_side){.simulation = simulation,
                              .transport = setup->transport,
                              .congestion = setup->congestion,
                              .ops = setup->transport->ops,
                              .random = sluice_sim_random_make(simulation->seed, setup->label),
                              .route = setup->route,
                              .ecn = setup->ecn,
                              .sends = setup->sends,
                              .bytes = setup->bytes,
                              .jitter_ns = setup->jitter_ns,
                              .source_bps = setup->source_bps};
    side->taken = SLUICE_SIM_BATCH;
    side->host = (sluice_host){.size = sizeof(sluice_host),
                               .owner = side,
                               .log = host_log,
                               .fail = host_fail,
                               .resize = host_resize,
                               .random = host_random};
    side->calls = (sluice_transport_calls){.size = sizeof(side->calls),
                                           .fetch = call_fetch,
                                           .acked = call_acked,
                                           .completed = call_completed,
                                           .opened = call_opened,
                                           .deliver = call_deliver,
                                           .ended = call_ended,
                                           .aborted = call_code,
                                           .stopped = call_code,
                                           .skipped = call_skipped,
                                           .sample = call_sample,
                                           .sent = call_sent,
                                           .restart = call_restart,
                                           .event = call_event};
    if (rate_start(side, setup, &error)) {
        sluice_sim_fail(simulation, "%s", error.text);
        return;
    }
    if (engine_start(side, setup)) {
        sluice_sim_fail(simulation, "the transport does not start");
        return;
    }
    side->live = side->started = true;
    if (setup->sends) {
        side->ops->open(side->transport->state, OBJECT, 0, 1);
        offer(side, 0);
    } else {
        work_soon(side);
    }
}

void sluice_sim_side_stop(sluice_sim_side *side)
{
    side->live = false;
    for (size_t i = 0; i < side->inbox_count; i++)
        sluice_sim_packet_free(side->inbox[i]);
    side->inbox_count = 0;
}

void sluice_sim_side_fini(sluice_sim_side *side)
{
    sluice_sim_side_stop(side);
    for (size_t i = 0; i < SLUICE_SIM_BATCH; i++)
        sluice_sim_packet_free(side->spare[i]);
    if (side->started)
        side->ops->fini(side->transport->state);
    sluice_instance_free(side->transport);
    sluice_instance_free(side->congestion);
    *side = (sluice_sim_side){.simulation = NULL};
}

void sluice_sim_side_limits(sluice_sim_side *side, const sluice_limits *limits)
{
    if (!side->live)
        return;
    sluice_rate_limits(&side->rate, side->simulation->now, limits, &side->control);
    side->ops->control(side->transport->state, side->simulation->now, &side->control);
    work_soon(side);
}

void sluice_sim_side_statistics(sluice_sim_side *side, sluice_transport_statistics *out)
{
    *out = (sluice_transport_statistics){.size = sizeof(*out)};
    if (!side->started)
        return;
    side->ops->statistics(side->transport->state, side->simulation->now, out);
    side->lost_packets = out->lost_packets;
    side->resent_packets = out->resent_packets;
    side->data_packets = out->data_packets_sent;
}
