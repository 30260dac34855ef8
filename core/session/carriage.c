/* SPDX-License-Identifier: Apache-2.0 */
/*
 * carriage.c - a lane's packets on their way out and in: sealed, as datagrams; or plain, as messages of a byte channel.
 */
#include "session/lane_state.h"
#include <stdlib.h>
#include <string.h>

/* Batches sent before the loop gets its turn: what came in meanwhile (reports) must not wait for a long send. */
#define BATCHES_PER_TURN 4

/* ---- packets out ---- */

static void fail_for_good(sluice_lane *lane, int status, const char *what)
{
    sluice_transport_event event = {.type = SLUICE_TRANSPORT_CLOSED, .status = status, .reason = what};
    if (lane->broken)
        return;
    lane->broken = true;
    sluice_timer_set(lane->timer, SLUICE_NEVER);
    lane->calls->event(lane->user, &event);
}

/* The batch holds packets of one phase or two: the phase may turn between them. */
static int seal_batch(sluice_lane *lane)
{
    const sluice_crypto_ops *crypto = lane->crypto;
    sluice_packet *packets = lane->batch->packets;
    for (size_t i = 0; i < lane->batch_count; i++) {
        uint64_t phase = packets[i].phase;
        if (phase == lane->sealing_phase)
            continue;
        int status = sluice_keys_install(&lane->keys, lane->role, lane->number, phase, crypto, lane->sealing->state,
                                         lane->cipher);
        if (status != SLUICE_OK)
            return status;
        lane->sealing_phase = phase;
    }
    return crypto->seal(lane->sealing->state, packets, lane->batch_count);
}

/* Without a datagram channel nobody else keeps the memory. */
static sluice_batch *batch_take(sluice_lane *lane)
{
    if (lane->datagram)
        return sluice_datagram_batch_take(lane->datagram);
    sluice_batch *batch = lane->spare;
    lane->spare = NULL;
    if (batch)
        return batch;
    batch = malloc(sizeof *batch);
    if (batch && sluice_batch_init(batch) != SLUICE_OK) {
        free(batch);
        batch = NULL;
    }
    return batch;
}

void sluice_lane_batch_drop(sluice_lane *lane)
{
    if (lane->datagram)
        sluice_datagram_batch_give(lane->datagram, lane->batch);
    else if (lane->batch)
        lane->spare = lane->batch;
    lane->batch = NULL;
    lane->batch_count = lane->batch_sent = 0;
}

/* Until one of them answers, each place where the peer may be gets a copy of everything. */
static void send_copies(sluice_lane *lane)
{
    sluice_packet *packets = lane->batch->packets + lane->batch_sent;
    size_t count = lane->batch_count - lane->batch_sent, handled;
    lane->copying = true;
    for (uint32_t path = 1; path < lane->candidates; path++) {
        for (size_t i = 0; i < count; i++)
            packets[i].path = path;
        (void)sluice_endpoint_send(lane->endpoint, packets, count, &handled); /* what is not taken is lost on the way */
    }
    lane->copying = false;
    for (size_t i = 0; i < count; i++)
        packets[i].path = 0;
}

static int send_datagrams(sluice_lane *lane)
{
    size_t handled = 0;
    if (lane->candidates > 1 && !lane->heard)
        send_copies(lane);
    int status = sluice_endpoint_send(lane->endpoint, lane->batch->packets + lane->batch_sent,
                                      lane->batch_count - lane->batch_sent, &handled);
    lane->batch_sent += handled;
    return status;
}

static int send_messages(sluice_lane *lane)
{
    int status = SLUICE_OK;
    while (lane->batch_sent < lane->batch_count && status == SLUICE_OK) {
        const sluice_packet *packet = &lane->batch->packets[lane->batch_sent];
        status = sluice_channel_send(lane->channel, packet->data, packet->size);
        lane->batch_sent += status == SLUICE_OK;
    }
    /* It is about to tell why it has closed; what it did not take goes out again on the next one. */
    return status == SLUICE_ECLOSED ? SLUICE_EAGAIN : status;
}

