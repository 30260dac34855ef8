/* SPDX-License-Identifier: Apache-2.0 */
#include "session/bundle_state.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#define WANTS_MOST ((uint64_t)4 << 20)
/* What may come by a side lane before more is told, which is when it is live. */
#define SIDE_CREDIT ((uint64_t)64 << 10)
/* As of side_lane.c: after so long a client tries another port, and who has waited for the lane waits no more. */
#define RESERVED_NS (2500 * SLUICE_MS)
#define RESERVED_ROUNDS 4

/* ---- what goes wrong ---- */

void sluice_bundle_fail(sluice_bundle *bundle, int status, const char *sentence)
{
    if (bundle->failed || bundle->over)
        return;
    bundle->failed = true;
    bundle->broken(bundle->user, status, sentence);
}

void sluice_bundle_out_of_memory(sluice_bundle *bundle)
{
    sluice_bundle_fail(bundle, SLUICE_ENOMEM, "out of memory for the lanes of the session");
}

/* ---- life ---- */

sluice_lane_setup sluice_bundle_lane_setup(const sluice_lane_setup *whole, uint32_t lanes)
{
    sluice_lane_setup part = *whole;
    /* The peer's credit, which they share, bounds what is under way as well. */
    if (part.transport_setup.in_flight_most < part.transport_setup.peer_receive_bytes)
        part.transport_setup.in_flight_most /= lanes;
    part.transport_setup.receive_bytes /= lanes;
    part.transport_setup.peer_receive_bytes /= lanes;
    return part;
}

/* Each lane begins with its part, the side lanes with no more than a bit of it: credit that was given cannot be taken back, and
 * they may never come about. */
static void credit_begin(sluice_bundle *bundle)
{
    uint64_t part = bundle->credit / bundle->lanes;
    bundle->spare = bundle->credit;
    for (uint32_t i = 0; i < bundle->lanes; i++) {
        bundle->accounts[i].credit = i == 0 ? part : MIN(part, SIDE_CREDIT);
        bundle->spare -= bundle->accounts[i].credit;
    }
    bundle->reserved_until = SLUICE_NEVER;
}

int sluice_bundle_new(sluice_bundle **out, const sluice_bundle_setup *setup, sluice_error *error)
{
    sluice_bundle *bundle = calloc(1, sizeof *bundle);
    if (!bundle)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for the lanes of a session");
    bundle->loop = setup->loop;
    bundle->log = setup->log;
    bundle->lanes = setup->lanes;
    bundle->live = 1;
    bundle->accounts[0].live = true;
    bundle->credit = setup->lane->transport_setup.receive_bytes;
    credit_begin(bundle);
    memcpy(bundle->ids + 1, setup->ids, (setup->lanes - 1) * sizeof *setup->ids);
    /* What lies ready on all lanes, and what they keep for repeats, leaves room for what is being read. */
    bundle->wants_most = MIN(WANTS_MOST, setup->memory_bytes / 4 / setup->lanes);
    bundle->held_most = setup->memory_bytes / 4 * 3 / setup->lanes;
    bundle->limits = setup->lane->limits;
    bundle->keys = *setup->lane->keys;
    bundle->like = *setup->lane;
    snprintf(bundle->transport, sizeof bundle->transport, "%s", setup->lane->transport);
    snprintf(bundle->crypto, sizeof bundle->crypto, "%s", setup->lane->crypto);
    snprintf(bundle->cipher, sizeof bundle->cipher, "%s", setup->lane->cipher);
    snprintf(bundle->congestion, sizeof bundle->congestion, "%s", setup->lane->congestion);
    bundle->calls = setup->calls;
    bundle->cut = setup->cut;
    bundle->broken = setup->broken;
    bundle->user = setup->user;
    bundle->strand = setup->strand;
    bundle->strand_user = setup->strand_user;
    bundle->dispatch.run = sluice_bundle_dispatch_run;
    TAILQ_INIT(&bundle->queue);
    TAILQ_INIT(&bundle->wishes);
    *out = bundle;
    return SLUICE_OK;
}

void sluice_bundle_lane_set(sluice_bundle *bundle, sluice_lane *lane)
{
    bundle->own = lane;
}

void sluice_bundle_cargo_set(sluice_bundle *bundle, const sluice_cargo *cargo)
{
    bundle->cargo = *cargo;
}

/* What a side lane had to say in the end: only what it owns still matters. */
static void last_news(sluice_bundle *bundle, sluice_side_lane *lane)
{
    sluice_lane_notes news = {0};
    sluice_side_lane_news_take(lane, &news);
    for (size_t i = 0; i < news.count; i++) {
        if (news.at[i].type == SLUICE_NOTE_RELEASED)
            bundle->cargo.ops->give_back(bundle->cargo.state, news.at[i].owner);
        else if (news.at[i].type == SLUICE_NOTE_DELIVER)
            sluice_side_lane_parcel_free(&news.at[i]);
        else if (news.at[i].type == SLUICE_NOTE_CLOSED)
            free(news.at[i].owner);
    }
    sluice_lane_notes_fini(&news);
}

