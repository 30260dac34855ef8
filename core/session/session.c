/* SPDX-License-Identifier: Apache-2.0 */
#include "session/session_state.h"
#include "net/secure.h"
#include "plugin/settings.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_NS (100 * SLUICE_MS)
#define PROGRESS_NS SLUICE_SECOND
#define REQUEST_NS (30 * SLUICE_SECOND) /* from admission to the client's whole request */
#define KEEPALIVE_NS (15 * SLUICE_SECOND)
/* After the last message of this side has reached the peer, who then closes the session; and four round trips. */
#define CLOSE_PATIENCE_NS SLUICE_SECOND

void sluice_session_settle(sluice_session *session)
{
    if (session->settle_posted || session->ending)
        return;
    session->settle_posted = true;
    sluice_loop_post(session->loop, &session->settle);
}

/* ---- the end ---- */

static void fail(sluice_session *session, int status, const char *sentence)
{
    if (session->error.status == SLUICE_OK && status != SLUICE_OK)
        sluice_fail(&session->error, status, "%s", sentence);
}

static void close_lane(sluice_session *session)
{
    int status = session->error.status;
    if (session->closed || session->closing)
        return;
    session->closing = true;
    sluice_lane_close(session->lane, (uint64_t)-status, status == SLUICE_OK ? "done" : sluice_status_text(status));
}

/* The peer's turn to close does not last for ever: it may be gone. */
static void close_if_due(sluice_session *session, sluice_time now, sluice_duration srtt_ns)
{
    if (!session->finished || session->closing || session->closed || !session->cargo.ops->heard(session->cargo.state))
        return;
    if (session->close_due == 0)
        session->close_due = now + CLOSE_PATIENCE_NS + 4 * srtt_ns;
    if (now >= session->close_due)
        close_lane(session);
}

/* A settle that is posted must run before the session may be freed, and comes here again. */
static void end_if_over(sluice_session *session)
{
    if (session->ending || session->settle_posted || !session->finished || !session->closed ||
        !session->cargo.ops->idle(session->cargo.state))
        return;
    session->ending = true;
    sluice_timer_set(session->timer, SLUICE_NEVER);
    if (!session->ended_at)
        session->ended_at = sluice_loop_now(session->loop);
    if (!session->untold)
        sluice_session_tell_done(session);
    session->calls->ended(session->user, session->error.status);
}

/* ---- calls of the transport ---- */

static const sluice_cargo *touched(void *user)
{
    sluice_session *session = user;
    sluice_session_settle(session);
    return &session->cargo;
}

static size_t on_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    const sluice_cargo *cargo = &((sluice_session *)user)->cargo;
    return cargo->ops->fetch(cargo->state, id, offset, buffers, count);
}

static void on_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    const sluice_cargo *cargo = touched(user);
    cargo->ops->acked(cargo->state, id, from, to);
}

static void on_completed(void *user, sluice_object_id id)
{
    const sluice_cargo *cargo = touched(user);
    cargo->ops->completed(cargo->state, id);
}

static int on_opened(void *user, sluice_object_id id, unsigned flags)
{
    const sluice_cargo *cargo = touched(user);
    return cargo->ops->opened(cargo->state, id, flags);
}

static void on_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    sluice_session *session = user;
    if (session->first_data_came == 0 && id != SLUICE_OBJECT_CONTROL)
        session->first_data_came = sluice_loop_now(session->loop);
    const sluice_cargo *cargo = touched(session);
    cargo->ops->deliver(cargo->state, id, offset, data, bytes);
}

static void on_ended(void *user, sluice_object_id id, uint64_t size)
{
    const sluice_cargo *cargo = touched(user);
    cargo->ops->ended(cargo->state, id, size);
}

static void on_aborted(void *user, sluice_object_id id, uint64_t code)
{
    const sluice_cargo *cargo = touched(user);
    cargo->ops->aborted(cargo->state, id, code);
}

static void on_stopped(void *user, sluice_object_id id, uint64_t code)
{
    const sluice_cargo *cargo = touched(user);
    cargo->ops->stopped(cargo->state, id, code);
}

static void on_skipped(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    const sluice_cargo *cargo = touched(user);
    cargo->ops->skipped(cargo->state, id, from, to);
}

