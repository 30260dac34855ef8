/* SPDX-License-Identifier: Apache-2.0 */
#include "hostile/stranger.h"
#include "base/clock.h"
#include "plugin/library.h"
#include "session/message.h"
#include "session/session.h"
#include <CUnit/CUnit.h>
#include <stdio.h>
#include <string.h>

#define CREDIT (UINT64_C(4) << 20)
#define PATIENCE_NS (10 * SLUICE_SECOND)
#define CIPHER "aes-128-gcm"

/* ---- the lane ---- */

static size_t on_fetch(void *user, sluice_object_id id, uint64_t offset, const struct iovec *buffers, int count)
{
    const stranger *s = user;
    size_t filled = 0;
    for (int i = 0; i < count && id == SLUICE_OBJECT_CONTROL; i++) {
        size_t left = s->said.size - (size_t)offset - filled;
        size_t bytes = buffers[i].iov_len < left ? buffers[i].iov_len : left;
        memcpy(buffers[i].iov_base, s->said.bytes + offset + filled, bytes);
        filled += bytes;
    }
    return filled;
}

static void on_acked(void *user, sluice_object_id id, uint64_t from, uint64_t to)
{
    (void)user;
    (void)id;
    (void)from;
    (void)to;
}

static void on_completed(void *user, sluice_object_id id)
{
    (void)user;
    (void)id;
}

static int on_opened(void *user, sluice_object_id id, unsigned flags)
{
    (void)user;
    (void)id;
    (void)flags;
    return SLUICE_OK;
}

static void on_deliver(void *user, sluice_object_id id, uint64_t offset, const uint8_t *data, size_t bytes)
{
    stranger *s = user;
    (void)offset;
    if (id == SLUICE_OBJECT_CONTROL)
        sluice_wire_put_bytes(&s->heard, data, bytes);
    else
        s->data_heard += bytes;
}

static void on_ended(void *user, sluice_object_id id, uint64_t size)
{
    (void)user;
    (void)id;
    (void)size;
}

static void on_event(void *user, const sluice_transport_event *event)
{
    stranger *s = user;
    if (event->type == SLUICE_TRANSPORT_CLOSED)
        s->closed = true;
}

static const sluice_transport_calls lane_calls = {.size = sizeof(sluice_transport_calls),
                                                  .fetch = on_fetch,
                                                  .acked = on_acked,
                                                  .completed = on_completed,
                                                  .opened = on_opened,
                                                  .deliver = on_deliver,
                                                  .ended = on_ended,
                                                  .aborted = on_ended,
                                                  .stopped = on_ended,
                                                  .skipped = on_acked,
                                                  .event = on_event};

static void lane_new(stranger *s, uint32_t keys_of, uint64_t local, uint64_t remote, sluice_datagram **datagram,
                     sluice_lane **lane)
{
    const sluice_welcome_message *welcome = &s->welcome;
    sluice_error error = {0};
    sluice_address peer = *sluice_channel_peer(s->tls);
    sluice_address_port_set(&peer, (uint16_t)welcome->port);
    sluice_datagram_setup connected = {.peer = &peer};
    CU_ASSERT_EQUAL_FATAL(sluice_datagram_new(datagram, s->loop, &connected, &error), SLUICE_OK);
    sluice_lane_setup setup = {
        .library = s->library,
        .loop = s->loop,
        .log = sluice_library_log(s->library),
        .datagram = *datagram,
        .peer = &peer,
        .transport = "udp",
        .crypto = "openssl",
        .congestion = "fixed",
        .cipher = welcome->cipher,
        .keys = &s->keys,
        .number = keys_of,
        .limits = {.target_bps = 100000000, .weight = 1},
        .transport_setup = {.role = SLUICE_CLIENT,
                            .local_id = local,
                            .remote_id = remote,
                            .ip_bytes = 28,
                            .datagram_least = SLUICE_SESSION_DATAGRAM_LEAST,
                            .datagram_most = (uint32_t)welcome->datagram_most,
                            .address_validated = true,
                            .receive_bytes = CREDIT,
                            .ordered_bytes = CREDIT,
                            .peer_receive_bytes = welcome->receive_bytes / (1 + welcome->lanes.count),
                            .peer_ordered_bytes = welcome->ordered_bytes,
                            .in_flight_most = CREDIT,
                            .timeout_ns = PATIENCE_NS,
                            .keepalive_ns = PATIENCE_NS},
        .calls = &lane_calls,
        .user = s,
    };
    CU_ASSERT_EQUAL_FATAL(sluice_lane_new(&setup, lane, &error), SLUICE_OK);
}

