/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses that come and go, in a network of our own: a client that has lost its address, a server that answered from
 * one it has no more, several addresses that may be the peer's, and link-local ones, which need a scope.
 */
#include "net/batch.h"
#include "net/datagram.h"
#include "net/tls.h"
#include "unit/suite.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SERVER_ID UINT64_C(0x0102030405060708)
#define CLIENT_ID UINT64_C(0x1112131415161718)
#define SERVER_HOST "10.9.9.9"

typedef struct seen {
    sluice_endpoint *endpoint;
    unsigned packets, unreachable;
    uint32_t path; /* of the last one */
    uint64_t id;   /* that packets to it bear */
} seen;

typedef struct pair {
    sluice_loop *loop;
    sluice_datagram *server, *client;
    seen at_server, at_client;
    sluice_batch batch;
} pair;

/* The rest of an `ip` command, which must succeed. */
static void ip(const char *words)
{
    char command[200];
    snprintf(command, sizeof(command), "ip %s", words);
    int status = system(command);
    CU_ASSERT_EQUAL(status, 0);
    if (status)
        fprintf(stderr, "failed: %s\n", command);
}

static void received(void *user, sluice_time now, sluice_packet *packets, size_t count)
{
    seen *s = user;
    (void)now;
    s->packets += (unsigned)count;
    s->path = packets[count - 1].path;
    sluice_endpoint_confirm(s->endpoint, s->path); /* all are authentic here */
}

static void unreachable(void *user, int errnum)
{
    (void)errnum;
    ((seen *)user)->unreachable++;
}

static const sluice_endpoint_calls calls = {.received = received, .unreachable = unreachable};

static sluice_address at(const char *host, uint16_t port)
{
    sluice_address address = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric(host, port, &address), SLUICE_OK);
    return address;
}

/* host NULL: the client's socket is not connected, and knows nobody yet.  local NULL: it has no certain address. */
static void pair_open_at(pair *p, const char *host, const char *local)
{
    memset(p, 0, sizeof(*p));
    sluice_datagram_setup setup = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&p->loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_batch_init(&p->batch), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&p->server, p->loop, &setup, NULL), SLUICE_OK);
    sluice_address peer = {0}, own = {0};
    if (local) {
        own = at(local, 0);
        setup.local = &own;
    }
    if (host) {
        peer = at(host, sluice_address_port(sluice_datagram_local(p->server)));
        setup.peer = &peer;
    }
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(&p->client, p->loop, &setup, NULL), SLUICE_OK);
    p->at_server.id = SERVER_ID;
    p->at_client.id = CLIENT_ID;
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&p->at_server.endpoint, p->server, SERVER_ID, NULL, &calls, &p->at_server, NULL),
        SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(
        sluice_endpoint_new(&p->at_client.endpoint, p->client, CLIENT_ID, NULL, &calls, &p->at_client, NULL),
        SLUICE_OK);
}

static void pair_open(pair *p, const char *host)
{
    pair_open_at(p, host, NULL);
}

static void pair_close(pair *p)
{
    sluice_endpoint_free(p->at_server.endpoint);
    sluice_endpoint_free(p->at_client.endpoint);
    sluice_datagram_free(p->server);
    sluice_datagram_free(p->client);
    sluice_batch_fini(&p->batch);
    sluice_loop_free(p->loop);
}

/* Whatever is on its way: loopback delivers before send returns, or a moment later when the machine is busy. */
static void deliver(pair *p)
{
    for (unsigned quiet = 0, before; quiet < 3;) {
        before = p->at_server.packets + p->at_client.packets;
        CU_ASSERT_EQUAL(sluice_loop_step(p->loop, quiet ? 5 * SLUICE_MS : 0, NULL), SLUICE_OK);
        quiet = p->at_server.packets + p->at_client.packets == before ? quiet + 1 : 0;
    }
}

static void send_packets(pair *p, sluice_endpoint *from, uint64_t id, uint32_t path, unsigned count)
{
    size_t handled = 0;
    sluice_batch_lay(&p->batch, 100);
    for (unsigned i = 0; i < count; i++) {
        sluice_packet *packet = &p->batch.packets[i];
        memset(packet->data, 0, 100);
        for (unsigned byte = 0; byte < 8; byte++)
            packet->data[1 + byte] = (uint8_t)(id >> (56 - 8 * byte));
        packet->size = 100;
        packet->path = path;
    }
    CU_ASSERT_EQUAL(sluice_endpoint_send(from, p->batch.packets, count, &handled), SLUICE_OK);
    CU_ASSERT_EQUAL(handled, count);
    deliver(p);
}

