/* SPDX-License-Identifier: Apache-2.0 */
#include "session/hello.h"
#include "unit/suite.h"
#include <stdlib.h>
#include <string.h>

static sluice_hello_message sample_hello(void)
{
    sluice_hello_message hello = {
        .version_least = 1,
        .version_most = 3,
        .features = 5,
        .software = "sluice 9.9",
        .connection_id = 0xfedcba9876543210,
        .cipher_count = 2,
        .transport = "udp",
        .push = 1,
        .congestion = "fair",
        .target_bps = UINT64_MAX - 1,
        .minimum_bps = 7,
        .datagram_most = 16356,
        .receive_bytes = 1 << 26,
        .ordered_bytes = 1 << 20,
        .timeout_ns = 60 * SLUICE_SECOND,
    };
    memset(hello.ticket_id, 0x11, sizeof hello.ticket_id);
    memset(hello.proof, 0x22, sizeof hello.proof);
    strcpy(hello.ciphers[0].name, "aes-128-gcm");
    hello.ciphers[0].packets_per_second = 1000000;
    strcpy(hello.ciphers[1].name, "chacha20-poly1305");
    hello.ciphers[1].packets_per_second = 400000;
    return hello;
}

static void test_hello_round_trip(void)
{
    sluice_hello_message hello = sample_hello(), got;
    sluice_wire_writer writer = {0};
    sluice_hello_put(&hello, &writer);
    CU_ASSERT_FALSE_FATAL(writer.failed);
    CU_ASSERT_EQUAL_FATAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(got.version_most, 3);
    CU_ASSERT_STRING_EQUAL(got.software, "sluice 9.9");
    CU_ASSERT_EQUAL(memcmp(got.ticket_id, hello.ticket_id, sizeof got.ticket_id), 0);
    CU_ASSERT_EQUAL(memcmp(got.proof, hello.proof, sizeof got.proof), 0);
    CU_ASSERT_EQUAL(got.connection_id, 0xfedcba9876543210);
    CU_ASSERT_EQUAL(got.cipher_count, 2);
    CU_ASSERT_STRING_EQUAL(got.ciphers[1].name, "chacha20-poly1305");
    CU_ASSERT_EQUAL(got.ciphers[1].packets_per_second, 400000);
    CU_ASSERT_EQUAL(got.push, 1);
    CU_ASSERT_EQUAL(got.target_bps, UINT64_MAX - 1);
    CU_ASSERT_EQUAL(got.minimum_bps, 7);
    CU_ASSERT_EQUAL(got.datagram_most, 16356);
    CU_ASSERT_EQUAL(got.timeout_ns, 60 * SLUICE_SECOND);
    sluice_wire_writer_fini(&writer);
}

