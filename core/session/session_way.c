/* SPDX-License-Identifier: Apache-2.0 */
/* session_way.c - how a session notices that the way of its packets has died, and what becomes of it then. */
#include "session/session_state.h"

#include <stdio.h>

/* A peer whose first datagram does not come in this time, or in so many round trips, is behind a filter: the set-up
 * connection stood a moment ago.  Longer than the lost first flights of any path that is of use. */
#define FIRST_ANSWER_NS (5 * SLUICE_SECOND)
#define FIRST_ANSWER_ROUNDS 20
/* When a client that has another way begins to look for it: CONTRACT's auto. */
#define DOUBT_NS (3 * SLUICE_SECOND)
#define DOUBT_ROUNDS 4
/* The same in the middle of a session: a live peer is heard at least once a second, as PROGRESS goes both ways. */
#define SILENCE_NS (2500 * SLUICE_MS)
/* On a byte channel, where TCP may be repeating a lost segment. */
#define SILENCE_BYTES_NS (5 * SLUICE_SECOND)
/* For the first datagram after the peer has closed the set-up connection, which it does when it has heard us, or given up. */
#define ORPHAN_NS (2 * SLUICE_SECOND)

/* Whoever is closing has nothing to lose by it. */
void sluice_session_on_cut(void *user, const sluice_error *why)
{
    sluice_session *session = user;
    sluice_time now = sluice_loop_now(session->loop);
    sluice_session_settle(session);
    if (session->closing || session->finished) {
        session->closed = true;
        session->cargo.ops->closed(session->cargo.state, SLUICE_OK, "", now);
        return;
    }
    session->cut_until = now + session->timeout_ns; /* who is asked may fail at once, and ends a session that is cut */
    if (!session->calls->cut || !session->calls->cut(session->user, why)) {
        char line[1000];
        session->cut_until = 0;
        session->closed = true;
        snprintf(line, sizeof line, "%.850s%s", why->text, sluice_session_comfort(session));
        session->cargo.ops->closed(session->cargo.state, SLUICE_ECLOSED, line, now);
    }
}

static void cut_for_too_long(sluice_session *session)
{
    char line[500];
    session->cut_until = 0;
    session->closed = true;
    snprintf(line, sizeof line,
             "%s: the connection was cut and did not come back within %u s%s", session->peer,
             (unsigned)(session->timeout_ns / SLUICE_SECOND), sluice_session_comfort(session));
    session->cargo.ops->closed(session->cargo.state, SLUICE_ETIMEOUT, line, sluice_loop_now(session->loop));
}

static void doubt(sluice_session *session)
{
    session->doubt_due = SLUICE_NEVER;
    if (!session->calls->silent || !session->calls->silent(session->user, false))
        return;
    session->silent = true;
    session->first_answer_due = SLUICE_NEVER;
}

void sluice_session_way_tick(sluice_session *session)
{
    sluice_duration srtt_ns, silence = sluice_session_silence(session, &srtt_ns);
    sluice_duration most = session->on_bytes ? SILENCE_BYTES_NS : SILENCE_NS;
    most = most > DOUBT_ROUNDS * srtt_ns ? most : DOUBT_ROUNDS * srtt_ns;
    if (!session->calls->silent || session->finished || session->first_answer_due != SLUICE_NEVER || session->cut_until)
        return;
    if (!session->silent && silence > most && session->doubt_due == SLUICE_NEVER) {
        session->silent = true;
        (void)session->calls->silent(session->user, true);
    } else if (session->silent && silence < most / 2) {
        session->silent = false;
        if (session->calls->back)
            session->calls->back(session->user);
    }
}

/* Nothing ever came over UDP though TCP stood: a filter, or the peer is gone. */
static void first_answer_missing(sluice_session *session)
{
    session->first_answer_due = SLUICE_NEVER;
    session->closed = true;
    char line[500];
    snprintf(line, sizeof line,
             "UDP to %s got no answer within %u s, though TCP reaches it: allow UDP on that port in the firewalls "
             "between, or use --transport auto or tcp",
             session->udp, (unsigned)(session->first_answer_ns / SLUICE_SECOND));
    session->cargo.ops->closed(session->cargo.state, SLUICE_ECONNECT, line, sluice_loop_now(session->loop));
}

uint64_t sluice_session_datagrams(const sluice_session *session)
{
    sluice_transport_statistics own = {0};
    if (!sluice_session_on_datagrams(session))
        return session->datagrams_before;
    sluice_lane_statistics(session->lane, &own);
    return own.packets_received;
}

