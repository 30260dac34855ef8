/* SPDX-License-Identifier: Apache-2.0 */
/* Whose address is believed: path.h alone, rule by rule; then engines whose peer moves, and how a session is begun. */
#include "unit/suite.h"
#include "unit/udp_pair.h"

#include "../../plugins/transport/engine/path.h"

#include <string.h>

#define PTO (100 * SLUICE_MS)

static void random_fill(const sluice_host *host, void *out, size_t bytes)
{
    uint8_t *count = host->owner;
    memset(out, ++*count, bytes);
}

typedef struct bench {
    uint8_t count;
    sluice_host host;
    engine_path path;
    sluice_time now;
} bench;

static void bench_init(bench *b, bool validated)
{
    *b = (bench){.now = SLUICE_SECOND};
    b->host = (sluice_host){.size = sizeof(b->host), .owner = &b->count, .random = random_fill};
    engine_path_init(&b->path, validated);
}

static void came(bench *b, uint32_t path, uint64_t number, bool newest)
{
    engine_came packet = {.now = b->now, .pto = PTO, .path = path, .bytes = 100, .number = number, .newest = newest};
    engine_path_received(&b->path, &b->host, &packet);
}

static bool answers(bench *b, uint32_t path, const uint8_t *challenge)
{
    uint8_t bytes[ENGINE_CHALLENGE_BYTES];
    engine_came packet = {.now = b->now, .pto = PTO, .path = path};
    memcpy(bytes, challenge, sizeof(bytes));
    bool taken = engine_path_response(&b->path, &packet, bytes);
    engine_path_settle(&b->path);
    return taken;
}

static void only_the_highest_number_begins(void)
{
    bench b;
    bench_init(&b, true);
    came(&b, 0, 10, true);
    came(&b, 1, 9, false);
    CU_ASSERT_EQUAL(engine_path_other(&b.path, b.now), 0);
    CU_ASSERT_EQUAL(engine_path_room(&b.path, 1), 0);
    came(&b, 1, 11, true);
    CU_ASSERT_EQUAL(engine_path_other(&b.path, b.now), 1);
    /* Data still goes where it went. */
    CU_ASSERT_EQUAL(engine_path_room(&b.path, 0), UINT64_MAX);
}

static void at_most_three_times_goes_there(void)
{
    for (int first = 0; first < 2; first++) {
        bench b;
        bench_init(&b, first == 0);
        uint32_t number = first ? 0 : 1;
        CU_ASSERT_EQUAL(engine_path_room(&b.path, number), 0);
        came(&b, number, 1, true);
        CU_ASSERT_EQUAL(engine_path_room(&b.path, number), 300);
        engine_path_sent(&b.path, number, 250);
        CU_ASSERT_EQUAL(engine_path_room(&b.path, number), 50);
        engine_path_sent(&b.path, number, 51);
        CU_ASSERT_EQUAL(engine_path_room(&b.path, number), 0);
        came(&b, number, 1, false); /* Copies count as well: they came from there. */
        CU_ASSERT_EQUAL(engine_path_room(&b.path, number), 299);
        CU_ASSERT_EQUAL(answers(&b, number, engine_path_wants(&b.path, number, b.now)), first == 0);
        CU_ASSERT_EQUAL(engine_path_room(&b.path, 0), UINT64_MAX);
        CU_ASSERT_EQUAL(engine_path_room(&b.path, 1), 0); /* That number means another address now. */
    }
}

static void the_answer_comes_from_the_address(void)
{
    bench b;
    uint8_t first[ENGINE_CHALLENGE_BYTES], second[ENGINE_CHALLENGE_BYTES];
    bench_init(&b, true);
    came(&b, 1, 11, true);
    came(&b, 2, 12, true);
    memcpy(first, engine_path_wants(&b.path, 1, b.now), sizeof(first));
    memcpy(second, engine_path_wants(&b.path, 2, b.now), sizeof(second));
    CU_ASSERT(memcmp(first, second, sizeof(first)) != 0);
    CU_ASSERT_FALSE(answers(&b, 0, first));
    CU_ASSERT_FALSE(answers(&b, 2, first));
    CU_ASSERT_FALSE(answers(&b, 3, first));
    CU_ASSERT_FALSE(answers(&b, 1, second));
    CU_ASSERT_TRUE(answers(&b, 1, first));
    /* Once. */
    CU_ASSERT_FALSE(answers(&b, 1, first));
    CU_ASSERT_FALSE(answers(&b, 2, second));
}

