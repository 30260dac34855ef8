/* SPDX-License-Identifier: Apache-2.0 */
#include "net/batch.h"
#include "net/datagram.h"
#include "unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEEN 512
#define SERVER_ID UINT64_C(0x0102030405060708)
#define CLIENT_ID UINT64_C(0x1112131415161718)

/* What an endpoint was told. */
typedef struct seen {
    sluice_endpoint *endpoint;
    unsigned packets, calls, settled, too_big, too_big_bytes, unreachable;
    uint32_t sizes[SEEN], numbers[SEEN], paths[SEEN];
    uint8_t ecn;
    int errnum;
    bool times_ok, contents_ok;
    bool free_inside;
} seen;

typedef struct pair {
    sluice_loop *loop;
    sluice_datagram *server, *client;
    seen at_server, at_client;
    sluice_batch batch;
} pair;

/* A packet of the test: flags, id, its number, then a pattern that both can make. */
static void packet_write(sluice_packet *packet, uint64_t id, uint32_t number, uint32_t size)
{
    packet->data[0] = 0x55;
    for (unsigned i = 0; i < 8; i++)
        packet->data[1 + i] = (uint8_t)(id >> (56 - 8 * i));
    memcpy(packet->data + 9, &number, sizeof(number));
    for (uint32_t i = 13; i < size; i++)
        packet->data[i] = (uint8_t)(number * 7 + i);
    packet->size = size;
    packet->path = 0;
}

static bool packet_holds(const sluice_packet *packet, uint32_t *number)
{
    memcpy(number, packet->data + 9, sizeof(*number));
    for (uint32_t i = 13; i < packet->size; i++)
        if (packet->data[i] != (uint8_t)(*number * 7 + i))
            return false;
    return packet->data[0] == 0x55;
}

static void received(void *user, sluice_time now, sluice_packet *packets, size_t count)
{
    seen *s = user;
    s->calls++;
    for (size_t i = 0; i < count && s->packets < SEEN; i++) {
        uint32_t number = 0;
        s->contents_ok &= packet_holds(&packets[i], &number);
        s->times_ok &= packets[i].received <= now && packets[i].received + SLUICE_SECOND >= now;
        s->ecn = packets[i].ecn;
        s->sizes[s->packets] = packets[i].size;
        s->numbers[s->packets] = number;
        s->paths[s->packets++] = packets[i].path;
    }
    if (s->free_inside) {
        sluice_endpoint_free(s->endpoint);
        s->endpoint = NULL;
    }
}

static void settled(void *user, sluice_time now)
{
    (void)now;
    ((seen *)user)->settled++;
}

static void too_big(void *user, const sluice_packet *packets, size_t count)
{
    seen *s = user;
    s->too_big += (unsigned)count;
    for (size_t i = 0; i < count; i++)
        s->too_big_bytes += packets[i].size;
}

static void unreachable(void *user, int errnum)
{
    seen *s = user;
    s->unreachable++;
    s->errnum = errnum;
}

static const sluice_endpoint_calls calls = {
    .received = received, .settled = settled, .too_big = too_big, .unreachable = unreachable};

static void pair_open_with(pair *p, const char *host, const sluice_datagram_setup *server)
{
    memset(p, 0, sizeof(*p));
    p->at_server.times_ok = p->at_server.contents_ok = p->at_client.times_ok = p->at_client.contents_ok = true;
    sluice_datagram_setup setup = *server;
    sluice_error error = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&p->loop, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_batch_init(&p->batch), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&p->server, p->loop, &setup, &error), SLUICE_OK);
    sluice_address peer;
    CU_ASSERT_EQUAL_FATAL(
        sluice_address_numeric(host, sluice_address_port(sluice_datagram_local(p->server)), &peer), SLUICE_OK);
    setup.peer = &peer;
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&p->client, p->loop, &setup, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&p->at_server.endpoint, p->server, SERVER_ID, NULL, &calls, &p->at_server, &error),
        SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&p->at_client.endpoint, p->client, CLIENT_ID, NULL, &calls, &p->at_client, &error),
        SLUICE_OK);
}