static void closed_sentence(const sluice_session *session, const sluice_transport_event *event, sluice_error *out)
{
    switch (event->status) {
    case SLUICE_ETIMEOUT:
        sluice_fail(out, event->status,
                    "%s: nothing came from the peer for too long%s", session->peer, sluice_session_comfort(session));
        break;
    case SLUICE_ECANCELLED:
    case SLUICE_EINTERRUPTED:
        sluice_fail(out, SLUICE_ECANCELLED,
                    "%s: the peer cancelled the transfer%s", session->peer, sluice_session_comfort(session));
        break;
    case SLUICE_ECLOSED:
    case SLUICE_OK:
        sluice_fail(out, SLUICE_ECLOSED, "%s: the peer ended the session (%s)%s", session->peer, event->reason,
                    sluice_session_comfort(session));
        break;
    default:
        sluice_fail(out, event->status, "%s: %s", session->peer, event->reason);
    }
}

static void on_closed(sluice_session *session, const sluice_transport_event *event)
{
    sluice_error why;
    session->closed = true;
    closed_sentence(session, event, &why);
    if (session->finished)
        session->cargo.ops->closed(session->cargo.state, SLUICE_OK, "", sluice_loop_now(session->loop));
    else
        session->cargo.ops->closed(session->cargo.state, why.status, why.text, sluice_loop_now(session->loop));
}

static void on_event(void *user, const sluice_transport_event *event)
{
    sluice_session *session = user;
    char line[400];
    sluice_session_settle(session);
    switch (event->type) {
    case SLUICE_TRANSPORT_READY:
        session->first_answer_due = session->doubt_due = SLUICE_NEVER;
        if (session->bundle && !session->on_bytes)
            sluice_bundle_start(session->bundle, sluice_lane_peer(session->lane));
        if (session->calls->ready)
            session->calls->ready(session->user);
        break;
    case SLUICE_TRANSPORT_SILENT:
        snprintf(line, sizeof line, "%s: nothing has come from the peer for 5 s; still trying", session->peer);
        sluice_session_tell_warning(session, line);
        break;
    case SLUICE_TRANSPORT_BACK:
        snprintf(line, sizeof line, "%s: the peer is back", session->peer);
        sluice_session_tell_warning(session, line);
        break;
    case SLUICE_TRANSPORT_DATAGRAM:
    case SLUICE_TRANSPORT_PHASE:
    case SLUICE_TRANSPORT_PATH:
        sluice_log_say(session->log, SLUICE_LOG_DEBUG, "session %s: %s is now %llu", session->id,
                       event->type == SLUICE_TRANSPORT_DATAGRAM ? "datagram size"
                       : event->type == SLUICE_TRANSPORT_PHASE  ? "key phase"
                                                                : "path",
                       (unsigned long long)event->value);
        break;
    case SLUICE_TRANSPORT_CLOSED:
        on_closed(session, event);
        break;
    }
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
    .event = on_event,
};

/* ---- calls of the mover ---- */

static void on_requested(void *user, const sluice_request *request)
{
    sluice_session *session = user;
    session->request_due = SLUICE_NEVER;
    session->calls->requested(session->user, request);
}

static void on_item(void *user, const sluice_cargo_item *item)
{
    sluice_session *session = user;
    bool start = strcmp(item->state, "start") == 0, moving = strcmp(item->state, "moving") == 0;
    sluice_statistics statistics;
    sluice_event event = {
        .type = start    ? SLUICE_EVENT_FILE_START
                : moving ? SLUICE_EVENT_FILE_PROGRESS
                         : SLUICE_EVENT_FILE,
        .path = item->path,
        .state = start || moving ? NULL : item->state,
        .file_bytes = item->file_bytes,
        .resumed_bytes = item->resumed_bytes,
        .digest = item->digest,
        .status = item->status,
        .message = item->message,
        .moved_bytes = item->moved_bytes,
        .contiguous_bytes = item->contiguous_bytes,
    };
    if (!start && sluice_report_wants(session->report, SLUICE_REPORT_FILE_PROGRESS)) {
        sluice_session_statistics(session, &statistics);
        event.statistics = &statistics;
    }
    sluice_session_tell(session, &event);
}

