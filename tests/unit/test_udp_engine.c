/* SPDX-License-Identifier: Apache-2.0 */
/* Two engines in virtual time: everything that a user of the transport relies on, on good and bad paths. */
#include "unit/suite.h"
#include "unit/udp_pair.h"

#include <stdlib.h>

#define MINUTES(n) ((n)*60 * SLUICE_SECOND)

static uint64_t wanted;

static bool object_two_done(const pair *p)
{
    return pair_complete(p, 0, 2, wanted);
}

static bool closed_both(const pair *p)
{
    return p->end[0].events[SLUICE_TRANSPORT_CLOSED] && p->end[1].events[SLUICE_TRANSPORT_CLOSED];
}

static void both_ways_with_many_objects(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    wanted = 3000000;
    for (int end = 0; end < 2; end++) {
        p->end[end].path.loss = 0.02;
        p->ops->offer(p->end[end].state, 0, 0, 5000);
        for (uint64_t id = 4; id < 600; id++)
            pair_send(p, end, id, id % 5 == 0 ? SLUICE_OBJECT_ORDERED : 0, (id * 37) % 9000);
        pair_send(p, end, 2, 0, wanted);
    }
    pair_run(p, p->now + MINUTES(1), NULL);
    for (int end = 0; end < 2; end++) {
        CU_ASSERT_EQUAL(p->end[end].objects[0].got.covered, 5000);
        for (uint64_t id = 4; id < 600; id++)
            CU_ASSERT(pair_complete(p, end, id, (id * 37) % 9000));
        CU_ASSERT(pair_complete(p, end, 2, wanted));
    }
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Loss, reordering, duplication and damage at once: each byte once, and little is sent in vain. */
static void bad_paths_lose_nothing(void)
{
    static const struct {
        double loss, reorder, duplicate, corrupt, resent_most;
    } cases[] = {
        {0, 0, 0, 0, 0},       {0.1, 0, 0, 0, 0.112},         {0.3, 0, 0, 0, 0.32},
        {0, 0.2, 0, 0, 0.002}, {0.05, 0.1, 0.05, 0.01, 0.08}, {0, 0, 0.3, 0, 0.001},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_transport_setup setup[2];
        sluice_transport_statistics sent, got;
        pair_setup(setup);
        pair *p = pair_new(setup);
        p->seed = i + 100;
        for (int end = 0; end < 2; end++) {
            p->end[end].path = (pair_path){.delay = 30 * SLUICE_MS,
                                           .loss = cases[i].loss,
                                           .reorder = cases[i].reorder,
                                           .reorder_by = 5 * SLUICE_MS,
                                           .duplicate = cases[i].duplicate,
                                           .corrupt = cases[i].corrupt};
        }
        wanted = 20000000;
        pair_send(p, 0, 2, 0, wanted);
        CU_ASSERT(pair_run(p, p->now + MINUTES(5), object_two_done));
        pair_statistics(p, 0, &sent);
        pair_statistics(p, 1, &got);
        CU_ASSERT_EQUAL(p->faults, 0);
        CU_ASSERT((double)sent.resent_packets <= cases[i].resent_most * (double)sent.data_packets_sent + 8);
        CU_ASSERT_EQUAL(got.delivered_bytes, wanted);
        CU_ASSERT_EQUAL(sent.acked_bytes, wanted);
        if (cases[i].duplicate == 0)
            CU_ASSERT((double)got.redundant_bytes <= 0.005 * (double)wanted);
        CU_ASSERT_EQUAL(p->end[0].lost_sampled, sent.lost_packets);
        pair_free(p);
    }
}

static void an_outage_ends_quickly(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics before, after;
    pair_setup(setup);
    for (int i = 0; i < 2; i++)
        setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 30;
    setup[0].in_flight_most = 4 << 20;
    pair *p = pair_new(setup);
    wanted = 400000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
    p->end[0].path.out = p->end[1].path.out = true;
    pair_run(p, p->now + 10 * SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_SILENT], 1);
    CU_ASSERT(p->end[0].persistent > 3);
    p->end[0].path.out = p->end[1].path.out = false;
    /* Within one second and two round trips of its end 90 % of the old rate flow again (issue 6). */
    pair_run(p, p->now + SLUICE_SECOND + 80 * SLUICE_MS, NULL);
    pair_statistics(p, 1, &before);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    pair_statistics(p, 1, &after);
    CU_ASSERT((after.wire_bytes_received - before.wire_bytes_received) * 8 > 90000000);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_BACK], 1);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Reports that are lost for two seconds cost no repeats: what arrived is told again afterwards. */