static void pair_open(pair *p, const char *host, bool segment_off, bool coalesce_off)
{
    sluice_datagram_setup setup = {.segment_off = segment_off, .coalesce_off = coalesce_off};
    pair_open_with(p, host, &setup);
}

static void pair_close(pair *p)
{
    CU_ASSERT(p->at_server.times_ok && p->at_client.times_ok);
    CU_ASSERT(p->at_server.contents_ok && p->at_client.contents_ok);
    sluice_endpoint_free(p->at_server.endpoint);
    sluice_endpoint_free(p->at_client.endpoint);
    sluice_datagram_free(p->server);
    sluice_datagram_free(p->client);
    sluice_batch_fini(&p->batch);
    sluice_loop_free(p->loop);
}

/* Loopback delivers before send returns, so one iteration sees everything. */
static void pair_step(pair *p)
{
    CU_ASSERT_EQUAL(sluice_loop_step(p->loop, 0, NULL), SLUICE_OK);
}

static void send_equal(pair *p, sluice_endpoint *from, uint64_t id, unsigned count, uint32_t size, bool tight)
{
    size_t handled = 0;
    sluice_batch_lay(&p->batch, tight ? size : 0);
    for (unsigned i = 0; i < count; i++)
        packet_write(&p->batch.packets[i], id, i, size);
    CU_ASSERT_EQUAL(sluice_endpoint_send(from, p->batch.packets, count, &handled), SLUICE_OK);
    CU_ASSERT_EQUAL(handled, count);
}

static void numbers_are_in_order(const seen *s, unsigned count)
{
    CU_ASSERT_EQUAL(s->packets, count);
    for (unsigned i = 0; i < count && i < s->packets; i++)
        CU_ASSERT_EQUAL(s->numbers[i], i);
}

static void batch_arrives_whole_with_and_without_offloads(void)
{
    for (unsigned way = 0; way < 16; way++) {
        bool segment_off = way & 1, coalesce_off = way & 2, tight = way & 4;
        pair p;
        pair_open(&p, way & 8 ? "::1" : "127.0.0.1", segment_off, coalesce_off);
        send_equal(&p, p.at_client.endpoint, SERVER_ID, 64, 1400, tight);
        pair_step(&p);
        numbers_are_in_order(&p.at_server, 64);
        CU_ASSERT_EQUAL(p.at_server.sizes[0], 1400);
        CU_ASSERT_EQUAL(p.at_server.sizes[63], 1400);
        CU_ASSERT_EQUAL(p.at_server.settled, 1);
        sluice_datagram_statistics out, in;
        sluice_datagram_statistics_get(p.client, &out);
        sluice_datagram_statistics_get(p.server, &in);
        CU_ASSERT_EQUAL(out.sent_packets, 64);
        CU_ASSERT_EQUAL(out.sent_bytes, 64 * 1400);
        CU_ASSERT_EQUAL(out.send_calls, 1);
        CU_ASSERT_EQUAL(in.received_packets, 64);
        CU_ASSERT_EQUAL(in.received_bytes, 64 * 1400);
        CU_ASSERT_EQUAL(in.stranger_packets, 0);
        CU_ASSERT_EQUAL(in.dropped_packets, 0);
        CU_ASSERT_FALSE(out.segmenting && segment_off);
        CU_ASSERT_FALSE(in.coalescing && coalesce_off);
        /* 46 packets of 1400 bytes are the most that one datagram's length can say: two pieces if the kernel joins. */
        if (out.segmenting && in.coalescing)
            CU_ASSERT_EQUAL(in.receive_calls, 1);
        pair_close(&p);
    }
}

