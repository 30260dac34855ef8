/* SPDX-License-Identifier: Apache-2.0 */
/* tcp.c - transport `tcp`: the engine on a byte channel (TLS over TCP, ssh) from the start. */
#include "engine/engine.h"

static const sluice_transport_ops ops = {
    .carriage = SLUICE_CARRIAGE_BYTES,
    .init = engine_init_bytes,
    .fini = engine_fini,
    .inspect = engine_inspect,
    .receive = engine_receive,
    .produce = engine_produce,
    .next_wake = engine_next_wake,
    .too_big = engine_too_big,
    .dropped = engine_dropped,
    .open = engine_open,
    .offer = engine_offer,
    .finish = engine_finish,
    .ready = engine_ready,
    .abort = engine_abort,
    .skip = engine_skip,
    .consumed = engine_consumed,
    .consumed_ordered = engine_consumed_ordered,
    .stop = engine_stop,
    .control = engine_control,
    .close = engine_close,
    .statistics = engine_statistics,
    .waits = engine_waits,
    .move = engine_move,
};

SLUICE_PLUGIN_DEFINE(transport, tcp, SLUICE_TRANSPORT, SLUICE_TRANSPORT_ABI, .name = "tcp", .version = "1.0",
                     .summary = "Blocks over a byte channel: TLS over TCP, or ssh, where UDP does not come through.",
                     .state_size = sizeof(transport_engine), .ops = &ops, .ops_size = sizeof(ops));
