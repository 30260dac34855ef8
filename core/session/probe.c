/* SPDX-License-Identifier: Apache-2.0 */
#include "session/probe.h"

#include "base/clock.h"
#include "session/survey.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLES 64

typedef struct sample {
    sluice_time when;
    uint64_t bytes;
} sample;

struct sluice_probing {
    sluice_probe *probe;
    const sluice_operands *server; /* until the transfer has begun */
    sluice_timer *timer;
    sluice_time begun, welcomed, until;
    sample samples[SAMPLES];
    size_t sample_count;
};

/* ---- the order ---- */

static int operands_fill(sluice_operands *operands, const sluice_operands *server, bool push)
{
    char size[32];
    *operands = (sluice_operands){.push = push, .port = server->port, .single = true};
    memcpy(operands->target, server->target, sizeof operands->target);
    memcpy(operands->host, server->host, sizeof operands->host);
    snprintf(operands->plugin, sizeof operands->plugin, "%s", push ? "zero" : "null");
    snprintf(size, sizeof size, "%" PRIu64 "*1", SLUICE_PROBE_BYTES);
    operands->argument = strdup(size);
    operands->destination = strdup("");
    return operands->argument && operands->destination ? SLUICE_OK : SLUICE_ENOMEM;
}

int sluice_probe_operands(sluice_transfer *transfer, sluice_error *error)
{
    sluice_probing *probing = transfer->probing;
    int status = operands_fill(&transfer->operands, probing->server, probing->probe->push);
    return status == SLUICE_OK ? SLUICE_OK : sluice_fail(error, status, "out of memory for a probe");
}

int sluice_probe_start(sluice *library, const sluice_settings *settings, const sluice_operands *server,
                       sluice_probe *probe, void (*event)(void *user, const sluice_event *event), void *user,
                       sluice_transfer **out, sluice_error *error)
{
    sluice_transfer_order order = {.size = sizeof order, .settings = settings, .event = event, .user = user};
    sluice_probing *probing = calloc(1, sizeof *probing);
    if (!probing)
        return sluice_fail(error, SLUICE_ENOMEM, "out of memory for a probe");
    probing->probe = probe;
    probing->server = server;
    return sluice_client_start(library, &order, probing, out, error);
}

void sluice_probe_release(sluice_probing *probing)
{
    if (!probing)
        return;
    sluice_timer_free(probing->timer);
    free(probing);
}

/* ---- time ---- */

static void sample_take(sluice_probing *probing, sluice_time now, uint64_t bytes)
{
    if (probing->sample_count == SAMPLES)
        return;
    probing->samples[probing->sample_count++] = (sample){.when = now, .bytes = bytes};
}

/* The best of all stretches that are long enough to mean something; 0: there is none. */
static sluice_rate rate_best(const sluice_probing *probing)
{
    double best = 0;
    for (size_t i = 0; i + SLUICE_PROBE_WINDOW < probing->sample_count; i++) {
        const sample *from = &probing->samples[i], *to = &probing->samples[i + SLUICE_PROBE_WINDOW];
        double bps = (double)(to->bytes - from->bytes) * 8 * SLUICE_SECOND / (double)(to->when - from->when);
        if (to->bytes > from->bytes && bps > best)
            best = bps;
    }
    return (sluice_rate)best;
}

static void step(sluice_transfer *transfer, sluice_time now)
{
    sluice_probing *probing = transfer->probing;
    sluice_statistics statistics;
    sluice_session_statistics(transfer->session, &statistics);
    sample_take(probing, now, statistics.moved_bytes);
    if (now < probing->until) {
        sluice_timer_set(probing->timer, now + SLUICE_PROBE_STEP_NS);
        return;
    }
    probing->probe->enough = true;
    sluice_session_cancel(transfer->session, SLUICE_EINTERRUPTED, "enough was seen");
}

static void on_timer(void *user, sluice_time now)
{
    sluice_transfer *transfer = user;
    char line[SLUICE_ADDRESS_HOST + 200];
    if (transfer->session) {
        step(transfer, now);
    } else if (!transfer->welcomed) {
        snprintf(line, sizeof line,
                 "%s: it takes the connection, but answers nothing that a sluice server would within %u s",
                 transfer->peer, (unsigned)(SLUICE_PROBE_WELCOME_NS / SLUICE_SECOND));
        sluice_client_end_without_session(transfer, SLUICE_ECONNECT, line);
    }
}