static void sizes_of_a_mixed_batch_are_kept(void)
{
    static const uint32_t sizes[] = {1200, 1200, 700, 1200, 1300, 1300, 9, 16384, 50, 50, 16384};
    for (unsigned way = 0; way < 4; way++) {
        pair p;
        size_t handled = 0;
        pair_open(&p, "127.0.0.1", way & 1, way & 2);
        for (unsigned i = 0; i < SLUICE_COUNT(sizes); i++) {
            packet_write(&p.batch.packets[i], SERVER_ID, i, sizes[i] < 13 ? 13 : sizes[i]);
            p.batch.packets[i].flags = i == 4 ? SLUICE_PACKET_ALONE : 0;
            if (sizes[i] < 13)
                p.batch.packets[i].size = sizes[i];
        }
        CU_ASSERT_EQUAL(sluice_endpoint_send(p.at_client.endpoint, p.batch.packets, SLUICE_COUNT(sizes), &handled),
                        SLUICE_OK);
        pair_step(&p);
        CU_ASSERT_EQUAL(p.at_server.packets, SLUICE_COUNT(sizes));
        for (unsigned i = 0; i < SLUICE_COUNT(sizes); i++)
            CU_ASSERT_EQUAL(p.at_server.sizes[i], sizes[i]);
        p.at_server.contents_ok = true; /* the packet of nine bytes holds no pattern */
        pair_close(&p);
    }
}

static void server_answers_by_the_path_it_heard(void)
{
    for (unsigned way = 0; way < 2; way++) {
        pair p;
        size_t handled = 0;
        /* 127.0.0.5: the answer must come from there, or the connected socket would not take it. */
        pair_open(&p, way ? "::1" : "127.0.0.5", false, false);
        CU_ASSERT_PTR_NULL(sluice_endpoint_path(p.at_server.endpoint, 0));
        packet_write(&p.batch.packets[0], CLIENT_ID, 0, 100);
        CU_ASSERT_EQUAL(sluice_endpoint_send(p.at_server.endpoint, p.batch.packets, 1, &handled), SLUICE_OK);
        CU_ASSERT_EQUAL(handled, 1); /* lost: nobody knows where to */

        send_equal(&p, p.at_client.endpoint, SERVER_ID, 2, 200, false);
        pair_step(&p);
        CU_ASSERT_EQUAL_FATAL(p.at_server.packets, 2);
        uint32_t path = p.at_server.paths[0];
        CU_ASSERT_NOT_EQUAL(path, 0);
        CU_ASSERT(sluice_address_equal(sluice_endpoint_path(p.at_server.endpoint, path), sluice_datagram_local(p.client)));

        sluice_endpoint_adopt(p.at_server.endpoint, path);
        CU_ASSERT_PTR_NULL(sluice_endpoint_path(p.at_server.endpoint, path));
        send_equal(&p, p.at_server.endpoint, CLIENT_ID, 3, 300, false);
        pair_step(&p);
        numbers_are_in_order(&p.at_client, 3);
        send_equal(&p, p.at_client.endpoint, SERVER_ID, 1, 200, false);
        pair_step(&p);
        CU_ASSERT_EQUAL(p.at_server.paths[2], 0);
        sluice_datagram_statistics statistics;
        sluice_datagram_statistics_get(p.server, &statistics);
        CU_ASSERT_EQUAL(statistics.lost_packets, 1);
        pair_close(&p);
    }
}

static void strangers_are_counted_and_forgotten(void)
{
    pair p;
    size_t handled = 0;
    pair_open(&p, "127.0.0.1", false, false);
    for (unsigned i = 0; i < 6; i++) /* two of ours among them */
        packet_write(&p.batch.packets[i], i % 3 == 0 ? SERVER_ID : SERVER_ID + i, i / 3, 100);
    packet_write(&p.batch.packets[6], SERVER_ID, 0, 100);
    p.batch.packets[6].size = 8; /* too short to have an id */
    packet_write(&p.batch.packets[7], SERVER_ID, 0, 100);
    p.batch.packets[7].size = 0;
    CU_ASSERT_EQUAL(sluice_endpoint_send(p.at_client.endpoint, p.batch.packets, 8, &handled), SLUICE_OK);
    pair_step(&p);
    numbers_are_in_order(&p.at_server, 2);
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(p.server, &statistics);
    CU_ASSERT_EQUAL(statistics.stranger_packets, 6);
    CU_ASSERT_EQUAL(statistics.sent_packets, 0);
    pair_step(&p);
    CU_ASSERT_EQUAL(p.at_client.packets, 0);
    pair_close(&p);
}

