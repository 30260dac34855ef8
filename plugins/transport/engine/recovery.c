/* SPDX-License-Identifier: Apache-2.0 */
#include "engine.h"

#include "report.h"

#include <string.h>

#define REORDER_LEAST (1 * SLUICE_MS)
#define REORDER_ROUNDS 16                    /* rounds without a late packet before the window narrows */
#define PROBE_BACKOFF_MOST (500 * SLUICE_MS) /* so that the end of an outage is noticed soon */
#define PROBE_FIRST_MOST (200 * SLUICE_MS)   /* until the peer is heard: a path that was shut may open at any time */
#define PROBES 2
#define ASKED_PER_ROUND 8
#define PROBE_BYTES 1000u /* of what several packets carried, in one: so much fits beside headers and a report */
#define OVERRUN_LEAST (100 * SLUICE_MS) /* an overflow of the peer's socket explains losses for so long at least */
#define JOINED_MOST (1u << 30)          /* bytes of one record */
/* Bytes that may lie unread in the peer's socket: so many that its loop has enough to do, and so few that they stay in the
 * processors' caches on one machine; half of what is in flight where that is more, for a long path delivers a lump when the
 * peer was not run for a while.  An overflow tells that the socket holds less. */
#define UNREAD_LEAST (UINT64_C(128) << 10)
#define UNREAD_USUAL (UINT64_C(1) << 20)
#define UNREAD_MOST (UINT64_C(4) << 20)
#define UNREAD_AGAIN (1 * SLUICE_SECOND)  /* without an overflow: twice as much is tried, and later after each overflow */
#define UNREAD_AGAIN_MOST (64 * SLUICE_SECOND)
#define UNREAD_MEMORY (100 * SLUICE_MS)   /* so long after much lay there more is not let in */
#define UNREAD_MARGIN 1.25                /* over what the peer reads in a round trip, so that it is seen when it reads more */
#define READ_SPAN (SLUICE_MS / 2)         /* over which its rate is measured at least */
#define REPEAT_SHARE 333 /* of the bytes sent, one in so many may be a repeat at the end */

void engine_recovery_init(transport_engine *engine)
{
    engine->recovery = (engine_recovery){.reorder = REORDER_LEAST, .loss_at = SLUICE_NEVER};
    engine->recovery.delivered_time = engine->recovery.first_sent = engine->now;
    engine->recovery.socket_room = UNREAD_MOST;
    engine->recovery.socket_again = UNREAD_AGAIN;
    engine->recovery.unread_window = UINT64_MAX;
}

void engine_recovery_fini(transport_engine *engine)
{
    engine_ranges_fini(&engine->recovery.blind, engine->host);
}

static bool is_fresh(const transport_engine *engine, uint64_t number)
{
    return number >= engine->recovery.fresh_from;
}

/* ---- what became of the records of a packet ---- */

static int acked_tell(transport_engine *engine)
{
    engine_record record = engine->recovery.acked;
    engine->recovery.acked.bytes = 0;
    return record.bytes ? engine_outgoing_record_acked(engine, &record) : SLUICE_OK;
}

/* What a row of packets carried of one object is most often one run of its bytes. */
static int data_acked(transport_engine *engine, const engine_record *record)
{
    engine_record *acked = &engine->recovery.acked;
    if (acked->bytes && acked->id == record->id && acked->from + acked->bytes == record->from &&
        acked->bytes + record->bytes <= JOINED_MOST) {
        acked->bytes += record->bytes;
        return SLUICE_OK;
    }
    int status = acked_tell(engine);
    *acked = *record;
    return status;
}

static int record_acked(transport_engine *engine, uint64_t number, const engine_record *record)
{
    int status;
    switch (record->kind) {
    case ENGINE_RECORD_DATA:
        return data_acked(engine, record);
    case ENGINE_RECORD_REPORT:
        return engine_receipt_confirm(&engine->receipt, engine->host, number, record->from,
                                      record->from + record->bytes);
    case ENGINE_RECORD_PROBE:
        if (is_fresh(engine, number) && engine_pmtud_acked(&engine->pmtud, engine->now, record->bytes))
            engine_resized(engine);
        return SLUICE_OK;
    case ENGINE_RECORD_CLOSE:
        engine_life_close_acked(engine);
        return SLUICE_OK;
    default:
        status = acked_tell(engine);
        return status == SLUICE_OK ? engine_outgoing_record_acked(engine, record) : status;
    }
}

/* The peer's socket overflowed when that which is found lost now was under way. */
static bool is_overrun(const transport_engine *engine)
{
    return engine->now < engine->recovery.overrun_until;
}

