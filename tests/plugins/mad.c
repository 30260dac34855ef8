/* SPDX-License-Identifier: Apache-2.0 */
/* Congestion controls that must not pass: the build defines NAME and one MAD_... */
#include <sluice/congestion.h>

#include <stdlib.h>

typedef struct mad {
    double rate_bps;
    uint64_t silences;
} mad;

#ifdef MAD_SHARED
static uint64_t calls; /* of all instances: what a plugin may not have */
#endif

static int init(void *state, const void *config, const sluice_congestion_start *start, sluice_control *control)
{
    mad *m = state;
    (void)config;
    m->rate_bps = start->limits.target_bps ? (double)start->limits.target_bps : 10e6;
    control->pacing_bps = (sluice_rate)m->rate_bps;
    return SLUICE_OK;
}

static void sample(void *state, const sluice_sample *sample, sluice_control *control)
{
    mad *m = state;
    double rate = m->rate_bps;
    m->silences += sample->persistent;
#ifdef MAD_NAN
    /* 0 / 0 where nothing was acknowledged: the conversion makes 2^63 of it, or whatever the machine likes. */
    rate *= (double)sample->acked_packets / (double)sample->acked_packets;
#endif
#ifdef MAD_SHARED
    rate += (double)(calls++ % 1000);
#endif
#ifdef MAD_SILENT
    if (m->silences > 3)
        rate = 0; /* and no window: it never sends again */
#endif
#ifdef MAD_CRASH
    abort();
#endif
#ifdef MAD_SLOW
    rate = 1e6;
#endif
    control->pacing_bps = (sluice_rate)rate;
}

static const sluice_congestion_ops ops = {.init = init, .sample = sample};

#define DEFINE(name_word)                                                                                                \
    SLUICE_PLUGIN_DEFINE(congestion, name_word, SLUICE_CONGESTION, SLUICE_CONGESTION_ABI, .name = #name_word, .version = "1", \
                         .summary = "does not pass", .state_size = sizeof(mad), .ops = &ops, .ops_size = sizeof(ops))
#define DEFINE_NAMED(name_word) DEFINE(name_word)

DEFINE_NAMED(NAME);