/* What has no mark never reaches the server's socket; what has one does, as without a sieve. */
static void strangers_stay_in_the_sieve(void)
{
    for (unsigned way = 0; way < 4; way++) {
        pair p;
        sluice_datagram_setup setup = {.sieve = true, .coalesce_off = way & 2};
        sluice_datagram *second;
        pair_open_with(&p, way & 1 ? "::1" : "127.0.0.1", &setup);
        uint64_t id = sluice_datagram_id(p.server, UINT64_C(0x0022334455667788));
        CU_ASSERT_EQUAL(id >> 16, UINT64_C(0x002233445566));
        CU_ASSERT_EQUAL(sluice_datagram_id(p.client, id), id);
        sluice_endpoint_free(p.at_server.endpoint);
        CU_ASSERT_EQUAL_FATAL(
            sluice_endpoint_new(&p.at_server.endpoint, p.server, id, NULL, &calls, &p.at_server, NULL), SLUICE_OK);
        for (unsigned bit = 0; bit < 16; bit++)
            packet_write(&p.batch.packets[bit], id ^ UINT64_C(1) << bit, 0, 100);
        packet_write(&p.batch.packets[16], id, 0, 8);
        packet_write(&p.batch.packets[17], id, 0, 0);
        size_t handled = 0;
        CU_ASSERT_EQUAL(sluice_endpoint_send(p.at_client.endpoint, p.batch.packets, 18, &handled), SLUICE_OK);
        CU_ASSERT_EQUAL(handled, 18);
        send_equal(&p, p.at_client.endpoint, id, 64, 1400, true);
        pair_step(&p);
        numbers_are_in_order(&p.at_server, 64);
        sluice_datagram_statistics in;
        sluice_datagram_statistics_get(p.server, &in);
        CU_ASSERT_EQUAL(in.received_packets, 64);
        CU_ASSERT(in.stranger_packets == 18 || in.coalescing);
        CU_ASSERT(in.stranger_packets > 0);
        CU_ASSERT_EQUAL(in.dropped_packets, 0);
        sluice_endpoint_adopt(p.at_server.endpoint, p.at_server.paths[0]);
        send_equal(&p, p.at_server.endpoint, CLIENT_ID, 3, 100, false);
        pair_step(&p);
        numbers_are_in_order(&p.at_client, 3);
        /* The port is ours alone all the same. */
        setup.local = sluice_datagram_local(p.server);
        CU_ASSERT_EQUAL(sluice_datagram_new(&second, p.loop, &setup, NULL), SLUICE_ECONNECT);
        pair_close(&p);
    }
}

