/* SPDX-License-Identifier: Apache-2.0 */
#include "net/tls.h"
#include "unit/suite.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SOON (20 * SLUICE_MS)

/* What one end of a channel was told. */
typedef struct end {
    sluice_channel *tls;
    struct net *net;
    unsigned ready, messages, closed, ready_step, message_step;
    size_t bytes, last_bytes;
    uint8_t first_byte, last_byte;
    sluice_error error;
    bool free_in_message, echo;
} end;

typedef struct net {
    sluice_loop *loop;
    sluice_identity *identity;
    sluice_tls_listener *listener;
    end server, client;
    unsigned accepted, steps;
    bool admit, ignore;
} net;

static void on_ready(void *user)
{
    end *e = user;
    e->ready++;
    e->ready_step = e->net->steps;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    end *e = user;
    e->messages++;
    e->message_step = e->net->steps;
    e->bytes += count;
    e->last_bytes = count;
    e->first_byte = bytes[0];
    e->last_byte = bytes[count - 1];
    if (e->echo)
        CU_ASSERT_EQUAL(sluice_channel_send(e->tls, bytes, count), SLUICE_OK);
    if (e->free_in_message) {
        sluice_channel_free(e->tls);
        e->tls = NULL;
    }
}

static void on_closed(void *user, const sluice_error *error)
{
    end *e = user;
    e->closed++;
    e->error = *error;
}

static const sluice_channel_calls calls = {.ready = on_ready, .message = on_message, .closed = on_closed};

static void on_accepted(void *user, sluice_channel *channel)
{
    net *n = user;
    n->accepted++;
    if (n->ignore)
        return;
    sluice_channel_free(n->server.tls);
    n->server.tls = channel;
    n->server.ready_step = n->steps;
    sluice_channel_calls_set(channel, &calls, &n->server);
    if (n->admit)
        sluice_tls_admit(channel);
}

static void net_open(net *n, sluice_tls_limits limits)
{
    memset(n, 0, sizeof(*n));
    n->server.net = n->client.net = n;
    n->admit = true;
    sluice_error error = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&n->loop, &error), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_identity_new(&n->identity, &error), SLUICE_OK);
    sluice_address local;
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("127.0.0.1", 0, &local), SLUICE_OK);
    sluice_tls_listener_setup setup = {
        .local = &local, .identity = n->identity, .limits = limits, .accepted = on_accepted, .user = n};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_listen(&n->listener, n->loop, &setup, &error), SLUICE_OK);
}

static void net_close(net *n)
{
    sluice_channel_free(n->client.tls);
    sluice_channel_free(n->server.tls);
    sluice_tls_listener_free(n->listener);
    sluice_identity_free(n->identity);
    sluice_loop_free(n->loop);
}

static uint16_t port_of(const net *n)
{
    return sluice_address_port(sluice_tls_listener_local(n->listener));
}

static void dial(net *n, const char *host, uint16_t port, sluice_duration timeout_ns)
{
    sluice_tls_connect_setup setup = {
        .host = host, .port = port, .fingerprint = sluice_identity_fingerprint(n->identity), .timeout_ns = timeout_ns};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_connect(&n->client.tls, n->loop, &setup, &calls, &n->client, NULL), SLUICE_OK);
}

static void step(net *n)
{
    n->steps++;
    CU_ASSERT_EQUAL(sluice_loop_step(n->loop, SLUICE_SECOND, NULL), SLUICE_OK);
}

/* Until it happens; the test hangs for at most some seconds, then its assertions fail. */
static void until(net *n, const unsigned *counter, unsigned value)
{
    for (sluice_time latest = sluice_loop_refresh(n->loop) + 10 * SLUICE_SECOND;
         *counter < value && sluice_loop_refresh(n->loop) < latest;)
        step(n);
    CU_ASSERT_EQUAL(*counter, value);
}

static sluice_tls_listener_statistics statistics_of(const net *n)
{
    sluice_tls_listener_statistics statistics;
    sluice_tls_listener_statistics_get(n->listener, &statistics);
    return statistics;
}

