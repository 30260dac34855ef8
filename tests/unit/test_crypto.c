/* SPDX-License-Identifier: Apache-2.0 */
#include "net/secure.h"
#include "unit/suite.h"

#include <dlfcn.h>
#include <sluice/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

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
    {"GCM specification, test case 3", "aes-128-gcm", GCM_KEY, GCM_IV, 0, "", GCM_PLAIN "1aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
     "1ba30b396a0aac973d58e091473f59854d5c2af327cd64a62cf35abd2ba6fab4"},
    {"GCM specification, test case 4", "aes-128-gcm", GCM_KEY, GCM_IV, 0, GCM_HEADER, GCM_PLAIN,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
     "1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {"GCM specification, test case 13", "aes-256-gcm", ZERO_32 ZERO_32, ZERO_IV, 0, "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GCM specification, test case 14", "aes-256-gcm", ZERO_32 ZERO_32, ZERO_IV, 0, "", ZERO_32,
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {"GCM specification, test case 15", "aes-256-gcm", GCM_KEY GCM_KEY, GCM_IV, 0, "", GCM_PLAIN "1aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c"},
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

#define SPECIMEN 3 /* the one with a header and a body of 60 bytes */

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

/* Which of them are tested: ipsecmb is not built everywhere, and does not work on every processor. */
static const char *plugins[] = {"openssl", NULL, NULL};

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

static void published_vectors_hold_by(const char *plugin)
{
    for (size_t i = 0; i < SLUICE_COUNT(vectors); i++) {
        const vector *v = &vectors[i];
        module m;
        module_open(&m, plugin, v->cipher);
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

static void every_flipped_bit_is_noticed_by(const char *plugin)
{
    for (size_t i = 0; i < SLUICE_COUNT(vectors); i++) {
        const vector *v = &vectors[i];
        module m;
        module_open(&m, plugin, v->cipher);
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

static void bad_packets_do_not_disturb_others_by(const char *plugin)
{
    const vector *v = &vectors[SPECIMEN];
    module m;
    module_open(&m, plugin, v->cipher);
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

static void seal_refuses_without_touching_anything_by(const char *plugin)
{
    const vector *v = &vectors[SPECIMEN];
    module m;
    module_open(&m, plugin, v->cipher);
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

/* ---- one plugin against the other ---- */

#define BATCH 64
#define GUARD_BYTES 16

/* Memory of whole pages between two that nobody may touch, so that a byte too many, read or written, ends the test. */
typedef struct fence {
    uint8_t *pages;
    size_t page_bytes, inside_bytes;
} fence;

static fence fence_new(void)
{
    fence f = {.page_bytes = (size_t)sysconf(_SC_PAGESIZE)};
    f.inside_bytes = (SLUICE_PACKET_MAX + f.page_bytes - 1) / f.page_bytes * f.page_bytes;
    f.pages = mmap(NULL, f.inside_bytes + 2 * f.page_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CU_ASSERT_NOT_EQUAL_FATAL(f.pages, MAP_FAILED);
    CU_ASSERT_EQUAL_FATAL(mprotect(f.pages + f.page_bytes, f.inside_bytes, PROT_READ | PROT_WRITE), 0);
    return f;
}

static void fence_free(fence *f)
{
    munmap(f->pages, f->inside_bytes + 2 * f->page_bytes);
}

/* bytes of it, at its end or at its beginning. */
static uint8_t *fence_room(const fence *f, size_t bytes, bool at_end)
{
    return f->pages + f->page_bytes + (at_end ? f->inside_bytes - bytes : 0);
}

/* Bytes that anybody can make again: xorshift64*. */
static uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

static void random_fill(uint64_t *seed, uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(random_next(seed) >> 56);
}

/* Both get the same keys, in two slots. */
static void pair_open(module pair[2], const char *one, const char *other, const char *cipher, uint64_t *seed)
{
    module_open(&pair[0], one, cipher);
    module_open(&pair[1], other, cipher);
    for (unsigned slot = 0; slot < 2; slot++) {
        uint8_t key[SLUICE_CRYPTO_KEY_MAX], iv[SLUICE_CRYPTO_IV_BYTES];
        random_fill(seed, key, sizeof(key));
        random_fill(seed, iv, sizeof(iv));
        for (unsigned i = 0; i < 2; i++)
            CU_ASSERT_EQUAL(pair[i].ops->key_set(pair[i].state, slot, key, iv), SLUICE_OK);
    }
}

static void pair_close(module pair[2])
{
    module_close(&pair[0]);
    module_close(&pair[1]);
}

/* Sealed by pair[0] between fences, opened by pair[1]. */
static void size_crosses(module pair[2], const fence *f, uint32_t header_bytes, uint32_t body_bytes, uint64_t *seed)
{
    static uint8_t plain[SLUICE_PACKET_MAX], sealed[SLUICE_PACKET_MAX];
    uint32_t size = header_bytes + body_bytes, room = size + GUARD_BYTES;
    random_fill(seed, plain, size);
    for (unsigned at_end = 0; at_end < 2; at_end++) {
        uint8_t *at = fence_room(f, room, at_end == 1);
        memcpy(at, plain, size);
        sluice_packet packet = {
            .data = at, .size = size, .capacity = room, .header_bytes = header_bytes, .number = random_next(seed)};
        CU_ASSERT_EQUAL(pair[0].ops->seal(pair[0].state, &packet, 1), SLUICE_OK);
        CU_ASSERT_EQUAL(packet.size, room);
        CU_ASSERT_EQUAL(memcmp(at, plain, header_bytes), 0);
        memcpy(sealed, at, room);
        pair[1].ops->open(pair[1].state, &packet, 1);
        CU_ASSERT_EQUAL(packet.status, SLUICE_OK);
        CU_ASSERT_EQUAL(packet.size, size);
        CU_ASSERT_EQUAL(memcmp(at, plain, size), 0);
        /* And the other way round the same bytes come out. */
        CU_ASSERT_EQUAL(pair[1].ops->seal(pair[1].state, &packet, 1), SLUICE_OK);
        CU_ASSERT_EQUAL(memcmp(at, sealed, room), 0);
        at[random_next(seed) % room] ^= (uint8_t)(1u << random_next(seed) % 8);
        pair[1].ops->open(pair[1].state, &packet, 1);
        CU_ASSERT_EQUAL(packet.status, SLUICE_EAUTH);
    }
}

static const char *const ciphers[] = {"aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"};

static void every_size_crosses(const char *one, const char *other)
{
    static const uint32_t headers[] = {0, 1, 11, 16, 20, 37}, large[] = {511, 512, 513, 767, 768, 1023, 1024, 1025, 1388,
                                                                         1408, 4095, 4096, 8912, 16303, 16320, 16331};
    uint64_t seed = 7;
    fence f = fence_new();
    for (size_t c = 0; c < SLUICE_COUNT(ciphers); c++) {
        module pair[2];
        pair_open(pair, one, other, ciphers[c], &seed);
        for (size_t h = 0; h < SLUICE_COUNT(headers); h++) {
            /* Past the longest run of blocks that an implementation takes at once and its remainders. */
            for (uint32_t body = 0; body <= 290; body++)
                size_crosses(pair, &f, headers[h], body, &seed);
            for (size_t l = 0; l < SLUICE_COUNT(large); l++)
                size_crosses(pair, &f, headers[h], large[l], &seed);
        }
        size_crosses(pair, &f, 20, 16356 - 20 - GUARD_BYTES, &seed);
        size_crosses(pair, &f, 20, SLUICE_PACKET_MAX - 20 - GUARD_BYTES, &seed);
        pair_close(pair);
    }
    fence_free(&f);
}

typedef struct batch {
    sluice_packet packets[BATCH];
    uint8_t bytes[BATCH][SLUICE_PACKET_MAX];
} batch;

/* Two phases in one batch, as where one ends; every size that a datagram may have. */
static void batch_lay(batch *b, uint64_t *seed)
{
    for (unsigned i = 0; i < BATCH; i++) {
        uint32_t header = (uint32_t)(random_next(seed) % 40), most = SLUICE_PACKET_MAX - header - GUARD_BYTES;
        uint32_t body = (uint32_t)(random_next(seed) % (i % 2 ? most + 1 : 64));
        b->packets[i] = (sluice_packet){.data = b->bytes[i],
                                        .size = header + body,
                                        .capacity = SLUICE_PACKET_MAX,
                                        .header_bytes = header,
                                        .phase = 4 + i / (BATCH / 2),
                                        .number = random_next(seed)};
        random_fill(seed, b->bytes[i], sizeof(b->bytes[i]));
    }
}

static void mixed_batches_cross(const char *one, const char *other)
{
    uint64_t seed = 11;
    batch *plain = calloc(3, sizeof(batch)), *b = plain + 1, *twin = plain + 2;
    CU_ASSERT_PTR_NOT_NULL_FATAL(plain);
    for (size_t c = 0; c < SLUICE_COUNT(ciphers); c++) {
        module pair[2];
        pair_open(pair, one, other, ciphers[c], &seed);
        batch_lay(plain, &seed);
        *b = *twin = *plain;
        for (unsigned i = 0; i < BATCH; i++) {
            b->packets[i].data = b->bytes[i];
            twin->packets[i].data = twin->bytes[i];
        }
        CU_ASSERT_EQUAL(pair[0].ops->seal(pair[0].state, b->packets, BATCH), SLUICE_OK);
        CU_ASSERT_EQUAL(pair[1].ops->seal(pair[1].state, twin->packets, BATCH), SLUICE_OK);
        /* The same bytes, what lies behind the packets included. */
        CU_ASSERT_EQUAL(memcmp(b->bytes, twin->bytes, sizeof(b->bytes)), 0);
        for (unsigned i = 0; i < BATCH; i += 4) {
            uint8_t *forged = &b->bytes[i][random_next(&seed) % b->packets[i].size];
            *forged ^= (uint8_t)(1u << random_next(&seed) % 8);
        }
        b->packets[1].phase ^= 1; /* the other key */
        b->packets[2].number ^= 1;
        pair[1].ops->open(pair[1].state, b->packets, BATCH);
        for (unsigned i = 0; i < BATCH; i++) {
            const sluice_packet *packet = &b->packets[i];
            CU_ASSERT_EQUAL(packet->status, i % 4 == 0 || i < 3 ? SLUICE_EAUTH : SLUICE_OK);
            if (packet->status == SLUICE_OK) {
                CU_ASSERT_EQUAL(packet->size, plain->packets[i].size);
                CU_ASSERT_EQUAL(memcmp(packet->data, plain->bytes[i], packet->size), 0);
            }
        }
        pair_close(pair);
    }
    free(plain);
}

/* Each against itself, too: what does not depend on the other library then still has to hold where there is only one. */
static void all_pairs(void (*test)(const char *one, const char *other))
{
    for (size_t i = 0; plugins[i]; i++)
        for (size_t j = 0; plugins[j]; j++)
            test(plugins[i], plugins[j]);
}

static void each_plugin(void (*test)(const char *plugin))
{
    for (size_t i = 0; plugins[i]; i++)
        test(plugins[i]);
}

static void published_vectors_hold(void)
{
    each_plugin(published_vectors_hold_by);
}

static void every_flipped_bit_is_noticed(void)
{
    each_plugin(every_flipped_bit_is_noticed_by);
}

static void bad_packets_do_not_disturb_others(void)
{
    each_plugin(bad_packets_do_not_disturb_others_by);
}

static void seal_refuses_without_touching_anything(void)
{
    each_plugin(seal_refuses_without_touching_anything_by);
}

static void what_one_seals_the_other_opens(void)
{
    all_pairs(every_size_crosses);
}

static void batches_of_mixed_sizes_cross(void)
{
    all_pairs(mixed_batches_cross);
}

/* ---- keys ---- */

static bool holds(const uint8_t *memory, size_t bytes, const uint8_t *wanted, size_t count)
{
    return memmem(memory, bytes, wanted, count) != NULL;
}

/* Only of what the plugin keeps in its state; OpenSSL cleanses what it allocates by itself. */
static void keys_are_forgotten_by(const char *plugin)
{
    uint8_t key[SLUICE_CRYPTO_KEY_MAX], iv[SLUICE_CRYPTO_IV_BYTES];
    uint64_t seed = 3;
    for (size_t c = 0; c < SLUICE_COUNT(ciphers); c++) {
        module m;
        module_open(&m, plugin, ciphers[c]);
        uint8_t *room = calloc(1, m.plugin->state_size);
        for (unsigned dropped = 0; dropped < 2; dropped++) {
            random_fill(&seed, key, sizeof(key));
            random_fill(&seed, iv, sizeof(iv));
            CU_ASSERT_EQUAL(m.ops->key_set(m.state, 3, key, iv), SLUICE_OK);
            CU_ASSERT(holds(m.state, m.plugin->state_size, iv, sizeof(iv)));
            if (dropped)
                m.ops->key_drop(m.state, 3);
            else
                m.ops->fini(m.state);
            CU_ASSERT_FALSE(holds(m.state, m.plugin->state_size, iv, sizeof(iv)));
            CU_ASSERT_FALSE(holds(m.state, m.plugin->state_size, key, m.cipher->key_bytes));
            if (!dropped) {
                /* Nothing at all is left of the instance. */
                CU_ASSERT_EQUAL(memcmp(m.state, room, m.plugin->state_size), 0);
                CU_ASSERT_EQUAL_FATAL(m.ops->init(m.state, NULL, &host, m.cipher), SLUICE_OK);
            }
        }
        free(room);
        module_close(&m);
    }
}

static void keys_are_forgotten(void)
{
    each_plugin(keys_are_forgotten_by);
}

static void none_leaves_packets_alone(void)
{
    module m;
    module_open(&m, "none", "none");
    CU_ASSERT_EQUAL(m.cipher->seal_bytes, 0);
    uint8_t room[ROOM], before[ROOM];
    sluice_packet packet;
    packet_put(&packet, room, &vectors[SPECIMEN], vectors[SPECIMEN].plain);
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

/* ---- which there are ---- */

#ifdef SLUICE_HAVE_IPSECMB
SLUICE_PRINTF(3, 4)
static int fail_saying(const sluice_host *table, int status, const char *format, ...)
{
    (void)table;
    va_list args;
    va_start(args, format);
    fputs("not tested: crypto/ipsecmb: ", stderr);
    vfprintf(stderr, format, args);
    fputs("\n", stderr);
    va_end(args);
    return status;
}

/* False: not on this processor, and says so. */
static bool ipsecmb_works(void)
{
    static const sluice_host asker = {.size = sizeof(asker), .fail = fail_saying};
    void *handle = dlopen(TEST_PLUGIN_DIR "/crypto_ipsecmb.so", RTLD_NOW | RTLD_LOCAL);
    const sluice_plugin *plugin = handle ? dlsym(handle, "crypto_ipsecmb_LTX_sluice_plugin") : NULL;
    if (!plugin) {
        fprintf(stderr, "crypto/ipsecmb was built and does not load: %s\n", dlerror());
        exit(1);
    }
    const sluice_crypto_ops *ops = plugin->ops;
    void *state = calloc(1, plugin->state_size);
    bool works = state && ops->init(state, NULL, &asker, ops->ciphers) == SLUICE_OK;
    if (works)
        ops->fini(state);
    free(state);
    dlclose(handle);
    return works;
}
#else
static bool ipsecmb_works(void)
{
    fputs("not tested: crypto/ipsecmb: it was not built\n", stderr);
    return false;
}
#endif

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"published vectors hold", published_vectors_hold},
        {"every flipped bit is noticed", every_flipped_bit_is_noticed},
        {"bad packets do not disturb others", bad_packets_do_not_disturb_others},
        {"seal refuses without touching anything", seal_refuses_without_touching_anything},
        {"what one seals the other opens", what_one_seals_the_other_opens},
        {"batches of mixed sizes cross", batches_of_mixed_sizes_cross},
        {"keys are forgotten", keys_are_forgotten},
        {"none leaves packets alone", none_leaves_packets_alone},
        CU_TEST_INFO_NULL,
    };
    if (ipsecmb_works())
        plugins[1] = "ipsecmb";
    return sluice_suite_run("crypto", tests);
}
