/* SPDX-License-Identifier: Apache-2.0 */
#include "session/lane_state.h"
#include "base/clock.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- calls of the transport, passed on ---- */

static size_t on_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    sluice_lane *lane = user;
    return lane->calls->fetch(lane->user, id, offset, buffers, count);
}

static void on_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_lane *lane = user;
    lane->calls->acked(lane->user, id, from, to);
}

static void on_completed(void *user, sluice_object_id id)
{
    sluice_lane *lane = user;
    lane->calls->completed(lane->user, id);
}

static int on_opened(void *user, sluice_object_id id, unsigned flags)
{
    sluice_lane *lane = user;
    return lane->calls->opened(lane->user, id, flags);
}

static void on_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_lane *lane = user;
    lane->calls->deliver(lane->user, id, offset, data, bytes);
}

static void on_ended(void *user, sluice_object_id id, uint64_t size)
{
    sluice_lane *lane = user;
    lane->calls->ended(lane->user, id, size);
}

static void on_aborted(void *user, sluice_object_id id, uint64_t code)
{
    sluice_lane *lane = user;
    lane->calls->aborted(lane->user, id, code);
}

static void on_stopped(void *user, sluice_object_id id, uint64_t code)
{
    sluice_lane *lane = user;
    lane->calls->stopped(lane->user, id, code);
}

static void on_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    sluice_lane *lane = user;
    lane->calls->skipped(lane->user, id, from, to);
}

static void on_sample(void *user, const sluice_sample *sample, sluice_control *control)
{
    sluice_lane *lane = user;
    sluice_rate_sample(&lane->rate, sample, control);
    lane->control = *control;
}

static void on_sent(void *user, sluice_time now, uint64_t bytes, uint64_t in_flight_bytes, sluice_control *control)
{
    sluice_lane *lane = user;
    sluice_rate_sent(&lane->rate, now, bytes, in_flight_bytes, control);
    lane->control = *control;
}

static void on_restart(void *user, sluice_time now, sluice_time idle_since, sluice_control *control)
{
    sluice_lane *lane = user;
    sluice_rate_restart(&lane->rate, now, idle_since, control);
    lane->control = *control;
}

static void congestion_anew(sluice_lane *lane);

/* Another port of the same host is what a NAT does in the middle of a path; another host is another path, of which nothing
 * is known. */
static void path_changed(sluice_lane *lane, uint32_t path)
{
    const sluice_address *before = sluice_endpoint_path(lane->endpoint, 0), *after;
    sluice_address old = before ? *before : (sluice_address){0};
    sluice_endpoint_adopt(lane->endpoint, path);
    lane->peer_known = true;
    after = sluice_endpoint_path(lane->endpoint, 0);
    if (after && !sluice_address_same_host(&old, after))
        congestion_anew(lane);
}

static void on_event(void *user, const sluice_transport_event *event)
{
    sluice_lane *lane = user;
    if (event->type == SLUICE_TRANSPORT_PATH && lane->endpoint)
        path_changed(lane, (uint32_t)event->value);
    else if (event->type == SLUICE_TRANSPORT_DATAGRAM)
        lane->datagram_bytes = (uint32_t)event->value;
    lane->calls->event(lane->user, event);
}

static const sluice_transport_calls lane_calls = {
    .size = sizeof(sluice_transport_calls),
    .fetch = on_fetch,
    .acked = on_acked,
    .completed = on_completed,
    .opened = on_opened,
    .deliver = on_deliver,
    .ended = on_ended,
    .aborted = on_aborted,
    .stopped = on_stopped,
    .skipped = on_skipped,
    .sample = on_sample,
    .sent = on_sent,
    .restart = on_restart,
    .event = on_event,
};

static void on_timer(void *user, sluice_time now)
{
    sluice_lane_pump(user, now);
}

/* ---- set-up ---- */

/* Waits in a byte channel: some packets, so that control messages are not late. */
#define QUEUE_BYTES ((size_t)256 << 10)

#define PACKET_LEAST 1228 /* IP bytes of a packet of which no larger size is known to pass */

static const sluice_cipher *cipher_find(const sluice_crypto_ops *crypto, const char *name)
{
    for (size_t i = 0; i < crypto->cipher_count; i++) {
        const sluice_cipher *cipher =
            (const sluice_cipher *)(const void *)((const char *)crypto->ciphers + i * crypto->cipher_size);
        if (strcmp(cipher->name, name) == 0)
            return cipher;
    }
    return NULL;
}

static int crypto_start(sluice_lane *lane, sluice_instance *crypto, bool *up, sluice_error *error)
{
    int status = lane->crypto->init(crypto->state, crypto->config, crypto->host, lane->cipher);
    if (status != SLUICE_OK)
        return sluice_instance_error(crypto, status, error);
    *up = true;
    return SLUICE_OK;
}