static int raw_connect(const net *n)
{
    struct sockaddr_in6 raw;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t bytes = sluice_address_give(sluice_tls_listener_local(n->listener), AF_INET, &raw);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL_FATAL(connect(fd, (struct sockaddr *)&raw, bytes), 0);
    return fd;
}

/* The other side has closed or reset the connection. */
static bool is_closed(int fd)
{
    char bytes[4096];
    ssize_t got;
    while ((got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
        continue;
    return got == 0 || errno == ECONNRESET;
}

static void messages_go_both_ways(void)
{
    net n;
    static uint8_t big[SLUICE_MESSAGE_MAX];
    uint8_t ours[32], theirs[32];
    net_open(&n, (sluice_tls_limits){0});
    n.server.echo = true;
    dial(&n, "127.0.0.1", port_of(&n), 0);
    memset(big, 'x', sizeof(big));
    big[0] = 'a';
    big[sizeof(big) - 1] = 'z';
    CU_ASSERT_EQUAL(sluice_channel_export(n.client.tls, "EXPORTER-test", ours, 32), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "hello", 5), SLUICE_OK);
    until(&n, &n.client.messages, 1);
    CU_ASSERT_EQUAL(n.client.ready, 1);
    CU_ASSERT_EQUAL(n.accepted, 1);
    CU_ASSERT_EQUAL(n.server.messages, 1);
    CU_ASSERT_EQUAL(n.server.bytes, 5);
    CU_ASSERT_EQUAL(n.client.last_byte, 'o');
    /* The message came with the end of the handshake: no iteration, and no round trip, lies between. */
    CU_ASSERT_EQUAL(n.server.message_step, n.server.ready_step);

    CU_ASSERT_EQUAL(sluice_channel_export(n.client.tls, "EXPORTER-test", ours, 32), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_channel_export(n.server.tls, "EXPORTER-test", theirs, 32), SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(ours, theirs, 32), 0);
    CU_ASSERT_EQUAL(sluice_channel_export(n.server.tls, "EXPORTER-other", theirs, 32), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(ours, theirs, 32), 0);
    CU_ASSERT(sluice_address_equal(sluice_channel_peer(n.client.tls), sluice_tls_listener_local(n.listener)));
    CU_ASSERT(sluice_address_equal(sluice_channel_peer(n.server.tls), sluice_channel_local(n.client.tls)));
    CU_ASSERT(sluice_channel_rtt(n.client.tls) > 0 && sluice_channel_rtt(n.client.tls) < 10 * SLUICE_SECOND);

    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, big, sizeof(big)), SLUICE_OK);
    until(&n, &n.client.messages, 5);
    CU_ASSERT_EQUAL(n.client.bytes, 5 + 4 * sizeof(big));
    CU_ASSERT_EQUAL(n.client.first_byte, 'a');
    CU_ASSERT_EQUAL(n.client.last_byte, 'z');

    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "last", 4), SLUICE_OK);
    n.server.echo = false;
    sluice_channel_finish(n.client.tls);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "late", 4), SLUICE_ECLOSED);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.server.messages, 6);
    CU_ASSERT_EQUAL(n.server.closed, 1);
    CU_ASSERT_EQUAL(n.server.error.status, SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(statistics_of(&n).failed, 0);
    net_close(&n);
}

static void sizes_and_queue_are_bounded(void)
{
    net n;
    static uint8_t big[SLUICE_MESSAGE_MAX + 1];
    net_open(&n, (sluice_tls_limits){0});
    dial(&n, "127.0.0.1", port_of(&n), 0);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, big, 0), SLUICE_EINVAL);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, big, sizeof(big)), SLUICE_EINVAL);
    unsigned taken = 0;
    while (sluice_channel_send(n.client.tls, big, SLUICE_MESSAGE_MAX) == SLUICE_OK && taken < 100)
        taken++;
    CU_ASSERT_EQUAL(taken, 15); /* 16 of them with their lengths are more than 1 MiB */
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, big, SLUICE_MESSAGE_MAX), SLUICE_EAGAIN);
    until(&n, &n.server.messages, taken);
    net_close(&n);
}

