/* SPDX-License-Identifier: Apache-2.0 */
/*
 * crypto - what sealing and opening a packet costs, of each cipher by each plugin that is there.
 *
 *     SLUICE_PLUGIN_PATH=DIRECTORY crypto [BYTES [SECONDS]]
 *
 * Batches of 64 packets of BYTES (1408, header and body) are sealed and opened in turn, by one plugin after the other, for
 * SECONDS (1) a cipher.  A line of JSON for each plugin and cipher: the least nanoseconds a packet of all batches, which is
 * what the code costs, and the median, which tells how busy the machine was.
 */
#include "base/clock.h"
#include "plugin/instance.h"

#include <sluice/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 64
#define HEADER_BYTES 20
#define ROUNDS_MAX 100000
#define PLUGINS 2

static const char *const plugins[PLUGINS] = {"openssl", "ipsecmb"};

typedef struct timing {
    double seal_ns[ROUNDS_MAX], open_ns[ROUNDS_MAX];
    size_t rounds;
} timing;

typedef struct bench {
    sluice_instance *instance;
    const sluice_crypto_ops *ops;
    bool running;
    uint64_t number;
    sluice_packet packets[PACKETS];
    uint8_t (*bytes)[SLUICE_PACKET_MAX];
    timing times;
} bench;

static const sluice_cipher *cipher_named(const sluice_crypto_ops *ops, const char *name)
{
    for (size_t i = 0; i < ops->cipher_count; i++)
        if (strcmp(ops->ciphers[i].name, name) == 0)
            return &ops->ciphers[i];
    return NULL;
}

static bool begin(bench *b, const char *name)
{
    static const uint8_t key[SLUICE_CRYPTO_KEY_MAX] = {1, 2, 3}, iv[SLUICE_CRYPTO_IV_BYTES] = {4, 5, 6};
    const sluice_cipher *cipher = cipher_named(b->ops, name);
    b->times.rounds = 0;
    b->number = 0;
    b->running = cipher && b->ops->init(b->instance->state, b->instance->config, b->instance->host, cipher) == SLUICE_OK;
    return b->running && b->ops->key_set(b->instance->state, 0, key, iv) == SLUICE_OK;
}

static void end(bench *b)
{
    if (b->running)
        b->ops->fini(b->instance->state);
    b->running = false;
}

/* False: what was sealed did not open. */
static bool round_run(bench *b, uint32_t bytes)
{
    timing *t = &b->times;
    for (size_t i = 0; i < PACKETS; i++)
        b->packets[i] = (sluice_packet){
            .data = b->bytes[i],
            .size = bytes,
            .capacity = SLUICE_PACKET_MAX,
            .header_bytes = HEADER_BYTES,
            .number = b->number++,
        };
    sluice_time start = sluice_clock_now();
    if (b->ops->seal(b->instance->state, b->packets, PACKETS) != SLUICE_OK)
        return false;
    sluice_time sealed = sluice_clock_now();
    b->ops->open(b->instance->state, b->packets, PACKETS);
    sluice_time opened = sluice_clock_now();
    for (size_t i = 0; i < PACKETS; i++)
        if (b->packets[i].status != SLUICE_OK)
            return false;
    t->seal_ns[t->rounds] = (double)(sealed - start) / PACKETS;
    t->open_ns[t->rounds++] = (double)(opened - sealed) / PACKETS;
    return true;
}

static int by_size(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

static void tell(bench *b, const char *cipher, uint32_t bytes)
{
    timing *t = &b->times;
    if (t->rounds == 0)
        return;
    qsort(t->seal_ns, t->rounds, sizeof(double), by_size);
    qsort(t->open_ns, t->rounds, sizeof(double), by_size);
    printf("{\"case\":\"crypto\",\"cipher\":\"%s\",\"plugin\":\"%s\",\"bytes\":%u,\"seal_ns\":%.0f,\"open_ns\":%.0f,"
           "\"seal_median_ns\":%.0f,\"open_median_ns\":%.0f}\n",
           cipher, b->instance->plugin->name, (unsigned)bytes, t->seal_ns[0], t->open_ns[0], t->seal_ns[t->rounds / 2],
           t->open_ns[t->rounds / 2]);
}

static bool cipher_run(bench benches[PLUGINS], const char *cipher, uint32_t bytes, sluice_duration time)
{
    bool good = true;
    for (size_t i = 0; i < PLUGINS; i++)
        if (benches[i].instance && !begin(&benches[i], cipher))
            printf("{\"case\":\"crypto\",\"cipher\":\"%s\",\"plugin\":\"%s\",\"missing\":true}\n", cipher, plugins[i]);
    sluice_time start = sluice_clock_now();
    for (size_t round = 0; good && round < ROUNDS_MAX && sluice_clock_now() - start < time; round++)
        for (size_t i = 0; good && i < PLUGINS; i++)
            good = !benches[i].running || round_run(&benches[i], bytes);
    for (size_t i = 0; i < PLUGINS; i++) {
        tell(&benches[i], cipher, bytes);
        end(&benches[i]);
    }
    return good;
}

static bool bench_open(bench *b, sluice *library, const char *plugin)
{
    sluice_error error = {0};
    b->bytes = calloc(PACKETS, sizeof *b->bytes);
    if (!b->bytes)
        return false;
    if (sluice_instance_new(library, SLUICE_CRYPTO, plugin, &b->instance, &error) != SLUICE_OK) {
        fprintf(stderr, "crypto: %s\n", error.text);
        b->instance = NULL;
        return true;
    }
    b->ops = b->instance->ops;
    return true;
}

int main(int count, char **arguments)
{
    static bench benches[PLUGINS];
    uint32_t bytes = count > 1 ? (uint32_t)atoi(arguments[1]) : 1408;
    double seconds = count > 2 ? atof(arguments[2]) : 1;
    sluice *library;
    if (bytes < HEADER_BYTES || bytes > SLUICE_PACKET_MAX - 16 || sluice_new(&library, NULL) != SLUICE_OK ||
        sluice_plugin_path(library, getenv("SLUICE_PLUGIN_PATH"), NULL) != SLUICE_OK)
        return 2;
    bool good = true;
    for (size_t i = 0; i < PLUGINS; i++)
        good = bench_open(&benches[i], library, plugins[i]) && good;
    static const char *const ciphers[] = {"aes-128-gcm", "aes-256-gcm", "chacha20-poly1305"};
    for (size_t i = 0; good && i < SLUICE_COUNT(ciphers); i++)
        good = cipher_run(benches, ciphers[i], bytes, (sluice_duration)(seconds * 1e9));
    for (size_t i = 0; i < PLUGINS; i++) {
        sluice_instance_free(benches[i].instance);
        free(benches[i].bytes);
    }
    sluice_free(library);
    return good ? 0 : 1;
}
