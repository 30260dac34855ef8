/* SPDX-License-Identifier: Apache-2.0 */
#include "session/lane.h"
#include "base/clock.h"
#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Batches sent before the loop gets its turn: what came in meanwhile (reports) must not wait for a long send. */
#define BATCHES_PER_TURN 4

struct sluice_lane {
    sluice *library;
    sluice_loop *loop;
    sluice_log *log;
    sluice_datagram *datagram;
    sluice_endpoint *endpoint;
    sluice_timer *timer;
    sluice_keys keys;
    uint32_t number;
    sluice_role role;

    sluice_instance *transport, *sealing, *opening, *congestion;
    const sluice_transport_ops *ops;
    const sluice_crypto_ops *crypto;
    const sluice_cipher *cipher;
    bool transport_up; /* init has succeeded, so fini is due */
    bool sealing_up, opening_up;

    sluice_rate_control rate;
    sluice_control control; /* the rate control's newest answer, as the transport knows it */
    const sluice_transport_calls *calls;
    void *user;

    /* Phases whose keys are installed.  Sealing: only the present one; opening: the slots tell. */
    uint64_t sealing_phase;
    uint64_t opening_phase[SLUICE_CRYPTO_SLOTS];
    bool opening_installed[SLUICE_CRYPTO_SLOTS];

    bool peer_known;
    bool heard;   /* an authentic packet came */
    bool closing; /* the session has closed the transport */
    sluice_address validated;
    bool receiving; /* inside the transport's receive: production waits until the reading has settled */
    bool broken;    /* the socket or the cipher failed for good; the transport was told to close */
    uint64_t dropped_packets;

    sluice_batch *batch; /* of the channel's; held only while the socket does not take all of it */
    size_t batch_count, batch_sent;
};

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

static void on_event(void *user, const sluice_transport_event *event)
{
    sluice_lane *lane = user;
    if (event->type == SLUICE_TRANSPORT_PATH) {
        sluice_endpoint_adopt(lane->endpoint, (uint32_t)event->value);
        lane->peer_known = true;
    }
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

static void batch_drop(sluice_lane *lane)
{
    sluice_datagram_batch_give(lane->datagram, lane->batch);
    lane->batch = NULL;
    lane->batch_count = lane->batch_sent = 0;
}

/* True when everything of the batch has been handed to the kernel. */
static bool send_batch(sluice_lane *lane)
{
    size_t handled = 0;
    int status = sluice_endpoint_send(lane->endpoint, lane->batch->packets + lane->batch_sent,
                                      lane->batch_count - lane->batch_sent, &handled);
    lane->batch_sent += handled;
    if (status == SLUICE_EAGAIN)
        return false;
    if (status != SLUICE_OK)
        fail_for_good(lane, status, "the UDP socket is broken");
    batch_drop(lane);
    return !lane->broken;
}

static bool produce_batch(sluice_lane *lane, sluice_time now)
{
    lane->batch = sluice_datagram_batch_take(lane->datagram);
    if (!lane->batch) {
        fail_for_good(lane, SLUICE_ENOMEM, "out of memory for packets");
        return false;
    }
    sluice_batch_lay(lane->batch, 0);
    lane->batch_count = lane->ops->produce(lane->transport->state, now, lane->batch->packets, SLUICE_BATCH_PACKETS);
    int status = lane->batch_count > 0 && !lane->broken ? seal_batch(lane) : SLUICE_OK;
    if (status != SLUICE_OK)
        fail_for_good(lane, status, "the cipher failed");
    if (lane->batch_count > 0 && !lane->broken)
        return true;
    batch_drop(lane);
    return false;
}

/* A server's transport stays silent until the client was heard: there is no address to send to. */
static bool may_produce(const sluice_lane *lane)
{
    return !lane->broken && !lane->batch && (lane->peer_known || lane->heard || lane->closing);
}

static void pump(sluice_lane *lane, sluice_time now)
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

static void on_timer(void *user, sluice_time now)
{
    pump(user, now);
}

static void on_writable(void *user, sluice_time now)
{
    sluice_lane *lane = user;
    if (lane->batch && !send_batch(lane))
        return;
    pump(lane, now);
}

static void on_too_big(void *user, const sluice_packet *packets, size_t count)
{
    sluice_lane *lane = user;
    lane->ops->too_big(lane->transport->state, sluice_loop_now(lane->loop), packets, count);
}

/* ---- packets in ---- */

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

/* A server's lane learns the client's address from the first authentic packet, provided that it comes from the host
 * that the set-up connection came from, which TCP has validated.  From elsewhere the transport must challenge it. */
static void learn_peer(sluice_lane *lane, sluice_packet *packets, size_t count)
{
    uint32_t path = packets[0].path;
    sluice_endpoint_confirm(lane->endpoint, path);
    const sluice_address *from = sluice_endpoint_path(lane->endpoint, path);
    if (lane->peer_known || path == 0 || !from || !sluice_address_same_host(from, &lane->validated))
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
    if (any_authentic(packets, count)) {
        lane->heard = true;
        learn_peer(lane, packets, count);
    }
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
    pump(lane, now);
}

static void on_unreachable(void *user, int errnum)
{
    sluice_lane *lane = user;
    sluice_log_say(lane->log, SLUICE_LOG_DEBUG, "lane %u: the network says: %s", (unsigned)lane->number,
                   strerror(errnum));
}

static const sluice_endpoint_calls endpoint_calls = {
    .received = on_received,
    .settled = on_settled,
    .writable = on_writable,
    .too_big = on_too_big,
    .unreachable = on_unreachable,
};

/* ---- set-up ---- */

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
    transport.seal_bytes = lane->cipher->seal_bytes;
    transport.packets_per_phase = setup->packets_per_phase ? setup->packets_per_phase : lane->cipher->seal_limit;
    transport.forgery_limit = lane->cipher->forgery_limit;
    transport.control = lane->control;
    transport.calls = &lane_calls;
    transport.user = lane;
    status = lane->ops->init(lane->transport->state, lane->transport->config, lane->transport->host, &transport);
    if (status != SLUICE_OK)
        return sluice_instance_error(lane->transport, status, error);
    lane->transport_up = true;
    return SLUICE_OK;
}