static void client_sends(pair *p, unsigned count)
{
    send_packets(p, p->at_client.endpoint, SERVER_ID, 0, count);
}

static void server_answers(pair *p, uint32_t path, unsigned count)
{
    send_packets(p, p->at_server.endpoint, CLIENT_ID, path, count);
}

static sluice_datagram_statistics statistics_of(const sluice_datagram *datagram)
{
    sluice_datagram_statistics statistics;
    sluice_datagram_statistics_get(datagram, &statistics);
    return statistics;
}

static const char *client_host(const pair *p, char text[SLUICE_ADDRESS_TEXT])
{
    return sluice_address_host(sluice_datagram_local(p->client), text);
}

/* The client has the address CLIENT on the way to the server, and no other. */
static void client_moves(const char *from, const char *to)
{
    char words[128];
    ip("route flush table local exact " SERVER_HOST);
    if (from) {
        snprintf(words, sizeof(words), "addr del %s/32 dev lo", from);
        ip(words);
    }
    if (to) {
        snprintf(words, sizeof(words), "addr add %s/32 dev lo", to);
        ip(words);
        snprintf(words, sizeof(words), "route replace local " SERVER_HOST " dev lo src %s table local", to);
        ip(words);
    }
}

static void lost_address_is_replaced_while_sending(void)
{
    pair p;
    char text[SLUICE_ADDRESS_TEXT];
    client_moves(NULL, "10.1.0.1");
    pair_open(&p, SERVER_HOST);
    CU_ASSERT_STRING_EQUAL(client_host(&p, text), "10.1.0.1");
    client_sends(&p, 8);
    CU_ASSERT_EQUAL(p.at_server.packets, 8);
    uint32_t first = p.at_server.path;
    uint64_t granted = statistics_of(p.client).receive_buffer_bytes;

    client_moves("10.1.0.1", "10.1.0.2");
    client_sends(&p, 8);
    CU_ASSERT_EQUAL(p.at_server.packets, 16);
    CU_ASSERT_NOT_EQUAL(p.at_server.path, first);
    CU_ASSERT_EQUAL(p.at_client.unreachable, 0);
    sluice_datagram_statistics statistics = statistics_of(p.client);
    CU_ASSERT_EQUAL(statistics.reconnects, 1);
    CU_ASSERT_EQUAL(statistics.lost_packets, 0);
    CU_ASSERT_EQUAL(statistics.sent_packets, 16);
    CU_ASSERT_EQUAL(statistics.receive_buffer_bytes, granted);
    CU_ASSERT_STRING_EQUAL(client_host(&p, text), "10.1.0.2");
    server_answers(&p, p.at_server.path, 3);
    CU_ASSERT_EQUAL(p.at_client.packets, 3);
    client_moves("10.1.0.2", NULL);
    pair_close(&p);
}

static void nothing_is_replaced_more_than_once_a_second(void)
{
    pair p;
    unsigned lost = 0;
    client_moves(NULL, "10.1.0.1");
    pair_open(&p, SERVER_HOST);
    client_moves("10.1.0.1", "10.1.0.2");
    sluice_time first = sluice_loop_refresh(p.loop), now = first;
    client_sends(&p, 1);
    CU_ASSERT_EQUAL(statistics_of(p.client).reconnects, 1);
    client_moves("10.1.0.2", "10.1.0.3");
    while (statistics_of(p.client).reconnects == 1 && now < first + 20 * SLUICE_SECOND) {
        now = sluice_loop_refresh(p.loop);
        client_sends(&p, 1);
        CU_ASSERT_EQUAL(statistics_of(p.client).reconnects, now < first + SLUICE_SECOND ? 1 : 2);
        lost += now < first + SLUICE_SECOND;
    }
    CU_ASSERT_EQUAL(statistics_of(p.client).lost_packets, lost);
    CU_ASSERT_EQUAL(p.at_client.unreachable, lost);
    client_moves("10.1.0.3", NULL);
    pair_close(&p);
}