static void wrong_key_is_told_with_both_fingerprints(void)
{
    net n;
    uint8_t wrong[SLUICE_FINGERPRINT_BYTES];
    char text[SLUICE_FINGERPRINT_TEXT];
    net_open(&n, (sluice_tls_limits){0});
    memcpy(wrong, sluice_identity_fingerprint(n.identity), sizeof(wrong));
    wrong[31] ^= 1;
    sluice_tls_connect_setup setup = {.host = "127.0.0.1", .port = port_of(&n), .fingerprint = wrong};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_connect(&n.client.tls, n.loop, &setup, &calls, &n.client, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "secret", 6), SLUICE_OK);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.ready, 0);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_EAUTH);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, sluice_fingerprint_text(wrong, text)));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(n.client.error.text, sluice_fingerprint_text(sluice_identity_fingerprint(n.identity), text)));
    while (statistics_of(&n).failed == 0 && n.steps < 100)
        step(&n);
    CU_ASSERT_EQUAL(n.accepted, 0);
    CU_ASSERT_EQUAL(statistics_of(&n).strangers, 0);
    net_close(&n);
}

static void garbage_is_hung_up_on(void)
{
    static const char *const garbage[] = {"GET / HTTP/1.0\r\n\r\n", "\x16\x03\x01\xff\xff garbage garbage garbage",
                                          "SSH-2.0-OpenSSH_9.2\r\n"};
    for (size_t i = 0; i < SLUICE_COUNT(garbage); i++) {
        net n;
        net_open(&n, (sluice_tls_limits){.stranger_ns = SOON});
        int fd = raw_connect(&n);
        CU_ASSERT_EQUAL(send(fd, garbage[i], strlen(garbage[i]), MSG_NOSIGNAL), (ssize_t)strlen(garbage[i]));
        while (statistics_of(&n).failed == 0 && n.steps < 100)
            step(&n);
        CU_ASSERT_EQUAL(statistics_of(&n).failed, 1);
        CU_ASSERT(is_closed(fd));
        CU_ASSERT_EQUAL(n.accepted, 0);
        close(fd);
        net_close(&n);
    }
}

static void half_open_connections_are_limited(void)
{
    net n;
    int fds[6];
    unsigned closed = 0;
    net_open(&n, (sluice_tls_limits){.strangers = 100, .strangers_per_host = 4, .stranger_ns = SOON});
    for (unsigned i = 0; i < 6; i++)
        fds[i] = raw_connect(&n);
    while (statistics_of(&n).accepted < 6 && n.steps < 100)
        step(&n);
    CU_ASSERT_EQUAL(statistics_of(&n).turned_away, 2);
    for (unsigned i = 0; i < 6; i++)
        closed += is_closed(fds[i]);
    CU_ASSERT(closed >= 2);
    while (statistics_of(&n).strangers > 0 && n.steps < 100)
        step(&n);
    CU_ASSERT_EQUAL(statistics_of(&n).failed, 4);
    for (unsigned i = 0; i < 6; i++) {
        CU_ASSERT(is_closed(fds[i]));
        close(fds[i]);
    }
    dial(&n, "127.0.0.1", port_of(&n), 0); /* and there is room again */
    until(&n, &n.client.ready, 1);
    net_close(&n);
}

/* A half-open connection makes room for a newcomer; one whose handshake is done does not. */
static void all_hosts_together_are_limited(void)
{
    net n;
    net_open(&n, (sluice_tls_limits){.strangers = 1});
    n.admit = false;
    int fd = raw_connect(&n);
    while (statistics_of(&n).strangers < 1 && n.steps < 100)
        step(&n);
    dial(&n, "127.0.0.1", port_of(&n), 0);
    until(&n, &n.client.ready, 1);
    CU_ASSERT_EQUAL(statistics_of(&n).turned_away, 1);
    CU_ASSERT_EQUAL(statistics_of(&n).strangers, 1);
    close(fd);

    fd = raw_connect(&n);
    while (statistics_of(&n).accepted < 3 && n.steps < 100)
        step(&n);
    CU_ASSERT_EQUAL(statistics_of(&n).turned_away, 2);
    CU_ASSERT_EQUAL(n.client.closed, 0);
    close(fd);
    net_close(&n);
}

