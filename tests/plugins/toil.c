/* SPDX-License-Identifier: Apache-2.0 */
/* A cipher that hides nothing and costs as much time of the processor as it is told to, for tests of what limits a transfer. */
#include <sluice/crypto.h>
#include <time.h>

typedef struct toil_config {
    sluice_duration seal, open;
} toil_config;

static const sluice_option options[] = {
    SLUICE_OPTION_DURATION(toil_config, seal, .def = "0", .max = "10ms", .help = "For each packet that is sealed."),
    SLUICE_OPTION_DURATION(toil_config, open, .def = "0", .max = "10ms", .help = "For each packet that is opened."),
};

typedef struct toil_state {
    const toil_config *config;
} toil_state;

static const sluice_cipher ciphers[] = {{.name = "none"}};

static sluice_time spent(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (sluice_time)now.tv_sec * SLUICE_SECOND + (sluice_time)now.tv_nsec;
}

/* This thread's own time: whatever else runs on the machine, it works for so long. */
static void toil(sluice_duration each, size_t count)
{
    sluice_time until = spent() + each * count;
    while (each > 0 && spent() < until) {
    }
}

static int init(void *state, const void *config, const sluice_host *host, const sluice_cipher *cipher)
{
    (void)host, (void)cipher;
    ((toil_state *)state)->config = config;
    return SLUICE_OK;
}

static void fini(void *state)
{
    (void)state;
}

static int key_set(void *state, unsigned slot, const uint8_t *key, const uint8_t iv[SLUICE_CRYPTO_IV_BYTES])
{
    (void)state, (void)slot, (void)key, (void)iv;
    return SLUICE_OK;
}

static void key_drop(void *state, unsigned slot)
{
    (void)state, (void)slot;
}

static int seal(void *state, sluice_packet *packets, size_t count)
{
    (void)packets;
    toil(((const toil_state *)state)->config->seal, count);
    return SLUICE_OK;
}

static void open_packets(void *state, sluice_packet *packets, size_t count)
{
    (void)packets;
    toil(((const toil_state *)state)->config->open, count);
}

static const sluice_crypto_ops ops = {
    .ciphers = ciphers,
    .cipher_count = SLUICE_COUNT(ciphers),
    .cipher_size = sizeof(sluice_cipher),
    .init = init,
    .fini = fini,
    .key_set = key_set,
    .key_drop = key_drop,
    .seal = seal,
    .open = open_packets,
};

SLUICE_PLUGIN_DEFINE(crypto, toil, SLUICE_CRYPTO, SLUICE_CRYPTO_ABI, .name = "toil", .version = "1",
                     .summary = "costs time", .options = options, .option_count = SLUICE_COUNT(options),
                     .config_size = sizeof(toil_config), .state_size = sizeof(toil_state), .ops = &ops,
                     .ops_size = sizeof(ops));