static int record_lost(transport_engine *engine, const engine_record *record)
{
    switch (record->kind) {
    case ENGINE_RECORD_PROBE:
        engine_pmtud_lost(&engine->pmtud, engine->now, record->bytes, is_overrun(engine));
        return SLUICE_OK;
    case ENGINE_RECORD_STOP:
    case ENGINE_RECORD_CREDIT:
    case ENGINE_RECORD_CREDIT_OBJECT:
        engine_incoming_record_lost(engine, record);
        return SLUICE_OK;
    default:
        return engine_outgoing_record_lost(engine, record);
    }
}

static int records_lost(transport_engine *engine, const engine_sent *sent)
{
    int status = SLUICE_OK;
    const engine_record *record = sent->record.kind == ENGINE_RECORD_NONE ? NULL : &sent->record;
    for (; record && status == SLUICE_OK; record = engine_flight_next_record(&engine->flight, record))
        status = record_lost(engine, record);
    return status;
}

/* ---- delivery rate: draft-cheng-iccrg-delivery-rate-estimation ---- */

void engine_recovery_stamp(transport_engine *engine, engine_sent *sent)
{
    engine_recovery *recovery = &engine->recovery;
    sent->sent = engine->now;
    sent->phase = engine->phases.sent;
    if (!(sent->flags & ENGINE_SENT_ELICITING))
        return;
    if (engine->flight.in_flight_packets == 0) {
        recovery->first_sent = recovery->delivered_time = engine->now;
        recovery->progress = engine->now;
    }
    sent->first_sent = recovery->first_sent;
    sent->delivered_time = recovery->delivered_time;
    sent->delivered = recovery->delivered;
    sent->prior_in_flight = engine->flight.in_flight_bytes;
    if (recovery->app_limited)
        sent->flags |= ENGINE_SENT_APP_LIMITED;
    recovery->probe_base = engine->now;
    if (sent->flags & (ENGINE_SENT_DATA | ENGINE_SENT_URGENT))
        recovery->asked = sent->flags & ENGINE_SENT_URGENT;
    if (sent->flags & ENGINE_SENT_URGENT)
        recovery->asked_at = engine->now;
}

bool engine_recovery_may_ask(const transport_engine *engine)
{
    sluice_duration gap = engine_rtt_smoothed(&engine->rtt) / ASKED_PER_ROUND;
    return engine->now >= engine->recovery.asked_at + (gap > SLUICE_MS ? gap : SLUICE_MS);
}

void engine_recovery_limited(transport_engine *engine)
{
    uint64_t mark = engine->recovery.delivered + engine->flight.in_flight_bytes;
    engine->recovery.app_limited = mark ? mark : 1;
}

static void rate_note(transport_engine *engine, const engine_sent *sent)
{
    engine_recovery *recovery = &engine->recovery;
    recovery->delivered += sent->wire_bytes;
    if (recovery->rate_any && sent->delivered < recovery->rate_prior_delivered)
        return;
    recovery->rate_any = true;
    recovery->rate_prior_delivered = sent->delivered;
    recovery->rate_prior_time = sent->delivered_time;
    recovery->rate_send_elapsed = sent->sent - sent->first_sent;
    recovery->first_sent = sent->sent;
    recovery->sample.app_limited = sent->flags & ENGINE_SENT_APP_LIMITED;
    recovery->sample.prior_in_flight_bytes = sent->prior_in_flight;
}

static void rate_finish(transport_engine *engine)
{
    engine_recovery *recovery = &engine->recovery;
    sluice_sample *sample = &recovery->sample;
    if (!recovery->rate_any)
        return;
    if (recovery->app_limited && recovery->delivered > recovery->app_limited)
        recovery->app_limited = 0;
    if (recovery->rate_prior_delivered >= recovery->round_end) {
        recovery->round_end = recovery->delivered;
        recovery->round++;
        sample->round_start = true;
    }
    sluice_duration elapsed =
        recovery->delivered_time > recovery->rate_prior_time ? recovery->delivered_time - recovery->rate_prior_time : 0;
    if (elapsed < recovery->rate_send_elapsed)
        elapsed = recovery->rate_send_elapsed;
    if (elapsed == 0 || elapsed < engine->rtt.min_rtt / 2)
        return;
    double bits = (double)(recovery->delivered - recovery->rate_prior_delivered) * 8;
    sample->delivery_interval_ns = elapsed;
    sample->delivery_rate_bps = (sluice_rate)(bits * 1e9 / (double)elapsed);
    recovery->rate = sample->delivery_rate_bps;
}