static void on_warning(void *user, const char *sentence)
{
    sluice_session_tell_warning(user, sentence);
}

static void on_scanned(void *user)
{
    sluice_session_tell_statistics(user, SLUICE_EVENT_SCAN);
}

static void on_measure(void *user, sluice_progress *out)
{
    sluice_session_measure(user, out);
}

static void on_progressed(void *user, const sluice_progress *peer)
{
    sluice_session *session = user;
    sluice_limits before = sluice_session_limits_of_data(session);
    session->peer_progress = *peer;
    session->peer_told = true;
    /* What a client asked of a sending server has come to pass. */
    bool changed = before.target_bps != peer->target_bps || before.minimum_bps != peer->minimum_bps;
    if (changed && session->role == SLUICE_CLIENT && session->mover && !sluice_session_sending(session))
        sluice_session_tell_statistics(session, SLUICE_EVENT_RATE);
}

static bool control_allowed(const sluice_session *session, const char *name)
{
    char word[SLUICE_HELLO_NAME];
    if (!session->controls)
        return true;
    for (const char *list = session->controls; sluice_settings_list(&list, word, sizeof word);)
        if (strcmp(word, name) == 0)
            return true;
    return false;
}

static int apply_rate(sluice_session *session, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy,
                      sluice_error *error)
{
    sluice_limits limits = *sluice_session_own_limits(session);
    limits.target_bps = target_bps;
    limits.minimum_bps = minimum_bps;
    if (session->max_rate && (target_bps == 0 || target_bps > session->max_rate))
        limits.target_bps = session->max_rate;
    if (limits.target_bps && limits.minimum_bps > limits.target_bps)
        limits.minimum_bps = limits.target_bps;
    /* TCP shares the path in its own way, but rates hold there as well. */
    if (policy && policy[0] && !session->on_bytes && strcmp(policy, sluice_lane_congestion_name(session->lane)) != 0) {
        if (!control_allowed(session, policy))
            return sluice_fail(error, SLUICE_EACCESS, "congestion control %s is not allowed here", policy);
        int status = sluice_lane_congestion(session->lane, policy, error);
        if (status != SLUICE_OK)
            return status;
        if (session->bundle)
            sluice_bundle_congestion(session->bundle, policy);
        snprintf(session->congestion, sizeof session->congestion, "%s", policy);
    }
    if (session->bundle)
        sluice_bundle_limits(session->bundle, &limits);
    else
        sluice_lane_limits(session->lane, &limits);
    sluice_session_tell_statistics(session, SLUICE_EVENT_RATE);
    return SLUICE_OK;
}

static void on_rate(void *user, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    sluice_session *session = user;
    sluice_error error = {0};
    /* The user's word counts: a server asks its client for nothing. */
    if (session->role == SLUICE_CLIENT)
        return;
    if (apply_rate(session, target_bps, minimum_bps, policy, &error) != SLUICE_OK)
        sluice_session_tell_warning(session, error.text);
}

static void on_paused(void *user, bool paused)
{
    sluice_session *session = user;
    sluice_log_say(session->log, SLUICE_LOG_INFO, "session %s: %s", session->id, paused ? "paused" : "goes on");
    sluice_session_tell_statistics(session, SLUICE_EVENT_RATE);
}

static void on_facts(void *user, const sluice_facts *facts)
{
    sluice_session *session = user;
    if (session->calls->facts)
        session->calls->facts(session->user, facts);
}

static void on_wake(void *user)
{
    sluice_session *session = user;
    sluice_lane_wake(session->lane);
    sluice_session_settle(session);
}

/* What the peer says, and what it did wrong, is told with its name. */
static void fail_named(sluice_session *session, int status, const char *sentence)
{
    char named[1020];
    bool about_peer = status == SLUICE_EPROTOCOL || session->cargo.ops->peer_ended(session->cargo.state);
    if (about_peer && strncmp(sentence, session->peer, strlen(session->peer)) != 0) {
        snprintf(named, sizeof named, "%.300s: %.700s", session->peer, sentence);
        fail(session, status, named);
    } else {
        fail(session, status, sentence);
    }
}