static void peer_that_is_not_admitted_is_ended(void)
{
    net n;
    static uint8_t big[SLUICE_MESSAGE_MAX];
    net_open(&n, (sluice_tls_limits){.stranger_ns = 50 * SOON}); /* long enough for a handshake */
    n.admit = false;
    dial(&n, "127.0.0.1", port_of(&n), 0);
    until(&n, &n.server.closed, 1);
    CU_ASSERT_EQUAL(n.server.error.status, SLUICE_ETIMEOUT);
    CU_ASSERT_EQUAL(statistics_of(&n).strangers, 0);
    net_close(&n);

    net_open(&n, (sluice_tls_limits){.stranger_bytes = 16384});
    n.admit = false;
    dial(&n, "127.0.0.1", port_of(&n), 0);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "x", 1), SLUICE_OK);
    until(&n, &n.server.messages, 1);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, big, sizeof(big)), SLUICE_OK);
    until(&n, &n.server.closed, 1);
    CU_ASSERT_EQUAL(n.server.error.status, SLUICE_EPROTOCOL);
    CU_ASSERT_EQUAL(n.server.messages, 1);
    net_close(&n);

    net_open(&n, (sluice_tls_limits){0}); /* nobody takes the channel over: the listener frees it */
    n.ignore = true;
    dial(&n, "127.0.0.1", port_of(&n), 0);
    until(&n, &n.accepted, 1);
    net_close(&n);
}

/* A client made of OpenSSL alone, which can do what ours does not. */
typedef struct stranger {
    SSL_CTX *settings;
    SSL *ssl;
    int fd;
} stranger;

static int stranger_connect(net *n, stranger *s, int version)
{
    s->settings = SSL_CTX_new(TLS_client_method());
    CU_ASSERT_EQUAL(SSL_CTX_set_max_proto_version(s->settings, version), 1);
    s->ssl = SSL_new(s->settings);
    s->fd = raw_connect(n);
    CU_ASSERT_EQUAL(fcntl(s->fd, F_SETFL, O_NONBLOCK), 0);
    CU_ASSERT_EQUAL(SSL_set_fd(s->ssl, s->fd), 1);
    int result;
    for (unsigned i = 0; (result = SSL_connect(s->ssl)) != 1 && i < 50; i++) {
        if (SSL_get_error(s->ssl, result) != SSL_ERROR_WANT_READ)
            return result;
        step(n);
    }
    return result;
}

static void stranger_free(stranger *s)
{
    SSL_free(s->ssl);
    SSL_CTX_free(s->settings);
    close(s->fd);
}

static void lengths_out_of_range_are_refused(void)
{
    static const uint8_t lengths[][4] = {{0, 0, 0, 0}, {0, 1, 0, 1}, {255, 255, 255, 255}};
    for (size_t i = 0; i < SLUICE_COUNT(lengths); i++) {
        net n;
        stranger s;
        net_open(&n, (sluice_tls_limits){0});
        CU_ASSERT_EQUAL_FATAL(stranger_connect(&n, &s, TLS1_3_VERSION), 1);
        CU_ASSERT_EQUAL(SSL_write(s.ssl, lengths[i], 4), 4);
        until(&n, &n.server.closed, 1);
        CU_ASSERT_EQUAL(n.server.error.status, SLUICE_EPROTOCOL);
        CU_ASSERT_EQUAL(n.server.messages, 0);
        stranger_free(&s);
        net_close(&n);
    }
}