/* ---- samples ---- */

static void sample_begin(transport_engine *engine)
{
    engine->recovery.sample = (sluice_sample){.size = sizeof(sluice_sample), .now = engine->now};
    engine->recovery.rate_any = false;
}

static void sample_give(transport_engine *engine)
{
    engine_recovery *recovery = &engine->recovery;
    sluice_sample *sample = &recovery->sample;
    sample->delivered_bytes = recovery->delivered;
    sample->in_flight_bytes = engine->flight.in_flight_bytes;
    sample->round = recovery->round;
    sample->srtt_ns = engine->rtt.srtt;
    sample->rttvar_ns = engine->rtt.rttvar;
    sample->min_rtt_ns = engine->rtt.min_rtt;
    sample->packet_bytes = engine_wire_bytes(engine, engine_packet_bytes(engine));
    if (!engine_live(engine))
        return;
    engine->calls.sample(engine->user, sample, &engine->control);
    engine_control_taken(engine);
}

/* ---- loss ---- */

/* A packet counted as lost came after all: the window for reordering grows to what would have waited for it. */
static void spurious(transport_engine *engine, const engine_sent *sent, sluice_duration hold)
{
    engine_recovery *recovery = &engine->recovery;
    engine->counts.spurious_packets++;
    recovery->sample.spurious_packets++;
    sluice_duration late = recovery->newest_sent > sent->sent ? recovery->newest_sent - sent->sent + hold : 0;
    late += late / 8;
    sluice_duration most = recovery->reorder * 2;
    sluice_duration smoothed = engine_rtt_smoothed(&engine->rtt);
    most = most < smoothed || smoothed < REORDER_LEAST ? most : smoothed;
    late = late < most ? late : most;
    if (late > recovery->reorder)
        recovery->reorder = late;
    recovery->reorder_round = recovery->round;
}

static void reorder_narrow(transport_engine *engine)
{
    engine_recovery *recovery = &engine->recovery;
    sluice_duration least = engine->rtt.min_rtt / 8;
    least = least > REORDER_LEAST ? least : REORDER_LEAST;
    if (recovery->reorder < least)
        recovery->reorder = least;
    if (recovery->reorder > least && recovery->round >= recovery->reorder_round + REORDER_ROUNDS) {
        recovery->reorder -= (recovery->reorder - least) / 8 + 1;
        recovery->reorder_round = recovery->round - REORDER_ROUNDS + 1;
    }
}

static int declare_lost(transport_engine *engine, uint64_t number)
{
    engine_recovery *recovery = &engine->recovery;
    engine_sent *sent = engine_flight_at(&engine->flight, number);
    engine_flight_mark_lost(&engine->flight, number);
    if ((sent->flags & (ENGINE_SENT_ELICITING | ENGINE_SENT_PROBE)) == ENGINE_SENT_ELICITING &&
        is_fresh(engine, number)) {
        engine->counts.lost_packets++;
        recovery->sample.lost_packets++;
        recovery->sample.lost_bytes += sent->wire_bytes;
        engine_pmtud_packet_lost(&engine->pmtud, sent->sent, sent->wire_bytes - engine->setup.ip_bytes);
    }
    return sent->flags & ENGINE_SENT_HANDED_ON ? SLUICE_OK : records_lost(engine, sent);
}

/* How long after its sending a packet is given up when reports stop telling anything new. */
static sluice_duration patience(const transport_engine *engine)
{
    return engine_rtt_answer_most(&engine->rtt) + engine->recovery.reorder + 2 * engine_rtt_report_delay(&engine->rtt);
}

/* Declares lost what was sent a reordering window before the newest packet that arrived. */
static int detect_lost(transport_engine *engine, sluice_duration hold)
{
    engine_recovery *recovery = &engine->recovery;
    engine_flight *flight = &engine->flight;
    recovery->loss_at = SLUICE_NEVER;
    if (!recovery->any_acked || engine_on_bytes(engine))
        return SLUICE_OK;
    if (recovery->blind.count > 0 && engine->now >= recovery->blind_until)
        engine_ranges_clear(&recovery->blind, engine->host);
    uint64_t limit = recovery->newest_acked;
    uint64_t number = engine_flight_find(flight, recovery->scan_from, limit, false);
    recovery->scan_from = number;
    sluice_duration wait = patience(engine);
    while (number < limit) {
        engine_range unseen;
        if (recovery->blind.count > 0 && engine_ranges_find(&recovery->blind, number, &unseen) &&
            unseen.from <= number) {
            if (recovery->loss_at > recovery->blind_until)
                recovery->loss_at = recovery->blind_until;
            number = engine_flight_find(flight, unseen.to, limit, false);
            continue;
        }
        const engine_sent *sent = engine_flight_at(flight, number);
        bool late = recovery->newest_sent - sent->sent + hold >= recovery->reorder;
        if (!late && engine->now < sent->sent + wait) {
            if (recovery->loss_at > sent->sent + wait)
                recovery->loss_at = sent->sent + wait;
            break;
        }
        int status = declare_lost(engine, number);
        if (status != SLUICE_OK)
            return status;
        number = engine_flight_find(flight, number + 1, limit, false);
    }
    return SLUICE_OK;
}