static void lane_make(stranger *s, const sluice_welcome_message *welcome)
{
    uint8_t secret[SLUICE_SECRET_BYTES];
    CU_ASSERT_EQUAL_FATAL(sluice_channel_export(s->tls, SLUICE_EXPORTER_LABEL, secret, sizeof secret), SLUICE_OK);
    sluice_keys_init(&s->keys, secret, welcome->session_id);
    s->welcome = *welcome;
    lane_new(s, 0, s->connection_id, welcome->connection_id, &s->datagram, &s->lane);
}

void stranger_side(stranger *s, uint32_t number, uint32_t keys_of)
{
    CU_ASSERT_FATAL(number > 0 && number <= s->welcome.lanes.count);
    lane_new(s, keys_of, s->hello.lanes.ids[number - 1], s->welcome.lanes.ids[number - 1], &s->side_datagram, &s->side);
    sluice_lane_wake(s->side);
}

/* ---- set-up ---- */

static void on_message(void *user, uint8_t *bytes, size_t count)
{
    stranger *s = user;
    sluice_hello_type type;
    sluice_welcome_message welcome;
    sluice_refuse_message refuse;
    sluice_error error = {0};
    if (s->moved)
        return; /* packets */
    s->answered = true;
    s->refused = sluice_answer_get(bytes, count, &type, &welcome, &refuse, &error);
    if (s->refused == SLUICE_OK && type != SLUICE_REFUSE) {
        s->moved = type == SLUICE_MOVED;
        if (type == SLUICE_WELCOME && strcmp(welcome.transport, "udp") == 0)
            lane_make(s, &welcome);
        return;
    }
    snprintf(s->sentence, sizeof s->sentence, "%s", s->refused ? error.text : refuse.sentence);
    if (s->refused == SLUICE_OK)
        s->refused = refuse.status;
}

static void on_hung_up(void *user, const sluice_error *error)
{
    stranger *s = user;
    if (!s->answered)
        snprintf(s->sentence, sizeof s->sentence, "%s", error->text);
    s->hung_up = true;
}

static void send_hello(stranger *s)
{
    uint8_t exported[SLUICE_SHA256_BYTES];
    sluice_wire_writer writer = {0};
    CU_ASSERT_EQUAL(sluice_channel_export(s->tls, SLUICE_EXPORTER_PROOF, exported, sizeof exported), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_hello_prove(s->ticket.secret, exported, s->hello.proof), SLUICE_OK);
    sluice_hello_put(&s->hello, &writer);
    sluice_wire_put_bytes(&writer, s->extra.bytes, s->extra.size);
    CU_ASSERT_EQUAL(sluice_channel_send(s->tls, writer.bytes, writer.size), SLUICE_OK);
    sluice_wire_writer_fini(&writer);
}

static void on_ready(void *user)
{
    send_hello(user);
}

static void on_ready_otherwise(void *user)
{
    (void)user;
}

static void step(stranger *s)
{
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_loop_step(s->loop, 20 * SLUICE_MS, &error), SLUICE_OK);
}

void stranger_meet(stranger *s, uint16_t port, const void *instead, size_t bytes)
{
    static const sluice_channel_calls honest = {.ready = on_ready, .message = on_message, .closed = on_hung_up};
    static const sluice_channel_calls otherwise = {
        .ready = on_ready_otherwise, .message = on_message, .closed = on_hung_up};
    sluice_error error = {0};
    sluice_tls_connect_setup setup = {.host = "127.0.0.1", .port = port, .fingerprint = s->ticket.key};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_connect(&s->tls, s->loop, &setup, instead ? &otherwise : &honest, s, &error),
                          SLUICE_OK);
    if (instead)
        CU_ASSERT_EQUAL(sluice_channel_send(s->tls, instead, bytes), SLUICE_OK);
    sluice_time end = sluice_clock_now() + PATIENCE_NS;
    while (!s->answered && !s->hung_up && sluice_clock_now() < end)
        step(s);
    CU_ASSERT(s->answered || s->hung_up);
}

static void answer_wait(stranger *s)
{
    sluice_time end = sluice_clock_now() + PATIENCE_NS;
    while (!s->answered && !s->hung_up && sluice_clock_now() < end)
        step(s);
}

void stranger_tell(stranger *s, const void *bytes, size_t count)
{
    s->answered = false;
    CU_ASSERT_EQUAL(sluice_channel_send(s->tls, bytes, count), SLUICE_OK);
    answer_wait(s);
}

static void on_ready_to_join(void *user)
{
    stranger *s = user;
    s->answered = true;
}

