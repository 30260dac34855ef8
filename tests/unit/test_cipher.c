/* SPDX-License-Identifier: Apache-2.0 */
#include "session/cipher.h"
#include "unit/suite.h"

#include <string.h>
#include <time.h>

typedef struct choice {
    sluice_cipher_offer ours[4], theirs[4];
    bool none_allowed;
    const char *name; /* NULL: no common cipher */
} choice;

static size_t count(const sluice_cipher_offer *offers)
{
    size_t n = 0;
    while (n < 4 && offers[n].name[0])
        n++;
    return n;
}

static void slower_side_decides(void)
{
    static const choice rows[] = {
        /* AES is fast here and slow there: min(9, 1) < min(5, 3). */
        {{{"aes-128-gcm", 9}, {"chacha20-poly1305", 5}}, {{"aes-128-gcm", 1}, {"chacha20-poly1305", 3}}, false,
         "chacha20-poly1305"},
        {{{"aes-128-gcm", 9}, {"chacha20-poly1305", 5}}, {{"aes-128-gcm", 8}, {"chacha20-poly1305", 9}}, false,
         "aes-128-gcm"},
        /* Of equals our first. */
        {{{"aes-256-gcm", 5}, {"aes-128-gcm", 5}}, {{"aes-128-gcm", 5}, {"aes-256-gcm", 5}}, false, "aes-256-gcm"},
        /* Never below what either allows. */
        {{{"aes-256-gcm", 1}}, {{"aes-128-gcm", 9}, {"aes-256-gcm", 2}}, false, "aes-256-gcm"},
        {{{"aes-256-gcm", 1}}, {{"aes-128-gcm", 9}}, false, NULL},
        {{{"", 0}}, {{"aes-128-gcm", 9}}, false, NULL},
        /* none: both name it, and it is allowed here. */
        {{{"aes-128-gcm", 9}, {"none", 1}}, {{"none", 1}, {"aes-128-gcm", 9}}, true, "none"},
        {{{"aes-128-gcm", 9}, {"none", 99}}, {{"none", 99}, {"aes-128-gcm", 9}}, false, "aes-128-gcm"},
        {{{"aes-128-gcm", 9}, {"none", 99}}, {{"aes-128-gcm", 9}}, true, "aes-128-gcm"},
        {{{"none", 99}}, {{"none", 99}}, false, NULL},
    };
    for (size_t i = 0; i < SLUICE_COUNT(rows); i++) {
        char name[SLUICE_CIPHER_NAME] = "untouched";
        sluice_error error = {0};
        const choice *c = &rows[i];
        int status = sluice_cipher_choose(c->ours, count(c->ours), c->theirs, count(c->theirs), c->none_allowed, name,
                                          &error);
        CU_ASSERT_EQUAL(status, c->name ? SLUICE_OK : SLUICE_ECIPHER);
        CU_ASSERT_STRING_EQUAL(name, c->name ? c->name : "untouched");
    }
}

static void sentence_names_both_sides(void)
{
    static const sluice_cipher_offer ours[] = {{"aes-256-gcm", 1}, {"x", 1}}, theirs[] = {{"chacha20-poly1305", 1}};
    char name[SLUICE_CIPHER_NAME];
    sluice_error error = {0};
    CU_ASSERT_EQUAL(sluice_cipher_choose(ours, 2, theirs, 1, true, name, &error), SLUICE_ECIPHER);
    CU_ASSERT_STRING_EQUAL(error.text, "no common cipher: this side allows aes-256-gcm, x; the other side allows "
                                       "chacha20-poly1305");
}

/* A cipher that only counts. */
typedef struct counter {
    uint64_t next, keys;
    bool ordered;
} counter;

static uint64_t sealed_in_all;
static bool fails;

static int init(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher)
{
    (void)config;
    (void)host;
    (void)cipher;
    *(counter *)state = (counter){.ordered = true};
    sealed_in_all = 0;
    return SLUICE_OK;
}

static void fini(void *state)
{
    counter *c = state;
    CU_ASSERT(c->ordered);
    CU_ASSERT_EQUAL(c->keys, 1);
    sealed_in_all = c->next;
}

static int key_set(void *state, unsigned slot, const uint8_t *key, const uint8_t *iv)
{
    (void)slot;
    (void)key;
    (void)iv;
    ((counter *)state)->keys++;
    return SLUICE_OK;
}

static int seal(void *state, sluice_packet *packets, size_t n)
{
    counter *c = state;
    for (size_t i = 0; i < n; i++) {
        c->ordered &= packets[i].number == c->next++; /* no number twice under one key, here neither */
        CU_ASSERT_EQUAL(packets[i].size, 1408);
    }
    return fails ? SLUICE_EFAILED : SLUICE_OK;
}

static void measure_seals_whole_batches(void)
{
    static const sluice_cipher cipher = {.name = "counter"};
    static const sluice_crypto_ops ops = {.init = init, .fini = fini, .key_set = key_set, .seal = seal};
    static const sluice_plugin plugin = {.state_size = sizeof(counter), .ops = &ops};
    uint64_t speed = 0;
    fails = false;
    CU_ASSERT_EQUAL(sluice_cipher_measure(&plugin, NULL, NULL, &cipher, &speed), SLUICE_OK);
    CU_ASSERT(speed > 0);
    CU_ASSERT(sealed_in_all >= 160); /* one batch to warm up, at least four that count */
    CU_ASSERT_EQUAL(sealed_in_all % 32, 0);
    fails = true;
    speed = 7;
    CU_ASSERT_EQUAL(sluice_cipher_measure(&plugin, NULL, NULL, &cipher, &speed), SLUICE_EFAILED);
    CU_ASSERT_EQUAL(speed, 7);
}

/* A cipher during whose first batches something else has the processor. */
static int seal_late(void *state, sluice_packet *packets, size_t n)
{
    static const struct timespec pause = {.tv_nsec = 20000000};
    if (((counter *)state)->next < 3 * n)
        nanosleep(&pause, NULL);
    return seal(state, packets, n);
}

static void interrupted_batches_do_not_count(void)
{
    static const sluice_cipher cipher = {.name = "counter"};
    static const sluice_crypto_ops ops = {.init = init, .fini = fini, .key_set = key_set, .seal = seal_late};
    static const sluice_plugin plugin = {.state_size = sizeof(counter), .ops = &ops};
    uint64_t speed = 0;
    fails = false;
    CU_ASSERT_EQUAL(sluice_cipher_measure(&plugin, NULL, NULL, &cipher, &speed), SLUICE_OK);
    CU_ASSERT(speed > 10 * 32 * 50); /* 32 packets in 20 ms, ten times over */
}

int main(void)
{
    static const CU_TestInfo tests[] = {
        {"slower side decides", slower_side_decides},
        {"sentence names both sides", sentence_names_both_sides},
        {"measure seals whole batches", measure_seals_whole_batches},
        {"interrupted batches do not count", interrupted_batches_do_not_count},
        CU_TEST_INFO_NULL,
    };
    return sluice_suite_run("cipher", tests);
}