/* Finds the oldest packet in flight that ended one and was not probed for. */
static void ends_find(transport_engine *engine)
{
    engine_recovery *recovery = &engine->recovery;
    const engine_flight *flight = &engine->flight;
    uint64_t number = engine_flight_find(flight, recovery->ends_from, flight->next, false);
    while (number < flight->next && !(engine_flight_at(flight, number)->flags & ENGINE_SENT_ENDS))
        number = engine_flight_find(flight, number + 1, flight->next, false);
    recovery->ends_from = number;
}

void engine_recovery_built(transport_engine *engine)
{
    ends_find(engine);
}

/* ---- reports ---- */

/* What an acknowledged packet says of the path. */
static void learn(transport_engine *engine, uint64_t number, const engine_sent *sent, sluice_duration hold)
{
    engine_recovery *recovery = &engine->recovery;
    bool probe = sent->flags & ENGINE_SENT_PROBE;
    recovery->sample.acked_packets++;
    recovery->sample.acked_bytes += sent->wire_bytes;
    if (engine_flight_is_lost(&engine->flight, number) && !probe)
        spurious(engine, sent, hold);
    rate_note(engine, sent);
    if (!probe && !engine_on_bytes(engine) &&
        engine_pmtud_packet_acked(&engine->pmtud, engine->now, sent->sent, sent->wire_bytes - engine->setup.ip_bytes,
                                  engine_rtt_pto(&engine->rtt), is_overrun(engine)))
        engine_resized(engine);
}

static int packet_acked(transport_engine *engine, uint64_t number, sluice_duration hold)
{
    engine_flight *flight = &engine->flight;
    engine_sent *sent = engine_flight_at(flight, number);
    if ((sent->flags & ENGINE_SENT_ELICITING) && is_fresh(engine, number))
        learn(engine, number, sent, hold);
    if (sent->phase == engine->phases.sent)
        engine->phases.acked = true;
    int status = SLUICE_OK;
    const engine_record *record = sent->record.kind == ENGINE_RECORD_NONE ? NULL : &sent->record;
    for (; record && status == SLUICE_OK; record = engine_flight_next_record(flight, record))
        status = record_acked(engine, number, record);
    engine_flight_settle(flight, number);
    return status;
}

static bool measures(const transport_engine *engine, uint64_t number)
{
    return engine_flight_is_flying(&engine->flight, number) && is_fresh(engine, number) &&
           !(engine_flight_at(&engine->flight, number)->flags & ENGINE_SENT_ELSEWHERE);
}

/* What is absurd is taken for nothing. */
static sluice_duration hold_of(const engine_report *report)
{
    return report->hold_us > UINT64_C(1) << 40 ? 0 : report->hold_us * 1000;
}

/* The queue that a packet of ours saw, if it tells.  One of three quarters of the full size counts as full. */
static bool oneway(transport_engine *engine, uint64_t number, sluice_time arrived, sluice_duration *queue)
{
    const engine_sent *sent = engine_flight_at(&engine->flight, number);
    bool small = sent->wire_bytes < engine_wire_bytes(engine, engine_packet_bytes(engine)) / 4 * 3;
    return engine_rtt_oneway(&engine->rtt, sent->sent, arrived, small, queue);
}

