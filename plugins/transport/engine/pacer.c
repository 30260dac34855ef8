/* SPDX-License-Identifier: Apache-2.0 */
#include "pacer.h"

#define BURST_MOST 65536u

/* Rounded up, so that the rate is never exceeded. */
static sluice_duration time_of(sluice_rate rate, uint64_t bytes)
{
    if (bytes < UINT64_C(2000000000))
        return (bytes * 8 * SLUICE_SECOND + rate - 1) / rate;
    double ns = (double)bytes * 8e9 / (double)rate;
    return ns < 1e18 ? (sluice_duration)ns + 1 : (sluice_duration)1e18;
}

static uint64_t bytes_in(sluice_rate rate, sluice_duration span)
{
    double bytes = (double)span * (double)rate / 8e9;
    return bytes < 1e18 ? (uint64_t)bytes : (uint64_t)1e18;
}

void engine_pacer_set(engine_pacer *pacer, sluice_time now, sluice_rate rate, uint32_t packet_bytes)
{
    if (rate == pacer->rate && packet_bytes == pacer->packet_bytes)
        return;
    if (pacer->rate && rate && rate != pacer->rate && pacer->full_at > now)
        pacer->full_at = now + time_of(rate, bytes_in(pacer->rate, pacer->full_at - now));
    else if (!pacer->rate || !rate)
        pacer->full_at = now;
    uint64_t burst = rate / (8 * 2000);
    uint64_t least = 2 * (uint64_t)packet_bytes;
    burst = burst < BURST_MOST ? burst : BURST_MOST;
    pacer->burst = burst > least ? burst : least;
    pacer->rate = rate;
    pacer->packet_bytes = packet_bytes;
}

uint64_t engine_pacer_room(const engine_pacer *pacer, sluice_time now)
{
    if (!pacer->rate)
        return UINT64_MAX;
    if (pacer->full_at <= now)
        return pacer->burst;
    uint64_t missing = bytes_in(pacer->rate, pacer->full_at - now) + 1;
    return missing < pacer->burst ? pacer->burst - missing : 0;
}

sluice_time engine_pacer_when(const engine_pacer *pacer, uint64_t bytes)
{
    if (!pacer->rate)
        return 0;
    uint64_t run = pacer->burst / 4 > pacer->packet_bytes ? pacer->burst / 4 : pacer->packet_bytes;
    uint64_t want = bytes ? bytes : run;
    if (want >= pacer->burst)
        return pacer->full_at;
    /* The time of two bytes earlier, because engine_pacer_room rounds down by as much. */
    sluice_duration before = time_of(pacer->rate, pacer->burst - want);
    sluice_duration slack = 16 * SLUICE_SECOND / pacer->rate + 1;
    before -= before > slack ? slack : before;
    return pacer->full_at > before ? pacer->full_at - before : 0;
}

/* What has passed since the bucket was full pays for what is owed. */
static void settle(engine_pacer *pacer, sluice_time now)
{
    if (pacer->full_at >= now)
        return;
    uint64_t paid = bytes_in(pacer->rate, now - pacer->full_at);
    pacer->owed -= paid < pacer->owed ? paid : pacer->owed;
    pacer->full_at = now;
}

void engine_pacer_spend(engine_pacer *pacer, sluice_time now, uint64_t bytes)
{
    if (!pacer->rate)
        return;
    settle(pacer, now);
    uint64_t more = bytes < pacer->owed ? bytes : pacer->owed;
    pacer->owed -= more;
    pacer->full_at += time_of(pacer->rate, bytes + more);
}

void engine_pacer_report(engine_pacer *pacer, sluice_time now, uint64_t bytes, bool others)
{
    if (!pacer->rate)
        return;
    settle(pacer, now);
    if (!others && engine_pacer_room(pacer, now) >= bytes) {
        engine_pacer_spend(pacer, now, bytes);
        return;
    }
    pacer->owed += bytes;
    pacer->owed = pacer->owed < pacer->burst ? pacer->owed : pacer->burst;
}
