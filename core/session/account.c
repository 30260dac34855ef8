/* SPDX-License-Identifier: Apache-2.0 */
/* account.c - what is told of a session: its statistics and events, and what the peer is told of this side. */
#include "session/session_state.h"

#include <string.h>

/* ---- statistics ---- */

void sluice_session_transport(const sluice_session *session, sluice_transport_statistics *out)
{
    sluice_lane_statistics(session->lane, out);
    if (session->bundle)
        sluice_bundle_statistics(session->bundle, out);
}

const sluice_limits *sluice_session_own_limits(const sluice_session *session)
{
    return session->bundle ? sluice_bundle_limits_get(session->bundle) : sluice_lane_limits_get(session->lane);
}

uint32_t sluice_session_lanes(const sluice_session *session)
{
    return session->bundle ? sluice_bundle_lanes(session->bundle) : 1;
}

bool sluice_session_sending(const sluice_session *session)
{
    return session->cargo.ops->sending(session->cargo.state);
}

/* When data was first seen here: sent, or received; 0: not yet. */
static sluice_time first_data(const sluice_session *session, const sluice_transport_statistics *own)
{
    return sluice_session_sending(session) ? own->first_data_sent : session->first_data_came;
}

/* On a byte channel it is the kernel's affair; 0. */
static uint32_t mtu_of(const sluice_session *session, const sluice_transport_statistics *own)
{
    return session->on_bytes ? 0 : own->datagram_bytes + session->ip_bytes;
}

sluice_limits sluice_session_limits_of_data(const sluice_session *session)
{
    sluice_limits limits = *sluice_session_own_limits(session);
    if (!sluice_session_sending(session) && session->peer_told) {
        limits.target_bps = session->peer_progress.target_bps;
        limits.minimum_bps = session->peer_progress.minimum_bps;
    }
    return limits;
}

static void wire_statistics(const sluice_session *session, const sluice_transport_statistics *own,
                            sluice_statistics *out)
{
    const sluice_progress *peer = &session->peer_progress;
    bool sender = sluice_session_sending(session);
    out->wire_bytes = sender ? own->wire_bytes_sent : peer->wire_bytes;
    out->resent_bytes = sender ? own->resent_bytes : peer->resent_bytes;
    out->redundant_bytes = sender ? peer->redundant_bytes : own->redundant_bytes;
    out->lost_packets = sender ? own->lost_packets : peer->lost_packets;
    out->data_packets = sender ? own->data_packets_sent : peer->data_packets;
    out->resent_packets = sender ? own->resent_packets : peer->resent_packets;
    out->receiver_drops = sender ? own->receiver_drop_packets : peer->receiver_drops;
    out->queue_ns = sender ? own->queue_ns : peer->queue_ns;
    out->rate_bps = sender ? session->rate_bps : peer->rate_bps;
    const sluice_limits limits = sluice_session_limits_of_data(session);
    out->target_bps = limits.target_bps;
    out->minimum_bps = limits.minimum_bps;
    out->mtu = sender ? mtu_of(session, own) : (uint32_t)peer->mtu;
    out->min_rtt_ns = own->min_rtt_ns;
    out->srtt_ns = own->srtt_ns;
}

/* Of the last second, which may be nothing that can be told; of the whole at the end, and before a second has gone by. */
static sluice_limit limit_now(const sluice_session *session, bool finishing)
{
    bool whole = finishing || session->finished || !session->limit_told;
    return whole ? sluice_limiting_whole(&session->limiting) : session->limit_recent;
}

static const char *limited_by(const sluice_session *session)
{
    if (!sluice_session_sending(session))
        return sluice_limit_word(session->peer_progress.limited_by);
    return sluice_limit_word(limit_now(session, false));
}

void sluice_session_statistics(const sluice_session *session, sluice_statistics *out)
{
    sluice_transport_statistics own = {0};
    sluice_cargo_statistics cargo;
    sluice_time now = session->ended_at ? session->ended_at : sluice_loop_now(session->loop);
    sluice_session_transport(session, &own);
    session->cargo.ops->statistics(session->cargo.state, &cargo);
    memset(out, 0, sizeof *out);
    out->size = sizeof *out;
    out->files = cargo.files;
    out->failed = cargo.failed;
    out->skipped = cargo.skipped;
    out->bytes = cargo.bytes;
    out->total_files = cargo.total_files;
    out->total_bytes = cargo.total_bytes;
    out->moved_bytes = cargo.moved_bytes;
    out->resumed_bytes = cargo.resumed_bytes;
    out->scan_complete = cargo.scan_complete;
    out->duration_ns = now - session->started;
    sluice_time first = first_data(session, &own);
    if (first) {
        out->setup_ns = first - session->started;
        if (now > first)
            out->goodput_bps = (uint64_t)((double)out->bytes * 8 / ((double)(now - first) / SLUICE_SECOND));
    }
    wire_statistics(session, &own, out);
    out->cipher = session->cipher;
    out->crypto = session->crypto;
    out->transport = session->transport;
    out->congestion = session->congestion;
    out->lanes = sluice_session_lanes(session);
    out->limited_by = limited_by(session);
}

