/* SPDX-License-Identifier: Apache-2.0 */
#include "session/cipher.h"

#include "base/clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKETS 32
#define PACKET_BYTES 1408
#define HEADER_BYTES 20
#define ROOM_BYTES (PACKET_BYTES + 64)
#define MEASURE_NS (200 * SLUICE_US)
#define ROUNDS_MIN 4    /* one or two of them may be interrupted */
#define ROUNDS_MAX 1000 /* of a cipher that costs nothing */

typedef struct bench {
    sluice_packet packets[PACKETS];
    uint8_t bytes[PACKETS][ROOM_BYTES];
} bench;

static void bench_lay(bench *b, uint64_t first)
{
    for (size_t i = 0; i < PACKETS; i++)
        b->packets[i] = (sluice_packet){
            .data = b->bytes[i],
            .size = PACKET_BYTES,
            .capacity = ROOM_BYTES,
            .header_bytes = HEADER_BYTES,
            .number = first + i,
        };
}

/* The first batch brings code and tables into the cache and is not counted.  Of the others the fastest counts: whatever
 * else happens on the machine makes a batch slower, never faster. */
static int bench_run(const sluice_crypto_ops *ops, void *state, bench *b, uint64_t *packets_per_second)
{
    bench_lay(b, 0);
    int status = ops->seal(state, b->packets, PACKETS);
    sluice_time now = sluice_clock_now(), end = now + MEASURE_NS;
    sluice_duration least = SLUICE_NEVER;
    for (uint64_t round = 1; status == SLUICE_OK && round <= ROUNDS_MAX && (round <= ROUNDS_MIN || now < end); round++) {
        sluice_time before = now;
        bench_lay(b, round * PACKETS);
        status = ops->seal(state, b->packets, PACKETS);
        now = sluice_clock_now();
        if (now - before < least)
            least = now - before;
    }
    if (status == SLUICE_OK) {
        uint64_t speed = PACKETS * SLUICE_SECOND / (least ? least : 1);
        *packets_per_second = speed ? speed : 1;
    }
    return status;
}

int sluice_cipher_measure(const sluice_plugin *plugin, const void *config, const sluice_host *host,
                          const sluice_cipher *cipher, uint64_t *packets_per_second)
{
    /* A key of no secrecy: what is sealed here goes nowhere. */
    static const uint8_t key[SLUICE_CRYPTO_KEY_MAX] = {1, 2, 3}, iv[SLUICE_CRYPTO_IV_BYTES] = {4, 5, 6};
    const sluice_crypto_ops *ops = plugin->ops;
    bench *b = calloc(1, sizeof(*b));
    void *state = calloc(1, plugin->state_size ? plugin->state_size : 1);
    if (!b || !state) {
        free(b);
        free(state);
        return host->fail(host, SLUICE_ENOMEM, "out of memory to measure cipher %s", cipher->name);
    }
    int status = ops->init(state, config, host, cipher);
    if (status == SLUICE_OK) {
        status = ops->key_set(state, 0, key, iv);
        if (status == SLUICE_OK)
            status = bench_run(ops, state, b, packets_per_second);
        ops->fini(state);
    }
    free(state);
    free(b);
    return status;
}

static const sluice_cipher_offer *offer_find(const sluice_cipher_offer *offers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(offers[i].name, name, SLUICE_CIPHER_NAME) == 0)
            return &offers[i];
    return NULL;
}

static bool is_none(const sluice_cipher_offer *offer)
{
    return strcmp(offer->name, SLUICE_CIPHER_NONE) == 0;
}

/* "a, b, c"; what does not fit is left out. */
static void names_list(const sluice_cipher_offer *offers, size_t count, char *text, size_t room)
{
    size_t used = (size_t)snprintf(text, room, "%s", count ? "" : "nothing");
    for (size_t i = 0; i < count && used < room; i++)
        used += (size_t)snprintf(text + used, room - used, "%s%.31s", i ? ", " : "", offers[i].name);
}

int sluice_cipher_choose(const sluice_cipher_offer *ours, size_t our_count, const sluice_cipher_offer *theirs,
                         size_t their_count, bool none_allowed, char name[SLUICE_CIPHER_NAME], sluice_error *error)
{
    const sluice_cipher_offer *best = NULL;
    uint64_t best_speed = 0;
    for (size_t i = 0; i < our_count; i++) {
        const sluice_cipher_offer *other = offer_find(theirs, their_count, ours[i].name);
        if (!other || (is_none(&ours[i]) && !none_allowed))
            continue;
        uint64_t speed = ours[i].packets_per_second < other->packets_per_second ? ours[i].packets_per_second
                                                                                 : other->packets_per_second;
        if (is_none(&ours[i]))
            speed = UINT64_MAX;
        if (!best || speed > best_speed) {
            best = &ours[i];
            best_speed = speed;
        }
    }
    if (!best) {
        char our_names[SLUICE_CIPHERS * SLUICE_CIPHER_NAME + 32], their_names[SLUICE_CIPHERS * SLUICE_CIPHER_NAME + 32];
        names_list(ours, our_count, our_names, sizeof(our_names));
        names_list(theirs, their_count, their_names, sizeof(their_names));
        return sluice_fail(error, SLUICE_ECIPHER, "no common cipher: this side allows %s; the other side allows %s%s",
                           our_names, their_names,
                           none_allowed ? "" : " (none is never used for a ticket session off loopback)");
    }
    memcpy(name, best->name, SLUICE_CIPHER_NAME);
    name[SLUICE_CIPHER_NAME - 1] = '\0';
    return SLUICE_OK;
}
