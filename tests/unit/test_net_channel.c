/* SPDX-License-Identifier: Apache-2.0 */
#include "net/channel_state.h"
#include "net/tls.h"
#include "unit/suite.h"

#include <stdlib.h>
#include <string.h>

/* One end of a channel over TLS, and what it was told. */
typedef struct end {
    sluice_channel *channel;
    unsigned ready, messages, settled, writable, closed;
    size_t bytes, used_when_writable;
    uint32_t sequence; /* of the next message that is to come, where they are numbered */
    bool in_order, free_in_settled;
    int sent; /* messages that fill() may send yet */
    uint32_t next;
    sluice_error error;
} end;

typedef struct net {
    sluice_loop *loop;
    sluice_identity *identity;
    sluice_tls_listener *listener;
    end server, client;
} net;

/* A message of a size that its number gives: all of it can be told from the number. */
static size_t size_of(uint32_t number)
{
    static const size_t sizes[] = {4, SLUICE_CHANNEL_PACKET, 5, SLUICE_MESSAGE_MAX, 16384, 16379, 100, 40000};
    return sizes[number % SLUICE_COUNT(sizes)];
}

static size_t message_make(uint32_t number, uint8_t *out)
{
    size_t bytes = size_of(number);
    memset(out, (int)(number * 7 + 1), bytes);
    memcpy(out, &number, sizeof(number));
    return bytes;
}

static bool message_is(uint32_t number, const uint8_t *bytes, size_t count)
{
    static uint8_t expected[SLUICE_MESSAGE_MAX];
    return message_make(number, expected) == count && memcmp(expected, bytes, count) == 0;
}

static void fill(end *e)
{
    static uint8_t message[SLUICE_MESSAGE_MAX];
    while (e->sent > 0 && sluice_channel_send(e->channel, message, message_make(e->next, message)) == SLUICE_OK) {
        e->next++;
        e->sent--;
    }
}

static void on_ready(void *user)
{
    ((end *)user)->ready++;
}

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    end *e = user;
    e->messages++;
    e->bytes += count;
    if (e->in_order)
        CU_ASSERT(message_is(e->sequence, bytes, count));
    e->sequence++;
    memset(bytes, 0xee, count); /* it may be written to */
}

static void on_settled(void *user)
{
    end *e = user;
    e->settled++;
    if (e->free_in_settled) {
        sluice_channel_free(e->channel);
        e->channel = NULL;
    }
}

static void on_writable(void *user)
{
    end *e = user;
    e->writable++;
    e->used_when_writable = e->channel->queue_used;
    fill(e);
}

static void on_closed(void *user, const sluice_error *error)
{
    end *e = user;
    e->closed++;
    e->error = *error;
}

static const sluice_channel_calls calls = {
    .ready = on_ready, .message = on_message, .settled = on_settled, .writable = on_writable, .closed = on_closed};

static void on_accepted(void *user, sluice_channel *channel)
{
    net *n = user;
    n->server.channel = channel;
    sluice_channel_calls_set(channel, &calls, &n->server);
    sluice_tls_admit(channel);
}

static void net_open(net *n, const char *suites, uint64_t key_records)
{
    memset(n, 0, sizeof(*n));
    sluice_address local;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&n->loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_identity_new(&n->identity, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_address_numeric("127.0.0.1", 0, &local), SLUICE_OK);
    sluice_tls_listener_setup listener = {
        .local = &local, .identity = n->identity, .key_records = key_records, .accepted = on_accepted, .user = n};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_listen(&n->listener, n->loop, &listener, NULL), SLUICE_OK);
    sluice_tls_connect_setup setup = {.host = "127.0.0.1",
                                      .port = sluice_address_port(sluice_tls_listener_local(n->listener)),
                                      .fingerprint = sluice_identity_fingerprint(n->identity),
                                      .ciphersuites = suites,
                                      .key_records = key_records};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_connect(&n->client.channel, n->loop, &setup, &calls, &n->client, NULL), SLUICE_OK);
}

static void net_close(net *n)
{
    sluice_channel_free(n->client.channel);
    sluice_channel_free(n->server.channel);
    sluice_tls_listener_free(n->listener);
    sluice_identity_free(n->identity);
    sluice_loop_free(n->loop);
}

static void step(net *n)
{
    CU_ASSERT_EQUAL(sluice_loop_step(n->loop, SLUICE_SECOND, NULL), SLUICE_OK);
}

static void until(net *n, const unsigned *counter, unsigned value)
{
    for (sluice_time latest = sluice_loop_refresh(n->loop) + 20 * SLUICE_SECOND;
         *counter < value && sluice_loop_refresh(n->loop) < latest;)
        step(n);
    CU_ASSERT_EQUAL(*counter, value);
}

