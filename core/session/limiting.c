/* SPDX-License-Identifier: Apache-2.0 */
#include "session/limiting.h"
#include <string.h>

/* Random loss of a good path stays below this; above it, what limits the network's share is said to be loss. */
#define LOSS_SHARE 0.02
#define LOSS_LEAST 0.0005              /* less than this holds no control back */
#define LOSS_MEMORY_NS (5 * SLUICE_SECOND) /* a control that gives way to each loss is slow for seconds after a rare one */
#define QUEUE_NONE_NS SLUICE_MS        /* no queue that a control would keep, or that a full path has */
#define TARGET_REACHED 0.95
#define BUSY_SHARE 0.85                /* of the time; the rest is what waking up costs, and a virtual machine's host takes */
#define RAN_LEAST 0.06
#define BUSY_LEAST_NS (80 * SLUICE_MS) /* measured over at least so long */
#define RECEIVING_FEEDS 3              /* at the receiver, to a measurement */

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

/* ---- how busy a thread is ---- */

/* A thread that has little to do waits for a processor too, each time that it wakes up: on a machine where many others run
 * that alone is no sign that it has too much to do. */
static bool is_high(sluice_duration ran_ns, sluice_duration waited_ns, sluice_duration elapsed_ns)
{
    double elapsed = (double)elapsed_ns;
    return (double)ran_ns >= RAN_LEAST * elapsed && (double)(ran_ns + waited_ns) >= BUSY_SHARE * elapsed;
}

void sluice_busy_feed(sluice_busy *busy, sluice_time now, const sluice_clock_work *work)
{
    if (busy->told && now - busy->at < BUSY_LEAST_NS)
        return;
    busy->high = busy->told && is_high(work->ran_ns - busy->work.ran_ns, work->waited_ns - busy->work.waited_ns,
                                       now - busy->at);
    busy->told = true;
    busy->at = now;
    busy->work = *work;
}

bool sluice_busy_any(const sluice_busy *threads, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (threads[i].high)
            return true;
    return false;
}

/* ---- at the sender ---- */

/* What was sent since the last feeding, as a share of the target. */
static bool target_reached(const sluice_limiting *before, const sluice_limiting_facts *facts)
{
    double bits = (double)(facts->transport->wire_bytes_sent - before->wire_bytes) * 8;
    double wanted = (double)facts->target_bps * (double)(facts->now - before->at) / (double)SLUICE_SECOND;
    return bits >= TARGET_REACHED * wanted;
}

static void losses_count(sluice_losses *losses, sluice_duration memory_ns, sluice_duration elapsed_ns, uint64_t sent,
                         uint64_t lost)
{
    double kept = elapsed_ns < memory_ns ? 1 - (double)elapsed_ns / (double)memory_ns : 0;
    losses->sent = losses->sent * kept + (double)sent;
    losses->lost = losses->lost * kept + (double)lost;
}

/* What the control answers to: loss, where there is more of it than a good path has, or any while no queue says that the
 * path is full; else the path's capacity. */
static sluice_limit path_limit(const sluice_limiting *limiting, const sluice_transport_statistics *now)
{
    bool much = limiting->brief.lost > LOSS_SHARE * limiting->brief.sent;
    bool some = limiting->lasting.lost > LOSS_LEAST * limiting->lasting.sent;
    return much || (some && now->queue_ns < QUEUE_NONE_NS) ? SLUICE_LIMIT_LOSS : SLUICE_LIMIT_NETWORK;
}

/* Who stands behind the control: a machine that cannot do more, or the path. */
static sluice_limit control_limit(const sluice_limiting *before, const sluice_limiting_facts *facts)
{
    const sluice_transport_statistics *now = facts->transport;
    uint64_t lost = now->lost_packets - before->lost_packets;
    uint64_t dropped = now->receiver_drop_packets - before->receiver_drops;
    if (lost > 0 && dropped > lost / 2)
        return SLUICE_LIMIT_RECEIVER_CPU;
    if (facts->receiver_limit == SLUICE_LIMIT_RECEIVER_CPU)
        return SLUICE_LIMIT_RECEIVER_CPU;
    return facts->thread_busy ? SLUICE_LIMIT_SENDER_CPU : path_limit(before, now);
}

/* A pacer that is at the target waits for nothing else, unless the machine cannot keep up with it. */
static sluice_limit pacing_limit(const sluice_limiting *before, const sluice_limiting_facts *facts)
{
    bool at_target = facts->target_bps != 0 &&
                     facts->transport->control.pacing_bps >= facts->target_bps - facts->target_bps / 50;
    if (at_target && (!facts->thread_busy || target_reached(before, facts)))
        return SLUICE_LIMIT_TARGET;
    return control_limit(before, facts);
}

static sluice_limit window_limit(const sluice_limiting *before, const sluice_limiting_facts *facts)
{
    uint64_t cwnd = facts->transport->control.cwnd_bytes;
    if (cwnd == 0 || cwnd >= facts->in_flight_most)
        return SLUICE_LIMIT_WINDOW;
    return control_limit(before, facts);
}

static sluice_limit credit_limit(const sluice_limiting_facts *facts)
{
    return facts->receiver_limit < SLUICE_LIMITS ? (sluice_limit)facts->receiver_limit : SLUICE_LIMIT_UNKNOWN;
}