static void on_finished(void *user, int status, const char *sentence)
{
    sluice_session *session = user;
    session->finished = true;
    session->ended_at = sluice_loop_now(session->loop);
    fail_named(session, status, sentence);
    /* The last control messages must arrive, so whoever hears them closes. */
    if (session->cargo.ops->closes(session->cargo.state) || status == SLUICE_ECANCELLED)
        close_lane(session);
    sluice_session_settle(session);
}

static const sluice_cargo_calls cargo_calls = {
    .requested = on_requested,
    .item = on_item,
    .warning = on_warning,
    .scanned = on_scanned,
    .measure = on_measure,
    .progressed = on_progressed,
    .rate = on_rate,
    .paused = on_paused,
    .facts = on_facts,
    .wake = on_wake,
    .finished = on_finished,
};

/* ---- time ---- */

static void tick(sluice_session *session, sluice_time now)
{
    sluice_transport_statistics own = {0};
    sluice_cargo_statistics cargo;
    sluice_session_transport(session, &own);
    session->cargo.ops->statistics(session->cargo.state, &cargo);
    sluice_session_limiting_tick(session, &own, &cargo);
    session->next_tick = now + TICK_NS;
    close_if_due(session, now, own.srtt_ns);
    sluice_session_way_tick(session);
    if (now < session->next_progress)
        return;
    session->rate_bps = (sluice_rate)((double)(own.wire_bytes_sent - session->last_wire_bytes) * 8 /
                                      ((double)(now - session->last_progress) / SLUICE_SECOND));
    session->limit_recent = sluice_limiting_recent(&session->limiting);
    session->limit_told = true;
    session->last_wire_bytes = own.wire_bytes_sent;
    session->last_progress = now;
    session->next_progress = now + PROGRESS_NS;
    if (!session->finished)
        sluice_session_tell_statistics(session, SLUICE_EVENT_PROGRESS);
}

/* Who was admitted and asks for nothing holds a place that others may want. */
static void request_missing(sluice_session *session)
{
    session->request_due = SLUICE_NEVER;
    sluice_session_cancel(session, SLUICE_ETIMEOUT, "the client asked for nothing");
}

static void run_due(sluice_session *session, sluice_time now)
{
    sluice_session_way_due(session, now);
    if (now >= session->request_due)
        request_missing(session);
    if (session->cargo.ops->next_wake(session->cargo.state) <= now)
        session->cargo.ops->tick(session->cargo.state, now);
    if (now >= session->next_tick)
        tick(session, now);
}

static void arm(sluice_session *session)
{
    sluice_time when = session->next_tick;
    sluice_time cargo = session->cargo.ops->next_wake(session->cargo.state);
    if (session->ending)
        return;
    if (cargo < when)
        when = cargo;
    if (sluice_session_way_wake(session) < when)
        when = sluice_session_way_wake(session);
    sluice_timer_set(session->timer, when);
}

static void on_timer(void *user, sluice_time now)
{
    sluice_session *session = user;
    run_due(session, now);
    sluice_lane_wake(session->lane);
    arm(session);
    end_if_over(session);
}

static void on_settle(sluice_post *post)
{
    sluice_session *session = (sluice_session *)(void *)((char *)post - offsetof(sluice_session, settle));
    session->settle_posted = false;
    if (session->bundle)
        sluice_bundle_hold(session->bundle, sluice_mover_paused(session->mover));
    run_due(session, sluice_loop_now(session->loop));
    arm(session);
    end_if_over(session);
}

/* ---- making one ---- */

static uint32_t datagram_least(const sluice_session_setup *setup)
{
    bool small = !setup->channel && setup->datagram_most < SLUICE_SESSION_DATAGRAM_BASE;
    return small ? (uint32_t)setup->datagram_most : SLUICE_SESSION_DATAGRAM_BASE;
}

/* A lane beside the first one is over; the peer is told on the first. */
static void on_broken(void *user, int status, const char *sentence)
{
    sluice_session *session = user;
    char line[1000];
    snprintf(line, sizeof line, "%.850s%s", sentence, sluice_session_comfort(session));
    session->cargo.ops->cancel(session->cargo.state, status, line, sluice_loop_now(session->loop));
    sluice_session_settle(session);
}