/* Round trip and one-way delays, before the numbers are settled: only what is newly acknowledged measures. */
static void measure(transport_engine *engine, const engine_report *report, sluice_time received)
{
    engine_recovery *recovery = &engine->recovery;
    const engine_flight *flight = &engine->flight;
    sluice_duration hold = hold_of(report);
    sluice_time arrived = report->arrived_us * 1000;
    sluice_sample *sample = &recovery->sample;
    uint64_t newest = 0;
    for (uint32_t i = 0; i < report->arrival_count; i++) {
        uint64_t number = report->arrivals[i].number;
        sluice_duration queue;
        if (!measures(engine, number) || !oneway(engine, number, report->arrivals[i].time_us * 1000, &queue))
            continue;
        if (!sample->queue_valid || queue < sample->queue_min_ns)
            sample->queue_min_ns = queue;
        if (!sample->queue_valid || number >= newest) {
            sample->queue_ns = queue;
            newest = number;
        }
        sample->queue_valid = true;
    }
    if (measures(engine, report->newest)) {
        sluice_time sent = engine_flight_at(flight, report->newest)->sent;
        sluice_duration raw = received > sent ? received - sent : 0;
        sample->rtt_ns = raw > hold ? raw - hold : 1;
        engine_rtt_sample(&engine->rtt, engine->now, sample->rtt_ns);
        if (oneway(engine, report->newest, arrived, &sample->queue_ns)) {
            if (!sample->queue_valid || sample->queue_ns < sample->queue_min_ns)
                sample->queue_min_ns = sample->queue_ns;
            sample->queue_valid = true;
            recovery->queue = sample->queue_ns;
        }
    }
    /* The least delay so far may have been found among these packets: what was compared with an older one shrinks. */
    if (sample->queue_min_ns > sample->queue_ns)
        sample->queue_min_ns = sample->queue_ns;
    sample->queue_base_ns = sample->queue_valid ? engine_rtt_base(&engine->rtt, engine->now) : 0;
    if (!is_fresh(engine, report->newest))
        return;
    sluice_time here = engine_rtt_arrival(&engine->rtt, engine->now, arrived);
    if (here > recovery->delivered_time)
        recovery->delivered_time = here;
}

/* Numbers between what earlier reports and this segment cover are blind until some report covers them. */
static int cover(transport_engine *engine, uint64_t low, uint64_t top)
{
    engine_recovery *recovery = &engine->recovery;
    int status = SLUICE_OK;
    if (low > recovery->covered) {
        status = engine_ranges_add(&recovery->blind, engine->host, recovery->covered, low, NULL);
        recovery->blind_until = engine->now + 3 * engine_rtt_pto(&engine->rtt) + 100 * SLUICE_MS;
    }
    if (top + 1 > recovery->covered)
        recovery->covered = top + 1;
    if (status == SLUICE_OK && recovery->blind.count > 0)
        status = engine_ranges_remove(&recovery->blind, engine->host, low, top + 1, NULL);
    return status;
}

static int run_acked(transport_engine *engine, uint64_t low, uint64_t top, sluice_duration hold)
{
    engine_recovery *recovery = &engine->recovery;
    engine_flight *flight = &engine->flight;
    for (uint64_t n = engine_flight_find(flight, low, top + 1, true); n <= top;
         n = engine_flight_find(flight, n + 1, top + 1, true)) {
        if (n >= flight->next)
            break;
        bool elsewhere = engine_flight_at(flight, n)->flags & ENGINE_SENT_ELSEWHERE;
        if (!elsewhere && (!recovery->any_acked || n > recovery->newest_acked)) {
            recovery->any_acked = true;
            recovery->newest_acked = n;
            recovery->newest_sent = engine_flight_at(flight, n)->sent;
        }
        int status = packet_acked(engine, n, hold);
        if (status != SLUICE_OK)
            return status;
    }
    return acked_tell(engine);
}

/* *unread: how long the newest packet lay in the peer's socket, which is a part of the hold. */
static int segments_acked(transport_engine *engine, const engine_report *report, sluice_duration *unread)
{
    engine_walk walk;
    sluice_duration hold = hold_of(report);
    engine_walk_init(&walk, report);
    for (;;) {
        int status = SLUICE_OK;
        switch (engine_walk_next(&walk)) {
        case ENGINE_WALK_END:
            *unread = engine_walk_unread_us(&walk) * 1000;
            *unread = *unread < hold ? *unread : hold;
            return SLUICE_OK;
        case ENGINE_WALK_MALFORMED:
            return SLUICE_EPROTOCOL;
        case ENGINE_WALK_SEGMENT:
            status = cover(engine, walk.low, walk.top);
            break;
        case ENGINE_WALK_RUN:
            status = run_acked(engine, walk.low, walk.top, hold);
            break;
        }
        if (status != SLUICE_OK)
            return status;
    }
}

/* Counters of the peer only grow; a report that was overtaken says nothing new. */
static uint64_t grown(uint64_t *known, uint64_t told)
{
    uint64_t by = told > *known ? told - *known : 0;
    *known += by;
    return by;
}