/* Each of them gets what has its number in front, in one order whatever the order in which they are asked. */
static void sockets_beside_get_what_is_theirs(void)
{
    for (unsigned way = 0; way < 4; way++) {
        pair p;
        sluice_datagram_setup setup = {.sieve = true, .coalesce_off = way & 2};
        sluice_datagram *beside[3];
        seen got[3];
        pair_open_with(&p, way & 1 ? "::1" : "127.0.0.1", &setup);
        CU_ASSERT_TRUE_FATAL(sluice_datagram_sieves(p.server));
        CU_ASSERT_FALSE(sluice_datagram_sieves(p.client));
        for (uint64_t i = 0; i < 3; i++) {
            const sluice_datagram_setup other = {.beside = p.server, .coalesce_off = way & 2};
            uint64_t id = sluice_datagram_id(p.server, (i + 1) << 56 | 0x22334455667788);
            memset(&got[i], 0, sizeof got[i]);
            got[i].times_ok = got[i].contents_ok = true;
            CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&beside[i], p.loop, &other, NULL), SLUICE_OK);
            CU_ASSERT_EQUAL(sluice_address_port(sluice_datagram_local(beside[i])),
                            sluice_address_port(sluice_datagram_local(p.server)));
            CU_ASSERT_EQUAL_FATAL(sluice_endpoint_new(&got[i].endpoint, beside[i], id, NULL, &calls, &got[i], NULL),
                                  SLUICE_OK);
        }
        for (uint64_t i = 3; i-- > 0;)
            send_equal(&p, p.at_client.endpoint, sluice_datagram_id(p.server, (i + 1) << 56 | 0x22334455667788),
                       10 + (unsigned)i, 1000, true);
        for (unsigned step = 0; step < 4; step++)
            pair_step(&p);
        for (unsigned i = 0; i < 3; i++) {
            sluice_datagram_statistics in;
            numbers_are_in_order(&got[i], 10 + i);
            sluice_datagram_statistics_get(beside[i], &in);
            CU_ASSERT_EQUAL(in.received_packets, 10 + i);
        }
        CU_ASSERT_EQUAL(p.at_server.packets, 0);
        /* What goes back comes from the one port. */
        sluice_endpoint_adopt(got[1].endpoint, got[1].paths[0]);
        send_equal(&p, got[1].endpoint, CLIENT_ID, 3, 100, false);
        pair_step(&p);
        numbers_are_in_order(&p.at_client, 3);
        for (unsigned i = 0; i < 3; i++) {
            sluice_endpoint_free(got[i].endpoint);
            sluice_datagram_free(beside[i]);
        }
        pair_close(&p);
    }
}

static void endpoint_may_be_freed_inside_received(void)
{
    pair p;
    size_t handled = 0;
    seen other = {.times_ok = true, .contents_ok = true};
    pair_open(&p, "127.0.0.1", false, false);
    CU_ASSERT_EQUAL(sluice_endpoint_new(&other.endpoint, p.server, SERVER_ID, NULL, &calls, &other, NULL),
                    SLUICE_EEXIST);
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&other.endpoint, p.server, SERVER_ID + 1, NULL, &calls, &other, NULL), SLUICE_OK);
    p.at_server.free_inside = true;
    for (unsigned i = 0; i < 6; i++) /* ids a, b, a, b, ...: the second a is a stranger */
        packet_write(&p.batch.packets[i], SERVER_ID + i % 2, i / 2, 100);
    CU_ASSERT_EQUAL(sluice_endpoint_send(p.at_client.endpoint, p.batch.packets, 6, &handled), SLUICE_OK);
    pair_step(&p);
    CU_ASSERT_EQUAL(p.at_server.packets, 1);
    CU_ASSERT_EQUAL(p.at_server.settled, 0);
    numbers_are_in_order(&other, 3);
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(p.server, &statistics);
    CU_ASSERT_EQUAL(statistics.stranger_packets, 2);
    sluice_endpoint_free(other.endpoint);
    pair_close(&p);
}

static void many_ids_are_told_apart(void)
{
    enum { IDS = 300 };
    pair p;
    static seen many[IDS];
    memset(many, 0, sizeof(many));
    pair_open(&p, "127.0.0.1", false, false);
    for (unsigned i = 0; i < IDS; i++)
        CU_ASSERT_EQUAL_FATAL(sluice_endpoint_new(&many[i].endpoint, p.server, (uint64_t)i << 32 | (i % 5), NULL, &calls,
                                                  &many[i], NULL),
                              SLUICE_OK);
    for (unsigned i = 0; i < IDS; i++) {
        send_equal(&p, p.at_client.endpoint, (uint64_t)i << 32 | (i % 5), 1 + i % 3, 100, false);
        pair_step(&p);
    }
    for (unsigned i = 0; i < IDS; i++) {
        CU_ASSERT_EQUAL(many[i].packets, 1 + i % 3);
        sluice_endpoint_free(many[i].endpoint);
    }
    pair_close(&p);
}

