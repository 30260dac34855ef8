/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on byte channels: from the start (`tcp`), and after a move from datagrams or from another channel. */
#include "unit/suite.h"
#include "unit/udp_pair.h"

#include <stdlib.h>

extern const sluice_plugin transport_tcp_LTX_sluice_plugin;
extern const sluice_plugin transport_udp_LTX_sluice_plugin;

static uint64_t wanted;

static bool object_two_done(const pair *p)
{
    return pair_complete(p, 0, 2, wanted);
}

static bool ready_both(const pair *p)
{
    return p->end[0].events[SLUICE_TRANSPORT_READY] && p->end[1].events[SLUICE_TRANSPORT_READY];
}

static bool closed_both(const pair *p)
{
    return p->end[0].events[SLUICE_TRANSPORT_CLOSED] && p->end[1].events[SLUICE_TRANSPORT_CLOSED];
}

static void move_both(pair *p)
{
    CU_ASSERT_EQUAL(pair_move(p, 0), SLUICE_OK);
    CU_ASSERT_EQUAL(pair_move(p, 1), SLUICE_OK);
}

static void sizes_are_checked(void)
{
    const sluice_transport_ops *tcp = transport_tcp_LTX_sluice_plugin.ops, *udp = transport_udp_LTX_sluice_plugin.ops;
    CU_ASSERT_EQUAL(tcp->carriage, SLUICE_CARRIAGE_BYTES);
    CU_ASSERT_EQUAL(udp->carriage, SLUICE_CARRIAGE_DATAGRAM);
    static const uint32_t sizes[] = {507, 508, 16380, 16381};
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
        bool good = sizes[i] >= 508 && sizes[i] <= 16380;
        sluice_transport_setup setup[2];
        pair_setup_bytes(setup);
        setup[0].datagram_most = setup[1].datagram_most = sizes[i];
        pair *p = pair_new_bytes(setup);
        CU_ASSERT_EQUAL(p != NULL, good);
        if (p)
            pair_free(p);
        pair_setup(setup);
        p = pair_new(setup);
        CU_ASSERT_EQUAL(p->ops->move(p->end[0].state, p->now, sizes[i]), good ? SLUICE_OK : SLUICE_EINVAL);
        pair_free(p);
    }
    /* Datagrams do not get that large. */
    sluice_transport_setup setup[2];
    pair_setup(setup);
    setup[0].datagram_most = setup[1].datagram_most = 16380;
    CU_ASSERT_PTR_NULL(pair_new(setup));
}