/* After the exchange the number stands for the address that was left; it may come back, like any other. */
static void an_address_may_come_back(void)
{
    bench b;
    bench_init(&b, true);
    for (uint64_t number = 1; number < 20; number++) {
        came(&b, 1, number, true);
        CU_ASSERT_FALSE(answers(&b, 1, (const uint8_t *)"nonsense"));
        const uint8_t *challenge = engine_path_wants(&b.path, 1, b.now);
        CU_ASSERT_PTR_NOT_NULL_FATAL(challenge);
        CU_ASSERT_TRUE(answers(&b, 1, challenge));
        came(&b, 1, number - 1, false); /* A late one from there. */
        CU_ASSERT_EQUAL(engine_path_wake(&b.path), SLUICE_NEVER);
    }
}

/* A challenge is repeated with growing pauses, for three probe time-outs of an unknown path after the last packet. */
static void a_challenge_ends(void)
{
    bench b;
    bench_init(&b, true);
    came(&b, 1, 1, true);
    sluice_time begun = b.now;
    unsigned sent = 0;
    for (; engine_path_wake(&b.path) != SLUICE_NEVER && sent < 100; sent++) {
        b.now = engine_path_wake(&b.path);
        CU_ASSERT_EQUAL(engine_path_other(&b.path, b.now), 1);
        engine_path_challenged(&b.path, 1, b.now, PTO);
    }
    /* At 0, 0.1, 0.3, 0.7, 1.5 and 2.5 s of 3. */
    CU_ASSERT_EQUAL(sent, 6);
    CU_ASSERT(b.now - begun < 3 * SLUICE_SECOND);
    /* The answer may take longer; and packets from there begin anew, with the same challenge. */
    b.now = begun + 10 * SLUICE_SECOND;
    CU_ASSERT_PTR_NULL(engine_path_wants(&b.path, 1, b.now));
    came(&b, 1, 2, true);
    const uint8_t *again = engine_path_wants(&b.path, 1, b.now);
    CU_ASSERT_PTR_NOT_NULL_FATAL(again);
    CU_ASSERT_EQUAL(again[0], 1);
    CU_ASSERT_TRUE(answers(&b, 1, again));
}

/* Someone copies the peer's packets: sooner, so that they come first from his address; he lets the peer see the
 * challenge, and copies the answer.  The session's own address answers too, and nothing changes. */
static void copies_are_contested(void)
{
    bench b;
    uint8_t stolen[ENGINE_CHALLENGE_BYTES], own[ENGINE_CHALLENGE_BYTES];
    bench_init(&b, true);
    came(&b, 1, 20, true);
    CU_ASSERT_PTR_NULL(engine_path_wants(&b.path, 0, b.now));
    came(&b, 0, 20, true); /* The original; no other has come since. */
    memcpy(stolen, engine_path_wants(&b.path, 1, b.now), sizeof(stolen));
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine_path_wants(&b.path, 0, b.now));
    memcpy(own, engine_path_wants(&b.path, 0, b.now), sizeof(own));
    CU_ASSERT_FALSE(answers(&b, 1, stolen));
    CU_ASSERT_FALSE(answers(&b, 1, own));
    CU_ASSERT_EQUAL(engine_path_decide(&b.path, b.now), 0);
    CU_ASSERT_FALSE(answers(&b, 0, own));
    CU_ASSERT_EQUAL(engine_path_decide(&b.path, b.now + 100 * SLUICE_SECOND), 0);
    CU_ASSERT_FALSE(answers(&b, 1, stolen));
    CU_ASSERT_EQUAL(engine_path_wake(&b.path), SLUICE_NEVER);
}