static int crypto_new(sluice_lane *lane, const char *plugin, const char *cipher, sluice_error *error)
{
    int status = sluice_instance_new(lane->library, SLUICE_CRYPTO, plugin, &lane->sealing, error);
    if (status == SLUICE_OK)
        status = sluice_instance_new(lane->library, SLUICE_CRYPTO, plugin, &lane->opening, error);
    if (status != SLUICE_OK)
        return status;
    lane->crypto = lane->sealing->ops;
    lane->cipher = cipher_find(lane->crypto, cipher);
    if (!lane->cipher)
        return sluice_fail(error, SLUICE_ECIPHER, "crypto plugin %s has no cipher %s", plugin, cipher);
    status = crypto_start(lane, lane->sealing, &lane->sealing_up, error);
    if (status == SLUICE_OK)
        status = crypto_start(lane, lane->opening, &lane->opening_up, error);
    if (status != SLUICE_OK)
        return status;
    status = sluice_keys_install(&lane->keys, lane->role, lane->number, 0, lane->crypto, lane->sealing->state,
                                 lane->cipher);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot derive the packet keys: %s", sluice_status_text(status));
    return SLUICE_OK;
}

static int congestion_start(sluice_lane *lane, const char *name, const sluice_congestion_start *start,
                            sluice_instance **out, sluice_rate_control *rate, sluice_control *control,
                            sluice_error *error)
{
    sluice_instance *congestion = NULL;
    int status = sluice_instance_new(lane->library, SLUICE_CONGESTION, name, &congestion, error);
    if (status != SLUICE_OK)
        return status;
    memset(rate, 0, sizeof *rate);
    status = sluice_rate_init(rate, congestion->plugin, congestion->state, congestion->config, start, control, error);
    if (status != SLUICE_OK) {
        sluice_instance_free(congestion);
        return status;
    }
    *out = congestion;
    return SLUICE_OK;
}

static int transport_new(sluice_lane *lane, const sluice_lane_setup *setup, sluice_error *error)
{
    sluice_transport_setup transport = setup->transport_setup;
    int status = sluice_instance_new(lane->library, SLUICE_TRANSPORT, setup->transport, &lane->transport, error);
    if (status != SLUICE_OK)
        return status;
    lane->ops = lane->transport->ops;
    transport.size = sizeof transport;
    transport.now = sluice_loop_now(lane->loop);
    if (lane->cipher) {
        transport.seal_bytes = lane->cipher->seal_bytes;
        transport.packets_per_phase = setup->packets_per_phase ? setup->packets_per_phase : lane->cipher->seal_limit;
        transport.forgery_limit = lane->cipher->forgery_limit;
    }
    transport.control = lane->control;
    transport.calls = &lane_calls;
    transport.user = lane;
    status = lane->ops->init(lane->transport->state, lane->transport->config, lane->transport->host, &transport);
    if (status != SLUICE_OK)
        return sluice_instance_error(lane->transport, status, error);
    lane->transport_up = true;
    return SLUICE_OK;
}

/* What carries packets on a byte channel seals them, and paces them as the network lets it. */
static int plain_init(sluice_lane *lane, const sluice_lane_setup *setup, sluice_error *error)
{
    sluice_rate_plain(&lane->rate, &setup->limits, &lane->control);
    int status = transport_new(lane, setup, error);
    if (status == SLUICE_OK && lane->ops->carriage != SLUICE_CARRIAGE_BYTES)
        status = sluice_fail(error, SLUICE_EUNSUPPORTED, "transport %s does not travel on a byte channel",
                             setup->transport);
    if (status != SLUICE_OK)
        return status;
    lane->channel = *setup->channel;
    *setup->channel = NULL;
    sluice_channel_queue_most(lane->channel, QUEUE_BYTES);
    sluice_channel_calls_set(lane->channel, &sluice_lane_channel_calls, lane);
    return SLUICE_OK;
}

/* Places that this socket cannot reach, and more than there is room for, are left out. */
static void candidates_add(sluice_lane *lane, const sluice_lane_setup *setup)
{
    lane->candidates = 1;
    for (size_t i = 0; i < setup->candidate_count; i++) {
        uint32_t path;
        if (sluice_endpoint_path_add(lane->endpoint, &setup->candidates[i], &path) == SLUICE_OK &&
            path >= lane->candidates)
            lane->candidates = path + 1;
    }
}