/* Large batches of full packets; the window, loss and size of a path have no say. */
static void a_channel_is_filled(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent, got;
    pair_setup_bytes(setup);
    for (int i = 0; i < 2; i++) {
        setup[i].control.cwnd_bytes = 1;
        setup[i].packets_per_phase = 10;
        setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 30;
    }
    pair *p = pair_new_bytes(setup);
    p->end[0].path.rate = 10000000000;
    wanted = 60000000;
    pair_send(p, 0, 2, 0, wanted);
    CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
    pair_statistics(p, 0, &sent);
    pair_statistics(p, 1, &got);
    /* All of it leaves at once: 64 MiB may be in flight. */
    CU_ASSERT_EQUAL(p->end[0].batch_most, 64);
    CU_ASSERT_EQUAL(p->end[0].largest, PAIR_BYTES_PACKET);
    CU_ASSERT_EQUAL(sent.datagram_bytes, PAIR_BYTES_PACKET);
    /* 13 bytes of header and at most 8 of a frame's head in each packet. */
    CU_ASSERT(sent.data_packets_sent <= wanted / (PAIR_BYTES_PACKET - 21) + 8);
    CU_ASSERT_EQUAL(sent.lost_packets + sent.resent_bytes + sent.spurious_packets, 0);
    CU_ASSERT_EQUAL(p->end[0].probes, 0);
    CU_ASSERT_EQUAL(sent.phase_sent, 0);
    CU_ASSERT_EQUAL(got.redundant_bytes, 0);
    CU_ASSERT_EQUAL(p->end[0].lost_sampled + p->end[0].persistent, 0);
    /* 60 MB at 10 Gbit/s and 20 ms each way, and at most 5 ms until a report. */
    CU_ASSERT(p->now - setup[0].now < 48 * SLUICE_MS + 40 * SLUICE_MS + 6 * SLUICE_MS);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* What may be in flight bounds memory here as there. */
static void in_flight_is_bounded(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup_bytes(setup);
    setup[0].in_flight_most = 100000;
    pair *p = pair_new_bytes(setup);
    p->end[1].path.out = true;
    pair_send(p, 0, 2, 0, 3000000);
    pair_run(p, p->now + 20 * SLUICE_SECOND, NULL);
    pair_statistics(p, 0, &sent);
    /* A full packet takes 17030 bytes: five fit. */
    CU_ASSERT(sent.in_flight_bytes <= 100000 && sent.in_flight_bytes > 100000 - 17030);
    CU_ASSERT_EQUAL(p->ops->waits(p->end[0].state, p->now), SLUICE_WAIT_WINDOW);
    /* Nothing is sent twice, however long the answer takes. */
    CU_ASSERT_EQUAL(sent.resent_packets + sent.lost_packets, 0);
    CU_ASSERT(sent.packets_sent < 10);
    pair_free(p);
}

/* The length (4), a TLS record (22), and 52 bytes for each segment of 1448 that is begun. */
static void bytes_on_the_wire_are_estimated(void)
{
    static uint8_t memory[SLUICE_PACKET_MAX];
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup_bytes(setup);
    pair *p = pair_new_bytes(setup);
    sluice_packet packet = {.data = memory, .capacity = PAIR_BYTES_PACKET};
    CU_ASSERT_EQUAL(p->ops->produce(p->end[0].state, p->now, &packet, 1), 1);
    /* A PING: 13 bytes of header, type and length, and no padding. */
    CU_ASSERT_EQUAL(packet.size, 15);
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.wire_bytes_sent, 15 + 4 + 22 + 52);
    pair_send(p, 0, 2, 0, 100000);
    packet = (sluice_packet){.data = memory, .capacity = PAIR_BYTES_PACKET};
    CU_ASSERT_EQUAL(p->ops->produce(p->end[0].state, p->now, &packet, 1), 1);
    CU_ASSERT_EQUAL(packet.size, PAIR_BYTES_PACKET);
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.wire_bytes_sent, 93 + 16380 + 4 + 22 + 12 * 52);
    pair_free(p);
}

