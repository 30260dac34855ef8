/* SPDX-License-Identifier: Apache-2.0 */
/* udp.c - transport `udp`: the engine on datagrams; it may move to a byte channel when they do not come through. */
#include "engine/engine.h"

static const sluice_transport_ops ops = ENGINE_OPS(SLUICE_CARRIAGE_DATAGRAM, engine_init_datagrams);

SLUICE_PLUGIN_DEFINE(transport, udp, SLUICE_TRANSPORT, SLUICE_TRANSPORT_ABI, .name = "udp", .version = "1.3",
                     .summary = "Blocks over UDP: exact reports, no head-of-line blocking, path discovery.",
                     .state_size = sizeof(transport_engine), .ops = &ops, .ops_size = sizeof(ops));