static void send_from(const pair *p, unsigned port_index, sluice_datagram **sockets)
{
    sluice_endpoint *endpoint;
    sluice_packet packet = {.data = p->batch.arena};
    size_t handled = 0;
    CU_ASSERT_EQUAL_FATAL(sluice_endpoint_new(&endpoint, sockets[port_index], 1, NULL, &calls, NULL, NULL), SLUICE_OK);
    packet_write(&packet, SERVER_ID, port_index, 100);
    CU_ASSERT_EQUAL(sluice_endpoint_send(endpoint, &packet, 1, &handled), SLUICE_OK);
    sluice_endpoint_free(endpoint);
}

static void strange_addresses_cannot_push_out_a_confirmed_path(void)
{
    enum { SOCKETS = 2 * SLUICE_PATHS };
    pair p;
    sluice_datagram *sockets[SOCKETS];
    pair_open(&p, "127.0.0.1", false, false);
    sluice_address peer;
    CU_ASSERT_EQUAL(sluice_address_numeric("127.0.0.1", sluice_address_port(sluice_datagram_local(p.server)), &peer),
                    SLUICE_OK);
    sluice_datagram_setup setup = {.peer = &peer};
    for (unsigned i = 0; i < SOCKETS; i++)
        CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&sockets[i], p.loop, &setup, NULL), SLUICE_OK);
    send_from(&p, 0, sockets);
    pair_step(&p);
    sluice_endpoint_adopt(p.at_server.endpoint, p.at_server.paths[0]);
    send_from(&p, 1, sockets);
    pair_step(&p);
    uint32_t moved = p.at_server.paths[1];
    CU_ASSERT_NOT_EQUAL(moved, 0);
    sluice_endpoint_confirm(p.at_server.endpoint, moved);
    for (unsigned i = 2; i < SOCKETS; i++) {
        send_from(&p, i, sockets);
        pair_step(&p);
    }
    CU_ASSERT_EQUAL(p.at_server.packets, SOCKETS);
    for (unsigned i = 2; i < SOCKETS; i++) {
        CU_ASSERT(p.at_server.paths[i] != 0 && p.at_server.paths[i] != moved);
        CU_ASSERT(p.at_server.paths[i] < SLUICE_PATHS);
    }
    CU_ASSERT(sluice_address_equal(sluice_endpoint_path(p.at_server.endpoint, 0), sluice_datagram_local(sockets[0])));
    CU_ASSERT(
        sluice_address_equal(sluice_endpoint_path(p.at_server.endpoint, moved), sluice_datagram_local(sockets[1])));
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(p.server, &statistics);
    CU_ASSERT_EQUAL(statistics.crowded_packets, SOCKETS - SLUICE_PATHS); /* 8 fit: 0, moved and six more */
    for (unsigned i = 0; i < SOCKETS; i++)
        sluice_datagram_free(sockets[i]);
    pair_close(&p);
}

static void closed_port_is_a_hint_only(void)
{
    pair p;
    pair_open(&p, "127.0.0.1", false, false);
    sluice_endpoint_free(p.at_server.endpoint);
    p.at_server.endpoint = NULL;
    sluice_datagram_free(p.server);
    p.server = NULL;
    send_equal(&p, p.at_client.endpoint, SERVER_ID, 4, 100, false);
    pair_step(&p); /* the ICMP message is there */
    CU_ASSERT(p.at_client.unreachable >= 1);
    CU_ASSERT_EQUAL(p.at_client.errnum, ECONNREFUSED);
    send_equal(&p, p.at_client.endpoint, SERVER_ID, 4, 100, false);
    send_equal(&p, p.at_client.endpoint, SERVER_ID, 4, 100, false); /* an error of the first comes in between */
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(p.client, &statistics);
    CU_ASSERT_EQUAL(statistics.sent_packets, 12);
    CU_ASSERT_EQUAL(statistics.lost_packets, 0);
    pair_close(&p);
}