/* True when everything of the batch has been handed over. */
static bool send_batch(sluice_lane *lane)
{
    int status = lane->channel ? send_messages(lane) : send_datagrams(lane);
    if (status == SLUICE_EAGAIN)
        return false;
    if (status != SLUICE_OK)
        fail_for_good(lane, status, lane->channel ? "out of memory for packets" : "the UDP socket is broken");
    sluice_lane_batch_drop(lane);
    return !lane->broken;
}

static bool produce_batch(sluice_lane *lane, sluice_time now)
{
    lane->batch = batch_take(lane);
    if (!lane->batch) {
        fail_for_good(lane, SLUICE_ENOMEM, "out of memory for packets");
        return false;
    }
    size_t most = sluice_batch_lay(lane->batch, lane->channel ? 0 : lane->datagram_bytes);
    lane->batch_count = lane->ops->produce(lane->transport->state, now, lane->batch->packets, most);
    int status = lane->batch_count > 0 && !lane->broken && !lane->channel ? seal_batch(lane) : SLUICE_OK;
    if (status != SLUICE_OK)
        fail_for_good(lane, status, "the cipher failed");
    if (lane->batch_count > 0 && !lane->broken)
        return true;
    sluice_lane_batch_drop(lane);
    return false;
}

/* A server's transport stays silent until the client was heard: there is no address to send to. */
static bool may_produce(const sluice_lane *lane)
{
    if (lane->broken || lane->batch || (!lane->endpoint && !lane->channel))
        return false;
    return lane->channel || lane->peer_known || lane->heard || lane->closing;
}

void sluice_lane_pump(sluice_lane *lane, sluice_time now)
{
    if (!may_produce(lane))
        return;
    for (int turn = 0; turn < BATCHES_PER_TURN; turn++) {
        if (!produce_batch(lane, now) || !send_batch(lane))
            break;
        now = sluice_loop_refresh(lane->loop);
    }
    if (!lane->broken)
        sluice_timer_set(lane->timer, lane->ops->next_wake(lane->transport->state));
}

static void on_writable(void *user, sluice_time now)
{
    sluice_lane *lane = user;
    if (lane->batch && !send_batch(lane))
        return;
    sluice_lane_pump(lane, now);
}

static void on_too_big(void *user, const sluice_packet *packets, size_t count)
{
    sluice_lane *lane = user;
    if (!lane->copying) /* the first place's answer counts */
        lane->ops->too_big(lane->transport->state, sluice_loop_now(lane->loop), packets, count);
}

/* ---- datagrams in ---- */

static sluice_role peer_role(const sluice_lane *lane)
{
    return lane->role == SLUICE_CLIENT ? SLUICE_SERVER : SLUICE_CLIENT;
}

/* Installs the keys of the phases that the headers speak of; the transport lets only the present phase and its
 * neighbours through, so forged headers cost one derivation, not one each. */
static void install_opening_keys(sluice_lane *lane, sluice_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned slot = packets[i].phase % SLUICE_CRYPTO_SLOTS;
        if (packets[i].status != SLUICE_OK ||
            (lane->opening_installed[slot] && lane->opening_phase[slot] == packets[i].phase))
            continue;
        int status = sluice_keys_install(&lane->keys, peer_role(lane), lane->number, packets[i].phase, lane->crypto,
                                         lane->opening->state, lane->cipher);
        if (status != SLUICE_OK) {
            packets[i].status = status;
            lane->opening_installed[slot] = false;
            continue;
        }
        lane->opening_installed[slot] = true;
        lane->opening_phase[slot] = packets[i].phase;
    }
}

static bool any_authentic(const sluice_packet *packets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (packets[i].status == SLUICE_OK)
            return true;
    return false;
}

/* Whether the first authentic packet tells where the peer is.  A client's does, of several places that it was looked for
 * at.  A server's does if it comes from the host that the set-up connection came from, which TCP has validated; from
 * elsewhere the transport must challenge it. */