/* How fast the peer reads, by its own clock: from one report to the next it took what they newly acknowledge. */
static void read_rate_note(engine_recovery *recovery, sluice_time until)
{
    recovery->read_bytes += recovery->sample.acked_bytes;
    if (until < recovery->read_until + READ_SPAN)
        return;
    double rate = (double)recovery->read_bytes * 1e9 / (double)(until - recovery->read_until);
    if (recovery->read_until > 0)
        recovery->read_rate += recovery->read_rate > 0 ? (rate - recovery->read_rate) / 4 : rate;
    recovery->read_until = until;
    recovery->read_bytes = 0;
}

/* What may lie unread: less after an overflow, more after a time without. */
static uint64_t unread_most(transport_engine *engine, sluice_duration unread)
{
    engine_recovery *recovery = &engine->recovery;
    uint64_t half = engine->flight.in_flight_bytes / 2, most = half > UNREAD_USUAL ? half : UNREAD_USUAL;
    most = most < recovery->socket_room ? most : recovery->socket_room;
    if (recovery->sample.receiver_drop_packets > 0 &&
        engine->now >= recovery->socket_changed + engine_rtt_smoothed(&engine->rtt) + unread) {
        most = most / 2 > UNREAD_LEAST ? most / 2 : UNREAD_LEAST;
        recovery->socket_room = most;
        recovery->socket_changed = engine->now;
        recovery->socket_again *= recovery->socket_again < UNREAD_AGAIN_MOST ? 2 : 1;
    } else if (recovery->socket_room < UNREAD_MOST && engine->now >= recovery->socket_changed + recovery->socket_again) {
        recovery->socket_room *= 2;
        recovery->socket_changed = engine->now;
    }
    return most;
}

/* A processor that does not keep up has no queue on the path that a rate control could see: what it cannot take lies in its
 * socket, until that overflows.  How long the newest packet lay there tells how much it is, and the window lets in no more
 * than there is room for. */
static void unread_bound(transport_engine *engine, const engine_report *report, sluice_duration unread)
{
    engine_recovery *recovery = &engine->recovery;
    uint64_t most = unread_most(engine, unread);
    read_rate_note(recovery, report->arrived_us * 1000 + unread);
    if (recovery->read_rate * (double)unread / 1e9 > (double)most / 4)
        recovery->unread_since = engine->now;
    recovery->unread_window = UINT64_MAX;
    if (recovery->unread_since > 0 && engine->now < recovery->unread_since + UNREAD_MEMORY)
        recovery->unread_window =
            most + (uint64_t)(UNREAD_MARGIN * recovery->read_rate * (double)engine_rtt_smoothed(&engine->rtt) / 1e9);
}

int engine_recovery_report(transport_engine *engine, const uint8_t *body, size_t bytes, sluice_time received)
{
    engine_recovery *recovery = &engine->recovery;
    engine_report report;
    if (!engine_report_get(body, body + bytes, &report) || report.newest >= engine->flight.next)
        return SLUICE_EPROTOCOL;
    engine->counts.reports_received++;
    sample_begin(engine);
    recovery->sample.ce_packets = grown(&recovery->ce_packets, report.ce_packets);
    recovery->sample.receiver_drop_packets = grown(&recovery->drop_packets, report.drop_packets);
    if (recovery->sample.receiver_drop_packets > 0)
        recovery->overrun_until = engine->now + 3 * engine_rtt_pto(&engine->rtt) + OVERRUN_LEAST;
    engine->counts.receiver_drop_packets = recovery->drop_packets;
    engine_outgoing_credit(engine, report.credit);
    measure(engine, &report, received);
    sluice_duration unread = 0;
    int status = segments_acked(engine, &report, &unread);
    if (status != SLUICE_OK)
        return status;
    if (recovery->sample.rtt_ns > 0)
        engine_rtt_answered(&engine->rtt, recovery->sample.rtt_ns + unread + (engine->now - received));
    if (recovery->sample.acked_packets > 0) {
        recovery->progress = engine->now;
        recovery->probe_count = 0;
    }
    rate_finish(engine);
    reorder_narrow(engine);
    sluice_duration hold = report.newest == recovery->newest_acked ? hold_of(&report) : 0;
    status = detect_lost(engine, hold);
    unread_bound(engine, &report, unread);
    ends_find(engine);
    if (status != SLUICE_OK)
        return status;
    if (engine->flight.in_flight_packets == 0 && engine->idle_since == SLUICE_NEVER)
        engine->idle_since = engine->now;
    if (recovery->sample.acked_packets || recovery->sample.lost_packets || recovery->sample.ce_packets ||
        recovery->sample.receiver_drop_packets)
        sample_give(engine);
    return SLUICE_OK;
}