/* The peer has moved, and someone sends copies that claim its former address: that one cannot answer. */
static void a_mute_address_is_left(void)
{
    bench b;
    bench_init(&b, true);
    came(&b, 1, 20, true);
    came(&b, 0, 20, true);
    CU_ASSERT_FALSE(answers(&b, 1, engine_path_wants(&b.path, 1, b.now)));
    sluice_time decided = b.now + 3 * SLUICE_SECOND;
    CU_ASSERT_EQUAL(engine_path_decide(&b.path, decided - 1), 0);
    CU_ASSERT(engine_path_wake(&b.path) <= decided);
    CU_ASSERT_EQUAL(engine_path_decide(&b.path, decided), 1);
    CU_ASSERT_EQUAL(engine_path_decide(&b.path, decided), 0);
}

/* Every packet comes sooner from elsewhere; the peer, which has moved, is challenged all the same. */
static void originals_are_as_good_as_copies(void)
{
    bench b;
    bench_init(&b, true);
    came(&b, 1, 30, true);
    came(&b, 1, 31, true);
    came(&b, 2, 29, false);
    CU_ASSERT_EQUAL(engine_path_room(&b.path, 2), 0);
    came(&b, 2, 30, false);
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine_path_wants(&b.path, 2, b.now));
    CU_ASSERT_TRUE(answers(&b, 2, engine_path_wants(&b.path, 2, b.now)));
}

static void more_addresses_than_places(void)
{
    bench b;
    bench_init(&b, true);
    for (uint32_t i = 1; i <= 100; i++) {
        b.now += SLUICE_MS;
        came(&b, i, i, true);
    }
    unsigned open = 0;
    for (uint32_t i = 1; i <= 100; i++)
        open += engine_path_wants(&b.path, i, b.now) != NULL;
    CU_ASSERT_EQUAL(open, ENGINE_PLACES - 1);
    /* The ones heard of last are kept. */
    CU_ASSERT_TRUE(answers(&b, 100, engine_path_wants(&b.path, 100, b.now)));
}

/* ---- engines ---- */

static uint64_t wanted;

static bool object_two_done(const pair *p)
{
    return pair_complete(p, 0, 2, wanted);
}

static bool object_two_back(const pair *p)
{
    return pair_complete(p, 1, 2, wanted);
}

/* The sending client is elsewhere: the server follows, and reports go there. */
static void a_sending_client_moves(void)
{
    sluice_transport_setup setup[2];
    sluice_transport_statistics sent;
    pair_setup(setup);
    pair *p = pair_new(setup);
    wanted = 10000000;
    pair_send(p, 0, 2, 0, wanted);
    pair_run(p, p->now + 300 * SLUICE_MS, NULL);
    pair_change_address(p);
    sluice_time changed = p->now;
    pair_run(p, p->now + 65 * SLUICE_MS, NULL);
    CU_ASSERT_EQUAL(p->end[1].events[SLUICE_TRANSPORT_PATH], 1);
    /* 10 MB at 100 Mbit/s; the change itself costs the sender little: reports are missing for two round trips. */
    CU_ASSERT(pair_run(p, p->now + 2 * SLUICE_SECOND, object_two_done));
    pair_statistics(p, 0, &sent);
    CU_ASSERT((double)sent.resent_bytes < 0.01 * (double)wanted);
    CU_ASSERT(p->now > changed);
    CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_PATH], 0);
    CU_ASSERT_EQUAL(p->faults, 0);
    pair_free(p);
}

/* The server sends, the client only reports: what went to the former address is sent again soon, and is no loss.  The
 * change shows by the reports for what still came, or, after a gap, by the client's question a second later. */