static int sealed_init(sluice_lane *lane, const sluice_lane_setup *setup, sluice_error *error)
{
    const sluice_transport_setup *transport = &setup->transport_setup;
    sluice_congestion_start start = {
        .size = sizeof start,
        .now = sluice_loop_now(lane->loop),
        .limits = setup->limits,
        .packet_bytes = transport->datagram_least + transport->ip_bytes,
        .min_rtt_ns = transport->initial_rtt_ns,
        .srtt_ns = transport->initial_rtt_ns,
    };
    int status = crypto_new(lane, setup->crypto, setup->cipher, error);
    if (status == SLUICE_OK)
        status = congestion_start(lane, setup->congestion, &start, &lane->congestion, &lane->rate, &lane->control,
                                  error);
    if (status == SLUICE_OK)
        status = transport_new(lane, setup, error);
    if (status == SLUICE_OK && lane->ops->carriage != SLUICE_CARRIAGE_DATAGRAM)
        status = sluice_fail(error, SLUICE_EUNSUPPORTED, "transport %s does not travel in datagrams", setup->transport);
    if (status != SLUICE_OK)
        return status;
    lane->datagram_bytes = transport->datagram_least;
    lane->peer_known = setup->peer != NULL;
    status = sluice_endpoint_new(&lane->endpoint, lane->datagram, transport->local_id, setup->peer,
                                 &sluice_lane_endpoint_calls, lane, error);
    if (status == SLUICE_OK)
        candidates_add(lane, setup);
    return status;
}

static int lane_init(sluice_lane *lane, const sluice_lane_setup *setup, sluice_error *error)
{
    int status = sluice_timer_new(&lane->timer, lane->loop, on_timer, lane);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "out of memory for a lane");
    return setup->channel ? plain_init(lane, setup, error) : sealed_init(lane, setup, error);
}

int sluice_lane_new(const sluice_lane_setup *setup, sluice_lane **out, sluice_error *error)
{
    sluice_lane *lane = calloc(1, sizeof *lane);
    if (!lane)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a lane");
    lane->library = setup->library;
    lane->loop = setup->loop;
    lane->log = setup->log;
    lane->datagram = setup->datagram;
    lane->cut = setup->cut;
    lane->keys = *setup->keys;
    lane->number = setup->number;
    lane->role = setup->transport_setup.role;
    if (setup->validated)
        lane->validated = *setup->validated;
    lane->calls = setup->calls;
    lane->user = setup->user;
    int status = lane_init(lane, setup, error);
    if (status != SLUICE_OK) {
        sluice_lane_free(lane);
        return status;
    }
    *out = lane;
    return SLUICE_OK;
}

void sluice_lane_free(sluice_lane *lane)
{
    if (!lane)
        return;
    sluice_lane_batch_drop(lane);
    sluice_endpoint_free(lane->endpoint);
    sluice_channel_free(lane->channel);
    sluice_timer_free(lane->timer);
    if (lane->transport_up)
        lane->ops->fini(lane->transport->state);
    if (lane->sealing_up)
        lane->crypto->fini(lane->sealing->state);
    if (lane->opening_up)
        lane->crypto->fini(lane->opening->state);
    sluice_instance_free(lane->transport);
    sluice_instance_free(lane->sealing);
    sluice_instance_free(lane->opening);
    sluice_instance_free(lane->congestion);
    if (lane->spare)
        sluice_batch_fini(lane->spare);
    free(lane->spare);
    sluice_keys_fini(&lane->keys);
    free(lane);
}

/* ---- from the session ---- */

const sluice_transport_ops *sluice_lane_ops(const sluice_lane *lane)
{
    return lane->ops;
}

void *sluice_lane_state(const sluice_lane *lane)
{
    return lane->transport->state;
}

void sluice_lane_close(sluice_lane *lane, uint64_t code, const char *reason)
{
    lane->closing = true;
    lane->ops->close(lane->transport->state, sluice_loop_now(lane->loop), code, reason);
    sluice_lane_wake(lane);
}

void sluice_lane_wake(sluice_lane *lane)
{
    if (!lane->receiving && !lane->broken)
        sluice_timer_set(lane->timer, sluice_loop_now(lane->loop));
}

void sluice_lane_limits(sluice_lane *lane, const sluice_limits *limits)
{
    sluice_time now = sluice_loop_now(lane->loop);
    sluice_rate_limits(&lane->rate, now, limits, &lane->control);
    lane->ops->control(lane->transport->state, now, &lane->control);
    sluice_lane_wake(lane);
}

const sluice_limits *sluice_lane_limits_get(const sluice_lane *lane)
{
    return &lane->rate.limits;
}