/* ---- what happens ---- */

int sluice_probe_connecting(sluice_transfer *transfer, sluice_error *error)
{
    sluice_probing *probing = transfer->probing;
    probing->begun = sluice_clock_now();
    int status = sluice_timer_new(&probing->timer, transfer->loop, on_timer, transfer);
    if (status != SLUICE_OK)
        return sluice_fail(error, status, "out of memory for a probe");
    if (!transfer->by_ssh) /* there a user may be typing a password */
        sluice_timer_set(probing->timer, probing->begun + SLUICE_PROBE_WELCOME_NS);
    sluice_survey_suite(&probing->probe->here, &transfer->suite);
    sluice_survey_system(&probing->probe->here);
    return SLUICE_OK;
}

void sluice_probe_welcomed(sluice_transfer *transfer)
{
    sluice_probing *probing = transfer->probing;
    sluice_probe *probe = probing->probe;
    const sluice_welcome_message *welcome = &transfer->welcome;
    sluice_timer_set(probing->timer, SLUICE_NEVER);
    probing->welcomed = sluice_clock_now();
    probe->welcome_ns = probing->welcomed - probing->begun;
    probe->reached = true;
    probe->port = welcome->port;
    memcpy(probe->software, welcome->software, sizeof probe->software);
    memcpy(probe->transport, welcome->transport, sizeof probe->transport);
}

void sluice_probe_failed(sluice_transfer *transfer)
{
    transfer->probing->probe->reached |= !sluice_address_is_none(sluice_approach_server(transfer->approach));
}

void sluice_probe_live(sluice_transfer *transfer)
{
    sluice_probe *probe = transfer->probing->probe;
    if (!sluice_session_on_datagrams(transfer->session))
        return;
    probe->live = true;
    probe->live_ns = sluice_loop_now(transfer->loop) - transfer->probing->welcomed;
}

void sluice_probe_moved(sluice_transfer *transfer)
{
    transfer->probing->probe->moved = true;
}

void sluice_probe_facts(sluice_transfer *transfer, const sluice_facts *facts)
{
    sluice_probing *probing = transfer->probing;
    sluice_probe *probe = probing->probe;
    sluice_facts clock = {0};
    sluice_time now = sluice_loop_now(transfer->loop);
    if (probe->has_facts)
        return;
    probe->has_facts = true;
    probe->there = *facts;
    sluice_survey_system(&clock);
    probe->clock_ns = (int64_t)(facts->wall_ns - clock.wall_ns);
    probing->until = now + SLUICE_PROBE_NS;
    step(transfer, now);
}

static void words_take(sluice_probe *probe, const sluice_statistics *statistics)
{
    snprintf(probe->cipher, sizeof probe->cipher, "%s", statistics->cipher);
    snprintf(probe->limited_by, sizeof probe->limited_by, "%s", statistics->limited_by ? statistics->limited_by : "");
}

void sluice_probe_ended(sluice_transfer *transfer)
{
    sluice_probing *probing = transfer->probing;
    sluice_probe *probe = probing->probe;
    sluice_statistics statistics;
    sluice_timer_set(probing->timer, SLUICE_NEVER);
    sluice_session_statistics(transfer->session, &statistics);
    if (sluice_session_error(transfer->session)->status == SLUICE_OK)
        probe->enough = true;
    if (transfer->datagram)
        sluice_survey_socket(&probe->here, transfer->datagram);
    probe->min_rtt_ns = statistics.min_rtt_ns;
    probe->srtt_ns = statistics.srtt_ns;
    probe->data_packets = statistics.data_packets;
    probe->lost_packets = statistics.lost_packets;
    probe->receiver_drops = statistics.receiver_drops;
    probe->mtu = statistics.mtu;
    probe->target_bps = statistics.target_bps;
    probe->rate_bps = rate_best(probing);
    if (probe->rate_bps == 0)
        probe->rate_bps = statistics.goodput_bps;
    words_take(probe, &statistics);
}