static void message_may_come_in_pieces(void)
{
    net n;
    stranger s;
    static const uint8_t bytes[] = {0, 0, 0, 2, 'o', 'k', 0, 0, 0, 1, '!'};
    net_open(&n, (sluice_tls_limits){0});
    CU_ASSERT_EQUAL_FATAL(stranger_connect(&n, &s, TLS1_3_VERSION), 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        CU_ASSERT_EQUAL(SSL_write(s.ssl, &bytes[i], 1), 1);
    until(&n, &n.server.messages, 2);
    CU_ASSERT_EQUAL(n.server.bytes, 3);
    CU_ASSERT_EQUAL(shutdown(s.fd, SHUT_WR), 0); /* cut without a word of TLS */
    until(&n, &n.server.closed, 1);
    CU_ASSERT_EQUAL(n.server.error.status, SLUICE_EIO);
    stranger_free(&s);
    net_close(&n);
}

static void handshake_message_seen(int written, int version, int type, const void *bytes, size_t count, SSL *ssl,
                                   void *user)
{
    (void)version;
    (void)ssl;
    if (!written && type == SSL3_RT_HANDSHAKE && count > 0 && *(const uint8_t *)bytes == SSL3_MT_KEY_UPDATE)
        ++*(unsigned *)user;
}

/* Our server's key is good for three records: the fourth, the seventh and the tenth come with the next one each. */
static void keys_change_in_mid_stream(void)
{
    net n;
    stranger s;
    unsigned updates = 0;
    size_t got = 0;
    static uint8_t record[SLUICE_CHANNEL_PACKET], bytes[16384];
    net_open(&n, (sluice_tls_limits){0});
    sluice_tls_listener_free(n.listener);
    sluice_address local;
    CU_ASSERT_EQUAL(sluice_address_numeric("127.0.0.1", 0, &local), SLUICE_OK);
    sluice_tls_listener_setup setup = {
        .local = &local, .identity = n.identity, .key_records = 3, .accepted = on_accepted, .user = &n};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_listen(&n.listener, n.loop, &setup, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(stranger_connect(&n, &s, TLS1_3_VERSION), 1);
    SSL_set_msg_callback(s.ssl, handshake_message_seen);
    SSL_set_msg_callback_arg(s.ssl, &updates);
    until(&n, &n.accepted, 1);
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(sluice_channel_send(n.server.tls, record, sizeof(record)), SLUICE_OK);
    for (unsigned i = 0; i < 1000 && got < 10 * 16384; i++) {
        int count = SSL_read(s.ssl, bytes, sizeof(bytes));
        if (count > 0)
            got += (size_t)count;
        else
            step(&n);
    }
    CU_ASSERT_EQUAL(got, 10 * 16384);
    CU_ASSERT_EQUAL(updates, 3);
    stranger_free(&s);
    net_close(&n);
}

static void older_tls_is_refused(void)
{
    net n;
    stranger s;
    net_open(&n, (sluice_tls_limits){0});
    CU_ASSERT_NOT_EQUAL(stranger_connect(&n, &s, TLS1_2_VERSION), 1);
    CU_ASSERT_EQUAL(n.accepted, 0);
    CU_ASSERT_EQUAL(statistics_of(&n).failed, 1);
    stranger_free(&s);
    net_close(&n);
}

static void failures_to_connect_are_told(void)
{
    net n;
    net_open(&n, (sluice_tls_limits){0});
    uint16_t port = port_of(&n);
    sluice_tls_listener_free(n.listener);
    n.listener = NULL;
    char where[128];
    dial(&n, "127.0.0.1", port, 0);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    snprintf(where, sizeof(where), "cannot connect to 127.0.0.1:%u: Connection refused - is `sluice serve` running there?",
             port);
    CU_ASSERT_STRING_EQUAL(n.client.error.text, where);
    sluice_channel_free(n.client.tls);
    n.client = (end){.net = &n};

    dial(&n, "a..b", port, 0); /* no name at all */
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "a..b"));
    net_close(&n);
}

static void server_that_does_not_speak_tls_is_told(void)
{
    net n;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t bytes = sizeof(address);
    net_open(&n, (sluice_tls_limits){0});
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    CU_ASSERT_EQUAL_FATAL(bind(fd, (struct sockaddr *)&address, bytes), 0);
    CU_ASSERT_EQUAL_FATAL(listen(fd, 5), 0);
    CU_ASSERT_EQUAL_FATAL(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);

    dial(&n, "127.0.0.1", ntohs(address.sin_port), 25 * SOON); /* nobody answers */
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "took longer"));
    sluice_channel_free(n.client.tls);
    n.client = (end){.net = &n};
    close(accept(fd, NULL, NULL));

    dial(&n, "127.0.0.1", ntohs(address.sin_port), 0);
    step(&n); /* looked up, and connecting */
    int peer = accept(fd, NULL, NULL);
    CU_ASSERT_FATAL(peer >= 0);
    CU_ASSERT_EQUAL(send(peer, "220 mail.example ESMTP\r\n", 24, MSG_NOSIGNAL), 24);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(n.client.error.text, "is it a sluice server?"));
    close(peer);
    close(fd);
    net_close(&n);
}