static void no_way_at_all_is_survived(void)
{
    pair p;
    sluice_error error = {0};
    client_moves(NULL, "10.1.0.1");
    pair_open(&p, SERVER_HOST);
    client_sends(&p, 1);
    client_moves("10.1.0.1", NULL);
    client_sends(&p, 5);
    CU_ASSERT_EQUAL(p.at_server.packets, 1);
    CU_ASSERT_EQUAL(statistics_of(p.client).lost_packets, 5);
    CU_ASSERT_EQUAL(statistics_of(p.client).reconnects, 0);
    CU_ASSERT_EQUAL(sluice_datagram_reconnect(p.client, &error), SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no way to " SERVER_HOST));
    client_moves(NULL, "10.1.0.2");
    CU_ASSERT_EQUAL(sluice_datagram_reconnect(p.client, &error), SLUICE_OK);
    client_sends(&p, 5);
    CU_ASSERT_EQUAL(p.at_server.packets, 6);
    client_moves("10.1.0.2", NULL);
    pair_close(&p);
}

static void order_to_reconnect_takes_another_port(void)
{
    static const char *const hosts[] = {"127.0.0.1", "::1"};
    for (size_t i = 0; i < SLUICE_COUNT(hosts); i++) {
        pair p;
        pair_open(&p, hosts[i]);
        client_sends(&p, 1);
        sluice_address before = *sluice_datagram_local(p.client);
        uint32_t first = p.at_server.path;
        CU_ASSERT_EQUAL(sluice_datagram_reconnect(p.client, NULL), SLUICE_OK);
        CU_ASSERT_FALSE(sluice_address_equal(sluice_datagram_local(p.client), &before));
        CU_ASSERT_EQUAL(statistics_of(p.client).reconnects, 1);
        client_sends(&p, 64);
        CU_ASSERT_EQUAL(p.at_server.packets, 65);
        CU_ASSERT_NOT_EQUAL(p.at_server.path, first);
        CU_ASSERT_EQUAL(statistics_of(p.client).sent_packets, 65);
        server_answers(&p, p.at_server.path, 64);
        CU_ASSERT_EQUAL(p.at_client.packets, 64);
        server_answers(&p, first, 1); /* nobody is there any more, and nothing comes of it */
        CU_ASSERT_EQUAL(p.at_client.packets, 64);
        pair_close(&p);
    }
}

static void answers_leave_from_an_address_that_is_still_there(void)
{
    pair p;
    uint32_t path;
    client_moves(NULL, NULL);
    ip("addr add " SERVER_HOST "/32 dev lo");
    ip("addr add 10.1.0.1/32 dev lo");
    pair_open_at(&p, NULL, "10.1.0.1");
    sluice_address peer = at(SERVER_HOST, sluice_address_port(sluice_datagram_local(p.server)));
    CU_ASSERT_EQUAL(sluice_endpoint_path_add(p.at_client.endpoint, &peer, &path), SLUICE_OK);
    CU_ASSERT_EQUAL(path, 0); /* the first one that is known */
    client_sends(&p, 1);
    CU_ASSERT_EQUAL(p.at_server.packets, 1);
    uint32_t back = p.at_server.path;
    server_answers(&p, back, 1);
    CU_ASSERT_EQUAL(p.at_client.packets, 1);
    CU_ASSERT_EQUAL(p.at_client.path, 0);

    ip("addr del " SERVER_HOST "/32 dev lo");
    server_answers(&p, back, 1); /* from an address that is not ours: the kernel refuses */
    CU_ASSERT_EQUAL(p.at_client.packets, 1);
    CU_ASSERT_EQUAL(statistics_of(p.server).lost_packets, 1);
    CU_ASSERT_EQUAL(statistics_of(p.server).reconnects, 0);
    CU_ASSERT_EQUAL(sluice_datagram_reconnect(p.server, NULL), SLUICE_OK);
    server_answers(&p, back, 1);
    CU_ASSERT_EQUAL(statistics_of(p.server).lost_packets, 1);
    CU_ASSERT_EQUAL(p.at_client.packets, 2);
    CU_ASSERT_NOT_EQUAL(p.at_client.path, 0);
    ip("addr del 10.1.0.1/32 dev lo");
    pair_close(&p);
}

static void candidates_are_tried_side_by_side(void)
{
    pair p;
    uint32_t numbers[3], again, other;
    static const char *const hosts[] = {"127.0.0.7", "::1", "127.0.0.1"};
    pair_open(&p, NULL);
    uint16_t port = sluice_address_port(sluice_datagram_local(p.server));
    for (unsigned i = 0; i < 3; i++) {
        sluice_address peer = at(hosts[i], port);
        CU_ASSERT_EQUAL(sluice_endpoint_path_add(p.at_client.endpoint, &peer, &numbers[i]), SLUICE_OK);
        CU_ASSERT_EQUAL(sluice_endpoint_path_add(p.at_client.endpoint, &peer, &again), SLUICE_OK);
        CU_ASSERT_EQUAL(again, numbers[i]);
        for (unsigned earlier = 0; earlier < i; earlier++)
            CU_ASSERT_NOT_EQUAL(numbers[i], numbers[earlier]);
        send_packets(&p, p.at_client.endpoint, SERVER_ID, numbers[i], 1);
        CU_ASSERT_EQUAL(p.at_server.packets, i + 1);
        server_answers(&p, p.at_server.path, 1);
        CU_ASSERT_EQUAL(p.at_client.packets, i + 1);
        CU_ASSERT_EQUAL(p.at_client.path, numbers[i]); /* each answers under its own number */
    }
    for (unsigned i = 3; i < SLUICE_PATHS; i++) {
        char host[32];
        snprintf(host, sizeof(host), "192.0.2.%u", i);
        sluice_address peer = at(host, port);
        CU_ASSERT_EQUAL(sluice_endpoint_path_add(p.at_client.endpoint, &peer, &other), SLUICE_OK);
    }
    sluice_address peer = at("192.0.2.99", port);
    CU_ASSERT_EQUAL(sluice_endpoint_path_add(p.at_client.endpoint, &peer, &other), SLUICE_ELIMIT);
    sluice_endpoint_adopt(p.at_client.endpoint, numbers[1]);
    char text[SLUICE_ADDRESS_TEXT];
    CU_ASSERT_STRING_EQUAL(sluice_address_host(sluice_endpoint_path(p.at_client.endpoint, 0), text), "::1");
    pair_close(&p);

    pair_open(&p, "127.0.0.1"); /* a connected socket has one peer */
    CU_ASSERT_EQUAL(sluice_endpoint_path_add(p.at_client.endpoint, &peer, &other), SLUICE_EINVAL);
    pair_close(&p);
}

/* ---- link-local addresses ---- */

static void scopes_are_names_or_numbers(void)
{
    char text[SLUICE_ADDRESS_TEXT], host[SLUICE_ADDRESS_HOST];
    sluice_address named = at("fe80::1%lo", 5), numbered = at("fe80::1%1", 5), other;
    uint16_t port;
    CU_ASSERT_EQUAL(named.of.v6.sin6_scope_id, 1);
    CU_ASSERT(sluice_address_equal(&named, &numbered));
    CU_ASSERT_STRING_EQUAL(sluice_address_text(&numbered, text), "[fe80::1%lo]:5");
    CU_ASSERT_EQUAL(sluice_address_numeric("fe80::1%none", 5, &other), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_address_numeric("fe80::1%999", 5, &other), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_address_numeric("fe80::1%1x", 5, &other), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_address_numeric("fe80::1%", 5, &other), SLUICE_EINVAL);
    numbered.of.v6.sin6_scope_id = 999; /* of an interface that went */
    CU_ASSERT_STRING_EQUAL(sluice_address_host(&numbered, text), "fe80::1%999");
    CU_ASSERT_EQUAL(sluice_address_split("[fe80::1%lo]:33", 1, host, &port, NULL), SLUICE_OK);
    CU_ASSERT_STRING_EQUAL(host, "fe80::1%lo");
    CU_ASSERT_EQUAL(port, 33);
}

typedef struct greeting {
    sluice_channel *server, *client;
    unsigned ready, accepted;
} greeting;

static void on_ready(void *user)
{
    ((greeting *)user)->ready++;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    (void)user;
    (void)bytes;
    (void)count;
}

static void on_closed(void *user, const sluice_error *error)
{
    (void)user;
    fprintf(stderr, "closed: %s\n", error->text);
}

static const sluice_channel_calls channel_calls = {.ready = on_ready, .message = on_message, .closed = on_closed};

static void on_accepted(void *user, sluice_channel *channel)
{
    greeting *g = user;
    g->server = channel;
    g->accepted++;
    sluice_channel_calls_set(channel, &channel_calls, g);
    sluice_tls_admit(channel);
}

/* From the text of an address to packets that go both ways. */
static void link_local_peers_meet(void)
{
    pair p;
    greeting g = {0};
    sluice_identity *identity;
    sluice_tls_listener *listener;
    char text[SLUICE_ADDRESS_TEXT];
    /* The kernel makes the route to an IPv6 address of its own a moment after the address. */
    ip("-6 addr add fe80::1/64 dev lo nodad && until ip -6 route show table local | grep -q fe80::1; do :; done");
    pair_open(&p, "fe80::1%lo");
    CU_ASSERT_EQUAL_FATAL(sluice_identity_new(&identity, NULL), SLUICE_OK);
    sluice_tls_listener_setup listen = {.identity = identity, .accepted = on_accepted, .user = &g};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_listen(&listener, p.loop, &listen, NULL), SLUICE_OK);
    sluice_tls_connect_setup setup = {.host = "fe80::1%lo",
                                      .port = sluice_address_port(sluice_tls_listener_local(listener)),
                                      .fingerprint = sluice_identity_fingerprint(identity)};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_connect(&g.client, p.loop, &setup, &channel_calls, &g, NULL), SLUICE_OK);
    for (sluice_time latest = sluice_loop_refresh(p.loop) + 20 * SLUICE_SECOND;
         (!g.ready || !g.accepted) && sluice_loop_refresh(p.loop) < latest;)
        CU_ASSERT_EQUAL(sluice_loop_step(p.loop, SLUICE_SECOND, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(g.accepted, 1);
    /* What a client takes for the address of its packets, and a server for that of its client. */
    CU_ASSERT_STRING_EQUAL(sluice_address_host(sluice_channel_peer(g.client), text), "fe80::1%lo");
    CU_ASSERT_STRING_EQUAL(sluice_address_host(sluice_channel_peer(g.server), text), "fe80::1%lo");
    CU_ASSERT(sluice_address_equal(sluice_channel_peer(g.server), sluice_channel_local(g.client)));

    client_sends(&p, 2);
    CU_ASSERT_EQUAL(p.at_server.packets, 2);
    const sluice_address *heard = sluice_endpoint_path(p.at_server.endpoint, p.at_server.path);
    CU_ASSERT_PTR_NOT_NULL_FATAL(heard);
    CU_ASSERT(sluice_address_same_host(heard, sluice_channel_peer(g.server)));
    server_answers(&p, p.at_server.path, 2); /* from the address that it was asked at, by the same interface */
    CU_ASSERT_EQUAL(p.at_client.packets, 2);

    sluice_channel_free(g.client);
    sluice_channel_free(g.server);
    sluice_tls_listener_free(listener);
    sluice_identity_free(identity);
    pair_close(&p);
}

/* No network of our own, or no `ip`: skipped, but not where it must be possible. */
static bool namespace_enter(void)
{
    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        return false;
    return system("ip link set lo up") == 0;
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"lost address is replaced while sending", lost_address_is_replaced_while_sending},
        {"nothing is replaced more than once a second", nothing_is_replaced_more_than_once_a_second},
        {"no way at all is survived", no_way_at_all_is_survived},
        {"order to reconnect takes another port", order_to_reconnect_takes_another_port},
        {"answers leave from an address that is still there", answers_leave_from_an_address_that_is_still_there},
        {"candidates are tried side by side", candidates_are_tried_side_by_side},
        {"scopes are names or numbers", scopes_are_names_or_numbers},
        {"link-local peers meet", link_local_peers_meet},
        CU_TEST_INFO_NULL,
    };
    if (!namespace_enter()) {
        fprintf(stderr, "skipped: no network namespace, or no `ip`\n");
        return 77;
    }
    return sluice_suite_run("net_roaming", tests);
}