static int lane_init(sluice_lane *lane, const sluice_lane_setup *setup, sluice_error *error)
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
    if (status == SLUICE_OK)
        status = sluice_timer_new(&lane->timer, lane->loop, on_timer, lane);
    if (status != SLUICE_OK)
        return status;
    lane->peer_known = setup->peer != NULL;
    return sluice_endpoint_new(&lane->endpoint, lane->datagram, transport->local_id, setup->peer, &endpoint_calls,
                               lane, error);
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
    sluice_endpoint_free(lane->endpoint);
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
    batch_drop(lane);
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

int sluice_lane_congestion(sluice_lane *lane, const char *name, sluice_error *error)
{
    sluice_transport_statistics statistics = {.size = sizeof statistics};
    sluice_instance *congestion = NULL;
    sluice_rate_control rate;
    sluice_control control = lane->control;
    sluice_time now = sluice_loop_now(lane->loop);
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
    int status = congestion_start(lane, name, &start, &congestion, &rate, &control, error);
    if (status != SLUICE_OK)
        return status;
    sluice_instance_free(lane->congestion);
    lane->congestion = congestion;
    lane->rate = rate;
    lane->control = control;
    lane->ops->control(lane->transport->state, now, &control);
    sluice_lane_wake(lane);
    return SLUICE_OK;
}

const char *sluice_lane_congestion_name(const sluice_lane *lane)
{
    return lane->congestion->plugin->name;
}

void sluice_lane_statistics(const sluice_lane *lane, sluice_transport_statistics *out)
{
    out->size = sizeof *out;
    lane->ops->statistics(lane->transport->state, sluice_loop_now(lane->loop), out);
}

const sluice_address *sluice_lane_peer(const sluice_lane *lane)
{
    return sluice_endpoint_path(lane->endpoint, 0);
}