/* Both stand, and the server has got one message. */
static void meet(net *n, const char *suites, uint64_t key_records)
{
    net_open(n, suites, key_records);
    CU_ASSERT_EQUAL(sluice_channel_send(n->client.channel, "hello", 5), SLUICE_OK);
    until(n, &n->server.messages, 1);
    n->server.sequence = n->server.settled = 0;
    n->server.bytes = n->server.messages = 0;
}

static void bulk_of_all_sizes_arrives_whole(void)
{
    net n;
    const unsigned count = 2000;
    size_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += size_of(i);
    meet(&n, NULL, 0);
    n.server.in_order = n.client.in_order = true;
    n.client.sent = n.server.sent = (int)count;
    fill(&n.client);
    fill(&n.server);
    CU_ASSERT(n.client.sent > 0); /* the queue is too small for all, else nothing is shown here */
    until(&n, &n.server.messages, count);
    until(&n, &n.client.messages, count);
    CU_ASSERT_EQUAL(n.server.bytes, bytes);
    CU_ASSERT_EQUAL(n.client.bytes, bytes);
    CU_ASSERT(n.client.writable > 0);
    CU_ASSERT_EQUAL(n.client.channel->queue_room, 1 << 20); /* it never grew beyond what may wait in it */
    net_close(&n);
}

static void full_queue_is_told_and_its_emptying_too(void)
{
    net n;
    uint8_t message[1000] = {0};
    meet(&n, NULL, 0);
    sluice_channel_queue_most(n.client.channel, 10040); /* ten of them with their lengths */
    unsigned taken = 0;
    while (sluice_channel_send(n.client.channel, message, sizeof(message)) == SLUICE_OK && taken < 100)
        taken++;
    CU_ASSERT_EQUAL(taken, 10);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, message, sizeof(message)), SLUICE_EAGAIN);
    CU_ASSERT_EQUAL(n.client.writable, 0); /* not from inside send */
    until(&n, &n.client.writable, 1);
    CU_ASSERT(n.client.used_when_writable <= 5020);
    until(&n, &n.server.messages, 10);
    step(&n);
    CU_ASSERT_EQUAL(n.client.writable, 1); /* once */

    /* One message always goes, also one that is larger than the queue. */
    static uint8_t big[SLUICE_MESSAGE_MAX];
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, big, sizeof(big)), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, message, 1), SLUICE_EAGAIN);
    until(&n, &n.server.messages, 11);
    CU_ASSERT_EQUAL(n.server.bytes, 10000 + sizeof(big));
    net_close(&n);
}

static void settled_comes_after_the_messages(void)
{
    net n;
    meet(&n, NULL, 0);
    for (unsigned i = 0; i < 10; i++)
        CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, "ten", 3), SLUICE_OK);
    until(&n, &n.server.messages, 10);
    CU_ASSERT_EQUAL(n.server.settled, 1); /* they came in one reading */

    n.server.free_in_settled = true;
    CU_ASSERT_EQUAL(sluice_channel_send(n.client.channel, "last", 4), SLUICE_OK);
    until(&n, &n.client.closed, 1);
    CU_ASSERT_EQUAL(n.client.error.status, SLUICE_ECLOSED);
    CU_ASSERT_EQUAL(n.server.closed, 0);
    net_close(&n);
}

static void client_chooses_the_cipher(void)
{
    static const struct {
        const char *suites, *cipher;
    } rows[] = {
        {"TLS_AES_128_GCM_SHA256", "aes-128-gcm"},
        {"TLS_AES_256_GCM_SHA384", "aes-256-gcm"},
        {"TLS_CHACHA20_POLY1305_SHA256", "chacha20-poly1305"},
        {"TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256", "chacha20-poly1305"},
        {"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", "aes-128-gcm"},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        net n;
        meet(&n, rows[i].suites, 0);
        CU_ASSERT_STRING_EQUAL(sluice_channel_cipher(n.client.channel), rows[i].cipher);
        CU_ASSERT_STRING_EQUAL(sluice_channel_cipher(n.server.channel), rows[i].cipher);
        CU_ASSERT_STRING_EQUAL(sluice_channel_guard(n.server.channel), "tls");
        CU_ASSERT(sluice_channel_is_tls(n.client.channel));
        net_close(&n);
    }
}

static void unknown_cipher_is_refused(void)
{
    sluice_loop *loop;
    sluice_channel *channel = NULL;
    sluice_error error = {0};
    uint8_t fingerprint[SLUICE_FINGERPRINT_BYTES] = {0};
    sluice_tls_connect_setup setup = {
        .host = "127.0.0.1", .port = 1, .fingerprint = fingerprint, .ciphersuites = "TLS_ROT13_SHA256"};
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_tls_connect(&channel, loop, &setup, &calls, NULL, &error), SLUICE_EINVAL);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "TLS_ROT13_SHA256"));
    sluice_loop_free(loop);
}

