/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.c - transport `tcp`: the engine on a byte channel (TLS over TCP, ssh) from the start. */
#include "engine/engine.h"

static const sluice_transport_ops ops = ENGINE_OPS(SLUICE_CARRIAGE_BYTES, engine_init_bytes);

SLUICE_PLUGIN_DEFINE(transport, tcp, SLUICE_TRANSPORT, SLUICE_TRANSPORT_ABI, .name = "tcp", .version = "1.1",
                     .summary = "Blocks over a byte channel: TLS over TCP, or ssh, where UDP does not come through.",
                     .state_size = sizeof(transport_engine), .ops = &ops, .ops_size = sizeof(ops));