/* What a wait for data stands for: see the header. */
static sluice_limit source_limit(const sluice_limiting *before, const sluice_limiting_facts *facts)
{
    sluice_duration spent_ns = facts->source_ns - before->source_ns;
    uint64_t since_ns = facts->transport->waited_ns[SLUICE_WAIT_SOURCE] - before->waited_ns[SLUICE_WAIT_SOURCE];
    if (facts->memory_full)
        return SLUICE_LIMIT_WINDOW;
    if (!facts->source_busy)
        return SLUICE_LIMIT_UNKNOWN;
    return spent_ns == 0 || spent_ns >= since_ns / 2 ? SLUICE_LIMIT_SOURCE : SLUICE_LIMIT_SENDER_CPU;
}

/* What was waited for credit before the receiver had said why is put down to what it says first. */
static void spend(sluice_limiting *limiting, int wait, sluice_limit limit, uint64_t spent_ns)
{
    if (wait == SLUICE_WAIT_CREDIT && limit == SLUICE_LIMIT_UNKNOWN) {
        limiting->credit_untold_ns += spent_ns;
        return;
    }
    if (wait == SLUICE_WAIT_CREDIT) {
        spent_ns += limiting->credit_untold_ns;
        limiting->credit_untold_ns = 0;
    }
    limiting->recent_ns[limit] += spent_ns;
    limiting->whole_ns[limit] += spent_ns;
}

void sluice_limiting_feed(sluice_limiting *limiting, const sluice_limiting_facts *facts)
{
    const sluice_transport_statistics *now = facts->transport;
    uint64_t sent = now->data_packets_sent - limiting->data_packets, lost = now->lost_packets - limiting->lost_packets;
    losses_count(&limiting->brief, SLUICE_SECOND, facts->now - limiting->at, sent, lost);
    losses_count(&limiting->lasting, LOSS_MEMORY_NS, facts->now - limiting->at, sent, lost);
    const sluice_limit by_wait[SLUICE_WAITS] = {
        /* There is something to send: who does not send it is too slow, or the local socket takes no more. */
        [SLUICE_WAIT_NOTHING] = facts->thread_busy ? SLUICE_LIMIT_SENDER_CPU : SLUICE_LIMIT_NETWORK,
        [SLUICE_WAIT_PACING] = pacing_limit(limiting, facts),
        [SLUICE_WAIT_WINDOW] = window_limit(limiting, facts),
        [SLUICE_WAIT_CREDIT] = credit_limit(facts),
        [SLUICE_WAIT_SOURCE] = source_limit(limiting, facts),
    };
    for (int wait = 0; wait < SLUICE_WAITS; wait++) {
        uint64_t spent = now->waited_ns[wait] - limiting->waited_ns[wait];
        limiting->waited_ns[wait] = now->waited_ns[wait];
        if (now->first_data_sent != 0)
            spend(limiting, wait, by_wait[wait], spent);
    }
    limiting->at = facts->now;
    limiting->source_ns = facts->source_ns;
    limiting->data_packets = now->data_packets_sent;
    limiting->lost_packets = now->lost_packets;
    limiting->receiver_drops = now->receiver_drop_packets;
    limiting->wire_bytes = now->wire_bytes_sent;
}

static sluice_limit longest(const uint64_t ns[SLUICE_LIMITS], uint64_t untold_ns)
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
    return ns[SLUICE_LIMIT_UNKNOWN] + untold_ns > known ? SLUICE_LIMIT_UNKNOWN : limit;
}

sluice_limit sluice_limiting_recent(sluice_limiting *limiting)
{
    sluice_limit limit = longest(limiting->recent_ns, limiting->credit_untold_ns);
    memset(limiting->recent_ns, 0, sizeof limiting->recent_ns);
    return limit;
}

sluice_limit sluice_limiting_whole(const sluice_limiting *limiting)
{
    return longest(limiting->whole_ns, limiting->credit_untold_ns);
}

/* ---- at the receiver ---- */

/* What waits for the sink's jobs waits for the processor when the sink itself had little to do with the time. */
static sluice_limit receiving_limit(const sluice_receiving *receiving, sluice_time now)
{
    sluice_duration spent_ns = receiving->sink_ns - receiving->sink_before_ns;
    if (receiving->busy * 2 > receiving->feeds)
        return SLUICE_LIMIT_RECEIVER_CPU;
    if (receiving->full * 2 < receiving->feeds)
        return SLUICE_LIMIT_WINDOW;
    return spent_ns == 0 || spent_ns >= (now - receiving->began) / 2 ? SLUICE_LIMIT_SINK : SLUICE_LIMIT_RECEIVER_CPU;
}

void sluice_receiving_feed(sluice_receiving *receiving, sluice_time now, bool thread_busy, bool sink_busy,
                           sluice_duration sink_ns)
{
    if (receiving->began == 0)
        receiving->began = now;
    receiving->sink_ns = sink_ns;
    receiving->feeds++;
    receiving->full += sink_busy;
    receiving->busy += thread_busy;
    if (receiving->feeds < RECEIVING_FEEDS)
        return;
    sluice_limit limit = receiving_limit(receiving, now);
    *receiving = (sluice_receiving){.limit = limit, .began = now, .sink_ns = sink_ns, .sink_before_ns = sink_ns};
}
