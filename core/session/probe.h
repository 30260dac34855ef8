/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe.h - a short transfer of nothing, from a client to a server or back, for what it shows of the way and of both
 * hosts.
 *
 * The client is the usual one, with source `zero` or sink `null`; the server takes the other of them in place of its
 * files, and tells its facts.  It ends when all bytes are there, or when it has gone on for long enough.
 */
#ifndef SLUICE_SESSION_PROBE_H
#define SLUICE_SESSION_PROBE_H

#include "session/client.h"
#include "session/facts.h"

#define SLUICE_PROBE_NS (2 * SLUICE_SECOND)         /* from the server's acceptance on */
#define SLUICE_PROBE_STEP_NS (100 * SLUICE_MS)      /* how often it is looked at */
#define SLUICE_PROBE_WINDOW 5                       /* steps that a rate is taken over */
#define SLUICE_PROBE_WELCOME_NS (8 * SLUICE_SECOND) /* for the welcome of a server behind TLS */

/* What happened.  Written by the transfer's thread, to be read when the transfer is over. */
typedef struct sluice_probe {
    bool push;
    sluice_duration welcome_ns; /* until the server's welcome; 0: none came */
    bool reached;               /* the set-up channel stood: the server's key was the right one */
    char software[SLUICE_HELLO_NAME], transport[SLUICE_HELLO_NAME]; /* of the welcome */
    uint64_t port;
    bool live;               /* a datagram of the server came */
    sluice_duration live_ns; /* and how long that took after the welcome */
    bool moved;              /* datagrams were given up for the byte channel */
    bool enough;             /* ended in good order, though perhaps before all bytes were there */
    bool has_facts;
    sluice_facts here, there; /* disks apart, of which only `there` has been measured */
    int64_t clock_ns;         /* how much the server's clock is ahead of ours, not knowing how long its word took */
    sluice_duration min_rtt_ns, srtt_ns;
    uint64_t data_packets, lost_packets, receiver_drops, mtu; /* of the side that sends */
    sluice_rate rate_bps, target_bps;                         /* payload at its best; the target in force */
    char cipher[SLUICE_CIPHER_NAME];
    char limited_by[16]; /* "" where it cannot be told */
} sluice_probe;

/* Starts one to the server that the operands name (target, or host and port).  transport: of the settings in effect.
 * event as of orders.  probe must outlive the transfer. */
int sluice_probe_start(sluice *library, const sluice_settings *settings, const sluice_operands *server,
                       sluice_probe *probe, void (*event)(void *user, const sluice_event *event), void *user,
                       sluice_transfer **out, sluice_error *error);

/* ---- by the client, where it is one ---- */

/* In place of what an order says. */
int sluice_probe_operands(sluice_transfer *transfer, sluice_error *error);
/* It is on its way to the server; or could not get there. */
int sluice_probe_connecting(sluice_transfer *transfer, sluice_error *error);
void sluice_probe_failed(sluice_transfer *transfer);
void sluice_probe_welcomed(sluice_transfer *transfer);
void sluice_probe_live(sluice_transfer *transfer);
void sluice_probe_moved(sluice_transfer *transfer);
void sluice_probe_facts(sluice_transfer *transfer, const sluice_facts *facts);
void sluice_probe_ended(sluice_transfer *transfer); /* the session is over */
void sluice_probe_release(sluice_probing *probing); /* NULL is fine */

#endif