static void too_big_is_told_and_the_rest_goes_on(void)
{
    pair p;
    size_t handled = 0;
    pair_open(&p, "127.0.0.1", false, false);
    uint8_t *huge = calloc(1, 70000); /* more than any UDP datagram can hold */
    CU_ASSERT_PTR_NOT_NULL_FATAL(huge);
    for (unsigned i = 0; i < 4; i++)
        packet_write(&p.batch.packets[i], SERVER_ID, i, 100);
    sluice_packet four[4] = {p.batch.packets[0], p.batch.packets[1], p.batch.packets[1], p.batch.packets[2]};
    four[2].data = huge;
    four[2].size = 70000;
    CU_ASSERT_EQUAL(sluice_endpoint_send(p.at_client.endpoint, four, 4, &handled), SLUICE_OK);
    CU_ASSERT_EQUAL(handled, 4);
    CU_ASSERT_EQUAL(p.at_client.too_big, 1);
    CU_ASSERT_EQUAL(p.at_client.too_big_bytes, 70000);
    pair_step(&p);
    numbers_are_in_order(&p.at_server, 3);
    free(huge);
    pair_close(&p);
}

static void ports_of_a_range_are_tried_in_turn(void)
{
    sluice_loop *loop;
    sluice_datagram *first, *second, *third;
    sluice_address local;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_address_numeric("127.0.0.1", 0, &local), SLUICE_OK);
    sluice_datagram_setup setup = {.local = &local};
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&first, loop, &setup, NULL), SLUICE_OK);
    uint16_t taken = sluice_address_port(sluice_datagram_local(first));
    setup.port_least = taken;
    setup.port_most = (uint16_t)(taken + 50);
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&second, loop, &setup, NULL), SLUICE_OK);
    CU_ASSERT(sluice_address_port(sluice_datagram_local(second)) > taken);
    setup.port_most = taken;
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_datagram_new(&third, loop, &setup, &error), SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "Address already in use"));
    setup.port_least = setup.port_most = 0;
    setup.share_port = true;
    CU_ASSERT_EQUAL(sluice_address_numeric("192.0.2.1", 0, &local), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_datagram_new(&third, loop, &setup, &error), SLUICE_ECONNECT); /* not an address of ours */
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "192.0.2.1"));
    sluice_datagram_free(first);
    sluice_datagram_free(second);
    sluice_loop_free(loop);
}

static void drops_of_the_socket_are_counted(void)
{
    pair p;
    pair_open(&p, "127.0.0.1", true, true);
    /* A buffer of the least size holds a few packets only. */
    sluice_datagram_setup small = {.buffer_bytes = 1, .segment_off = true, .coalesce_off = true};
    sluice_endpoint_free(p.at_server.endpoint);
    sluice_endpoint_free(p.at_client.endpoint);
    sluice_datagram_free(p.server);
    sluice_datagram_free(p.client);
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&p.server, p.loop, &small, NULL), SLUICE_OK);
    sluice_address peer;
    CU_ASSERT_EQUAL(sluice_address_numeric("127.0.0.1", sluice_address_port(sluice_datagram_local(p.server)), &peer),
                    SLUICE_OK);
    sluice_datagram_setup setup = {.peer = &peer, .segment_off = true};
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&p.client, p.loop, &setup, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&p.at_server.endpoint, p.server, SERVER_ID, NULL, &calls, &p.at_server, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&p.at_client.endpoint, p.client, CLIENT_ID, NULL, &calls, &p.at_client, NULL), SLUICE_OK);
    send_equal(&p, p.at_client.endpoint, SERVER_ID, 64, 1400, false);
    pair_step(&p);
    CU_ASSERT(p.at_server.packets > 0 && p.at_server.packets < 64);
    /* The counter comes with a packet that was put into the buffer after the drops. */
    send_equal(&p, p.at_client.endpoint, SERVER_ID, 1, 100, false);
    pair_step(&p);
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(p.server, &statistics);
    CU_ASSERT_EQUAL(statistics.dropped_packets + p.at_server.packets, 65);
    pair_close(&p);
}