static int bundle_make(sluice_session *session, const sluice_session_setup *setup, const sluice_lane_setup *whole,
                       sluice_error *error)
{
    sluice_bundle_setup bundle = {
        .loop = setup->loop,
        .log = setup->log,
        .lanes = setup->lanes,
        .ids = setup->ids,
        .lane = whole,
        .memory_bytes = setup->memory_bytes,
        .calls = &lane_calls,
        .cut = sluice_session_on_cut,
        .broken = on_broken,
        .strand = setup->calls->strand,
        .strand_user = setup->user,
        .user = session,
    };
    sluice_lane_setup lane = sluice_bundle_lane_setup(whole, setup->lanes);
    int status = sluice_bundle_new(&session->bundle, &bundle, error);
    if (status != SLUICE_OK)
        return status;
    lane.calls = &sluice_bundle_calls;
    lane.cut = sluice_bundle_cut;
    lane.user = session->bundle;
    status = sluice_lane_new(&lane, &session->lane, error);
    if (status == SLUICE_OK)
        sluice_bundle_lane_set(session->bundle, session->lane);
    return status;
}

static int lane_make(sluice_session *session, const sluice_session_setup *setup, sluice_error *error)
{
    sluice_lane_setup lane = {
        .library = setup->library,
        .loop = setup->loop,
        .log = setup->log,
        .channel = setup->channel,
        .datagram = setup->datagram,
        .peer = setup->peer,
        .validated = setup->validated,
        .candidates = setup->candidates,
        .candidate_count = setup->candidate_count,
        .transport = setup->transport,
        .crypto = setup->crypto,
        .congestion = setup->congestion,
        .cipher = setup->cipher,
        .keys = setup->keys,
        .packets_per_phase = setup->packets_per_phase,
        .limits = setup->limits,
        .transport_setup =
            {
                .role = setup->role,
                .local_id = setup->local_id,
                .remote_id = setup->remote_id,
                .ip_bytes = session->ip_bytes,
                .datagram_least = datagram_least(setup),
                .datagram_most = setup->channel ? SLUICE_CHANNEL_PACKET : (uint32_t)setup->datagram_most,
                .address_validated = true,
                .receive_bytes = setup->receive_bytes,
                .ordered_bytes = setup->maker ? setup->maker->ordered_bytes : SLUICE_SESSION_ORDERED_BYTES,
                .peer_receive_bytes = setup->peer_receive_bytes,
                .peer_ordered_bytes = setup->peer_ordered_bytes,
                .in_flight_most = SLUICE_SESSION_IN_FLIGHT_MOST,
                .timeout_ns = setup->timeout_ns,
                .keepalive_ns = KEEPALIVE_NS,
                .initial_rtt_ns = setup->initial_rtt_ns,
            },
        .calls = &lane_calls,
        .cut = sluice_session_on_cut,
        .user = session,
    };
    if (setup->lanes > 1 && !setup->channel && !setup->maker)
        return bundle_make(session, setup, &lane, error);
    return sluice_lane_new(&lane, &session->lane, error);
}

static int mover_make(sluice_session *session, const sluice_session_setup *setup, const sluice_carrier *carrier,
                      sluice_error *error)
{
    sluice_mover_setup mover = {
        .client = setup->role == SLUICE_CLIENT,
        .request = setup->request,
        .carrier = *carrier,
        .crew = sluice_crew_open(setup->crew),
        .memory_bytes = setup->memory_bytes,
        .receive_bytes = setup->receive_bytes,
        .file_progress = sluice_report_wants(setup->report, SLUICE_REPORT_FILE_PROGRESS),
        .calls = &cargo_calls,
        .user = session,
    };
    int status = sluice_mover_new(&mover, &session->mover);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "out of memory for a session");
    session->cargo = sluice_mover_cargo(session->mover);
    if (session->bundle)
        sluice_bundle_cargo_set(session->bundle, &session->cargo);
    return SLUICE_OK;
}

static int cargo_make(sluice_session *session, const sluice_session_setup *setup, sluice_error *error)
{
    sluice_carrier carrier = {.ops = sluice_lane_ops(session->lane), .state = sluice_lane_state(session->lane)};
    if (session->bundle)
        carrier = sluice_bundle_carrier(session->bundle);
    const sluice_cargo_maker *maker = setup->maker;
    return maker ? maker->make(maker->user, session, &carrier, &cargo_calls, session, &session->cargo, error)
                 : mover_make(session, setup, &carrier, error);
}