/* ---- time-outs ---- */

static sluice_duration probe_wait(const transport_engine *engine, bool asked)
{
    sluice_duration pto = engine_rtt_pto(&engine->rtt);
    sluice_duration most = !engine->life.ready ? PROBE_FIRST_MOST : pto > PROBE_BACKOFF_MOST ? pto : PROBE_BACKOFF_MOST;
    unsigned doublings = engine->recovery.probe_count < 10 ? engine->recovery.probe_count : 10;
    sluice_duration wait = (asked ? engine_rtt_answer(&engine->rtt) : pto) << doublings;
    return wait < most ? wait : most;
}

/* When the oldest packet that ended a flight should have been acknowledged, whatever else was; but not sooner after a
 * probe than the next one is due. */
static sluice_time end_overdue_at(const transport_engine *engine)
{
    const engine_recovery *recovery = &engine->recovery;
    if (!engine->life.ready || !engine_flight_is_flying(&engine->flight, recovery->ends_from))
        return SLUICE_NEVER;
    const engine_sent *sent = engine_flight_at(&engine->flight, recovery->ends_from);
    bool probed = recovery->probe_count > 0 && recovery->probed_at > sent->sent;
    return (probed ? recovery->probed_at : sent->sent) + probe_wait(engine, sent->flags & ENGINE_SENT_URGENT);
}

static sluice_time probe_at(const transport_engine *engine)
{
    const engine_recovery *recovery = &engine->recovery;
    if (engine->flight.in_flight_packets == 0 || engine->life.stage == ENGINE_STAGE_CLOSED || engine_on_bytes(engine))
        return SLUICE_NEVER;
    sluice_duration wait = probe_wait(engine, recovery->asked);
    /* While packets keep being sent, silence of a whole time-out counts from the last acknowledgement. */
    bool sending = recovery->probe_count == 0 && recovery->progress < recovery->probe_base;
    sluice_time at = (sending ? recovery->progress : recovery->probe_base) + wait, overdue = end_overdue_at(engine);
    return overdue < at ? overdue : at;
}

/* Queues what the oldest packets in flight carry, so that the probes carry something that may be missing: as much of it
 * as a packet holds, and not less than that of two packets.  It counts although the user may have to get it first. */
static int probe_contents(transport_engine *engine)
{
    engine_flight *flight = &engine->flight;
    unsigned found = 0;
    uint64_t before = engine->out.queued_again;
    for (uint64_t n = engine_flight_find(flight, engine->recovery.scan_from, flight->next, false);
         n < flight->next && (found < PROBES || engine->out.queued_again - before < PROBE_BYTES);
         n = engine_flight_find(flight, n + 1, flight->next, false)) {
        engine_sent *sent = engine_flight_at(flight, n);
        if (!(sent->flags & ENGINE_SENT_ELICITING) || (sent->flags & (ENGINE_SENT_PROBE | ENGINE_SENT_HANDED_ON)))
            continue;
        uint64_t queued = engine->out.queued_again;
        int status = records_lost(engine, sent);
        if (status != SLUICE_OK)
            return status;
        sent->flags |= ENGINE_SENT_HANDED_ON;
        found += engine->out.queued_again > queued || engine->in.due || engine->in.credit_due; /* Else it held nothing. */
    }
    return SLUICE_OK;
}

/* A server that was not heard yet only opens the way for the client. */
static void probe_send(transport_engine *engine)
{
    bool opening = !engine->life.ready && engine->setup.role == SLUICE_SERVER;
    engine->recovery.probes_due = opening ? 1 : PROBES;
    engine->recovery.ping_due = true;
}

static int probe(transport_engine *engine)
{
    engine_recovery *recovery = &engine->recovery;
    bool silent = engine->now >= recovery->progress + engine_rtt_pto(&engine->rtt);
    sample_begin(engine);
    recovery->sample.persistent = silent;
    while (engine->now >= end_overdue_at(engine)) {
        recovery->ends_from++;
        ends_find(engine);
    }
    recovery->probe_base = recovery->probed_at = engine->now;
    recovery->probe_count++;
    probe_send(engine);
    int status = SLUICE_OK;
    if (!engine_outgoing_first(engine))
        status = probe_contents(engine);
    sample_give(engine);
    return status;
}