static void a_receiving_client_moves(void)
{
    for (int gap = 0; gap < 2; gap++) {
        sluice_transport_setup setup[2];
        sluice_transport_statistics before, after;
        pair_setup(setup);
        for (int i = 0; i < 2; i++)
            setup[i].receive_bytes = setup[i].peer_receive_bytes = UINT64_C(1) << 30; /* No need to tell of credit. */
        pair *p = pair_new(setup);
        wanted = 10000000;
        pair_send(p, 1, 2, 0, wanted);
        pair_run(p, p->now + 300 * SLUICE_MS, NULL);
        pair_statistics(p, 1, &before);
        CU_ASSERT_EQUAL(before.datagram_bytes, 1472);
        p->end[1].path.out = gap;
        pair_run(p, p->now + (gap ? 50 : 0) * SLUICE_MS, NULL);
        p->end[1].path.out = false;
        pair_change_address(p);
        pair_statistics(p, 0, &after);
        sluice_time heard = after.last_received, latest = gap ? heard + SLUICE_SECOND : p->now + 20 * SLUICE_MS;
        while (!p->end[1].events[SLUICE_TRANSPORT_PATH] && p->now < 3 * SLUICE_SECOND)
            pair_run(p, p->now + SLUICE_MS, NULL);
        /* From the client's first packet on, one and a half round trips, and its report's delay. */
        CU_ASSERT(p->now <= latest + 60 * SLUICE_MS + 12 * SLUICE_MS);
        pair_statistics(p, 1, &after);
        CU_ASSERT_EQUAL(after.datagram_bytes, 1200); /* Found anew. */
        CU_ASSERT_EQUAL(after.srtt_ns, 0);
        uint64_t samples = p->end[1].lost_sampled;
        pair_run(p, p->now + 200 * SLUICE_MS, NULL);
        pair_statistics(p, 1, &after);
        CU_ASSERT_EQUAL(after.datagram_bytes, 1472);
        CU_ASSERT(after.srtt_ns >= 40 * SLUICE_MS && after.srtt_ns < 60 * SLUICE_MS);
        CU_ASSERT_EQUAL(p->end[1].lost_sampled, samples);
        CU_ASSERT(pair_run(p, p->now + 2 * SLUICE_SECOND, object_two_back));
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

/* Until a peer is heard something leaves every 200 ms at the latest, however long the round trip may be. */
static void a_path_is_tried_until_it_opens(void)
{
    static const sluice_duration trips[] = {0, 5 * SLUICE_MS, 200 * SLUICE_MS, 2 * SLUICE_SECOND};
    for (size_t i = 0; i < SLUICE_COUNT(trips); i++) {
        sluice_transport_setup setup[2];
        pair_setup(setup);
        setup[0].initial_rtt_ns = setup[1].initial_rtt_ns = trips[i];
        pair *p = pair_new(setup);
        p->end[0].path.out = p->end[1].path.out = true;
        for (int step = 0; step < 25; step++) {
            uint64_t client = p->end[0].packets, server = p->end[1].packets;
            pair_run(p, p->now + 200 * SLUICE_MS, NULL);
            CU_ASSERT(p->end[0].packets > client && p->end[1].packets > server);
            if (step > 3) {
                CU_ASSERT(p->end[0].packets <= client + 2);
                CU_ASSERT(p->end[1].packets <= server + 1);
            }
        }
        /* The server's are small. */
        CU_ASSERT_EQUAL(p->end[0].largest, 1200);
        CU_ASSERT(p->end[1].largest < 40);
        p->end[0].path.out = p->end[1].path.out = false;
        pair_run(p, p->now + 225 * SLUICE_MS, NULL);
        CU_ASSERT_EQUAL(p->end[0].events[SLUICE_TRANSPORT_READY], 1);
        CU_ASSERT_EQUAL(p->end[1].events[SLUICE_TRANSPORT_READY], 1);
        CU_ASSERT_EQUAL(p->faults, 0);
        pair_free(p);
    }
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"only the highest number begins", only_the_highest_number_begins},
        {"at most three times goes there", at_most_three_times_goes_there},
        {"the answer comes from the address", the_answer_comes_from_the_address},
        {"an address may come back", an_address_may_come_back},
        {"a challenge ends", a_challenge_ends},
        {"copies are contested", copies_are_contested},
        {"a mute address is left", a_mute_address_is_left},
        {"originals are as good as copies", originals_are_as_good_as_copies},
        {"more addresses than places", more_addresses_than_places},
        {"a sending client moves", a_sending_client_moves},
        {"a receiving client moves", a_receiving_client_moves},
        {"a path is tried until it opens", a_path_is_tried_until_it_opens},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("udp_path", tests);
}