void sluice_bundle_lane_end(sluice_bundle *bundle, uint32_t lane)
{
    sluice_lane_account *account = &bundle->accounts[lane];
    if (bundle->side[lane]) {
        sluice_side_lane_end(bundle->side[lane]);
        last_news(bundle, bundle->side[lane]);
        sluice_side_lane_free(bundle->side[lane]);
        bundle->side[lane] = NULL;
    }
    bundle->spare += account->credit - account->delivered;
    account->credit = account->delivered;
}

void sluice_bundle_end(sluice_bundle *bundle)
{
    bundle->over = true;
    for (uint32_t i = 1; i < bundle->lanes; i++)
        sluice_bundle_lane_end(bundle, i);
    sluice_loop_unpost(bundle->loop, &bundle->dispatch);
}

void sluice_bundle_free(sluice_bundle *bundle)
{
    if (!bundle)
        return;
    for (size_t i = 0; i < SLUICE_BUNDLE_BUCKETS; i++)
        while (bundle->buckets[i])
            sluice_bundle_object_free(bundle, bundle->buckets[i]);
    sluice_lane_notes_fini(&bundle->news);
    sluice_keys_fini(&bundle->keys);
    free(bundle);
}

/* The setup of lane i, made of that of lane 0. */
static sluice_lane_setup setup_of(const sluice_bundle *bundle, uint32_t number, const sluice_address *peer)
{
    sluice_transport_statistics own = {0};
    sluice_lane_setup setup = sluice_bundle_lane_setup(&bundle->like, bundle->lanes);
    bool client = setup.transport_setup.role == SLUICE_CLIENT;
    sluice_lane_statistics(bundle->own, &own);
    setup.transport_setup.receive_bytes = MIN(setup.transport_setup.receive_bytes, SIDE_CREDIT);
    setup.transport_setup.peer_receive_bytes = MIN(setup.transport_setup.peer_receive_bytes, SIDE_CREDIT);
    setup.number = number;
    setup.peer = client ? peer : NULL; /* a server hears where its client's other sockets are */
    setup.validated = client ? NULL : peer;
    setup.candidates = NULL;
    setup.candidate_count = 0;
    setup.keys = &bundle->keys;
    setup.transport = bundle->transport;
    setup.crypto = bundle->crypto;
    setup.cipher = bundle->cipher;
    setup.congestion = bundle->congestion;
    setup.limits = bundle->limits;
    setup.limits.weight /= bundle->lanes;
    setup.limits.target_bps /= bundle->lanes;
    setup.limits.minimum_bps /= bundle->lanes;
    setup.transport_setup.local_id = bundle->ids[number].local;
    setup.transport_setup.remote_id = bundle->ids[number].remote;
    if (own.srtt_ns)
        setup.transport_setup.initial_rtt_ns = own.srtt_ns;
    return setup;
}

static int side_begin(sluice_bundle *bundle, uint32_t number, const sluice_address *peer, sluice_error *error)
{
    sluice_lane_setup lane = setup_of(bundle, number, peer);
    sluice_side_lane_setup setup = {
        .home = bundle->loop,
        .lane = &lane,
        .held_most = bundle->held_most,
        .wants_most = bundle->wants_most,
        .news = sluice_bundle_on_news,
        .user = bundle,
    };
    int status = bundle->strand(bundle->strand_user, number, &setup.strand, error);
    return status == SLUICE_OK ? sluice_side_lane_new(&bundle->side[number], &setup, error) : status;
}

void sluice_bundle_start(sluice_bundle *bundle, const sluice_address *peer)
{
    sluice_transport_statistics own = {0};
    if (bundle->started || bundle->alone || bundle->over)
        return;
    if (!sluice_side_lane_serves(sluice_bundle_own_ops(bundle))) {
        sluice_bundle_stay(bundle);
        return;
    }
    sluice_lane_statistics(bundle->own, &own);
    bundle->started = true;
    bundle->reserved_until = sluice_loop_now(bundle->loop) + MAX(RESERVED_NS, RESERVED_ROUNDS * own.srtt_ns);
    for (uint32_t i = 1; i < bundle->lanes; i++) {
        sluice_error error = {0};
        if (side_begin(bundle, i, peer, &error) == SLUICE_OK)
            continue;
        sluice_log_say(bundle->log, SLUICE_LOG_WARNING, "the session does without lane %u: %s", (unsigned)i, error.text);
        sluice_bundle_lane_leave(bundle, i);
    }
}

void sluice_bundle_stay(sluice_bundle *bundle)
{
    bundle->alone = true;
    for (uint32_t i = 1; i < bundle->lanes; i++)
        if (bundle->side[i] && !bundle->accounts[i].live)
            sluice_bundle_lane_leave(bundle, i);
    sluice_bundle_credit_share(bundle);
}

/* ---- the whole ---- */