/* ---- a network of our own with a small MTU ---- */

static bool namespace_enter(void)
{
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return false;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq request;
    memset(&request, 0, sizeof(request));
    strcpy(request.ifr_name, "lo");
    request.ifr_mtu = 1300;
    bool ok = fd >= 0 && ioctl(fd, SIOCSIFMTU, &request) == 0;
    request.ifr_flags = IFF_UP;
    ok = ok && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* 1272 bytes are the most that one packet carries over IPv4 here.  Exit status: 0 fine, 77 no namespace to be had,
 * else the line that went wrong. */
static int small_mtu_child(void)
{
    if (!namespace_enter())
        return 77;
#define WANT(condition) \
    do {                \
        if (!(condition)) \
            return 1 + __LINE__ % 70; \
    } while (0)
    for (unsigned way = 0; way < 2; way++) {
        pair p;
        size_t handled = 0;
        sluice_datagram_statistics statistics;
        pair_open(&p, "127.0.0.1", way == 1, false);
        sluice_datagram_statistics_get(p.client, &statistics);
        bool segmenting = statistics.segmenting;
        for (unsigned i = 0; i < 20; i++)
            packet_write(&p.batch.packets[i], SERVER_ID, i, i < 10 ? 1273 : 1272);
        WANT(sluice_endpoint_send(p.at_client.endpoint, p.batch.packets, 20, &handled) == SLUICE_OK);
        WANT(handled == 20);
        WANT(p.at_client.too_big == 10);
        WANT(p.at_client.too_big_bytes == 12730);
        sluice_datagram_statistics_get(p.client, &statistics);
        WANT(statistics.refused_packets == 10);
        WANT(statistics.sent_packets == 10);
        WANT(statistics.segmenting == segmenting); /* it was the size's fault, not the offload's */
        WANT(sluice_loop_step(p.loop, 0, NULL) == SLUICE_OK);
        WANT(p.at_server.packets == 10);
        WANT(p.at_server.numbers[0] == 10);
        pair_close(&p);
    }
#undef WANT
    return 0;
}

static void packets_over_the_mtu_are_told_not_fragmented(void)
{
    fflush(stdout);
    pid_t child = fork();
    CU_ASSERT_FATAL(child >= 0);
    if (child == 0)
        _exit(small_mtu_child());
    int status = 0;
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        printf("(skipped: no network namespace to be had; run as root) ");
        CU_ASSERT_NOT_EQUAL(geteuid(), 0);
        return;
    }
    CU_ASSERT(WIFEXITED(status));
    CU_ASSERT_EQUAL(WEXITSTATUS(status), 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"batch arrives whole with and without offloads", batch_arrives_whole_with_and_without_offloads},
        {"sizes of a mixed batch are kept", sizes_of_a_mixed_batch_are_kept},
        {"server answers by the path it heard", server_answers_by_the_path_it_heard},
        {"strangers are counted and forgotten", strangers_are_counted_and_forgotten},
        {"strangers stay in the sieve", strangers_stay_in_the_sieve},
        {"sockets beside get what is theirs", sockets_beside_get_what_is_theirs},
        {"endpoint may be freed inside received", endpoint_may_be_freed_inside_received},
        {"many ids are told apart", many_ids_are_told_apart},
        {"strange addresses cannot push out a confirmed path", strange_addresses_cannot_push_out_a_confirmed_path},
        {"closed port is a hint only", closed_port_is_a_hint_only},
        {"too big is told and the rest goes on", too_big_is_told_and_the_rest_goes_on},
        {"ports of a range are tried in turn", ports_of_a_range_are_tried_in_turn},
        {"drops of the socket are counted", drops_of_the_socket_are_counted},
        {"packets over the mtu are told, not fragmented", packets_over_the_mtu_are_told_not_fragmented},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_datagram", tests);
}