static int session_init(sluice_session *session, const sluice_session_setup *setup, sluice_error *error)
{
    sluice_hex_text(setup->keys->session_id, SLUICE_SESSION_ID_BYTES, session->id);
    snprintf(session->peer, sizeof session->peer, "%s", setup->peer_text);
    snprintf(session->udp, sizeof session->udp, "%s", setup->udp_text ? setup->udp_text : setup->peer_text);
    snprintf(session->cipher, sizeof session->cipher, "%s", setup->cipher);
    snprintf(session->crypto, sizeof session->crypto, "%s", setup->crypto);
    snprintf(session->transport, sizeof session->transport, "%s", setup->transport);
    snprintf(session->congestion, sizeof session->congestion, "%s",
             setup->channel ? SLUICE_LANE_KERNEL : setup->congestion);
    session->name = setup->name ? strdup(setup->name) : NULL;
    session->controls = setup->controls ? strdup(setup->controls) : NULL;
    if ((setup->name && !session->name) || (setup->controls && !session->controls))
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a session");
    const sluice_address *facing = setup->peer ? setup->peer : setup->validated;
    session->ip_bytes = facing ? sluice_address_header_bytes(facing) : 48;
    int status = lane_make(session, setup, error);
    if (status == SLUICE_OK)
        status = cargo_make(session, setup, error);
    if (status == SLUICE_OK)
        status = sluice_timer_new(&session->timer, setup->loop, on_timer, session);
    return status;
}

int sluice_session_new(const sluice_session_setup *setup, sluice_session **out, sluice_error *error)
{
    sluice_session *session = calloc(1, sizeof *session);
    if (!session)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a session");
    session->library = setup->library;
    session->loop = setup->loop;
    session->log = setup->log;
    session->report = setup->report;
    session->role = setup->role;
    session->max_rate = setup->max_rate;
    session->both_ways = setup->maker && setup->maker->both_ways;
    session->calls = setup->calls;
    session->user = setup->user;
    session->started = setup->started;
    session->timeout_ns = setup->timeout_ns;
    session->on_bytes = setup->channel != NULL;
    session->settle.run = on_settle;
    sluice_session_way_init(session, setup->initial_rtt_ns);
    int status = session_init(session, setup, error);
    if (status != SLUICE_OK) {
        sluice_session_free(session);
        return status;
    }
    *out = session;
    if (setup->maker && setup->maker->began)
        setup->maker->began(setup->maker->user);
    return SLUICE_OK;
}

sluice_loop *sluice_session_loop(const sluice_session *session)
{
    return session->loop;
}

void sluice_session_free(sluice_session *session)
{
    if (!session)
        return;
    if (session->settle_posted)
        sluice_loop_unpost(session->loop, &session->settle);
    if (session->bundle)
        sluice_bundle_end(session->bundle);
    if (session->cargo.ops)
        session->cargo.ops->free(session->cargo.state);
    sluice_bundle_free(session->bundle);
    sluice_lane_free(session->lane);
    sluice_store_fini(&session->store);
    sluice_timer_free(session->timer);
    free(session->name);
    free(session->controls);
    free(session);
}

int sluice_session_start(sluice_session *session, sluice_error *error)
{
    sluice_time now = sluice_loop_now(session->loop);
    session->established = now;
    sluice_session_way_start(session, now);
    session->request_due = session->role == SLUICE_SERVER && session->mover ? now + REQUEST_NS : SLUICE_NEVER;
    session->next_tick = now + TICK_NS;
    session->next_progress = now + PROGRESS_NS;
    session->last_progress = now;
    int status = session->role == SLUICE_CLIENT ? session->cargo.ops->start(session->cargo.state, now) : SLUICE_OK;
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot begin the session: %s", sluice_status_text(status));
    if (session->role == SLUICE_CLIENT)
        sluice_session_tell_statistics(session, SLUICE_EVENT_SESSION);
    sluice_lane_wake(session->lane);
    arm(session);
    return SLUICE_OK;
}

/* ---- source and sink ---- */