static bool tells_peer(const sluice_lane *lane, const sluice_address *from, bool first)
{
    if (lane->role == SLUICE_CLIENT)
        return first && lane->candidates > 1;
    /* A server that was told an address and has sent there first knows no more than one that was not. */
    return (first || !lane->peer_known) && sluice_address_same_host(from, &lane->validated);
}

static void learn_peer(sluice_lane *lane, sluice_packet *packets, size_t count)
{
    uint32_t path = packets[0].path;
    bool first = !lane->heard;
    sluice_endpoint_confirm(lane->endpoint, path);
    lane->heard = true;
    const sluice_address *from = sluice_endpoint_path(lane->endpoint, path);
    if (path == 0 || !from || !tells_peer(lane, from, first))
        return;
    sluice_endpoint_adopt(lane->endpoint, path);
    lane->peer_known = true;
    for (size_t i = 0; i < count; i++)
        packets[i].path = 0;
}

static void on_received(void *user, sluice_time now, sluice_packet *packets, size_t count)
{
    sluice_lane *lane = user;
    if (lane->broken)
        return;
    lane->ops->inspect(lane->transport->state, packets, count);
    install_opening_keys(lane, packets, count);
    lane->crypto->open(lane->opening->state, packets, count);
    if (any_authentic(packets, count))
        learn_peer(lane, packets, count);
    lane->receiving = true;
    lane->ops->receive(lane->transport->state, now, packets, count);
    lane->receiving = false;
}

static void on_settled(void *user, sluice_time now)
{
    sluice_lane *lane = user;
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(lane->datagram, &statistics);
    if (statistics.dropped_packets != lane->dropped_packets) {
        lane->dropped_packets = statistics.dropped_packets;
        lane->ops->dropped(lane->transport->state, lane->dropped_packets);
    }
    sluice_lane_pump(lane, now);
}

static void on_unreachable(void *user, int errnum)
{
    sluice_lane *lane = user;
    sluice_log_say(lane->log, SLUICE_LOG_DEBUG, "lane %u: the network says: %s", (unsigned)lane->number,
                   strerror(errnum));
}

const sluice_endpoint_calls sluice_lane_endpoint_calls = {
    .received = on_received,
    .settled = on_settled,
    .writable = on_writable,
    .too_big = on_too_big,
    .unreachable = on_unreachable,
};

/* ---- messages in ---- */

/* The channel keeps packets apart and has authenticated them. */
static void on_message(void *user, uint8_t *bytes, size_t count)
{
    sluice_lane *lane = user;
    sluice_time now = sluice_loop_now(lane->loop);
    sluice_packet packet = {.data = bytes, .size = (uint32_t)count, .capacity = (uint32_t)count, .received = now};
    if (lane->broken)
        return;
    if (count > SLUICE_PACKET_MAX) {
        fail_for_good(lane, SLUICE_EPROTOCOL, "a packet is larger than any may be");
        return;
    }
    lane->ops->inspect(lane->transport->state, &packet, 1);
    lane->heard = lane->heard || packet.status == SLUICE_OK;
    lane->receiving = true;
    lane->ops->receive(lane->transport->state, now, &packet, 1);
    lane->receiving = false;
}

static void on_messages_settled(void *user)
{
    sluice_lane *lane = user;
    sluice_lane_pump(lane, sluice_loop_refresh(lane->loop));
}

static void on_channel_writable(void *user)
{
    sluice_lane *lane = user;
    on_writable(lane, sluice_loop_refresh(lane->loop));
}

static void on_channel_closed(void *user, const sluice_error *error)
{
    sluice_lane *lane = user;
    sluice_error why = *error;
    sluice_channel_free(lane->channel);
    lane->channel = NULL;
    sluice_lane_batch_drop(lane);
    lane->cut(lane->user, &why);
}

const sluice_channel_calls sluice_lane_channel_calls = {
    .message = on_message,
    .settled = on_messages_settled,
    .writable = on_channel_writable,
    .closed = on_channel_closed,
};