void sluice_bundle_limits_share(sluice_bundle *bundle)
{
    sluice_limits part = bundle->limits;
    part.weight /= bundle->live;
    part.target_bps /= bundle->live;
    part.minimum_bps /= bundle->live;
    sluice_lane_limits(bundle->own, &part);
    for (uint32_t i = 1; i < bundle->lanes; i++) {
        sluice_limits *copy = bundle->side[i] ? malloc(sizeof *copy) : NULL;
        if (!copy)
            continue;
        *copy = part;
        if (sluice_bundle_order(bundle, i, &(sluice_lane_note){.type = SLUICE_NOTE_LIMITS, .owner = copy}) != SLUICE_OK)
            free(copy);
    }
}

uint32_t sluice_bundle_lanes(const sluice_bundle *bundle)
{
    return bundle->live;
}

void sluice_bundle_limits(sluice_bundle *bundle, const sluice_limits *limits)
{
    bundle->limits = *limits;
    sluice_bundle_limits_share(bundle);
}

const sluice_limits *sluice_bundle_limits_get(const sluice_bundle *bundle)
{
    return &bundle->limits;
}

void sluice_bundle_congestion(sluice_bundle *bundle, const char *name)
{
    snprintf(bundle->congestion, sizeof bundle->congestion, "%s", name);
    for (uint32_t i = 1; i < bundle->lanes; i++) {
        char *copy = bundle->side[i] ? strdup(name) : NULL;
        if (copy && sluice_bundle_order(bundle, i, &(sluice_lane_note){.type = SLUICE_NOTE_CONGESTION, .owner = copy}) != SLUICE_OK)
            free(copy);
    }
}

void sluice_bundle_hold(sluice_bundle *bundle, bool held)
{
    if (bundle->held == held)
        return;
    bundle->held = held;
    sluice_bundle_order_all(bundle, &(sluice_lane_note){.type = SLUICE_NOTE_HOLD, .to = held});
    sluice_bundle_feed(bundle);
}

static void add(sluice_transport_statistics *sum, const sluice_transport_statistics *one)
{
    sum->packets_sent += one->packets_sent;
    sum->wire_bytes_sent += one->wire_bytes_sent;
    sum->data_packets_sent += one->data_packets_sent;
    sum->data_bytes_sent += one->data_bytes_sent;
    sum->resent_packets += one->resent_packets;
    sum->resent_bytes += one->resent_bytes;
    sum->lost_packets += one->lost_packets;
    sum->spurious_packets += one->spurious_packets;
    sum->acked_bytes += one->acked_bytes;
    sum->in_flight_bytes += one->in_flight_bytes;
    sum->packets_received += one->packets_received;
    sum->wire_bytes_received += one->wire_bytes_received;
    sum->delivered_bytes += one->delivered_bytes;
    sum->redundant_bytes += one->redundant_bytes;
    sum->reports_sent += one->reports_sent;
    sum->reports_received += one->reports_received;
    sum->receiver_drop_packets += one->receiver_drop_packets;
    sum->ce_packets += one->ce_packets;
    sum->forged_packets += one->forged_packets;
    sum->delivery_rate_bps += one->delivery_rate_bps;
    sum->control.cwnd_bytes += one->control.cwnd_bytes;
    sum->control.pacing_bps += one->control.pacing_bps;
    if (one->min_rtt_ns && (!sum->min_rtt_ns || one->min_rtt_ns < sum->min_rtt_ns))
        sum->min_rtt_ns = one->min_rtt_ns;
    if (one->first_data_sent && (!sum->first_data_sent || one->first_data_sent < sum->first_data_sent))
        sum->first_data_sent = one->first_data_sent;
    sum->datagram_bytes = MIN(sum->datagram_bytes, one->datagram_bytes);
}

/* Times of all lanes count alike, and together as much as the session's own time. */
void sluice_bundle_statistics(sluice_bundle *bundle, sluice_transport_statistics *sum)
{
    for (uint32_t i = 1; i < bundle->lanes; i++) {
        sluice_side_lane_view view;
        if (!bundle->side[i] || !bundle->accounts[i].live)
            continue;
        sluice_side_lane_look(bundle->side[i], &view);
        add(sum, &view.statistics);
        for (int wait = 0; wait < SLUICE_WAITS; wait++)
            sum->waited_ns[wait] += view.statistics.waited_ns[wait];
    }
    for (int wait = 0; wait < SLUICE_WAITS; wait++)
        sum->waited_ns[wait] /= bundle->lanes;
}

size_t sluice_bundle_busy(sluice_bundle *bundle, sluice_busy out[SLUICE_LANES_MOST - 1])
{
    size_t count = 0;
    for (uint32_t i = 1; i < bundle->lanes; i++) {
        sluice_side_lane_view view;
        if (!bundle->side[i] || !bundle->accounts[i].live)
            continue;
        sluice_side_lane_look(bundle->side[i], &view);
        out[count++] = view.busy;
    }
    return count;
}