void sluice_session_tell(sluice_session *session, sluice_event *event)
{
    event->size = sizeof *event;
    event->now = sluice_loop_now(session->loop);
    event->session = session->id;
    event->name = session->name;
    event->peer = session->peer;
    event->paused = session->mover && sluice_mover_paused(session->mover);
    if (session->role == SLUICE_CLIENT)
        event->direction = sluice_session_sending(session) ? "push" : "pull";
    else
        event->direction = sluice_session_sending(session) ? "send" : "receive";
    if (!event->message)
        event->message = "";
    sluice_report_tell(session->report, event);
}

void sluice_session_tell_statistics(sluice_session *session, sluice_event_type type)
{
    sluice_statistics statistics;
    sluice_event event = {.type = type, .statistics = &statistics};
    sluice_session_statistics(session, &statistics);
    sluice_session_tell(session, &event);
}

void sluice_session_tell_warning(sluice_session *session, const char *sentence)
{
    sluice_event event = {.type = SLUICE_EVENT_WARNING, .message = sentence};
    if (session->role == SLUICE_SERVER) /* whose operator may have no report */
        sluice_log_say(session->log, SLUICE_LOG_WARNING, "session %.8s: %s", session->id, sentence);
    sluice_session_tell(session, &event);
}

void sluice_session_tell_done(sluice_session *session)
{
    sluice_statistics statistics;
    bool good = session->error.status == SLUICE_OK;
    sluice_session_statistics(session, &statistics);
    sluice_event event = {
        .type = SLUICE_EVENT_DONE,
        .state = good ? "ok" : "failed",
        .status = session->error.status,
        .exit_status = sluice_status_exit(session->error.status),
        .message = session->error.text,
        .statistics = &statistics,
    };
    sluice_session_tell(session, &event);
}

void sluice_session_limiting_feed(sluice_session *session, const sluice_transport_statistics *own,
                                  const sluice_cargo_statistics *cargo)
{
    sluice_limiting_facts facts = {
        .transport = own,
        .now = sluice_loop_now(session->loop),
        .target_bps = sluice_session_own_limits(session)->target_bps,
        .in_flight_most = SLUICE_SESSION_IN_FLIGHT_MOST,
        .thread_busy = session->thread_busy,
        .receiver_limit = session->peer_progress.receiver_limit,
        .source_busy = cargo->source_busy,
        .memory_full = cargo->memory_full,
        .source_ns = cargo->source_ns,
    };
    if (!session->finished)
        sluice_limiting_feed(&session->limiting, &facts);
}

void sluice_session_limiting_tick(sluice_session *session, const sluice_transport_statistics *own,
                                  const sluice_cargo_statistics *cargo)
{
    sluice_time now = sluice_loop_now(session->loop);
    sluice_clock_work work = sluice_clock_thread();
    sluice_busy threads[SLUICE_LANES_MOST];
    size_t others = session->bundle ? sluice_bundle_busy(session->bundle, threads + 1) : 0;
    sluice_busy_feed(&session->busy, now, &work);
    threads[0] = session->busy;
    session->thread_busy = sluice_busy_any(threads, 1 + others);
    if (session->first_data_came != 0)
        sluice_receiving_feed(&session->receiving, now, session->thread_busy, cargo->sink_busy, cargo->sink_ns);
    sluice_session_limiting_feed(session, own, cargo);
}

void sluice_session_measure(sluice_session *session, sluice_progress *out)
{
    sluice_transport_statistics own = {0};
    sluice_cargo_statistics cargo;
    const sluice_limits *limits = sluice_session_own_limits(session);
    sluice_session_transport(session, &own);
    session->cargo.ops->statistics(session->cargo.state, &cargo);
    sluice_session_limiting_feed(session, &own, &cargo);
    out->wire_bytes = own.wire_bytes_sent;
    out->resent_bytes = own.resent_bytes;
    out->redundant_bytes = own.redundant_bytes;
    out->lost_packets = own.lost_packets;
    out->data_packets = own.data_packets_sent;
    out->resent_packets = own.resent_packets;
    out->min_rtt_ns = own.min_rtt_ns;
    out->srtt_ns = own.srtt_ns;
    out->queue_ns = own.queue_ns;
    out->rate_bps = session->rate_bps;
    out->target_bps = limits->target_bps;
    out->minimum_bps = limits->minimum_bps;
    out->mtu = mtu_of(session, &own);
    out->receiver_drops = own.receiver_drop_packets;
    out->limited_by = limit_now(session, cargo.finishing);
    out->receiver_limit = session->receiving.limit;
    sluice_time first = first_data(session, &own);
    out->first_data_ns = first ? first - session->started : 0;
}