static void test_welcome_and_refuse(void)
{
    sluice_welcome_message welcome = {.version_least = 1, .version_most = 1, .connection_id = 42, .port = 33001, .cipher = "aes-256-gcm",
                                      .transport = "udp", .congestion = "fixed", .datagram_most = 1472, .rate_most = 10000000}, got;
    sluice_refuse_message refuse = {.status = SLUICE_EAUTH, .sentence = "no such ticket\n\033[2J"}, refused;
    sluice_wire_writer writer = {0};
    sluice_hello_type type;
    sluice_welcome_put(&welcome, &writer);
    CU_ASSERT_EQUAL_FATAL(sluice_answer_get(writer.bytes, writer.size, &type, &got, &refused, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(type, SLUICE_WELCOME);
    CU_ASSERT_STRING_EQUAL(got.cipher, "aes-256-gcm");
    CU_ASSERT_EQUAL(got.port, 33001);
    CU_ASSERT_EQUAL(got.rate_most, 10000000);
    sluice_wire_clear(&writer);
    sluice_refuse_put(&refuse, &writer);
    CU_ASSERT_EQUAL_FATAL(sluice_answer_get(writer.bytes, writer.size, &type, &got, &refused, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(type, SLUICE_REFUSE);
    CU_ASSERT_EQUAL(refused.status, SLUICE_EAUTH);
    /* What comes from a peer must not drive the terminal. */
    CU_ASSERT_STRING_EQUAL(refused.sentence, "no such ticket??[2J");
    sluice_wire_writer_fini(&writer);
}

/* One lane is not spoken of; more are named, and no more than there can be are taken, however many a peer names. */
static void test_lanes(void)
{
    sluice_hello_message hello = sample_hello(), got;
    sluice_wire_writer writer = {0}, many = {0};
    sluice_hello_put(&hello, &writer);
    size_t alone = writer.size;
    sluice_wire_clear(&writer);
    hello.lanes = (sluice_lane_row){.count = 2, .ids = {UINT64_MAX, 7}};
    sluice_hello_put(&hello, &writer);
    CU_ASSERT_EQUAL(writer.size, alone + 2 + 2 * 8);
    CU_ASSERT_EQUAL_FATAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(got.lanes.count, 2);
    CU_ASSERT_EQUAL(got.lanes.ids[0], UINT64_MAX);
    CU_ASSERT_EQUAL(got.lanes.ids[1], 7);
    sluice_wire_clear(&writer);
    hello.lanes.count = 0;
    sluice_hello_put(&hello, &writer);
    for (uint64_t i = 0; i < 1000; i++)
        sluice_wire_put_u64(&many, i);
    sluice_wire_put_field(&writer, 26, many.bytes, many.size);
    CU_ASSERT_EQUAL_FATAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(got.lanes.count, SLUICE_LANES_MOST - 1);
    CU_ASSERT_EQUAL(got.lanes.ids[14], 14);
    sluice_wire_clear(&writer);
    sluice_hello_put(&hello, &writer);
    sluice_wire_put_field(&writer, 26, many.bytes, 12); /* one and a half */
    CU_ASSERT_EQUAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_EPROTOCOL);
    sluice_wire_writer_fini(&writer);
    sluice_wire_writer_fini(&many);
}

/* Secret and ports are there only when they are meant, so that neither crosses a channel that has no need of it. */
static void test_hello_over_ssh(void)
{
    sluice_hello_message hello = sample_hello(), got;
    sluice_wire_writer writer = {0};
    memset(hello.secret, 0x33, sizeof hello.secret);
    hello.own_port = 33002;
    sluice_hello_put(&hello, &writer);
    CU_ASSERT_EQUAL_FATAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_FALSE(got.has_secret);
    CU_ASSERT_FALSE(got.has_ports);
    CU_ASSERT_PTR_NULL(memmem(writer.bytes, writer.size, hello.secret, sizeof hello.secret));
    hello.has_secret = hello.has_ports = true;
    hello.port_least = 33001;
    hello.port_most = 33100;
    sluice_wire_clear(&writer);
    sluice_hello_put(&hello, &writer);
    CU_ASSERT_EQUAL_FATAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_TRUE(got.has_secret);
    CU_ASSERT_EQUAL(memcmp(got.secret, hello.secret, sizeof got.secret), 0);
    CU_ASSERT_TRUE(got.has_ports);
    CU_ASSERT_EQUAL(got.own_port, 33002);
    CU_ASSERT_EQUAL(got.port_least, 33001);
    CU_ASSERT_EQUAL(got.port_most, 33100);
    sluice_wire_writer_fini(&writer);
}

static void test_move(void)
{
    sluice_move_message move = {.has_join = true}, got;
    sluice_welcome_message welcome;
    sluice_refuse_message refuse;
    sluice_hello_type type;
    sluice_wire_writer writer = {0};
    memset(move.session_id, 0x44, sizeof move.session_id);
    memset(move.proof, 0x55, sizeof move.proof);
    sluice_move_put(&move, &writer);
    CU_ASSERT_EQUAL(sluice_hello_type_of(writer.bytes, writer.size), SLUICE_MOVE);
    CU_ASSERT_EQUAL_FATAL(sluice_move_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_TRUE(got.has_join);
    CU_ASSERT_EQUAL(memcmp(got.session_id, move.session_id, sizeof got.session_id), 0);
    CU_ASSERT_EQUAL(memcmp(got.proof, move.proof, sizeof got.proof), 0);
    for (size_t size = 0; size < writer.size; size++) /* cut short it is refused, or the field is not there */
        CU_ASSERT_TRUE(sluice_move_get(writer.bytes, size, &got, NULL) != SLUICE_OK || !got.has_join);
    move.has_join = false;
    sluice_wire_clear(&writer);
    sluice_move_put(&move, &writer);
    CU_ASSERT_EQUAL_FATAL(sluice_move_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_FALSE(got.has_join);
    sluice_wire_clear(&writer);
    sluice_moved_put(&writer);
    CU_ASSERT_EQUAL_FATAL(sluice_answer_get(writer.bytes, writer.size, &type, &welcome, &refuse, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(type, SLUICE_MOVED);
    CU_ASSERT_EQUAL(sluice_hello_type_of(writer.bytes, 0), 0);
    sluice_wire_writer_fini(&writer);
}

/* A field of a later version: even tags are stepped over, odd ones must be understood. */
static void test_unknown_fields(void)
{
    sluice_hello_message hello = sample_hello(), got;
    sluice_wire_writer writer = {0};
    sluice_hello_put(&hello, &writer);
    sluice_wire_put_field(&writer, 1000, "later", 5);
    CU_ASSERT_EQUAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_OK);
    CU_ASSERT_EQUAL(got.connection_id, hello.connection_id);
    sluice_wire_put_field(&writer, 1001, "later", 5);
    CU_ASSERT_EQUAL(sluice_hello_get(writer.bytes, writer.size, &got, NULL), SLUICE_EVERSION);
    sluice_wire_writer_fini(&writer);
}

static void test_versions(void)
{
    sluice_hello_message hello = sample_hello(), got;
    sluice_wire_writer writer = {0};
    sluice_error error = {0};
    hello.version_least = hello.version_most = 2;
    sluice_hello_put(&hello, &writer);
    CU_ASSERT_EQUAL(sluice_hello_get(writer.bytes, writer.size, &got, &error), SLUICE_EVERSION);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no common version"));
    sluice_wire_writer_fini(&writer);
}

/* Every prefix of a hello is refused or read, and never read past its end (sanitizers watch). */
static void test_cut_short(void)
{
    sluice_hello_message hello = sample_hello(), got;
    sluice_wire_writer writer = {0};
    sluice_hello_put(&hello, &writer);
    for (size_t size = 0; size < writer.size; size++) {
        uint8_t *part = malloc(size ? size : 1);
        CU_ASSERT_PTR_NOT_NULL_FATAL(part);
        memcpy(part, writer.bytes, size);
        int status = sluice_hello_get(part, size, &got, NULL);
        CU_ASSERT_TRUE(status == SLUICE_OK || status == SLUICE_EPROTOCOL || status == SLUICE_EVERSION);
        free(part);
    }
    sluice_wire_writer_fini(&writer);
}

/* The value was computed with Python's hmac module over the exporter's bytes, as protocol.md says; the proof depends on
 * the secret and on the channel. */
static void test_proof(void)
{
    static const uint8_t expected[SLUICE_TICKET_PROOF_BYTES] = {
        0x95, 0xdd, 0x2a, 0xc4, 0x89, 0x54, 0x66, 0x56, 0x9e, 0xeb, 0x0f, 0x8a, 0x4e, 0x7e, 0x0f, 0x62,
        0x65, 0x7d, 0x36, 0x3a, 0x68, 0xf0, 0x22, 0x51, 0x8d, 0xd9, 0xe0, 0x11, 0xcb, 0xdd, 0x33, 0x1d};
    uint8_t secret[SLUICE_TICKET_SECRET_BYTES] = {1}, exported[SLUICE_SHA256_BYTES] = {2};
    uint8_t a[SLUICE_TICKET_PROOF_BYTES], b[SLUICE_TICKET_PROOF_BYTES];
    CU_ASSERT_EQUAL_FATAL(sluice_hello_prove(secret, exported, a), SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(a, expected, sizeof a), 0);
    exported[31] ^= 1;
    CU_ASSERT_EQUAL_FATAL(sluice_hello_prove(secret, exported, b), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
    exported[31] ^= 1;
    secret[0] ^= 1;
    CU_ASSERT_EQUAL_FATAL(sluice_hello_prove(secret, exported, b), SLUICE_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(a, b, sizeof a), 0);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"a hello comes back as it was", test_hello_round_trip},
        {"welcome and refusal come back as they were", test_welcome_and_refuse},
        {"lanes", test_lanes},
        {"what only ssh carries", test_hello_over_ssh},
        {"a move comes back as it was", test_move},
        {"unknown fields", test_unknown_fields},
        {"no common version", test_versions},
        {"cut short anywhere", test_cut_short},
        {"the proof depends on secret and channel", test_proof},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("hello", tests);
}