/* One report for 32 packets, or in 5 ms; so a sender's buffer is free after as much. */
static void reports_are_rare_and_come_in_time(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent, got;
    pair_setup_bytes(setup);
    for (int i = 0; i < 2; i++)
        setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 34;
    setup[0].in_flight_most = 256 << 20;
    pair *p = pair_new_bytes(setup);
    p->end[0].path.rate = 10000000000;
    p->end[0].path.delay = p->end[1].path.delay = SLUICE_MS;
    wanted = 500000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 200 * SLUICE_MS, NULL);
    pair_statistics(p, 0, &sent);
    pair_statistics(p, 1, &got);
    /* What has arrived was acknowledged but for 32 packets and what arrives while a report travels. */
    uint64_t travel = UINT64_C(10000000000) / 8 / 1000;
    CU_ASSERT(sent.acked_bytes + 32 * PAIR_BYTES_PACKET + travel >= got.delivered_bytes);
    CU_ASSERT(got.delivered_bytes > 240000000);
    CU_ASSERT(pair_run(p, p->now + 2 * SLUICE_SECOND, object_two_done));
    pair_statistics(p, 1, &got);
    /* Eight at once at the start, one or two at the end. */
    CU_ASSERT(got.reports_sent <= got.packets_received / 32 + 8 + 4);
    /* A trickle: one report in 5 ms at most. */
    uint64_t before = got.reports_sent;
    sluice_time since = p->now;
    p->ops->open(p->end[0].state, 4, 0, 1);
    for (uint64_t i = 0; i < 1000; i++) {
        p->ops->offer(p->end[0].state, 4, i * 100, i * 100 + 100);
        pair_run(p, p->now + SLUICE_MS, NULL);
    }
    pair_run(p, p->now + 10 * SLUICE_MS, NULL);
    pair_statistics(p, 1, &got);
    CU_ASSERT(got.reports_sent - before <= (p->now - since) / (5 * SLUICE_MS) + 2);
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.acked_bytes, wanted + 100000);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void a_target_is_kept(void)
{
    sluice_transport_setup setup[2];
    pair_setup_bytes(setup);
    setup[0].control.pacing_bps = 100000000;
    pair *p = pair_new_bytes(setup);
    wanted = 20000000;
    pair_send(p, 0, 2, 0, wanted);
    CU_ASSERT(pair_run(p, p->now + 10 * SLUICE_SECOND, object_two_done));
    /* 17030 bytes on the wire for 16361 of payload, at least 12.5 MB/s less a burst of two packets. */
    double seconds = (double)(p->now - setup[0].now) / 1e9, least = 20e6 / 16367 * 17030 / 12.5e6;
    CU_ASSERT(seconds > least - 2 * 17030 / 12.5e6 && seconds < least + 0.06);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void both_ways_with_many_objects(void)
{
    sluice_transport_setup setup[2];
    pair_setup_bytes(setup);
    pair *p = pair_new_bytes(setup);
    wanted = 3000000;
    for (int end = 0; end < 2; end++) {
        p->ops->offer(p->end[end].state, 0, 0, 5000);
        for (uint64_t id = 4; id < 600; id++)
            pair_send(p, end, id, id % 5 == 0 ? SLUICE_OBJECT_ORDERED : 0, (id * 37) % 9000);
        pair_send(p, end, 2, 0, wanted);
    }
    pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
    for (int end = 0; end < 2; end++) {
        CU_ASSERT_EQUAL(p->end[end].objects[0].got.covered, 5000);
        for (uint64_t id = 4; id < 600; id++)
            CU_ASSERT(pair_complete(p, end, id, (id * 37) % 9000));
        CU_ASSERT(pair_complete(p, end, 2, wanted));
    }
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* ---- move ---- */

/* Half of a transfer in datagrams that then come no more; the rest goes on the channel, and nobody speaks of loss. */
static void what_is_in_flight_goes_out_again(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics before, after;
    pair_setup(setup);
    pair *p = pair_new(setup);
    wanted = 3000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 100 * SLUICE_MS, NULL);
    p->end[0].path.out = p->end[1].path.out = true;
    pair_run(p, p->now + 20 * SLUICE_MS, NULL);
    pair_statistics(p, 0, &before);
    CU_ASSERT(before.in_flight_bytes > 100000);
    move_both(p);
    pair_statistics(p, 0, &after);
    CU_ASSERT_EQUAL(after.in_flight_bytes, 0);
    CU_ASSERT_EQUAL(after.datagram_bytes, PAIR_BYTES_PACKET);
    CU_ASSERT_EQUAL(after.packets_sent, before.packets_sent);
    CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
    pair_statistics(p, 0, &after);
    CU_ASSERT_EQUAL(after.lost_packets, 0);
    CU_ASSERT_EQUAL(p->end[0].lost_sampled, 0);
    CU_ASSERT(after.resent_bytes > 0 && after.resent_bytes < before.in_flight_bytes);
    CU_ASSERT_EQUAL(p->end[0].largest, PAIR_BYTES_PACKET);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Each kind of frame is on its way in a datagram that never arrives when both sides move. */
static void every_frame_goes_out_again(void)
{
    enum { CONTROL, END, ABORT, SKIP, STOP, CREDIT_OBJECT, KINDS };
    for (int kind = 0; kind < KINDS; kind++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        void *sender = p->end[0].state, *receiver = p->end[1].state;
        p->ops->open(sender, 2, kind == CREDIT_OBJECT ? SLUICE_OBJECT_ORDERED : 0, 1);
        p->ops->offer(sender, 2, 0, kind == CREDIT_OBJECT ? 3 << 20 : 10000);
        p->end[1].auto_consume = kind != CREDIT_OBJECT;
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        p->end[0].path.out = p->end[1].path.out = true;
        if (kind == CONTROL)
            p->ops->offer(sender, 0, 0, 1000);
        else if (kind == END)
            p->ops->finish(sender, 2, 10000);
        else if (kind == ABORT)
            p->ops->abort(sender, 2, 7);
        else if (kind == SKIP)
            p->ops->skip(sender, 2, 20000);
        else if (kind == STOP)
            p->ops->stop(receiver, 2, 8);
        else
            p->ops->consumed_ordered(receiver, 2, p->end[1].unconsumed);
        pair_run(p, p->now + 10 * SLUICE_MS, NULL);
        CU_ASSERT(p->end[0].drops + p->end[1].drops > 0);
        move_both(p);
        p->end[1].auto_consume = true;
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        const pair_object *sent = &p->end[0].objects[2], *got = &p->end[1].objects[2];
        bool as_wanted = kind == CONTROL ? p->end[1].objects[0].got.covered == 1000
                         : kind == END   ? pair_complete(p, 0, 2, 10000)
                         : kind == ABORT ? got->aborted && got->abort_code == 7
                         : kind == SKIP  ? got->skipped == 10000
                         : kind == STOP  ? sent->stopped && sent->stop_code == 8
                                         : got->got.covered == 3 << 20;
        CU_ASSERT(as_wanted);
        if (!as_wanted)
            printf("kind %d did not come\n", kind);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* The session's credit comes with reports and as a frame of its own. */
static void credit_goes_out_again(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->end[1].auto_consume = false;
    wanted = 8 << 20;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, 4 << 20);
    p->end[1].path.out = true;
    p->ops->consumed(p->end[1].state, p->end[1].unconsumed);
    pair_run(p, p->now + 10 * SLUICE_MS, NULL);
    move_both(p);
    p->end[1].auto_consume = true;
    CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* All the data came, only the reports did not: the first report on the channel saves sending it again. */
static void what_has_come_is_not_sent_again(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    pair *p = pair_new(setup);
    wanted = 1000000;
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[1].path.out = true;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 130 * SLUICE_MS, NULL);
    CU_ASSERT_EQUAL(p->end[1].objects[2].got.covered, wanted);
    CU_ASSERT_EQUAL(p->end[0].objects[2].acked.covered, 0);
    pair_statistics(p, 0, &sent);
    uint64_t resent = sent.resent_bytes; /* By probes, if any. */
    move_both(p);
    p->end[0].withheld = 1; /* The source takes longer than the report. */
    pair_run(p, p->now + 50 * SLUICE_MS, NULL);
    CU_ASSERT_EQUAL(p->end[0].objects[2].acked.covered, wanted);
    p->ops->ready(p->end[0].state, 2);
    CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.resent_bytes, resent);
    CU_ASSERT_EQUAL(sent.spurious_packets + sent.lost_packets, 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Datagrams that are still under way come later than what went on the channel. */
static void late_datagrams_do_no_harm(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics got;
    pair_setup(setup);
    setup[0].packets_per_phase = setup[1].packets_per_phase = 20;
    pair *p = pair_new(setup);
    wanted = 10000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_send(p, 1, 2, SLUICE_OBJECT_ORDERED, 500000);
    pair_run(p, p->now + 200 * SLUICE_MS, NULL);
    for (int end = 0; end < 2; end++)
        p->end[end].path.delay = 700 * SLUICE_MS;
    pair_run(p, p->now + 30 * SLUICE_MS, NULL);
    for (int end = 0; end < 2; end++)
        p->end[end].path.delay = 10 * SLUICE_MS;
    move_both(p);
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    CU_ASSERT(pair_complete(p, 0, 2, wanted));
    CU_ASSERT(pair_complete(p, 1, 2, 500000));
    pair_statistics(p, 1, &got);
    CU_ASSERT(got.redundant_bytes > 0);
    CU_ASSERT_EQUAL(got.forged_packets, 0);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_PATH] + p->end[1].events[SLUICE_TRANSPORT_PATH], 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* One side moves; the other still sends datagrams for a while. */
static void one_side_may_move_first(void)
{
    for (int first = 0; first < 2; first++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        wanted = 6000000;
        pair_send(p, 0, 2, 0, wanted);
        pair_run(p, p->now + 100 * SLUICE_MS, NULL);
        CU_ASSERT_EQUAL(pair_move(p, first), SLUICE_OK);
        pair_run(p, p->now + 20 * SLUICE_MS - 1, NULL);
        CU_ASSERT_EQUAL(pair_move(p, 1 - first), SLUICE_OK);
        CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

static void a_move_before_anything_came(void)
{
    for (uint64_t bytes = 0; bytes <= 300; bytes += 300) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        p->end[0].path.out = p->end[1].path.out = true;
        if (bytes > 0)
            p->ops->offer(p->end[0].state, 0, 0, bytes);
        pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
        CU_ASSERT(!ready_both(p));
        move_both(p);
        CU_ASSERT(pair_run(p, p->now + 25 * SLUICE_MS, ready_both));
        pair_run(p, p->now + 100 * SLUICE_MS, NULL);
        CU_ASSERT_EQUAL(p->end[1].objects[0].got.covered, bytes);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* A peer without anything to say is greeted, so that the channel is known to work. */
static void a_silent_session_speaks_after_a_move(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[0].path.out = p->end[1].path.out = true;
    pair_send(p, 0, 2, 0, 1000);
    pair_run(p, p->now + 6 * SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_SILENT], 1);
    move_both(p);
    pair_run(p, p->now + 100 * SLUICE_MS, NULL);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_BACK], 1);
    /* Idle again, for long: kept alive as ever. */
    uint64_t packets = p->end[0].packets;
    pair_run(p, p->now + 100 * SLUICE_SECOND, NULL);
    CU_ASSERT(p->end[0].packets > packets && p->end[0].packets < packets + 40);
    CU_ASSERT_EQUAL(closed_both(p), false);
    p->end[0].path.out = p->end[1].path.out = true;
    pair_run(p, p->now + 61 * SLUICE_SECOND, closed_both);
    CU_ASSERT_EQUAL(p->end[0].closed.status, SLUICE_ETIMEOUT);
    pair_free(p);
}

static void a_close_under_way_moves_too(void)
{
    for (int later = 0; later < 2; later++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        if (later)
            p->end[1].path.out = true; /* CLOSE comes, its report does not. */
        else
            p->end[0].path.out = true;
        p->ops->close(p->end[0].state, p->now, 28, "cancelled");
        pair_run(p, p->now + 50 * SLUICE_MS, NULL);
        CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_CLOSED], 0);
        move_both(p);
        CU_ASSERT(pair_run(p, p->now + 45 * SLUICE_MS, closed_both));
        CU_ASSERT_EQUAL(p->end[0].closed.status, SLUICE_OK);
        CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_ECANCELLED);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

static void moves_may_follow_one_another(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    for (int i = 0; i < 2; i++)
        setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 30;
    setup[0].control.pacing_bps = 0;
    setup[0].in_flight_most = 2 << 20;
    pair *p = pair_new(setup);
    wanted = 30000000;
    pair_send(p, 0, 2, 0, wanted);
    for (int i = 0; i < 5; i++) {
        pair_run(p, p->now + 70 * SLUICE_MS, NULL);
        p->end[0].path.out = p->end[1].path.out = true; /* The present channel breaks. */
        pair_run(p, p->now + 70 * SLUICE_MS, NULL);
        move_both(p);
    }
    CU_ASSERT(!object_two_done(p));
    CU_ASSERT(pair_run(p, p->now + 5 * SLUICE_SECOND, object_two_done));
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.lost_packets + sent.spurious_packets, 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Memory runs out in a move: the session ends, in order. */
static void a_move_without_memory_ends_the_session(void)
{
    bool failed = false;
    for (int64_t fail = 0; fail < 20; fail++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        pair_send(p, 0, 2, 0, 1000000);
        pair_run(p, p->now + 100 * SLUICE_MS, NULL);
        p->fail_after = fail;
        int status = pair_move(p, 0);
        CU_ASSERT(status == SLUICE_OK || status == SLUICE_ENOMEM);
        CU_ASSERT_EQUAL(p->end[0].closed.status, status);
        failed = failed || status != SLUICE_OK;
        p->fail_after = -1;
        pair_free(p);
    }
    CU_ASSERT(failed);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"sizes are checked", sizes_are_checked},
        {"a channel is filled", a_channel_is_filled},
        {"in flight is bounded", in_flight_is_bounded},
        {"bytes on the wire are estimated", bytes_on_the_wire_are_estimated},
        {"reports are rare and come in time", reports_are_rare_and_come_in_time},
        {"a target is kept", a_target_is_kept},
        {"both ways with many objects", both_ways_with_many_objects},
        {"what is in flight goes out again", what_is_in_flight_goes_out_again},
        {"every frame goes out again", every_frame_goes_out_again},
        {"credit goes out again", credit_goes_out_again},
        {"what has come is not sent again", what_has_come_is_not_sent_again},
        {"late datagrams do no harm", late_datagrams_do_no_harm},
        {"one side may move first", one_side_may_move_first},
        {"a move before anything came", a_move_before_anything_came},
        {"a silent session speaks after a move", a_silent_session_speaks_after_a_move},
        {"a close under way moves too", a_close_under_way_moves_too},
        {"moves may follow one another", moves_may_follow_one_another},
        {"a move without memory ends the session", a_move_without_memory_ends_the_session},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_bytes", tests);
}