int engine_recovery_timers(transport_engine *engine)
{
    int status = SLUICE_OK;
    if (engine->now >= engine->recovery.loss_at) {
        sample_begin(engine);
        status = detect_lost(engine, 0);
        ends_find(engine);
        if (status == SLUICE_OK && engine->recovery.sample.lost_packets > 0)
            sample_give(engine);
    }
    if (status == SLUICE_OK && engine->now >= probe_at(engine))
        status = probe(engine);
    return status;
}

sluice_time engine_recovery_wake(const transport_engine *engine)
{
    sluice_time at = probe_at(engine);
    return at < engine->recovery.loss_at ? at : engine->recovery.loss_at;
}

/* Repeats what the packet carries if it is worth it.  *found: something was queued. */
static int repeat_packet(transport_engine *engine, const engine_sent *sent, bool *found)
{
    const engine_record *record = &sent->record;
    for (; record; record = engine_flight_next_record(&engine->flight, record)) {
        if (record->kind != ENGINE_RECORD_DATA || !record->resent || !engine_outgoing_at_end(engine, record->id))
            continue;
        int status = engine_outgoing_record_lost(engine, record);
        if (status != SLUICE_OK)
            return status;
    }
    /* It may all have been acknowledged in another packet. */
    *found = engine_outgoing_first(engine) != NULL;
    return SLUICE_OK;
}

bool engine_recovery_repeat_due(const transport_engine *engine)
{
    uint64_t budget = engine->counts.data_bytes_sent / REPEAT_SHARE;
    return engine->recovery.repeat_open && engine->flight.in_flight_packets > 0 && !engine_on_bytes(engine) &&
           engine->recovery.repeat_bytes + engine->flight.in_flight_bytes <= budget;
}

int engine_recovery_repeat(transport_engine *engine, bool *found)
{
    engine_recovery *recovery = &engine->recovery;
    engine_flight *flight = &engine->flight;
    *found = false;
    if (!engine_recovery_repeat_due(engine))
        return SLUICE_OK;
    uint64_t number = recovery->repeat_from > recovery->scan_from ? recovery->repeat_from : recovery->scan_from;
    for (number = engine_flight_find(flight, number, flight->next, false); number < flight->next;
         number = engine_flight_find(flight, number + 1, flight->next, false)) {
        const engine_sent *sent = engine_flight_at(flight, number);
        recovery->repeat_from = number + 1;
        if ((sent->flags & (ENGINE_SENT_DATA | ENGINE_SENT_REPEAT_AGAIN)) != ENGINE_SENT_DATA)
            continue;
        recovery->repeating = sent->flags & ENGINE_SENT_REPEAT ? ENGINE_SENT_REPEAT_AGAIN : ENGINE_SENT_REPEAT;
        int status = repeat_packet(engine, sent, found);
        if (status != SLUICE_OK || *found)
            return status;
    }
    recovery->repeat_open = false;
    return SLUICE_OK;
}

int engine_recovery_unsent(transport_engine *engine, uint64_t number)
{
    engine_flight *flight = &engine->flight;
    if (!engine_flight_is_flying(flight, number))
        return SLUICE_OK;
    engine_build_count(engine, engine_flight_at(flight, number), UINT64_MAX);
    int status = records_lost(engine, engine_flight_at(flight, number));
    engine_flight_settle(flight, number);
    return status;
}

/* What was measured of the way so far says nothing of what comes now. */
static void restart(transport_engine *engine)
{
    engine_recovery *recovery = &engine->recovery;
    recovery->fresh_from = engine->flight.next;
    recovery->reorder = REORDER_LEAST;
    recovery->probe_count = recovery->probes_due = 0;
    recovery->ping_due = recovery->repeat_open = false;
    recovery->loss_at = SLUICE_NEVER;
    recovery->progress = recovery->probe_base = engine->now;
    recovery->first_sent = recovery->delivered_time = engine->now;
    recovery->queue = 0;
    engine_recovery_limited(engine);
}

int engine_recovery_take_back(transport_engine *engine)
{
    engine_flight *flight = &engine->flight;
    int status = SLUICE_OK;
    for (uint64_t n = engine_flight_find(flight, 0, flight->next, false); n < flight->next && status == SLUICE_OK;
         n = engine_flight_find(flight, n + 1, flight->next, false)) {
        engine_flight_mark_lost(flight, n);
        status = records_lost(engine, engine_flight_at(flight, n));
    }
    restart(engine);
    engine_ranges_clear(&engine->recovery.blind, engine->host);
    return status;
}

void engine_recovery_repath(transport_engine *engine)
{
    restart(engine);
    if (engine->flight.in_flight_packets > 0)
        probe_send(engine);
}
