/* SPDX-License-Identifier: Apache-2.0 */
#include "session/limiting.h"
#include <string.h>

/* Random loss of a good path stays below this; above it, what limits the network's share is said to be loss. */
#define LOSS_SHARE 0.02

const char *sluice_limit_word(uint64_t limit)
{
    static const char *const words[SLUICE_LIMITS] = {
        [SLUICE_LIMIT_TARGET] = "target",
        [SLUICE_LIMIT_NETWORK] = "network",
        [SLUICE_LIMIT_LOSS] = "loss",
        [SLUICE_LIMIT_SOURCE] = "source",
        [SLUICE_LIMIT_SINK] = "sink",
        [SLUICE_LIMIT_SENDER_CPU] = "sender_cpu",
        [SLUICE_LIMIT_RECEIVER_CPU] = "receiver_cpu",
        [SLUICE_LIMIT_WINDOW] = "window",
    };
    return limit < SLUICE_LIMITS ? words[limit] : NULL;
}

/* Which limit the pacer stands for: the user's target, the receiver's CPU whose socket overflows, a path that loses,
 * or the path's capacity. */
static sluice_limit pacing_limit(const sluice_limiting *before, const sluice_transport_statistics *now,
                                 sluice_rate target_bps)
{
    uint64_t sent = now->data_packets_sent - before->data_packets;
    uint64_t lost = now->lost_packets - before->lost_packets;
    uint64_t dropped = now->receiver_drop_packets - before->receiver_drops;
    if (target_bps != 0 && now->control.pacing_bps >= target_bps - target_bps / 50)
        return SLUICE_LIMIT_TARGET;
    if (lost > 0 && dropped > lost / 2)
        return SLUICE_LIMIT_RECEIVER_CPU;
    if (sent > 0 && (double)lost > LOSS_SHARE * (double)sent)
        return SLUICE_LIMIT_LOSS;
    return SLUICE_LIMIT_NETWORK;
}

/* What a wait for data stands for: see the header. */
static sluice_limit source_limit(const sluice_limiting *before, uint64_t waited_ns, bool busy,
                                 sluice_duration source_ns)
{
    sluice_duration spent_ns = source_ns - before->source_ns;
    uint64_t since_ns = waited_ns - before->waited_ns[SLUICE_WAIT_SOURCE];
    if (!busy)
        return SLUICE_LIMIT_UNKNOWN;
    return spent_ns == 0 || spent_ns >= since_ns / 2 ? SLUICE_LIMIT_SOURCE : SLUICE_LIMIT_SENDER_CPU;
}

void sluice_limiting_feed(sluice_limiting *limiting, const sluice_transport_statistics *now, sluice_rate target_bps,
                          bool source_busy, sluice_duration source_ns)
{
    sluice_limit by_wait[SLUICE_WAITS] = {
        [SLUICE_WAIT_NOTHING] = SLUICE_LIMIT_SENDER_CPU,
        [SLUICE_WAIT_PACING] = pacing_limit(limiting, now, target_bps),
        [SLUICE_WAIT_WINDOW] = SLUICE_LIMIT_NETWORK,
        [SLUICE_WAIT_CREDIT] = SLUICE_LIMIT_SINK,
        [SLUICE_WAIT_SOURCE] =
            source_limit(limiting, now->waited_ns[SLUICE_WAIT_SOURCE], source_busy, source_ns),
    };
    /* The control's window holds back less than the engine's own bound only when the control has none. */
    if (now->control.cwnd_bytes == 0)
        by_wait[SLUICE_WAIT_WINDOW] = SLUICE_LIMIT_WINDOW;
    for (int wait = 0; wait < SLUICE_WAITS; wait++) {
        uint64_t spent = now->waited_ns[wait] - limiting->waited_ns[wait];
        limiting->waited_ns[wait] = now->waited_ns[wait];
        if (now->first_data_sent == 0)
            continue;
        limiting->recent_ns[by_wait[wait]] += spent;
        limiting->whole_ns[by_wait[wait]] += spent;
    }
    limiting->source_ns = source_ns;
    limiting->data_packets = now->data_packets_sent;
    limiting->lost_packets = now->lost_packets;
    limiting->receiver_drops = now->receiver_drop_packets;
}

static sluice_limit longest(const uint64_t ns[SLUICE_LIMITS])
{
    sluice_limit limit = SLUICE_LIMIT_UNKNOWN;
    uint64_t most = 0, known = 0;
    for (unsigned i = SLUICE_LIMIT_UNKNOWN + 1; i < SLUICE_LIMITS; i++) {
        known += ns[i];
        if (ns[i] > most) {
            most = ns[i];
            limit = (sluice_limit)i;
        }
    }
    /* A small known part of the time says nothing of the rest. */
    return ns[SLUICE_LIMIT_UNKNOWN] > known ? SLUICE_LIMIT_UNKNOWN : limit;
}

sluice_limit sluice_limiting_recent(sluice_limiting *limiting)
{
    sluice_limit limit = longest(limiting->recent_ns);
    memset(limiting->recent_ns, 0, sizeof limiting->recent_ns);
    return limit;
}

sluice_limit sluice_limiting_whole(const sluice_limiting *limiting)
{
    return longest(limiting->whole_ns);
}