void sluice_session_orphaned(sluice_session *session)
{
    sluice_time due = sluice_loop_now(session->loop) + ORPHAN_NS;
    if (session->first_answer_due == SLUICE_NEVER || due > session->first_answer_due)
        return;
    session->first_answer_due = due;
    sluice_session_settle(session);
}

void sluice_session_forget(sluice_session *session, int status, const char *sentence, bool told)
{
    session->untold = !told;
    session->closed = true;
    session->cargo.ops->closed(session->cargo.state, status, sentence, sluice_loop_now(session->loop));
    sluice_session_settle(session);
}

/* The words under which the session is told of follow the way that its packets take. */
static void name_way(sluice_session *session)
{
    const sluice_channel *channel = sluice_lane_channel(session->lane);
    snprintf(session->transport, sizeof session->transport, "tcp");
    snprintf(session->cipher, sizeof session->cipher, "%s", sluice_channel_cipher(channel));
    snprintf(session->crypto, sizeof session->crypto, "%s", sluice_channel_guard(channel));
    snprintf(session->congestion, sizeof session->congestion, SLUICE_LANE_KERNEL);
}

int sluice_session_move(sluice_session *session, sluice_channel **channel, sluice_error *error)
{
    uint64_t datagrams = sluice_session_datagrams(session);
    if (sluice_session_lanes(session) > 1)
        return sluice_fail(error, SLUICE_EUNSUPPORTED, "a session of several lanes cannot move to TCP");
    if (session->bundle)
        sluice_bundle_stay(session->bundle);
    int status = sluice_lane_move(session->lane, channel, error);
    if (status != SLUICE_OK)
        return status;
    session->datagrams_before = datagrams;
    session->silent = false;
    session->on_bytes = true;
    session->cut_until = 0;
    session->doubt_due = session->first_answer_due = SLUICE_NEVER;
    name_way(session);
    sluice_session_tell_statistics(session, SLUICE_EVENT_SESSION);
    sluice_session_settle(session);
    return SLUICE_OK;
}

bool sluice_session_on_datagrams(const sluice_session *session)
{
    return !session->on_bytes;
}

bool sluice_session_is_cut(const sluice_session *session)
{
    return session->cut_until != 0;
}

void sluice_session_reconnect(sluice_session *session)
{
    sluice_error error = {0};
    if (sluice_lane_reconnect(session->lane, &error) != SLUICE_OK)
        sluice_log_say(session->log, SLUICE_LOG_INFO, "session %s: no new address for its UDP socket: %s", session->id,
                       error.text);
}

sluice_duration sluice_session_silence(const sluice_session *session, sluice_duration *srtt_ns)
{
    sluice_transport_statistics own = {0};
    sluice_time now = sluice_loop_now(session->loop);
    sluice_lane_statistics(session->lane, &own);
    sluice_time heard = own.last_received > session->established ? own.last_received : session->established;
    *srtt_ns = own.srtt_ns;
    return now > heard ? now - heard : 0;
}

/* ---- for the session ---- */

void sluice_session_way_init(sluice_session *session, sluice_duration rtt_ns)
{
    sluice_duration rounds_ns = FIRST_ANSWER_ROUNDS * rtt_ns;
    session->first_answer_ns = rounds_ns > FIRST_ANSWER_NS ? rounds_ns : FIRST_ANSWER_NS;
    rounds_ns = DOUBT_ROUNDS * rtt_ns;
    session->doubt_ns = rounds_ns > DOUBT_NS ? rounds_ns : DOUBT_NS;
}

void sluice_session_way_start(sluice_session *session, sluice_time now)
{
    /* A byte channel stands, or says that it is cut; the transport's time-out holds. */
    session->first_answer_due = session->on_bytes ? SLUICE_NEVER : now + session->first_answer_ns;
    session->doubt_due = session->role == SLUICE_CLIENT && session->calls->silent && !session->on_bytes
                             ? now + session->doubt_ns
                             : SLUICE_NEVER;
}

void sluice_session_way_due(sluice_session *session, sluice_time now)
{
    if (now >= session->first_answer_due)
        first_answer_missing(session);
    if (now >= session->doubt_due)
        doubt(session);
    if (session->cut_until && now >= session->cut_until)
        cut_for_too_long(session);
}

sluice_time sluice_session_way_wake(const sluice_session *session)
{
    sluice_time when = session->first_answer_due < session->doubt_due ? session->first_answer_due : session->doubt_due;
    return session->cut_until && session->cut_until < when ? session->cut_until : when;
}