static void lost_reports_cost_no_repeats(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    for (int i = 0; i < 2; i++)
        setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 30;
    pair *p = pair_new(setup);
    wanted = 60000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[1].path.out = true;
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    p->end[1].path.out = false;
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    pair_statistics(p, 0, &sent);
    CU_ASSERT(sent.resent_packets < sent.data_packets_sent / 200);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void keys_change_in_step(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent, got;
    pair_setup(setup);
    setup[0].packets_per_phase = 100;
    setup[1].packets_per_phase = 50;
    pair *p = pair_new(setup);
    for (int end = 0; end < 2; end++)
        p->end[end].path =
            (pair_path){.delay = 10 * SLUICE_MS, .loss = 0.05, .reorder = 0.2, .reorder_by = 10 * SLUICE_MS};
    wanted = 20000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_send(p, 1, 2, 0, 2000000);
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    pair_statistics(p, 0, &sent);
    pair_statistics(p, 1, &got);
    /* A phase lasts a round trip at least: 1.6 s of sending, 20 ms and a report's delay each. */
    CU_ASSERT(sent.phase_sent > 20);
    CU_ASSERT(sent.phase_sent - got.phase_received <= 1);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_PHASE], sent.phase_sent);
    CU_ASSERT_EQUAL(got.forged_packets, 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void the_path_s_size_is_found(void)
{
    static const struct {
        uint32_t least, most, path, expected;
    } cases[] = {
        {1200, 1472, 0, 1472}, {1200, 16356, 0, 16356},  {1200, 16356, 1472, 1472}, {1200, 1472, 1400, 1372},
        {508, 1472, 600, 508}, {508, 16356, 9000, 8948}, {1200, 1440, 0, 1440},     {1200, 1200, 1200, 1200},
    };
    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        sluice_transport_setup setup[2];
        sluice_transport_statistics sent;
        pair_setup(setup);
        for (int end = 0; end < 2; end++) {
            setup[end].datagram_least = cases[i].least;
            setup[end].datagram_most = cases[i].most;
            setup[end].control.pacing_bps = 1000000000;
        }
        pair *p = pair_new(setup);
        p->end[0].path.mtu = p->end[1].path.mtu = cases[i].path;
        p->end[0].path.loss = 0.02;
        wanted = 5000000;
        pair_send(p, 0, 2, 0, wanted);
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        pair_statistics(p, 0, &sent);
        CU_ASSERT_EQUAL(sent.datagram_bytes, cases[i].expected);
        CU_ASSERT(p->end[0].largest <= cases[i].most);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

static void a_black_hole_is_left(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    pair *p = pair_new(setup);
    wanted = 60000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[0].path.mtu = 1380;
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.datagram_bytes, 1372);
    CU_ASSERT(p->now < setup[0].now + 12 * SLUICE_SECOND);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* What a full socket drops says nothing of the path: its size is found, and kept, as soon as the socket is emptied. */
static void a_full_socket_is_no_black_hole(void)
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        sluice_transport_setup setup[2];
        sluice_transport_statistics sent;
        pair_setup(setup);
        pair *p = pair_new(setup);
        p->seed = seed;
        wanted = 20000000;
        pair_send(p, 0, 2, 0, wanted);
        p->end[0].path.overflow = 0.9;
        pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
        p->end[0].path.overflow = 0;
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
        pair_statistics(p, 0, &sent);
        CU_ASSERT_EQUAL(sent.datagram_bytes, 1472);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* A receiver that reads a tenth of what the path and the rate control would bring, with a small socket and a large one: what
 * lies there is bounded, so it hardly overflows once its size has been found, and yet the receiver is never idle. */
static void a_slow_reader_is_not_overrun(void)
{
    const sluice_rate read_rate = 100000000;
    for (uint64_t socket = 200000; socket <= 8000000; socket *= 40) {
        sluice_transport_setup setup[2];
        sluice_transport_statistics first, sent;
        pair_setup(setup);
        setup[0].control = (sluice_control){.pacing_bps = 10 * read_rate};
        pair *p = pair_new(setup);
        wanted = 100000000;
        p->end[0].path = (pair_path){.delay = SLUICE_MS, .read_rate = read_rate, .socket = socket};
        p->end[1].path = (pair_path){.delay = SLUICE_MS};
        pair_send(p, 0, 2, 0, wanted);
        sluice_time start = p->now;
        CU_ASSERT(!pair_run(p, p->now + SLUICE_SECOND, object_two_done));
        pair_statistics(p, 0, &first);
        CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
        pair_statistics(p, 0, &sent);
        CU_ASSERT((sent.resent_packets - first.resent_packets) * 100 <= sent.data_packets_sent - first.data_packets_sent);
        CU_ASSERT((double)(p->now - start) < 1.08 * (double)wanted * 8 * 1e9 / (double)read_rate);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* Credit: the receiver takes nothing, so exactly its window is sent; then it takes all, and all comes. */
static void credit_is_kept(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->end[1].auto_consume = false;
    wanted = 10000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 5 * SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, 4 << 20);
    CU_ASSERT_EQUAL(p->ops->waits(p->end[0].state, p->now), SLUICE_WAIT_CREDIT);
    p->end[1].auto_consume = true;
    p->ops->consumed(p->end[1].state, p->end[1].unconsumed);
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void ordered_windows_are_kept(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->end[0].path.loss = 0.05;
    p->end[1].auto_consume = false;
    wanted = 3000000;
    pair_send(p, 0, 2, SLUICE_OBJECT_ORDERED, wanted);
    pair_run(p, p->now + 5 * SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].unconsumed, 1 << 20);
    p->end[1].auto_consume = true;
    p->ops->consumed_ordered(p->end[1].state, 2, p->end[1].unconsumed);
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Objects given up on either side, with loss, leave the session's credit whole: later ones still get all of it. */
static void giving_up_leaks_no_credit(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->end[0].path.loss = 0.1;
    for (uint64_t id = 10; id < 40; id++) {
        unsigned flags = id % 4 == 0 ? SLUICE_OBJECT_ORDERED : 0;
        pair_send(p, 0, id, flags, 2000000);
        pair_run(p, p->now + 50 * SLUICE_MS, NULL);
        if (id % 3 == 0)
            p->ops->abort(p->end[0].state, id, id);
        else if (id % 3 == 1)
            p->ops->stop(p->end[1].state, id, id);
        else
            p->ops->skip(p->end[0].state, id, 1999999);
    }
    wanted = 8000000;
    pair_send(p, 0, 2, 0, wanted);
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    for (uint64_t id = 10; id < 40; id++) {
        const pair_object *sent = &p->end[0].objects[id], *got = &p->end[1].objects[id];
        bool as_wanted = id % 3 == 0   ? got->aborted && got->abort_code == id && !sent->completed
                         : id % 3 == 1 ? (sent->stopped && sent->stop_code == id) || sent->completed
                                       : sent->completed && got->ended && got->got.covered == 2000000;
        CU_ASSERT(as_wanted);
    }
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void refused_objects_are_stopped(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->end[1].refuse_open = SLUICE_EACCESS;
    pair_send(p, 0, 2, 0, 100000);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT(p->end[0].objects[2].stopped);
    CU_ASSERT_EQUAL(p->end[0].objects[2].stop_code, (uint64_t)-SLUICE_EACCESS);
    CU_ASSERT_EQUAL(p->end[1].objects[2].got.covered, 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void fetch_may_answer_later(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->end[0].withheld = 1;
    wanted = 100000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].objects[2].got.covered, 0);
    CU_ASSERT_EQUAL(p->ops->waits(p->end[0].state, p->now), SLUICE_WAIT_SOURCE);
    p->ops->ready(p->end[0].state, 2);
    CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
    pair_free(p);
}

/* A time-out comes while the user has nothing of what was lost in memory: all that is in flight, 6 MB, need not be sent again
 * because of that. */
static void a_probe_repeats_little_though_nothing_can_be_fetched(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    for (int i = 0; i < 2; i++) {
        setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 30;
        setup[i].initial_rtt_ns = 500 * SLUICE_MS;
    }
    pair *p = pair_new(setup);
    p->end[0].path.delay = p->end[1].path.delay = 250 * SLUICE_MS;
    p->end[0].path.loss = 0.1;
    wanted = 60000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    p->end[0].withheld = UINT64_MAX;
    p->end[1].path.out = true;
    pair_run(p, p->now + 2 * SLUICE_SECOND, NULL);
    p->end[0].withheld = 0;
    p->end[1].path.out = false;
    p->ops->ready(p->end[0].state, 2);
    CU_ASSERT(pair_run(p, p->now + MINUTES(1), object_two_done));
    pair_statistics(p, 0, &sent);
    CU_ASSERT(sent.resent_packets < sent.lost_packets + sent.data_packets_sent / 200);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void holes_are_never_sent(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    pair *p = pair_new(setup);
    void *state = p->end[0].state;
    CU_ASSERT_EQUAL(p->ops->open(state, 2, 0, 1), SLUICE_OK);
    CU_ASSERT_EQUAL(p->ops->offer(state, 2, 1000000, 1100000), SLUICE_OK);
    CU_ASSERT_EQUAL(p->ops->offer(state, 2, 0, 50000), SLUICE_OK);
    CU_ASSERT_EQUAL(p->ops->offer(state, 2, 40000, 60000), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(p->ops->finish(state, 2, 1099999), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(p->ops->finish(state, 2, UINT64_C(5) << 40), SLUICE_OK);
    CU_ASSERT_EQUAL(p->ops->open(state, 2, 0, 1), SLUICE_EINVAL);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    pair_statistics(p, 0, &sent);
    CU_ASSERT_EQUAL(sent.data_bytes_sent, 150000);
    CU_ASSERT(p->end[0].objects[2].completed && p->end[1].objects[2].ended);
    CU_ASSERT_EQUAL(p->end[1].objects[2].size, UINT64_C(5) << 40);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void close_reaches_the_peer(void)
{
    for (int lossy = 0; lossy < 2; lossy++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        pair *p = pair_new(setup);
        pair_send(p, 0, 2, 0, 1000000);
        pair_run(p, p->now + SLUICE_SECOND, NULL);
        p->end[0].path.loss = lossy ? 0.3 : 0;
        p->seed = 5;
        p->ops->close(p->end[0].state, p->now, 28, "cancelled by \x01 user");
        CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, closed_both));
        CU_ASSERT_EQUAL(p->end[0].closed.status, SLUICE_OK);
        CU_ASSERT_EQUAL(p->end[1].closed.status, SLUICE_ECANCELLED);
        CU_ASSERT_EQUAL(p->end[1].closed.code, 28);
        CU_ASSERT_EQUAL(p->ops->open(p->end[0].state, 4, 0, 1), SLUICE_ECLOSED);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

static void close_without_an_answer_ends_after_three_probes(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    p->end[0].path.out = true;
    uint64_t before = p->end[0].packets;
    p->ops->close(p->end[0].state, p->now, 0, "done");
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_CLOSED], 1);
    CU_ASSERT_EQUAL(p->end[0].packets - before, 3);
    pair_free(p);
}

static void a_silent_peer_is_noticed(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    pair_run(p, p->now + 100 * SLUICE_SECOND, NULL);
    /* Idle: kept alive, nobody complains. */
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_READY], 1);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_SILENT] + p->end[0].events[SLUICE_TRANSPORT_CLOSED], 0);
    CU_ASSERT(p->end[0].packets < 40);
    p->end[0].path.out = p->end[1].path.out = true;
    pair_run(p, p->now + 61 * SLUICE_SECOND, NULL);
    for (int end = 0; end < 2; end++) {
        CU_ASSERT_EQUAL(p->end[end].events[SLUICE_TRANSPORT_SILENT], 1);
        CU_ASSERT_EQUAL(p->end[end].closed.status, SLUICE_ETIMEOUT);
    }
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void little_is_sent_to_an_address_not_validated(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent, got;
    pair_setup(setup);
    setup[1].address_validated = false;
    pair *p = pair_new(setup);
    p->end[0].path.out = true;
    pair_send(p, 1, 2, 0, 10000000);
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->end[1].packets, 0);
    p->end[0].path.out = false;
    p->end[1].path.out = true; /* The answers never come: no validation. */
    pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
    pair_statistics(p, 1, &got);
    pair_statistics(p, 1, &sent);
    CU_ASSERT(sent.wire_bytes_sent > 0 && sent.wire_bytes_sent <= 3 * got.wire_bytes_received);
    p->end[1].path.out = false;
    pair_run(p, p->now + 5 * SLUICE_SECOND, NULL);
    CU_ASSERT(pair_complete(p, 1, 2, 10000000));
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

static void refused_sizes_are_taken_back(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics before, after;
    static uint8_t memory[8][SLUICE_PACKET_MAX];
    sluice_packet packets[8];
    pair_setup(setup);
    setup[0].datagram_least = 1472;
    setup[0].datagram_most = 4096;
    pair *p = pair_new(setup);
    wanted = 3000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 120 * SLUICE_MS, NULL);
    pair_statistics(p, 0, &before);
    CU_ASSERT_EQUAL(before.datagram_bytes, 4096);
    for (size_t i = 0; i < 8; i++)
        packets[i] = (sluice_packet){.data = memory[i], .capacity = SLUICE_PACKET_MAX};
    p->now += 5 * SLUICE_MS;
    size_t made = p->ops->produce(p->end[0].state, p->now, packets, 8);
    CU_ASSERT(made > 0);
    p->ops->too_big(p->end[0].state, p->now, packets, made);
    pair_statistics(p, 0, &after);
    CU_ASSERT_EQUAL(after.packets_sent, before.packets_sent);
    CU_ASSERT_EQUAL(after.wire_bytes_sent, before.wire_bytes_sent);
    CU_ASSERT_EQUAL(after.in_flight_bytes, before.in_flight_bytes);
    CU_ASSERT_EQUAL(after.datagram_bytes, 1472);
    CU_ASSERT(pair_run(p, p->now + SLUICE_SECOND, object_two_done));
    pair_statistics(p, 0, &after);
    CU_ASSERT_EQUAL(after.lost_packets, 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Time is accounted for: the states together are the session's age. */
static void waits_add_up(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    pair *p = pair_new(setup);
    wanted = 10000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 3 * SLUICE_SECOND, NULL);
    pair_statistics(p, 0, &sent);
    uint64_t sum = 0;
    for (int i = 0; i < SLUICE_WAITS; i++)
        sum += sent.waited_ns[i];
    CU_ASSERT_EQUAL(sum, p->now - setup[0].now);
    /* 10 MB at 100 Mbit/s take 0.8 s and the headers; the rest of the time there is nothing to send. */
    CU_ASSERT(sent.waited_ns[SLUICE_WAIT_PACING] > 700 * SLUICE_MS &&
              sent.waited_ns[SLUICE_WAIT_PACING] < SLUICE_SECOND);
    CU_ASSERT(sent.waited_ns[SLUICE_WAIT_SOURCE] > 2 * SLUICE_SECOND);
    pair_free(p);
}

static void memory_does_not_grow_with_objects(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    uint64_t middle = 0;
    for (uint64_t id = 2; id < PAIR_OBJECTS - 1; id += 2) {
        pair_send(p, 0, id, 0, 0);
        if (id % 200 == 0)
            pair_run(p, p->now + 200 * SLUICE_MS, NULL);
        if (id == 2000)
            middle = p->memory;
    }
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT(p->memory <= middle + 4096);
    CU_ASSERT(p->end[0].objects[PAIR_OBJECTS - 2].completed);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* Bytes that both engines have for ids of which every second one is another lane's. */
static uint64_t memory_of_sparse_ids(bool told)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    p->recycle = true;
    p->end[0].path.loss = 0.05;
    uint64_t before = 0;
    for (uint64_t id = 2; id < 60000; id += 4) {
        pair_send(p, 0, id, 0, 0);
        if (id % 800 == 2)
            pair_run(p, p->now + 200 * SLUICE_MS, NULL);
        if (told && id % 800 == 2)
            p->ops->passed(p->end[0].state, id); /* some below are not acknowledged, and what says so is lost at times */
        if (id == 8002)
            before = p->memory;
    }
    pair_run(p, p->now + SLUICE_SECOND, NULL);
    CU_ASSERT_EQUAL(p->faults, 0);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_CLOSED] + p->end[1].events[SLUICE_TRANSPORT_CLOSED], 0);
    uint64_t grown = p->memory > before ? p->memory - before : 0;
    pair_free(p);
    return grown;
}

static void ids_of_other_lanes_are_not_kept(void)
{
    uint64_t told = memory_of_sparse_ids(true), untold = memory_of_sparse_ids(false);
    CU_ASSERT(untold > 13000 * 16); /* a range of two numbers for each, at either side at least at one of them */
    CU_ASSERT(told < untold / 8);
}

static void only_what_came_is_known(void)
{
    sluice_transport_setup setup[2];
    pair_setup(setup);
    pair *p = pair_new(setup);
    CU_ASSERT_FALSE(p->ops->knows(p->end[1].state, 4));
    p->ops->open(p->end[0].state, 4, 0, 1);
    p->ops->offer(p->end[0].state, 4, 0, 10000);
    pair_run(p, p->now + 200 * SLUICE_MS, NULL);
    CU_ASSERT_TRUE(p->ops->knows(p->end[1].state, 4));
    CU_ASSERT_FALSE(p->ops->knows(p->end[1].state, 6));
    p->ops->finish(p->end[0].state, 4, 10000);
    pair_run(p, p->now + 200 * SLUICE_MS, NULL);
    CU_ASSERT_FALSE(p->ops->knows(p->end[1].state, 4));
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"both ways with many objects", both_ways_with_many_objects},
        {"bad paths lose nothing", bad_paths_lose_nothing},
        {"an outage ends quickly", an_outage_ends_quickly},
        {"lost reports cost no repeats", lost_reports_cost_no_repeats},
        {"keys change in step", keys_change_in_step},
        {"the path's size is found", the_path_s_size_is_found},
        {"a black hole is left", a_black_hole_is_left},
        {"a full socket is no black hole", a_full_socket_is_no_black_hole},
        {"a slow reader is not overrun", a_slow_reader_is_not_overrun},
        {"credit is kept", credit_is_kept},
        {"ordered windows are kept", ordered_windows_are_kept},
        {"giving up leaks no credit", giving_up_leaks_no_credit},
        {"refused objects are stopped", refused_objects_are_stopped},
        {"fetch may answer later", fetch_may_answer_later},
        {"a probe repeats little though nothing can be fetched", a_probe_repeats_little_though_nothing_can_be_fetched},
        {"holes are never sent", holes_are_never_sent},
        {"close reaches the peer", close_reaches_the_peer},
        {"close without an answer ends after three probes", close_without_an_answer_ends_after_three_probes},
        {"a silent peer is noticed", a_silent_peer_is_noticed},
        {"little is sent to an address not validated", little_is_sent_to_an_address_not_validated},
        {"refused sizes are taken back", refused_sizes_are_taken_back},
        {"waits add up", waits_add_up},
        {"memory does not grow with objects", memory_does_not_grow_with_objects},
        {"ids of other lanes are not kept", ids_of_other_lanes_are_not_kept},
        {"only what came is known", only_what_came_is_known},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_engine", tests);
}