void stranger_join(stranger *s, uint16_t port, const sluice_keys *keys, bool wrong)
{
    static const sluice_channel_calls calls = {.ready = on_ready_to_join, .message = on_message, .closed = on_hung_up};
    sluice_tls_connect_setup setup = {.host = "127.0.0.1", .port = port, .fingerprint = s->ticket.key};
    sluice_move_message move = {.has_join = true};
    uint8_t exported[SLUICE_SHA256_BYTES], join[SLUICE_SECRET_BYTES];
    sluice_wire_writer writer = {0};
    sluice_error error = {0};
    CU_ASSERT_EQUAL_FATAL(sluice_tls_connect(&s->tls, s->loop, &setup, &calls, s, &error), SLUICE_OK);
    answer_wait(s);
    memcpy(move.session_id, keys->session_id, sizeof move.session_id);
    CU_ASSERT_EQUAL(sluice_keys_join(keys, join), SLUICE_OK);
    CU_ASSERT_EQUAL(sluice_channel_export(s->tls, SLUICE_EXPORTER_PROOF, exported, sizeof exported), SLUICE_OK);
    exported[0] ^= wrong;
    CU_ASSERT_EQUAL(sluice_hello_prove(join, exported, move.proof), SLUICE_OK);
    sluice_move_put(&move, &writer);
    stranger_tell(s, writer.bytes, writer.size);
    sluice_wire_writer_fini(&writer);
}

void stranger_init(stranger *s, sluice *library, sluice_loop *loop, const char *ticket_file)
{
    sluice_error error = {0};
    memset(s, 0, sizeof *s);
    s->library = library;
    s->loop = loop;
    s->connection_id = 42;
    CU_ASSERT_EQUAL_FATAL(sluice_ticket_read(ticket_file, &s->ticket, &error), SLUICE_OK);
    s->hello = (sluice_hello_message){.version_least = SLUICE_PROTOCOL_VERSION,
                                      .version_most = SLUICE_PROTOCOL_VERSION,
                                      .software = "stranger",
                                      .connection_id = s->connection_id,
                                      .ciphers = {{.name = CIPHER, .packets_per_second = 1000}},
                                      .cipher_count = 1,
                                      .transport = "udp",
                                      .congestion = "fair",
                                      .push = true,
                                      .datagram_most = SLUICE_SESSION_DATAGRAM_MOST,
                                      .receive_bytes = CREDIT,
                                      .ordered_bytes = CREDIT,
                                      .timeout_ns = PATIENCE_NS};
    memcpy(s->hello.ticket_id, s->ticket.id, sizeof s->hello.ticket_id);
}

void stranger_fini(stranger *s)
{
    sluice_lane_free(s->side);
    sluice_lane_free(s->lane);
    sluice_datagram_free(s->side_datagram);
    sluice_datagram_free(s->datagram);
    sluice_channel_free(s->tls);
    sluice_wire_writer_fini(&s->extra);
    sluice_wire_writer_fini(&s->said);
    sluice_wire_writer_fini(&s->heard);
    sluice_ticket_wipe(&s->ticket);
}

/* ---- talk ---- */

void stranger_say(stranger *s, const void *bytes, size_t count)
{
    uint64_t from = s->said.size;
    sluice_wire_put_bytes(&s->said, bytes, count);
    if (!s->lane || s->closed || count == 0)
        return;
    CU_ASSERT_EQUAL(sluice_lane_ops(s->lane)->offer(sluice_lane_state(s->lane), 0, from, s->said.size), SLUICE_OK);
    sluice_lane_wake(s->lane);
}

void stranger_message(stranger *s, uint64_t type, const void *body, size_t count)
{
    sluice_wire_writer writer = {0};
    sluice_wire_put_number(&writer, type);
    sluice_wire_put_string(&writer, body, count);
    stranger_say(s, writer.bytes, writer.size);
    sluice_wire_writer_fini(&writer);
}

static bool heard(const stranger *s, uint64_t type, sluice_wire_reader *body)
{
    size_t at = 0, used;
    uint64_t which;
    while (at < s->heard.size && sluice_wire_split(s->heard.bytes + at, s->heard.size - at, SLUICE_MESSAGE_BODY_MAX,
                                                   &which, body, &used) == SLUICE_OK) {
        if (which == type)
            return true;
        at += used;
    }
    return false;
}

bool stranger_wait(stranger *s, uint64_t type, unsigned seconds)
{
    sluice_wire_reader body;
    sluice_time end = sluice_clock_now() + seconds * SLUICE_SECOND;
    while (!s->closed && !(type && heard(s, type, &body)) && sluice_clock_now() < end)
        step(s);
    return s->closed || (type && heard(s, type, &body));
}

int stranger_error(const stranger *s, char *sentence, size_t size)
{
    sluice_wire_reader body;
    if (!heard(s, SLUICE_MESSAGE_REFUSE, &body) && !heard(s, SLUICE_MESSAGE_ERROR, &body))
        return SLUICE_OK;
    return sluice_message_get_status(&body, sentence, size);
}