static void names_are_looked_up_and_addresses_tried_in_turn(void)
{
    net n;
    net_open(&n, (sluice_tls_limits){0}); /* on 127.0.0.1 alone: ::1 is refused, if the name has it */
    dial(&n, "localhost", port_of(&n), 0);
    until(&n, &n.client.ready, 1);
    net_close(&n);
}

static void channel_may_be_freed_at_any_time(void)
{
    net n;
    net_open(&n, (sluice_tls_limits){0});
    dial(&n, "localhost", port_of(&n), 0);
    sluice_channel_free(n.client.tls); /* while its name is looked up */
    dial(&n, "127.0.0.1", port_of(&n), 0);
    step(&n);
    sluice_channel_free(n.client.tls); /* while it connects */
    dial(&n, "127.0.0.1", port_of(&n), 0);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "1", 1), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.tls, "2", 1), SLUICE_OK);
    n.server.free_in_message = true;
    until(&n, &n.server.messages, 1);
    CU_ASSERT_EQUAL(n.server.closed, 0);
    until(&n, &n.client.closed, 1);
    net_close(&n);
}

static void address_in_use_is_told(void)
{
    net n;
    net_open(&n, (sluice_tls_limits){0});
    sluice_error error = {0};
    sluice_tls_listener *second = NULL;
    sluice_tls_listener_setup setup = {.local = sluice_tls_listener_local(n.listener), .identity = n.identity};
    CU_ASSERT_EQUAL(sluice_tls_listen(&second, n.loop, &setup, &error), SLUICE_ECONNECT);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "Address already in use"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "127.0.0.1:"));
    net_close(&n);
}

static void listener_without_address_takes_both_families(void)
{
    net n;
    net_open(&n, (sluice_tls_limits){0});
    sluice_tls_listener_free(n.listener);
    sluice_tls_listener_setup setup = {.identity = n.identity, .accepted = on_accepted, .user = &n};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_listen(&n.listener, n.loop, &setup, NULL), SLUICE_OK);
    dial(&n, "127.0.0.1", port_of(&n), 0);
    until(&n, &n.client.ready, 1);
    sluice_channel_free(n.client.tls);
    n.client = (end){.net = &n};
    if (sluice_tls_listener_local(n.listener)->of.any.sa_family == AF_INET6) {
        dial(&n, "::1", port_of(&n), 0);
        until(&n, &n.client.ready, 1);
    }
    net_close(&n);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"messages go both ways", messages_go_both_ways},
        {"sizes and queue are bounded", sizes_and_queue_are_bounded},
        {"wrong key is told with both fingerprints", wrong_key_is_told_with_both_fingerprints},
        {"garbage is hung up on", garbage_is_hung_up_on},
        {"half-open connections are limited", half_open_connections_are_limited},
        {"all hosts together are limited", all_hosts_together_are_limited},
        {"peer that is not admitted is ended", peer_that_is_not_admitted_is_ended},
        {"lengths out of range are refused", lengths_out_of_range_are_refused},
        {"message may come in pieces", message_may_come_in_pieces},
        {"keys change in mid-stream", keys_change_in_mid_stream},
        {"older TLS is refused", older_tls_is_refused},
        {"failures to connect are told", failures_to_connect_are_told},
        {"server that does not speak TLS is told", server_that_does_not_speak_tls_is_told},
        {"names are looked up and addresses tried in turn", names_are_looked_up_and_addresses_tried_in_turn},
        {"channel may be freed at any time", channel_may_be_freed_at_any_time},
        {"address in use is told", address_in_use_is_told},
        {"listener without address takes both families", listener_without_address_takes_both_families},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_tls", tests);
}