int sluice_session_attach(sluice_session *session, const sluice_store *store, sluice_error *error)
{
    sluice_mover_store mover = sluice_store_open(store);
    /* A server knows the direction only now.  Told first: attaching may already list what came. */
    if (session->role == SLUICE_SERVER)
        sluice_session_tell_statistics(session, SLUICE_EVENT_SESSION);
    int status = sluice_mover_attach(session->mover, &mover, sluice_loop_now(session->loop));
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "cannot begin the transfer: %s", sluice_status_text(status));
    session->store = *store;
    sluice_session_settle(session);
    sluice_lane_wake(session->lane);
    return SLUICE_OK;
}

void sluice_session_refuse(sluice_session *session, int status, const char *sentence)
{
    sluice_mover_refuse(session->mover, status, sentence, sluice_loop_now(session->loop));
    sluice_session_settle(session);
    sluice_lane_wake(session->lane);
}

void sluice_session_facts(sluice_session *session, const sluice_facts *facts)
{
    sluice_mover_facts(session->mover, facts);
    sluice_lane_wake(session->lane);
}

bool sluice_session_is_closed(const sluice_session *session)
{
    return session->closed;
}

bool sluice_session_is_finished(const sluice_session *session)
{
    return session->finished;
}

const sluice_address *sluice_session_peer(const sluice_session *session)
{
    return sluice_lane_peer(session->lane);
}

const char *sluice_session_udp(const sluice_session *session)
{
    return session->udp;
}

const sluice_keys *sluice_session_keys(const sluice_session *session)
{
    return sluice_lane_keys(session->lane);
}

void sluice_session_cancel(sluice_session *session, int status, const char *sentence)
{
    sluice_time now = sluice_loop_now(session->loop);
    session->cargo.ops->cancel(session->cargo.state, status, sentence, now);
    if (session->cut_until) { /* there is nobody to say it to */
        session->closed = true;
        session->cargo.ops->closed(session->cargo.state, status, sentence, now);
    }
    sluice_session_settle(session);
    sluice_lane_wake(session->lane);
}

/* What the server has for rates it tells when it has them; of its control it says nothing. */
static void policy_take(sluice_session *session, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy)
{
    sluice_limits limits = sluice_session_limits_of_data(session);
    bool changed = strcmp(session->congestion, policy) != 0;
    snprintf(session->congestion, sizeof session->congestion, "%s", policy);
    if (changed && limits.target_bps == target_bps && limits.minimum_bps == minimum_bps)
        sluice_session_tell_statistics(session, SLUICE_EVENT_RATE);
}

int sluice_session_rate(sluice_session *session, sluice_rate target_bps, sluice_rate minimum_bps, const char *policy,
                        sluice_error *error)
{
    if (session->both_ways || sluice_session_sending(session)) {
        int status = apply_rate(session, target_bps, minimum_bps, policy, error);
        if (status != SLUICE_OK || session->role == SLUICE_SERVER || !session->both_ways)
            return status;
    }
    session->cargo.ops->rate(session->cargo.state, target_bps, minimum_bps, policy ? policy : "");
    if (policy && policy[0] && !session->on_bytes && !session->both_ways) /* the server's plugin of that name */
        policy_take(session, target_bps, minimum_bps, policy);
    sluice_lane_wake(session->lane);
    return SLUICE_OK;
}

void sluice_session_pause(sluice_session *session, bool paused)
{
    if (!session->mover) /* streams have a call of their own */
        return;
    sluice_mover_pause(session->mover, paused);
    sluice_session_settle(session);
    sluice_lane_wake(session->lane);
}

bool sluice_session_is_hindered(const sluice_session *session)
{
    return session->mover && sluice_mover_hindered(session->mover);
}

void sluice_session_change(sluice_session *session, const sluice_request_change *change)
{
    if (!session->mover)
        return;
    sluice_mover_change(session->mover, change, sluice_loop_now(session->loop));
    sluice_session_settle(session);
    sluice_lane_wake(session->lane);
}

uint64_t sluice_session_received(const sluice_session *session)
{
    sluice_transport_statistics own = {0};
    sluice_session_transport(session, &own);
    return own.wire_bytes_received;
}

const sluice_limits *sluice_session_limits(const sluice_session *session)
{
    return sluice_session_own_limits(session);
}

const sluice_error *sluice_session_error(const sluice_session *session)
{
    return &session->error;
}
