/* SPDX-License-Identifier: Apache-2.0 */
#include "net/secure.h"
#include "unit/suite.h"

#include <dlfcn.h>
#include <sluice/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROOM 256

typedef struct vector {
    const char *source, *cipher, *key, *iv;
    uint64_t number;
    const char *header, *plain, *sealed; /* sealed: ciphertext and tag */
} vector;

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_PLAIN                                                      \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" \
    "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
#define GCM_HEADER "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_IV "cafebabefacedbaddecaf888"
#define ZERO_32 "00000000000000000000000000000000"
#define ZERO_IV "000000000000000000000000"

/* Packet number 0 leaves the nonce as it is in the vectors that know of none. */
static const vector vectors[] = {
    {"GCM specification, test case 1", "aes-128-gcm", ZERO_32, ZERO_IV, 0, "", "", "58e2fccefa7e3061367f1d57a4e7455a"},
    {"GCM specification, test case 2", "aes-128-gcm", ZERO_32, ZERO_IV, 0, "", ZERO_32,
     "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {"GCM specification, test case 4", "aes-128-gcm", GCM_KEY, GCM_IV, 0, GCM_HEADER, GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
     "1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {"GCM specification, test case 13", "aes-256-gcm", ZERO_32 ZERO_32, ZERO_IV, 0, "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GCM specification, test case 14", "aes-256-gcm", ZERO_32 ZERO_32, ZERO_IV, 0, "", ZERO_32,
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"GCM specification, test case 16", "aes-256-gcm", GCM_KEY GCM_KEY, GCM_IV, 0, GCM_HEADER, GCM_PLAIN,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    {"RFC 8439, 2.8.2", "chacha20-poly1305", "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", 0, "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620492063"
     "6f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
     "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
    /* The packet number shapes the nonce here. */
    {"RFC 9001, A.5", "chacha20-poly1305", "c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8",
     "e0459b3474bdd0e44a41c144", 654360564, "4200bff4", "01", "655e5cd55c41f69080575d7999c25a5bfb"},
};

static int fail(const sluice_host *host, int status, const char *format, ...)
{
    (void)host;
    (void)format;
    return status;
}

static const sluice_host host = {.size = sizeof(host), .fail = fail};

typedef struct module {
    void *handle;
    const sluice_plugin *plugin;
    const sluice_crypto_ops *ops;
    const sluice_cipher *cipher;
    void *state;
} module;

static void module_open(module *m, const char *plugin, const char *cipher)
{
    char path[512], symbol[128];
    snprintf(path, sizeof(path), "%s/crypto_%s.so", TEST_PLUGIN_DIR, plugin);
    snprintf(symbol, sizeof(symbol), "crypto_%s_LTX_sluice_plugin", plugin);
    memset(m, 0, sizeof(*m));
    m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m->handle);
    m->plugin = dlsym(m->handle, symbol);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m->plugin);
    CU_ASSERT_EQUAL(m->plugin->kind_abi, SLUICE_CRYPTO_ABI);
    m->ops = m->plugin->ops;
    for (size_t i = 0; i < m->ops->cipher_count; i++)
        if (strcmp(m->ops->ciphers[i].name, cipher) == 0)
            m->cipher = &m->ops->ciphers[i];
    CU_ASSERT_PTR_NOT_NULL_FATAL(m->cipher);
    m->state = calloc(1, m->plugin->state_size + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(m->state);
    CU_ASSERT_EQUAL_FATAL(m->ops->init(m->state, NULL, &host, m->cipher), SLUICE_OK);
}

static void module_close(module *m)
{
    m->ops->fini(m->state);
    free(m->state);
    dlclose(m->handle);
}

static uint32_t put(uint8_t *to, const char *hex)
{
    CU_ASSERT_FATAL(sluice_hex_parse(hex, to, strlen(hex) / 2));
    return (uint32_t)(strlen(hex) / 2);
}

static void key_put(const module *m, unsigned slot, const char *key_hex, const char *iv_hex)
{
    uint8_t key[SLUICE_CRYPTO_KEY_MAX], iv[SLUICE_CRYPTO_IV_BYTES];
    CU_ASSERT_EQUAL(put(key, key_hex), m->cipher->key_bytes);
    CU_ASSERT_EQUAL(put(iv, iv_hex), SLUICE_CRYPTO_IV_BYTES);
    CU_ASSERT_EQUAL(m->ops->key_set(m->state, slot, key, iv), SLUICE_OK);
}

static void packet_put(sluice_packet *packet, uint8_t *room, const vector *v, const char *body)
{
    memset(packet, 0, sizeof(*packet));
    packet->data = room;
    packet->capacity = ROOM;
    packet->header_bytes = put(room, v->header);
    packet->size = packet->header_bytes + put(room + packet->header_bytes, body);
    packet->number = v->number;
}

static void published_vectors_hold(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(vectors); i++) {
        const vector *v = &vectors[i];
        module m;
        module_open(&m, "openssl", v->cipher);
        key_put(&m, 1, v->key, v->iv);
        uint8_t room[ROOM], wanted[ROOM];
        sluice_packet packet;
        packet_put(&packet, room, v, v->plain);
        packet.phase = 5; /* slot 1 */
        uint32_t wanted_bytes = put(wanted, v->sealed), plain_size = packet.size;
        CU_ASSERT_EQUAL(m.ops->seal(m.state, &packet, 1), SLUICE_OK);
        CU_ASSERT_EQUAL(packet.size, packet.header_bytes + wanted_bytes);
        CU_ASSERT_EQUAL(memcmp(room + packet.header_bytes, wanted, wanted_bytes), 0);
        m.ops->open(m.state, &packet, 1);
        CU_ASSERT_EQUAL(packet.status, SLUICE_OK);
        CU_ASSERT_EQUAL(packet.size, plain_size);
        put(wanted, v->plain);
        CU_ASSERT_EQUAL(memcmp(room + packet.header_bytes, wanted, strlen(v->plain) / 2), 0);
        module_close(&m);
    }
}