/* A control that begins with these facts takes the place of the one there is. */
static int congestion_exchange(sluice_lane *lane, const char *name, const sluice_congestion_start *start,
                               sluice_error *error)
{
    sluice_instance *congestion = NULL;
    sluice_rate_control rate;
    sluice_control control = lane->control;
    int status = congestion_start(lane, name, start, &congestion, &rate, &control, error);
    if (status != SLUICE_OK)
        return status;
    sluice_instance_free(lane->congestion);
    lane->congestion = congestion;
    lane->rate = rate;
    lane->control = control;
    lane->ops->control(lane->transport->state, start->now, &control);
    sluice_lane_wake(lane);
    return SLUICE_OK;
}

/* What was learnt belongs to another path.  Without memory for a new control the old one learns. */
static void congestion_anew(sluice_lane *lane)
{
    sluice_congestion_start start = {
        .size = sizeof start,
        .now = sluice_loop_now(lane->loop),
        .limits = lane->rate.limits,
        .packet_bytes = PACKET_LEAST,
    };
    if (lane->congestion)
        (void)congestion_exchange(lane, lane->congestion->plugin->name, &start, NULL);
}

int sluice_lane_congestion(sluice_lane *lane, const char *name, sluice_error *error)
{
    sluice_transport_statistics statistics = {.size = sizeof statistics};
    sluice_time now = sluice_loop_now(lane->loop);
    if (!lane->congestion)
        return sluice_fail(error, SLUICE_EUNSUPPORTED,
                           "the session travels over TCP, which shares the path in its own way: policy and congestion "
                           "control have no effect");
    lane->ops->statistics(lane->transport->state, now, &statistics);
    sluice_congestion_start start = {
        .size = sizeof start,
        .now = now,
        .limits = lane->rate.limits,
        .packet_bytes = statistics.datagram_bytes + 28,
        .min_rtt_ns = statistics.min_rtt_ns,
        .srtt_ns = statistics.srtt_ns,
        .delivery_rate_bps = statistics.delivery_rate_bps,
        .in_flight_bytes = statistics.in_flight_bytes,
    };
    return congestion_exchange(lane, name, &start, error);
}

const char *sluice_lane_congestion_name(const sluice_lane *lane)
{
    return lane->congestion ? lane->congestion->plugin->name : SLUICE_LANE_KERNEL;
}

sluice_rate sluice_lane_pacing(const sluice_lane *lane)
{
    return lane->control.pacing_bps;
}

void sluice_lane_statistics(const sluice_lane *lane, sluice_transport_statistics *out)
{
    out->size = sizeof *out;
    lane->ops->statistics(lane->transport->state, sluice_loop_now(lane->loop), out);
}

const sluice_address *sluice_lane_peer(const sluice_lane *lane)
{
    return lane->endpoint ? sluice_endpoint_path(lane->endpoint, 0) : NULL;
}

const sluice_keys *sluice_lane_keys(const sluice_lane *lane)
{
    return &lane->keys;
}

const sluice_channel *sluice_lane_channel(const sluice_lane *lane)
{
    return lane->channel;
}

int sluice_lane_reconnect(sluice_lane *lane, sluice_error *error)
{
    if (!lane->endpoint || lane->channel)
        return SLUICE_OK;
    int status = sluice_datagram_reconnect(lane->datagram, error);
    if (status == SLUICE_OK)
        sluice_lane_wake(lane);
    return status;
}

bool sluice_lane_can_move(const sluice_lane *lane)
{
    return lane->ops->move != NULL;
}

int sluice_lane_move(sluice_lane *lane, sluice_channel **channel, sluice_error *error)
{
    sluice_time now = sluice_loop_refresh(lane->loop);
    if (!lane->ops->move)
        return sluice_fail(error, SLUICE_EUNSUPPORTED, "transport %s cannot move to a byte channel",
                           lane->transport->plugin->name);
    sluice_lane_batch_drop(lane);
    sluice_endpoint_free(lane->endpoint);
    lane->endpoint = NULL;
    sluice_channel_free(lane->channel);
    lane->channel = *channel;
    *channel = NULL;
    sluice_channel_queue_most(lane->channel, QUEUE_BYTES);
    sluice_channel_calls_set(lane->channel, &sluice_lane_channel_calls, lane);
    sluice_limits limits = lane->rate.limits;
    sluice_rate_plain(&lane->rate, &limits, &lane->control);
    sluice_instance_free(lane->congestion);
    lane->congestion = NULL;
    lane->ops->control(lane->transport->state, now, &lane->control);
    int status = lane->ops->move(lane->transport->state, now, SLUICE_CHANNEL_PACKET);
    if (status != SLUICE_OK)
        return sluice_instance_error(lane->transport, status, error);
    sluice_lane_wake(lane);
    return SLUICE_OK;
}