/* After three records the keys change, in both directions, and again and again. */
static void keys_change_in_mid_stream(void)
{
    net n;
    meet(&n, NULL, 3);
    n.server.in_order = n.client.in_order = true;
    n.client.sent = n.server.sent = 200;
    fill(&n.client);
    fill(&n.server);
    until(&n, &n.server.messages, 200);
    until(&n, &n.client.messages, 200);
    net_close(&n);
}

/* ---- the queue, without anything below ---- */

static const sluice_channel_ops no_ops = {.guard = "test"};

static void records_end_where_messages_do(void)
{
    sluice_loop *loop;
    sluice_channel channel = {0};
    static uint8_t message[SLUICE_MESSAGE_MAX];
    const uint8_t *bytes;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_channel_init(&channel, &no_ops, loop, SLUICE_CHANNEL_RECORD), SLUICE_OK);
    channel.turning = true;
    static const size_t sizes[] = {96, 16380, 16380, 996, 16000, 65536, 16380};
    /* The record of each step: the small one may not carry a piece of the next; two that fit go together; a message
     * larger than a record is cut, its end goes with what fits behind it. */
    static const size_t records[] = {100, 16384, 16384, 1000, 16004, 16384, 16384, 16384, 16384, 4, 16384};
    size_t sum = 0;
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++)
        CU_ASSERT_EQUAL(sluice_channel_send(&channel, message, sizes[i]), SLUICE_OK);
    for (size_t i = 0; i < SLUICE_COUNT(records); i++) {
        size_t count = sluice_channel_next(&channel, SLUICE_CHANNEL_RECORD, &bytes);
        CU_ASSERT_EQUAL(count, records[i]);
        sluice_channel_sent(&channel, count);
        sum += count;
    }
    CU_ASSERT_EQUAL(channel.queue_used, 0);
    CU_ASSERT_EQUAL(sum, 96 + 3 * 16380 + 996 + 16000 + 65536 + 7 * 4);
    sluice_timer_free(channel.deadline);
    sluice_timer_free(channel.soon);
    free(channel.queue);
    sluice_loop_free(loop);
}

/* Pseudo-random sizes in and out of a ring that wraps and grows: what comes out is what went in. */
static void ring_keeps_order(void)
{
    sluice_loop *loop;
    sluice_channel channel = {0};
    static uint8_t message[SLUICE_MESSAGE_MAX];
    uint32_t random = 1, sent = 0, got = 0;
    uint8_t header[8];
    size_t in_header = 0, left = 0;
    CU_ASSERT_EQUAL_FATAL(sluice_loop_new(&loop, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL_FATAL(sluice_channel_init(&channel, &no_ops, loop, SLUICE_CHANNEL_RECORD), SLUICE_OK);
    channel.turning = true;
    for (unsigned i = 0; i < 20000; i++) {
        random = random * 1664525 + 1013904223;
        size_t bytes = 4 + (random >> 8) % 3000;
        memcpy(message, &sent, 4);
        if (sluice_channel_send(&channel, message, bytes) == SLUICE_OK)
            sent++;
        size_t most = (random >> 16) % 4000 + 1;
        const uint8_t *from;
        size_t count = sluice_channel_next(&channel, most, &from);
        CU_ASSERT(count <= most && (count > 0 || channel.queue_used == 0));
        for (size_t at = 0; at < count; at++) {
            if (left) {
                left--;
                continue;
            }
            header[in_header++] = from[at];
            if (in_header == 8) {
                uint32_t number;
                memcpy(&number, header + 4, 4);
                CU_ASSERT_EQUAL(number, got);
                got++;
                left = ((size_t)header[2] << 8 | header[3]) - 4;
                in_header = 0;
            }
        }
        sluice_channel_sent(&channel, count);
    }
    CU_ASSERT(got > 5000);
    sluice_timer_free(channel.deadline);
    sluice_timer_free(channel.soon);
    free(channel.queue);
    sluice_loop_free(loop);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"bulk of all sizes arrives whole", bulk_of_all_sizes_arrives_whole},
        {"full queue is told, and its emptying too", full_queue_is_told_and_its_emptying_too},
        {"settled comes after the messages", settled_comes_after_the_messages},
        {"client chooses the cipher", client_chooses_the_cipher},
        {"unknown cipher is refused", unknown_cipher_is_refused},
        {"keys change in mid-stream", keys_change_in_mid_stream},
        {"records end where messages do", records_end_where_messages_do},
        {"ring keeps order", ring_keeps_order},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("net_channel", tests);
}