static void every_flipped_bit_is_noticed(void)
{
    for (size_t i = 0; i < SLUICE_COUNT(vectors); i++) {
        const vector *v = &vectors[i];
        module m;
        module_open(&m, "openssl", v->cipher);
        key_put(&m, 0, v->key, v->iv);
        uint8_t room[ROOM];
        sluice_packet packet;
        packet_put(&packet, room, v, v->sealed);
        for (uint32_t bit = 0, bits = 8 * packet.size; bit < bits; bit++) {
            packet_put(&packet, room, v, v->sealed);
            room[bit / 8] ^= (uint8_t)(1 << bit % 8);
            m.ops->open(m.state, &packet, 1);
            CU_ASSERT_EQUAL(packet.status, SLUICE_EAUTH);
        }
        packet_put(&packet, room, v, v->sealed);
        packet.number ^= UINT64_C(1) << 63;
        m.ops->open(m.state, &packet, 1);
        CU_ASSERT_EQUAL(packet.status, SLUICE_EAUTH);
        module_close(&m);
    }
}

static void bad_packets_do_not_disturb_others(void)
{
    const vector *v = &vectors[2];
    module m;
    module_open(&m, "openssl", v->cipher);
    key_put(&m, 0, v->key, v->iv);
    uint8_t room[6][ROOM];
    sluice_packet packets[6];
    for (unsigned i = 0; i < 6; i++)
        packet_put(&packets[i], room[i], v, v->sealed);
    room[0][0] ^= 1;                                 /* forged */
    packets[1].phase = 1;                            /* no key there */
    packets[2].size = packets[2].header_bytes + 15;  /* shorter than a tag */
    packets[3].size = 4;                             /* shorter than its header */
    packets[4].status = SLUICE_EPROTOCOL;            /* ignored before: stays as it is */
    uint32_t ignored = packets[4].size;
    m.ops->open(m.state, packets, 6);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(packets[i].status, SLUICE_EAUTH);
    CU_ASSERT_EQUAL(packets[4].status, SLUICE_EPROTOCOL);
    CU_ASSERT_EQUAL(packets[4].size, ignored);
    CU_ASSERT_EQUAL(packets[5].status, SLUICE_OK);
    CU_ASSERT_EQUAL(packets[5].size, packets[5].header_bytes + 60);

    m.ops->key_drop(m.state, 0);
    packet_put(&packets[0], room[0], v, v->sealed);
    m.ops->open(m.state, packets, 1);
    CU_ASSERT_EQUAL(packets[0].status, SLUICE_EAUTH);
    module_close(&m);
}

static void seal_refuses_without_touching_anything(void)
{
    const vector *v = &vectors[2];
    module m;
    module_open(&m, "openssl", v->cipher);
    key_put(&m, 0, v->key, v->iv);
    uint8_t room[2][ROOM], before[ROOM];
    sluice_packet packets[2];
    for (unsigned way = 0; way < 2; way++) {
        packet_put(&packets[0], room[0], v, v->plain);
        packet_put(&packets[1], room[1], v, v->plain);
        memcpy(before, room[0], packets[0].size);
        uint32_t size = packets[0].size;
        if (way == 0)
            packets[1].phase = 2; /* no key there */
        else
            packets[1].capacity = packets[1].size + 15;
        CU_ASSERT(m.ops->seal(m.state, packets, 2) < 0);
        CU_ASSERT_EQUAL(packets[0].size, size);
        CU_ASSERT_EQUAL(memcmp(before, room[0], size), 0);
    }
    module_close(&m);
}

static void none_leaves_packets_alone(void)
{
    module m;
    module_open(&m, "none", "none");
    CU_ASSERT_EQUAL(m.cipher->seal_bytes, 0);
    uint8_t room[ROOM], before[ROOM];
    sluice_packet packet;
    packet_put(&packet, room, &vectors[2], vectors[2].plain);
    packet.capacity = packet.size;
    memcpy(before, room, packet.size);
    uint32_t size = packet.size;
    CU_ASSERT_EQUAL(m.ops->seal(m.state, &packet, 1), SLUICE_OK);
    m.ops->open(m.state, &packet, 1);
    CU_ASSERT_EQUAL(packet.size, size);
    CU_ASSERT_EQUAL(packet.status, SLUICE_OK);
    CU_ASSERT_EQUAL(memcmp(before, room, size), 0);
    module_close(&m);
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"published vectors hold", published_vectors_hold},
        {"every flipped bit is noticed", every_flipped_bit_is_noticed},
        {"bad packets do not disturb others", bad_packets_do_not_disturb_others},
        {"seal refuses without touching anything", seal_refuses_without_touching_anything},
        {"none leaves packets alone", none_leaves_packets_alone},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("crypto", tests);
}
